"""Compiled with Numba for the processor: the inner loops that torch's operations would spend too long on.

Each is tested against the plain version that its docstring names. The first call on a machine compiles, for a minute
or two; what was compiled is kept in the user's cache, under a name made of all sources here and in graphics: a kernel
takes constants and functions from other files, and Numba itself looks for changes in a kernel's own file only.
"""

import functools
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import llvmlite.binding
import numba
from platformdirs import user_cache_path


def _digest() -> str:
    here = Path(__file__).parent
    sources = sorted([*here.glob("*.py"), *(here.parent / "graphics").glob("*.py")])
    # Numba keeps what it compiled by the place of the source file: two installations share nothing
    machine = f"{here} {numba.__version__} {sys.version_info[:2]} {llvmlite.binding.get_host_cpu_name()}"
    return hashlib.sha256(machine.encode() + b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]


_chosen = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("MAQUETTE_CACHE") or user_cache_path("maquette")
FOLDER = Path(_chosen).expanduser() / "kernels" / _digest()
setattr(numba.config, "CACHE_DIR", str(FOLDER))  # noqa: B010  Numba makes its settings at run time
LONGEST = 300  # seconds that a process waits for another one to compile


def _is_fresh(lock: Path) -> bool:
    try:
        return time.time() - lock.stat().st_mtime < LONGEST
    except FileNotFoundError:
        return False


@functools.cache
def compile_first(module: str) -> None:
    """Have `python -m module` compile its kernels in a process of its own, unless that was done before.

    What was compiled and is loaded rounds otherwise than what was just compiled and has not been stored: only so does
    the first run on a machine give the same bits as the second.
    """
    mark, lock = FOLDER / f"{module}.done", FOLDER / f"{module}.compiling"
    if mark.exists() or os.environ.get("MAQUETTE_COMPILING"):
        return
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        if not _is_fresh(lock):
            lock.unlink(missing_ok=True)  # of a process that came to nothing
        lock.touch(exist_ok=False)
    except FileExistsError:
        while not mark.exists() and _is_fresh(lock):
            time.sleep(0.2)  # another process is at it
        return
    except OSError:
        return  # nothing can be kept here: each process compiles for itself
    print("Compiling for this processor, once; it takes a minute or two ...", file=sys.stderr, flush=True)
    try:
        subprocess.run([sys.executable, "-m", module], env={**os.environ, "MAQUETTE_COMPILING": "1"}, check=False)
        mark.touch()
    finally:
        lock.unlink(missing_ok=True)
