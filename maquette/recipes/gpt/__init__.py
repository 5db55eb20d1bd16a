"""A GPT trained on your own text, that goes on writing."""
