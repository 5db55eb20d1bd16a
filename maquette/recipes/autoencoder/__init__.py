"""Pictures through a few numbers and back, and the space of those numbers."""
