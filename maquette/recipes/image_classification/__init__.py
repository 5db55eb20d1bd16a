"""A class predicted from a picture, with the probability of each class and the next most likely one."""
