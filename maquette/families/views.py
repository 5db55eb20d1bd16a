"""Photographs that a scene is learned from, and held-out ones that it is judged by.

Held-out views are scored as they would be photographed, beside the training view that stands nearest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from maquette.data.rows import evenly
from maquette.data.scenes.reading import View
from maquette.families.flights import Drawer
from maquette.figures.images import grid
from maquette.figures.scenes import held_out_views, per_view_scores
from maquette.graphics.cameras import Camera, differences
from maquette.kernels.exposing import expose
from maquette.measures.pictures import picture_scores, psnr
from maquette.methods.exposure import Exposures
from maquette.runs import Run

NEIGHBOURS = 64  # photographs, at most, that tell how one from elsewhere would be exposed
LIGHT = 6.0  # how much a difference of 1 in the logarithm of brightness, squared, counts beside that of cameras
NOISE = 0.01  # how much two photographs differ that are alike
DARKEST = 1e-3  # mean brightness below which all is as dark
SHOWN = 4  # held-out views
DEPTH = 4.0  # inside, of what cameras usually see
PLACED = 4000  # points that tell it
EXPOSED = 16  # training photographs whose exposure is shown

ViewScores = dict[str, dict[str, float]]  # psnr and ssim of each view by name


@dataclass(frozen=True)
class Seen:
    """A view to learn from: picture (H, W, 3) uint8, and mask (H, W) or None.

    alpha (H, W): how opaque each pixel is, if that is known.
    """

    name: str
    camera: Camera
    picture: np.ndarray
    mask: np.ndarray | None
    alpha: np.ndarray | None = None

    @property
    def truth(self) -> np.ndarray:
        """The picture (3, H, W) float32 in 0..1, made anew each time: all views at once would take much memory."""
        return np.ascontiguousarray(self.picture.transpose(2, 0, 1), np.float32) / np.float32(255)


def seen(view: View, origin: Sequence[float] = (0.0, 0.0, 0.0), unit: float = 1.0) -> Seen:
    """The view in a world whose points are (x - origin) / unit."""
    return Seen(view.name, view.camera.within(origin, unit), view.picture, view.mask, view.alpha)


def halved(planes: np.ndarray) -> np.ndarray:
    """(C, H, W) at half the size, each pixel the mean of four; an odd last row or column is left out."""
    colours, height, width = planes.shape
    if min(height, width) < 2:
        return planes
    even = planes[:, : height // 2 * 2, : width // 2 * 2]
    means = even.reshape(colours, height // 2, 2, width // 2, 2).mean((2, 4))
    return np.ascontiguousarray(means, np.float32)


def extent_of(cameras: Sequence[Camera], least: float = 1e-6) -> float:
    """How large the scene is: 1.1 times the farthest camera's distance from the middle of all, as in the paper."""
    positions = np.array([camera.position for camera in cameras])
    return float(max(1.1 * np.linalg.norm(positions - positions.mean(0), axis=1).max(), least))


def place_of(cameras: Sequence[Camera], points: np.ndarray) -> tuple[list[float], float]:
    """Origin (3,) and unit of a world of good numbers: cameras stand around 0, and see points (P, 3) in DEPTH.

    Wherever the scene lies and whatever its unit, its points are (x - origin) / unit there.
    """
    origin = np.mean([camera.position for camera in cameras], axis=0)
    points = points[evenly(len(points), PLACED)]
    depths = [depth[is_in] for is_in, _, depth in (camera.shows(points) for camera in cameras)]
    usual = [float(np.median(depth)) for depth in depths if len(depth)]
    return origin.tolist(), (float(np.median(usual)) if usual else extent_of(cameras)) / DEPTH


# -- scores ------------------------------------------------------------------------------------------------------------


class Judge:
    """Scores what a scene shows where the `test` views were taken.

    With `Exposures` of the training photographs, a picture is exposed as one from there would be: as theirs were, by
    where their cameras stand and look, and by how bright what they see is, since cameras take less of more light. The
    photograph itself is not used for it.
    """

    def __init__(self, train: list[Seen], test: list[Seen], extent: float, exposures: Exposures | None = None):
        self.train, self.test, self.exposures = train, test, exposures
        self._means = np.array([mean_colour(view.truth, view.mask) for view in train])
        cameras = [view.camera for view in train]
        self._near = {}
        for view, apart in zip(test, differences([each.camera for each in test], cameras, extent), strict=True):
            near = np.argsort(apart, kind="stable")[:NEIGHBOURS]
            theirs = [cameras[each] for each in near]
            self._near[view.name] = near, apart[near], differences(theirs, theirs, extent)

    def compared(self, draw: Drawer, view: Seen) -> tuple[np.ndarray, np.ndarray]:
        """Truth and picture (H, W, 3) in 0..1 of a view, equal where the mask says that pixels do not count."""
        picture = draw(view.camera).picture
        if self.exposures is not None:
            picture = expose(picture, *self._exposure(view, picture, self.exposures))
        return counted(view, picture.transpose(1, 2, 0).clip(0, 1))

    def _exposure(self, view: Seen, picture: np.ndarray, known: Exposures) -> list[np.ndarray]:
        """Matrix and shading of a photograph that shows what the picture does, from those of the training part."""
        near, apart, between = self._near[view.name]
        matrices, shadings = known.matrices[near], known.shadings[near]
        means = self._means[near] / shadings.mean((1, 2))[:, None]
        shown = np.linalg.pinv(matrices[:, :, :3]) @ (means - matrices[:, :, 3])[..., None]
        lights = np.log(shown.mean((1, 2)).clip(DARKEST))
        light = np.log(mean_colour(picture, view.mask).mean().clip(DARKEST)).clip(lights.min(), lights.max())
        weights = kriged(apart + LIGHT * (lights - light) ** 2, between + LIGHT * (lights[:, None] - lights) ** 2)
        return [np.tensordot(weights, each, 1).astype(np.float32) for each in (matrices, shadings)]

    def mean_psnr(self, draw: Drawer) -> float:
        """The mean over views, in dB."""
        return float(np.mean([psnr(*self.compared(draw, view)) for view in self.test]))

    def scores(self, draw: Drawer) -> ViewScores:
        return {view.name: picture_scores(*self.compared(draw, view)) for view in self.test}


def kriged(apart: np.ndarray, between: np.ndarray) -> np.ndarray:
    """Weights (N,) that sum to 1 of N photographs, from how unlike each is to a view (N,) and to each other (N, N).

    Those that make the expected error least if what two photographs differ by has a variance which grows like that:
    ordinary kriging with a linear variogram (Cressie 1993, section 3.2).
    """
    number = len(apart)
    system = np.ones((number + 1, number + 1))
    system[:-1, :-1] = between - NOISE * np.eye(number)
    system[-1, -1] = 0
    return np.linalg.solve(system, np.append(apart, 1))[:-1]


def mean_colour(picture: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """The mean (3,) of a picture (3, H, W) where the mask (H, W) counts."""
    if mask is None or not mask.any():
        return picture.mean((1, 2), dtype=np.float64)
    return np.average(picture.reshape(3, -1), axis=1, weights=mask.ravel())


def counted(view: Seen, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Truth and picture (H, W, 3), the picture being the truth where the mask says that it does not count."""
    truth = view.truth.transpose(1, 2, 0)
    if view.mask is not None:
        picture = np.where(view.mask[..., None] > 0.5, picture, truth)
    return truth, picture


def score_nearest(train: list[Seen], test: list[Seen], extent: float) -> ViewScores:
    """Those of the training view that stands nearest and looks alike, as it is."""
    found = {}
    for view in test:
        alike = [each for each in train if each.picture.shape == view.picture.shape]
        if alike:
            apart = differences([view.camera], [each.camera for each in alike], extent)
            nearest = alike[int(apart.argmin())]
            found[view.name] = picture_scores(*counted(view, nearest.truth.transpose(1, 2, 0)))
    return found


def means_of(scores: ViewScores) -> dict[str, float]:
    """The mean over views of each score."""
    names = next(iter(scores.values()), {})
    return {name: float(np.mean([score[name] for score in scores.values()])) for name in names}


# -- in the report -----------------------------------------------------------------------------------------------------


def show_scores(scores: ViewScores, nearest: ViewScores, run: Run) -> None:
    """Each held-out view, with the score of the nearest training view."""
    names = list(scores)
    run.picture(
        "view_scores",
        per_view_scores(
            names,
            [scores[name]["psnr"] for name in names],
            [scores[name]["ssim"] for name in names],
            [nearest.get(name, {}).get("psnr", float("nan")) for name in names],
        ),
        "Each held-out view",
        "The mark is the nearest training view, taken as it is.",
    )
    run.say(
        "The same photographs can teach Gaussians (splat) and a field (nerf). In equal time Gaussians have shown "
        "held-out views better; a field has a surface, and no gaps. maquette compare lays two runs side by side, view "
        "for view."
    )


def show_exposures(exposures: Exposures, train: list[Seen], run: Run) -> None:
    """Grey as some of the training photographs show it."""
    chosen = evenly(len(train), EXPOSED)
    greys = [expose(np.full_like(halved(train[number].truth), 0.5), *exposures.of(number)) for number in chosen]
    run.picture(
        "exposures",
        grid([grey.transpose(1, 2, 0).clip(0, 1) for grey in greys], 8, [train[number].name for number in chosen]),
        "How photographs were exposed",
        "What even grey looks like in some training photographs: brightness, tint, and shadows that only they have.",
    )


def show_held_out(draw: Drawer, judge: Judge, scores: ViewScores, nearest: ViewScores, run: Run) -> list[Seen]:
    """Photographs beside renders, of views from the hardest to the easiest, which are returned.

    Hard is a view of which the `nearest` photograph tells little: so all runs on the same photographs show the same.
    """
    ordered = sorted(judge.test, key=lambda view: nearest.get(view.name, {}).get("psnr", 0.0))
    chosen = [ordered[place] for place in evenly(len(ordered), SHOWN)]
    compared = [judge.compared(draw, view) for view in chosen]
    run.picture(
        "held_out",
        held_out_views(
            [view.name for view in chosen],
            [truth for truth, _ in compared],
            [picture for _, picture in compared],
            [scores[view.name]["psnr"] for view in chosen],
        ),
        "Views that training never saw",
        "First those of which the nearest photograph tells least: photograph, render, and how far apart they are."
        + ("" if judge.exposures is None else " Renders are exposed as a photograph from there would be."),
    )
    return chosen
