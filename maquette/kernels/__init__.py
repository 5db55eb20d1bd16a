"""Compiled with Numba for the processor: the inner loops that torch's operations would spend too long on.

Each is tested against the plain version that its docstring names. The first call on a machine compiles, for some seconds;
what was compiled is kept in the user's cache, under a name made of all sources here and in graphics: a kernel takes
constants and functions from other files, and Numba itself looks for changes in a kernel's own file only.
"""

import hashlib
import os
from pathlib import Path

import numba
from platformdirs import user_cache_path


def _digest() -> str:
    here = Path(__file__).parent
    sources = sorted([*here.glob("*.py"), *(here.parent / "graphics").glob("*.py")])
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]


if "NUMBA_CACHE_DIR" not in os.environ:
    cache = Path(os.environ.get("MAQUETTE_CACHE") or user_cache_path("maquette"))
    numba.config.CACHE_DIR = str(cache / "kernels" / _digest())
