"""A Transformer that reads a sentence in one language and writes it in another, trained on your own pairs."""
