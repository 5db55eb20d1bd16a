"""3D Gaussians drawn as splats, plainly: the reference for kernels/. Kerbl et al. 2023, Zwicker et al. 2001 (EWA).

N Gaussians: positions (N, 3), scales (N, 3) natural logarithms of standard deviations, rotations (N, 4) quaternions
w x y z, opacities (N,) logits, harmonics (N, K, 3). Any floating type; gradients by autograd.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from maquette.graphics.cameras import Camera
from maquette.graphics.harmonics import colours
from maquette.graphics.rotations import rotation_matrices

NEAR = 0.01  # nothing nearer to the camera's plane is drawn
HIDDEN = -20.0  # logit of an opacity with which nothing is drawn
BLUR = 0.3  # variance in pixels that every splat gains, so that none is thinner than a pixel
MARGIN = 0.15  # of the picture's size, beyond which a Gaussian is flattened as if it stood there
FAINTEST, STRONGEST = 1 / 255, 0.99  # alphas below are skipped, alphas above are cut
THINNEST = 1e-3  # opacity of a pixel below which it has no depth
OPAQUE = 1e-4  # a pixel is done before its transmittance falls below


class Projected(NamedTuple):
    """What the picture needs to know of each Gaussian; `is_seen` (N,) says which count."""

    centres: Tensor  # (N, 2) pixels
    conics: Tensor  # (N, 3): a, b, c of the exponent -(a dx^2 + 2 b dx dy + c dy^2) / 2
    opacities: Tensor  # (N,) 0..1
    depths: Tensor  # (N,)
    colours: Tensor  # (N, 3)
    reaches: Tensor  # (N,): the exponent's quadratic form at which alpha falls to FAINTEST
    is_seen: Tensor


def project(
    positions: Tensor,
    scales: Tensor,
    rotations: Tensor,
    opacities: Tensor,
    harmonics: Tensor,
    camera: Camera,
    *,
    degree: int = 3,
    is_antialiased: bool = False,
) -> Projected:
    """Gaussians as a camera sees them; `is_antialiased` lets blurred ones fade (Yu et al. 2024, equation (6))."""
    turn = torch.as_tensor(camera.rotation, dtype=positions.dtype)
    eye = torch.as_tensor(camera.position, dtype=positions.dtype)
    x, y, z = ((positions - eye) @ turn.T).unbind(-1)
    is_before = z > NEAR
    z = torch.where(is_before, z, torch.ones_like(z))
    centres = torch.stack([camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy], -1)

    low = (-MARGIN * camera.width - camera.cx) / camera.fx, (-MARGIN * camera.height - camera.cy) / camera.fy
    high = (
        ((1 + MARGIN) * camera.width - camera.cx) / camera.fx,
        ((1 + MARGIN) * camera.height - camera.cy) / camera.fy,
    )
    slope_x, slope_y = (x / z).clamp(low[0], high[0]), (y / z).clamp(low[1], high[1])
    zero = torch.zeros_like(z)
    jacobian = torch.stack(
        [
            torch.stack([camera.fx / z, zero, -camera.fx * slope_x / z], -1),
            torch.stack([zero, camera.fy / z, -camera.fy * slope_y / z], -1),
        ],
        -2,
    )
    half = jacobian @ turn @ (rotation_matrices(rotations) * scales.exp()[:, None, :])
    covariance = half @ half.transpose(1, 2)
    xx, xy, yy = covariance[:, 0, 0] + BLUR, covariance[:, 0, 1], covariance[:, 1, 1] + BLUR
    determinant = xx * yy - xy * xy
    conics = torch.stack([yy, -xy, xx], -1) / determinant[:, None]
    alphas = opacities.sigmoid()
    if is_antialiased:
        sharp = covariance[:, 0, 0] * covariance[:, 1, 1] - xy * xy
        alphas = alphas * (sharp / determinant).clamp(min=1e-6).sqrt()
    reaches = 2 * torch.log(alphas.detach().clamp(min=FAINTEST) / FAINTEST)

    with torch.no_grad():
        wide, tall = (reaches * xx).sqrt(), (reaches * yy).sqrt()
        is_inside = (centres[:, 0] + wide > 0) & (centres[:, 0] - wide < camera.width)
        is_inside &= (centres[:, 1] + tall > 0) & (centres[:, 1] - tall < camera.height)
        is_seen = is_before & is_inside & (alphas > FAINTEST)
    directions = torch.nn.functional.normalize(positions - eye, dim=-1)
    return Projected(centres, conics, alphas, z, colours(harmonics, directions, degree), reaches, is_seen)


def blend(projected: Projected, width: int, height: int, background: Tensor, band: int = 16) -> tuple[Tensor, Tensor]:
    """The picture (height, width, 3) and what shines through it (height, width), from front to back.

    Done in bands of rows, so that memory is that of one band times the Gaussians in it.
    """
    order = torch.argsort(projected.depths, stable=True)
    order = order[projected.is_seen[order]]
    centres, conics, alphas, _, tints, reaches, _ = (part[order] for part in projected)
    with torch.no_grad():
        yy = conics[:, 0] / (conics[:, 0] * conics[:, 2] - conics[:, 1] ** 2)
        tall = (reaches * yy).sqrt()
    pictures, remainders = [], []
    for top in range(0, height, band):
        bottom = min(height, top + band)
        chosen = torch.nonzero((centres[:, 1] + tall > top) & (centres[:, 1] - tall < bottom)).flatten()
        columns = torch.arange(width, dtype=centres.dtype) + 0.5
        rows = torch.arange(top, bottom, dtype=centres.dtype) + 0.5
        dx = columns - centres[chosen, 0, None, None]
        dy = rows[:, None] - centres[chosen, 1, None, None]
        a, b, c = (conics[chosen, number, None, None] for number in range(3))
        form = a * dx * dx + 2 * b * dx * dy + c * dy * dy
        alpha = (alphas[chosen, None, None] * torch.exp(-0.5 * form)).clamp(max=STRONGEST)
        alpha = torch.where(form <= reaches[chosen, None, None], alpha, torch.zeros_like(alpha))
        left = torch.cumprod(1 - alpha, 0)
        is_added = left >= OPAQUE
        before = torch.cat([torch.ones_like(left[:1]), left[:-1]])
        shares = torch.where(is_added, alpha * before, torch.zeros_like(alpha))
        remainder = 1 - shares.sum(0)
        pictures.append(torch.einsum("nhw,nc->hwc", shares, tints[chosen]) + remainder[..., None] * background)
        remainders.append(remainder)
    return torch.cat(pictures), torch.cat(remainders)


def render(
    positions: Tensor,
    scales: Tensor,
    rotations: Tensor,
    opacities: Tensor,
    harmonics: Tensor,
    camera: Camera,
    *,
    background: Tensor | None = None,
    degree: int | None = None,
    is_antialiased: bool = False,
) -> Tensor:
    """The picture (height, width, 3) that a camera sees, over black if no background (3,) is given."""
    if degree is None:
        degree = math.isqrt(harmonics.shape[1]) - 1
    seen = project(
        positions, scales, rotations, opacities, harmonics, camera, degree=degree, is_antialiased=is_antialiased
    )
    if background is None:
        background = torch.zeros(3, dtype=positions.dtype)
    return blend(seen, camera.width, camera.height, background)[0]
