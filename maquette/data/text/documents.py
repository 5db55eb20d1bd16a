"""Documents from files and folders of text, read once, in order, in bounded memory.

A file of `.txt` or `.md` is one document, a line of `.jsonl` and a row of `.csv` is one each; folders, `.gz`, `.xz`,
`.bz2`, `.zip` and `.tar` of these work too. Long documents come in pieces.
"""

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal, NamedTuple

import numpy as np

from maquette.data.text.decoding import (
    SAMPLE,
    Decoder,
    counted,
    encoding_by_zeros,
    encoding_of,
    is_binary,
    is_wide,
    peek,
)
from maquette.data.text.rows import field_of_lines, field_of_table, json_rows, table_rows
from maquette.data.words import of_many
from maquette.settings import UserError

PLAIN = (".txt", ".md", ".markdown", ".rst")
LINES = (".jsonl", ".ndjson")
TABLES = (".csv", ".tsv")
ENDINGS = PLAIN + LINES + TABLES
OPENERS: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
TARS = (".tar", ".tgz", ".txz", ".tbz2")
ARCHIVES = (".zip", *TARS)
PIECE = 1 << 17  # bytes read at a time; several pieces are encoded at once, one a core
MANY_FILES = 20  # from here on whole files are kept for the test, below it the end of each
FAULTS = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile, RuntimeError)
NOTHING = b" \t\r\n\0\xef\xbb\xbf\xfe\xff"  # white space and marks of encodings
HIDDEN = re.compile(r"(^|/)(\.[^/]|__MACOSX/)")
SPACE = "[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"  # white space to Python and to Unicode
BOUNDARY = re.compile(rf"\S(?={SPACE})")
Part = Literal["train", "test"]


class Piece(NamedTuple):
    """A stretch of a document, whether it is for training or test, and whether the document's part ends with it."""

    text: str
    part: Part
    is_end: bool


class Entry(NamedTuple):
    """A file as it was found: where, the member of an archive ("" if it is none), and how large it is unpacked."""

    path: Path
    member: str
    size: int

    @property
    def name(self) -> str:
        return self.member or self.path.name

    @property
    def ending(self) -> str:
        return ending_of(self.name)

    @property
    def has_rows(self) -> bool:
        return self.ending in LINES + TABLES


@dataclass
class Texts:
    """Files of documents in a fixed order, and what was noticed on reading them."""

    path: Path
    entries: list[Entry]
    fields: dict[Entry, str]  # the field or column that is read
    left_out: list[str] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)  # endings of files of other kinds
    encodings: dict[Entry, str] = field(default_factory=dict)
    undecodable: int = 0
    broken_rows: int = 0

    @property
    def size(self) -> int:
        """Bytes of all files, unpacked."""
        return sum(entry.size for entry in self.entries)

    def notes(self) -> list[str]:
        """What was left out or could not be decoded, in sentences; complete once all pieces were read."""
        said = []
        if self.left_out:
            shown = "; ".join(self.left_out[:5]) + (" ..." if len(self.left_out) > 5 else "")
            said.append(f"{of_many(len(self.left_out), 'file was', 'files were')} left out: {shown}.")
        if self.passed_over:
            kinds = ", ".join(ending or "none" for ending in [name for name, _ in self.passed_over.most_common(5)])
            many = of_many(sum(self.passed_over.values()), "file was", "files were")
            said.append(f"{many} passed over, since the ending is not one of text ({kinds}).")
        other = {entry.name: code for entry, code in self.encodings.items() if code not in ("utf-8", "ascii")}
        if other:
            shown = ", ".join(f"{name} ({code})" for name, code in list(other.items())[:5])
            said.append(f"Not in UTF-8: {shown}{' ...' if len(other) > 5 else ''}.")
        if self.undecodable:
            many = of_many(self.undecodable, "byte is", "bytes are")
            said.append(f"{many} no text in their file's encoding; U+FFFD stands for each.")
        if self.broken_rows:
            said.append(f"{of_many(self.broken_rows, 'row', 'rows')} without readable text left out.")
        if self.fields:
            used = sorted(set(self.fields.values()))
            said.append(f"Read from the {'field' if len(used) == 1 else 'fields'} {', '.join(map(repr, used))}.")
        return said

    def pieces(self, test_share: float = 0.0, seed: int = 0) -> Iterator[Piece]:
        """All documents, in order. The test part: rows drawn at random; whole files where there are many; the end of
        each file where there are few."""
        self.undecodable = self.broken_rows = 0
        chosen = test_files([entry for entry in self.entries if not entry.has_rows], test_share, seed)
        drawn = np.random.default_rng([seed, 11])
        for entry, file in opened(self.entries):
            with naming(entry):
                if entry not in self.encodings:
                    start = peek(file)  # JSON is UTF-8 where it does not look like UTF-16
                    self.encodings[entry] = (encoding_by_zeros if entry.ending in LINES else encoding_of)(start)
                if entry.has_rows:
                    for text in self._rows(entry, file):
                        yield Piece(text, "test" if test_share and drawn.random() < test_share else "train", True)
                elif chosen is not None or not test_share:
                    part: Part = "test" if chosen and entry in chosen else "train"
                    yield from marked(self._stretch(entry, file, entry.size, at_start=True), part)
                else:
                    kept = int(entry.size * (1 - test_share))
                    if is_wide(self.encodings[entry]):
                        kept -= kept % 4
                    yield from marked(self._stretch(entry, file, kept, at_start=True), "train")
                    yield from marked(self._stretch(entry, file, entry.size - kept, at_start=False), "test")

    def sample(self, size: int = 1 << 23) -> str:
        """About the first `size` characters, of the training part or not, for a look at them."""
        parts, length = [], 0
        for piece in self.pieces():
            parts.append(piece.text[: size - length] + "\n" * piece.is_end)
            length += len(parts[-1])
            if length >= size:
                break
        return "".join(parts)

    def _stretch(self, entry: Entry, file: IO[bytes], size: int, *, at_start: bool) -> Iterator[str]:
        """The next `size` bytes of a file, and up to three more to the end of a character, piece by piece.

        Pieces end before white space, where every tokenizer parts words anyway, if there is any.
        """
        decoder = Decoder(self.encodings[entry], at_start=at_start)
        waiting, left = "", size
        while left > 0 and (data := file.read(min(PIECE, left))):
            left -= len(data)
            waiting += decoder.decode(data)
            cut = last_boundary(waiting)
            if cut and left > 0:
                yield waiting[:cut]
                waiting = waiting[cut:]
        for _ in range(3):  # the rest of a character that the border cut in two
            if not decoder.is_between_characters:
                waiting += decoder.decode(file.read(1))
        waiting += decoder.decode(b"", final=True)
        self.encodings[entry] = decoder.encoding
        self.undecodable += decoder.bad
        yield waiting

    def _rows(self, entry: Entry, file: IO[bytes]) -> Iterator[str]:
        """The text of each row that has one."""
        name = self.fields[entry]
        if entry.ending in LINES:
            rows: Iterable[str | None] = json_rows(file, self.encodings[entry], name)
        else:
            rows = table_rows(entry.path, entry.name, file, name)
        for text in rows:
            if text is None or not text.strip():
                self.broken_rows += 1
            else:
                clean, bad = counted(text)
                self.undecodable += bad
                yield clean


def marked(texts: Iterable[str], part: Part) -> Iterator[Piece]:
    """The texts that are not empty, as pieces of which the last ends the part."""
    before = ""
    for text in texts:
        if text and before:
            yield Piece(before, part, False)
        before = text or before
    if before:
        yield Piece(before, part, True)


def last_boundary(text: str) -> int:
    """Where white space follows a word for the last time; the length where it never does in a long text, else 0."""
    for reach in (4096, len(text)):
        last = 0
        for match in BOUNDARY.finditer(text, max(0, len(text) - reach)):
            last = match.end()
        if last:
            return last
    return len(text) if len(text) >= PIECE else 0


def open_texts(path: Path, chosen_field: str | None = None) -> Texts:
    """The documents at a path: a file, a folder with all below it, or an archive; `UserError` where there are none."""
    texts = Texts(path, [], {})
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    for file in files:
        if file != path and HIDDEN.search(file.relative_to(path).as_posix()):
            continue
        if file != path and ending_of(file.name) not in (*ENDINGS, *ARCHIVES):
            texts.passed_over[file.suffix.lower()] += 1
            continue
        try:
            look_at(file, texts, chosen_field)
        except Unreadable:
            if file == path:
                raise
            texts.left_out.append(f"{file.name} (cannot be read)")
    if not texts.entries:
        reason = f" ({'; '.join(texts.left_out[:3])})" if texts.left_out else ""
        raise UserError(f"{path} holds no text{reason}; give files of {', '.join((*PLAIN[:2], LINES[0], TABLES[0]))}.")
    if chosen_field and not texts.fields:
        raise UserError(f"--field {chosen_field}: {path} holds no .jsonl or .csv, so there are no fields.")
    return texts


def look_at(file: Path, texts: Texts, chosen_field: str | None) -> None:
    """Adds what a file holds to `texts`, or why that is left out."""
    entries = []
    with naming(Entry(file, "", 0)):
        for entry in entries_of(file):
            if entry.member and entry.ending not in ENDINGS:
                texts.passed_over[PurePosixPath(entry.member).suffix.lower()] += 1
            else:
                entries.append(entry)
    for entry, stream in opened(entries):
        with naming(entry):
            start = peek(stream)
            if not start.strip(NOTHING):
                texts.left_out.append(f"{entry.name} (empty)")
            elif is_binary(start):
                texts.left_out.append(f"{entry.name} (no text, but a binary file)")
            else:
                if entry.ending in LINES:
                    texts.fields[entry] = field_of_lines(entry.name, stream, encoding_by_zeros(start), chosen_field)
                elif entry.has_rows:
                    texts.fields[entry] = field_of_table(entry.path, entry.name, stream, chosen_field)
                texts.entries.append(entry)


def ending_of(name: str) -> str:
    """The ending that tells what a file holds: of `a.jsonl.gz` it is `.jsonl`, of `a.tar.xz` `.tar`."""
    endings = [ending.lower() for ending in PurePosixPath(name).suffixes]
    while endings and endings[-1] in OPENERS:
        endings.pop()
    return endings[-1] if endings else ""


def entries_of(path: Path) -> Iterator[Entry]:
    """A file itself, or the members of an archive."""
    kind = ending_of(path.name)
    if kind not in ARCHIVES:
        with unpacked(path) as file:
            yield Entry(path, "", path.stat().st_size if path.suffix.lower() not in OPENERS else length_of(file))
        return
    if kind == ".zip":
        with zipfile.ZipFile(path) as archive:
            members = [(each.filename, each.file_size) for each in archive.infolist() if not each.is_dir()]
    else:
        with tarfile.open(path) as packed:
            members = [(each.name, each.size) for each in packed if each.isfile()]
    for name, size in members:
        if not HIDDEN.search(name):
            yield Entry(path, name, size)


@contextmanager
def unpacked(path: Path) -> Iterator[IO[bytes]]:
    with OPENERS.get(path.suffix.lower(), open)(path, "rb") as file:
        yield io.BufferedReader(file, SAMPLE)


def length_of(file: IO[bytes]) -> int:
    total = 0
    while data := file.read(1 << 20):
        total += len(data)
    return total


class Unreadable(UserError):
    """A file that is damaged or may not be read."""


@contextmanager
def naming(entry: Entry) -> Iterator[None]:
    """Turns what goes wrong on reading into a sentence with the file's name."""
    try:
        yield
    except FAULTS as error:
        where = f"{entry.path}, {entry.member}," if entry.member else entry.path
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise Unreadable(f"{where} cannot be read to its end ({reason}).") from None


def opened(entries: list[Entry]) -> Iterator[tuple[Entry, IO[bytes]]]:
    """Each entry with its bytes to read; the members of an archive in the order in which they lie there."""
    for path, group in groupby(entries, key=lambda entry: entry.path):
        together = list(group)
        with naming(together[0]):
            if not together[0].member:
                with unpacked(path) as file:
                    yield together[0], file
            elif ending_of(path.name) == ".zip":
                with zipfile.ZipFile(path) as archive:
                    for entry in together:
                        with naming(entry), archive.open(entry.member) as inside:
                            yield entry, io.BufferedReader(inside, SAMPLE)  # type: ignore[type-var]
            else:
                wanted = {entry.member: entry for entry in together}
                with tarfile.open(path) as packed:
                    for member in packed:
                        if member.name in wanted and (content := packed.extractfile(member)):
                            yield wanted[member.name], io.BufferedReader(content, SAMPLE)  # type: ignore[type-var]


def test_files(entries: list[Entry], share: float, seed: int) -> set[Entry] | None:
    """Files kept for the test, about `share` of the bytes and at least one; None where there are too few files."""
    if len(entries) < MANY_FILES or not share:
        return None
    wanted, chosen, size = share * sum(entry.size for entry in entries), set(), 0
    for number in np.random.default_rng([seed, 12]).permutation(len(entries)):
        if size + entries[number].size / 2 <= wanted:
            chosen.add(entries[number])
            size += entries[number].size
    return chosen or {min(entries, key=lambda entry: entry.size)}
