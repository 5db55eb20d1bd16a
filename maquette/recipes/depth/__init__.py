"""Plain and residual networks of 2 to 50 layers, and what becomes of their gradients."""
