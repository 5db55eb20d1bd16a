"""Vocabularies looked into: what fewer tokens would have been, and how merges build the tokens of a text."""

import json
from typing import NamedTuple

from maquette.data.text.tokenizers import Subwords, Tokenizer, Words


class Growth(NamedTuple):
    """A text after a merge: the merge's number, counted from 1 (0: none yet), and the tokens as they are written."""

    merge: int
    tokens: list[str]


def growth(tokenizer: Subwords, text: str) -> list[Growth]:
    """The text cut into bytes, then after each merge of BPE that changes it; the last is `encode(text)`."""
    parts = [list(part) for part in tokenizer.parts(text)]
    steps = [Growth(0, [token for part in parts for token in part])]
    for number, pair in enumerate(tokenizer.merges, 1):
        joined = [merged(part, pair) for part in parts]
        if joined != parts:
            parts = joined
            steps.append(Growth(number, [token for part in parts for token in part]))
    return steps


def merged(tokens: list[str], pair: tuple[str, str]) -> list[str]:
    """The tokens with each occurrence of the pair, from the left, as one."""
    out: list[str] = []
    for token in tokens:
        if out and (out[-1], token) == pair:
            out[-1] += token
        else:
            out.append(token)
    return out


def smaller(tokenizer: Tokenizer, size: int) -> Tokenizer | None:
    """The tokenizer that training for at most `size` tokens would have made; None for kinds whose do not nest."""
    if isinstance(tokenizer, Words):
        return Words(tokenizer.words[: size - 2], tokenizer.punctuation)
    if not isinstance(tokenizer, Subwords) or tokenizer.kind not in ("bpe", "wordpiece"):
        return None
    definition = json.loads(tokenizer.definition)
    model = definition["model"]
    model["vocab"] = {word: number for word, number in model["vocab"].items() if number < size}
    if "merges" in model:
        model["merges"] = [pair for pair in tokenizer.merges if "".join(pair) in model["vocab"]]
    return Subwords(tokenizer.kind, json.dumps(definition, ensure_ascii=False))
