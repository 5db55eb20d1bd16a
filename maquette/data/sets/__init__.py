"""Data sets by name: the catalogue, how each is had, and what is made here."""
