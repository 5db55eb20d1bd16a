"""Sentence pairs of our own making: English, and an invented language, by a grammar that says each exactly once.

The invented language has its verb at the end, adjectives behind their nouns, numbers behind both, no articles, endings
for the object, the place and the plural which adjectives take over, and a verb that agrees in number with its subject.
So no word-by-word dictionary can be right, and a translation is either right or wrong.
"""

from pathlib import Path

import numpy as np

NOUNS = {
    "dog": "rovu",
    "cat": "misa",
    "bird": "telo",
    "horse": "gano",
    "farmer": "harde",
    "teacher": "solma",
    "child": "piku",
    "king": "orsa",
    "queen": "orsile",
    "doctor": "meda",
    "house": "vanu",
    "garden": "luma",
    "river": "aska",
    "tree": "bodo",
    "boat": "nale",
    "letter": "skria",
    "stone": "kelu",
    "wall": "dorma",
    "table": "tafo",
    "window": "filu",
}
LIVING = 10  # of the nouns, the first, which do things
IRREGULAR = {"child": "children"}
ADJECTIVES = {
    "small": "nite",
    "big": "gruma",
    "red": "rusa",
    "blue": "salu",
    "old": "vetro",
    "young": "june",
    "quiet": "silo",
    "happy": "lare",
    "green": "zelo",
    "tired": "mulo",
}
VERBS = {
    "see": ("see", "sees", "saw", "vida"),
    "find": ("find", "finds", "found", "trova"),
    "paint": ("paint", "paints", "painted", "colora"),
    "follow": ("follow", "follows", "followed", "sekva"),
    "carry": ("carry", "carries", "carried", "porta"),
    "watch": ("watch", "watches", "watched", "guda"),
    "like": ("like", "likes", "liked", "ama"),
    "know": ("know", "knows", "knew", "skia"),
    "draw": ("draw", "draws", "drew", "lina"),
    "need": ("need", "needs", "needed", "bezo"),
}
PLACES = {"behind": "ruk", "near": "apu", "under": "sub", "above": "tir"}
NUMBERS = {"two": "dua", "three": "tria", "four": "kara"}
TIMES = {"today": "hodi", "yesterday": "hieri", "often": "multe"}
OBJECT, PLACE, PLURAL, PAST, MANY = "n", "sh", "ki", "ta", "mo"  # endings
PARTS = {"train": 6_000, "val": 200, "test_invented": 300}
ENGLISH, INVENTED = "en", "inv"


class Thing:
    """A noun with its article or number, and perhaps an adjective."""

    def __init__(self, g: np.random.Generator, living: bool = False):
        nouns = list(NOUNS)[:LIVING] if living else list(NOUNS)
        self.noun = nouns[g.integers(len(nouns))]
        self.adjective = list(ADJECTIVES)[g.integers(len(ADJECTIVES))] if g.random() < 0.5 else ""
        kind = g.choice(["the", "a", "the many", "number"], p=[0.4, 0.25, 0.15, 0.2])
        self.number = list(NUMBERS)[g.integers(len(NUMBERS))] if kind == "number" else ""
        self.article = "" if kind == "number" else kind.split()[0]
        self.is_many = kind in ("the many", "number")

    def english(self) -> str:
        noun = IRREGULAR.get(self.noun, self.noun + "s") if self.is_many else self.noun
        words = [self.article or self.number, self.adjective, noun]
        if self.article == "a" and (self.adjective or noun)[0] in "aeiou":
            words[0] = "an"
        return " ".join(filter(None, words))

    def invented(self, case: str = "") -> str:
        """`the` is said by nothing, `a` by one word behind all."""
        ending = (PLURAL if self.is_many else "") + case
        words = [NOUNS[self.noun] + ending]
        if self.adjective:
            words.append(ADJECTIVES[self.adjective] + ending)
        if self.number:
            words.append(NUMBERS[self.number])
        if self.article == "a":
            words.append("un")
        return " ".join(words)


def sentence(g: np.random.Generator) -> tuple[str, str]:
    """A sentence in English and in the invented language."""
    subject, other = Thing(g, living=True), Thing(g)
    base, single, past, verb = VERBS[list(VERBS)[g.integers(len(VERBS))]]
    time = list(TIMES)[g.integers(len(TIMES))] if g.random() < 0.4 else ""
    is_past = time == "yesterday" or (not time and g.random() < 0.4)
    is_denied = g.random() < 0.2
    if is_denied:
        helper = "did" if is_past else "do" if subject.is_many else "does"
        said = f"{helper} not {base}"
    else:
        said = past if is_past else base if subject.is_many else single
    place = list(PLACES)[g.integers(len(PLACES))] if g.random() < 0.4 else ""
    where = Thing(g) if place else None
    english = [subject.english(), said, other.english()]
    invented = [TIMES[time]] if time else []
    invented += [subject.invented()]
    if where:
        english += [place, where.english()]
        invented += [where.invented(PLACE), PLACES[place]]
    invented += [other.invented(OBJECT), "ne" if is_denied else ""]
    invented += [verb + (PAST if is_past else "") + (MANY if subject.is_many else "")]
    if time:
        english.append(time)
    return written(english), written(invented)


def written(words: list[str]) -> str:
    text = " ".join(filter(None, words))
    return text[0].upper() + text[1:] + "."


def write_sentences(folder: Path) -> None:
    """Files of lines for training, validation and test; no English sentence is in two of them."""
    g, seen = np.random.default_rng(3), set()
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in PARTS.items():
        pairs: list[tuple[str, str]] = []
        while len(pairs) < count:
            pair = sentence(g)
            if pair[0] not in seen:
                seen.add(pair[0])
                pairs.append(pair)
        for place, language in enumerate((ENGLISH, INVENTED)):
            lines = "".join(f"{pair[place]}\n" for pair in pairs)
            (folder / f"{part}.{language}").write_bytes(lines.encode())
