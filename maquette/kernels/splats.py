"""3D Gaussians to a picture and back, compiled: what graphics/splats.py does, some hundred times as fast."""

from dataclasses import dataclass

import numpy as np

from maquette.graphics.splats import THINNEST
from maquette.kernels import compile_first
from maquette.kernels.binning import TILE, bins, sorted_by_depth
from maquette.kernels.blending import SUMS, blend, blend_backward
from maquette.kernels.gradients import project_backward
from maquette.kernels.projecting import SPLAT, packed_camera, project

NOTHING = np.empty((0, 0), np.float32)


@dataclass
class Drawn:
    """A picture (3, height, width), what shines through it (height, width), and all that the way back needs."""

    picture: np.ndarray
    remainder: np.ndarray
    camera: np.ndarray
    degree: int
    is_antialiased: bool
    splats: np.ndarray
    depths: np.ndarray
    order: np.ndarray
    pairs: np.ndarray
    starts: np.ndarray
    blocks: np.ndarray
    homes: np.ndarray
    firsts: np.ndarray
    lasts: np.ndarray
    tiles_x: int

    @property
    def depth(self) -> np.ndarray:
        """The mean depth of what each pixel shows (height, width), 0 where it shows nothing."""
        splats = self.splats.copy()
        splats[:, 7] = np.where(np.isfinite(self.depths), self.depths, 0)  # depth in the place of a colour
        picture, remainder = np.empty_like(self.picture), np.empty_like(self.remainder)
        blocks, background = np.empty_like(self.blocks), np.zeros(3, np.float32)
        blend(splats, self.pairs, self.starts, self.tiles_x, picture, remainder, blocks, background)
        shown = 1 - remainder
        return np.where(shown > THINNEST, picture[0] / np.maximum(shown, THINNEST), 0)


def held(rows: np.ndarray) -> np.ndarray:
    """Rows where `draw` needs them: here, as they are."""
    return rows


def draw(gaussians, camera, *, background=(0, 0, 0), degree=3, is_antialiased=False) -> Drawn:
    """What a `Camera` sees of gaussians (N, 11 + 3 K) float32, rows as in kernels/projecting.py."""
    compile_first("maquette.kernels.training")
    height, width = camera.height, camera.width
    packed = packed_camera(camera)
    splats, depths = np.empty((len(gaussians), SPLAT), np.float32), np.empty(len(gaussians), np.float32)
    project(gaussians, degree, packed, is_antialiased, splats, depths)
    order = sorted_by_depth(depths)
    tiles_x, tiles_y = -(-width // TILE), -(-height // TILE)
    pairs, starts, homes, firsts, lasts = bins(splats, depths, order, tiles_x, tiles_y)
    picture, remainder = np.empty((3, height, width), np.float32), np.empty((height, width), np.float32)
    blocks = np.empty(len(pairs), np.uint8)
    blend(splats, pairs, starts, tiles_x, picture, remainder, blocks, np.asarray(background, np.float32))
    return Drawn(
        picture,
        remainder,
        packed,
        degree,
        is_antialiased,
        splats,
        depths,
        order,
        pairs,
        starts,
        blocks,
        homes,
        firsts,
        lasts,
        tiles_x,
    )


def sums_of(drawn: Drawn, slopes: np.ndarray, by_remainder: np.ndarray = NOTHING) -> np.ndarray:
    """The sums (R, 9) that `blend_backward` makes of slopes (3, height, width), derivatives by the picture.

    by_remainder (height, width) are those by what shines through, if that counts.
    """
    sums = np.empty((drawn.firsts[-1], SUMS), np.float32)
    found_before = drawn.splats, drawn.pairs, drawn.starts, drawn.blocks, drawn.homes, drawn.tiles_x
    blend_backward(*found_before, drawn.picture, drawn.remainder, slopes, by_remainder, sums)
    return sums


def draw_backward(gaussians, drawn: Drawn, slopes: np.ndarray, by_remainder: np.ndarray = NOTHING) -> np.ndarray:
    """The derivatives (N, 11 + 3 K) by the Gaussians, from those that `sums_of` takes."""
    found = np.empty_like(gaussians)
    project_backward(
        gaussians,
        drawn.degree,
        drawn.camera,
        drawn.is_antialiased,
        drawn.splats,
        drawn.firsts,
        drawn.lasts,
        sums_of(drawn, slopes, by_remainder),
        found,
    )
    return found
