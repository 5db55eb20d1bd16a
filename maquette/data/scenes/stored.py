"""Pictures as their files hold them: cameras that came with them know nothing of EXIF's orientation."""

from dataclasses import replace
from pathlib import Path

from maquette.data.pictures.files import MOST_PIXELS, Picture, read_picture, upright
from maquette.data.pictures.headers import on_disk, opened, orientation_of

BACK = {6: 8, 8: 6}  # the orientation that undoes another; the rest undo themselves


def stored_size(path: Path) -> tuple[int, int]:
    """Width and height of the stored pixels; `Unreadable` where there are none."""
    return _stored(path)[:2]


def read_for(path: Path, width: int, height: int) -> Picture:
    """The picture as a camera of that size saw it: as it is stored, unless only the upright one has its proportions."""
    picture = read_picture(path)
    *stored, orientation = _stored(path)
    if orientation == 1:
        return picture
    rows, columns = picture.pixels.shape[:2]
    if have_one_shape((columns, rows), (width, height)) and not have_one_shape((stored[0], stored[1]), (width, height)):
        return picture
    back = BACK.get(orientation, orientation)
    alpha = None if picture.alpha is None else upright(picture.alpha, back)
    return replace(picture, pixels=upright(picture.pixels, back), alpha=alpha)


def have_one_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes are those of one picture, reduced or enlarged: of the same proportions, to a pixel."""
    return abs(one[0] * other[1] - one[1] * other[0]) <= max(*one, *other)


def _stored(path: Path) -> tuple[int, int, int]:
    with (
        on_disk(path, None, None, MOST_PIXELS) as file,
        opened(file, str(path), MOST_PIXELS) as (_, spec, _, _),
    ):
        return spec.width, spec.height, orientation_of(spec)
