"""Photographs to a scene of 3D Gaussians that one can fly through."""
