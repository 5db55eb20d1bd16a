"""Pairs of texts: two files of lines, columns of a table, fields of JSON lines, languages of a TMX, a folder of such.

All pairs are held in memory. A pair with nothing on one side is left out and counted.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal
from xml.etree import ElementTree

from maquette.data.tables.delimited import batches, inspect
from maquette.data.text.decoding import counted, decoded, encoding_by_zeros, peek
from maquette.data.text.documents import (
    HIDDEN,
    LINES,
    OPENERS,
    TABLES,
    Entry,
    ending_of,
    entries_of,
    naming,
    opened,
)
from maquette.data.text.rows import as_table, json_objects, listed
from maquette.data.words import of_many
from maquette.settings import UserError, nearest

MEMORIES = (".tmx",)
ROWS = (*LINES, *TABLES, *MEMORIES)
NESTED = "translation"  # the field in which some data sets keep an object of language -> text
NO_PARTS = ("bpt", "ept", "ph", "it", "ut")  # of a segment of TMX: codes of other programs, not text
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
FIRST = "en"  # the source, where a folder holds this language and another
SHOWN = 40  # characters of a line that a sentence quotes
PartName = Literal["train", "valid", "test", ""]
PART_WORDS: dict[str, PartName] = {
    "train": "train",
    "training": "train",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
}


@dataclass(frozen=True)
class Sides:
    """Which setting names each side, and what the sides are usually called where the settings are not given."""

    flags: tuple[str, str] = ("--source", "--target")
    usual: tuple[tuple[str, ...], tuple[str, ...]] = (
        ("source", "src", "text", "sentence"),
        ("target", "tgt", "translation", "reference"),
    )


@dataclass
class Pairs:
    """Texts and what they become; `parts` says of each pair which part its file is for, "" where it does not say."""

    path: Path
    names: tuple[str, str]  # what the sides are called: languages, columns or files
    sources: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    parts: list[PartName] = field(default_factory=list)
    files: int = 0
    empty: Counter[str] = field(default_factory=Counter)  # pairs left out: by the name of the side that had no text
    broken: int = 0  # rows that cannot be read
    undecodable: int = 0
    said: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.sources)

    def add(self, source: str | None, target: str | None, part: PartName) -> None:
        """Put a pair to the others, or count it as one of those without text."""
        (source, bad_source), (target, bad_target) = counted((source or "").strip()), counted((target or "").strip())
        if source and target:
            self.undecodable += bad_source + bad_target
            self.sources.append(source)
            self.targets.append(target)
            self.parts.append(part)
        elif source or target:
            self.empty[self.names[0 if target else 1]] += 1
        else:
            self.empty[""] += 1

    def notes(self) -> list[str]:
        """What was left out or could not be decoded, in sentences."""
        said = list(self.said)
        for name, count in self.empty.items():
            where = f"have text on one side only ({name} is empty)" if name else "are empty on both sides"
            said.append(f"{of_many(count, 'pair', 'pairs')} {where if count > 1 else once(where)}; left out.")
        if self.broken:
            said.append(f"{of_many(self.broken, 'row', 'rows')} without readable text left out.")
        if self.undecodable:
            many = of_many(self.undecodable, "byte is", "bytes are")
            said.append(f"{many} no text in their file's encoding; U+FFFD stands for each.")
        return said


def once(where: str) -> str:
    return where.replace("have ", "has ", 1).replace("are empty on", "is empty on", 1)


def open_pairs(path: Path | None, source: str | None, target: str | None, sides: Sides | None = None) -> Pairs:
    """The pairs at a path: a file of rows, or a folder; without one, `source` and `target` are two files of lines.

    In a folder they may be two files, or two languages by which files end (`train.en`, `train.de`). Of rows they are
    columns, fields or languages; columns may be numbers from 1 on, and the first row is then a pair too. What a file's
    name says of its part (train, val or dev, test) is kept. `UserError` where there are no pairs, or where two files
    have different numbers of lines.
    """
    sides = sides or Sides()
    files = named_files(path, source, target, sides)
    if files:
        pairs = Pairs(path or files[0].parent, (files[0].name, files[1].name))
        read_two(files[0], files[1], pairs, sides, "")
    elif path is None:
        one, other = sides.flags
        raise UserError(
            f"{one} {source}: there is no such file."
            if source and target
            else f"Without --data, {one} and {other} name two files of lines; give both."
        )
    elif path.is_dir():
        pairs = pairs_of_folder(path, source, target, sides)
    elif ending_of(path.name) in ROWS:
        pairs = Pairs(path, ("", ""))
        read_rows(path, pairs, source, target, sides, "")
    else:
        raise UserError(
            f"{path} holds one side only, or is no file of pairs; name two files of lines with {sides.flags[0]} and "
            f"{sides.flags[1]}, or give --data a {', '.join(('.tsv', '.csv', '.jsonl', '.tmx'))} or a folder."
        )
    if not len(pairs):
        raise UserError(" ".join([f"{path or files[0]} holds no pair with text on both sides.", *pairs.notes()]))
    return pairs


def named_files(path: Path | None, source: str | None, target: str | None, sides: Sides) -> tuple[Path, Path] | tuple:
    """The two files that the settings name, if they do."""
    if not source or not target:
        return ()
    folder = path if path is not None and path.is_dir() else Path()
    found = [(folder / name).expanduser() for name in (source, target)]
    there = [each.is_file() for each in found]
    if all(there):
        return found[0], found[1]
    if any(there):
        lacks = there.index(False)
        others = [each.name for each in found[lacks].parent.glob("*")] if found[lacks].parent.is_dir() else []
        hint = nearest(found[lacks].name, others) or "."
        raise UserError(f"{sides.flags[lacks]} {found[lacks]}: there is no such file{hint}")
    return ()


def part_of(name: str) -> PartName:
    """The part that a file's name says it is for."""
    for word in re.findall(r"[a-z]+", name.lower()):
        if word in PART_WORDS:
            return PART_WORDS[word]
        if word.endswith("test"):  # newstest2014
            return "test"
    return ""


def pairs_of_folder(folder: Path, source: str | None, target: str | None, sides: Sides) -> Pairs:
    """All pairs of files of lines of two languages, or all files of rows."""
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and not HIDDEN.search(file.name)]
    stems: dict[str, dict[str, Path]] = {}
    for file in files:
        plain = file.with_suffix("") if file.suffix.lower() in OPENERS else file
        if plain.suffix and ending_of(file.name) not in ROWS:
            stems.setdefault(plain.stem, {})[plain.suffix[1:]] = file
    together = {stem: languages for stem, languages in stems.items() if len(languages) > 1}
    rows = [file for file in files if ending_of(file.name) in ROWS]
    if together and not (rows and (source or target) and not any({source, target} & set(all_of(together)))):
        return pairs_of_lines(folder, together, source, target, sides)
    if not rows:
        raise UserError(
            f"{folder} holds no pairs: neither files of lines of two languages, such as train.en and train.de, nor "
            f"{', '.join(ROWS)}."
        )
    pairs = Pairs(folder, ("", ""))
    for file in rows:
        read_rows(file, pairs, source, target, sides, part_of(file.name))
    return pairs


def all_of(together: dict[str, dict[str, Path]]) -> list[str]:
    return sorted({language for languages in together.values() for language in languages})


def pairs_of_lines(
    folder: Path, together: dict[str, dict[str, Path]], source: str | None, target: str | None, sides: Sides
) -> Pairs:
    languages = all_of(together)
    source, target = two_of(str(folder), languages, source, target, sides, first=FIRST)
    pairs, lonely = Pairs(folder, (source, target)), []
    for stem, files in together.items():
        if source in files and target in files:
            read_two(files[source], files[target], pairs, sides, part_of(stem))
        else:
            lonely.append(stem)
    if lonely:
        pairs.said.append(f"Passed over, without both {source} and {target}: {listed(lonely)}.")
    return pairs


def two_of(
    where: str, names: Sequence[str], source: str | None, target: str | None, sides: Sides, first: str = ""
) -> tuple[str, str]:
    """The two names that are meant; those not given are the usual ones, or what is left of two."""
    chosen = [one_of(where, names, given, flag) for given, flag in zip((source, target), sides.flags, strict=True)]
    for place in (0, 1):
        if chosen[place] is None:
            left = [name for name in names if name != chosen[1 - place]]
            usual = [name for word in sides.usual[place] for name in left if name.lower() == word]
            if place == 0 and first in left:
                usual.insert(0, first)
            if not usual and len(left) > 2 - sum(each is not None for each in chosen):
                raise UserError(
                    f"{where} has {listed(list(names))}; say with {sides.flags[0]} and {sides.flags[1]} which two."
                )
            if not left:
                raise UserError(f"{where} has {listed(list(names))} only; a pair needs two.")
            chosen[place] = (usual or left)[0]
    one, other = chosen
    assert one is not None and other is not None
    if one == other:
        raise UserError(f"{sides.flags[0]} and {sides.flags[1]} are both {one!r}; a pair needs two.")
    return one, other


def one_of(where: str, names: Sequence[str], given: str | None, flag: str) -> str | None:
    """The name that is meant: as it is written, in other letters, or as a language without its country."""
    if given is None or given in names:
        return given
    lower = given.lower()
    near = [name for name in names if name.lower() == lower]
    near += [name for name in names if re.split("[-_]", name.lower())[0] == lower]
    if near:
        return near[0]
    hint = nearest(given, list(names)) or f"; it has {listed(list(names))}."
    raise UserError(f"{flag} {given}: {where} has no such column, field or language{hint}")


def read_two(first: Path, second: Path, pairs: Pairs, sides: Sides, part: PartName) -> None:
    """The lines of two files side by side."""
    sources, targets = lines_of(first, pairs), lines_of(second, pairs)
    if len(sources) != len(targets):
        longer, lines, shorter = (first, sources, second) if len(sources) > len(targets) else (second, targets, first)
        place = min(len(sources), len(targets))
        quoted = lines[place].strip()
        quoted = f"{quoted[:SHOWN]} ..." if len(quoted) > SHOWN else quoted
        raise UserError(
            f"{longer.name} has {of_many(len(lines), 'line', 'lines')} and {shorter.name} {place:,}: line "
            f"{place + 1:,} of {longer.name}, {quoted!r}, has no partner. Line by line, the files must say the same."
        )
    pairs.files += 2
    for source, target in zip(sources, targets, strict=True):
        pairs.add(source, target, part)


def lines_of(path: Path, pairs: Pairs) -> list[str]:
    """Lines as they end with line feeds; other signs at which Python would part lines are part of them."""
    for entry, file in opened_one(path):
        with naming(entry):
            data = file.read()
        if b"\0" in data[:4096] and encoding_by_zeros(data[:4096]) == "ascii":
            raise UserError(f"{path} is a binary file; give lines of text.")
        text, encoding, bad = decoded(data)
        if encoding not in ("ascii", "utf-8"):
            pairs.said.append(f"{path.name} is read as {encoding}.")
        pairs.undecodable += bad
        text = text.replace("\r\n", "\n")
        lines = (text if "\n" in text else text.replace("\r", "\n")).split("\n")
        return lines[:-1] if lines and not lines[-1] else lines
    return []


def opened_one(path: Path) -> Iterator[tuple[Entry, IO[bytes]]]:
    with naming(Entry(path, "", 0)):
        entries = list(entries_of(path))
    return opened(entries)


def read_rows(path: Path, pairs: Pairs, source: str | None, target: str | None, sides: Sides, part: PartName) -> None:
    """The pairs of a table, of JSON lines or of a TMX."""
    ending = ending_of(path.name)
    reader = rows_of_lines if ending in LINES else rows_of_memory if ending in MEMORIES else rows_of_table
    pairs.files += 1
    for row in reader(path, pairs, source, target, sides):
        if row is None:
            pairs.broken += 1
        else:
            pairs.add(*row, part)


Row = tuple[str | None, str | None] | None


def rows_of_table(path: Path, pairs: Pairs, source: str | None, target: str | None, sides: Sides) -> Iterator[Row]:
    for entry, file in opened_one(path):
        with naming(entry), as_table(path, entry.name, file) as found:
            table = inspect(found)
            numbers = [int(each) - 1 if each and each.isdecimal() else -1 for each in (source, target)]
            is_counted = all(0 <= number < len(table.names) for number in numbers) and source not in table.names
            if is_counted:
                names = table.names[numbers[0]], table.names[numbers[1]]
                yield names
            else:
                names = two_of(path.name, table.names, source, target, sides)
            if not pairs.names[0]:
                pairs.names = (f"column {source}", f"column {target}") if is_counted else names
            for rows in batches(table):
                yield from zip(rows.column(names[0]).to_pylist(), rows.column(names[1]).to_pylist(), strict=True)
            for _ in range(table.left_out):
                yield None
            pairs.said += [note for note in table.notes if note not in pairs.said]


def rows_of_lines(path: Path, pairs: Pairs, source: str | None, target: str | None, sides: Sides) -> Iterator[Row]:
    names: tuple[str, str] | None = None
    for entry, file in opened_one(path):
        with naming(entry):
            for row in json_objects(file, encoding_by_zeros(peek(file))):
                if row is None:
                    yield None
                    continue
                row = row[NESTED] if isinstance(row.get(NESTED), dict) else row
                if names is None:
                    texts = [key for key, value in row.items() if isinstance(value, str)]
                    names = two_of(path.name, texts, source, target, sides, first=FIRST)
                    pairs.names = pairs.names if pairs.names[0] else names
                found = [row.get(name) for name in names]
                yield tuple(found) if all(isinstance(each, str | None) for each in found) else None  # type: ignore[misc]


def rows_of_memory(path: Path, pairs: Pairs, source: str | None, target: str | None, sides: Sides) -> Iterator[Row]:
    """The translation units of a TMX 1.4; of several variants in one language the first counts."""
    names: tuple[str, str] | None = None
    for entry, file in opened_one(path):
        try:
            with naming(entry):
                for unit in units_of(file):
                    if names is None:
                        names = two_of(path.name, list(unit), source, target, sides, first=FIRST)
                        pairs.names = pairs.names if pairs.names[0] else names
                    yield of_language(unit, names[0]), of_language(unit, names[1])
        except ElementTree.ParseError as error:
            raise UserError(f"{path} is no well-formed TMX: {error}.") from None


def of_language(unit: dict[str, str], name: str) -> str | None:
    """The variant in a language, as it is written or as it is without its country."""
    if name in unit:
        return unit[name]
    main = re.split("[-_]", name.lower())[0]
    return next((text for other, text in unit.items() if re.split("[-_]", other.lower())[0] == main), None)


def units_of(file: IO[bytes]) -> Iterable[dict[str, str]]:
    """Language -> text of each translation unit."""
    root = None
    for event, element in ElementTree.iterparse(file, ("start", "end")):
        if root is None:
            root = element
        if event == "end" and element.tag.rpartition("}")[2] == "tu":
            unit: dict[str, str] = {}
            for variant in element.iter():
                if variant.tag.rpartition("}")[2] == "tuv":
                    language = variant.get(LANGUAGE) or variant.get("lang") or ""
                    segment = next((each for each in variant.iter() if each.tag.rpartition("}")[2] == "seg"), None)
                    if language and segment is not None:
                        unit.setdefault(language, text_of_segment(segment))
            yield unit
            root.clear()


def text_of_segment(segment: ElementTree.Element) -> str:
    """What is text in a segment, without the codes of other programs."""
    parts = [segment.text or ""]
    for child in segment:
        if child.tag.rpartition("}")[2] not in NO_PARTS:
            parts.append(text_of_segment(child))
        parts.append(child.tail or "")
    return "".join(parts)
