"""What a field is learned from: rays through pixels, and where in space there may be something."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_cdt, label

from maquette.families.scenes import Placed
from maquette.families.views import DEPTH, Seen
from maquette.graphics.cameras import Camera
from maquette.graphics.paths import looked_at
from maquette.kernels.marching import carve, packed, rays_of_pixels
from maquette.settings import UserError

GRID = 128  # cells along a side, that are told apart by whether they hold something
COARSE = 64  # for finding the box
FIRST_REACH = 0.9  # of the nearest camera's distance: half the side of the box that an object is looked for in
MARGIN = 1.05  # around what was found in it
TIGHTENED, TIGHT = (
    6,
    0.95,
)  # times that the box is made smaller, at most; part of it that is filled, from which it stays
NEAR_PART = 0.05  # of the cube's half side that photographs' rays begin at
LEAST_SEEN = 2  # cameras that see a place where there may be something


@dataclass(frozen=True)
class Box:
    """The cube of a field in the placed world; possible (GRID^3,): where there may be something."""

    middle: tuple[float, float, float]
    half: float
    is_endless: bool
    near: float
    possible: np.ndarray


@dataclass(frozen=True)
class Prepared(Placed):
    """And the box."""

    box: Box | None = None


def box_of(train: list[Seen], points: np.ndarray) -> Box:
    """Where to look: within what all pictures show as not transparent, else everywhere that two cameras see."""
    cameras = [view.camera for view in train]
    positions = np.array([camera.position for camera in cameras])
    if np.ptp(positions, axis=0).max() <= 1e-6 * DEPTH:
        raise UserError(
            "All cameras stand at one place: nothing tells how far away things are. Take photographs from several "
            "places."
        )
    middle = looked_at(cameras)
    if middle is None:
        middle = np.median(points, axis=0) if len(points) else positions.mean(0)
    distances = np.linalg.norm(positions - middle, axis=1)
    carver = Carver(train)
    if not len(carver.apart):
        half = float(np.median(distances))
        possible = carver.possible(middle, half, GRID, is_endless=True)
        if not possible.any():
            raise UserError("No place is seen by two pictures: their cameras look at nothing together.")
        return Box(_three(middle), half, True, NEAR_PART, possible)
    half = FIRST_REACH * float(distances.min())
    for _ in range(TIGHTENED):  # places near a camera blur what it shows as transparent: a smaller cube sees more of it
        parts, count = label(carver.possible(middle, half, COARSE).reshape([COARSE] * 3))
        if not count:
            raise UserError(
                "No place is seen by two pictures and shown by none as transparent: cameras, or transparency, "
                "are wrong."
            )
        # what few cameras see may be left beside the thing itself, which is the largest part
        largest = np.bincount(parts.ravel())[1:].argmax() + 1
        cells = np.argwhere(parts == largest)[:, ::-1]
        low, high = cells.min(0), cells.max(0) + 1
        middle = middle + ((low + high) / COARSE - 1) * half
        share = MARGIN * float((high - low).max()) / COARSE
        half *= min(1.0, share)
        if share > TIGHT:
            break
    return Box(_three(middle), half, False, 0.01, carver.possible(middle, half, GRID))


def _three(numbers: np.ndarray) -> tuple[float, float, float]:
    x, y, z = map(float, numbers)
    return x, y, z


def from_opaque(views: Sequence[Seen]) -> np.ndarray:
    """How many pixels, across, down or both, each is away from one that is not transparent; (N,) uint8, 255 at most.

    Empty where that is not known.
    """
    parts = [np.empty(0, np.uint8)]
    for view in views:
        if view.alpha is None:
            return parts[0]
        is_clear = view.alpha <= 0
        far = distance_transform_cdt(is_clear, "chessboard") if not is_clear.all() else np.full(is_clear.shape, 255)
        parts.append(far.clip(0, 255).astype(np.uint8).ravel())
    return np.concatenate(parts)


def met_pixels(views: Sequence[Seen], box: Box) -> np.ndarray:
    """Numbers (M,) of the pixels whose rays may meet something: as near to what is not clear as two cells may reach."""
    cameras = [view.camera for view in views]
    far = np.linalg.norm([camera.position for camera in cameras] - np.array(box.middle), axis=1)
    nearest = np.maximum(far - box.half * np.sqrt(3), 0.25 * box.half)
    reach = np.ceil(2 * box.half / GRID * np.sqrt(3) * np.array([camera.fx for camera in cameras]) / nearest)
    found, start = [], np.uint32(0)
    for view, most in zip(views, reach.clip(max=255).astype(np.uint8), strict=True):
        found.append(start + np.flatnonzero(from_opaque([view]) <= most).astype(np.uint32))
        start += np.uint32(view.camera.width * view.camera.height)
    return np.concatenate(found)


class Bank:
    """All pixels of views, and the rays through them; pixels are numbered through all pictures, row by row."""

    def __init__(self, views: Sequence[Seen]):
        self.cameras = np.array([packed(view.camera) for view in views])
        self.sizes = np.array([[view.camera.width, view.camera.height] for view in views])
        counts = self.sizes.prod(1)
        self.starts, self.count = np.cumsum(counts) - counts, int(counts.sum())

    def rays(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Views (R,), origins and unit directions (R, 3) of pixels (R,)."""
        many = len(pixels)
        views = np.empty(many, np.int64)
        origins, ways = np.empty((many, 3), np.float32), np.empty((many, 3), np.float32)
        rays_of_pixels(pixels, self.starts, self.sizes, self.cameras, views, origins, ways)
        return views, origins, ways

    def places(self, pixels: np.ndarray, views: np.ndarray) -> np.ndarray:
        """Where in its picture each pixel lies, across and down, (R, 2) in 0..1."""
        left, widths = pixels - self.starts[views], self.sizes[views, 0]
        return (np.stack([left % widths, left // widths], 1) + 0.5) / self.sizes[views]


class Carver(Bank):
    """With how far pixels are from what is not transparent, for space carving; Kutulakos and Seitz 2000."""

    def __init__(self, views: Sequence[Seen]):
        super().__init__(views)
        self.apart = from_opaque(views)

    def possible(self, middle: np.ndarray, half: float, grid: int, *, is_endless: bool = False) -> np.ndarray:
        """Cells (grid^3,) of a cube that two cameras see, and none sees through."""
        steps = (np.arange(grid) + 0.5) / grid * 2 - 1
        y, x = np.meshgrid(steps, steps, indexing="ij")
        reach = half / grid * np.sqrt(3)
        found = np.empty((grid, grid**2), np.bool_)
        near = NEAR_PART * half if is_endless else 0.0
        least = min(LEAST_SEEN, len(self.cameras))
        for z, layer in zip(steps, found, strict=True):
            places = np.stack([x, y, np.full_like(x, z)], -1).reshape(-1, 3)
            if is_endless:  # as `expand` in graphics/rays.py
                places *= 2
                most = np.abs(places).max(1, keepdims=True).clip(1)
                places /= most * (2 - most)
            carve(middle + half * places, self.cameras, self.sizes, self.starts, self.apart, reach, least, near, layer)
        return found.ravel()


class Pixels(Bank):
    """With what pixels show: colours (N, 3) uint8, how opaque each is, or None, and how much it counts, or None.

    Rays that a transparent part of their picture proves to meet nothing in the box are never drawn.
    """

    def __init__(self, views: list[Seen], box: Box | None = None):
        super().__init__(views)
        self.used: np.ndarray | None = None  # pixels whose rays may meet something; all if none are known not to
        if box is not None and not box.is_endless:
            self.used = met_pixels(views, box)
        self.colours = np.concatenate([view.picture.reshape(-1, 3) for view in views])
        self.alphas = together([view.alpha for view in views])
        white = [np.ones(view.picture.shape[:2], np.float32) if view.mask is None else view.mask for view in views]
        self.masks = together(white) if any(view.mask is not None for view in views) else None

    def drawn(
        self, chance: np.random.Generator, rays: int, background: np.ndarray, rank: int = 0, processes: int = 1
    ) -> "Looked":
        """So many rays through pixels drawn at random, or this process's share of them.

        Behind transparent pictures, which were laid on `background`, is a colour drawn at random for each ray, and so
        it is behind all others, through which nothing must shine.
        """
        if self.used is None:
            numbers = chance.integers(self.count, size=rays)
        else:
            numbers = self.used[chance.integers(len(self.used), size=rays)].astype(np.int64)
        behind, phases = chance.random((rays, 3), np.float32), chance.random(rays, np.float32)
        numbers, behind, phases = numbers[rank::processes], behind[rank::processes], phases[rank::processes]
        views, origins, ways = self.rays(numbers)
        targets = self.colours[numbers].astype(np.float32) / np.float32(255)
        if self.alphas is not None:
            clear = 1 - self.alphas[numbers, None].astype(np.float32) / np.float32(255)
            targets += clear * (behind - background)
        counts = np.ones(len(numbers), np.float32)
        if self.masks is not None:
            counts = self.masks[numbers].astype(np.float32) / np.float32(255)
        shares = counts / np.float32(3 * rays)
        behind = np.ascontiguousarray(behind)
        return Looked(views, self.places(numbers, views), origins, ways, phases.copy(), targets, behind, shares)


@dataclass(frozen=True)
class Looked:
    """Rays: the views they are of and places in these (R, 2), origins and ways (R, 3), phases (R,), and what they see.

    targets and behind (R, 3): what is there to be seen, with the colour behind all; shares (R,): what each counts.
    """

    views: np.ndarray
    places: np.ndarray
    origins: np.ndarray
    ways: np.ndarray
    phases: np.ndarray
    targets: np.ndarray
    behind: np.ndarray
    shares: np.ndarray


def together(planes: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """Planes (H, W) one after the other as bytes; None if there are none."""
    found = [np.rint(plane.ravel() * 255).astype(np.uint8) for plane in planes if plane is not None]
    return np.concatenate(found) if len(found) == len(planes) else None


def thinned(view: Seen, every: int) -> Seen:
    """Every so many-th pixel of a view, each way, as a view."""
    camera = view.camera
    first = every // 2
    picture = np.ascontiguousarray(view.picture[first::every, first::every])
    if not picture.size:
        return view
    few = Camera(
        picture.shape[1],
        picture.shape[0],
        camera.fx / every,
        camera.fy / every,
        (camera.cx - first - 0.5) / every + 0.5,
        (camera.cy - first - 0.5) / every + 0.5,
        camera.rotation,
        camera.translation,
    )
    mask = None if view.mask is None else np.ascontiguousarray(view.mask[first::every, first::every])
    return Seen(view.name, few, picture, mask)
