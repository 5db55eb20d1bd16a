"""What one does with chatbots side by side: talk to all of them, as text, as a table or on a page."""

from collections.abc import Iterable, Iterator

import pandas as pd

from maquette.families.blocks import Block
from maquette.media.text import Remark
from maquette.recipes.chatbots.data import lines_of
from maquette.recipes.chatbots.report import Conversation, compared
from maquette.recipes.chatbots.settings import TalkOptions
from maquette.trained import Trained


def talk(trained: Trained, inputs: Iterable[str], options: TalkOptions) -> Iterator[Remark]:
    """What each says to each line, below each other; all in one conversation from its start."""
    conversation = Conversation.of(trained, options)
    for text in inputs:
        replies = [reply for line in lines_of([text]) or [""] for reply in conversation.replies(line).items()]
        longest = max(len(name) for name, _ in replies)
        yield Remark("\n".join(f"{name:{longest}}  {said.text}" for name, said in replies))


def ask(trained: Trained, inputs: Iterable[str], options: TalkOptions) -> Iterator[pd.DataFrame]:
    """The same as a table: a row a line, a column a chatbot."""
    conversation = Conversation.of(trained, options)
    for text in inputs:
        lines = lines_of([text]) or [""]
        rows = [{name: said.text for name, said in conversation.replies(line).items()} for line in lines]
        yield pd.DataFrame([{"question": line, **row} for line, row in zip(lines, rows, strict=True)])


def explain(trained: Trained, inputs: Iterable[str], options: TalkOptions) -> Iterator[Block]:
    """The same as a page, with where each word of an answer is from."""
    conversation = Conversation.of(trained, options)
    lines = lines_of(inputs) or [""]
    yield from compared([(line, conversation.replies(line)) for line in lines], trained.processing["known"])
