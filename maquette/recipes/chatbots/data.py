"""What chatbots are asked: a paragraph, questions, its words with what stands before them, and how a text speaks."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from maquette.data.text.tokenizers import WORDS
from maquette.media.text import text_of
from maquette.settings import UserError

PARAGRAPH = (
    "Hello there! I'm a little meerkat, my name is Steven. And you can usually find me standing on my hind legs, "
    "keeping a lookout for my family. We live together in large groups called 'mobs', and it's my job to make "
    "sure everyone is safe while they're busy digging or playing. You know, life in the desert can be quite an "
    "adventure! We love to bask in the sun, but we're always ready to dart into our burrows if danger comes "
    "close. Oh, and we are super curious! I often find myself nosing around, exploring every nook and cranny of "
    "our sandy home. We meerkats are also great at working together. Whether it's finding food or taking care of "
    "our little pups, teamwork is our secret to a happy life. And guess what? We have a special way of talking to"
    " each other with chirps, barks, and purrs. It's like our own secret language! So, if you ever hear a bunch "
    "of chattering and see a group of us looking around intently, just know, we're having a lively chat about our"
    " day's adventures and watching out for each other, because that's what families do."
)  # the course's text for recurrent networks
QUESTIONS = (
    "What do meerkats like to eat?",
    "What is your name?",
    "Where do you live?",
    "How do you talk to each other?",
    "Are you happy?",
)
ANSWERS = ("Watermelons", "Food", "Steven", "Burrows")  # the course's answer, and words of the paragraph
SPEAKER = re.compile(r"^([^\W\d_][^:\n]{0,30}|#\w+#):(\s)", re.MULTILINE)
SPOKEN = 0.01  # part of the lines that must begin with a speaker, for a text to be a talk
LETTERS, BEFORE = 6, 3  # at least: letters of a word that is asked for, and words before it in its sentence
LEAD = 40  # words of other text that everything begins with


class Fact(NamedTuple):
    """A word of the paragraph: what is told up to the end of its sentence, the sentence up to it, and the word."""

    told: str
    cue: str
    word: str


class Manner(NamedTuple):
    """How a text has people speak: what stands before a question, between it and the answer, and what ends that."""

    before: str
    between: str
    stop: str


class Filler(NamedTuple):
    """A stretch of other text: what everything begins with, and the words that come between."""

    lead: str
    words: list[str]


def text_at(given: str | None, otherwise: str, setting: str) -> str:
    """The text of a file, or another one where none is given."""
    if given is None:
        return otherwise
    if not Path(given).expanduser().is_file():
        raise UserError(f"--{setting} {given}: there is no such file.")
    text = text_of(str(Path(given).expanduser())).strip()
    if not text:
        raise UserError(f"--{setting} {given} is empty.")
    return text


def lines_of(texts: Iterable[str]) -> list[str]:
    """The lines of texts that hold something."""
    return [line.strip() for text in texts for line in text.splitlines() if line.strip()]


def words_of(text: str) -> list[str]:
    """The words of a text in small letters."""
    return [word.lower() for word in WORDS.findall(text) if word[0].isalpha()]


def facts_of(paragraph: str, most: int) -> list[Fact]:
    """Long words with some words before them in their sentence, each once; `most` from all over the paragraph."""
    found: list[Fact] = []
    seen: set[str] = set()
    for sentence in re.finditer(r"[^.!?]+[.!?]*\s*", paragraph):
        for word in re.finditer(r"(?<=\s)[^\W\d_]+", sentence.group()):
            cue = sentence.group()[: word.start()].strip()
            if len(word.group()) >= LETTERS and len(cue.split()) >= BEFORE and word.group().lower() not in seen:
                found.append(Fact(paragraph[: sentence.end()].strip(), cue, word.group()))
            seen.add(word.group().lower())
    if len(found) < 2:
        raise UserError(
            f"The paragraph has {len(found)} words of {LETTERS} letters or more with {BEFORE} words before them in "
            "their sentence, and two are needed; give a longer one."
        )
    return [found[place] for place in np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int)]


def sentences_of(paragraph: str) -> list[str]:
    return [found.strip() for found in re.findall(r"[^.!?]+[.!?]*", paragraph) if found.strip()]


def manner_of(text: str) -> Manner:
    """How a text has people speak: as its two commonest speakers do; else a question is a line, the answer the next."""
    gap = "\n\n" if text.count("\n\n") > text.count("\n") / 8 else "\n"
    found = SPEAKER.findall(text)
    names = Counter(name for name, _ in found).most_common(2)
    if len(names) < 2 or len(found) < SPOKEN * (text.count("\n") + 1):
        return Manner("", "\n", gap)
    blank = Counter(after for _, after in found).most_common(1)[0][0]
    (first, _), (second, _) = names
    return Manner(f"{first}:{blank}", f"{gap}{second}:{blank}", gap)


def fillers_of(test: str, count: int, farthest: int, told: int, random: np.random.Generator) -> list[Filler]:
    """Stretches of the test part with at most `farthest` words, and before them as many as what is told has, and more.

    Fewer words where the test part is short.
    """
    words = re.findall(r"\S+\s*", test)
    between = min(farthest, len(words) // 2)
    before = min(told + LEAD, len(words) - between)
    if between < 10:
        raise UserError(f"The test part of the text has {len(words)} words, and 20 are needed; give more text.")
    starts = random.integers(0, len(words) - between - before + 1, count)
    return [
        Filler("".join(words[start : start + before]), words[start + before : start + before + between])
        for start in starts.tolist()
    ]
