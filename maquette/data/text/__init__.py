"""Texts: read, decoded, cut into tokens."""
