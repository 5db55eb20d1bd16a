"""The folder where data are kept between runs: downloads, stand-ins, tokens, solved cameras, frames of videos."""

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_folder() -> Path:
    """$MAQUETTE_CACHE, or the user's cache folder."""
    chosen = os.environ.get("MAQUETTE_CACHE")
    return Path(chosen).expanduser() if chosen else user_cache_path("maquette")
