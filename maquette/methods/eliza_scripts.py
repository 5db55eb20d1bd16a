"""Scripts of ELIZA in the format of 1966, as they are once they are read.

A script is a row of lists in brackets: the greeting; START, which may be missing; rules; an empty list at the end.
A line's rest after a semicolon is a comment.

    (KEYWORD = SUBSTITUTE DLIST(/TAG ...) RANK ((PATTERN) (ANSWER) ...) ... (=OTHER))
    (MEMORY KEYWORD (PATTERN = ANSWER) ... four of them)
    (NONE ((0) (ANSWER) ...))

A pattern holds words, numbers (that many words; 0 any number of them), (*ONE OF THESE) and (/TAG). An answer holds
words and the places of a pattern's parts, counted from 1, or is (=OTHER), (NEWKEY) or (PRE (WORDS AND PARTS) (=OTHER)).

Weizenbaum, CACM 9(1), 1966, page 36, appendix and pages 37 to 42.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

DELIMITERS = (".", ",", "BUT")  # what ends a clause


class OneOf(NamedTuple):
    """(*SAD SICK): one of these words."""

    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"(*{' '.join(self.words)})"


class Tagged(NamedTuple):
    """(/FAMILY): a word that has one of these tags."""

    tags: tuple[str, ...]

    def __str__(self) -> str:
        return f"(/{' '.join(self.tags)})"


Term = int | str | OneOf | Tagged
Pattern = tuple[Term, ...]


class Answer(NamedTuple):
    """What becomes of a text that a pattern has parted: `parts` is said, words and places of parts counted from 1.

    With `link` the rules of another keyword go on, with the text as it is or, where there are parts (PRE), with these.
    With neither, the next keyword of the stack is tried (NEWKEY).
    """

    parts: tuple[int | str, ...] | None
    link: str = ""
    line: int = 0

    @property
    def is_new_key(self) -> bool:
        return self.parts is None and not self.link

    @property
    def is_said(self) -> bool:
        return self.parts is not None and not self.link

    def __str__(self) -> str:
        said = f"({' '.join(map(str, self.parts or ()))})"
        if self.is_new_key:
            return "(NEWKEY)"
        if not self.link:
            return said
        return f"(={self.link})" if self.parts is None else f"(PRE {said} (={self.link}))"


class Transformation(NamedTuple):
    """A pattern and its answers, which are used in turn."""

    pattern: Pattern
    answers: tuple[Answer, ...]
    line: int = 0


@dataclass(frozen=True)
class Rule:
    """What a keyword does: the word that replaces it, its rank, its tags, and how texts with it are answered.

    link: the keyword whose rules are taken where no pattern fits.
    """

    keyword: str
    substitute: str = ""
    rank: int = 0
    tags: tuple[str, ...] = ()
    transformations: tuple[Transformation, ...] = ()
    link: str = ""
    line: int = 0

    @property
    def has_answers(self) -> bool:
        """Whether it goes on the stack; others only replace their word or give it tags."""
        return bool(self.transformations or self.link)


@dataclass(frozen=True)
class Memory:
    """The keyword whose texts are remembered, and four transformations of one answer each."""

    keyword: str
    transformations: tuple[Transformation, ...]
    line: int = 0


@dataclass(frozen=True)
class Script:
    """Everything that ELIZA knows. `notes` name what can never happen by it."""

    greeting: str
    rules: dict[str, Rule]
    none: Rule
    memory: Memory | None = None
    notes: list[str] = field(default_factory=list)

    @cached_property
    def tags(self) -> dict[str, frozenset[str]]:
        """The keywords of each tag."""
        names = {tag for rule in self.rules.values() for tag in rule.tags}
        return {tag: frozenset(key for key, rule in self.rules.items() if tag in rule.tags) for tag in sorted(names)}

    @cached_property
    def is_capital(self) -> bool:
        """Whether it is written in capitals alone, as the machine was; else answers keep their small letters."""
        return not any(sign.islower() for sign in " ".join([self.greeting, *map(str, self.all_answers())]))

    def all_rules(self) -> list[Rule]:
        """The rules in order, NONE last."""
        return [*self.rules.values(), self.none]

    def all_answers(self) -> Iterator[Answer]:
        for rule in self.all_rules():
            for each in rule.transformations:
                yield from each.answers
        for each in self.memory.transformations if self.memory else ():
            yield from each.answers


def shown(pattern: Pattern) -> str:
    """A pattern as scripts have it."""
    return f"({' '.join(map(str, pattern))})"
