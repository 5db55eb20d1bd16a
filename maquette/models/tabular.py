"""Networks for tables: an ensemble in one network, fed with periodic columns and neighbours' targets."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional


def squared_distances(queries: Tensor, points: Tensor) -> Tensor:
    """Squared Euclidean distances (..., N, M) of queries (..., N, D) to points (..., M, D), D small.

    Summed column by column: for two or three columns this is faster than, and free of the
    cancellation of, |a|^2 + |b|^2 - 2ab, which matters between rows that nearly coincide.
    """
    total = (queries[..., :, None, 0] - points[..., None, :, 0]).square_()
    for column in range(1, queries.shape[-1]):
        total += (queries[..., :, None, column] - points[..., None, :, column]).square_()
    return total


@torch.no_grad()
def choose_neighbour_columns(
    numbers: Tensor, targets: Tensor, count: int = 1, candidates: int = 16, queries: int = 1000, rows: int = 4000
) -> list[list[int]]:
    """The `count` pairs of columns whose nearest rows predict the targets best, best pair first.

    Only pairs that, alone, predict better than a linear model of all columns: such a pair is a map
    (longitude and latitude), while for others the neighbours' targets would be noise to fit.
    Each pair is scored by the leave-one-out squared error of the mean target of the eight nearest
    rows (one more column is never tried: two numbers are what a map has). With more than
    `candidates` columns only those that score best alone are paired. The first `rows` rows are
    searched, the first `queries` of them asked, so the rows must come in random order.

    numbers: (N, columns) scaled alike, training rows only. targets: (N, outputs), standardised
    numbers or one-hot classes. Returns [] for fewer than two columns or fewer than 32 rows.
    """
    numbers, targets = numbers[:rows], targets[:rows]
    asked, neighbours = min(queries, len(numbers)), 8
    varied = [column for column in range(numbers.shape[1]) if numbers[:, column].unique().numel() > 2]
    if len(varied) < 2 or len(numbers) < 32 or count < 1:
        return []

    def error(columns: tuple[int, ...]) -> float:
        points = numbers[:, list(columns)]
        distances = squared_distances(points[:asked], points)  # (asked, rows)
        distances.fill_diagonal_(math.inf)
        nearest = distances.topk(neighbours, largest=False).indices
        return float((targets[nearest].mean(1) - targets[:asked]).square().mean())

    if len(varied) > candidates:
        varied = sorted(sorted(varied, key=lambda column: error((column,)))[:candidates])
    scored = sorted((error(pair), pair) for pair in itertools.combinations(varied, 2))
    known = torch.cat([numbers, torch.ones(len(numbers), 1)], 1).double()  # (rows, columns + 1)
    inverse = torch.linalg.inv(known.T @ known + torch.eye(known.shape[1], dtype=torch.double))
    leverage = ((known @ inverse) * known).sum(1, keepdim=True)
    left_out = (targets - known @ (inverse @ (known.T @ targets.double()))) / (1 - leverage)
    linear = float(left_out.square().mean())
    return [list(pair) for score, pair in scored[:count] if score < linear]


class NeighbourTargets(nn.Module):
    """What the nearest training rows had as target, near in a few chosen columns (a map, say).

    For each set of columns and each row: the mean target of the nearest 4, the nearest 16 and the spread
    of those 16, standardised over the memory: (N, sets * 3 * outputs). A row that is
    itself in the memory is left out of its own neighbours, else its feature would be its answer.

    The memory (at most `memory` rows) is a buffer, so it is saved with the weights. It is searched
    through anchors: one remembered row in 64 keeps the list of its 512 nearest rows, and a query
    looks only through the list of its nearest anchor. Up to 512 rows the search is exact; beyond,
    it misses a neighbour only where the nearest ones stretch past eight times an anchor's share.
    """

    NEAREST = (4, 16)
    SHARE = 64
    LIST = 512

    def __init__(self, *, columns: list[list[int]], memory: int, outputs: int):
        super().__init__()
        if memory <= max(self.NEAREST):
            raise ValueError(f"the memory must hold more than {max(self.NEAREST)} rows, not {memory}")
        self.columns, self.memory, self.outputs = columns, memory, outputs
        self.width = len(columns) * 3 * outputs
        sets, anchors, width = len(columns), math.ceil(memory / self.SHARE), len(columns[0])
        self.register_buffer("targets", torch.zeros(memory, outputs))
        self.register_buffer("points", torch.zeros(sets, memory, width))
        self.register_buffer("anchors", torch.zeros(sets, anchors, width))
        self.register_buffer("lists", torch.zeros(sets, anchors, min(memory, self.LIST), dtype=torch.long))
        self.register_buffer("shift", torch.zeros(self.width))
        self.register_buffer("scale", torch.ones(self.width))

    @torch.no_grad()
    def remember(self, numbers: Tensor, targets: Tensor, keep_scale: bool = False) -> Tensor:
        """Fill the memory with training rows; returns where each row went: (N,) long, -1 if left out.

        numbers: (N, columns). targets: (N, outputs). Of more rows than the memory holds a random
        choice is kept. Call it again with `keep_scale` after training, with the validation rows
        added, to predict from more rows. Raises ValueError for too few rows.
        """
        if len(numbers) <= max(self.NEAREST):
            raise ValueError(f"{len(numbers)} rows are too few: neighbours need more than {max(self.NEAREST)}")
        kept = torch.randperm(len(numbers))[: self.memory]
        places = torch.full((len(numbers),), -1)
        places[kept] = torch.arange(len(kept))
        self.targets.zero_()[: len(kept)] = targets[kept]
        self.points.fill_(1e6)  # an empty place is far from every row
        for index, columns in enumerate(self.columns):
            points = numbers[kept][:, columns]
            self.points[index, : len(kept)] = points
            # random rows; when the memory is not full some rows are anchors twice, to no harm
            self.anchors[index] = points[torch.arange(self.anchors.shape[1]) % len(kept)]
            for start in range(0, self.anchors.shape[1], 256):
                distances = squared_distances(self.anchors[index, start : start + 256], self.points[index])
                self.lists[index, start : start + 256] = distances.topk(self.lists.shape[2], largest=False).indices
        if not keep_scale:
            self.shift.zero_(), self.scale.fill_(1)
            raw = torch.cat([self(*part) for part in zip(numbers[kept].split(4096), places[kept].split(4096))])
            self.shift.copy_(raw.mean(0)), self.scale.copy_(raw.std(0).clamp_min(1e-6))
        return places

    @torch.no_grad()
    def forward(self, numbers: Tensor, places: Tensor | None = None) -> Tensor:
        """(N, sets * 3 * outputs) for numbers (N, columns); places: (N,) as `remember` returned
        them for training rows, None for rows that are not in the memory."""
        features = []
        for index, columns in enumerate(self.columns):
            queries = numbers[:, columns]  # (N, D)
            anchor = squared_distances(queries, self.anchors[index]).argmin(1)
            lists = self.lists[index, anchor]  # (N, list)
            found = squared_distances(queries[:, None], self.points[index][lists])[:, 0]
            if places is not None:
                found = found.masked_fill(lists == places[:, None], math.inf)
            nearest = lists.gather(1, found.topk(max(self.NEAREST), largest=False).indices)
            values = self.targets[nearest]  # (N, nearest, outputs)
            features += [values[:, :count].mean(1) for count in self.NEAREST] + [values.std(1)]
        return (torch.cat(features, 1) - self.shift) / self.scale


class PeriodicColumns(nn.Module):
    """Each number as a small vector: relu(W [cos 2 pi f x, sin 2 pi f x] + b), f and W learned per column.

    (N, columns) -> (N, columns, width). The frequencies start normal with spread `sigma`, cut at three.
    Source: Gorishniy et al. 2022, "On Embeddings for Numerical Features", eq. 2 and 3 (PLR).
    """

    def __init__(self, *, columns: int, frequencies: int, sigma: float, width: int):
        super().__init__()
        self.columns, self.frequencies, self.sigma, self.width = columns, frequencies, sigma, width
        bound = (2 * frequencies) ** -0.5
        self.frequency = nn.Parameter(torch.randn(columns, frequencies).clamp_(-3, 3) * sigma)
        self.weight = nn.Parameter(torch.empty(columns, 2 * frequencies, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(columns, width).uniform_(-bound, bound))

    def forward(self, numbers: Tensor) -> Tensor:
        angles = 2 * math.pi * numbers[..., None] * self.frequency  # (N, columns, frequencies)
        waves = torch.cat([angles.cos(), angles.sin()], -1)
        return functional.relu(torch.einsum("nca,cab->ncb", waves, self.weight) + self.bias)


class PiecewiseColumns(nn.Module):
    """Each number as a small vector: relu(W e + b), where e counts how far the number has come through `bins` bins.

    (N, columns) -> (N, columns, width). e_t = clip(bins * u - t, 0, 1), u the normal distribution's
    value of the number: bins of equal counts for a column that was scaled to normal by its quantiles.
    Source: Gorishniy et al. 2022, "On Embeddings for Numerical Features", eq. 1 (PLE), W per column.
    """

    def __init__(self, *, columns: int, bins: int, width: int):
        super().__init__()
        self.columns, self.bins, self.width = columns, bins, width
        bound = bins**-0.5
        self.weight = nn.Parameter(torch.empty(columns, bins, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(columns, width).uniform_(-bound, bound))
        self.register_buffer("starts", torch.arange(bins, dtype=torch.float32), persistent=False)

    def forward(self, numbers: Tensor) -> Tensor:
        share = self.bins * torch.special.ndtr(numbers)[..., None]  # (N, columns, 1)
        filled = (share - self.starts).clamp_(0, 1)  # (N, columns, bins)
        return functional.relu(torch.einsum("nca,cab->ncb", filled, self.weight) + self.bias)


class TableNetwork(nn.Module):
    """`members` networks that share their matrices, and the columns' encoders, in one pass.

    forward gives (N, members, outputs): standardised targets, or logits of classes. Train every
    member on its own (`loss`: the mean of the members' losses, not the loss of their mean) and
    predict with their average (`combine`). Matrices are shared; each member has its own scale of
    every layer's inputs and outputs, its own bias and its own head (Gorishniy et al. 2024, "TabM",
    eq. 3, after Wen et al. 2020, "BatchEnsemble", eq. 5). Unlike there, the first layer has
    no input scales, so its product is shared by all members; random output scales keep
    the members different. Neighbours' targets, if any, come in as further numbers.

    numbers: float (N, numbers), scaled. categories: long (N, len(category_sizes)), 0 for unknown,
    category_sizes counting that 0. places: see NeighbourTargets. task: "regression" or "classification".
    """

    def __init__(
        self,
        *,
        numbers: int,
        category_sizes: list[int],
        outputs: int,
        task: str = "regression",
        neighbour_columns: list[list[int]] | None = None,
        memory: int = 0,
        members: int = 16,
        width: int = 128,
        layers: int = 3,
        frequencies: int = 16,
        sigma: float = 0.3,
        embedding: int = 8,
        bins: int = 0,
    ):
        super().__init__()
        if task not in ("regression", "classification"):
            raise ValueError(f"task is 'regression' or 'classification', not {task!r}")
        if numbers + len(category_sizes) == 0 or min(outputs, members, width, layers) < 1:
            raise ValueError("a table network needs a column, an output, a member, a unit and a layer")
        self.numbers, self.category_sizes, self.outputs, self.task = numbers, category_sizes, outputs, task
        self.neighbour_columns, self.memory = neighbour_columns, memory
        self.members, self.width, self.layers = members, width, layers
        self.frequencies, self.sigma, self.embedding = frequencies, sigma, embedding

        self.neighbours = None
        if neighbour_columns:
            self.neighbours = NeighbourTargets(columns=neighbour_columns, memory=memory, outputs=outputs)
        columns = numbers + (self.neighbours.width if self.neighbours else 0)
        if bins: self.periodic = PiecewiseColumns(columns=columns, bins=bins, width=embedding)
        else: self.periodic = PeriodicColumns(columns=columns, frequencies=frequencies, sigma=sigma, width=embedding)
        self.category = nn.ModuleList(nn.Embedding(size, min(size, 2 * embedding)) for size in category_sizes)
        widths = [columns * (embedding + 1) + sum(min(size, 2 * embedding) for size in category_sizes)]
        widths += [width] * layers

        def uniform(inputs: int, *shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(*shape).uniform_(-1, 1) * inputs**-0.5)

        steps = list(zip(widths, widths[1:]))
        self.weight = nn.ParameterList(uniform(a, a, b) for a, b in steps)
        self.bias = nn.ParameterList(uniform(a, members, 1, b) for a, b in steps)
        self.input_scale = nn.ParameterList(nn.Parameter(torch.ones(members, 1, a)) for a, _ in steps[1:])
        self.output_scale = nn.ParameterList(
            nn.Parameter(torch.randn(members, 1, b) if index == 0 else torch.ones(members, 1, b))
            for index, (_, b) in enumerate(steps)
        )
        self.head_weight = uniform(width, members, width, outputs)
        self.head_bias = nn.Parameter(torch.zeros(members, 1, outputs))

    def forward(self, numbers: Tensor, categories: Tensor, places: Tensor | None = None) -> Tensor:
        if self.neighbours is not None:
            numbers = torch.cat([numbers, self.neighbours(numbers, places)], 1)
        encoded = [self.periodic(numbers).flatten(1), numbers]
        encoded += [layer(categories[:, index]) for index, layer in enumerate(self.category)]
        hidden = torch.cat(encoded, 1) @ self.weight[0]  # (N, width), the same for all members
        hidden = functional.relu(hidden * self.output_scale[0] + self.bias[0])  # (members, N, width)
        for index in range(1, self.layers):
            hidden = (hidden * self.input_scale[index - 1]) @ self.weight[index]
            hidden = functional.relu(hidden * self.output_scale[index] + self.bias[index])
        return (hidden @ self.head_weight + self.head_bias).transpose(0, 1)  # (N, members, outputs)

    def loss(self, predicted: Tensor, targets: Tensor) -> Tensor:
        """Mean over rows and members: squared error to targets (N, outputs), or cross entropy to classes (N,)."""
        if self.task == "regression":
            return (predicted - targets[:, None]).square().mean()
        repeated = targets[:, None].expand(-1, self.members)
        return functional.cross_entropy(predicted.flatten(0, 1), repeated.flatten())

    def combine(self, predicted: Tensor) -> Tensor:
        """The members' average: values (N, outputs), or probabilities of classes (N, outputs)."""
        return (predicted if self.task == "regression" else predicted.softmax(-1)).mean(1)

    def decayed(self) -> list[nn.Parameter]:
        """The parameters that weight decay acts on: the matrices."""
        return [*self.weight, self.periodic.weight, self.head_weight]
