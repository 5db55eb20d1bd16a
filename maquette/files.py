"""Files written whole, then renamed, and JSON read with one clear sentence when it is damaged."""

import errno
import hashlib
import json
import os
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from maquette.settings import UserError

FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}  # no room on the disk, or in the user's share of it

OWN_MISTAKE = "maquette: this is a mistake of Maquette's own, not of yours"


def failure_file(error: BaseException, folder: Path | None = None) -> Path:
    """The traceback of an error in a file of the folder, or of the system's folder for such."""
    path = (folder or Path(tempfile.gettempdir())) / ("failure.txt" if folder else "maquette-failure.txt")
    path.write_text("".join(traceback.format_exception(error)), encoding="utf-8", errors="backslashreplace")
    return path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`: flushed and renamed onto it when the block ends well, removed when it does not.

    A full disk, missing rights or a folder that vanished become a `UserError`.
    """
    if not path.parent.is_dir():
        raise UserError(f"There is no folder {path.parent}; make it first, or write elsewhere.")
    temporary = path.with_name(f".{path.name}.part")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        try:
            temporary.unlink(missing_ok=True)
        except OSError:  # the folder itself is gone: nothing is left to tidy
            pass


def cannot_write(path: Path, error: OSError) -> UserError:
    """The sentence for a file that could not be written."""
    if error.errno in FULL:
        return UserError(f"The disk is full: {path} could not be written. Make room and try again; nothing was lost.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UserError(f"{path} cannot be written: no permission. Write elsewhere.")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return UserError(f"{path} cannot be written: its folder is not there.")
    return UserError(f"{path} cannot be written: {error.strerror or error}.")


def write_text(path: Path, text: str) -> None:
    with written_whole(path) as temporary:
        # a file's name that is no Unicode becomes \udc80 and the like, which JSON reads as what it was
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path, *, any_bytes: bool = False) -> Any:
    """The value in a JSON file, in UTF-8, -16 or -32, with a byte-order mark or without; `UserError` if it is none.

    any_bytes: bytes that are no UTF-8 are kept as `os.fsdecode` would, since they may be part of a file's name.
    """
    try:
        content = path.read_bytes()
        try:
            return json.loads(content)
        except UnicodeDecodeError:
            if not any_bytes:
                raise
            return json.loads(content.decode("utf-8-sig", "surrogateescape"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: {path.parent} is not a whole run folder.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None
    except json.JSONDecodeError as error:
        raise UserError(f"{path} is damaged: it does not hold JSON ({error.msg} in line {error.lineno}).") from None
    except (ValueError, RecursionError):
        raise UserError(f"{path} is damaged: it does not hold JSON.") from None


def sha256_of(path: str | Path) -> str:
    """The file's checksum in hexadecimal, read piece by piece."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
