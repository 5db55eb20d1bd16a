"""Files that say what pictures show: tables, JSON lines, COCO's and Karpathy's JSON, the token files of Flickr8k.

Each gives rows of words by column, in which the picture's column is found by the pictures that are there.
"""

import io
import json
import re
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from maquette.data.tables.reading import read_chunks
from maquette.data.text.decoding import decoded
from maquette.data.text.rows import json_objects
from maquette.settings import UserError, nearest

TABLES, LINES, TOKENS = (".csv", ".tsv", ".tab", ".parquet"), (".jsonl", ".ndjson"), (".txt", ".token", ".tokens")
SIDECARS = (".txt", ".caption", ".json")  # beside a picture, the likeliest first
ENDINGS = tuple(dict.fromkeys((*TABLES, *LINES, *TOKENS, *SIDECARS)))
FIRST = ("captions", "metadata", "results", "token", "names", "labels", "annotations", "dataset")  # files looked at
PICTURES = ("file_name", "filename", "image", "file", "picture", "path", "image_path", "img", "photo", "name", "id")
USUAL = (
    "caption",
    "captions",
    "text",
    "sentence",
    "sentences",
    "description",
    "prompt",
    "comment",
    "title",
    "name",
    "label",
    "class",
)
NUMBERED = re.compile(r"(caption|text|sentence|description)s?[ _-]?\d+", re.I)
PARTS = ("split", "part", "set", "subset", "partition")
TOKEN = re.compile(r"(?P<name>[^\t|]+?\.\w{3,4})(?:#\w+)?\s*[\t|]\s*(?:\d+\s*[\t|]\s*)?(?P<text>.+)")
NUMBER = re.compile(r"[-+]?\d[\d.,]*(e[-+]?\d+)?%?", re.I)
LOOKED_AT = 200  # rows by which columns are chosen
Find = Callable[[str], int | None]  # from what a file calls a picture to its place


class TextFile(NamedTuple):
    """A file of captions: on disk, or a member of a zip file; `name` with slashes, below what was given."""

    name: str
    path: Path
    member: str | None = None

    def read(self) -> bytes:
        try:
            if self.member is None:
                return self.path.read_bytes()
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(self.member)
        except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise UserError(f"{self.name} cannot be read: {error}.") from None

    @property
    def ending(self) -> str:
        return PurePosixPath(self.name).suffix.lower()

    @property
    def folder(self) -> str:
        """Its folder with a slash, "" for the root."""
        parent = PurePosixPath(self.name).parent.as_posix()
        return "" if parent == "." else f"{parent}/"

    @property
    def order(self) -> tuple[int, str]:
        """What is likeliest to hold captions comes first."""
        stem = PurePosixPath(self.name).name.lower()
        places = [place for place, word in enumerate(FIRST) if word in stem]
        return min(places, default=len(FIRST)), self.name


class Said(NamedTuple):
    """One caption, or the mention of a picture: `picture` as the file calls it; `part`: the publisher's, or ""."""

    picture: str
    text: str
    part: str = ""


def said_in(file: TextFile, find: Find, column: str | None) -> list[Said]:
    """The captions of a file, none where it is about something else.

    column: where they stand, chosen if not given. `UserError` where that is not there or holds numbers.
    """
    if file.ending == ".json":
        return of_json(file, find, column)
    if file.ending in LINES:
        rows = [row for row in json_objects(io.BytesIO(file.read()), "utf-8") if row]
        return of_rows(file, rows, find, column)
    is_plain = file.ending in TOKENS or (file.ending in (".csv", ".tsv") and has_tokens(file, find))
    if is_plain and (found := of_tokens(file)):
        return found
    return of_rows(file, table_rows(file), find, column)


def table_rows(file: TextFile) -> list[dict[str, Any]]:
    """The rows of a table as words; none where it is no table."""
    with tempfile.TemporaryDirectory(prefix="maquette-") as folder:
        path = file.path
        if file.member is not None or file.ending not in TABLES:
            ending = file.ending if file.ending in TABLES else ".txt"
            path = Path(folder) / f"table{ending}"
            path.write_bytes(file.read())
        try:
            reader = read_chunks(path)
            rows = [row for frame in reader for row in frame.to_dict("records")]
            lost = reader.rows_left_out
        except UserError:
            rows, lost = [], 1
    return loose_rows(file) or rows if 10 * lost > len(rows) else rows


def loose_rows(file: TextFile) -> list[dict[str, Any]]:
    """Rows of a table with commas in its last column and no quotes around them; none where the first row lacks some."""
    if file.ending == ".parquet":
        return []
    lines = [line for line in decoded(file.read())[0].splitlines() if line.strip()]
    names = [name.strip() for name in lines[0].split(",")] if lines else []
    cells = [line.split(",", len(names) - 1) for line in lines[1:]]
    if len(names) < 2 or not cells or len(cells[0]) < len(names):
        return []
    return [dict(zip(names, (cell.strip().strip('"') for cell in row), strict=False)) for row in cells]


def has_tokens(file: TextFile, find: Find) -> bool:
    """Whether its first line names a picture and has no header."""
    match = TOKEN.match(decoded(file.read()[:4096])[0].split("\n", 1)[0].strip())
    return match is not None and find(match["name"].strip()) is not None


def of_tokens(file: TextFile) -> list[Said]:
    """`1000268201.jpg#0<tab>A child in a pink dress.` a line, as Flickr8k has it; Flickr30k parts by `|`."""
    lines = [line.strip() for line in decoded(file.read())[0].splitlines() if line.strip()]
    matches = [TOKEN.match(line) for line in lines]
    found = [Said(match["name"].strip(), match["text"].strip()) for match in matches if match]
    return found if 2 * len(found) > len(lines) else []


def of_json(file: TextFile, find: Find, column: str | None) -> list[Said]:
    """COCO's `images` and `annotations`, Karpathy's `images` with `sentences`, rows, or names with captions."""
    try:
        value = json.loads(decoded(file.read())[0])
    except (ValueError, RecursionError):
        return []
    if isinstance(value, list):
        return of_rows(file, [row for row in value if isinstance(row, dict)], find, column)
    if not isinstance(value, dict):
        return []
    images, notes = value.get("images"), value.get("annotations")
    if isinstance(images, list) and isinstance(notes, list):
        names = {each.get("id"): str(each.get("file_name", "")) for each in images if isinstance(each, dict)}
        rows = [each for each in notes if isinstance(each, dict) and isinstance(each.get("caption"), str)]
        part = part_of(PurePosixPath(file.name).stem)
        return [Said(names.get(each.get("image_id"), ""), each["caption"], part) for each in rows]
    if isinstance(images, list):
        return of_rows(file, [row for row in images if isinstance(row, dict)], find, column)
    pairs = [Said(name, text) for name, given in value.items() for text in texts_of(given)]
    return pairs if any(find(each.picture) is not None for each in pairs[:LOOKED_AT]) else []


def of_sidecar(file: TextFile) -> list[str]:
    """The captions of the picture beside: a line each, or what JSON calls a caption."""
    text = decoded(file.read())[0]
    if file.ending != ".json":
        return list(dict.fromkeys(texts_of(text.splitlines())))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return []
    named = {key.lower(): each for key, each in value.items()} if isinstance(value, dict) else {}
    return texts_of(next((named[key] for key in USUAL if key in named), None))


def of_rows(file: TextFile, rows: list[dict[str, Any]], find: Find, column: str | None) -> list[Said]:
    """Captions from rows: the picture's column is the one that names most pictures."""
    some = rows[:LOOKED_AT]
    names = list(dict.fromkeys(str(key) for row in some for key in row))
    hits = {name: sum(find(str(row.get(name, ""))) is not None for row in some) for name in names}
    usual = {name: -PICTURES.index(name.lower()) if name.lower() in PICTURES else -len(PICTURES) for name in names}
    if not names or not max(hits.values()):
        return []
    pictures = max(names, key=lambda name: (hits[name], usual[name]))
    chosen = caption_columns(file, [name for name in names if name != pictures], some, column)
    part = next((name for name in names if name.lower() in PARTS and any(part_of(row.get(name)) for row in some)), None)
    found = []
    for row in rows:
        texts = [text for name in chosen for text in texts_of(row.get(name))]
        where = part_of(row.get(part)) if part else ""
        found += [Said(str(row.get(pictures, "")), text, where) for text in texts or [""]]
    return found


def caption_columns(file: TextFile, names: list[str], rows: list[dict[str, Any]], chosen: str | None) -> list[str]:
    """The chosen column, the usual one, several numbered ones, or the one with the longest words."""
    words = {name: [text for row in rows for text in texts_of(row.get(name))] for name in names}
    if chosen is not None:
        if chosen not in names:
            others = nearest(chosen, names) or f"; it has {', '.join(names[:8])}"
            raise UserError(f"{file.name} has no column {chosen!r}{others}.")
        if is_numbers(words[chosen]) or not words[chosen]:
            told = f"numbers, such as {words[chosen][0]}" if words[chosen] else "no words"
            raise UserError(f"The column {chosen!r} of {file.name} holds {told}, no captions; choose another.")
        return [chosen]
    usable = [name for name in names if words[name] and not is_numbers(words[name])]
    if several := [name for name in usable if NUMBERED.fullmatch(name)]:
        return several
    by_name = {name.lower(): name for name in reversed(usable)}
    if usual := next((by_name[each] for each in USUAL if each in by_name), None):
        return [usual]
    usable = [name for name in usable if name.lower() not in PARTS]
    if not usable:
        held = ", ".join(f"{name} ({words[name][0] if words[name] else 'nothing'})" for name in names[:5])
        raise UserError(
            f"{file.name} names pictures and has no column of words beside them, only {held or 'no other'}."
        )
    return [max(usable, key=lambda name: sum(map(len, words[name])) / len(words[name]))]


def is_numbers(texts: list[str]) -> bool:
    return sum(NUMBER.fullmatch(text) is not None for text in texts) > len(texts) / 2


def texts_of(value: Any) -> list[str]:
    """A caption, several, or Karpathy's sentences with `raw` words, as texts that are not empty."""
    if isinstance(value, list | tuple):
        return [text for each in value for text in texts_of(each)]
    if isinstance(value, dict):
        return texts_of(next((value[key] for key in ("raw", "caption", "text") if key in value), None))
    text = " ".join(str(value).split()) if isinstance(value, str | int | float) and value == value else ""
    return [text] if text else []


def part_of(word: Any) -> str:
    """`train`, `valid` or `test` for the publisher's words for them; "" for others."""
    text = str(word).lower()
    for part, words in (("test", ("test",)), ("valid", ("val", "dev")), ("train", ("train", "restval"))):
        if any(re.search(rf"(^|[^a-z]){each}", text) for each in words):
            return part
    return ""
