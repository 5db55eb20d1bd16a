"""Pictures as points of a space that one can draw from, with a probability for each and ways between them."""
