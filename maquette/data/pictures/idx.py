"""idx files as MNIST has them: whole arrays of bytes behind a header, gzipped or not; yann.lecun.com/exdb/mnist."""

import gzip
import math
import re
import struct
import zlib
from pathlib import Path

import numpy as np

from maquette.settings import UserError

IMAGES = re.compile(r"images[.-]idx3-ubyte(\.gz)?$")
TESTING = re.compile(r"t10k|test", re.I)
MOST_BYTES = 2**33
FASHION = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


def idx_files(folder: Path) -> list[Path]:
    """The files of pictures in a folder, those for testing last."""
    found = [path for path in folder.iterdir() if IMAGES.search(path.name)] if folder.is_dir() else []
    return sorted(found, key=lambda path: (bool(TESTING.search(path.name)), path.name))


def read_folder(paths: list[Path]) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Pictures (N, H, W, 1) uint8, labels (N,) int64, and the rows kept for testing, where the names tell."""
    parts: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    tests: list[np.ndarray] = []
    for path in paths:
        pixels = read_idx(path, 3)
        beside = path.with_name(re.sub(r"images([.-])idx3", r"labels\1idx1", path.name))
        either = beside, beside.with_name(beside.name.removesuffix(".gz")), beside.with_name(f"{beside.name}.gz")
        marks = read_idx(next((other for other in either if other.is_file()), beside), 1)
        if len(marks) != len(pixels):
            raise UserError(f"{path} holds {len(pixels):,} pictures, but {beside.name} {len(marks):,} labels.")
        if parts and parts[0].shape[1:] != pixels.shape[1:]:
            raise UserError(f"{path} holds pictures of another size than {paths[0].name}.")
        parts.append(pixels)
        labels.append(marks)
        tests.append(np.full(len(pixels), bool(TESTING.search(path.name))))
    test = np.concatenate(tests)
    rows = np.flatnonzero(test) if test.any() and not test.all() else None
    return np.concatenate(parts)[..., None], np.concatenate(labels).astype(np.int64), rows


def class_names(folder: Path, name: str, highest: int) -> list[str]:
    """What the labels 0 to `highest` mean: the lines of classes.txt, or the ten of Fashion-MNIST, or the numbers."""
    listed = folder / "classes.txt"
    if listed.is_file():
        names = [line.strip() for line in listed.read_text(encoding="utf-8").splitlines() if line.strip()]
        if len(names) <= highest:
            raise UserError(f"{listed} names {len(names)} classes, but there are labels up to {highest}.")
        return names
    if name == "fashion_mnist" and highest < len(FASHION):
        return FASHION
    return [str(number) for number in range(highest + 1)]


def read_idx(path: Path, axes: int) -> np.ndarray:
    """The uint8 array of an idx file, gzipped or not, checked against its header; a UserError if it is damaged."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            header = file.read(4 + 4 * axes)
            if header[:4] != bytes([0, 0, 8, axes]) or len(header) < 4 + 4 * axes:
                raise UserError(f"{path} is no idx file of {axes}-dimensional bytes: it starts with {header[:4]!r}.")
            shape = struct.unpack(f">{axes}I", header[4:])
            size = math.prod(shape)
            if not 0 < size <= MOST_BYTES:
                raise UserError(f"{path} is damaged: its header claims {' x '.join(map(str, shape))} bytes.")
            content = file.read(size + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise UserError(f"{path} is damaged: it cannot be unpacked; fetch it again.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None
    if len(content) != size:
        more = "more" if len(content) > size else f"{len(content):,}"
        raise UserError(f"{path} is damaged: its header claims {size:,} bytes, but there are {more}.")
    return np.frombuffer(content, np.uint8).reshape(shape)


def write_idx(path: Path, array: np.ndarray) -> None:
    """A uint8 array as an idx file, not gzipped."""
    path.write_bytes(bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes())
