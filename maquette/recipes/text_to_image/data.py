"""Words to mix: subjects, actions and styles, found in captions; and prompts from what users give."""

import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence

import numpy as np

from maquette.families.captions import words_of
from maquette.families.exchanging import neighbours
from maquette.settings import UserError

COMMON = 60  # words that are looked at
LOOKED = 6000  # captions that are
LEAST, MOST = 0.01, 0.6  # parts of the captions that a word stands in
TOGETHER = 0.6  # of what chance would give: words that stand together more rarely exclude each other
ALIKE = 0.3  # cosine of the counts of their neighbours, from which words fill the same place
GROUP, GROUPS = 6, 8  # words of a list, and lists that are looked at, at most
# words that join others, and are no answer to what is to be drawn
SMALL = frozenset((
    "the", "and", "with", "for", "from", "into", "near", "over", "under", "through", "while", "are",
    "has", "who", "its", "his", "her", "their", "this", "that", "down", "behind",
))  # fmt: skip
KINDS = ("subjects", "actions", "styles")
PLACES = {"subjects": "{subject}", "actions": "{action}", "styles": "{style}"}
PLAIN = "{style} {subject} {action}"


def mixed_words(texts: Sequence[str]) -> dict[str, list[str]]:
    """Lists of words that fill one place in captions, the fullest ones: `subjects`, `actions`, `styles`.

    Words such as red and blue have the same neighbours, and hardly ever stand in one caption. Actions are the list with
    most words in -ing; subjects that whose words have plurals, or stand last, or else the most common words. The other
    lists may be empty.
    """
    bags = [words_of(text) for text in texts[:LOOKED]]
    counts = Counter(
        word for bag in bags for word in set(bag) if word.isalpha() and len(word) > 2 and word not in SMALL
    )
    known = [word for word, count in counts.most_common(COMMON) if LEAST <= count / max(len(bags), 1) <= MOST]
    if not known:
        return {kind: [] for kind in KINDS}
    places = {word: place for place, word in enumerate(known)}
    has = np.zeros((len(bags), len(known)), np.float32)
    for row, bag in enumerate(bags):
        has[row, [places[word] for word in set(bag) if word in places]] = 1
    share = has.mean(0)
    alike = neighbours(bags, places)
    fits = ((has.T @ has) / len(bags) < TOGETHER * np.outer(share, share)) & (alike > ALIKE)
    groups: list[list[int]] = []
    for word in range(len(known)):
        fitting = [group for group in groups if all(fits[word, other] for other in group)]
        if fitting:
            max(fitting, key=lambda group: float(alike[word, group].mean())).append(word)
        else:
            groups.append([word])
    groups = sorted((g for g in groups if len(g) > 1), key=lambda g: -float(share[g].sum()))[:GROUPS]
    named = [[known[word] for word in group] for group in groups]
    named = [list(dict.fromkeys(single_of(word, counts) for word in group)) for group in named]
    found = {kind: group[:GROUP] for kind, group in zip(KINDS, as_kinds(named, bags), strict=True)}
    return found | {"subjects": found["subjects"] or known[:GROUP]}


def pattern_of(texts: Iterable[str], mixed: Mapping[str, Sequence[str]]) -> str:
    """How captions put a word of each list together, as in `a striped {style} {subject} {action}`.

    What training never saw, such as a caption without its article, is easily misunderstood. The most common way counts,
    of several the shortest; `PLAIN` where no caption has just one word of each list.
    """
    groups = {
        kind: "|".join(map(re.escape, sorted(words, key=len, reverse=True))) for kind, words in mixed.items() if words
    }
    words = re.compile(r"\b(?:" + "|".join(f"(?P<{kind}>{each})" for kind, each in groups.items()) + r")\b", re.I)
    found: Counter[str] = Counter()
    for text in texts:
        kinds = [match.lastgroup for match in words.finditer(text)]
        if sorted(map(str, kinds)) == sorted(groups) and not set("{}") & set(text):
            found[words.sub(lambda match: PLACES[str(match.lastgroup)], text)] += 1
    return max(found, key=lambda pattern: (found[pattern], -len(pattern)), default=PLAIN)


def single_of(word: str, known: Container[str]) -> str:
    """The word without the ending of a plural, if that is a word as well."""
    return next((each for each in (word[:-1], word[:-2]) if word.endswith("s") and each in known), word)


def as_kinds(groups: list[list[str]], bags: Sequence[Sequence[str]]) -> list[list[str]]:
    """Of some groups of words that which are subjects, actions and styles."""
    rest = list(groups)
    acting = max(rest, key=lambda group: sum(word.endswith("ing") for word in group), default=[])
    actions = [word for word in acting if word.endswith("ing")]
    rest = [group for group in rest if not actions or group is not acting]
    known = {word for bag in bags for word in bag}
    much = {id(group): plurals(group, known) * share_of(group, bags) for group in rest}
    subjects = max(rest, key=lambda group: (much[id(group)], late(group, bags)), default=[])
    rest = [group for group in rest if group is not subjects]
    return [subjects, actions, rest[0] if rest else []]


def plurals(group: Sequence[str], known: set[str]) -> float:
    """The part of some words that the captions have in the plural as well: things have one."""
    return float(np.mean([bool({f"{word}s", f"{word}es"} & known) for word in group]))


def share_of(group: Sequence[str], bags: Sequence[Sequence[str]]) -> float:
    """The part of the captions that have one of some words."""
    return sum(not set(group).isdisjoint(bag) for bag in bags) / len(bags)


def late(group: Sequence[str], bags: Sequence[Sequence[str]]) -> float:
    """How near the end of captions words stand on average, 0..1."""
    found = [place / len(bag) for bag in bags[:2000] for place, word in enumerate(bag, 1) if word in set(group)]
    return float(np.mean(found)) if found else 0.0


def prompts_of(texts: Iterable[str]) -> list[str]:
    """Each line of texts as a prompt of its own; refused where there is none."""
    found = []
    for text in texts:
        lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
        if not lines:
            raise UserError("The prompt is empty; say what is to be seen, as in: a red circle jumping")
        found += lines
    return found


def listed(text: str) -> list[str]:
    """Words between commas, each once."""
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
