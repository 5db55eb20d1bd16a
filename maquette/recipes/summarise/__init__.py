"""A network that reads a text and writes a shorter one, pretrained elsewhere or here, then taught by your own pairs."""
