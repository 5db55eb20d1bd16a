"""A line, and polynomials, through measured points."""
