"""The network for tables: an ensemble in one network, fed with encoded columns and neighbours' targets."""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from scipy.spatial import KDTree
from torch import Tensor, nn
from torch.nn import functional


def bins_for(rows: int) -> int:
    """The bins per column that `rows` training rows can fill: a third of their root, 3 to 32."""
    return int(min(32, max(3, rows**0.5 / 3)))


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
    numbers: Tensor,
    targets: Tensor,
    count: int = 1,
    *,
    candidates: int = 16,
    queries: int = 1000,
    rows: int = 4000,
    minimum: int = 1000,
) -> list[list[int]]:
    """The `count` pairs of columns whose nearest rows predict the targets best, best pair first.

    Only pairs that, alone, predict better than a linear model of all columns: such a pair is a map
    (longitude and latitude), while for others the neighbours' targets would be noise to fit.
    Each pair is scored by the leave-one-out squared error of the mean target of the eight nearest
    rows; with more than `candidates` columns only those that score best alone are paired. The first
    `rows` rows are searched, the first `queries` of them asked, so rows must come in random order.

    numbers: (N, columns) scaled alike, training rows only. targets: (N, outputs), standardised
    numbers or one-hot classes. Returns [] when no pair is that good, for fewer than two columns of
    more than two values, and for fewer than `minimum` rows (there the features did harm).
    """
    enough = len(numbers) >= minimum
    numbers, targets = numbers[:rows], targets[:rows]
    asked, neighbours = min(queries, len(numbers)), 8
    varied = [column for column in range(numbers.shape[1]) if numbers[:, column].unique().numel() > 2]
    if len(varied) < 2 or not enough or count < 1:
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

    The memory (at most `memory` rows) is a buffer, so it is saved with the weights; it is searched through a k-d tree.
    """

    NEAREST = (4, 16)

    targets: Tensor
    points: Tensor
    shift: Tensor
    scale: Tensor

    def __init__(self, *, columns: list[list[int]], memory: int, outputs: int):
        super().__init__()
        if memory <= max(self.NEAREST):
            raise ValueError(f"the memory must hold more than {max(self.NEAREST)} rows, not {memory}")
        self.columns, self.memory, self.outputs = columns, memory, outputs
        self.width = len(columns) * 3 * outputs
        self.register_buffer("targets", torch.zeros(memory, outputs))
        self.register_buffer("points", torch.zeros(len(columns), memory, len(columns[0])))
        self.register_buffer("shift", torch.zeros(self.width))
        self.register_buffer("scale", torch.ones(self.width))
        self.trees: list[KDTree] = []  # made from `points` when first needed
        self.register_load_state_dict_post_hook(lambda module, _: module.trees.clear())

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
        self.trees.clear()
        self.targets.zero_()[: len(kept)] = targets[kept]
        self.points.fill_(1e6)  # an empty place is far from every row
        for index, columns in enumerate(self.columns):
            self.points[index, : len(kept)] = numbers[kept][:, columns]
        if not keep_scale:
            self.shift.zero_()
            self.scale.fill_(1)
            raw = self(numbers[kept], places[kept])
            self.shift.copy_(raw.mean(0))
            self.scale.copy_(raw.std(0).clamp_min(1e-6))
        return places

    @torch.no_grad()
    def forward(self, numbers: Tensor, places: Tensor | None = None) -> Tensor:
        """(N, sets * 3 * outputs) for numbers (N, columns); places: (N,) as `remember`
        returned them for training rows (-1: not in the memory), None when no row is in the memory."""
        own = None if places is None else places.cpu().numpy()[:, None]  # (N, 1)
        features = torch.cat([self.search(numbers, own, index) for index in range(len(self.columns))], 1)
        return (features - self.shift) / self.scale

    def search(self, numbers: Tensor, own: np.ndarray | None, index: int) -> Tensor:
        """The features (N, 3 * outputs) of one set of columns, before they are standardised."""
        if not self.trees:
            self.trees.extend(KDTree(points.cpu().numpy()) for points in self.points)
        count = max(self.NEAREST)
        _, nearest = self.trees[index].query(numbers[:, self.columns[index]].cpu().numpy(), count + 1)  # (N, count + 1)
        if own is not None:
            others_first = np.argsort(nearest == own, axis=1, kind="stable")
            nearest = np.take_along_axis(nearest, others_first, axis=1)
        values = self.targets[torch.from_numpy(nearest[:, :count]).to(self.targets.device)]  # (N, count, outputs)
        return torch.cat([values[:, :near].mean(1) for near in self.NEAREST] + [values.std(1)], 1)


class PiecewiseColumns(nn.Module):
    """Each number as a small vector: relu(W e + b), e how far the number has come through each of `bins` bins.

    (N, columns) -> (N, columns, width). e_t = clip(bins * u - t, 0, 1), u the normal distribution's
    value of the number: bins of equal counts for a column that was scaled to normal by its quantiles.
    Source: Gorishniy et al. 2022, "On Embeddings for Numerical Features", section 3.2 (PLE), W per column.
    """

    starts: Tensor

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
    member on its own (the mean of the members' losses, not the loss of their mean) and predict with
    the average of their values or probabilities. Matrices are shared; each member has its own scale of
    every layer's inputs and outputs, its own bias and its own head (Gorishniy et al. 2024, "TabM",
    section 3, after Wen et al. 2020, "BatchEnsemble", section 3). Unlike there, the first layer has
    no input scales, so its product is shared by all members; random output scales keep
    the members different. Neighbours' targets, if any, come in as further numbers.

    numbers: float (N, numbers), scaled. categories: long (N, len(category_sizes)), 0 for unknown,
    category_sizes counting that 0. neighbours: float
    (N, neighbours.width), what `self.neighbours(numbers, places)` gives: training must pass it
    (computed once, each row's own target left out); with None, right only for rows that are not in
    the memory, it is looked up here. Raises ValueError for an empty network.
    """

    neighbours: NeighbourTargets | None

    def __init__(
        self,
        *,
        numbers: int,
        category_sizes: list[int],
        outputs: int,
        neighbour_columns: list[list[int]] | None = None,
        memory: int = 0,
        members: int = 16,
        width: int = 128,
        layers: int = 3,
        embedding: int = 8,
        bins: int = 32,
    ):
        super().__init__()
        if numbers + len(category_sizes) == 0 or min(outputs, members, width, layers, bins) < 1:
            raise ValueError("a table network needs a column, an output, a member, a unit, a layer and a bin")
        self.numbers, self.category_sizes, self.outputs = numbers, category_sizes, outputs
        self.neighbour_columns, self.memory = neighbour_columns, memory
        self.members, self.width, self.layers = members, width, layers
        self.embedding, self.bins = embedding, bins

        self.neighbours = None
        if neighbour_columns:
            self.neighbours = NeighbourTargets(columns=neighbour_columns, memory=memory, outputs=outputs)
        columns = numbers + (self.neighbours.width if self.neighbours else 0)
        self.piecewise = PiecewiseColumns(columns=columns, bins=bins, width=embedding)
        embeddings = [nn.Embedding(size, min(size, 2 * embedding)) for size in category_sizes]
        for layer in embeddings:
            nn.init.zeros_(layer.weight[0])  # the unknown category: never trained, so it stays zero
        self.category = nn.ModuleList(embeddings)
        widths = [columns * (embedding + 1) + sum(min(size, 2 * embedding) for size in category_sizes)]
        widths += [width] * layers

        def uniform(inputs: int, *shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(*shape).uniform_(-1, 1) * inputs**-0.5)

        steps = list(itertools.pairwise(widths))
        self.weight = nn.ParameterList(uniform(a, a, b) for a, b in steps)
        self.bias = nn.ParameterList(uniform(a, members, 1, b) for a, b in steps)
        self.input_scale = nn.ParameterList(nn.Parameter(torch.ones(members, 1, a)) for a, _ in steps[1:])
        self.output_scale = nn.ParameterList(
            nn.Parameter(torch.randn(members, 1, b) if index == 0 else torch.ones(members, 1, b))
            for index, (_, b) in enumerate(steps)
        )
        self.head_weight = uniform(width, members, width, outputs)
        self.head_bias = nn.Parameter(torch.zeros(members, 1, outputs))

    def forward(self, numbers: Tensor, categories: Tensor, neighbours: Tensor | None = None) -> Tensor:
        if self.neighbours is not None:
            numbers = torch.cat([numbers, self.neighbours(numbers) if neighbours is None else neighbours], 1)
        encoded = [self.piecewise(numbers).flatten(1), numbers]
        encoded += [layer(categories[:, index]) for index, layer in enumerate(self.category)]
        hidden = torch.cat(encoded, 1) @ self.weight[0]  # (N, width), the same for all members
        hidden = functional.relu(torch.addcmul(self.bias[0], hidden, self.output_scale[0]))  # (members, N, width)
        for index in range(1, self.layers):
            # scaling the member's matrix costs less than scaling the rows before and after it
            weight = self.input_scale[index - 1].mT * self.weight[index] * self.output_scale[index]
            hidden = functional.relu(torch.baddbmm(self.bias[index], hidden, weight))
        return torch.baddbmm(self.head_bias, hidden, self.head_weight).transpose(0, 1)  # (N, members, outputs)

    def decayed(self) -> list[nn.Parameter]:
        """The parameters that weight decay acts on: the matrices."""
        return [*self.weight, self.piecewise.weight, self.head_weight]
