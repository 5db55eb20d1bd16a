"""The Transformer up close: one sentence on its way through a network, with every number, formula and picture."""
