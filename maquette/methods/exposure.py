"""How bright and in what tint each photograph was taken, learned beside the scene that they show."""

from typing import Any

import numpy as np

RATE = 0.002  # size of Adam's steps


def exposed(picture: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """picture (3, H, W) with its colours turned by matrix (3, 4), whose last column is added."""
    return np.einsum("ij,jyx->iyx", matrix[:, :3], picture) + matrix[:, 3, None, None]


class Exposures:
    """For each of `views` photographs a matrix (3, 4) that turns the scene's colours into the photograph's.

    The last column is added. On average over all photographs they change nothing: what is common to all belongs to the
    scene. Kerbl et al.'s code of 2024 learns the same matrices. `rate` is the size of Adam's steps.
    """

    def __init__(self, views: int):
        self.matrices = np.tile(np.eye(3, 4, dtype=np.float32), (views, 1, 1))
        self.first, self.second = np.zeros_like(self.matrices), np.zeros_like(self.matrices)
        self.steps = np.zeros(views, np.int64)
        self.rate = RATE

    def spread(self) -> float:
        """By what part photographs differ in brightness: the standard deviation of how bright grey becomes."""
        grey = self.matrices[:, :, :3].sum(2).mean(1) * 0.5 + self.matrices[:, :, 3].mean(1)
        return float(grey.std() / 0.5)

    def step(self, view: int, by_matrix: np.ndarray) -> None:
        """A step of Adam for one photograph; then all together are brought back to changing nothing on average."""
        self.steps[view] += 1
        self.first[view] += 0.1 * (by_matrix - self.first[view])
        self.second[view] += 0.001 * (by_matrix**2 - self.second[view])
        mean = self.first[view] / (1 - 0.9 ** self.steps[view])
        spread = np.sqrt(self.second[view] / (1 - 0.999 ** self.steps[view]))
        self.matrices[view] -= self.rate * mean / (spread + 1e-12)
        self.matrices -= self.matrices.mean(0) - np.eye(3, 4, dtype=np.float32)

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("matrices", "first", "second", "steps")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, values in state.items():
            setattr(self, name, values.copy())
