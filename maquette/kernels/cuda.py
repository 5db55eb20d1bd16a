"""Splats on a graphics card, by gsplat (Ye et al. 2024): what kernels/training.py does on the processor.

gsplat draws; the loss and Adam's step are torch's operations. Derivatives are summed there in no fixed order, so two
runs differ by rounding. gsplat cuts alphas at 0.999 in place of 0.99.
"""

import functools
import importlib.util
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from maquette.graphics.cameras import camera_at
from maquette.graphics.exposing import exposed
from maquette.graphics.similarity import loss as loss_of
from maquette.graphics.similarity import opacity_loss
from maquette.graphics.splats import BLUR, HIDDEN, NEAR, THINNEST
from maquette.kernels.adam import adam
from maquette.kernels.keeping import Kept

DEVICE = "cuda"
DRAWN_BY = "gsplat, on the graphics card"
KEPT = 8 * 2**30  # bytes of the card, at most, for pictures that are learned from


@functools.cache
def is_there() -> bool:
    """Whether gsplat draws here; its own kernels may be compiled for that, which takes minutes, once."""
    if importlib.util.find_spec("gsplat") is None or not torch.cuda.is_available():
        return False
    camera = camera_at(np.array([0.0, -2, 0]), np.zeros(3), np.array([0.0, 0, 1]), width=8, height=8, focal=8)
    try:
        draw(np.array([[0.0] * 6 + [1] + [0] * 7], np.float32), camera, degree=0)
    except (ImportError, AttributeError, RuntimeError, AssertionError, TypeError):
        return False  # built for another card or torch, or there is no compiler to build it with
    return True


def memory(gaussians, columns, pixels, pictures):
    """About how many bytes of the card training takes, as `memory` in kernels/training.py."""
    # 52 times the rows, at most: measured with 1,000,000 Gaussians on one card, before blocks of old sizes were freed
    return gaussians * 52 * 4 * columns + 300 * pixels + min(pictures, KEPT)


class Rendered(NamedTuple):
    """A picture (3, H, W), its opacity and its depth (H, W), as tensors with gradients.

    And of each Gaussian its centre in pixels (..., N, 2), that through which the picture depends on it, and whether it
    may be seen (N,).
    """

    picture: Tensor
    opacity: Tensor
    depth: Tensor
    centres: Tensor
    is_seen: Tensor


def rasterize(rows: Tensor, camera, background, degree, is_antialiased) -> Rendered:
    """What a `Camera` sees of rows (N, 11 + 3 K), by gsplat."""
    if not len(rows):  # gsplat would divide by their number, and end the process
        paper = torch.tensor(background, dtype=rows.dtype, device=rows.device)[:, None, None]
        nothing = rows.sum() + torch.zeros(camera.height, camera.width, dtype=rows.dtype, device=rows.device)
        return Rendered(paper + nothing, nothing, nothing, rows[:, :2], rows[:, 0] > 0)
    from gsplat import rasterization

    lens = [[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]]
    colours, opacity, found = rasterization(
        rows[:, :3],
        rows[:, 6:10],
        rows[:, 3:6].exp(),
        rows[:, 10].sigmoid(),
        rows[:, 11:].unflatten(1, (-1, 3)),
        torch.tensor(camera.world_to_camera, dtype=rows.dtype, device=rows.device)[None],
        torch.tensor(lens, dtype=rows.dtype, device=rows.device)[None],
        camera.width,
        camera.height,
        near_plane=NEAR,
        eps2d=BLUR,
        sh_degree=degree,
        packed=False,
        backgrounds=torch.tensor(background, dtype=rows.dtype, device=rows.device)[None],
        render_mode="RGB+ED",
        rasterize_mode="antialiased" if is_antialiased else "classic",
    )
    planes = colours[0].permute(2, 0, 1)
    is_seen = (found["radii"][0] > 0).all(-1)
    return Rendered(planes[:3], opacity[0, ..., 0], planes[3], found["means2d"], is_seen)


class Drawn(NamedTuple):
    """A picture (3, height, width), what shines through it and its mean depth, 0 where nothing is (height, width)."""

    picture: np.ndarray
    remainder: np.ndarray
    depth: np.ndarray


def held(rows):
    """Rows (N, 11 + 3 K) where `draw` needs them, so that many pictures move them once."""
    return torch.as_tensor(rows, device=DEVICE)


@torch.no_grad()
def draw(rows, camera, *, background=(0, 0, 0), degree=3, is_antialiased=False) -> Drawn:
    """What a `Camera` sees of rows (N, 11 + 3 K) float32, an array or what `held` gave."""
    found = rasterize(held(rows), camera, background, degree, is_antialiased)
    depth = torch.where(found.opacity > THINNEST, found.depth, 0)
    return Drawn(*(each.cpu().numpy() for each in (found.picture.contiguous(), 1 - found.opacity, depth)))


class Studio:
    """The numbers of one `Cloud` on the card for as long as it is trained there, and the pictures it learns from."""

    def __init__(self):
        self._numbers, self._kept = {}, Kept(KEPT)

    def numbers(self, cloud):
        """The cloud's arrays as tensors on the card; `cloud.settle` brings them back."""
        if cloud.bring_back is None:
            self._numbers = {name: torch.tensor(getattr(cloud, name), device=DEVICE) for name in cloud.ARRAYS}
            cloud.bring_back = functools.partial(self._bring_back, cloud)
        return self._numbers

    def _bring_back(self, cloud):
        for name, tensor in self._numbers.items():
            setattr(cloud, name, tensor.cpu().numpy())
        self._numbers = {}
        torch.cuda.empty_cache()  # blocks of the old size would be kept beside those of the new

    def rows(self, cloud):
        """The cloud's rows where `draw` needs them: they need not come back to be looked at."""
        return self.numbers(cloud)["rows"]

    def picture(self, picture):
        """An array that stays as it is, on the card."""
        return self._kept.of(picture, functools.partial(torch.tensor, device=DEVICE))


def learn(
    cloud,
    camera,
    truth,
    mask,
    step_sizes,
    studio,
    *,
    background,
    degree,
    ssim_share,
    is_antialiased,
    alpha=None,
    shrinking=0.0,
    exposures=None,
    view=0,
    left_out=None,
):
    """As `learn` in kernels/training.py; the loss and SSIM are tensors, so that nothing waits for them."""
    numbers = studio.numbers(cloud)
    rows = numbers["rows"].detach()
    if left_out is not None:
        left_out = torch.as_tensor(left_out, device=DEVICE)
        kept, rows[left_out, 10] = rows[left_out, 10], HIDDEN
    rows.requires_grad_()
    found = rasterize(rows, camera, background, degree, is_antialiased)
    seen = found.is_seen
    if left_out is not None:
        seen[left_out] = False
    shown, causes = found.picture, [rows, found.centres]
    if exposures is not None:
        exposure = [torch.tensor(each, device=DEVICE, requires_grad=True) for each in exposures.of(view)]
        causes += exposure
        shown = exposed(shown, *exposure)
    mask = None if mask is None else studio.picture(mask)
    loss, similar = loss_of(shown, studio.picture(truth), ssim_share, mask)
    if alpha is not None:
        loss = loss + opacity_loss(found.opacity, studio.picture(alpha), mask)
    slopes, by_centres, *by_exposure = torch.autograd.grad(loss, causes, materialize_grads=True)
    if exposures is not None:
        exposures.step(view, *(each.cpu().numpy() for each in by_exposure))
    cloud.steps += 1
    with torch.no_grad():
        slopes[:, 10] += shrinking * rows[:, 10].sigmoid() * (1 - rows[:, 10].sigmoid())
        slopes[:, 3:6] += shrinking / 3 * rows[:, 3:6].exp()
        pull = by_centres.reshape(-1, 2).norm(dim=1) * (0.5 * max(camera.width, camera.height))
        numbers["pulls"] += torch.where(seen, pull, 0)
        numbers["seen"] += seen
        step(
            numbers,
            slopes,
            torch.as_tensor(step_sizes, device=DEVICE),
            seen,
            11 + 3 * (degree + 1) ** 2,
            cloud.steps,
        )
        if left_out is not None:
            numbers["rows"][left_out, 10] = kept
    return loss.detach(), similar.detach()


def step(numbers, slopes, step_sizes, seen, used, steps):
    """A step of Adam for the first `used` numbers of the Gaussians that are seen, the others staying as they are."""
    rows, first, second = (numbers[name][:, :used] for name in ("rows", "first", "second"))
    slopes, seen = slopes[:, :used], seen[:, None]
    moved, mean, square = adam(rows, first, second, slopes, slopes * slopes, step_sizes[:used], steps, 1e-15)
    for old, new in ((first, mean), (second, square), (rows, moved)):
        old.copy_(torch.where(seen, new, old))


@torch.no_grad()
def move(cloud, below, away, studio):
    """As `move` in kernels/training.py."""
    rows = studio.numbers(cloud)["rows"]
    chosen = torch.nonzero(rows[:, 10] < float(below)).flatten()
    rows[chosen, :3] += torch.as_tensor(away(rows[chosen].cpu().numpy()), device=rows.device)
