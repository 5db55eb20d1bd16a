import os
import zipfile
from pathlib import Path

import pytest
from support import make_book, make_houses, make_photographs

os.environ["MAQUETTE_OFFLINE"] = "1"  # no test needs the network
# kernels are compiled once, not anew for each session's cache
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "numba"))


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    """Slow tests first, so that no process has one left when the others have done; a recipe's stay in one process."""
    from maquette.recipes import RECIPES

    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    for item in items:
        names = getattr(getattr(item, "callspec", None), "params", {})
        if "small_runs" in item.fixturenames and names.get("name") in RECIPES:
            item.add_marker(pytest.mark.xdist_group(names["name"]))
        elif item.path.parent.name == "recipes":
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    """Stand-ins are made in a folder of the tests' own, not in the user's cache."""
    if "MAQUETTE_CACHE" not in os.environ:
        os.environ["MAQUETTE_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True, scope="session")
def failures_show():
    """What a run could do without fails all the same here."""
    from maquette.facts import Facts

    Facts.hides_failures = False


@pytest.fixture(scope="session")
def small_runs(own_cache, tmp_path_factory):
    """Small runs of every recipe, each made once in this process."""
    from small_runs import SmallRuns

    return SmallRuns(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def old_runs(tmp_path_factory) -> Path:
    """`finished/<recipe>`, `stopped/<recipe>` and their data, made by an older Maquette: not to be changed."""
    folder = tmp_path_factory.mktemp("old")
    with zipfile.ZipFile(Path(__file__).with_name("old_runs.zip")) as archive:
        archive.extractall(folder)
    return folder


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
