"""Films and pictures of a finished scene: where the camera goes, and what is shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from maquette.graphics.cameras import Camera, camera_at, camera_from
from maquette.settings import Options, UserError, make_settings, nearest, option

if TYPE_CHECKING:
    from maquette.models import Gaussians

PATHS = ("orbit", "flight")
FOREIGN_SIZE = 960, 540  # of pictures where no photographs are known
FOREIGN_FOV_DEG, FOREIGN_ELEVATION_DEG, FOREIGN_CAMERAS = 50, 15, 12
LOOKS, LOOK_SIZE = 9, 160  # pictures of a film, and their longer side in pixels, that its range of depths is found from


class FlyingOptions(Options):
    """How `maquette predict` films a scene."""

    path: str = option("orbit", "orbit, flight, or a JSON file of camera key frames")
    frames: int = option(120, "pictures of the film; of a single one --out may be a .png", ge=1, le=100_000)
    width: int | None = option(None, "of the film; of the training pictures if not set", "pixels", ge=1, le=2**14)
    height: int | None = option(None, "of the film, in the same way", "pixels", ge=1, le=2**14)
    rate: float = option(25.0, "pictures a second", ge=0.1, le=1000)
    show: Literal["picture", "depth", "alpha"] = option("picture", "colours, depth (near is bright), or opacity")


def frames_of(model: Gaussians, processing: dict[str, Any], **options: Any) -> Iterator[np.ndarray]:
    """The pictures (H, W, 3), 0..1, of a film; `options` are those of `FlyingOptions`.

    `processing["cameras"]` are the training views as `graphics.cameras.described` writes them. Without any, the path
    goes by cameras that `cameras_around` puts there. What is wrong with the path is told at once.
    """
    chosen = make_settings(FlyingOptions, options)
    return pictures_at(model, cameras_of(model, processing, chosen), chosen.show)


def predict(model: Gaussians, processing: dict[str, Any], inputs: Any, *, show: str = "picture", **options: Any) -> Any:
    """What a `Camera` sees, (H, W, 3) in 0..1; a list of pictures for a list of cameras."""
    cameras = [inputs] if isinstance(inputs, Camera) else inputs
    if not isinstance(cameras, Sequence) or not all(isinstance(each, Camera) for each in cameras):
        kind = type(inputs).__name__
        raise UserError(f"A scene is seen by a Camera of maquette.graphics.cameras, or a list of them, not a {kind}.")
    pictures = list(pictures_at(model, cameras, show))
    return pictures[0] if isinstance(inputs, Camera) else pictures


# -- what is shown -----------------------------------------------------------------------------------------------------


def pictures_at(model: Gaussians, cameras: Sequence[Camera], show: str) -> Iterator[np.ndarray]:
    """The pictures (H, W, 3), 0..1, that cameras see; `show` as in `FlyingOptions`."""
    return pictures_of(drawer(model), cameras, show)


def drawer(model: Gaussians) -> Callable[[Camera], Any]:
    """What draws a scene for one camera after the other; its Gaussians are put in rows once."""
    from maquette.kernels import of_splats

    kernels = of_splats()
    # not Gaussians.draw: it finds depths besides, which takes half as long again
    return partial(kernels.draw, kernels.held(model.rows()), **model.looks)


def pictures_of(draw_scene: Callable[[Camera], Any], cameras: Sequence[Camera], show: str) -> Iterator[np.ndarray]:
    """The same by a `drawer`."""
    near, far = depth_range(draw_scene, cameras) if show == "depth" else (1, 2)
    for camera in cameras:
        drawn = draw_scene(camera)
        picture, opacity = drawn.picture.transpose(1, 2, 0), 1 - drawn.remainder[..., None]
        if show == "depth":
            picture = depth_colours(drawn.depth, near, far) * opacity
        elif show == "alpha":
            picture = np.repeat(opacity, 3, axis=2)
        yield np.clip(picture, 0, 1, dtype=np.float32)


def depth_range(draw_scene: Callable[[Camera], Any], cameras: Sequence[Camera]) -> tuple[float, float]:
    """Nearly the smallest and the largest depth of a film, from a few small pictures of it."""
    seen = []
    for place in np.unique(np.linspace(0, len(cameras) - 1, LOOKS).astype(int)):
        camera = cameras[place]
        share = min(1, LOOK_SIZE / max(camera.width, camera.height))
        small = camera.resized(max(1, round(share * camera.width)), max(1, round(share * camera.height)))
        drawn = draw_scene(small)
        depth = drawn.depth
        seen.append(depth[(drawn.remainder < 0.5) & (depth > 0)])
    depths = np.concatenate(seen)
    if not len(depths):
        return 1, 2
    near, far = np.percentile(depths, [1, 99])
    return float(near), float(max(far, 1.001 * near))


def depth_colours(depth: np.ndarray, near: float, far: float) -> np.ndarray:
    """Depths (H, W) as colours (H, W, 3), by their logarithm: yellow at `near`, violet from `far` on."""
    from matplotlib import colormaps

    shades = colormaps["viridis"](np.arange(256))[:, :3].astype(np.float32)
    shares = np.log(far / np.maximum(depth, near)) / math.log(far / near)
    return shades[np.rint(255 * np.clip(shares, 0, 1)).astype(np.uint8)]


# -- where the camera goes ---------------------------------------------------------------------------------------------


def cameras_of(model: Gaussians, processing: dict[str, Any], chosen: FlyingOptions) -> list[Camera]:
    """A camera for each picture of the film."""
    from maquette.graphics import paths

    if Path(chosen.path).suffix.lower() == ".json":
        return paths.read_path(Path(chosen.path), chosen.frames, chosen.width, chosen.height)
    if chosen.path not in PATHS:
        raise UserError(
            f"--path {chosen.path} is none of {', '.join(PATHS)}, FILE.json{nearest(chosen.path, PATHS)}; "
            "a file of camera key frames ends with .json."
        )
    known = [camera_from(each) for each in processing.get("cameras", [])] or cameras_around(model)
    width, height = size_of(known, chosen.width, chosen.height)
    if chosen.path == "flight":
        return paths.flight(known, chosen.frames, width, height)
    if paths.looked_at(known) is None:
        raise UserError("The photographs look at nothing together that --path orbit could circle; use --path flight.")
    return paths.orbit(known, chosen.frames, width, height)


def size_of(cameras: Sequence[Camera], width: int | None, height: int | None) -> tuple[int, int]:
    """Width and height: what is given, and what is not as the cameras have it, even, as films want it."""
    typical = [float(np.median([getattr(camera, side) for camera in cameras])) for side in ("width", "height")]
    shape = typical[0] / typical[1]
    return (
        width or even(height * shape if height else typical[0]),
        height or even(width / shape if width else typical[1]),
    )


def even(number: float) -> int:
    return max(2, 2 * round(number / 2))


def cameras_around(model: Gaussians) -> list[Camera]:
    """Cameras on a circle around a scene of which nothing is known but its Gaussians.

    The middle is the median of their positions, weighted by opacity; the median distance from it just fits into the
    pictures. -y is taken to be up: scenes of 3D Gaussians usually have the axes of COLMAP, where y goes down.
    """
    positions = model.positions.detach().double().numpy()
    weights = model.opacities.detach().double().sigmoid().numpy()
    middle = np.array([weighted_median(column, weights) for column in positions.T])
    sizes = model.scales.detach().double().exp().amax(1).numpy()
    radius = weighted_median(np.linalg.norm(positions - middle, axis=1), weights) + 2 * weighted_median(sizes, weights)
    width, height = FOREIGN_SIZE
    half = math.radians(FOREIGN_FOV_DEG / 2)
    distance, elevation, up = radius / math.sin(half), math.radians(FOREIGN_ELEVATION_DEG), np.array([0.0, -1, 0])
    cameras = []
    for angle in 2 * math.pi * np.arange(FOREIGN_CAMERAS) / FOREIGN_CAMERAS:
        offset = math.cos(elevation) * np.array([math.sin(angle), 0, -math.cos(angle)]) + math.sin(elevation) * up
        focal = height / 2 / math.tan(half)
        cameras.append(
            camera_at(middle + distance * offset, middle, up, width=width, height=height, focal=focal),
        )
    return cameras


def weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    """The least of values (N,) at which half of the weight is reached."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])
