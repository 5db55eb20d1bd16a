"""A class predicted from the columns of a table, with the probability of each class."""
