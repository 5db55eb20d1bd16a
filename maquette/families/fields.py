"""Radiance fields seen by cameras, and what can be taken out of one: a surface, points, and Gaussians."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy.ndimage import maximum_filter, minimum_filter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from skimage.measure import marching_cubes

from maquette.data.rows import evenly
from maquette.data.scenes.meshes import Mesh
from maquette.families.flights import Drawer, photographers
from maquette.graphics.cameras import Camera
from maquette.graphics.paths import common_up
from maquette.graphics.radiance import weights_of
from maquette.graphics.rays import rays_of
from maquette.kernels.fields import LEFT
from maquette.kernels.painting import Learner, Numbers, Painted, density_at, draw
from maquette.methods.densification import in_space_order, rows_of_points
from maquette.models import Gaussians
from maquette.models.fields import Field, FrequencyField, HashField
from maquette.settings import UserError

AT_ONCE = 4096  # rays that go through a field together, where torch draws it
PLACES = 2**17  # whose densities or colours are asked for together
STOPPING = 0.02  # part of the cube's side within which half the light is stopped, where a surface is taken to be
POINT_CAMERAS = 24  # that points, and what is seen of a surface, are looked for with, at most
NEAR_CELLS = 3  # behind what a photograph shows that still belongs to it
SEEN = 0.5  # of the light that a point stops
LOOKED_FOR = 150_000  # pixels, at least, that points are looked for in: small pictures are all edges
TORN = 0.04  # part of the depth by which neighbours of a point may be apart


def field_drawer(model: Field, background: Sequence[float] | None = None) -> Drawer:
    """What draws a field for cameras of its source's world; depths are in the unit of the placed world."""
    within = field_drawer_within(model, background)
    return lambda camera: within(camera.within(model.origin, model.unit))


def field_drawer_within(model: Field, background: Sequence[float] | None = None) -> Drawer:
    """The same for cameras of the placed world."""
    behind = model.background if background is None else tuple(background)
    if isinstance(model, HashField) and model.table.device.type == "cpu":
        numbers = Numbers.of(model)
        return lambda camera: draw(numbers, camera, behind)
    return lambda camera: traced(model, camera, behind)


@torch.no_grad()
def traced(model: Field, camera: Camera, background: Sequence[float]) -> Painted:
    """What a camera of the placed world sees, by the plain version, on the model's device."""
    device = next(model.parameters()).device
    origins, ways = rays_of(camera)
    inner = (origins - torch.tensor(model.middle)) / model.reach
    behind = torch.tensor(background).float().to(device)
    parts = [
        model.trace(some.to(device), way.to(device), behind)[-1]
        for some, way in zip(inner.split(AT_ONCE), ways.split(AT_ONCE), strict=True)
    ]
    colours, left, depth = (torch.cat([part[place] for part in parts]).cpu() for place in range(3))
    along = depth * model.reach * (ways @ torch.from_numpy(camera.direction).float())
    size = camera.height, camera.width
    picture = np.ascontiguousarray(colours.view(*size, 3).permute(2, 0, 1).numpy())
    return Painted(picture, left.view(size).numpy(), along.view(size).numpy())


@torch.no_grad()
def along(model: Field, camera: Camera, pixel: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """What the ray through a pixel (column, row) of a camera of the placed world meets.

    Distances (S,) in the source's unit, densities (S,) per such a unit, colours (S, 3), weights (S,), and what of the
    light gets to each sample, (S,).
    """
    origins, ways = rays_of(camera, torch.tensor([pixel]))
    inner = (origins - torch.tensor(model.middle)) / model.reach
    distances, lengths, density, colour = model.samples(inner, ways)
    weights, through = weights_of(density, lengths)
    used = (density[0] > 0) & (through[0, :-1] > LEFT)
    size = model.reach * model.unit
    parts = (distances[0] * size, density[0] / size, colour[0], weights[0], through[0, :-1])
    return tuple(part[used].numpy() for part in parts)


def field_of(described: dict[str, Any]) -> Field:
    """A field, as chance makes it, of the class and arguments that a run's `processing` holds."""
    kinds: dict[str, type[HashField] | type[FrequencyField]] = {"hash": HashField, "frequencies": FrequencyField}
    return kinds[described["encoding"]](**described["arguments"])


def field_so_far(described: dict[str, Any], kept: dict[str, Any]) -> Field:
    """The field of a run that is still being trained, from what its checkpoint keeps."""
    field = field_of(described)
    if isinstance(field, HashField):
        Learner(Numbers.of(field), 1, np.ones(field.grid**3, bool)).load_state_dict(kept["learner"])
    else:
        field.load_state_dict(kept["model"])
    return field.eval()


# -- surfaces ----------------------------------------------------------------------------------------------------------


def density_of(model: Field, places: np.ndarray) -> np.ndarray:
    """Density (N,) per length of the cube's numbers at places (N, 3) of the cube; 0 where nothing was found to be."""
    if isinstance(model, HashField):
        given = torch.from_numpy(np.ascontiguousarray(places, np.float32))
        found = density_at(Numbers.of(model), model.shares(given).numpy())
        return np.where(model.is_there(given).numpy(), found, 0)
    with torch.no_grad():
        parts = torch.from_numpy(places).float().split(PLACES)
        return torch.cat([model.density(part) for part in parts]).numpy()


def threshold_of(model: Field, threshold: float | None) -> float:
    """A density of the source's unit as one of the cube's numbers; `STOPPING` tells what it is if None."""
    if threshold is None:
        return math.log(2) / (2 * STOPPING)
    return threshold * model.unit * model.reach


def volume_of(model: Field, cells: int) -> np.ndarray:
    """Densities at the (cells + 1)^3 corners of cells in the cube from -1 to 1, by x, y and z."""
    steps = np.linspace(-1, 1, cells + 1, dtype=np.float32)
    y, z = np.meshgrid(steps, steps, indexing="ij")
    slices = [density_of(model, np.column_stack([np.full(y.size, x), y.ravel(), z.ravel()])) for x in steps]
    return np.stack(slices).reshape(cells + 1, cells + 1, cells + 1)


def surface_of(model: Field, processing: dict[str, Any], *, cells: int, threshold: float | None, largest: bool) -> Mesh:
    """Where the density reaches a threshold, in the source's world, coloured as seen from outside: marching cubes.

    The cube from -1 to 1 is cut into cells^3. largest: of what photographs saw only the part with most corners; behind
    and below it a field may hold anything. `UserError` where nothing is as dense.
    """
    level = threshold_of(model, threshold)
    volume = volume_of(model, cells)
    least = level * 1e-3
    most = float(volume.max())
    if most <= level:
        raise UserError(
            f"The field is empty: nowhere is it denser than {level / (model.unit * model.reach):.3g} in the scene's "
            f"unit, the most is {most / (model.unit * model.reach):.3g}; train longer, or give a smaller --threshold."
        )
    logs = np.log(np.pad(np.maximum(volume, least), 1, constant_values=least))  # closed at the cube's faces
    corners, triangles, normals, _ = marching_cubes(logs, math.log(level), gradient_direction="ascent")
    ways = -normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)  # they point out of it
    if largest:
        if isinstance(model, HashField):  # the network of frequencies would take minutes for a picture
            is_seen = seen_by_some(model, processing, (corners - 1) / cells * 2 - 1, ways, NEAR_CELLS * 2 / cells)
            if is_seen.any():
                corners, triangles, ways = part_of(corners, triangles[is_seen[triangles].any(1)], ways)
        corners, triangles, ways = largest_part(corners, triangles, ways)
    places = (corners - 1) / cells * 2 - 1
    colours = colours_at(model, places, ways)
    stopped = math.log(2) / level * model.reach * model.unit
    return Mesh(
        model.to_source(places),
        colours,
        triangles.astype(np.int32),
        up_of(processing),
        f"{len(triangles):,} triangles where the density is {level / (model.unit * model.reach):.4g} in the scene's "
        f"unit: half of the light is stopped within {stopped:.3g}.",
    )


def some_photographers(processing: dict[str, Any]) -> list[Camera]:
    """The cameras of some training views, from all around."""
    cameras = photographers(processing)
    return [cameras[place] for place in evenly(len(cameras), POINT_CAMERAS)]


def seen_by_some(
    model: Field, processing: dict[str, Any], places: np.ndarray, ways: np.ndarray, near: float
) -> np.ndarray:
    """Which places (N, 3) of the cube the photographs' cameras see, or all but for `near` of the cube's numbers.

    ways (N, 3) go into the surface there: a camera that it turns away from does not see it, but the inside of a shell.
    """
    cameras, draw = some_photographers(processing), field_drawer(model, (0.0, 0.0, 0.0))
    source, slack = model.to_source(places), near * model.reach * model.unit
    found = np.full(len(places), not cameras)
    for camera in cameras:
        drawn, (is_shown, pixels, far) = draw(camera), camera.shows(source)
        columns, rows = pixels[is_shown].astype(int).T
        is_clear = drawn.remainder[rows, columns] > 1 - SEEN
        is_near = is_clear | (far[is_shown] < drawn.depth[rows, columns] * model.unit + slack)
        found[is_shown] |= is_near & (((source[is_shown] - camera.position) * ways[is_shown]).sum(1) > 0)
    return found


def part_of(corners: np.ndarray, triangles: np.ndarray, ways: np.ndarray) -> tuple[np.ndarray, ...]:
    """Some triangles of a surface with the corners that they need."""
    used = np.unique(triangles)
    numbers = np.zeros(len(corners), triangles.dtype)
    numbers[used] = np.arange(len(used))
    return corners[used], numbers[triangles], ways[used]


def largest_part(corners: np.ndarray, triangles: np.ndarray, ways: np.ndarray) -> tuple[np.ndarray, ...]:
    """The connected part of a surface with most corners."""
    ends = triangles[:, [0, 1]], triangles[:, [1, 2]]
    pairs = np.concatenate(ends)
    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(corners),) * 2)
    _, part = connected_components(graph, directed=False)
    kept = part == np.bincount(part).argmax()
    return part_of(corners, triangles[kept[triangles[:, 0]]], ways)


@torch.no_grad()
def colours_at(model: Field, places: np.ndarray, ways: np.ndarray) -> np.ndarray:
    """Colours (N, 3) of places of the cube seen along unit ways (N, 3)."""
    given = (torch.from_numpy(np.ascontiguousarray(each, np.float32)).split(PLACES) for each in (places, ways))
    return torch.cat([model(place, way)[1] for place, way in zip(*given, strict=True)]).numpy()


def up_of(processing: dict[str, Any]) -> list[float] | None:
    """What is up for the cameras of the training views."""
    cameras = photographers(processing)
    return common_up(cameras).tolist() if cameras else None


# -- points ------------------------------------------------------------------------------------------------------------


def points_of(model: Field, processing: dict[str, Any], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 3) of the source's world that its photographs show, N at most `count`, and colours (N, 3) in 0..1."""
    cameras = some_photographers(processing)
    draw = field_drawer(model, (0.0, 0.0, 0.0))
    pixels = sum(camera.width * camera.height for camera in cameras)
    share = min(1.0, math.sqrt(max(3 * count, LOOKED_FOR) / pixels))
    found, colours = [], []
    for camera in cameras:
        small = camera.resized(max(1, round(share * camera.width)), max(1, round(share * camera.height)))
        drawn = draw(small)
        depth, met = drawn.depth, 1 - drawn.remainder
        is_whole = maximum_filter(depth, 3) - minimum_filter(depth, 3) < TORN * depth
        rows, columns = np.nonzero((met > SEEN) & is_whole)
        far = depth[rows, columns] * model.unit
        across = (columns + 0.5 - small.cx) / small.fx * far
        down = (rows + 0.5 - small.cy) / small.fy * far
        found.append(np.stack([across, down, far], 1) @ small.rotation + small.position)
        colours.append((drawn.picture[:, rows, columns] / met[rows, columns]).T.clip(0, 1))
    points, shades = np.concatenate(found), np.concatenate(colours)
    if not len(points):
        raise UserError("The field is empty: no photograph shows anything in it that stops the light; train longer.")
    kept = in_space_order(points.astype(np.float32))[evenly(len(points), min(count, len(points)))]
    return points[kept], shades[kept]


def gaussians_of(model: Field, processing: dict[str, Any], count: int) -> Gaussians:
    """A Gaussian at each of `points_of`, in the world that the field is placed in."""
    points, colours = points_of(model, processing, count)
    placed = (points - np.array(model.origin)) / model.unit
    return Gaussians.of_rows(
        rows_of_points(placed, colours, 0),
        background=model.background,
        is_antialiased=True,
        origin=model.origin,
        unit=model.unit,
    )
