"""Scenes in zip files: those with cameras beside the pictures, or a video, are unpacked before they are read."""

import re
import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from maquette.settings import UserError

CAMERAS = re.compile(r"transforms(_\w+)?\.json|(cameras|images|points3D)\.(bin|txt)", re.I)  # names of files with them
VIDEOS = frozenset((".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mts", ".3gp"))


def unpacked(path: Path, work: Path) -> Path | None:
    """The folder in `work` that a zip file with cameras or a video was unpacked to; nothing where it holds neither."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if _is_wanted(member)]
            names = [PurePosixPath(member.filename) for member in members]
            if not any(CAMERAS.fullmatch(name.name) or name.suffix.lower() in VIDEOS for name in names):
                return None
            size, free = sum(member.file_size for member in members), shutil.disk_usage(work).free
            if size > free:
                raise UserError(
                    f"{path} holds {size / 2**30:,.1f} GB, and {work.parent} has room for {free / 2**30:,.1f} GB; "
                    "unpack it elsewhere and give the folder."
                )
            folder = work / "unpacked"
            folder.mkdir()
            archive.extractall(folder, members)
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise UserError(f"{path} is truncated or damaged; copy or download it again.") from None
    except (NotImplementedError, RuntimeError) as error:  # packed oddly; encrypted
        raise UserError(f"{path} cannot be unpacked ({error}); unpack it yourself and give the folder.") from None
    inner = list(folder.iterdir())
    while len(inner) == 1 and inner[0].is_dir():
        folder, inner = inner[0], list(inner[0].iterdir())
    return folder


def _is_wanted(member: zipfile.ZipInfo) -> bool:
    """Whether it is a file that stays inside of the folder, and none that systems add."""
    name = PureWindowsPath(member.filename)  # knows both slashes, and drives
    hidden = any(part.startswith(".") for part in name.parts) or "__MACOSX" in name.parts
    return not member.is_dir() and not name.anchor and not hidden
