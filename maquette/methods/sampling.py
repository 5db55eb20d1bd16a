"""Text from a network, a token at a time: greedy, at random, or by beam search.

Works with any `model` that has `context`, `new_cache(batch, places)` and `read(tokens, cache)`, which reads (B, T)
tokens after those in the cache and gives the logits (B, V) of what follows; the cache knows its `length` and can be
`copied` and `reorder`ed. See models/attention.py.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

COLD = 1e-6  # below this temperature logits are divided by it as differences, which stay finite
SMALLEST = 1e-30  # what logits are divided by at least, lest 0 / 0 arise
Choose = Callable[[Tensor, Tensor], Tensor]  # logits (B, V) and all tokens so far (B, n) -> the next tokens (B,)


class Reading:
    """Several continuations of one prompt as the model reads them, in a cache of fixed size.

    Where the cache is full, the window slides: the newer half of what it held is read again, the older half forgotten.
    `slides` counts that; a prompt too long for the window counts as well, and only its end is read.
    """

    def __init__(self, model: Any, prompt: Sequence[int], copies: int, tokens: int):
        device = next(model.parameters()).device if hasattr(model, "parameters") else torch.device("cpu")
        assert len(prompt), "there must be a token to go on from"
        self.model, self.copies, self.slides = model, copies, 0
        self.history = torch.empty(copies, len(prompt) + tokens, dtype=torch.long, device=device)
        self.history[:, : len(prompt)] = torch.as_tensor(list(prompt))
        self.length = len(prompt)
        self.places = min(model.context, len(prompt) + tokens)
        self.cache: Any = None

    def start(self) -> Tensor:
        """Read the prompt, once for all copies; logits (copies, V)."""
        room = self.length
        if self.length > self.model.context:
            room, self.slides = max(1, self.model.context // 2), 1
        first = self.model.new_cache(1, self.places)
        logits = self.model.read(self.history[:1, self.length - room : self.length], first)
        self.cache = first.copied(self.copies)
        return logits.expand(self.copies, -1)

    def go_on(self, tokens: Tensor) -> Tensor:
        """Read one more token of each continuation, (copies,); logits (copies, V) of what follows."""
        self.history[:, self.length] = tokens
        self.length += 1
        if self.cache.length < self.places:
            return self.model.read(tokens[:, None], self.cache)
        self.slides += 1
        self.cache.length = 0
        return self.model.read(self.history[:, self.length - max(1, self.places // 2) : self.length], self.cache)

    def reorder(self, rows: Tensor) -> None:
        """Let continuation b go on from what was continuation rows[b]."""
        self.history[:, : self.length] = self.history[rows, : self.length]
        self.cache.reorder(rows)

    @property
    def seen(self) -> Tensor:
        return self.history[:, : self.length]


@torch.inference_mode()
def generate(model: Any, prompt: Sequence[int], *, tokens: int, choose: Choose, copies: int = 1) -> Iterator[Tensor]:
    """The next `tokens` tokens of `copies` continuations, one (copies,) at a time as `choose` takes them."""
    yield from going_on(Reading(model, prompt, copies, tokens), tokens, choose)


@torch.inference_mode()
def going_on(reading: Reading, tokens: int, choose: Choose) -> Iterator[Tensor]:
    """The same from a `Reading` that one can look at."""
    if tokens:
        chosen = choose(reading.start(), reading.seen)
        yield chosen
    for _ in range(tokens - 1):
        chosen = choose(reading.go_on(chosen), reading.seen)
        yield chosen


def greedy(logits: Tensor, seen: Tensor) -> Tensor:
    """The likeliest token of each row, (B,)."""
    if logits.device.type == "cpu" and logits.dtype == torch.float32:
        return torch.from_numpy(logits.detach().numpy().argmax(-1))  # seven times as fast as torch's
    return logits.argmax(-1)


@dataclass
class Sampler:
    """Tokens drawn from the filtered and tempered probabilities, by a generator of its own and where that is.

    So a seed draws alike wherever the network is.
    """

    generator: torch.Generator
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0

    def __call__(self, logits: Tensor, seen: Tensor) -> Tensor:
        logits = penalised(logits, seen, self.repetition_penalty)
        if self.temperature < COLD:
            logits = logits - logits.amax(-1, keepdim=True)
        logits = logits / max(self.temperature, SMALLEST)
        logits = filtered(logits, top_k=self.top_k, top_p=self.top_p, min_p=self.min_p)
        likely = logits.softmax(-1).to(self.generator.device)
        return torch.multinomial(likely, 1, generator=self.generator)[:, 0].to(logits.device)


def penalised(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Logits (B, V) of tokens already in `seen` (B, n) divided by the penalty, or multiplied where they are negative.

    Keskar et al. 2019, section 4.1.
    """
    if penalty == 1:
        return logits
    old = logits.gather(1, seen)
    new = torch.where(old < 0, old * penalty, old / max(penalty, SMALLEST))
    return logits.scatter(1, seen, new.clamp(max=1 / SMALLEST))


def filtered(logits: Tensor, *, top_k: int | None = None, top_p: float = 1.0, min_p: float = 0.0) -> Tensor:
    """Logits (B, V) with minus infinity for what is not to be drawn; at least the likeliest token stays.

    top_k: only the k likeliest (Fan et al. 2018). top_p: only the likeliest that together reach this probability
    (Holtzman et al. 2020). min_p: only those at least this part as likely as the likeliest (Nguyen et al. 2024).
    """
    out = float("-inf")
    if top_k is not None and top_k < logits.shape[-1]:
        logits = logits.masked_fill(logits < logits.topk(top_k).values[:, -1:], out)
    if top_p < 1:
        ordered, places = logits.sort(dim=-1)  # from the least likely on: their sum is at most what may be left out
        is_out = ordered.softmax(-1).cumsum(-1) <= 1 - top_p
        is_out[:, -1] = False
        logits = logits.masked_fill(is_out.scatter(1, places, is_out), out)
    if min_p > 0:
        probabilities = logits.softmax(-1)
        logits = logits.masked_fill(probabilities < min_p * probabilities.amax(-1, keepdim=True), out)
    return logits


@dataclass(frozen=True)
class Candidate:
    """One way that beam search looked at: which beam it goes on from, with which token, and its log probability."""

    beam: int
    token: int
    log_probability: float
    is_kept: bool


@dataclass(frozen=True)
class Beam:
    """A finished continuation; score = log probability / length ^ length_penalty."""

    tokens: list[int]
    score: float


@dataclass
class Beams:
    """What beam search found, best first, and the candidates of each step; the kept ones are the next beams."""

    found: list[Beam] = field(default_factory=list)
    steps: list[list[Candidate]] = field(default_factory=list)
    slides: int = 0


@torch.inference_mode()
def beam_search(
    model: Any,
    prompt: Sequence[int],
    *,
    tokens: int,
    beams: int = 4,
    length_penalty: float = 1.0,
    repetition_penalty: float = 1.0,
    end: int | None = None,
) -> Beams:
    """The likeliest continuations that going on with the best `beams` at each step finds; at most `tokens` long.

    A continuation is finished by the token `end` or by its length; twice as many candidates as beams are looked at, so
    that some are left when the best have ended, and only the best `beams` of them may end. The search is over when as
    many are finished and the best beam's score so far is no better than the worst of them.
    """
    reading, result = Reading(model, prompt, beams, tokens), Beams()
    running = torch.full((beams,), -1e9, device=reading.history.device)
    running[0] = 0.0  # all beams begin alike: only the first counts
    logits = reading.start()
    for length in range(1, tokens + 1):
        sums = penalised(logits.log_softmax(-1), reading.seen, repetition_penalty) + running[:, None]
        best, places = sums.flatten().topk(min(2 * beams, sums.numel()))
        parents, chosen = places // sums.shape[1], places % sums.shape[1]
        is_finished = torch.full_like(chosen, length == tokens, dtype=torch.bool)
        if end is not None:
            is_finished |= chosen == end
        for rank in torch.nonzero(is_finished[:beams]).flatten().tolist():
            past = reading.history[parents[rank], len(prompt) : reading.length].tolist()
            score = float(best[rank]) / length**length_penalty
            result.found.append(Beam([*past, int(chosen[rank])], score))
        result.found = sorted(result.found, key=lambda beam: -beam.score)[:beams]
        going = torch.nonzero(~is_finished).flatten()[:beams]
        kept = set(going.tolist())
        rows = zip(parents.tolist(), chosen.tolist(), best.tolist(), strict=True)
        result.steps.append([Candidate(*row, rank in kept) for rank, row in enumerate(rows) if row[2] > -1e8])
        if len(going) < beams:
            break
        running = best[going]
        is_full = len(result.found) == beams
        if is_full and float(running[0]) / length**length_penalty <= result.found[-1].score:
            break
        reading.reorder(parents[going])
        logits = reading.go_on(chosen[going])
    result.slides = reading.slides
    return result
