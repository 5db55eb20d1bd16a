"""A GPT trained on your own text, from scratch or from another one, that goes on writing."""
