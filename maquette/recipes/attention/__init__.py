"""One sentence on its way through a Transformer, with every number and formula."""
