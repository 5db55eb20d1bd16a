"""How a scene is scored: held-out views as they would be photographed, beside the photographs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from maquette.graphics.cameras import differences
from maquette.methods.exposure import exposed

if TYPE_CHECKING:
    from maquette.methods.exposure import Exposures
    from maquette.recipes.scenes.growing import Seen

NEARBY = 0.1  # how different two cameras may be that a photograph of one tells how the other's would be exposed


class Judge:
    """Scores what a scene shows where the `test` views were taken.

    With `Exposures` of the training photographs, a picture is exposed as one from there would be: by the mean of
    theirs, weighted by how near their cameras stand and how alike they look. The photograph itself is not used for it.
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
        self.kernels, self.model, self.test, self.exposures = kernels, model, test, exposures
        cameras = [view.camera for view in train]
        self._shares = {view.name: shares_of(differences(view.camera, cameras, extent)) for view in test}

    def compared(self, rows: Any, view: Seen) -> tuple[np.ndarray, np.ndarray]:
        """Truth and picture (H, W, 3) in 0..1 of a view, equal where the mask says that pixels do not count."""
        picture = self.kernels.draw(rows, view.camera, **self.model.looks).picture
        if self.exposures is not None:
            picture = exposed(picture, np.tensordot(self._shares[view.name], self.exposures.matrices, 1))
        return counted(view, picture.transpose(1, 2, 0).clip(0, 1))

    def mean_psnr(self, rows: Any) -> float:
        """The mean over views, in dB."""
        from maquette.measures.pictures import psnr

        return float(np.mean([psnr(*self.compared(rows, view)) for view in self.test]))

    def scores(self, rows: np.ndarray) -> dict[str, dict[str, float]]:
        """psnr and ssim of each view by name."""
        from maquette.measures.pictures import picture_scores

        held = self.kernels.held(rows)
        return {view.name: picture_scores(*self.compared(held, view)) for view in self.test}


def shares_of(apart: np.ndarray) -> np.ndarray:
    """Weights (N,) that sum to 1 of cameras which differ so much: a bell, so that the nearest always count."""
    weights = np.exp((apart.min() ** 2 - apart**2) / (2 * NEARBY**2))
    return (weights / weights.sum()).astype(np.float32)


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
            apart = differences(view.camera, [each.camera for each in alike], extent)
            nearest = alike[int(apart.argmin())]
            found[view.name] = picture_scores(*counted(view, nearest.truth.transpose(1, 2, 0)))
    return found


def means_of(scores: dict[str, dict[str, float]]) -> dict[str, float]:
    """The mean over views of each score."""
    names = next(iter(scores.values()), {})
    return {name: float(np.mean([score[name] for score in scores.values()])) for name in names}
