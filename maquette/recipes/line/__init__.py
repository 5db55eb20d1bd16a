"""A line through measured points: least squares in closed form and by gradient descent, and polynomials beside it."""
