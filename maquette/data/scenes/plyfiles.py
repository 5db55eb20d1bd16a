"""PLY files: their header, and numbers of one of their tables; binary of either order, or words."""

import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from maquette.settings import UserError

BLOCK = 2**16  # rows that are converted at once, so that no second copy of the table is needed
LONGEST_HEADER = 2**20

KINDS = {  # of numbers in a PLY file, as NumPy calls them
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
    "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float32": "f4", "float64": "f8",
}  # fmt: skip
ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": ""}


@dataclass(frozen=True)
class Element:
    """A table of a PLY file: its rows follow those of the tables above it."""

    name: str
    count: int
    properties: list[tuple[str, str]]  # name, and kind as NumPy calls it; "list" where rows differ in length

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.properties]


class Header(NamedTuple):
    order: str  # of the bytes, as NumPy calls it; nothing where numbers are words
    elements: dict[str, Element]
    size: int  # bytes up to the first row
    comments: list[str]


def read_header(path: Path, file: BinaryIO) -> Header:
    """What the file says of itself; `UserError` where that is no PLY header."""
    file.seek(0)
    start = file.read(LONGEST_HEADER)
    end = re.match(rb"ply *(\r\n|\n|\r).*?\1end_header *\1", start, re.S)
    damaged = UserError(f"{path} is not a PLY file, or its header is damaged; export it again.")
    if not end:
        raise damaged
    order: str | None = None
    elements: dict[str, Element] = {}
    comments: list[str] = []
    element = Element("", 0, [])
    for line in end.group().decode("latin-1").splitlines()[1:-1]:
        match line.split():
            case ["format", name, *_] if name in ORDERS:
                order = ORDERS[name]
            case ["element", name, count] if re.fullmatch(r"\d{1,18}", count) and name not in elements:
                element = elements[name] = Element(name, int(count), [])
            case ["property", "list", _, _, name]:
                element.properties.append((name, "list"))
            case ["property", kind, name] if kind in KINDS:
                element.properties.append((name, KINDS[kind]))
            case ["comment", *words]:
                comments.append(" ".join(words))
            case [] | ["obj_info", *_]:
                pass
            case _:
                raise damaged
    if order is None:
        raise damaged
    return Header(order, elements, end.end(), comments)


def read_numbers(path: Path, file: BinaryIO, header: Header, name: str, columns: list[str], kind: str) -> np.ndarray:
    """(N, columns) numbers of `kind` from one element of the file; its size is checked before memory is taken."""
    element = header.elements[name]
    before = list(header.elements.values())[: list(header.elements).index(name)]
    if any(each == "list" for table in [*before, element] for _, each in table.properties):
        raise UserError(f"{path} has lists before or in its points; export them as points alone.")
    places = [element.names.index(column) for column in columns]
    tables = [*before, element]
    rows = [np.dtype([(str(i), header.order + kind) for i, (_, kind) in enumerate(t.properties)]) for t in tables]
    sizes = [table.count * row.itemsize for table, row in zip(tables, rows, strict=True)]
    if not header.order:  # a digit and a blank or line end are the least that a number takes
        sizes = [2 * table.count * len(table.properties) for table in tables]
    claimed = sum(sizes) - (not header.order)  # the last line needs no end
    held = os.fstat(file.fileno()).st_size - header.size
    if held < claimed:
        raise UserError(
            f"{path} is truncated: its header claims {element.count:,} points, which take at least {claimed:,} bytes, "
            f"and only {held:,} follow; copy or download it again."
        )
    if not header.order:
        file.seek(header.size)
        for _ in range(sum(table.count for table in before)):
            if not file.readline():  # an element without properties may claim any number of rows
                break
        return _words(path, file, element, places, kind)
    file.seek(header.size + sum(sizes[:-1]))
    numbers = np.empty((element.count, len(columns)), kind)
    with np.errstate(over="ignore", invalid="ignore"):
        for first in range(0, element.count, BLOCK):
            block = np.fromfile(file, rows[-1], min(BLOCK, element.count - first))
            for column, place in enumerate(places):
                numbers[first : first + BLOCK, column] = block[str(place)]
    return numbers


def _words(path: Path, file: BinaryIO, element: Element, places: list[int], kind: str) -> np.ndarray:
    """The same where numbers are written as words, a row a line."""
    try:
        with warnings.catch_warnings(), np.errstate(over="ignore"):
            warnings.simplefilter("ignore")  # that there is nothing, which is said below
            numbers = np.loadtxt(
                file, np.dtype(kind), None, usecols=places, max_rows=element.count, ndmin=2, encoding="latin-1"
            )
    except ValueError as error:
        reason = str(error).split(";")[0].rstrip(".")
        raise UserError(f"{path} is truncated or damaged: {reason}; export it again.") from None
    if len(numbers) < element.count:
        raise UserError(
            f"{path} is truncated: its header claims {element.count:,} points, and only {len(numbers):,} follow; "
            "copy or download it again."
        )
    return numbers
