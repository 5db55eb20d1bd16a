"""Camera paths for films: around what the cameras of a scene look at, through them, and from a file of key frames.

The world may lie in any orientation and have any scale: turn, move or enlarge it, and the paths follow.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import CubicHermiteSpline
from scipy.spatial.transform import Rotation, RotationSpline

from maquette.files import read_json, write_json
from maquette.graphics.cameras import Camera, camera_at
from maquette.settings import UserError

LEAST_SPREAD = 0.01  # mean square of the sine between axes, below which they count as parallel: some 6 degrees
WIDEST_GAP_DEG = 120  # cameras that leave more of the circle free stand on one side, and so do the orbit's
STEEPEST_DEG = 75
MOST_STATIONS = 32  # of a flight
WIDEST_TURN_DEG = 30  # between neighbouring stations, so that the mean of their rotations is one
USUAL_FOV_DEG = 50.0  # of key frames that do not say; vertical, as nerfstudio's


# -- around ------------------------------------------------------------------------------------------------------------


def orbit(cameras: Sequence[Camera], frames: int, width: int, height: int) -> list[Camera]:
    """A closed circle around what the cameras look at, at their median distance and elevation above it.

    Where the cameras stand on one side only, it swings to and fro over the arc that they cover. `UserError` where they
    look at nothing together: see `looked_at`.
    """
    middle = looked_at(cameras)
    if middle is None:
        raise UserError("The cameras look at nothing together, so nothing can be circled; fly through them instead.")
    up = common_up(cameras)
    offsets = np.array([camera.position for camera in cameras]) - middle
    distances = np.linalg.norm(offsets, axis=1)
    distance = np.median(distances)
    elevation = np.median(np.arcsin(np.clip(offsets @ up / np.maximum(distances, 1e-12 * distance), -1, 1)))
    elevation = np.clip(elevation, -math.radians(STEEPEST_DEG), math.radians(STEEPEST_DEG))

    flat = offsets - (offsets @ up)[:, None] * up
    away = np.linalg.norm(flat, axis=1) > 0.1 * distance  # the others stand above the middle, in no direction from it
    east = flat[away][0] if away.any() else cameras[0].rotation[0] - (cameras[0].rotation[0] @ up) * up
    east /= np.linalg.norm(east)
    north = np.cross(up, east)
    angles = _orbit_angles(np.arctan2(flat[away] @ north, flat[away] @ east), frames)
    around = np.cos(angles)[:, None] * east + np.sin(angles)[:, None] * north
    positions = middle + distance * (math.cos(elevation) * around + math.sin(elevation) * up)
    focal = _focal_for(cameras, width, height)
    return [camera_at(each, middle, up, width=width, height=height, focal=focal) for each in positions]


def _orbit_angles(azimuths: np.ndarray, frames: int) -> np.ndarray:
    """(frames,) in radians, from the first camera on; to and fro where the azimuths leave a wide gap."""
    shares = np.arange(frames) / frames
    ordered = np.sort(azimuths)
    gaps = np.diff(ordered, append=ordered[:1] + 2 * math.pi)
    if not len(gaps) or gaps.max() <= math.radians(WIDEST_GAP_DEG):
        return 2 * math.pi * shares
    start = ordered[(gaps.argmax() + 1) % len(ordered)]
    half = math.pi - gaps.max() / 2
    return start + half + half * np.sin(2 * math.pi * shares)


def looked_at(cameras: Sequence[Camera]) -> np.ndarray | None:
    """The point (3,) whose distances from the cameras' axes have the least sum; None where there is no such thing.

    That is where the axes are nearly parallel, or the point lies behind half of the cameras. Least squares, reweighted
    (Weiszfeld), so that a few cameras that look elsewhere do not count.
    """
    positions = np.array([camera.position for camera in cameras])
    directions = np.array([camera.direction for camera in cameras])
    across = np.eye(3) - directions[:, :, None] * directions[:, None]  # (N, 3, 3): onto the plane across the axis
    is_one_spot = np.ptp(positions, axis=0).max() <= 1e-9 * np.abs(positions).max()
    if is_one_spot or np.linalg.eigvalsh(across.mean(axis=0))[0] < LEAST_SPREAD:
        return None
    weights = np.ones(len(cameras))
    origin = positions.mean(axis=0)
    for _ in range(30):
        together = (weights[:, None, None] * across).sum(axis=0)
        aims = (weights[:, None] * np.einsum("nij,nj->ni", across, positions - origin)).sum(axis=0)
        middle = origin + np.linalg.solve(together, aims)
        missed = np.linalg.norm(np.einsum("nij,nj->ni", across, middle - positions), axis=1)
        weights = 1 / np.maximum(missed, 0.01 * np.linalg.norm(middle - positions, axis=1).mean())
    depths = ((middle - positions) * directions).sum(axis=1)
    return middle if np.median(depths) > 0 else None


def common_up(cameras: Sequence[Camera]) -> np.ndarray:
    """What is up in the world, (3,) of length 1: across the cameras' horizontals, and near the mean of their ups.

    Cameras that look down from all over one side lean the mean of their ups, but not what is across their horizontals.
    A few cameras that were turned do not count.
    """
    horizontals = np.array([camera.rotation[0] for camera in cameras])
    mean = np.mean([camera.up for camera in cameras], axis=0)
    lean = 0.003 * (mean @ mean * np.eye(3) - np.outer(mean, mean))  # decides where all horizontals are the same
    weights = np.ones(len(cameras))
    for _ in range(20):
        spread = (weights[:, None] * horizontals).T @ horizontals / weights.sum()
        up = np.linalg.eigh(spread + lean)[1][:, 0]
        weights = 1 / np.maximum(np.abs(horizontals @ up), 0.05)
    return up if up @ mean >= 0 else -up


def _focal_for(cameras: Sequence[Camera], width: int, height: int) -> float:
    """The cameras' median focal length, for a picture that shows as much in another shape."""
    shares = [math.sqrt(camera.fx * camera.fy / (camera.width * camera.height)) for camera in cameras]
    return float(np.median(shares)) * math.sqrt(width * height)


# -- through -----------------------------------------------------------------------------------------------------------


def flight(cameras: Sequence[Camera], frames: int, width: int, height: int) -> list[Camera]:
    """A smooth closed flight at even speed along the cameras, in the order of a short tour.

    Positions and rotations follow a uniform cubic B-spline, which rounds corners. Speed counts turning, too.
    """
    positions = np.array([camera.position for camera in cameras])
    rotations = Rotation.from_matrix([camera.rotation.T for camera in cameras])
    typical = np.median(np.linalg.norm(positions - positions.mean(axis=0), axis=1))
    typical = max(typical, 1e-9 * np.abs(positions).max()) or 1.0  # cameras on one spot differ by rounding only
    between = np.linalg.norm(positions[:, None] - positions, axis=2) / typical  # (N, N)
    between += np.stack([(rotation.inv() * rotations).magnitude() for rotation in rotations])
    tour = _short_tour(between)
    positions, matrices = _stations(positions[tour], rotations[tour])

    knots = np.arange(0, len(positions), 1 / 16)
    places, turns = _spline(positions, knots), _nearest_rotations(_spline(matrices, knots))
    steps = np.linalg.norm(np.roll(places, -1, axis=0) - places, axis=1) / typical
    steps = steps + (turns.inv() * turns[np.roll(np.arange(len(knots)), -1)]).magnitude()
    lengths = np.concatenate([[0], np.cumsum(steps)])
    shares = np.arange(frames) / frames
    at = shares * len(positions)
    if lengths[-1] > 1e-9:
        at = np.interp(shares * lengths[-1], lengths, np.append(knots, len(positions)))
    places, turns = _spline(positions, at), _nearest_rotations(_spline(matrices, at))
    focal = _focal_for(cameras, width, height)
    return [_camera(p, m, width, height, focal) for p, m in zip(places, turns.as_matrix(), strict=True)]


def _short_tour(between: np.ndarray) -> list[int]:
    """A closed tour of at most MOST_STATIONS, by distances (N, N): far-apart ones, the nearest next, then 2-opt."""
    chosen = [0]
    while len(chosen) < min(MOST_STATIONS, len(between)):
        chosen.append(int(between[chosen].min(axis=0).argmax()))
    tour, left = [chosen[0]], chosen[1:]
    while left:
        nearest = min(left, key=lambda other: between[tour[-1], other])
        left.remove(nearest)
        tour.append(nearest)
    is_shorter = True
    while is_shorter:
        is_shorter = False
        for i in range(1, len(tour) - 1):
            for j in range(i + 1, len(tour)):
                before, after = tour[i - 1], tour[(j + 1) % len(tour)]
                old = between[before, tour[i]] + between[tour[j], after]
                if between[before, tour[j]] + between[tour[i], after] < old * (1 - 1e-9):
                    tour[i : j + 1] = tour[i : j + 1][::-1]
                    is_shorter = True
    return tour


def _stations(positions: np.ndarray, rotations: Rotation) -> tuple[np.ndarray, np.ndarray]:
    """Positions (M, 3) and matrices (M, 3, 3), with more between neighbours that look in very different directions."""
    places, turns = [], []
    for i in range(len(positions)):
        after = (i + 1) % len(positions)
        turn = (rotations[i].inv() * rotations[after]).as_rotvec()
        pieces = max(1, math.ceil(math.degrees(np.linalg.norm(turn)) / WIDEST_TURN_DEG))
        for share in np.arange(pieces) / pieces:
            places.append((1 - share) * positions[i] + share * positions[after])
            turns.append((rotations[i] * Rotation.from_rotvec(share * turn)).as_matrix())
    return np.array(places), np.array(turns)


def _spline(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """A uniform cubic B-spline through the neighbourhood of values (M, ...), closed, at places in 0..M."""
    whole = np.floor(at).astype(int)
    t = (at - whole).reshape(-1, *[1] * (values.ndim - 1))
    weights = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    return sum(weight * values[(whole + i - 1) % len(values)] for i, weight in enumerate(weights)) / 6


def _nearest_rotations(matrices: np.ndarray) -> Rotation:
    """The rotations nearest to matrices (N, 3, 3)."""
    left, _, right = np.linalg.svd(matrices)
    left[..., -1] *= np.linalg.det(left @ right)[:, None]
    return Rotation.from_matrix(left @ right)


def _camera(position: np.ndarray, axes: np.ndarray, width: int, height: int, focal: float) -> Camera:
    """From the axes of the camera in the world, (3, 3), one a column."""
    return Camera(width, height, focal, focal, width / 2, height / 2, axes.T, -axes.T @ position)


# -- files -------------------------------------------------------------------------------------------------------------


def write_path(path: Path, cameras: Sequence[Camera]) -> None:
    """The cameras as key frames for `read_path`; the principal point is taken to be the middle."""
    assert len({(camera.width, camera.height) for camera in cameras}) == 1, "a film has one size"
    frames = [
        {
            "camera_to_world": camera.camera_to_world.tolist(),
            "fov": math.degrees(2 * math.atan(camera.height / 2 / camera.fy)),
        }
        for camera in cameras
    ]
    write_json(path, {"width": cameras[0].width, "height": cameras[0].height, "frames": frames})


def read_path(
    path: Path, frames: int | None = None, width: int | None = None, height: int | None = None
) -> list[Camera]:
    """The key frames of a JSON file, or so many frames that go smoothly through them; in the file's size, or another.

    `{"width": 960, "height": 540, "frames": [...]}`, where a frame has `camera_to_world` (4 x 4, x right, y down, z
    forward), or `position`, `target` and `up`; and, if wanted, `fov` (vertical, in degrees) and `time`. With `"closed":
    true` the path comes back to its beginning. Also read is nerfstudio's camera_path.json, whose world is the one that
    nerfstudio trained in.
    """
    if not path.is_file():
        raise UserError(f"There is no file {path}; give a JSON file of camera key frames.")
    content = read_json(path)
    is_nerfstudio = isinstance(content, dict) and "camera_path" in content
    names = (
        ("camera_path", "render_width", "render_height", "is_cycle")
        if is_nerfstudio
        else ("frames", "width", "height", "closed")
    )
    keys = content.get(names[0]) if isinstance(content, dict) else None
    if not isinstance(keys, list) or not keys:
        raise UserError(f'{path} has no camera key frames; list at least one as "frames".')
    if content.get("camera_type", "perspective") != "perspective":
        raise UserError(f"{path} has the camera type {content['camera_type']}; only perspective can be rendered.")
    size = [width or content.get(names[1]), height or content.get(names[2])]
    if not all(isinstance(side, (int, float)) and 1 <= side <= 2**16 for side in size):
        raise UserError(f'{path} does not say how large its pictures are; add "{names[1]}" and "{names[2]}" in pixels.')
    width, height = int(size[0]), int(size[1])

    has_times = any(isinstance(key, dict) and "time" in key for key in keys)
    places, axes, fovs, times = [], [], [], []
    for number, key in enumerate(keys, 1):
        name = f"frame {number} of {path}"
        place, turned = _pose(name, key)
        if is_nerfstudio:
            turned = turned * [1, -1, -1]  # OpenGL's axes: y up, z backward
        places.append(place)
        axes.append(turned)
        fovs.append(float(_array(name, key, "fov", ())) if key.get("fov") is not None else USUAL_FOV_DEG)
        if not 0 < fovs[-1] < 180:
            raise UserError(
                f"The fov of {name} is {fovs[-1]:g}; give the vertical angle in degrees, between 0 and 180."
            )
        times.append(float(_array(name, key, "time", ())) if has_times else float(number))
        if number > 1 and times[-1] <= times[-2]:
            raise UserError(f"The time of {name} is not later than that of the frame before it; put them in order.")
    focals = height / 2 / np.tan(np.radians(fovs) / 2)
    if frames is not None and len(keys) > 1:
        is_closed = bool(content.get(names[3]))
        places, axes, focals = _between(np.array(places), np.array(axes), focals, np.array(times), is_closed, frames)
    elif frames is not None:
        places, axes, focals = places * frames, axes * frames, focals.repeat(frames)
    return [_camera(p, a, width, height, float(f)) for p, a, f in zip(places, axes, focals, strict=True)]


def _between(
    places: np.ndarray, axes: np.ndarray, focals: np.ndarray, times: np.ndarray, is_closed: bool, frames: int
) -> tuple[Any, Any, Any]:
    """So many frames through the keys: positions by Catmull and Rom's tangents, rotations by SciPy's spline."""
    at = np.linspace(times[0], times[-1], frames)
    if is_closed:
        count = len(times)
        period = (times[-1] - times[0]) * count / (count - 1)
        at = times[0] + period * np.arange(frames) / frames
        around = np.arange(-3, count + 4)
        times = times[around % count] + period * (around // count)
        places, axes, focals = places[around % count], axes[around % count], focals[around % count]
    first, last = np.r_[0, 0 : len(times) - 1], np.r_[1 : len(times), len(times) - 1]
    tangents = (places[last] - places[first]) / (times[last] - times[first])[:, None]
    turned = RotationSpline(times, Rotation.from_matrix(axes))(at).as_matrix()
    return CubicHermiteSpline(times, places, tangents)(at), turned, np.interp(at, times, focals)


def _pose(name: str, key: Any) -> tuple[np.ndarray, np.ndarray]:
    """Position (3,) and axes (3, 3), one a column, of a key frame."""
    if not isinstance(key, dict):
        raise UserError(f"What stands for {name} is no object; give it camera_to_world, or position, target and up.")
    if "camera_to_world" in key:
        matrix = _array(name, key, "camera_to_world", (4, 4))
        left, sizes, right = np.linalg.svd(matrix[:3, :3])
        if sizes[2] < 0.99 * sizes[0] or not sizes[0] or np.linalg.det(left @ right) < 0:
            raise UserError(
                f"The camera_to_world of {name} is singular, skewed or mirrored; give a rotation and a position."
            )
        return matrix[:3, 3], left @ right
    position, target, up = (_array(name, key, part, (3,)) for part in ("position", "target", "up"))
    forward = target - position
    if np.linalg.norm(np.cross(forward, up)) <= 1e-9 * np.linalg.norm(forward) * np.linalg.norm(up):
        raise UserError(f"The up of {name} points to where the camera looks, or nowhere; give another.")
    return position, camera_at(position, target, up, width=1, height=1, focal=1).rotation.T


def _array(name: str, key: dict[str, Any], part: str, shape: tuple[int, ...]) -> np.ndarray:
    if key.get(part) is None:
        raise UserError(f"There is no {part} in {name}; add it{', or give camera_to_world' if shape else ''}.")
    try:
        numbers = np.array(key[part], float)
    except (TypeError, ValueError, OverflowError):
        numbers = np.array(np.nan)
    if numbers.size != math.prod(shape) or not np.isfinite(numbers).all():
        raise UserError(f"The {part} of {name} is not {math.prod(shape)} finite numbers; correct it.")
    return numbers.reshape(shape)
