"""How bright and in what tint each photograph was taken, and what shades it, learned beside the scene."""

from typing import Any

import numpy as np

from maquette.kernels.adam import adam
from maquette.kernels.exposing import expose_rays, expose_rays_backward

STEP_SIZE = 0.002  # of Adam
TINY = 1e-12
POINTS = 4  # of the shading, along each side of a photograph


class Exposures:
    """What turns the scene's colours into those of each of `views` photographs, as `exposed` in graphics/exposing.py.

    matrices (views, 3, 4) hold brightness and tint, shadings (views, POINTS, POINTS) how much brighter parts of a
    photograph are: light and shadows that are there in this one only, such as the photographer's, and what the lens
    darkens. On average over all photographs, and points, they change nothing: what is common to all belongs to the
    scene. Kerbl et al.'s code of 2024 learns the same matrices. The shading is what is left of Wang et al.'s grids of
    matrices (2024, Bilateral guided radiance field processing) if they differ by place and brightness alone.
    `step_size` is that of Adam.
    """

    def __init__(self, views: int):
        self.matrices = np.tile(np.eye(3, 4, dtype=np.float32), (views, 1, 1))
        self.shadings = np.ones((views, POINTS, POINTS), np.float32)
        self.first, self.second = np.zeros_like(self.matrices), np.zeros_like(self.matrices)
        self.shadings_first, self.shadings_second = np.zeros_like(self.shadings), np.zeros((views, 1, 1), np.float32)
        self.steps = np.zeros(views, np.int64)
        self.step_size = STEP_SIZE

    def of(self, view: int) -> tuple[np.ndarray, np.ndarray]:
        """The matrix (3, 4) and the shading of one photograph."""
        return self.matrices[view], self.shadings[view]

    def spread(self) -> float:
        """By what part photographs differ in brightness: the standard deviation of how bright grey becomes."""
        grey = self.matrices[:, :, :3].sum(2).mean(1) * 0.5 + self.matrices[:, :, 3].mean(1)
        return float((grey * self.shadings.mean((1, 2))).std() / 0.5)

    def of_rays(self, views: np.ndarray, places: np.ndarray) -> np.ndarray:
        """The matrix and the shading's factor (R, 13) of rays at places (R, 2) in 0..1, across and down, of views."""
        found = np.empty((len(views), 13), np.float32)
        expose_rays(self.matrices, self.shadings, views, places, found)
        return found

    def step_by_rays(self, slopes: tuple[np.ndarray, np.ndarray]) -> None:
        """A step of Adam for all photographs, down what `slopes_of_rays` gave."""
        self._move(slice(None), *(each.astype(np.float32) for each in slopes))
        self._centre()

    def slopes_of_rays(
        self, views: np.ndarray, places: np.ndarray, colours: np.ndarray, by_shown: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The loss's derivatives by all matrices and shadings, float64.

        Rays as `of_rays` takes them have colours (R, 3), and the loss derivatives by_shown (R, 3) by what their
        exposures make of these.
        """
        found = np.zeros(self.matrices.shape), np.zeros(self.shadings.shape)
        expose_rays_backward(self.of_rays(views, places), views, places, colours, by_shown, *found)
        return found

    def step(self, view: int, by_matrix: np.ndarray, by_shading: np.ndarray) -> None:
        """A step of Adam for one photograph; then all together are brought back to changing nothing on average.

        All points of a shading share their second moment: where nothing pulls, nothing moves.
        """
        self._move(view, by_matrix, by_shading)
        self._centre()

    def _move(self, view: int | slice, by_matrix: np.ndarray, by_shading: np.ndarray) -> None:
        self.steps[view] += 1
        is_all = isinstance(view, slice)
        squares = (by_shading**2).mean((1, 2) if is_all else None, keepdims=True)
        steps = self.steps[:, None, None] if is_all else self.steps[view]
        for values, first, second, slopes, square in (
            (self.matrices, self.first, self.second, by_matrix, by_matrix**2),
            (self.shadings, self.shadings_first, self.shadings_second, by_shading, squares),
        ):
            values[view], first[view], second[view] = adam(
                values[view], first[view], second[view], slopes, square, self.step_size, steps, TINY
            )

    def _centre(self) -> None:
        self.matrices -= self.matrices.mean(0) - np.eye(3, 4, dtype=np.float32)
        self.shadings -= self.shadings.mean() - 1

    def state_dict(self) -> dict[str, Any]:
        names = ("matrices", "shadings", "first", "second", "shadings_first", "shadings_second", "steps")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, values in state.items():
            setattr(self, name, values.copy())
