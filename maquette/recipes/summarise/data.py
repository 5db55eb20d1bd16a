"""What a summariser reads and writes: networks to start from, texts as tokens, texts with gaps, plain summaries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from maquette.data.text.documents import open_texts
from maquette.data.text.pairs import Sides
from maquette.data.text.tokenizers import Tokenizer, load_tokenizer
from maquette.families.pairs import Batch, Ends, PairBatches, Part, batch_of, decoded, encoded, written
from maquette.huggingface_seq2seq import read_seq2seq
from maquette.measures.rouge import in_lines, words_of
from maquette.methods.guiding import Guided
from maquette.methods.spans import corrupted
from maquette.models.encoder_decoder import Seq2Seq
from maquette.recipes.summarise.settings import NO_REPEAT
from maquette.runs import Run
from maquette.settings import UserError
from maquette.training import Batches

SIDES = Sides(
    ("--input", "--output"),
    (
        ("dialogue", "document", "article", "text", "input", "source", "body", "content"),
        ("summary", "highlights", "abstract", "headline", "title", "output", "target"),
    ),
)
MARKS = 100  # tokens beyond the vocabulary that mark gaps, as T5 has them
READ_AT_ONCE = 1 << 15  # places of texts, of all beams, that are held at once when summaries are written


@dataclass(frozen=True)
class Frame:
    """How a network is given texts: its tokenizer, what stands around each text, and how much of it is read."""

    tokenizer: Tokenizer
    ends: Ends
    context: int
    longest: int
    prefix: str = ""
    before: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)
    first: int | None = None

    def sources(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Tokens (N,) int32 of texts, cut to what is read."""
        return self.as_sources(self.whole(texts, self.prefix))

    def targets(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Tokens of summaries without their end, cut to what is written."""
        return self.as_targets(self.whole(texts))

    def whole(self, texts: Sequence[str], prefix: str = "") -> list[np.ndarray]:
        """All tokens of texts, with nothing around them."""
        return encoded(self.tokenizer, [prefix + text for text in texts], 1 << 30)

    def as_sources(self, whole: Sequence[np.ndarray]) -> list[np.ndarray]:
        room = self.context - len(self.before) - len(self.after)
        return [np.array([*self.before, *tokens[:room], *self.after], np.int32) for tokens in whole]

    def as_targets(self, whole: Sequence[np.ndarray]) -> list[np.ndarray]:
        room = self.longest - 1 - len(self.before)
        return [np.array([*self.before, *tokens[:room]], np.int32) for tokens in whole]

    def text(self, tokens: Sequence[int]) -> str:
        around = {*self.before, *self.after, self.ends.pad}
        return decoded(self.tokenizer, [token for token in tokens if token not in around])

    def guided(self, model: Seq2Seq, no_repeat: int) -> "partial[Guided]":
        """Steps through the network that write something, and neither padding nor marks of gaps."""
        never = [*range(len(self.tokenizer.vocabulary), model.vocabulary)]
        if self.ends.pad != self.ends.end:
            never.append(self.ends.pad)
        fewest = len(self.before) + 1
        return partial(Guided, first=self.first, never=never, no_repeat=no_repeat, end=self.ends.end, fewest=fewest)

    def state(self) -> dict[str, Any]:
        """Plain values from which `frame_of` makes it again."""
        return {
            "tokenizer": self.tokenizer.state(),
            "ends": [self.ends.start, self.ends.end, self.ends.pad],
            "context": self.context,
            "longest": self.longest,
            "prefix": self.prefix,
            "before": self.before,
            "after": self.after,
            "first": self.first,
        }


def frame_of(processing: dict[str, Any]) -> Frame:
    values = {name: processing[name] for name in ("context", "longest", "prefix", "before", "after", "first")}
    return Frame(load_tokenizer(processing["tokenizer"]), Ends(*processing["ends"]), **values)


def beginning(init: str | None, run: Run, *, context: int, longest: int) -> tuple[Seq2Seq, Frame] | None:
    """Network and frame to start from, of a run or of a folder of Hugging Face's; None if `init` names none."""
    if init is None:
        return None
    if "init" in run.needed:
        other = run.needed["init"]
        model, known = other.model, other.processing
        if "ends" in known:
            frame = frame_of(known)
        else:
            frame = Frame(load_tokenizer(known["tokenizer"]), Ends(model.start, model.end, model.end), 0, 0)
    else:
        folder = Path(init).expanduser()
        if not folder.is_dir():
            raise UserError(f"--init {init}: there is no such folder.")
        model, framed = read_seq2seq(folder)
        tokenizer, before, after, prefix = framed
        ends = Ends(model.start, model.end, model.pad)
        frame = Frame(tokenizer, ends, 0, 0, prefix, before, after, model.first)
    return model, replace(frame, context=min(context, model.context), longest=min(longest, model.context))


def texts_at(path: str) -> list[str]:
    """Texts of one's own to pretrain on."""
    if not Path(path).expanduser().exists():
        raise UserError(f"--text {path}: there is no such file or folder.")
    return [piece.text for piece in open_texts(Path(path).expanduser()).pieces()]


def joined(texts: Iterable[np.ndarray], end: int) -> np.ndarray:
    """Texts as one row of tokens (N,), each with its end."""
    last = np.array([end], np.int32)
    return np.concatenate([part for tokens in texts for part in (tokens, last)])


class Gaps:
    """Stretches of text with gaps, to be written whole; each is seen once a round, with other gaps each time.

    `next(gaps)` is this process's share of a batch, as `PairBatches` gives it.
    """

    def __init__(self, tokens: np.ndarray, length: int, batch_size: int, highest: int, ends: Ends, run: Run):
        self.length = min(length, len(tokens) // 2)
        self.rows = tokens[: len(tokens) // self.length * self.length].reshape(-1, self.length)
        self.batches = Batches(
            len(self.rows), batch_size, run.settings.seed + 1, rank=run.rank, processes=run.processes
        )
        self.highest, self.ends, self.device, self.seed = highest, ends, run.device, run.settings.seed
        self.round, self.total, self.weight = 0, 0, 1.0

    def __next__(self) -> Batch:
        if self.batches.position == 0:
            self.round += 1
        rows = next(self.batches).tolist()
        chances = (np.random.default_rng([self.seed, self.round, row]) for row in rows)
        sources = [corrupted(self.rows[row], g, self.highest)[0] for row, g in zip(rows, chances, strict=True)]
        self.total = self.batches.size * (self.length + 1)
        self.weight = self.batches.weight / (len(rows) * (self.length + 1))
        return batch_of(sources, list(self.rows[rows]), self.ends, self.device)

    def state_dict(self) -> dict[str, Any]:
        return {"round": self.round, "batches": self.batches.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.round = state["round"]
        self.batches.load_state_dict(state["batches"])


def pair_batches(sources: list[np.ndarray], targets: list[np.ndarray], ends: Ends, size: int, run: Run) -> PairBatches:
    """Batches of `size` pairs of nearly equal length."""
    made = PairBatches(sources, targets, 1, ends, run)
    made.bounds = [(start, min(start + size, len(sources))) for start in range(0, len(sources), size)]
    return made


def summaries(
    model: Seq2Seq,
    frame: Frame,
    texts: Sequence[str],
    *,
    beams: int,
    no_repeat: int = NO_REPEAT,
    length_penalty: float = 1.0,
) -> list[str]:
    """What the model writes for each text."""
    found = written(
        model,
        frame.sources(texts),
        frame.ends,
        beams=beams,
        length_penalty=length_penalty,
        most=frame.longest,
        steps=frame.guided(model, no_repeat),
        places=READ_AT_ONCE,
    )
    return [frame.text(best[0].tokens) if best else "" for best in found]


def lines_of(text: str) -> list[str]:
    """The lines of a text, such as a dialogue's turns; where it is a single one, its sentences."""
    return [line.strip() for line in in_lines(text.strip()).splitlines() if line.strip()] or [text]


def plain_summaries(train: Part, texts: Sequence[str]) -> dict[str, list[str]]:
    """Summaries that need no network: the first line, the first three, the longest, and that of the nearest text."""
    parted = [lines_of(text) for text in texts]
    return {
        "first line": [lines[0] for lines in parted],
        "first three lines": ["\n".join(lines[:3]) for lines in parted],
        "longest line": [max(lines, key=lambda line: len(words_of(line))) for lines in parted],
        "nearest training text's": nearest_summaries(train, texts),
    }


def nearest_summaries(train: Part, texts: Sequence[str]) -> list[str]:
    """The summary of the training text that shares most of its rare words: cosine of tf-idf; Salton 1975."""
    try:
        vectors = TfidfVectorizer(analyzer=words_of, dtype=np.float32, sublinear_tf=True)
        known = vectors.fit_transform(train.sources)
    except ValueError:  # no words of a to z in any
        return [train.targets[0]] * len(texts)
    asked = vectors.transform(texts)
    nearest = [int(np.asarray((known @ row.T).todense()).argmax()) for row in asked]
    return [train.targets[number] for number in nearest]


def loss_of(model: Seq2Seq, batch: Batch) -> torch.Tensor:
    """-log p of what the batch says, summed over its tokens."""
    states = model.decode(batch.inputs, model.encode(batch.source, batch.mask), batch.mask)
    said = batch.targets >= 0
    return torch.nn.functional.cross_entropy(model.logits(states[said]), batch.targets[said], reduction="sum")
