"""What a scene of Gaussians is made from: placed photographs, and the Gaussians that training starts from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maquette.checkpoints import load_state
from maquette.data.rows import evenly
from maquette.data.scenes.splatfiles import read_splats
from maquette.families.fields import gaussians_of
from maquette.families.scenes import Placed
from maquette.methods.densification import in_space_order, rows_of_points
from maquette.models import Gaussians
from maquette.runs import Run
from maquette.settings import UserError
from maquette.trained import Trained

FROM_FIELD = 50_000  # points at most that a radiance field gives


@dataclass(frozen=True)
class Prepared(Placed):
    """And the trained scene to go on from, if any."""

    scene: Gaussians | None = None


def is_placed(run: Run) -> bool:
    """Whether this run trains in a world of good numbers, as all do but those that began before there was one."""
    if not (run.folder / "checkpoint" / "state.json").exists():
        return True
    return "unit" in load_state(run.folder, "processing")


def rows_to_start_from(prepared: Prepared, init: str | None, degree: int, most: int | None) -> np.ndarray:
    """Gaussians (N, 11 + 3 K) with harmonics up to `degree`: of a trained scene, of a file, or at the points.

    Of more than `most` points some are taken at even distances in space.
    """
    place = prepared.processing.get("origin", (0.0, 0.0, 0.0)), prepared.processing.get("unit", 1.0)
    if prepared.scene is not None:
        found = prepared.scene.rows_within(*place)
    elif init is not None:
        found = scene_of_file(init).rows_within(*place)
    else:
        points, colours = prepared.points.astype(np.float32), prepared.colours / 255
        if most is not None and len(points) > most:
            few = in_space_order(points)[evenly(len(points), most)]
            points, colours = points[few], colours[few]
        return rows_of_points(points, colours, degree)
    rows = np.zeros((len(found), 11 + 3 * (degree + 1) ** 2), np.float32)
    columns = min(rows.shape[1], found.shape[1])
    rows[:, :columns] = found[:, :columns]
    return rows


def scene_of(trained: Trained) -> Gaussians:
    """The Gaussians of a run of splat, or points of a run of nerf as Gaussians."""
    if isinstance(trained.model, Gaussians):
        return trained.model
    return gaussians_of(trained.model, trained.processing, FROM_FIELD)


def scene_of_file(init: str) -> Gaussians:
    path = Path(init).expanduser()
    if not path.exists():
        raise UserError(f"--init {init}: there is no such file or run.")
    if path.is_dir():
        raise UserError(f"--init {init} holds no trained scene; give a finished run of splat, or a .ply file.")
    splats = read_splats(path)
    return Gaussians.of_rows(splats.rows(), origin=splats.origin)
