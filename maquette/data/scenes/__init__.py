"""Scenes: photographs with their cameras, points and Gaussians in files."""

from maquette.data.scenes.reading import read_scene

__all__ = ["read_scene"]
