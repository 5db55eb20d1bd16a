"""A class predicted from the columns of a table."""
