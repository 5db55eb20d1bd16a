"""Systems that learn from tables."""
