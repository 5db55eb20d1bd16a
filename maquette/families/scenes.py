"""Scenes from photographs, whatever is learned of them: collected, shown and placed, and what may have spoiled one."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from maquette.data.cache import cache_folder
from maquette.data.scenes.checking import look_apart
from maquette.data.scenes.pairing import Matching
from maquette.data.scenes.reading import Scene, read_scene
from maquette.data.sets.fetching import resolve
from maquette.families.views import DEPTH, Seen, extent_of, place_of, seen
from maquette.figures.images import grid
from maquette.figures.scenes import points_and_cameras
from maquette.graphics.cameras import Camera, described
from maquette.runs import Run
from maquette.steps import Framing

SOURCE = "nerf_fox"
MATCHINGS: dict[str, Matching] = {  # ways to find cameras that say which photographs are compared
    "exhaustive": "exhaustive",
    "retrieval": "retrieval",
    "sequential": "sequential",
}
LEAST_EXTENT = 0.1 * DEPTH  # where cameras hardly move, or not at all
LEAST_GAIN = 0.5  # dB over the nearest photograph, below which something is wrong
SHORT = 1000  # steps that are too few to blame anything else first


def framing_of_views() -> Framing:
    """What all that learn a scene are asked."""
    return Framing(
        question="What does the scene look like from where no photograph was taken?",
        inputs="a camera: where it stands, where it looks, its field of view",
        outputs="the picture that it would take",
        score="psnr",
        higher_is_better=True,
    )


@dataclass(frozen=True)
class Placed:
    """Views to learn from, held-out ones, points (P, 3) of the scene with colours (P, 3) uint8, and the scene's extent.

    All of it is in the world that training works in, which `processing` places by origin and unit; its own cameras and
    extent are the source's. doubts: what may spoil the scene.
    """

    train: list[Seen]
    test: list[Seen]
    points: np.ndarray
    colours: np.ndarray
    extent: float
    processing: dict[str, Any]
    doubts: list[str] = field(default_factory=list)
    examples: None = None


def collect_scene(
    run: Run,
    *,
    data: str | None,
    longest: int,
    hold_out: int,
    background: str,
    masks: str | None,
    cameras: str,
    features: int,
) -> Scene:
    """The photographs, their cameras and points, with where they are from; what the words say is in `SceneSettings`."""
    found = resolve(data, SOURCE)
    scene = read_scene(
        found.path,
        longest=longest,
        hold_out=hold_out,
        background=background,
        masks=Path(masks).expanduser() if masks else None,
        cache=cache_folder() / "cameras",
        cameras="given" if cameras == "given" else "solve",
        single_camera=cameras != "each",
        features=features,
        matching=MATCHINGS.get(cameras, "auto"),
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


def show_photographs(scene: Scene, words: str, run: Run) -> dict[str, Any]:
    """Some of the views, and cameras among the points, of which `words` say what they are for; how many there are."""
    views = scene.views
    shown = views[:: max(1, len(views) // 12)][:12]
    run.picture("views", grid([view.picture / 255 for view in shown], 6), "Some of the views")
    run.picture(
        "cameras",
        points_and_cameras(
            scene.points, scene.colours, [view.camera for view in views], [view.part == "test" for view in views]
        ),
        "Where the cameras stand",
        "Points drawn at random." if scene.is_random else words,
    )
    return {"views": len(views), "test_views": len(scene.part("test")), "points": len(scene.points)}


def prepare(scene: Scene, *, is_placed: bool = True) -> Placed:
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
    return Placed(train, test, points, scene.colours, extent, processing, scene.doubts)


def tell_if_poor(psnr: float, nearest: float | None, cameras: Sequence[Camera], doubts: list[str], run: Run) -> None:
    """Say on the terminal that the scene shows no more than the nearest photographs do, and what may be the cause."""
    if nearest is None or psnr >= nearest + LEAST_GAIN:
        return
    causes = []
    if doubts:
        causes.append("what was said before training")
    if look_apart(cameras):
        causes.append(
            "cameras that look away from what they surround, as if their matrices had other axes, OpenCV's in place of "
            "OpenGL's, or were world-to-camera"
        )
    steps = int(run.metrics()[-1]["step"])
    if steps < SHORT:
        causes.append(f"training of {steps:,} steps only")
    if run.source.get("cameras_from") in ("photographs", "video"):
        causes.append("cameras that were found wrong, things that moved")
    else:
        causes.append("axes or units of the cameras that are another program's")
        causes.append("photographs that EXIF or an editor turned after their cameras were found")
    run.tell(
        f"The scene shows held-out views with {psnr:.1f} dB, hardly better or worse than the photograph that stands "
        f"nearest ({nearest:.1f} dB). Likely causes: {'; '.join(causes)}."
    )
