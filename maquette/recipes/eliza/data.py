"""What ELIZA is about: scripts and known conversations from files, and sentences made of a script's own rules."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from maquette.data.sets.eliza import PUBLISHED, TALKS
from maquette.data.sets.fetching import Found
from maquette.data.text.decoding import decoded, is_binary
from maquette.data.text.documents import LINES
from maquette.methods.eliza import Eliza, Reply
from maquette.methods.eliza_scripts import OneOf, Rule, Script, Tagged, Transformation
from maquette.settings import UserError

FILLER = "SOMETHING"  # stands for any word in a sentence made of a pattern
MOST_VARIANTS = 8  # of a pattern, each with other words where it has a choice
Key = tuple[str, int, int]  # a keyword, its pattern's place, the answer's place
NONE = "NONE"


class Exchange(NamedTuple):
    """What was said, and the reply that is known."""

    said: str
    reply: str


def text_in(path: Path, what: str) -> str:
    """The text of a file, in whatever encoding, with line ends as they are here."""
    if path.is_dir():
        raise UserError(f"{path} is a folder; give the file of {what}.")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None
    text, encoding, bad = decoded(data)
    if bad or is_binary(data) or "\0" in text:
        raise UserError(f"{path} is no text in {encoding}; {what} is a text file.")
    if path.suffix in LINES:  # texts that were handed over in Python
        text = "\n".join(json.loads(line)["text"] for line in text.splitlines())
    return text.replace("\r\n", "\n").replace("\r", "\n")


def conversation_of(found: Found, given: str | None) -> list[Exchange]:
    """The conversation in a file, or the one that belongs to a named script; none for a script of one's own."""
    if given is not None:
        path = Path(given).expanduser()
        if not path.exists():
            raise UserError(f"--conversation {given}: there is no such file.")
        return exchanges(text_in(path, "a conversation"), str(path))
    if found.origin == "embedded":
        return exchanges(TALKS[found.path.name], found.name)
    beside = found.path.parent / PUBLISHED.get(found.name, "")
    return exchanges(text_in(beside, "a conversation"), str(beside)) if beside.is_file() else []


def exchanges(text: str, name: str) -> list[Exchange]:
    """Lines that alternate between what is said and the reply; empty ones between them do not count."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not lines or len(lines) % 2:
        many = "no lines" if not lines else f"{len(lines)} lines, so the last one has no reply"
        raise UserError(f"{name} has {many}; a conversation has what is said and the reply on alternating lines.")
    return [Exchange(said, reply) for said, reply in zip(lines[::2], lines[1::2], strict=True)]


def replayed(script: Script, talk: list[Exchange]) -> list[Reply]:
    """The replies to a conversation from its start."""
    eliza = Eliza(script)
    return [eliza.reply(each.said) for each in talk]


def is_exact(reply: Reply, known: str) -> bool:
    """Whether a reply is the known one to the letter; how many blanks part its words does not count."""
    return reply.text.split() == known.split()


def exact_share(script: Script, talk: list[Exchange]) -> float:
    replies = replayed(script, talk)
    return sum(is_exact(reply, each.reply) for reply, each in zip(replies, talk, strict=True)) / len(talk)


def poorer(script: Script) -> dict[str, Script]:
    """The same script without one of its means, by what it lacks."""
    flat = {key: replace(rule, rank=0) for key, rule in script.rules.items()}
    same = {key: replace(rule, substitute="") for key, rule in script.rules.items()}
    made = {
        "NONE alone": replace(script, rules={}, memory=None),
        "without ranks": replace(script, rules=flat),
        "without substitutions": replace(script, rules=same),
    }
    return {**made, "without memory": replace(script, memory=None)} if script.memory else made


# -- which rules are reached -------------------------------------------------------------------------------------------


def answers_of(script: Script) -> dict[Key, int]:
    """Every answer of a script, with its line."""
    return {
        (rule.keyword, place, turn): answer.line
        for rule in script.all_rules()
        for place, each in enumerate(rule.transformations)
        for turn, answer in enumerate(each.answers)
    }


def fired(replies: list[Reply]) -> dict[Key, int]:
    """How often each answer was due, links and NEWKEY among them."""
    counts: dict[Key, int] = {}
    for reply in replies:
        for step in reply.steps:
            if step.transformation is not None:
                key = (step.keyword, *step.which)
                counts[key] = counts.get(key, 0) + 1
    return counts


def probes(script: Script) -> Iterator[str]:
    """Sentences made of the rules: for each pattern some that it should fit, each as often as it has answers."""
    for rule in script.all_rules():
        for each in rule.transformations:
            for sentence in dict.fromkeys(sentences_of(rule, each, script)):
                yield from [sentence] * len(each.answers)
        if rule.link:
            yield rule.keyword


def sentences_of(rule: Rule, each: Transformation, script: Script) -> Iterator[str]:
    """Sentences that become a pattern's words once words are replaced, with the keyword among them."""
    choices = [words_for(term, script) for term in each.pattern if not isinstance(term, int)]
    for place in range(min(max(map(len, choices), default=1), MOST_VARIANTS)):
        for filler in ([], [FILLER]):
            words: list[str] = []
            left = iter(choices)
            has_keyword = rule.keyword == NONE
            for term in each.pattern:
                if isinstance(term, int):
                    words += filler if term == 0 else [FILLER] * term
                    continue
                fitting = next(left)
                word = rule.keyword if rule.keyword in fitting and not has_keyword else fitting[place % len(fitting)]
                has_keyword |= word == rule.keyword
                words.append(word)
            yield " ".join(words if has_keyword else [rule.keyword, *words])


def words_for(term: str | OneOf | Tagged, script: Script) -> list[str]:
    """Words that a term of a pattern fits, once they are replaced; those that are no keywords with answers first."""
    wanted = set(term.words) if isinstance(term, OneOf) else {str(term)}
    if isinstance(term, Tagged):
        wanted = set().union(*(script.tags.get(tag, frozenset()) for tag in term.tags))
    known = script.rules
    stay = [word for word in sorted(wanted) if word not in known or not known[word].substitute]
    become = [key for key, rule in known.items() if rule.substitute in wanted]
    return sorted([*stay, *become], key=lambda word: word in known and known[word].has_answers) or [FILLER]
