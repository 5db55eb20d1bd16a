"""What a trained GPT is used for: going on with a text, and a page on how each token of that was chosen."""

from collections.abc import Iterable, Iterator

from maquette.data.text.tokenizers import load_tokenizer
from maquette.families.blocks import Block, on_each
from maquette.families.settings import WritingOptions
from maquette.families.writing import explained, written
from maquette.media.text import Continuation
from maquette.trained import Trained


def write(trained: Trained, inputs: Iterable[str], options: WritingOptions) -> Iterator[Continuation]:
    """What follows each prompt, as it comes."""
    tokenizer = load_tokenizer(trained.processing["tokenizer"])
    for prompt in inputs:
        notes: list[str] = []
        yield Continuation(prompt, written(trained.model, tokenizer, prompt, options, notes), notes)


def explain(trained: Trained, inputs: Iterable[str], options: WritingOptions) -> Iterator[Block]:
    """What each token of a continuation was chosen from, or the tree that beam search went through."""
    tokenizer = load_tokenizer(trained.processing["tokenizer"])
    return on_each(inputs, lambda prompt: explained(trained.model, tokenizer, prompt, options))
