"""The table of named data sets."""

import subprocess
import sys
from pathlib import Path

from maquette.data.sets.catalogue import SOURCES


def test_every_source_tells_all():
    for name, source in SOURCES.items():
        assert source.name == name and source.licence and source.description and source.example
        assert source.medium in ("table", "pictures", "captions", "text", "pairs", "scene")
        assert bool(source.standin) != source.is_embedded


def test_the_list_loads_nothing_heavy():
    heavy = "OpenImageIO", "skimage", "pandas", "numpy", "pooch", "torch", "sklearn", "pyarrow"
    code = f"import sys, maquette.data.sets.catalogue; print([m for m in {heavy!r} if m in sys.modules])"
    root = Path(__file__).parents[3]
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert result.stdout.strip() == "[]"
