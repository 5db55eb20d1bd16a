"""The likeliest outputs for a batch of inputs: greedy, or beam search, over any network that goes on a token at a time.

B inputs, K beams each, R = B K rows, V tokens in the vocabulary.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

NEVER = -1e9  # the log probability of what cannot be


class Steps(Protocol):
    """A network on its way through R outputs, the K of an input side by side."""

    def go_on(self, tokens: Tensor) -> Tensor:
        """Read one more token of each row, (R,); logits (R, V) of what follows."""

    def choose(self, rows: Tensor, batch: Tensor | None) -> None:
        """Let row r go on from what was row rows[r]; with `batch`, only these inputs are left, in this order."""


class Steered:
    """A network with `encode`, `new_cache` and `read` (see models/encoder_decoder.py) as `Steps`."""

    def __init__(self, model: object, cache: object):
        self.model, self.cache = model, cache

    def go_on(self, tokens: Tensor) -> Tensor:
        return self.model.read(tokens, self.cache)  # type: ignore[attr-defined]

    def choose(self, rows: Tensor, batch: Tensor | None) -> None:
        self.cache.choose(rows, batch)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Output:
    """One finished output without its end; score = log probability / `penalty_of` its length, the end included."""

    tokens: list[int]
    log_probability: float
    score: float


@dataclass
class Search:
    """One input's beams: what is finished, best first, and the beams that go on."""

    most: int
    finished: list[Output] = field(default_factory=list)
    running: list[list[int]] = field(default_factory=list)

    @property
    def settled(self) -> list[int]:
        """The tokens that all that may still win begin with."""
        all_of = [*self.running, *(output.tokens for output in self.finished)]
        shared = []
        for column in zip(*all_of, strict=False):
            if any(token != column[0] for token in column):
                break
            shared.append(column[0])
        return shared


def penalty_of(length: int, power: float) -> float:
    """((5 + length) / 6) ^ power, by which log probabilities are divided; Wu et al. 2016, equation (14)."""
    return ((5 + length) / 6) ** power


@torch.no_grad()
def searching(
    steps: Steps,
    *,
    batch: int,
    beams: int,
    start: int,
    end: int,
    most: list[int],
    least: int = 0,
    length_penalty: float = 0.6,
    device: torch.device | str = "cpu",
) -> Iterator[list[Search]]:
    """Beam search, a step at a time: the searches of all inputs, which end one by one.

    `steps` has read nothing; `most` (B) is the largest number of tokens of each output, its end included, `least` the
    smallest without it. At each step
    the best 2 K ways to go on with an input are looked at: of the first K those that end are finished, and the best K
    others go on. An input is done when K outputs are finished and the best beam is no better than the worst of them;
    it takes no more of the network's time then. With one beam it is greedy.
    """
    searches = [Search(limit) for limit in most]
    left = list(range(batch))  # inputs that are not done
    sums = torch.full((batch, beams), NEVER, dtype=torch.float32, device=device)
    sums[:, 0] = 0.0  # all beams of an input begin alike: only the first counts
    tokens = torch.full((batch * beams,), start, dtype=torch.long, device=device)
    history = torch.empty(batch * beams, 0, dtype=torch.long, device=device)
    length = 0
    while left:
        length += 1
        logits = steps.go_on(tokens).float()
        if length <= least:
            logits[:, end] = NEVER
        likeliest = logits.topk(min(2 * beams, logits.shape[-1]))  # no other token can be among the best of all rows
        sure = likeliest.values - logits.logsumexp(-1, keepdim=True)
        ways = (sums.flatten()[:, None] + sure).view(len(left), -1)
        best, places = ways.topk(min(2 * beams, ways.shape[1]))
        parents = places // sure.shape[1]
        chosen = likeliest.indices.view(len(left), -1).gather(1, places)
        order = torch.arange(len(left), device=device)[:, None] * beams
        is_end = chosen == end
        going = (~is_end).long().argsort(dim=1, descending=True, stable=True)[:, :beams]
        rows = (parents.gather(1, going) + order).flatten()
        sums = best.gather(1, going).masked_fill(is_end.gather(1, going), NEVER)
        tokens = chosen.gather(1, going).flatten()
        ended = [(b, r) for b, r in is_end[:, :beams].nonzero().tolist() if float(best[b, r]) > NEVER / 2]
        for b, r in ended:
            past = history[int(order[b, 0]) + int(parents[b, r])].tolist()
            finish(searches[left[b]], past, float(best[b, r]), length, length_penalty, beams)
        history = torch.cat([history[rows], tokens[:, None]], 1)
        tops, kept = sums[:, 0].tolist(), []
        for b, number in enumerate(left):
            search = searches[number]
            search.running = history[b * beams : (b + 1) * beams][sums[b] > NEVER / 2].tolist()
            if length >= search.most:
                for r, sequence in enumerate(search.running):
                    finish(search, sequence, float(sums[b, r]), length, length_penalty, beams)
                search.running = []
            is_full = len(search.finished) == beams
            if is_full and tops[b] / penalty_of(length, length_penalty) <= search.finished[-1].score:
                search.running = []
            if search.running:
                kept.append(b)
        yield searches
        if len(kept) < len(left):
            places = torch.tensor(kept, device=device, dtype=torch.long)
            if not kept:
                return
            mine = (places[:, None] * beams + torch.arange(beams, device=device)).flatten()
            rows, tokens, history, sums = rows[mine], tokens[mine], history[mine], sums[places]
            left = [left[b] for b in kept]
            steps.choose(rows, places)
        elif beams > 1:
            steps.choose(rows, None)


def finish(search: Search, tokens: list[int], total: float, length: int, power: float, beams: int) -> None:
    search.finished.append(Output(tokens, total, total / penalty_of(length, power)))
    search.finished = sorted(search.finished, key=lambda output: -output.score)[:beams]


def searched(steps: Steps, **options: object) -> list[list[Output]]:
    """The finished outputs of each input, best first; see `searching`."""
    found: list[Search] = []
    for found in searching(steps, **options):  # type: ignore[arg-type]  # noqa: B007
        pass
    return [search.finished for search in found]
