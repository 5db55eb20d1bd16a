"""Pictures changed so little that one hardly sees it, and so that a classifier errs; and the defence against them."""
