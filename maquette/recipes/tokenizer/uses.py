"""What a trained tokenizer is used for: the tokens of texts as a table, and a page on how a text is cut."""

from collections.abc import Iterable, Iterator

import pandas as pd

from maquette.data.text.tokenizers import load_tokenizer, readable
from maquette.families.blocks import Block, on_each
from maquette.recipes.tokenizer.report import explained
from maquette.settings import Options
from maquette.trained import Trained


def encode(trained: Trained, inputs: Iterable[str], options: Options) -> Iterator[pd.DataFrame]:
    """A row a token: the text's place among the inputs from 1, the token's number, itself, where it begins and ends.

    Places are in characters; a character of several tokens is within each of them.
    """
    tokenizer = load_tokenizer(trained.processing["tokenizer"])
    rows = []
    for place, text in enumerate(inputs, 1):
        spans = zip(tokenizer.encode(text).tolist(), tokenizer.offsets(text), strict=True)
        rows += [(place, number, readable(tokenizer, number), start, end) for number, (start, end) in spans]
    yield pd.DataFrame(rows, columns=["text", "number", "token", "start", "end"])


def explain(trained: Trained, inputs: Iterable[str], options: Options) -> Iterator[Block]:
    """How each text is cut: its strip, its tokens and their probabilities, the merges that made it."""
    tokenizer = load_tokenizer(trained.processing["tokenizer"])
    return on_each(inputs, lambda text: explained(trained.model, tokenizer, text))
