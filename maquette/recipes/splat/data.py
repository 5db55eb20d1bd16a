"""What a scene is made from: photographs with their cameras, and the Gaussians that training starts from."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from maquette.checkpoints import load_state
from maquette.data.cache import cache_folder
from maquette.data.rows import evenly
from maquette.data.scenes.pairing import Matching
from maquette.data.scenes.reading import Scene, read_scene
from maquette.data.scenes.splatfiles import read_splats
from maquette.data.sets.fetching import resolve
from maquette.families.views import DEPTH, Seen, extent_of, place_of, seen
from maquette.graphics.cameras import described
from maquette.methods.densification import in_space_order, rows_of_points
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
LEAST_EXTENT = 0.1 * DEPTH  # where cameras hardly move, or not at all


@dataclass(frozen=True)
class Prepared:
    """Views to learn from, held-out ones, points (P, 3) of the scene with colours (P, 3) uint8, and the scene's extent.

    All of it is in the world that training works in, which `processing` places by origin and unit; its own cameras and
    extent are the source's. scene: the trained one to go on from, if any. doubts: what may spoil the scene.
    """

    train: list[Seen]
    test: list[Seen]
    points: np.ndarray
    colours: np.ndarray
    scene: Gaussians | None
    extent: float
    processing: dict[str, Any]
    doubts: list[str] = field(default_factory=list)
    examples: None = None


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
    for doubt in scene.doubts:
        run.tell(doubt)
    return scene


def prepare(scene: Scene, trained: Gaussians | None, *, is_placed: bool) -> Prepared:
    """Views of both parts, and what is known of the scene.

    Runs made before scenes were placed, and opacity was learned where it is known, go on as they began.
    """
    cameras = [view.camera for view in scene.part("train")]
    origin, unit = place_of(cameras, scene.points) if is_placed else ([0.0, 0.0, 0.0], 1.0)
    views = scene.views if is_placed else [replace(view, alpha=None) for view in scene.views]
    train, test = ([seen(view, origin, unit) for view in views if view.part == part] for part in ("train", "test"))
    extent = extent_of([view.camera for view in train], LEAST_EXTENT if is_placed else 1e-6)
    processing = {
        "background": [0.0, 0.0, 0.0] if scene.background is None else [float(value) for value in scene.background],
        "cameras": [described(camera) for camera in cameras],
        "extent": unit * extent,
    }
    if is_placed:
        processing |= {"origin": origin, "unit": unit}
    points = (scene.points - origin) / unit
    return Prepared(train, test, points, scene.colours, trained, extent, processing, scene.doubts)


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


def scene_of_file(init: str) -> Gaussians:
    path = Path(init).expanduser()
    if not path.exists():
        raise UserError(f"--init {init}: there is no such file or run.")
    if path.is_dir():
        raise UserError(f"--init {init} holds no trained scene; give a finished run of splat, or a .ply file.")
    splats = read_splats(path)
    return Gaussians.of_rows(splats.rows(), origin=splats.origin)
