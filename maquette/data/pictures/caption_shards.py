"""Shards of webdataset: tar files in which what belongs together has one name, `000.jpg`, `000.txt`, `000.json`."""

import hashlib
import os
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from maquette.data.cache import cache_folder
from maquette.data.pictures.finding import KNOWN, leads_outside
from maquette.settings import UserError

WANTED = {*KNOWN, ".txt", ".json", ".caption", ".csv", ".jsonl"}


def shards_in(path: Path) -> list[Path]:
    """The tar files at a path: itself, or those of a folder that holds no pictures of its own."""
    if path.is_file():
        return [path] if path.suffix.lower() == ".tar" else []
    shards = sorted(file for file in path.glob("*.tar") if not file.name.startswith("."))
    if shards and not any(file.suffix.lower() in KNOWN for file in path.iterdir()):
        return shards
    return []


def unpacked_shards(shards: list[Path]) -> Path:
    """The folder in the cache that holds what is in the shards, a folder each where there are several."""
    key = hashlib.sha256()
    for shard in shards:
        about = shard.stat()
        key.update(f"{shard.absolute()}\0{about.st_size}\0{about.st_mtime_ns}\0".encode("utf-8", "surrogateescape"))
    folder = cache_folder() / "shards" / key.hexdigest()[:16]
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        for shard in shards:
            unpack(shard, work / shard.stem if len(shards) > 1 else work)
        if not folder.is_dir():
            work.replace(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def unpack(shard: Path, folder: Path) -> None:
    """Pictures and texts of a shard, as files that stay inside of the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(shard) as archive:
            for member in archive:
                name = PurePosixPath(member.name.removeprefix("./"))
                if not member.isfile() or name.suffix.lower() not in WANTED or leads_outside(str(name)):
                    continue
                if member.size > shutil.disk_usage(folder).free:
                    raise UserError(f"{shard} does not fit onto the disk beside {folder.parent}; make room for it.")
                source = archive.extractfile(member)
                assert source is not None
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with open(target, "wb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
    except (tarfile.TarError, zlib.error, EOFError):
        raise UserError(f"{shard} is truncated or damaged; copy or download it again.") from None
