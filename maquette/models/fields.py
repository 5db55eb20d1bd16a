"""Radiance fields: density and colour at every place of a scene, by a hash grid or by frequencies.

A field's own numbers are places of its cube, (x - middle) / reach for x in the world that it is placed in, which is
(X - origin) / unit for X of the world that cameras stand in. Where space has no end, the cube from -1 to 1 is what
counts most, and all else is contracted around it.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maquette.graphics.encodings import frequencies, hash_encode, resolutions
from maquette.graphics.harmonics import basis
from maquette.graphics.radiance import FINER, composite, finer, stratified, weights_of
from maquette.graphics.rays import box_crossing, contract
from maquette.kernels.fields import KNOWN, THICKEST
from maquette.kernels.marching import FARTHEST, bytes_of

DENSEST = float(THICKEST)  # of the logarithm
Three = tuple[float, float, float]
FEATURES = 4  # a corner: 16 bytes
SKIP = 4  # the layer after which places go in once more, in the network of the paper


class _Field(nn.Module):
    """Where a field lies; see the top of this file. near: where rays begin, in its cube's numbers."""

    def __init__(
        self,
        middle: Three,
        reach: float,
        is_endless: bool,
        near: float,
        background: Three,
        origin: Three,
        unit: float,
    ):
        super().__init__()
        self.middle, self.reach, self.is_endless, self.near = _three(middle), float(reach), is_endless, float(near)
        self.background, self.origin, self.unit = _three(background), _three(origin), float(unit)

    def shares(self, places: Tensor) -> Tensor:
        """Places of the cube as 0..1 of the grid that covers all."""
        return contract(places) / 4 + 0.5 if self.is_endless else places / 2 + 0.5

    def to_source(self, places: np.ndarray) -> np.ndarray:
        """Places (N, 3) of the cube in the world that cameras stand in, float64."""
        placed = np.asarray(places, float) * self.reach + np.array(self.middle)
        return placed * self.unit + np.array(self.origin)

    def span(self, origins: Tensor, ways: Tensor) -> tuple[Tensor, Tensor]:
        """Where rays begin and end."""
        if self.is_endless:
            return torch.full_like(origins[:, 0], self.near), torch.full_like(origins[:, 0], FARTHEST)
        near, far = box_crossing(origins, ways)
        near = near.clamp(min=self.near)
        return near, torch.maximum(near, far)

    def parts(self, origins: Tensor, ways: Tensor, samples: int, chance: Tensor | None) -> Tensor:
        """Distances (R, samples), evenly spaced; by their inverse where space has no end."""
        near, far = self.span(origins, ways)
        if not self.is_endless:
            return stratified(near, far, samples, chance)
        return 1 / stratified(1 / near, 1 / far, samples, chance)


def _three(numbers: Three) -> Three:
    x, y, z = (float(number) for number in numbers)
    return x, y, z


class HashField(_Field):
    """A hash grid of four features a corner, and two small networks; Mueller et al. 2022.

    `levels` tables of 2^`rows` corners, from `coarsest` to `finest` cells a side; first (hidden, 4 levels) and second
    (16, hidden) give the density's logarithm and what the colour needs, third (width, 32), fourth (width, width) if
    layers is 2, and last (4, width) the colour, without shifts. step: of rays, in the cube's numbers. bits: where there
    may be something, of grid^3 cells.
    """

    bits: Tensor

    def __init__(
        self,
        *,
        levels: int = 4,
        rows: int = 17,
        coarsest: int = 16,
        finest: int = 512,
        hidden: int = 16,
        width: int = 64,
        layers: int = 1,
        grid: int = 128,
        step: float = 0.0068,
        middle: Three = (0.0, 0.0, 0.0),
        reach: float = 1.0,
        is_endless: bool = False,
        near: float = 0.01,
        background: Three = (0.0, 0.0, 0.0),
        origin: Three = (0.0, 0.0, 0.0),
        unit: float = 1.0,
    ):
        super().__init__(middle, reach, is_endless, near, background, origin, unit)
        self.levels, self.rows, self.coarsest, self.finest = levels, rows, coarsest, finest
        self.hidden, self.width, self.layers, self.grid, self.step = hidden, width, layers, grid, float(step)
        self.cells = resolutions(levels, coarsest, finest)
        self.table = nn.Parameter(torch.empty(levels, 2**rows, FEATURES).uniform_(-1e-4, 1e-4))
        self.first = _layer(hidden, FEATURES * levels)
        self.second = _layer(KNOWN, hidden)
        self.third = _layer(width, 2 * KNOWN)
        self.fourth = _layer(width, width) if layers == 2 else nn.Parameter(torch.empty(0, 0))
        self.last = _layer(4, width)
        self.register_buffer("bits", torch.full((bytes_of(grid),), 255, dtype=torch.uint8))

    def known(self, places: Tensor) -> Tensor:
        """(N, 16): the density's logarithm and what else is known of places (N, 3) of the cube."""
        features = hash_encode(self.shares(places), self.table, self.cells)
        return F.relu(features @ self.first.T) @ self.second.T

    def density(self, places: Tensor) -> Tensor:
        """(N,) per length of the cube's numbers."""
        return self.known(places)[:, 0].clamp(max=DENSEST).exp()

    def forward(self, places: Tensor, ways: Tensor) -> tuple[Tensor, Tensor]:
        """Densities (N,) and colours (N, 3) in 0..1, seen along unit ways (N, 3)."""
        known = self.known(places)
        found = F.relu(torch.cat([known, basis(ways, 3)], 1) @ self.third.T)
        if self.layers == 2:
            found = F.relu(found @ self.fourth.T)
        return known[:, 0].clamp(max=DENSEST).exp(), torch.sigmoid((found @ self.last.T)[:, :3])

    def is_there(self, places: Tensor) -> Tensor:
        """Whether there may be something at places (N, 3)."""
        cell = self.cell(places)
        return (self.bits[cell >> 3].long() >> (cell & 7)) & 1 > 0

    def cell(self, places: Tensor) -> Tensor:
        """The number (N,) of each place's cell, x fastest; of the nearest one, outside of the cube."""
        x, y, z = (self.shares(places) * self.grid).long().clamp(0, self.grid - 1).unbind(1)
        return x + self.grid * (y + self.grid * z)

    def trace(self, origins: Tensor, ways: Tensor, background: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Colour (R, 3), what is left of the light (R,) and depth (R,) of rays, plainly, as pictures are drawn."""
        distances, lengths, density, colour = self.samples(origins, ways, times=FINER)
        return [composite(density, colour, lengths, distances, background)]

    def samples(
        self, origins: Tensor, ways: Tensor, chance: Tensor | None = None, times: int = 1
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Distances, lengths and densities (R, S), and colours (R, S, 3), of steps; 0 where nothing can be.

        chance (R, 1) in 0..1 shifts the steps of a ray, which are `times` as short as in training; with gradients.
        """
        near, far = self.span(origins, ways)
        longest = float((far - near).max()) if not self.is_endless else math.inf
        distances, lengths = self.steps(near, longest, origins, ways, chance, self.step / times)
        places = origins[:, None] + distances[..., None] * ways[:, None]
        used = (distances < far[:, None]) & self.is_there(places.flatten(0, 1)).view_as(distances)
        density, colour = torch.zeros_like(distances), torch.zeros_like(places)
        some = used.nonzero(as_tuple=True)
        density[some], colour[some] = self(places[some], ways[some[0]])
        return distances, lengths, density, colour

    def steps(
        self, near: Tensor, longest: float, origins: Tensor, ways: Tensor, chance: Tensor | None, step: float
    ) -> tuple[Tensor, Tensor]:
        """Distances and lengths (R, S) of steps, which grow where space is contracted."""
        shift = torch.full_like(near, 0.5) if chance is None else chance[:, 0]
        t = near + shift * step
        if not self.is_endless:
            count = max(1, math.ceil(longest / step))
            distances = t[:, None] + step * torch.arange(count).to(t)
            return distances, torch.full_like(distances, step)
        found, lengths = [], []
        while float(t.min()) < FARTHEST:
            most = (origins + t[:, None] * ways).abs().amax(1).clamp(min=1)
            found.append(t)
            lengths.append(torch.where(t < FARTHEST, step * most**2, torch.zeros_like(t)))
            t = (t + lengths[-1]).clamp(max=FARTHEST)
        return torch.stack(found, 1), torch.stack(lengths, 1)


def _layer(outs: int, ins: int) -> nn.Parameter:
    """Weights as chance has them, by the number of inputs (He et al. 2015)."""
    reach = math.sqrt(6 / ins)
    return nn.Parameter(torch.empty(outs, ins).uniform_(-reach, reach))


class FrequencyField(_Field):
    """The network of the paper, 8 layers of 256 units on frequencies; Mildenhall et al. 2020, figure 7.

    Two of them, coarse and fine: the fine one sees where the coarse one met something. `places` and `ways` count the
    frequencies of places and directions.
    """

    def __init__(
        self,
        *,
        width: int = 256,
        depth: int = 8,
        places: int = 10,
        ways: int = 4,
        coarse: int = 64,
        fine: int = 128,
        middle: Three = (0.0, 0.0, 0.0),
        reach: float = 1.0,
        is_endless: bool = False,
        near: float = 0.01,
        background: Three = (0.0, 0.0, 0.0),
        origin: Three = (0.0, 0.0, 0.0),
        unit: float = 1.0,
    ):
        super().__init__(middle, reach, is_endless, near, background, origin, unit)
        self.width, self.depth, self.places, self.ways, self.coarse, self.fine = (
            width,
            depth,
            places,
            ways,
            coarse,
            fine,
        )
        self.networks = nn.ModuleList(FrequencyNetwork(width, depth, places, ways) for _ in range(2))

    def forward(self, places: Tensor, ways: Tensor, which: int = 1) -> tuple[Tensor, Tensor]:
        """Densities (N,) and colours (N, 3) of places (N, 3) of the cube, by the fine network or (0) the coarse one."""
        inner = contract(places) / 2 if self.is_endless else places
        density, colour = self.networks[which](inner, ways)
        return density, colour

    def density(self, places: Tensor) -> Tensor:
        """(N,) per length of the cube's numbers."""
        inner = contract(places) / 2 if self.is_endless else places
        fine = self.networks[1]
        assert isinstance(fine, FrequencyNetwork)
        return fine.density(inner)[0]

    def trace(
        self, origins: Tensor, ways: Tensor, background: Tensor, chance: Tensor | None = None
    ) -> list[tuple[Tensor, Tensor, Tensor]]:
        """What `composite` gives of the coarse and of the fine network; chance (R, coarse + fine) or None."""
        return [composite(*seen, background) for seen in self._both(origins, ways, chance)]

    def samples(
        self, origins: Tensor, ways: Tensor, chance: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Distances, lengths and densities (R, S), and colours (R, S, 3), by the fine network."""
        density, colour, lengths, distances = self._both(origins, ways, chance)[1]
        return distances, lengths, density, colour

    def _both(
        self, origins: Tensor, ways: Tensor, chance: Tensor | None
    ) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Densities, colours, lengths and distances of the coarse network's samples, and of the fine one's."""
        one, other = (None, None) if chance is None else chance.split([self.coarse, self.fine], 1)
        edges = self.parts(origins, ways, self.coarse, one)
        lengths = _lengths(edges, self.is_endless)
        density, colour = self._seen(origins, ways, edges, 0)
        weights, _ = weights_of(density.detach(), lengths)
        more = finer((edges[:, 1:] + edges[:, :-1]) / 2, weights[:, 1:-1], self.fine, other)
        every = torch.cat([edges, more], 1).sort(1).values
        fine = self._seen(origins, ways, every, 1)
        return [(density, colour, lengths, edges), (*fine, _lengths(every, self.is_endless), every)]

    def _seen(self, origins: Tensor, ways: Tensor, distances: Tensor, which: int) -> tuple[Tensor, Tensor]:
        """Densities (R, S) and colours (R, S, 3) at distances (R, S)."""
        places = origins[:, None] + distances[..., None] * ways[:, None]
        every = ways[:, None].expand_as(places).flatten(0, 1)
        density, colour = self(places.flatten(0, 1), every, which)
        return density.view_as(distances), colour.view_as(places)


def _lengths(distances: Tensor, is_endless: bool) -> Tensor:
    """From each sample to the next; the last one reaches as far as the one before, or without end."""
    gaps = distances.diff(dim=1)
    last = torch.full_like(gaps[:, :1], FARTHEST) if is_endless else gaps[:, -1:]
    return torch.cat([gaps, last], 1)


class FrequencyNetwork(nn.Module):
    """Density and colour from frequencies of place and direction."""

    def __init__(self, width: int, depth: int, places: int, ways: int):
        super().__init__()
        self.places, self.ways = places, ways
        ins = 3 + 6 * places
        self.layers = nn.ModuleList(
            nn.Linear(ins if not layer else width + ins * (layer == SKIP), width) for layer in range(depth)
        )
        self.out = nn.Linear(width, 1)
        self.between = nn.Linear(width, width)
        self.turned = nn.Linear(width + 3 + 6 * ways, width // 2)
        self.colour = nn.Linear(width // 2, 3)

    def density(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Densities (N,) and what the colour needs, (N, width)."""
        given = frequencies(places, self.places)
        found = given
        for number, layer in enumerate(self.layers):
            found = F.relu(layer(torch.cat([found, given], 1) if number == SKIP else found))
        return F.softplus(self.out(found)[:, 0] - 1) * DENSE, found

    def forward(self, places: Tensor, ways: Tensor) -> tuple[Tensor, Tensor]:
        density, found = self.density(places)
        turned = F.relu(self.turned(torch.cat([self.between(found), frequencies(ways, self.ways)], 1)))
        return density, torch.sigmoid(self.colour(turned))


DENSE = 10.0  # what the network's number is multiplied by: rays cross a cube of side 2


Field = HashField | FrequencyField
