"""Real spherical harmonics up to degree 3: colours that change with the direction they are seen from."""

import math

import torch
from torch import Tensor

from maquette.graphics.rotations import Numbers

C0 = math.sqrt(1 / (4 * math.pi))
C1 = math.sqrt(3 / (4 * math.pi))
C2 = (math.sqrt(15 / (4 * math.pi)), math.sqrt(5 / (16 * math.pi)), math.sqrt(15 / (16 * math.pi)))
C3 = (
    math.sqrt(35 / (32 * math.pi)),
    math.sqrt(105 / (4 * math.pi)),
    math.sqrt(21 / (32 * math.pi)),
    math.sqrt(7 / (16 * math.pi)),
    math.sqrt(105 / (16 * math.pi)),
)
COUNTS = (1, 4, 9, 16)  # functions of degrees 0 to 3


def basis(directions: Tensor, degree: int) -> Tensor:
    """The functions up to `degree` at unit directions (N, 3): (N, (degree + 1)^2), ordered as in 3DGS' files."""
    x, y, z = directions.unbind(-1)
    values = [torch.full_like(x, C0)]
    if degree > 0:
        values += [-C1 * y, C1 * z, -C1 * x]
    if degree > 1:
        a, b, c = C2
        values += [a * x * y, -a * y * z, b * (3 * z * z - 1), -a * x * z, c * (x * x - y * y)]
    if degree > 2:
        a, b, c, d, e = C3
        values += [
            -a * y * (3 * x * x - y * y),
            b * x * y * z,
            -c * y * (5 * z * z - 1),
            d * z * (5 * z * z - 3),
            -c * x * (5 * z * z - 1),
            e * z * (x * x - y * y),
            -a * x * (x * x - 3 * y * y),
        ]
    return torch.stack(values, -1)


def colours(harmonics: Tensor, directions: Tensor, degree: int) -> Tensor:
    """Colours (N, 3), at least 0, of coefficients (N, K, 3) seen along directions (N, 3); Kerbl et al. 2023."""
    used = harmonics[:, : COUNTS[degree]]
    return ((basis(directions, degree)[..., None] * used).sum(1) + 0.5).clamp(min=0)


def constant_of(colour: Numbers) -> Numbers:
    """The constant coefficient that gives a colour from everywhere."""
    return (colour - 0.5) / C0


def colour_of(constant: Numbers) -> Numbers:
    """The colour that a constant coefficient gives, before it is cut off at 0."""
    return C0 * constant + 0.5
