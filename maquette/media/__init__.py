"""What goes into uses and comes out of them: one module a medium, each with the same seven functions.

accepts(given)                  whether one input is of this medium
is_one(given)                   whether it is a single thing or several
read(given, say, options)       inputs from files or Python, one by one
write(answers, out, asked, say) answers to files, or to the terminal
plain(answers, is_one)          answers as plain objects, for Python
show(inputs, answers, run)      a few of them in a report
keep(data)                      data from Python as files, to train from
"""

import errno
import importlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

from maquette.settings import UserError

MEDIA = ("table", "pictures", "text", "captions", "film", "page", "cameras", "mesh", "scene", "pairs")
Item = TypeVar("Item")


class Asked(NamedTuple):
    """What answers are written for: the run, the first input if that is a file, a title, and whether it is typed."""

    run: Path
    path: Path | None = None
    title: str = ""
    is_typed: bool = False


def medium(name: str) -> ModuleType:
    """The module of a medium."""
    return importlib.import_module(f"maquette.media.{name}")


def in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """`size` items at a time, the last time fewer."""
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some


def check_target(target: Path, source: Path | None, *, is_named: bool) -> None:
    """Refuse to write over the input, or over a file that the user has not named."""
    if not is_named and target.exists():
        raise UserError(f"{target} is there already; name another file with --out, or the same to replace it.")
    if source is not None and target.exists() and source.exists() and target.samefile(source):
        raise UserError(f"--out {target} is the input itself; choose another name.")


def only_path(given: Any) -> bool:
    """Whether it can be a file's or a folder's path, which is there or not: a long or an empty text cannot."""
    try:
        return isinstance(given, str | Path) and given != "" and (Path(given).exists() or True)
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG


def is_folder(given: str | Path) -> bool:
    """Whether it names a folder; a text that is too long to be a name does not."""
    try:
        return Path(given).is_dir()
    except OSError:
        return False
