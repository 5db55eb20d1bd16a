"""What a scene is made from: photographs with their cameras, and the Gaussians that training starts from."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from maquette.data.cache import cache_folder
from maquette.data.scenes.pairing import Matching
from maquette.data.scenes.reading import Scene, read_scene
from maquette.data.scenes.splatfiles import read_splats
from maquette.data.sets.fetching import resolve
from maquette.families.views import Seen, extent_of, seen
from maquette.graphics.cameras import described
from maquette.methods.densification import rows_of_points
from maquette.models import Gaussians
from maquette.recipes.splat.settings import Settings
from maquette.runs import Run
from maquette.settings import UserError

SOURCE = "nerf_fox"
MATCHINGS: dict[str, Matching] = {  # ways to find cameras that say which photographs are compared
    "exhaustive": "exhaustive",
    "retrieval": "retrieval",
    "sequential": "sequential",
}


@dataclass(frozen=True)
class Prepared:
    """Views to learn from, held-out ones, points (P, 3) of the scene with colours (P, 3) uint8.

    scene: the trained one to go on from, if any.
    """

    train: list[Seen]
    test: list[Seen]
    points: np.ndarray
    colours: np.ndarray
    scene: Gaussians | None
    processing: dict[str, Any]
    examples: None = None

    @property
    def extent(self) -> float:
        return float(self.processing["extent"])


def collect_scene(settings: Settings, run: Run) -> Scene:
    """The photographs, their cameras and points, with where they are from."""
    found = resolve(settings.data, SOURCE)
    scene = read_scene(
        found.path,
        longest=settings.longest,
        hold_out=settings.hold_out,
        background=settings.background,
        masks=Path(settings.masks).expanduser() if settings.masks else None,
        cache=cache_folder() / "cameras",
        cameras="given" if settings.cameras == "given" else "solve",
        single_camera=settings.cameras != "each",
        features=settings.features,
        matching=MATCHINGS.get(settings.cameras, "auto"),
        say=lambda line: print(line, flush=True),
    )
    shapes = {f"{view.picture.shape[1]} x {view.picture.shape[0]}" for view in scene.views}
    run.record_source(
        replace(found, sha256=scene.digest),
        views=len(scene.views),
        pixels=", ".join(sorted(shapes)),
        points=len(scene.points),
        cameras_from=scene.kind,
        notes=scene.notes,
    )
    return scene


def prepare(scene: Scene, trained: Gaussians | None) -> Prepared:
    """Views of both parts, and what is known of the scene."""
    train, test = ([seen(view) for view in scene.part(part)] for part in ("train", "test"))
    cameras = [view.camera for view in train]
    processing = {
        "background": [0.0, 0.0, 0.0] if scene.background is None else [float(value) for value in scene.background],
        "cameras": [described(camera) for camera in cameras],
        "extent": extent_of(cameras),
    }
    return Prepared(train, test, scene.points, scene.colours, trained, processing)


def rows_to_start_from(prepared: Prepared, init: str | None, degree: int) -> np.ndarray:
    """Gaussians (N, 11 + 3 K) with harmonics up to `degree`: of a trained scene, of a file, or at the points."""
    if prepared.scene is not None:
        found = prepared.scene.rows()
    elif init is not None:
        found = rows_of_file(init)
    else:
        return rows_of_points(prepared.points, prepared.colours / 255, degree)
    rows = np.zeros((len(found), 11 + 3 * (degree + 1) ** 2), np.float32)
    columns = min(rows.shape[1], found.shape[1])
    rows[:, :columns] = found[:, :columns]
    return rows


def rows_of_file(init: str) -> np.ndarray:
    path = Path(init).expanduser()
    if not path.exists():
        raise UserError(f"--init {init}: there is no such file or run.")
    if path.is_dir():
        raise UserError(f"--init {init} holds no trained scene; give a finished run of splat, or a .ply file.")
    return read_splats(path).rows()
