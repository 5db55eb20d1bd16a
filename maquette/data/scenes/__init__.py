"""Scenes: photographs with their cameras, points and Gaussians in files."""
