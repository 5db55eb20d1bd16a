"""Text: sentences, prompts, files of them; answers come as they are written."""

import difflib
import hashlib
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from maquette.data.cache import cache_folder
from maquette.data.text.decoding import decoded, is_binary
from maquette.files import write_text, written_whole
from maquette.media import Asked
from maquette.settings import UserError, nearest

BETWEEN = "\n---\n"
FILES = (".txt", ".md")  # endings of what is taken for a file's name
OTHERS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".exr", ".mp4", ".html", ".csv", ".xlsx", ".parquet")
ALMOST = 0.8  # how alike names are of which one may be the other, mistyped


class Continuation(NamedTuple):
    """What follows a prompt, as it comes: each of `pieces` holds the next bit of every continuation.

    `notes` are filled while it is written; `between` stands between several of them in a file.
    """

    prompt: str
    pieces: Iterator[list[str]]
    notes: list[str]
    between: str = BETWEEN

    def texts(self) -> list[str]:
        """All of each continuation; what is no longer continued gives shorter pieces."""
        made = list(self.pieces)
        width = max([1, *map(len, made)])
        return ["".join(piece[place] for piece in made if place < len(piece)) for place in range(width)]


class Remark(str):
    """An answer in a conversation: shown at once, each below the one before. `notes` are said beside it."""

    notes: list[str]

    def __new__(cls, text: str, notes: Iterable[str] = ()) -> "Remark":
        made = super().__new__(cls, text)
        made.notes = list(notes)
        return made


class Typed:
    """Lines as they are typed on the terminal, until an empty one, or as they come from a pipe, without empty ones."""

    def __init__(self) -> None:
        self.is_terminal = sys.stdin.isatty()
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")

    def __iter__(self) -> Iterator[str]:
        if not self.is_terminal:
            yield from filter(None, map(str.strip, sys.stdin))
            return
        print("(an empty line ends the conversation)", file=sys.stderr)
        while True:
            try:
                line = input("> ").strip()
            except (EOFError, KeyboardInterrupt):
                print()
                return
            if not line:
                return
            yield line


def accepts(given: Any) -> bool:
    return isinstance(given, str | Path)


def is_one(given: Any) -> bool:
    return isinstance(given, str | Path)


def read(given: list[Any], say: Callable[[str], None], options: Any = None) -> Iterator[str]:
    """The texts themselves, or what files of that name hold."""
    for each in given:
        yield text_of(str(each), say)


def text_of(given: str, say: Callable[[str], None] = lambda note: None) -> str:
    """What the file of that name holds, in whatever encoding; the text itself where it is no file's name."""
    path = Path(given)
    if not is_name(given):
        if meant := almost_a_name(given):
            raise UserError(f"There is no file {given}; did you mean {meant}?")
        return given
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        others = [each.name for each in path.parent.glob("*") if each.suffix.lower() in FILES]
        raise UserError(
            f"There is no file {given}{nearest(path.name, others)} (a text that only looks like a file's name needs a "
            "blank somewhere)"
        ) from None
    except OSError as error:
        raise UserError(f"{given} cannot be read: {error.strerror or error}.") from None
    text, encoding, bad = decoded(data)
    if bad or is_binary(data):
        what = f"{bad:,} of its bytes are no text in {encoding}" if bad else "it is a binary file"
        raise UserError(f"{given} cannot be read: {what}. Save it as UTF-8.")
    if encoding not in ("ascii", "utf-8"):
        say(f"{given} is read as {encoding}.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def is_name(given: str) -> bool:
    """Whether a text is that of a file: it ends like one and has no blanks, or there is one, or its folder."""
    path = Path(given)
    if "\n" in given or len(given) >= 1000 or path.suffix.lower() not in FILES or given.strip() != given:
        return False
    try:
        return not any(map(str.isspace, given)) or path.exists() or (path.name != given and path.parent.is_dir())
    except OSError:  # too long for a name
        return False


def almost_a_name(given: str) -> str | None:
    """The name of a file that a text with blanks, ended like a file, differs from in a letter or two."""
    path = Path(given)
    if "\n" in given or len(given) >= 200 or path.suffix.lower() not in FILES or not path.parent.is_dir():
        return None
    names = [each.name for each in path.parent.iterdir() if each.suffix.lower() in FILES]
    return next(iter(difflib.get_close_matches(path.name, names, n=1, cutoff=ALMOST)), None)


def doubts(given: list[str]) -> list[str]:
    """What may have been meant otherwise: single words in a row, which are one prompt each."""
    if len(given) < 2 or any(is_name(each) or len(each.split()) > 1 for each in given):
        return []
    return [f'{len(given)} prompts, each by itself; if they are one, put quotes around it: "{" ".join(given)}"']


def write(
    answers: Iterable[str | Continuation], out: Path | None, asked: Asked, say: Callable[[str], None]
) -> Path | None:
    """On the terminal as it comes, or in a file; several continuations one by one, a conversation line by line."""
    if out is not None and out.suffix.lower() in OTHERS:
        raise UserError(f"--out {out}: this is text; name it {out.with_suffix(FILES[0]).name}.")
    whole: list[str] = []
    notes: list[str] = []
    between = BETWEEN
    for answer in answers:
        if isinstance(answer, Remark):
            between = "\n"
            if out is None or asked.is_typed:
                print(answer, flush=True)
                for note in answer.notes:
                    print(note, file=sys.stderr, flush=True)
            else:
                notes += answer.notes
            if out is not None:
                whole.append(answer)
            continue
        if isinstance(answer, str):
            whole.append(answer)
            continue
        first = next(answer.pieces, [])
        pieces = _resumed(first, answer.pieces)
        between = answer.between
        if len(first) <= 1 and (asked.is_typed or (out is None and not whole)):
            said = [answer.prompt]
            print(answer.prompt, end="", flush=True)
            try:
                for piece in pieces:
                    said += piece
                    print("".join(piece), end="", flush=True)
            finally:  # what goes wrong is told on a line of its own
                print(flush=True)
            if out is not None:
                whole.append("".join(said))
        else:
            whole += [answer.prompt + text for text in answer._replace(pieces=pieces).texts()]
        notes += answer.notes
    for note in dict.fromkeys(notes):
        print(note, file=sys.stderr)
    if out is not None:
        write_text(out, between.join(whole) + "\n")
        return out
    if whole:
        print(between.join(whole))
    return None


def _resumed(first: list[str], rest: Iterator[list[str]]) -> Iterator[list[str]]:
    yield first
    yield from rest


def plain(answers: Iterable[str | Continuation], is_one: bool) -> Any:
    """What was written for each input: a text, or a list of them where several continuations were asked for."""
    found: list[Any] = []
    for answer in answers:
        texts = [answer] if isinstance(answer, str) else answer.texts()
        found.append(texts if len(texts) > 1 else texts[0])
    return found[0] if is_one and len(found) == 1 else found


def show(inputs: Any, answers: Iterable[str | Continuation], run: Any) -> None:
    found = list(answers)
    goes_on = any(isinstance(each, Continuation) and each.prompt for each in found)
    name, what = ("goes on", "Beginnings") if goes_on else ("answer", "Texts")
    written = pd.DataFrame({"text": inputs, name: plain(found, False)})
    run.table("Examples", written, f"{what} from the test part, and what the saved model makes of them.")


def keep(data: Any) -> Path:
    """A file with a document a line, in the cache."""
    texts = [data] if isinstance(data, str) else data
    lines = "".join(json.dumps({"text": str(text)}, ensure_ascii=False) + "\n" for text in texts).encode()
    path = cache_folder() / "texts" / f"{hashlib.sha256(lines).hexdigest()[:16]}.jsonl"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as temporary:
            temporary.write_bytes(lines)
    return path
