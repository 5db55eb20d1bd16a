"""Text cut into tokens in six ways."""
