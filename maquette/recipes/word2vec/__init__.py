"""Words as vectors, learnt from your own text: words used alike lie near, and differences mean something."""
