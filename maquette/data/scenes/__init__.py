"""Scenes: photographs with their cameras, points and Gaussians in files."""

from typing import Any


def __getattr__(name: str) -> Any:
    """`read_scene`, on first use: what it needs takes a while to import, and most that use a scene's files do not."""
    if name == "read_scene":
        from maquette.data.scenes.reading import read_scene

        return read_scene
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
