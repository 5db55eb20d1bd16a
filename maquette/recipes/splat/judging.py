"""How a scene is scored: held-out views as they would be photographed, beside the photographs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from maquette.graphics.cameras import differences

if TYPE_CHECKING:
    from maquette.methods.exposure import Exposures
    from maquette.recipes.splat.growing import Seen

NEIGHBOURS = 64  # photographs, at most, that tell how one from elsewhere would be exposed
LIGHT = 6.0  # how much a difference of 1 in the logarithm of brightness, squared, counts beside that of cameras
NOISE = 0.01  # how much two photographs differ that are alike
DARKEST = 1e-3  # mean brightness below which all is as dark


class Judge:
    """Scores what a scene shows where the `test` views were taken.

    With `Exposures` of the training photographs, a picture is exposed as one from there would be: as theirs were, by
    where their cameras stand and look, and by how bright what they see is, since cameras take less of more light. The
    photograph itself is not used for it.
    """

    def __init__(
        self,
        kernels: Any,
        model: Any,
        train: list[Seen],
        test: list[Seen],
        extent: float,
        exposures: Exposures | None = None,
    ):
        self.kernels, self.model, self.exposures = kernels, model, exposures
        self.train, self.test = train, test
        self._means = np.array([mean_colour(view.truth, view.mask) for view in train])
        cameras = [view.camera for view in train]
        self._near = {}
        for view, apart in zip(test, differences([each.camera for each in test], cameras, extent), strict=True):
            near = np.argsort(apart, kind="stable")[:NEIGHBOURS]
            theirs = [cameras[each] for each in near]
            self._near[view.name] = near, apart[near], differences(theirs, theirs, extent)

    def compared(self, rows: Any, view: Seen) -> tuple[np.ndarray, np.ndarray]:
        """Truth and picture (H, W, 3) in 0..1 of a view, equal where the mask says that pixels do not count."""
        from maquette.kernels.exposing import expose

        picture = self.kernels.draw(rows, view.camera, **self.model.looks).picture
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
        shares = shares_of(apart + LIGHT * (lights - light) ** 2, between + LIGHT * (lights[:, None] - lights) ** 2)
        return [np.tensordot(shares, each, 1).astype(np.float32) for each in (matrices, shadings)]

    def mean_psnr(self, rows: Any) -> float:
        """The mean over views, in dB."""
        from maquette.measures.pictures import psnr

        return float(np.mean([psnr(*self.compared(rows, view)) for view in self.test]))

    def scores(self, rows: np.ndarray) -> dict[str, dict[str, float]]:
        """psnr and ssim of each view by name."""
        from maquette.measures.pictures import picture_scores

        held = self.kernels.held(rows)
        return {view.name: picture_scores(*self.compared(held, view)) for view in self.test}


def shares_of(apart: np.ndarray, between: np.ndarray) -> np.ndarray:
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


def score_nearest(train: list[Seen], test: list[Seen], extent: float) -> dict[str, dict[str, float]]:
    """psnr and ssim by name of the training view that stands nearest and looks alike, as it is."""
    from maquette.measures.pictures import picture_scores

    found = {}
    for view in test:
        alike = [each for each in train if each.truth.shape == view.truth.shape]
        if alike:
            apart = differences([view.camera], [each.camera for each in alike], extent)
            nearest = alike[int(apart.argmin())]
            found[view.name] = picture_scores(*counted(view, nearest.truth.transpose(1, 2, 0)))
    return found


def means_of(scores: dict[str, dict[str, float]]) -> dict[str, float]:
    """The mean over views of each score."""
    names = next(iter(scores.values()), {})
    return {name: float(np.mean([score[name] for score in scores.values()])) for name in names}
