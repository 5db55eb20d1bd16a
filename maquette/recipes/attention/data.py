"""What a walk through a Transformer is about: a sentence with every number that a network makes of it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from maquette.data.text.decoding import MISSING
from maquette.data.text.tokenizers import Tokenizer
from maquette.methods.walking import Walk, uniform, walk
from maquette.models.gpt import GPT
from maquette.models.gpt2 import GPT2
from maquette.settings import UserError


class Scene(NamedTuple):
    """A sentence with every number that a network makes of it, and the layer and head to look at, counted from 0."""

    model: GPT | GPT2
    tokenizer: Tokenizer
    text: str
    walk: Walk
    names: list[str]
    layer: int
    head: int

    @property
    def is_rotary(self) -> bool:
        """Whether the network is a GPT of today, with positions that turn, or a GPT-2."""
        return self.walk.turns is not None

    @property
    def size(self) -> int:
        """Numbers a head."""
        return self.model.width // self.model.heads

    @property
    def first_formula(self) -> str:
        return "x_t = norm(E[token_t])" if self.is_rotary else "x_t = E[token_t]"

    @property
    def last_formula(self) -> str:
        return "H norm(x)" if self.is_rotary else "E norm(x)"


def scene_of(
    model: GPT | GPT2, tokenizer: Tokenizer, text: str, tokens: Sequence[int], layer: int, head: int | None = None
) -> Scene:
    """The scene of a text whose first tokens are given; without a head, the one that most picks out other tokens: that
    takes more of them than uniform attention would."""
    walked = walk(model, tokens)
    if head is None:
        more = walked.layers[layer].weights - uniform(len(tokens)).to(walked.logits.device)
        head = int(more.tril(-1).clamp(min=0).sum((1, 2)).argmax())
    return Scene(model, tokenizer, text, walked, names_of(tokenizer, tokens), layer, head)


def names_of(tokenizer: Tokenizer, tokens: Iterable[int]) -> list[str]:
    """Each token as it reads alone, a space as an open box; as the vocabulary has it where it is part of a letter."""
    names = []
    for token in map(int, tokens):
        name = tokenizer.decode([token])
        if not name or MISSING in name:
            name = tokenizer.vocabulary[token] if token < len(tokenizer.vocabulary) else f"({token})"
        names.append(name.replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥"))
    return names


def looked_at(model: GPT | GPT2, layer: int | None, head: int | None) -> tuple[int, int | None]:
    """Layer and head as counted from 0, checked; the first layer if none is asked for."""
    for name, number, most in (("layer", layer, model.depth), ("head", head, model.heads)):
        if number is not None and number > most:
            raise UserError(f"--{name} {number}: this network has {most} {name}s{' a layer' * (name == 'head')}.")
    return (layer or 1) - 1, None if head is None else head - 1


def encoded(tokenizer: Tokenizer, text: str) -> np.ndarray:
    """The tokens of a text; refused where it has none."""
    tokens = tokenizer.encode(text)
    if not len(tokens):
        raise UserError(f"The text {text!r} holds no token; give a sentence.")
    return tokens


def two_orders(tokenizer: Tokenizer, text: str, most: int) -> tuple[list[int], list[int]] | None:
    """The tokens of the words in order and in reverse, at most `most`; the full stop stays behind. None where both
    are the same."""
    words = text.split()
    last = words.pop() if words else ""
    bare = last.rstrip(".!?…;:")
    pieces = [tokenizer.encode(f" {word}").tolist() for word in [*words, bare] if word]
    end = tokenizer.encode(last[len(bare) :]).tolist()
    while pieces and sum(map(len, pieces)) + len(end) > most:
        pieces.pop()
    first, second = ([token for piece in each for token in piece] + end for each in (pieces, pieces[::-1]))
    return None if first == second else (first, second)
