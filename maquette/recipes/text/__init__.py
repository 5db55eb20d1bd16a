"""Systems that learn from text."""
