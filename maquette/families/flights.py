"""Films and pictures of a finished scene: where the camera goes, and what is shown."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps

from maquette.data.pictures.films import write_film
from maquette.data.rows import evenly
from maquette.data.scenes.splatfiles import PARTS, Splats
from maquette.data.scenes.splats import origin_of
from maquette.families.settings import FlyingOptions, Three, colour_of, direction_of
from maquette.graphics import paths
from maquette.graphics.cameras import Camera, camera_at, camera_from
from maquette.kernels import choosing
from maquette.media.film import Film
from maquette.models import Gaussians
from maquette.runs import Run
from maquette.settings import UserError, nearest

PATHS = ("orbit", "flight")
FOREIGN_SIZE = 960, 540  # of pictures where no photographs are known
FOREIGN_FOV_DEG, FOREIGN_ELEVATION_DEG, FOREIGN_CAMERAS = 50, 15, 12
FOREIGN_UP = (0.0, -1.0, 0.0)
FOREIGN_REACH, FOREIGN_SHARE = 3.0, 0.9  # an object has such a part of all within so many median distances
FARTHEST, GAP = 6.0, 2.0  # median distances within which an object ends; the width of a gap behind which specks lie
FAINT, SPECKS = 0.1, 0.0002  # opacity below which nothing must be in the picture; part that may be outside
SMALL, USUAL, FAR_OUT = 0.2, 4.0, 1e3  # radius below which a scene is enlarged, and to what; radii from the origin
LEAST_LEAN = 1e-6  # sine of the angle between a camera's axis and what is up
TOLD_CAMERAS = 12
LOOKS, LOOK_SIZE = 9, 160  # pictures of a film, and their longer side in pixels, that its range of depths is found from
TURNTABLE, TURNTABLE_RATE = 48, 12  # pictures of the film in the report, and how many of them a second
FILM_SIDE = 320  # pixels of the longer side of that film

Drawer = Callable[[Camera], Any]  # what a camera sees: `picture` (3, H, W), `remainder` and `depth` (H, W)

# -- what is shown -----------------------------------------------------------------------------------------------------


def drawer(model: Gaussians, device: str = "auto", background: Sequence[float] | None = None) -> Drawer:
    """What draws a scene for one camera after the other; depths are in the unit of the scene's own numbers."""
    draw = drawer_within(model, device, background)
    return lambda camera: draw(camera.within(model.origin, model.unit))


def drawer_within(model: Gaussians, device: str = "auto", background: Sequence[float] | None = None) -> Drawer:
    """The same for cameras in the world of the scene's own numbers, which are put in rows once."""
    splats = choosing.of_splats(device)
    looks = model.looks if background is None else {**model.looks, "background": tuple(background)}
    # not Gaussians.draw: it finds depths besides, which takes half as long again
    return partial(splats.draw, splats.held(model.rows()), **looks)


def pictures_of(draw: Drawer, cameras: Sequence[Camera], show: str) -> Iterator[np.ndarray]:
    """The pictures (H, W, 3), 0..1, that cameras see: colours, depth or opacity, as `ViewingOptions` say."""
    near, far = depth_range(draw, cameras) if show == "depth" else (1, 2)
    for camera in cameras:
        drawn = draw(camera)
        picture, opacity = drawn.picture.transpose(1, 2, 0), 1 - drawn.remainder[..., None]
        if show == "depth":
            picture = depth_colours(drawn.depth, near, far) * opacity
        elif show == "alpha":
            picture = np.repeat(opacity, 3, axis=2)
        yield np.clip(picture, 0, 1, dtype=np.float32)


def film_of(
    options: FlyingOptions,
    known: Callable[[Three | None], Sequence[Camera]],
    drawer: Callable[[Three | None], Drawer],
) -> Film:
    """A film as it is asked for: by the cameras that are known, upright if told what is up, on a background if told."""
    if options.up is not None and options.path.lower().endswith(".json"):
        raise UserError("--up is for --path orbit or flight; the cameras of a file have their own.")
    up = None if options.up is None else direction_of(options.up)
    background = None if options.background is None else colour_of(options.background)
    seen = partial(known, up)
    cameras = cameras_of(options.path, seen, options.frames, options.width, options.height, options.zoom)
    return Film(pictures_of(drawer(background), cameras, options.show), len(cameras), options.rate)


def depth_range(draw: Drawer, cameras: Sequence[Camera]) -> tuple[float, float]:
    """Nearly the smallest and the largest depth of a film, from a few small pictures of it."""
    seen = []
    for place in evenly(len(cameras), LOOKS):
        camera = cameras[place]
        share = min(1, LOOK_SIZE / max(camera.width, camera.height))
        small = camera.resized(max(1, round(share * camera.width)), max(1, round(share * camera.height)))
        drawn = draw(small)
        depth = drawn.depth
        seen.append(depth[(drawn.remainder < 0.5) & (depth > 0)])
    depths = np.concatenate(seen)
    if not len(depths):
        return 1, 2
    near, far = np.percentile(depths, [1, 99])
    return float(near), float(max(far, 1.001 * near))


def depth_colours(depth: np.ndarray, near: float, far: float) -> np.ndarray:
    """Depths (H, W) as colours (H, W, 3), by their logarithm: yellow at `near`, violet from `far` on."""
    shades = colormaps["viridis"](np.arange(256))[:, :3].astype(np.float32)
    shares = np.log(far / np.maximum(depth, near)) / math.log(far / near)
    return shades[np.rint(255 * np.clip(shares, 0, 1)).astype(np.uint8)]


# -- where the camera goes ---------------------------------------------------------------------------------------------


def cameras_of(
    path: str,
    known: Callable[[], Sequence[Camera]],
    frames: int,
    width: int | None = None,
    height: int | None = None,
    zoom: float = 1.0,
) -> list[Camera]:
    """A camera for each picture of a film along a path, which is read from a file or goes by the known cameras."""
    cameras = _cameras_along(path, known, frames, width, height)
    return [replace(camera, fx=zoom * camera.fx, fy=zoom * camera.fy) for camera in cameras]


def _cameras_along(
    path: str, known: Callable[[], Sequence[Camera]], frames: int, width: int | None, height: int | None
) -> list[Camera]:
    if Path(path).suffix.lower() == ".json":
        return paths.read_path(Path(path), frames, width, height)
    if path not in PATHS:
        raise UserError(
            f"--path {path} is none of {', '.join(PATHS)}, FILE.json{nearest(path, PATHS)}; "
            "a file of camera key frames ends with .json."
        )
    cameras = known()
    width, height = size_of(cameras, width, height)
    if path == "flight":
        return paths.flight(cameras, frames, width, height)
    if paths.looked_at(cameras) is None:
        raise UserError("The photographs look at nothing together that --path orbit could circle; use --path flight.")
    return paths.orbit(cameras, frames, width, height)


def known_cameras(model: Gaussians, processing: dict[str, Any], up: Sequence[float] | None = None) -> list[Camera]:
    """Those of the training views, as `described` in graphics/cameras.py wrote them; some around, if there are none.

    They are upright where `up` is given.
    """
    if cameras := photographers(processing, up):
        return cameras
    return cameras_around(model, up or processing.get("up") or FOREIGN_UP)


def photographers(processing: dict[str, Any], up: Sequence[float] | None = None) -> list[Camera]:
    """The cameras of the training views, upright where `up` is given; none of a scene from elsewhere."""
    cameras = [camera_from(each) for each in processing.get("cameras", [])]
    return cameras if up is None else [upright(camera, up) for camera in cameras]


def upright(camera: Camera, up: Sequence[float]) -> Camera:
    """The same camera turned around its axis, until `up` is upwards in its picture."""
    right = np.cross(camera.direction, up)
    if np.linalg.norm(right) < LEAST_LEAN * np.linalg.norm(up):  # it looks straight up or down
        return camera
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(camera.direction, right), camera.direction])
    return replace(camera, rotation=rotation, translation=-rotation @ camera.position)


def told_cameras(cameras: Sequence[Camera]) -> list[Camera]:
    """A few cameras that stand for all: a circle by them is that by all."""
    if len(cameras) <= TOLD_CAMERAS:
        return list(cameras)
    if paths.looked_at(cameras) is None:
        return [cameras[place] for place in evenly(len(cameras), TOLD_CAMERAS)]
    return paths.orbit(cameras, TOLD_CAMERAS, *size_of(cameras, None, None))


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


def cameras_around(model: Gaussians, upwards: Sequence[float] = FOREIGN_UP) -> list[Camera]:
    """Cameras on a circle around a scene of which nothing is known but its Gaussians, and what is up.

    -y is up usually: scenes of 3D Gaussians have the axes of COLMAP, where y goes down. The first stands in front, as
    viewers have it.
    """
    middle, radius = _extent(model)
    width, height = FOREIGN_SIZE
    half = math.radians(FOREIGN_FOV_DEG / 2)
    distance, elevation = radius / math.sin(half), math.radians(FOREIGN_ELEVATION_DEG)
    up = np.array(upwards, float) / np.linalg.norm(upwards)
    axis = int(np.argmax(np.abs(up)))
    front = np.array([[0, 0, -1], [0, 0, np.sign(up[1])], [0, -1, 0]], float)[axis]
    front -= front @ up * up
    front /= np.linalg.norm(front)
    side = np.cross(up, front)
    cameras = []
    for angle in 2 * math.pi * np.arange(FOREIGN_CAMERAS) / FOREIGN_CAMERAS:
        offset = math.cos(elevation) * (math.cos(angle) * front + math.sin(angle) * side) + math.sin(elevation) * up
        focal = height / 2 / math.tan(half)
        cameras.append(
            camera_at(middle + distance * offset, middle, up, width=width, height=height, focal=focal),
        )
    return cameras


def brought_near(model: Gaussians) -> Gaussians:
    """The scene in a world of good numbers, if its own lie far out or are small beside the near plane."""
    middle, radius = _extent(model)
    is_far = np.linalg.norm(middle - model.origin) > FAR_OUT * radius
    if not radius > 0 or (radius >= SMALL * model.unit and not is_far):
        return model
    x, y, z = map(float, middle)
    unit = radius / USUAL
    return Gaussians.of_rows(
        model.rows_within(middle, unit),
        background=model.background,
        is_antialiased=model.is_antialiased,
        origin=(x, y, z),
        unit=unit,
    )


def _extent(model: Gaussians) -> tuple[np.ndarray, float]:
    """Middle (3,) and radius of the ball that a film of a scene shows.

    Of an object that is all of it, but for specks far away or hardly to be seen. Where more than a few Gaussians lie
    far out, as of a garden around a table, it is the ball that holds half of what is seen.
    """
    positions = model.positions.detach().double().numpy() * model.unit + model.origin
    weights = model.opacities.detach().double().sigmoid().numpy()
    sizes = model.scales.detach().double().exp().amax(1).numpy() * model.unit
    middle = np.array([weighted_median(column, weights) for column in positions.T])
    distances = np.linalg.norm(positions - middle, axis=1)
    radius = weighted_median(distances, weights) + 2 * weighted_median(sizes, weights)
    clear = weights > FAINT
    if not clear.any() or weighted_median(distances[clear], weights[clear], FOREIGN_SHARE) > FOREIGN_REACH * radius:
        return middle, radius
    outwards = np.sort(distances[clear])
    outwards = outwards[(outwards > radius) & (outwards < FARTHEST * radius)]
    is_gap = np.diff(outwards, prepend=radius) > GAP * radius
    end = outwards[np.argmax(is_gap)] if is_gap.any() else FARTHEST * radius
    seen = clear & (distances < end) & (sizes < FOREIGN_REACH * radius)
    if not seen.any():
        return middle, radius
    positions, weights = positions[seen], weights[seen]
    ends = [[weighted_median(column, weights, part) for part in (SPECKS, 1 - SPECKS)] for column in positions.T]
    middle = np.mean(ends, axis=1)
    reach = np.linalg.norm(positions - middle, axis=1) + sizes[seen]
    return middle, weighted_median(reach, weights, 1 - SPECKS)


def weighted_median(values: np.ndarray, weights: np.ndarray, part: float = 0.5) -> float:
    """The least of values (N,) at which half of the weight is reached, or another part."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, part * reached[-1])])


def splats_of(model: Gaussians, processing: dict[str, Any]) -> Splats:
    """The numbers of a scene, in the units and axes of its source, with what films of it need."""
    sizes = model.unit * model.scales.detach().double().exp().amax(1).numpy()
    places = model.positions.detach().double().numpy() * model.unit + model.origin
    origin = origin_of(places, float(np.median(sizes)))
    world = Gaussians.of_rows(model.rows_within(origin))
    parts = {name: getattr(world, name).detach().numpy() for name in PARTS}
    background = model.background if any(model.background) else None
    cameras = photographers(processing)
    x, y, z = paths.common_up(cameras) if cameras else (processing.get("up") or FOREIGN_UP)
    up = (float(x), float(y), float(z))
    return Splats(
        **parts,
        is_antialiased=model.is_antialiased,
        up=None if np.allclose(up, FOREIGN_UP) else up,
        background=background,
        cameras=told_cameras(cameras),
        origin=origin,
    )


# -- in the report -----------------------------------------------------------------------------------------------------


def show_film(
    draw: Drawer, cameras: Sequence[Camera], run: Run, frames: int = TURNTABLE, side: int = FILM_SIDE
) -> None:
    """A short film along a circle, or through the cameras where there is no middle, into the run's pictures.

    Its longer side has `side` pixels, but no more than the photographs that were learnt from.
    """
    if len(cameras) < 2:
        return
    largest = max(cameras[0].width, cameras[0].height)
    width, height = (even(each * min(1, side / largest)) for each in (cameras[0].width, cameras[0].height))
    path = (paths.orbit if paths.looked_at(cameras) is not None else paths.flight)(cameras, frames, width, height)
    (run.folder / "pictures").mkdir(exist_ok=True)
    write_film(run.folder / "pictures" / "film.webp", pictures_of(draw, path, "picture"), rate=TURNTABLE_RATE)
    run.film("film.webp", "Around the scene", "A film of the scene, from where no photograph was taken.")
