"""Convolution: which pixels meet which, how large what comes out is, and kernels learnt beside hand-made ones."""
