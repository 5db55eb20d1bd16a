"""One step of training Gaussians on one view: drawn, compared, and moved by Adam."""

from types import SimpleNamespace

import numpy as np

from maquette.graphics.cameras import camera_at
from maquette.graphics.splats import HIDDEN
from maquette.kernels.exposing import expose, expose_backward
from maquette.kernels.gradients import project_backward_and_step
from maquette.kernels.keeping import Kept
from maquette.kernels.similarity import Room, loss_and_slopes, opacity_loss, smoothed_truth
from maquette.kernels.splats import NOTHING, draw, draw_backward, held, sums_of

DEVICE = "cpu"
DRAWN_BY = "Maquette, on the processor"
KEPT = 512 * 2**20  # bytes, at most, of what the loss needs to know of the pictures


def memory(gaussians, columns, pixels, pictures):
    """About how many bytes training takes: of rows (N, columns), of the largest picture, and of all pictures."""
    # rows, two moments and a copy while they grow; what a Gaussian is in the picture, and about 6 tiles of each
    return gaussians * (4 * 4 * columns + 60 + 6 * 48) + 300 * pixels + pictures + min(2 * pictures, KEPT)


class Studio:
    """Memory for pictures of each size that is trained on, and for what the loss needs to know of each picture."""

    def __init__(self):
        self._rooms, self._kept = {}, Kept(KEPT)

    def room(self, height, width):
        if (height, width) not in self._rooms:
            self._rooms[height, width] = Room(height, width), np.empty((3, height, width), np.float32)
        return self._rooms[height, width]

    def means(self, truth):
        """`smoothed_truth` of a picture that stays as it is."""
        return self._kept.of(truth, lambda truth: smoothed_truth(truth, self.room(*truth.shape[1:])[0]))

    def rows(self, cloud):
        """The cloud's rows where `draw` needs them."""
        return held(cloud.rows)


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
    """Move the rows of a `Cloud` towards truth (3, H, W) seen by `camera`; returns the loss and SSIM.

    step_sizes (11 + 3 K,) are Adam's for each number; ssim_share is that of 1 - SSIM in the loss; mask (H, W) weighs
    pixels, or is None; alpha (H, W) is the opacity that is learned as well, or None; shrinking is added to the loss's
    derivative by each opacity, and a third of it to that by each standard deviation. `Exposures`, if given, learn how
    the photograph number `view` was exposed. The Gaussians with indices left_out, if given, are not there in this step
    and stay as they are.
    """
    if left_out is not None:
        kept, cloud.rows[left_out, 10] = cloud.rows[left_out, 10], HIDDEN
    drawn = draw(cloud.rows, camera, background=background, degree=degree, is_antialiased=is_antialiased)
    room, slopes = studio.room(camera.height, camera.width)
    seen = drawn.picture if exposures is None else expose(drawn.picture, *exposures.of(view))
    mask, by_remainder = NOTHING if mask is None else mask, NOTHING
    loss, similar = loss_and_slopes(seen, truth, studio.means(truth), mask, ssim_share, room, slopes)
    if alpha is not None:
        by_remainder, losses = room.by_remainder, np.empty(len(alpha), np.float32)
        opacity_loss(drawn.remainder, alpha, mask, by_remainder, losses)
        loss += float(losses.sum(dtype=np.float64))
    if exposures is not None:
        matrix, shading = exposures.of(view)
        slopes, by_matrix, by_shading = expose_backward(drawn.picture, matrix, shading, slopes)
        exposures.step(view, by_matrix, by_shading)
    cloud.steps += 1
    project_backward_and_step(
        cloud.rows,
        cloud.first,
        cloud.second,
        step_sizes,
        np.float32(1 - 0.9**cloud.steps),
        np.float32(1 - 0.999**cloud.steps),
        degree,
        drawn.camera,
        is_antialiased,
        drawn.splats,
        drawn.firsts,
        drawn.lasts,
        sums_of(drawn, slopes, by_remainder),
        cloud.pulls,
        cloud.seen,
        np.float32(shrinking),
    )
    if left_out is not None:
        cloud.rows[left_out, 10] = kept
    return loss, similar


def move(cloud, below, away, studio):
    """Move the Gaussians whose logit of the opacity is below a bound by what `away` makes of their rows.

    away takes rows (n, 11 + 3 K) and gives (n, 3).
    """
    chosen = np.flatnonzero(cloud.rows[:, 10] < below)
    cloud.rows[chosen, :3] += away(cloud.rows[chosen])


def compile_all():
    """Call every kernel of splatting once, on next to nothing."""
    camera = camera_at(np.array([0.0, -2, 0]), np.zeros(3), np.array([0.0, 0, 1]), width=8, height=8, focal=8)
    truth, mask = np.zeros((3, 8, 8), np.float32), np.ones((8, 8), np.float32)
    rows = np.zeros((2, 59), np.float32)
    rows[:, 6] = 1
    numbers = {name: np.zeros_like(rows) for name in ("first", "second")}
    cloud = SimpleNamespace(rows=rows, **numbers, pulls=np.zeros(2, np.float32), seen=np.zeros(2, np.int32), steps=0)
    exposure = np.zeros((3, 4), np.float32), np.zeros((2, 2), np.float32)
    exposures = SimpleNamespace(of=lambda view: exposure, step=lambda view, by_matrix, by_shading: None)
    how = {"background": (0, 0, 0), "degree": 3, "ssim_share": 0.2, "is_antialiased": False, "exposures": exposures}
    learn(cloud, camera, truth, mask, np.zeros(59, np.float32), Studio(), alpha=mask, **how)
    draw_backward(rows, draw(rows, camera), truth)


if __name__ == "__main__":
    compile_all()
