import os
import re
import zipfile
from pathlib import Path

import hypothesis
import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # two processes with two threads each would wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from support import make_book, make_houses, make_photographs  # the first to load anything that counts threads

from maquette.recipes import RECIPES

os.environ["MAQUETTE_OFFLINE"] = "1"  # no test needs the network
# kernels are compiled once, not anew for each session's cache
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "numba"))


# recipes whose small runs are among the quick tests: one of a closed form, of each kind of network, of rules
FEW = ("line", "classification", "image_classification", "eliza")

hypothesis.settings.register_profile("any machine", deadline=None)  # a busy one is no fault of the code
hypothesis.settings.load_profile("any machine")


def parameters(item):
    return item.callspec.params.values() if hasattr(item, "callspec") else ()


@pytest.hookimpl(tryfirst=True)  # before those that are not asked for are left out
def pytest_collection_modifyitems(items):
    """Slow tests first, and recipes before the rest, so that no process has one left when the others have done.

    What tests/recipes trains beyond the small runs of test_recipes.py is slow, and so are those runs, but of FEW.
    """
    for item in items:
        trains = item.path.parent.name == "recipes" and not item.path.stem.endswith("_figures")
        of = [each for each in parameters(item) if isinstance(each, str) and each in FEW]
        if trains or ("small_runs" in item.fixturenames and not of):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: (item.get_closest_marker("slow") is None, item.path.name != "test_recipes.py"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Of several processes one takes a whole file, or all tests of a recipe: they share its small runs."""
    from xdist.scheduler import LoadScopeScheduling

    class Sharing(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, test = nodeid.partition("::")
            name = file.rpartition("/")[2].removeprefix("test_").removesuffix(".py")
            if name in ("recipes", "exporting") and (parameter := re.search(r"\[(\w+)", test)):
                name = parameter[1]
            return name if name in RECIPES else file

    config.option.loadscopereorder = False  # by the order above
    return Sharing(config, log)


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    """Stand-ins are made in a folder of the tests' own, not in the user's cache, nor are they the user's data sets.

    Processes that share the tests out share it as well.
    """
    os.environ.pop("MAQUETTE_DATA", None)  # tests that need one have looked where it is
    if "MAQUETTE_CACHE" not in os.environ:
        base = tmp_path_factory.getbasetemp()
        shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
        os.environ["MAQUETTE_CACHE"] = str(shared / "cache")


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
