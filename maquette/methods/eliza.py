"""ELIZA as it was in 1966: a text is searched for keywords, parted by patterns, and put together anew.

Follows Weizenbaum, CACM 9(1), 1966, page 36, and, where the paper leaves it open, the program's source in MAD-SLIP,
recovered in 2021: BUT ends a clause as comma and full stop do; LIMIT counts 1, 2, 3, 4 over the inputs, starting with
2, and what is remembered is said only at 4; the rule of a memory is the hash of the last six letters.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from maquette.methods.eliza_scripts import (
    DELIMITERS,
    Answer,
    OneOf,
    Pattern,
    Script,
    Tagged,
    Term,
    Transformation,
    shown,
)
from maquette.methods.hollerith import folded, hashed
from maquette.settings import UserError

LIMITS = 4  # LIMIT counts to this, and begins again with 1
NO_MATCH = ("PLEASE CONTINUE", "HMMM", "GO ON , PLEASE", "I SEE")  # said by LIMIT where no pattern fits
MOST_STEPS = 10_000  # rules that one reply may go through; scripts can go round for ever
MOST_WORDS = 2000  # that PRE may make of what was said
MOST_NAMED = 8  # keywords that a sentence names
FIRST_PERSON = ("I", "I'M", "I'VE", "I'LL", "I'D")  # keep their capital in scripts with small letters

Source = Literal["rule", "memory", "none", "no match"]
Part = Sequence[str]
Tags = Mapping[str, frozenset[str]]


class Step(NamedTuple):
    """A rule that was tried: the text it saw, the pattern that fitted with its parts, and the answer that was due.

    which: the pattern's place among the keyword's, and the answer's among the pattern's, from 0. Without a pattern
    that fits there is neither; `link` then leads on, or the rule has failed.
    """

    keyword: str
    words: list[str]
    transformation: Transformation | None
    parts: list[list[str]]
    answer: Answer | None
    which: tuple[int, int]
    link: str = ""


class Remembered(NamedTuple):
    """What will be said later, the last word, which was hashed, and the rule that this chose, 0 to 3."""

    text: str
    word: str
    place: int


@dataclass
class Reply:
    """What ELIZA says, and how it came to that.

    words: the clause that was kept, after substitutions, each given as (word, what replaced it). stack: keywords in
    the order in which they were to be tried, with their ranks. lost: characters that the machine has not.
    """

    said: str
    limit: int
    text: str = ""
    source: Source = "rule"
    dropped: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    substitutions: list[tuple[str, str]] = field(default_factory=list)
    stack: list[tuple[str, int]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    remembered: list[Remembered] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def why(self) -> str:
        """Which rule answered, in a sentence."""
        if self.source == "memory":
            return "no keyword, and LIMIT is 4: the oldest memory"
        last, way = self.steps[-1], [step.keyword for step in self.steps]
        if self.source == "no match":
            return f"no pattern of {last.keyword} fits: the program's own remark for LIMIT {self.limit}"
        assert last.transformation is not None and last.answer is not None
        if self.source == "none":
            name = "no keyword left: NONE" if len(way) > 1 else "no keyword: NONE"
        else:
            name = "keyword " + " then ".join(way[-MOST_NAMED:])
        number = f"answer {last.which[1] + 1} of {len(last.transformation.answers)}"
        return f"{name}, pattern {shown(last.transformation.pattern)}, {number} in line {last.answer.line}"


class Eliza:
    """One conversation. `turns`: which answer of a pattern is due; `memories`: what is still to be said."""

    def __init__(self, script: Script):
        self.script = script
        self.limit = 1
        self.turns: dict[tuple[str, int], int] = {}
        self.memories: deque[str] = deque()

    def reply(self, said: str) -> Reply:
        """The answer to one input."""
        self.limit = self.limit % LIMITS + 1
        text, lost = folded(said)
        found = Reply(said, self.limit, lost=lost)
        self._scan(words_of(text), found)
        if not found.stack and self.limit == LIMITS and self.memories:
            found.text, found.source = self.memories.popleft(), "memory"
            return found
        words, stack = list(found.words), deque(keyword for keyword, _ in found.stack)
        while stack:
            keyword = stack.popleft()
            if self.script.memory is not None and keyword == self.script.memory.keyword and words:
                self._remember(words, found)
            step = self._apply(keyword, words)
            found.steps.append(step)
            if len(found.steps) > MOST_STEPS:
                raise UserError(f"The script goes round without an end on {said[:60]!r}, by {keyword} and back.")
            answer = step.answer
            if answer is None and not step.link:
                found.text, found.source = NO_MATCH[self.limit - 1], "no match"
                return found
            if answer is not None and answer.is_said:
                found.text = self._spoken(answer, step.parts)
                return found
            if answer is not None and answer.parts is not None:
                words = assembled(answer.parts, step.parts)
                if len(words) > MOST_WORDS:
                    raise UserError(f"The script makes a text of ever more words of {said[:60]!r}, by {keyword}.")
            if answer is None or not answer.is_new_key:
                stack.appendleft(step.link)
        step = self._apply("NONE", words)
        found.steps.append(step)
        assert step.answer is not None
        found.text, found.source = self._spoken(step.answer, step.parts), "none"
        return found

    def _scan(self, words: list[str], found: Reply) -> None:
        """Keep the first clause with a keyword; stack its keywords, and put in what replaces them.

        A keyword of a higher rank than all before goes on top of the stack, another to its bottom.
        """
        top = 0
        stack: deque[tuple[str, int]] = deque()
        heard: list[str] = []
        for place, word in enumerate(words):
            if word in DELIMITERS:
                if stack:
                    found.dropped.append(" ".join(words[place + 1 :]))
                    break
                found.dropped.append(" ".join(heard))
                heard, found.words, found.substitutions = [], [], []
                continue
            heard.append(word)
            rule = self.script.rules.get(word)
            if rule is not None and rule.has_answers:
                if rule.rank > top:
                    top = rule.rank
                    stack.appendleft((word, rule.rank))
                else:
                    stack.append((word, rule.rank))
            replaced = rule.substitute if rule is not None and rule.substitute else word
            if replaced != word:
                found.substitutions.append((word, replaced))
            found.words.append(replaced)
        found.heard, found.stack = heard, list(stack)
        found.dropped = [clause for clause in found.dropped if clause]

    def _apply(self, keyword: str, words: list[str]) -> Step:
        """The first pattern of a keyword that fits, and the answer whose turn it is."""
        rule = self.script.none if keyword == "NONE" else self.script.rules[keyword]
        for place, each in enumerate(rule.transformations):
            parts = matched(each.pattern, words, self.script.tags)
            if parts is None:
                continue
            turn = self.turns.get((keyword, place), 0) % len(each.answers)
            self.turns[keyword, place] = turn + 1
            answer = each.answers[turn]
            return Step(keyword, words, each, parts, answer, (place, turn), answer.link)
        return Step(keyword, words, None, [], None, (-1, -1), rule.link)

    def _remember(self, words: list[str], found: Reply) -> None:
        assert self.script.memory is not None
        place = hashed(words[-1], 2)
        each = self.script.memory.transformations[place]
        parts = matched(each.pattern, words, self.script.tags)
        if parts is not None:
            self.memories.append(self._spoken(each.answers[0], parts))
            found.remembered.append(Remembered(self.memories[-1], words[-1], place))

    def _spoken(self, answer: Answer, parts: Sequence[Part]) -> str:
        """An answer put together; in a script with small letters, so is what it gives back of the input."""
        assert answer.parts is not None
        if not self.script.is_capital:
            parts = [[word if word in FIRST_PERSON else word.lower() for word in part] for part in parts]
        return " ".join(assembled(answer.parts, parts))


def words_of(text: str) -> list[str]:
    """The words of a folded text; commas and full stops are words of their own."""
    for sign in ",.":
        text = text.replace(sign, f" {sign} ")
    return text.split()


def matched(pattern: Pattern, words: Sequence[str], tags: Tags) -> list[list[str]] | None:
    """The parts of a text, one for each term of the pattern, or None where it does not fit.

    Of several ways to fit, the one whose first 0 takes the fewest words, then the second, and so on.
    """
    count = len(words)
    # fits[p][w]: whether the terms from p on fit the words from w on
    fits = [[False] * (count + 1) for _ in range(len(pattern) + 1)]
    fits[-1][count] = True
    for place in range(len(pattern) - 1, -1, -1):
        term, here, after = pattern[place], fits[place], fits[place + 1]
        for at in range(count, -1, -1):
            if term == 0:
                here[at] = after[at] or (at < count and here[at + 1])
            elif isinstance(term, int):
                here[at] = at + term <= count and after[at + term]
            else:
                here[at] = at < count and after[at + 1] and is_word_of(term, words[at], tags)
    if not fits[0][0]:
        return None
    parts, at = [], 0
    for place, term in enumerate(pattern):
        taken = term if isinstance(term, int) else 1
        if term == 0:
            while not fits[place + 1][at + taken]:
                taken += 1
        parts.append(list(words[at : at + taken]))
        at += taken
    return parts


def is_word_of(term: Term, word: str, tags: Tags) -> bool:
    """Whether a word is that of a pattern, one of its choice, or has one of its tags."""
    if isinstance(term, OneOf):
        return word in term.words
    if isinstance(term, Tagged):
        return any(word in tags.get(tag, ()) for tag in term.tags)
    return word == term


def assembled(answer: Sequence[int | str], parts: Sequence[Part]) -> list[str]:
    """The words of an answer, parts in the places of their numbers."""
    made: list[str] = []
    for each in answer:
        if isinstance(each, int):
            made += parts[each - 1]
        else:
            made.append(each)
    return made
