"""Photographs to a radiance field, a small network of one scene that new views are drawn from."""
