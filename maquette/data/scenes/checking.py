"""Whether cameras, points and masks of a scene fit together, and which other reading of them would fit better."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from maquette.data.rows import evenly
from maquette.data.scenes.pointclouds import num_seeing, spread_of
from maquette.graphics.cameras import Camera
from maquette.graphics.paths import looked_at

LEAST_SEEN = 0.01  # part of the points that some camera must see, so that training starts from them
HIDDEN_MEAN, BARE_MEAN = 0.001, 0.1  # of a mask that hides all, and of masks that hide nearly all
STILL = 0.01  # of the distance to the points, within which cameras stand in one place
MOST_VIEWS, MOST_POINTS = 24, 2000  # that a reading is tried with
VARIED = 8.0  # standard deviation of the points' colours, from which on they tell something
CLEARLY, TWICE = 0.15, 2.0  # by how much another reading must fit better
ALIKE = 0.25  # correlation of colours that is no chance
MOST_OFF, LEAST_ON = 0.2, 0.5  # part of the points in a picture: as read, and as read otherwise, if colours say nothing

FLIP = np.diag([1.0, -1.0, -1.0, 1.0])
PINHOLE = "camera-to-world matrices in OpenCV's axes (y down, z forward)"
GRAPHIC = "camera-to-world matrices in OpenGL's axes (y up, z back)"
INVERSE = "world-to-camera matrices in OpenCV's axes (y down, z forward)"
GRAPHIC_INVERSE = "world-to-camera matrices in OpenGL's axes (y up, z back)"
POINTS_READ: dict[str, np.ndarray] = {
    "the points had z up where the cameras have y up": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "the points had y up where the cameras have z up": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "y and z of the points went the other way": np.diag([1.0, -1, -1]),
    **{
        f"the unit of the points were {times:,} times {how} than that of the cameras": np.eye(3) * scale
        for times in (1000, 100)
        for how, scale in (("larger", times), ("smaller", 1 / times))
    },
}


@dataclass(frozen=True)
class Fit:
    """How well points fit photographs: their share in a picture, and how alike colours are there, -1..1, or None."""

    seen: float
    likeness: float | None

    @property
    def value(self) -> float:
        return self.seen * (1.0 if self.likeness is None else max(0.0, self.likeness))


def hides_all(mask: np.ndarray | None) -> bool:
    """Whether nothing of a picture counts."""
    return mask is not None and float(mask.mean()) < HIDDEN_MEAN


def why_unfit(cameras: Sequence[Camera], points: np.ndarray) -> str:
    """Why training cannot start from points (P, 3), in words that a reason for others follows; empty if it can."""
    if not len(points):
        return "There are no points with the cameras"
    if len(points) > 1 and not np.ptp(points, axis=0).any():
        return f"All {len(points):,} points lie in one place"
    share = float((num_seeing(cameras, points) > 0).mean())
    if share < LEAST_SEEN:
        seen = "None" if not share else f"Only {share:.1%}"
        return f"{seen} of the {len(points):,} points {'is' if not share else 'are'} in any camera's picture"
    return ""


def doubts_of(
    cameras: Sequence[Camera],
    pictures: Sequence[np.ndarray],
    masks: Sequence[np.ndarray | None],
    points: np.ndarray,
    colours: np.ndarray,
    kind: str,
) -> list[str]:
    """What may spoil a scene, a sentence each: of masks, of where cameras stand, of axes and units.

    cameras with their pictures (H, W, 3) uint8 and masks (H, W) in 0..1; points (P, 3) with colours (P, 3) uint8.
    """
    doubts = [*_of_masks(masks), *_of_places(cameras, points)]
    if len(points) and kind not in ("photographs", "video", "turntable"):
        doubts += _of_axes(cameras, pictures, points, colours, kind)
    return doubts


def _of_masks(masks: Sequence[np.ndarray | None]) -> list[str]:
    counting = float(np.mean([1.0 if mask is None else mask.mean() for mask in masks]))
    if counting >= BARE_MEAN:
        return []
    return [
        f"Masks hide {1 - counting:.1%} of all pixels, and only what is white counts: are they the wrong way round?"
    ]


def _of_places(cameras: Sequence[Camera], points: np.ndarray) -> list[str]:
    spread = spread_of(cameras)
    depths = [depth[is_in] for is_in, _, depth in (camera.shows(points) for camera in _some(cameras))]
    seen = np.concatenate(depths) if len(points) else np.empty(0)
    if spread and (not len(seen) or spread >= STILL * np.median(seen)):
        return []
    where = "in one place" if not spread else "nearly in one place, as far as they are from the points"
    return [
        f"All {len(cameras)} cameras stand {where}: nothing tells how far away things are, and the scene is right from "
        "there only; walk around it while photographing."
    ]


# -- axes and units ----------------------------------------------------------------------------------------------------


def look_apart(cameras: Sequence[Camera]) -> bool:
    """Whether cameras look away from what they surround, as those do that look back along their axes."""
    backwards = [replace(camera, rotation=np.diag([1.0, -1, -1]) @ camera.rotation) for camera in cameras]
    backwards = [
        replace(back, translation=-back.rotation @ camera.position)
        for back, camera in zip(backwards, cameras, strict=True)
    ]
    return looked_at(cameras) is None and looked_at(backwards) is not None


def other_cameras(kind: str) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """What else the numbers of a camera may mean: from camera-to-world (4, 4) as it was read to what it would be."""
    if kind == "COLMAP model":
        return {
            GRAPHIC_INVERSE: lambda pose: pose @ FLIP,
            PINHOLE: np.linalg.inv,
            GRAPHIC: lambda pose: np.linalg.inv(pose) @ FLIP,
        }
    return {
        PINHOLE: lambda pose: pose @ FLIP,
        INVERSE: lambda pose: FLIP @ np.linalg.inv(pose),
        GRAPHIC_INVERSE: lambda pose: FLIP @ np.linalg.inv(pose) @ FLIP,
    }


def _of_axes(
    cameras: Sequence[Camera], pictures: Sequence[np.ndarray], points: np.ndarray, colours: np.ndarray, kind: str
) -> list[str]:
    few = evenly(len(points), MOST_POINTS)
    points, colours = points[few], colours[few]
    cameras, pictures = _some(cameras), _some(pictures)
    given = fit_of(cameras, pictures, points, colours)
    others = {
        f"the cameras' numbers were {name}": fit_of([_with_pose(c, read) for c in cameras], pictures, points, colours)
        for name, read in other_cameras(kind).items()
    }
    for name, turn in POINTS_READ.items():
        others[name] = fit_of(cameras, pictures, points @ turn.T, colours)
    name, best = max(others.items(), key=lambda each: each[1].value)  # the first of equals: cameras before units
    if not is_clearly_better(best, given):
        return []
    how = f"{given.seen:.0%} of the points are in the picture of a camera on average, and {best.seen:.0%} would be"
    if given.likeness is not None and given.seen > MOST_OFF:
        how = f"the points' colours agree with the pictures by {given.likeness:.2f} (of 1), and by {best.likeness:.2f}"
    return [
        f"Points and photographs do not fit each other as they are read: {how} if {name}. Check axes and units, and "
        "write the cameras or points accordingly, or have both found anew with --cameras solve."
    ]


def is_clearly_better(best: Fit, given: Fit) -> bool:
    if best.likeness is None:
        return given.seen < MOST_OFF and best.seen > LEAST_ON
    return best.likeness > ALIKE and best.value > max(given.value + CLEARLY, TWICE * given.value)


def fit_of(cameras: Sequence[Camera], pictures: Sequence[np.ndarray], points: np.ndarray, colours: np.ndarray) -> Fit:
    """How well points (P, 3) with colours (P, 3) uint8 fit what cameras photographed."""
    shares, theirs, ours = [], [], []
    for camera, picture in zip(cameras, pictures, strict=True):
        is_in, pixels, _ = camera.shows(points)
        columns, rows = pixels[is_in].astype(int).T
        shares.append(is_in.mean())
        theirs.append(picture[rows, columns])
        ours.append(colours[is_in])
    if colours.std(axis=0).max() < VARIED:
        return Fit(float(np.mean(shares)), None)
    both = [np.concatenate(each).astype(float).mean(1) for each in (theirs, ours)]
    if len(both[0]) < 2 or min(each.std() for each in both) < 1e-9:
        return Fit(float(np.mean(shares)), 0.0)
    return Fit(float(np.mean(shares)), float(np.corrcoef(both)[0, 1]))


def _with_pose(camera: Camera, read: Callable[[np.ndarray], np.ndarray]) -> Camera:
    pose = read(camera.camera_to_world)
    rotation = pose[:3, :3].T
    return replace(camera, rotation=rotation, translation=-rotation @ pose[:3, 3])


def _some(items: Sequence) -> list:
    return [items[place] for place in evenly(len(items), MOST_VIEWS)]
