"""Colours of rays through a field of densities and colours: samples, compositing, and finer samples where it counts.

The plain version of kernels/marching.py; Mildenhall et al. 2020 (NeRF), sections 4 and 5.2. R rays, S samples.
"""

import torch
from torch import Tensor

FINER = 2  # times as short as in training are a picture's steps through what is there: more were no better


def stratified(near: Tensor, far: Tensor, samples: int, chance: Tensor | None = None) -> Tensor:
    """Distances (R, S), one in each of S equal parts of near (R,) to far (R,); equation (2).

    chance (R, S) in 0..1 says where in its part each lies; in the middle without.
    """
    shift = torch.full((len(near), samples), 0.5) if chance is None else chance
    shares = (torch.arange(samples).to(near) + shift.to(near)) / samples
    return near[:, None] + (far - near)[:, None] * shares


def weights_of(density: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """How much each sample counts (R, S), and what of the light gets through to it (R, S + 1), the last beyond all.

    w_i = T_i (1 - exp(-density_i length_i)), T_i = exp(-sum_{j<i} density_j length_j); equation (3).
    """
    thick = density * lengths
    through = torch.exp(-torch.cat([torch.zeros_like(thick[:, :1]), thick.cumsum(1)], 1))
    return through[:, :-1] * -torch.expm1(-thick), through


def composite(
    density: Tensor, colour: Tensor, lengths: Tensor, distances: Tensor, background: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Colour (R, 3), the part of the light that nothing stops (R,), and mean depth (R,), 0 where nothing is met.

    density, lengths and distances (R, S), colour (R, S, 3), background (R, 3) or (3,).
    """
    weights, through = weights_of(density, lengths)
    left = through[:, -1]
    seen = (weights[..., None] * colour).sum(1) + left[:, None] * background
    met = 1 - left
    depth = torch.where(met > 1e-6, (weights * distances).sum(1) / met.clamp(min=1e-6), torch.zeros_like(met))
    return seen, left, depth


def spread_of(weights: Tensor, lengths: Tensor, distances: Tensor, is_endless: bool = False) -> Tensor:
    """How far apart along a ray what it sees lies, (R,), weighed by how much of it is seen; Barron et al. 2022, (15).

    sum_ij w_i w_j |s_i - s_j| + 1/3 sum_i w_i^2 l_i, of weights, lengths and growing distances (R, S); s is 2 - 1/t
    beyond 1 where space has no end. What is solid spreads little; fog, and clouds before a camera, spread far.
    """
    if is_endless:
        far = distances.clamp(min=1)
        lengths = lengths / far**2
        distances = torch.where(distances > 1, 2 - 1 / far, distances)
    before, before_at = ((each.cumsum(1) - each) for each in (weights, weights * distances))
    return (weights * (2 * (distances * before - before_at) + weights * lengths / 3)).sum(1)


def finer(edges: Tensor, weights: Tensor, samples: int, chance: Tensor | None = None) -> Tensor:
    """Distances (R, samples), sorted, drawn where weights are: hierarchical sampling, section 5.2.

    weights (R, S) are those of the S parts between edges (R, S + 1). chance (R, samples) in 0..1 chooses, evenly spaced
    without.
    """
    shares = (weights + 1e-5) / (weights + 1e-5).sum(1, keepdim=True)
    reached = torch.cat([torch.zeros_like(shares[:, :1]), shares.cumsum(1)], 1)
    if chance is None:
        chance = ((torch.arange(samples) + 0.5) / samples).to(edges).expand(len(edges), samples)
    chance = chance.contiguous() * reached[:, -1:]
    above = torch.searchsorted(reached, chance, right=True).clamp(1, edges.shape[1] - 1)
    below = above - 1
    low, high = reached.gather(1, below), reached.gather(1, above)
    part = (chance - low) / (high - low).clamp(min=1e-9)
    start, end = edges.gather(1, below), edges.gather(1, above)
    return (start + part * (end - start)).sort(1).values
