"""A clay hare on a turntable that never was: seen by known cameras, by sphere tracing a distance function.

The figure is a smooth union of capsules (a sphere is one of no length) in the manner of Quilez, "smooth minimum", 2013;
rays go on by the distance to the nearest surface (Hart 1996). The z axis points up, the disc's top is at z = 0, and the
figure, 1.57 high, looks along -y. Colours are sRGB, light is linear.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maquette.data.pictures.files import Picture, display_code, linear_light, write_picture
from maquette.data.scenes.lenses import Lens
from maquette.data.scenes.pointclouds import write_points
from maquette.data.scenes.transforms import Frame, write_transforms
from maquette.data.threads import in_threads
from maquette.graphics.cameras import Camera, camera_at

SIZE, VIEWS, POINTS = 160, 40, 6_000
TARGET, DISTANCE, HALF_ANGLE = np.array([0.0, 0.0, 0.55]), 3.8, np.radians(20)
DISC, THICK, ROUND = 1.08, 0.05, 0.025  # radius, half thickness, rounding of the disc
STEPS, NEAR = 96, 5e-4
SUN = np.array([-0.55, -0.60, 0.85]) / np.linalg.norm([-0.55, -0.60, 0.85])
SUBPIXELS = 3  # squared, for pixels on an edge

CLAY, CREAM, TEAL, MUSTARD, DARK = range(5)
PALETTE = linear_light(np.array([
    [0.80, 0.48, 0.36], [0.94, 0.84, 0.71], [0.17, 0.47, 0.50], [0.91, 0.68, 0.24], [0.10, 0.08, 0.09],
]))  # fmt: skip
TILES = linear_light(np.array([
    [0.90, 0.85, 0.76], [0.76, 0.70, 0.62], [0.42, 0.58, 0.60], [0.85, 0.64, 0.42], [0.60, 0.42, 0.36],
    [0.31, 0.37, 0.43],
]))  # fmt: skip


PARTS = (  # start, end, radius and colour of each capsule for x >= 0; what is left is the mirror image
    ((0, 0.02, 0.26), (0, 0.02, 0.26), 0.38, CLAY),  # body
    ((0, 0.02, 0.36), (0, 0.00, 0.64), 0.27, CLAY),
    ((0, -0.20, 0.34), (0, -0.17, 0.44), 0.23, CREAM),  # belly
    ((0, -0.03, 0.98), (0.06, -0.03, 0.98), 0.27, CLAY),  # head
    ((0, -0.24, 0.90), (0, -0.31, 0.89), 0.105, CREAM),  # muzzle
    ((0, 0.40, 0.20), (0, 0.52, 0.30), 0.13, CREAM),  # tail
    ((0.13, 0.0, 1.18), (0.20, 0.07, 1.50), 0.072, CLAY),  # ears
    ((0.142, -0.055, 1.22), (0.196, 0.005, 1.47), 0.034, CREAM),
    ((0.27, -0.06, 0.62), (0.36, -0.24, 0.46), 0.085, CLAY),  # arms
    ((0.36, -0.24, 0.46), (0.17, -0.43, 0.47), 0.075, CLAY),
    ((0.24, -0.22, 0.12), (0.27, -0.42, 0.10), 0.115, CLAY),  # feet
    ((0.27, -0.47, 0.115), (0.27, -0.49, 0.12), 0.085, CREAM),
)
STARTS, ENDS = (np.array([part[end] for part in PARTS], np.float32) for end in (0, 1))
RADII = np.array([part[2] for part in PARTS], np.float32)[:, None]
COLOURS = np.array([part[3] for part in PARTS])
ALONG = ENDS - STARTS
LENGTHS = np.maximum((ALONG**2).sum(1, keepdims=True), 1e-6)
BEADS = np.array(
    [(0.115, -0.262, 1.035, 0.042), (0.0, -0.415, 0.925, 0.040)], np.float32
)  # eyes and nose: place, radius
SHINE = (0.04, 0.5, 0.02, 0.2, 0.05)  # of clay, beads, scarf, ring and disc
SEAM = np.float32(0.022)  # width over which clay is smoothed onto clay
PIECE = 8_192  # points at once, which stay in the processor's cache
_g = np.random.default_rng(7)
WAVES = np.concatenate([_g.normal(0, 9, (8, 3)), _g.normal(0, 30, (8, 3))]).astype(np.float32)
PHASES = _g.uniform(0, 2 * np.pi, 16).astype(np.float32)
TILE = _g.integers(0, len(TILES), (12, 64))


def distances(points: np.ndarray) -> np.ndarray:
    """Distance of points (N, 3) to the clay, the beads, the scarf, the ring that it holds, and the disc: (5, N)."""
    return np.stack([_clay(points), _beads(points), _scarf(points), _ring(points), _disc(points)])


def distance(points: np.ndarray, margin: float = 0.12) -> np.ndarray:
    """Distance (N,) to the nearest surface, negative inside; something less, at least `margin`, far from the figure."""
    away = np.empty(len(points), np.float32)
    for start in range(0, len(points), PIECE):
        piece = points[start : start + PIECE]
        x, y, z = piece.T
        z = z - np.clip(z, 0.36, 0.95)
        near = np.sqrt(x * x + (y + 0.02) ** 2 + z * z) - np.float32(0.70)  # to a capsule around the figure
        others = np.minimum(_disc(piece), near)
        rows = np.flatnonzero(near < margin)
        if len(rows):
            close = piece[rows]
            figure = np.minimum(np.minimum(_clay(close), _beads(close)), np.minimum(_scarf(close), _ring(close)))
            others[rows] = np.minimum(_disc(close), figure)
        away[start : start + PIECE] = others
    return away


def _capsule_distances(points: np.ndarray) -> np.ndarray:
    """(K, N)."""
    mirrored = np.ascontiguousarray(points.T, np.float32)
    mirrored[0] = np.abs(mirrored[0])
    dot = ALONG @ mirrored - (STARTS * ALONG).sum(1, keepdims=True)
    part = np.clip(dot / LENGTHS, 0, 1)
    squared = (-2 * STARTS) @ mirrored + (STARTS**2).sum(1, keepdims=True) + (mirrored**2).sum(0)
    squared += part * (part * LENGTHS - 2 * dot)
    return np.sqrt(np.maximum(squared, 0)) - RADII


def _clay(points: np.ndarray) -> np.ndarray:
    away = _capsule_distances(points)
    nearest = away.min(0)
    return nearest - SEAM * np.log(np.exp((nearest - away) / SEAM).sum(0))


def _beads(points: np.ndarray) -> np.ndarray:
    x, y, z = points.T
    eye, nose = ((np.sqrt((np.abs(x) - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) - r) for a, b, c, r in BEADS)
    return np.minimum(eye, nose)


def _scarf(points: np.ndarray) -> np.ndarray:
    z = points[:, 2] - 0.745 - 0.10 * points[:, 1]
    around = np.hypot(points[:, 0], points[:, 1] + 0.01) - 0.245
    return 0.95 * (np.hypot(around, z) - 0.062)  # slanted, so that the whole would overestimate


def _ring(points: np.ndarray) -> np.ndarray:
    around = np.hypot(points[:, 0], points[:, 2] - 0.47) - 0.15
    return np.hypot(around, points[:, 1] + 0.45) - 0.055


def _disc(points: np.ndarray) -> np.ndarray:
    """A cylinder with rounded edges."""
    out = np.hypot(points[:, 0], points[:, 1]) - (DISC - ROUND)
    up = np.abs(points[:, 2] + THICK) - (THICK - ROUND)
    return np.minimum(np.maximum(out, up), 0) + np.hypot(np.maximum(out, 0), np.maximum(up, 0)) - ROUND


def trace(origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """How far each ray (N, 3) goes until it meets a surface, (N,) float32; inf where it meets none."""
    origins, directions = origins.astype(np.float32), directions.astype(np.float32)
    depth = np.full(len(origins), np.inf, np.float32)
    middle = origins - np.array([0, 0, 0.67], np.float32)  # of a ball around everything
    half = (middle * directions).sum(1)
    under = half**2 - (middle**2).sum(1) + np.float32(1.38**2)
    rows = np.flatnonzero(under > 0)
    gone = np.maximum(-half[rows] - np.sqrt(under[rows]), 0)
    end = -half[rows] + np.sqrt(under[rows])
    for _ in range(STEPS):
        step = distance(origins[rows] + gone[:, None] * directions[rows])
        met = step < NEAR * (1 + gone)
        depth[rows[met]] = gone[met]
        gone = gone + step
        going = ~met & (gone < end)
        rows, gone, end = rows[going], gone[going], end[going]
        if not len(rows):
            break
    depth[rows] = gone  # still creeping along a silhouette
    return depth


def shade(points: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Linear light (N, 3) from surface points (N, 3), seen along `directions`: of a soft sun, the sky, the disc."""
    colour, kind = _albedo(points)
    waves = points @ WAVES.T + PHASES
    bumps = (np.cos(waves) * np.repeat([0.0030, 0.0012], 8).astype(np.float32)) @ WAVES
    normal = _normals(points) + bumps * (kind == 0)[:, None]
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    facing = np.maximum(normal @ SUN.astype(np.float32), 0)
    sun = facing * _sunlight(points + 0.006 * normal)
    open_sky = _openness(points, normal)
    sky = (0.5 + 0.5 * normal[:, 2:]) * np.array([0.40, 0.45, 0.52], np.float32)
    bounce = (0.5 - 0.5 * normal[:, 2:]) * np.array([0.20, 0.16, 0.12], np.float32)
    light = sun[:, None] * np.array([1.02, 0.94, 0.82], np.float32) + open_sky[:, None] * (sky + bounce)
    halfway = SUN.astype(np.float32) - directions
    halfway /= np.linalg.norm(halfway, axis=1, keepdims=True)
    shine = np.array(SHINE, np.float32)[kind]
    gloss = (shine * np.maximum((normal * halfway).sum(1), 0) ** 24 * facing)[:, None]
    return colour * light + gloss


def _albedo(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colour (N, 3), linear, and what it is of, as `distances` counts, (N,)."""
    away = _capsule_distances(points)
    weights = np.exp((away.min(0) - away) / np.float32(0.012))
    colour = (weights / weights.sum(0)).T @ PALETTE[COLOURS]
    kind = distances(points).argmin(0)
    angle = np.arctan2(points[:, 1], points[:, 0])
    stripes = np.floor((angle / (2 * np.pi) + 0.5) * 26) % 2 == 0
    scarf = PALETTE[np.where(stripes, TEAL, CREAM)]
    for number, other in enumerate((PALETTE[DARK], scarf, PALETTE[MUSTARD], _tiles(points, angle)), 1):
        colour = np.where((kind == number)[:, None], other, colour)
    mottled = 1 + 0.03 * np.sin(points @ WAVES.T + PHASES).sum(1, keepdims=True) * (kind == 0)[:, None]
    return (colour * np.clip(mottled, 0.7, 1.3)).astype(np.float32), kind


def _tiles(points: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """A mosaic in rings on the top of the disc, and bare wood at its edge, (N, 3)."""
    radius = np.hypot(points[:, 0], points[:, 1])
    ring = np.clip(np.floor(radius / 0.14), 0, 11).astype(int)
    number = np.maximum(1, np.round(2 * np.pi * (ring + 0.5) * 0.8)).astype(int)  # tiles about as long as wide
    place = (angle / (2 * np.pi) + 0.5) * number + 0.37 * ring
    column = np.floor(place).astype(int)
    across = np.minimum(place - column, 1 - (place - column)) * (2 * np.pi * radius / number)
    along = np.minimum(radius % 0.14, 0.14 - radius % 0.14)
    joint = np.minimum(across, along) < 0.008
    colour = TILES[TILE[ring, column % number]] * (0.86 + 0.28 * ((column * 7 + ring * 13) % 5 / 4))[:, None]
    colour = np.where(joint[:, None], 0.35 * TILES[5], colour)
    is_edge = (radius > 0.985) | (points[:, 2] < -ROUND)
    return np.where(is_edge[:, None], 0.75 * TILES[4], colour)


def _normals(points: np.ndarray) -> np.ndarray:
    """Gradient of the distance at four corners of a tetrahedron, (N, 3)."""
    corners = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], np.float32)
    total = sum(corner * distance(points + 0.002 * corner)[:, None] for corner in corners)
    assert isinstance(total, np.ndarray)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def _sunlight(points: np.ndarray) -> np.ndarray:
    """Part of a wide sun that is seen, (N,): how near the ray towards it passes by; Quilez 2010, "soft shadows"."""
    sun, light = SUN.astype(np.float32), np.ones(len(points), np.float32)
    rows, gone = np.arange(len(points)), np.full(len(points), 0.03, np.float32)
    for _ in range(32):
        away = distance(points[rows] + gone[:, None] * sun, margin=0.3)
        light[rows] = np.minimum(light[rows], np.clip(7 * away / gone, 0, 1))
        gone = gone + np.clip(away, 0.02, 0.12)
        going = (light[rows] > 0.01) & (gone < 1.9)
        rows, gone = rows[going], gone[going]
    return light * light * (3 - 2 * light)


def _openness(points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Part of the sky that is seen, (N,): distances met on the way outwards; Evans 2006, "ambient occlusion"."""
    closed = np.zeros(len(points), np.float32)
    for number, height in enumerate((0.02, 0.07, 0.15, 0.28)):
        closed += (height - distance(points + height * normals)) * np.float32(2.2 * 0.62**number)
    return np.clip(1 - closed, 0.15, 1)


# -- pictures ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rendered:
    """A picture: colour (H, W, 3) sRGB, straight; alpha (H, W); depth (H, W) along the axis at pixel centres, inf where
    there is nothing.
    """

    colour: np.ndarray
    alpha: np.ndarray
    depth: np.ndarray


def turntable_cameras(size: int = SIZE, count: int = VIEWS) -> list[Camera]:
    """Cameras once around the figure, 12 to 48 degrees above the disc."""
    cameras = []
    for turn in np.arange(count) * (2 * np.pi / count):
        height = np.radians(30 + 18 * np.sin(3 * turn + 0.4))
        away = np.array([np.sin(turn) * np.cos(height), -np.cos(turn) * np.cos(height), np.sin(height)])
        focal = size / (2 * np.tan(HALF_ANGLE))
        up = np.array([0.0, 0.0, 1.0])
        cameras.append(camera_at(TARGET + DISTANCE * away, TARGET, up, width=size, height=size, focal=focal))
    return cameras


def rays(camera: Camera, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Origin and direction (N, 3), of length 1, of the rays through places (N, 2) of a picture."""
    seen = (pixels - [camera.cx, camera.cy]) / [camera.fx, camera.fy]
    directions = np.concatenate([seen, np.ones((len(seen), 1))], 1) @ camera.rotation
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.broadcast_to(camera.position, directions.shape), directions


def render(camera: Camera) -> Rendered:
    """The figure as a camera sees it, finer where neighbours differ."""
    height, width = camera.height, camera.width
    centres = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), -1).reshape(-1, 2)
    light, hit, length, directions = _seen(camera, centres)
    depth = np.where(hit, length * (directions @ camera.direction), np.inf).reshape(height, width)
    code = display_code(light) * hit[:, None]
    rough = np.concatenate([code, hit[:, None]], 1).reshape(height, width, 4)
    edge = np.flatnonzero(_edges(rough, depth))
    fine = (np.arange(SUBPIXELS) + 0.5) / SUBPIXELS - 0.5
    within = np.stack(np.meshgrid(fine, fine), -1).reshape(-1, 2)
    light_fine, hit_fine, *_ = _seen(camera, (centres[edge][:, None] + within).reshape(-1, 2))
    hits = hit_fine.reshape(len(edge), -1)
    total = (light_fine * hit_fine[:, None]).reshape(len(edge), -1, 3).sum(1)
    light[edge] = total / np.maximum(hits.sum(1, keepdims=True), 1)
    alpha = hit.astype(np.float32)
    alpha[edge] = hits.mean(1)
    return Rendered(display_code(light).reshape(height, width, 3), alpha.reshape(height, width), depth)


def _seen(camera: Camera, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Linear light (N, 3), whether anything is met (N,), how far away (N,), along which direction (N, 3)."""
    origins, directions = rays(camera, pixels)
    length = trace(origins, directions)
    hit = np.isfinite(length)
    light = np.zeros((len(pixels), 3), np.float32)
    met = (origins[hit] + length[hit, None] * directions[hit]).astype(np.float32)
    light[hit] = shade(met, directions[hit].astype(np.float32))
    return light, hit, length, directions


def _edges(rough: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Pixels (H, W) that differ from one beside them in colour, coverage or depth."""
    edge = np.zeros(depth.shape, bool)
    values = np.concatenate([rough, np.where(np.isfinite(depth), depth, 0)[..., None]], -1)
    for axis in (0, 1):
        differs = (np.abs(np.diff(values, axis=axis)) > 0.12).any(-1)
        first = tuple(slice(None, -1) if other == axis else slice(None) for other in (0, 1))
        second = tuple(slice(1, None) if other == axis else slice(None) for other in (0, 1))
        edge[first] |= differs
        edge[second] |= differs
    return edge


def write_turntable(folder: Path, *, size: int = SIZE, count: int = VIEWS, points: int = POINTS) -> None:
    """The pictures with transparency, transforms.json and points.ply, in a new folder."""
    folder.mkdir()
    frames, places, colours = [], [], []
    g = np.random.default_rng(0)
    for number, (camera, picture) in enumerate(_rendered(size, count)):
        path = folder / f"{number:03d}.png"
        write_picture(path, Picture(picture.colour, picture.alpha, "uint8"))
        lens = Lens(camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy)
        frames.append(Frame(path.name, path, lens, camera.rotation, camera.translation))
        rows = g.permutation(np.flatnonzero(np.isfinite(picture.depth)))[: -(-points // count)]
        pixels = np.stack([rows % size + 0.5, rows // size + 0.5], 1)
        seen = np.concatenate([(pixels - [camera.cx, camera.cy]) / [camera.fx, camera.fy], np.ones((len(rows), 1))], 1)
        seen *= picture.depth.ravel()[rows, None]
        places.append((seen - camera.translation) @ camera.rotation)
        colours.append(np.rint(picture.colour.reshape(-1, 3)[rows] * 255).astype(np.uint8))
    write_points(folder / "points.ply", np.concatenate(places)[:points], np.concatenate(colours)[:points])
    write_transforms(folder / "transforms.json", frames, "points.ply", "turntable")


def _rendered(size: int, count: int) -> Iterator[tuple[Camera, Rendered]]:
    cameras = turntable_cameras(size, count)
    return zip(cameras, in_threads(render, cameras), strict=True)
