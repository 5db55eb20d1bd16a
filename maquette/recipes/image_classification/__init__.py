"""A class predicted from a picture."""
