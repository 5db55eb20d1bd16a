"""Pictures and words in one space (CLIP): found by each other, and sorted by words that no one trained for."""
