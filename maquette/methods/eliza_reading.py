"""Scripts of ELIZA read from their format of 1966, and checked: what is wrong is told with its line."""

import re
from typing import NamedTuple

from maquette.methods.eliza_scripts import (
    DELIMITERS,
    Answer,
    Memory,
    OneOf,
    Pattern,
    Rule,
    Script,
    Tagged,
    Term,
    Transformation,
    shown,
)
from maquette.methods.hollerith import folded
from maquette.settings import UserError, nearest

LARGEST = 1000  # of the numbers in a script
MEMORIES = 4  # rules of MEMORY: two bits of a hash choose one
_TOKEN = re.compile(r";[^\n]*|\n|[^\S\n]+|[()=]|\d+|[^\s();=]+")


class Word(NamedTuple):
    text: str
    line: int


class Row(NamedTuple):
    items: "list[Word | Row]"
    line: int


Item = Word | Row


def read_script(text: str, name: str = "the script") -> Script:
    """The script that a text holds; a `UserError` with the line where it is none."""
    return _Reader(name).script(text)


class _Reader:
    """Reads a script; `name` is that of its file, for messages."""

    def __init__(self, name: str):
        self.name = name
        self.notes: list[str] = []

    def wrong(self, line: int, what: str) -> UserError:
        return UserError(f"{self.name}, line {line}: {what}")

    # -- brackets ----------------------------------------------------------------------------------------------------

    def items(self, text: str) -> list[Item]:
        """Words and lists of a text; brackets must pair."""
        line = 1
        found: list[Item] = []
        open_rows: list[Row] = []
        for token in _TOKEN.findall(text):
            inside = open_rows[-1].items if open_rows else found
            if token == "\n":
                line += 1
            elif token == "(":
                open_rows.append(Row([], line))
                inside.append(open_rows[-1])
            elif token == ")":
                if not open_rows:
                    raise self.wrong(line, "a closing bracket too many; nothing is open here.")
                open_rows.pop()
            elif not token.isspace() and not token.startswith(";"):
                inside.append(Word(token, line))
        if open_rows:
            first = open_rows[0]
            raise self.wrong(first.line, f"the bracket that opens here, {_begins(first)}, is never closed.")
        return found

    # -- the whole ---------------------------------------------------------------------------------------------------

    def script(self, text: str) -> Script:
        items = self.items(text)
        if not any(isinstance(item, Row) for item in items):
            raise UserError(f"{self.name} holds no script: there is not one list in brackets in it.")
        if not isinstance(items[0], Row):
            raise self.wrong(items[0].line, f"{items[0].text} stands outside of brackets; first comes (A GREETING).")
        greeting = self.said(items[0], "the greeting, which is the first list,")
        rest = items[1:]
        if rest and isinstance(rest[0], Word) and rest[0].text.upper() == "START":
            rest = rest[1:]
        rules: dict[str, Rule] = {}
        memory, none = None, None
        for place, item in enumerate(rest):
            if isinstance(item, Word):
                raise self.wrong(item.line, f"{item.text} stands outside of brackets.")
            if not item.items:
                if place < len(rest) - 1:
                    self.notes.append(f"What follows the empty list in line {item.line} is not read: it ends a script.")
                break
            key = self.key(item)
            if key == "MEMORY":
                if memory is not None:
                    raise self.wrong(item.line, f"a second MEMORY; the first is in line {memory.line}.")
                memory = self.memory(item)
                continue
            rule = self.rule(key, item)
            earlier = none if key == "NONE" else rules.get(key)
            if earlier is not None:
                raise self.wrong(item.line, f"a second rule for {key}; the first is in line {earlier.line}.")
            if key == "NONE":
                none = rule
            else:
                rules[key] = rule
        if not rules and none is None:
            raise UserError(f"{self.name} is an empty script: there is no rule after the greeting.")
        if none is None:
            raise UserError(f"{self.name} has no rule NONE, which answers where no keyword does: (NONE ((0) (GO ON))).")
        if not none.transformations or none.transformations[0].pattern != (0,):
            raise self.wrong(none.line, "NONE must answer every text: its pattern is (0).")
        for answer in (each for found in none.transformations for each in found.answers if not each.is_said):
            raise self.wrong(answer.line, "NONE is the last to be asked, and must say something: no link, no NEWKEY.")
        made = Script(greeting, rules, none, memory, self.notes)
        self.check(made)
        return made

    def check(self, script: Script) -> None:
        """Links lead to rules, tags are somebody's, and what can never happen is noted."""
        answers = [(answer.link, answer.line) for answer in script.all_answers() if answer.link]
        for link, line in [*answers, *((rule.link, rule.line) for rule in script.all_rules() if rule.link)]:
            if link not in script.rules:
                raise self.wrong(line, f"there is no rule {link} to go on with{nearest(link, script.rules)}.")
            if not script.rules[link].has_answers:
                raise self.wrong(line, f"the rule {link} (line {script.rules[link].line}) has no answers.")
        if script.memory is not None and not getattr(script.rules.get(script.memory.keyword), "has_answers", False):
            key = script.memory.keyword
            raise self.wrong(script.memory.line, f"MEMORY goes with {key}, which must have a rule with answers.")
        for rule in script.rules.values():
            self.check_circle(rule, script.rules)
            if rule.keyword in DELIMITERS:
                self.notes.append(f"Line {rule.line}: {rule.keyword} ends a clause, so its rule is never reached.")
        memories = script.memory.transformations if script.memory else ()
        for each in [*(each for rule in script.all_rules() for each in rule.transformations), *memories]:
            for term in each.pattern:
                for tag in term.tags if isinstance(term, Tagged) else ():
                    if tag not in script.tags:
                        self.notes.append(f"Line {each.line}: no keyword has the tag {tag}, so (/{tag}) never fits.")

    def check_circle(self, rule: Rule, rules: dict[str, Rule]) -> None:
        """Refuse rules that do nothing but lead to each other in a circle."""
        passed = [rule.keyword]
        while rule.link and not rule.transformations:
            rule = rules[rule.link]
            if rule.keyword in passed:
                way = " leads to ".join([*passed, rule.keyword])
                raise self.wrong(rules[passed[0]].line, f"{way}, without an end.")
            passed.append(rule.keyword)

    # -- rules -------------------------------------------------------------------------------------------------------

    def rule(self, key: str, row: Row) -> Rule:
        substitute, rank, tags, link = "", 0, [], ""
        transformations: list[Transformation] = []
        rest = row.items[1:]
        if not rest:
            raise self.wrong(row.line, f"the rule {key} is empty.")
        while rest:
            item, rest = rest[0], rest[1:]
            if link:
                raise self.wrong(item.line, f"nothing can follow (={link}), which ends the rule {key}.")
            if isinstance(item, Row):
                if item.items and isinstance(item.items[0], Word) and item.items[0].text == "=":
                    link = self.link(item)
                else:
                    transformations.append(self.transformation(key, item))
            elif item.text == "=":
                if not rest or not isinstance(rest[0], Word):
                    raise self.wrong(item.line, f"= needs the word that replaces {key}.")
                substitute, rest = self.word(rest[0]), rest[1:]
            elif (number := self.number(item)) is not None:
                rank = number
            elif item.text.upper() == "DLIST":
                if not rest or not isinstance(rest[0], Row):
                    raise self.wrong(item.line, "DLIST needs tags in brackets: DLIST(/TAG).")
                tags, rest = self.sublist(rest[0], "/"), rest[1:]
            else:
                raise self.wrong(
                    item.line,
                    f"{item.text} is no part of a rule; after {key} come = WORD, DLIST(/TAG), a rank, and lists.",
                )
        return Rule(key, substitute, rank, tuple(tags), tuple(transformations), link, row.line)

    def transformation(self, key: str, row: Row) -> Transformation:
        if not row.items or not isinstance(row.items[0], Row):
            raise self.wrong(row.line, f"{_begins(row)} is no rule of {key}: ((PATTERN) (ANSWER) ...) or (=KEYWORD).")
        pattern = self.pattern(row.items[0].items, row.items[0].line)
        if len(row.items) < 2:
            raise self.wrong(row.line, f"the pattern {shown(pattern)} of {key} has no answer.")
        return Transformation(pattern, tuple(self.answer(each, pattern) for each in row.items[1:]), row.line)

    def memory(self, row: Row) -> Memory:
        if len(row.items) < 2 or not isinstance(row.items[1], Word):
            raise self.wrong(row.line, "MEMORY needs the keyword that it goes with.")
        made = []
        for item in row.items[2:]:
            signs = [place for place, each in enumerate(getattr(item, "items", [])) if _is(each, "=")]
            if not isinstance(item, Row) or not signs or signs[0] == len(item.items) - 1:
                raise self.wrong(item.line, "a rule of MEMORY is (PATTERN = ANSWER).")
            pattern = self.pattern(item.items[: signs[0]], item.line)
            answer = self.answer(Row(item.items[signs[0] + 1 :], item.line), pattern)
            made.append(Transformation(pattern, (answer,), item.line))
        if len(made) != MEMORIES:
            raise self.wrong(row.line, f"MEMORY has {len(made)} rules, and needs {MEMORIES}: two bits choose one.")
        return Memory(self.word(row.items[1]), tuple(made), row.line)

    def pattern(self, items: list[Item], line: int) -> Pattern:
        terms: list[Term] = []
        for item in items:
            if isinstance(item, Row):
                sign = item.items[0].text[:1] if item.items and isinstance(item.items[0], Word) else ""
                if sign not in ("*", "/"):
                    raise self.wrong(item.line, f"{_begins(item)} in a pattern is neither (*WORDS) nor (/TAGS).")
                words = tuple(self.sublist(item, sign))
                terms.append(OneOf(words) if sign == "*" else Tagged(words))
            else:
                number = self.number(item)
                terms.append(self.word(item) if number is None else number)
        if not terms:
            raise self.wrong(line, "a pattern is empty; (0) fits every text.")
        return tuple(terms)

    def answer(self, item: Item, pattern: Pattern) -> Answer:
        if isinstance(item, Word):
            raise self.wrong(item.line, f"{item.text} stands among answers without brackets.")
        items = item.items
        if items and _is(items[0], "="):
            return Answer(None, self.link(item), item.line)
        if len(items) == 1 and _is(items[0], "NEWKEY"):
            return Answer(None, "", item.line)
        if items and _is(items[0], "PRE"):
            if len(items) != 3 or not (isinstance(items[1], Row) and isinstance(items[2], Row)):
                raise self.wrong(item.line, "PRE is (PRE (WORDS AND PARTS) (=KEYWORD)).")
            parts = self.parts(items[1], pattern)
            words = tuple(part if isinstance(part, int) else folded(part)[0] for part in parts)
            return Answer(words, self.link(items[2]), item.line)
        return Answer(self.parts(item, pattern), "", item.line)

    def parts(self, row: Row, pattern: Pattern) -> tuple[int | str, ...]:
        made: list[int | str] = []
        for item in row.items:
            if isinstance(item, Row):
                raise self.wrong(item.line, f"{_begins(item)}: there can be no brackets within an answer.")
            number = self.number(item)
            if number is not None and not 1 <= number <= len(pattern):
                what = f"its pattern {shown(pattern)} has {len(pattern)}"
                raise self.wrong(item.line, f"an answer asks for part {item.text}, and {what}.")
            made.append(item.text if number is None else number)
        return tuple(made)

    # -- small things ------------------------------------------------------------------------------------------------

    def number(self, word: Word) -> int | None:
        """The number that a word is, if it is one: a rank, a count of words, a part."""
        if not (word.text.isascii() and word.text.isdigit()):
            return None
        if len(word.text) > len(str(LARGEST)) or int(word.text) > LARGEST:
            raise self.wrong(word.line, f"{word.text[:20]} is a number above {LARGEST:,}.")
        return int(word.text)

    def key(self, row: Row) -> str:
        if not isinstance(row.items[0], Word) or row.items[0].text == "=":
            raise self.wrong(row.line, f"{_begins(row)}: a rule begins with its keyword.")
        return self.word(row.items[0])

    def link(self, row: Row) -> str:
        if len(row.items) != 2 or not _is(row.items[0], "=") or not isinstance(row.items[1], Word):
            raise self.wrong(row.line, f"{_begins(row)} is no link; it is (=KEYWORD).")
        return self.word(row.items[1])

    def sublist(self, row: Row, sign: str) -> list[str]:
        """The words of (*A B) or (/A B); the sign may stand by itself."""
        words = [item for item in row.items if isinstance(item, Word)]
        if len(words) < len(row.items) or not words or not words[0].text.startswith(sign):
            raise self.wrong(row.line, f"{_begins(row)} should be ({sign}WORD ...).")
        first = words[0]._replace(text=words[0].text[1:])
        found = [self.word(word) for word in [first, *words[1:]] if word.text]
        if not found:
            raise self.wrong(row.line, f"({sign}) holds no word.")
        return found

    def said(self, row: Row, what: str) -> str:
        if any(isinstance(item, Row) for item in row.items):
            raise self.wrong(row.line, f"{what} holds words only, and no lists.")
        return " ".join(item.text for item in row.items if isinstance(item, Word))

    def word(self, word: Word) -> str:
        """A word of keywords and patterns in the machine's letters."""
        text, lost = folded(word.text)
        if lost:
            raise self.wrong(word.line, f"{word.text} has {lost[0]!r}, and the machine has the letters A to Z.")
        return text.strip()


def _is(item: Item, text: str) -> bool:
    return isinstance(item, Word) and item.text.upper() == text


def _begins(row: Row) -> str:
    """How a list begins, for messages."""
    words = " ".join(item.text if isinstance(item, Word) else "(...)" for item in row.items[:4])
    return f"({words}{' ...' if len(row.items) > 4 else ''})"
