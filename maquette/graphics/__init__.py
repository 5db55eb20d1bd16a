"""Cameras, rays and splats in plain NumPy and PyTorch: the readable reference that the kernels are tested against."""
