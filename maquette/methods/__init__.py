"""Algorithms without weights of their own: plain functions on arrays and tensors."""
