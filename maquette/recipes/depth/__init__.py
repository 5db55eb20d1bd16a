"""Whether more layers are better: plain and residual networks of growing depth, with and without normalisation."""
