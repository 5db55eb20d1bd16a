"""A number predicted from the columns of a table."""
