"""Data: collect, describe, split, encode. Never imports torch."""
