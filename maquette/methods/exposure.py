"""How bright and in what tint each part of each photograph was taken, learned beside the scene that they show."""

from typing import Any

import numpy as np

RATE = 0.002  # size of Adam's steps
POINTS = 4  # along each side of a photograph


class Exposures:
    """For each of `views` photographs a grid of matrices that turn the scene's colours into the photograph's.

    matrices (views, POINTS, POINTS, 3, 4), whose last column is added, each for a point of the photograph; between
    points they are interpolated. So a photograph has its exposure, and shadows and light that are there in this one
    only, such as the photographer's. On average over all photographs and points they change nothing: what is common to
    all belongs to the scene. Kerbl et al.'s code of 2024 learns one matrix for each photograph; a grid of them is that
    of Wang et al. 2024 (Bilateral guided radiance field processing) without its axis of brightness. `rate` is the size
    of Adam's steps.
    """

    def __init__(self, views: int):
        self.matrices = np.tile(np.eye(3, 4, dtype=np.float32), (views, POINTS, POINTS, 1, 1))
        self.first = np.zeros_like(self.matrices)
        self.second = np.zeros((views, 3, 4), np.float32)
        self.steps = np.zeros(views, np.int64)
        self.rate = RATE

    def spread(self) -> float:
        """By what part photographs differ in brightness: the standard deviation of how bright grey becomes."""
        means = self.matrices.mean((1, 2))
        grey = means[:, :, :3].sum(2).mean(1) * 0.5 + means[:, :, 3].mean(1)
        return float(grey.std() / 0.5)

    def step(self, view: int, by_grid: np.ndarray) -> None:
        """A step of Adam for one photograph; then all together are brought back to changing nothing on average.

        All points of a photograph share their second moments: where nothing pulls, nothing moves.
        """
        self.steps[view] += 1
        self.first[view] += 0.1 * (by_grid - self.first[view])
        self.second[view] += 0.001 * ((by_grid**2).mean((0, 1)) - self.second[view])
        mean = self.first[view] / (1 - 0.9 ** self.steps[view])
        spread = np.sqrt(self.second[view] / (1 - 0.999 ** self.steps[view]))
        self.matrices[view] -= self.rate * mean / (spread + 1e-12)
        self.matrices -= self.matrices.mean((0, 1, 2)) - np.eye(3, 4, dtype=np.float32)

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("matrices", "first", "second", "steps")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, values in state.items():
            setattr(self, name, values.copy())
