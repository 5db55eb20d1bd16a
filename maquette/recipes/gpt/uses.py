"""What a trained GPT is used for: going on with a text, and a page on how each token of that was chosen."""

from collections.abc import Iterable, Iterator

from maquette.families.blocks import Block
from maquette.families.settings import WritingOptions
from maquette.families.writing import continuations, explanations
from maquette.media.text import Continuation
from maquette.trained import Trained


def write(trained: Trained, inputs: Iterable[str], options: WritingOptions) -> Iterator[Continuation]:
    """What follows each prompt, as it comes."""
    return continuations(trained.model, trained.processing, inputs, options)


def explain(trained: Trained, inputs: Iterable[str], options: WritingOptions) -> Iterator[Block]:
    """What each token of a continuation was chosen from, or the tree that beam search went through."""
    return explanations(trained.model, trained.processing, inputs, options)
