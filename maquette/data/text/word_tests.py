"""Files of pairs of words with people's judgements, and of analogies, as they are passed around."""

from pathlib import Path
from typing import NamedTuple

from maquette.settings import UserError

SIMILARITY = {"men": "EN-MEN-TR-3k.txt", "wordsim": "wordsim353.tsv", "simlex": "simlex999.txt"}
ANALOGIES = "questions-words.txt"


class Judged(NamedTuple):
    """Two words, and how alike people find them."""

    first: str
    second: str
    score: float


def read_judged(path: Path) -> list[Judged]:
    """Pairs of a file: two words and a number on a line; lines with # in front are comments."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            try:
                first, second, score = line.split()[:3]
                found.append(Judged(first.lower(), second.lower(), float(score)))
            except ValueError:
                raise UserError(f"{path}, line {number}: two words and a number are expected.") from None
    return found


def read_analogies(path: Path) -> dict[str, list[tuple[str, str, str, str]]]:
    """Questions by section: a is to b as c is to d; a section begins with a line of a colon and its name."""
    found: dict[str, list[tuple[str, str, str, str]]] = {}
    section = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = line.lower().split()
        if line.startswith(":"):
            section = line[1:].strip()
        elif words:
            if len(words) != 4:
                raise UserError(f"{path}, line {number}: four words are expected.")
            found.setdefault(section, []).append((words[0], words[1], words[2], words[3]))
    return found
