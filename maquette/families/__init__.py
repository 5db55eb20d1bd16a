"""What several recipes share; each file serves one family of them."""
