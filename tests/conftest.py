import os
from pathlib import Path

import pytest
from support import make_book, make_houses, make_photographs

os.environ["MAQUETTE_OFFLINE"] = "1"  # no test needs the network
# kernels are compiled once, not anew for each session's cache
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "numba"))


def pytest_collection_modifyitems(items):
    """Slow tests first, so that no process has one left when the others have done."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    """Stand-ins are made in a folder of the tests' own, not in the user's cache."""
    if "MAQUETTE_CACHE" not in os.environ:
        os.environ["MAQUETTE_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def houses(tmp_path) -> Path:
    """A small table of everything: numbers, categories, dates, booleans, ids, missing values, and a price to learn."""
    path = tmp_path / "houses.csv"
    make_houses(240).to_csv(path, index=False)
    return path


@pytest.fixture
def photographs(tmp_path) -> Path:
    """A folder of small colour pictures in two classes."""
    make_photographs(tmp_path / "photographs", 40)
    return tmp_path / "photographs"


@pytest.fixture
def book(tmp_path) -> Path:
    """A folder of two small files of English sentences."""
    make_book(tmp_path / "book")
    return tmp_path / "book"
