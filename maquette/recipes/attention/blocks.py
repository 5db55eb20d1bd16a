"""What pages of a walk through a Transformer are made of: a sentence on its way, blocks of words and pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from maquette.data.text.tokenizers import Tokenizer
    from maquette.methods.walking import Walk
    from maquette.runs import Run

Block = dict[str, Any]


class Scene(NamedTuple):
    """A sentence with every number that a network makes of it, and the layer and head to look at, counted from 0."""

    model: Any
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


def scene_of(
    model: Any, tokenizer: Tokenizer, text: str, tokens: Sequence[int], layer: int, head: int | None = None
) -> Scene:
    """The scene of a text whose first tokens are given; without a head, the one that most picks out other tokens: that
    takes more of them than uniform attention would."""
    from maquette.methods.walking import uniform, walk

    walked = walk(model, tokens)
    if head is None:
        more = walked.layers[layer].weights - uniform(len(tokens)).to(walked.logits.device)
        head = int(more.tril(-1).clamp(min=0).sum((1, 2)).argmax())
    return Scene(model, tokenizer, text, walked, names_of(tokenizer, tokens), layer, head)


def names_of(tokenizer: Tokenizer, tokens: Iterable[int]) -> list[str]:
    """Each token as it reads alone, a space as an open box; as the vocabulary has it where it is part of a letter."""
    from maquette.data.text.tokenizers import MISSING

    names = []
    for token in map(int, tokens):
        name = tokenizer.decode([token])
        if not name or MISSING in name:
            name = tokenizer.vocabulary[token] if token < len(tokenizer.vocabulary) else f"({token})"
        names.append(name.replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥"))
    return names


def heading(text: str) -> Block:
    return {"kind": "heading", "text": text}


def say(text: str) -> Block:
    return {"kind": "text", "text": text}


def formulas(*lines: str) -> Block:
    return {"kind": "formula", "text": "\n".join(lines)}


def picture(name: str, figure: Any, title: str, caption: str = "") -> Block:
    return {"kind": "picture", "name": name, "figure": figure, "title": title, "caption": caption}


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "") -> Block:
    return {"kind": "table", "title": title, "columns": list(columns), "rows": list(rows), "caption": caption}


def decimal(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def show(blocks: Iterable[Block], run: Run) -> None:
    """The blocks in the report, in the section of the step that is under way."""
    import pandas as pd

    for block in blocks:
        if block["kind"] == "picture":
            run.picture(block["name"], block["figure"], block["title"], block["caption"])
        elif block["kind"] == "table":
            run.table(block["title"], pd.DataFrame(block["rows"], columns=block["columns"]), block["caption"])
        elif block["kind"] == "formula":
            run.formula(block["text"])
        elif block["kind"] == "heading":
            run.heading(block["text"])
        else:
            run.say(block["text"])
