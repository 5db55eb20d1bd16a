"""Scenes: views with known cameras and sparse points, from photographs, a video, COLMAP models or transforms.json.

Whatever the source, a view is a straight pinhole picture: distortion is undone here, then pictures are reduced.
"""

import hashlib
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Literal

import numpy as np

from maquette.data.pictures.files import Picture, display_code, is_premultiplied, read_picture, to_channels
from maquette.data.pictures.headers import Unreadable
from maquette.data.scenes.checking import doubts_of, hides_all, why_unfit
from maquette.data.scenes.lenses import Lens, Straight, straight_of, straighten
from maquette.data.scenes.pairing import Matching
from maquette.data.scenes.pointclouds import random_points
from maquette.data.scenes.shots import Shot, Shots, find_shots, with_masks
from maquette.data.scenes.solving import some
from maquette.data.scenes.stored import have_one_shape, read_for
from maquette.data.threads import in_threads
from maquette.data.words import of_many
from maquette.graphics.cameras import Camera
from maquette.settings import UserError

LEAST = 3  # training views
BACKGROUNDS = {"white": (1.0, 1.0, 1.0), "black": (0.0, 0.0, 0.0), "grey": (0.5, 0.5, 0.5)}

SMALLEST = {"uint8": 255, "uint16": 65_535}  # parts of white that a file's smallest number is

Say = Callable[[str], None]


@dataclass(frozen=True)
class View:
    """One photograph: picture (H, W, 3) uint8, sRGB; mask (H, W) float32 in 0..1, 1 where pixels count, or None.

    camera: a pinhole, of the picture as it is here. part: train or test. alpha (H, W) float32 in 0..1: how much of each
    pixel is not the background, of scenes with transparent pictures.
    """

    name: str
    camera: Camera
    picture: np.ndarray
    mask: np.ndarray | None
    part: str
    alpha: np.ndarray | None = None


@dataclass
class Scene:
    """Views by name; points (P, 3) float64 of the world with colours (P, 3) uint8, drawn at random if `is_random`.

    background (3,) float32 in 0..1 that transparent pictures were laid on, or None. notes: what was left out, guessed
    or found, as sentences; doubts: what may spoil the scene. kind: photographs, video, COLMAP model, transforms.json,
    Blender or turntable. digest: sha256 over the files read.
    """

    views: list[View]
    points: np.ndarray
    colours: np.ndarray
    background: np.ndarray | None
    notes: list[str]
    kind: str
    is_random: bool
    digest: str
    doubts: list[str] = field(default_factory=list)

    def part(self, name: str) -> list[View]:
        """The views of one part, in their order."""
        return [view for view in self.views if view.part == name]


def read_scene(
    path: Path,
    *,
    longest: int | None = None,
    hold_out: int = 8,
    background: str = "white",
    masks: Path | None = None,
    cache: Path | None = None,
    cameras: Literal["given", "solve"] = "given",
    single_camera: bool = True,
    features: int = 2048,
    matching: Matching = "auto",
    say: Say = lambda line: None,
) -> Scene:
    """The scene in a folder or file: photographs, a video, a COLMAP model, transforms.json or a Blender set.

    Pictures are straightened and reduced to at most `longest` pixels on the longer side. Every `hold_out`-th view, from
    the first, is for the test (0: none), unless the set has a test part. Transparent pictures are laid on `background`.
    masks: a folder of pictures with the photographs' names, white where pixels count. Cameras that are solved, because
    there are none or `cameras` is solve, are kept in `cache`; single_camera, one lens for all photographs of a size,
    `features` a picture, and which are compared, by `matching`, are for that.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise UserError(f"There is no file or folder {path}.")
    if background not in BACKGROUNDS:
        raise UserError(f"There is no background {background!r}; there are {', '.join(BACKGROUNDS)}.")
    with tempfile.TemporaryDirectory(prefix="maquette-scene-") as work:
        try:
            found = find_shots(path, cache, Path(work), masks, cameras, single_camera, features, matching, say)
            found.shots.sort(key=lambda shot: shot.name)
            if masks:
                found.shots = with_masks(found, masks, path)
            say(f"Reading {len(found.shots)} views ...")
            scene = _scene(found, path, longest, hold_out, np.array(BACKGROUNDS[background], np.float32))
        except UserError as error:
            raise UserError(_told_of(path, work, str(error))) from None
        scene.notes = [_told_of(path, work, note) for note in scene.notes]
        scene.doubts = [_told_of(path, work, doubt) for doubt in scene.doubts]
        return scene


def _told_of(path: Path, work: str, text: str) -> str:
    """The text with what a zip file was unpacked to called by the file's name."""
    return text.replace(str(Path(work) / "unpacked"), str(path))


# -- pictures ----------------------------------------------------------------------------------------------------------


def _scene(found: Shots, path: Path, longest: int | None, hold_out: int, background: np.ndarray) -> Scene:
    digest, is_clear = hashlib.sha256(), False
    for file in found.read:
        digest.update(f"{file.name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    darkroom = _Darkroom(found.shots, longest, background)
    views = []
    for shot, developed in zip(found.shots, in_threads(darkroom.develop, found.shots, 4), strict=True):
        if isinstance(developed, Unreadable):
            found.left_out.append((shot.name, developed.reason))
            continue
        if hides_all(developed.view.mask):
            found.left_out.append((shot.name, "its mask hides all of it: only what is white in a mask counts"))
            continue
        views.append(developed.view)
        digest.update(f"{shot.name}\0".encode(errors="surrogateescape") + developed.checksum)
        is_clear |= developed.is_clear
    if (given := {view.part for view in views} - {""}) and "test" not in given:
        found.notes.append("No picture of the test part can be read: its views are chosen from the others.")
    if "test" not in given:
        parts = ["test" if hold_out and index % hold_out == 0 else "train" for index in range(len(views))]
        views = [replace(view, part=part) for view, part in zip(views, parts, strict=True)]
    left_out = _told(found.left_out)
    if (training := sum(view.part == "train" for view in views)) < LEAST:
        why = f" (left out: {left_out})" if left_out else ""
        raise UserError(f"{path} gives only {training} views to train on, at least {LEAST} are needed{why}.")
    notes = list(found.notes)
    if left_out:
        notes.append(f"{of_many(len(found.left_out), 'picture was', 'pictures were')} left out: {left_out}.")
    if not is_clear:
        views = [replace(view, alpha=None) for view in views]
    points, colours = found.points.astype(float), found.colours
    cameras, masks = [view.camera for view in views], [view.mask for view in views]
    doubts = doubts_of(cameras, [view.picture for view in views], masks, points, colours, found.kind)
    if unfit := why_unfit(cameras, points):
        points, colours = random_points(cameras, is_object=is_clear)
        notes.append(f"{unfit}: {len(points):,} were drawn at random where cameras look.")
    behind = background if is_clear else None
    return Scene(views, points, colours, behind, notes, found.kind, bool(unfit), digest.hexdigest(), doubts)


def _told(left_out: list[tuple[str, str]]) -> str:
    """Which were left out and why, by reason."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in sorted(left_out):
        by_reason.setdefault(reason, []).append(name)
    return "; ".join(f"{some(names)} ({reason})" for reason, names in by_reason.items())


@dataclass(frozen=True)
class _Developed:
    view: View
    checksum: bytes  # of the files that were read
    is_clear: bool  # whether some of the picture was transparent


class _Darkroom:
    """Turns shots into views, from several threads; what lenses need is kept where they are shared."""

    def __init__(self, shots: list[Shot], longest: int | None, background: np.ndarray) -> None:
        self.longest, self.background = longest, background
        self._uses = Counter(shot.lens for shot in shots)
        self._kept: dict[Lens, tuple[Straight, Callable[[np.ndarray], np.ndarray]]] = {}
        self._lock = Lock()

    def develop(self, shot: Shot) -> _Developed | Unreadable:
        try:
            picture, lens = _fitted(shot)
        except Unreadable as error:
            return error
        target, straight = self._straight(lens, is_shared=self._uses[shot.lens] > 1)
        pixels, alpha = picture.pixels, picture.alpha
        if picture.is_linear:
            pixels = display_code(pixels)
        pixels = to_channels(pixels, 3)
        is_clear = alpha is not None and float(alpha.min()) < 1
        if alpha is not None and is_clear:
            pixels = pixels if is_premultiplied(picture) else pixels * alpha[..., None]
            pixels = pixels + (1 - alpha[..., None]) * self.background
        small = np.rint(np.clip(straight(pixels), 0, 1) * 255).astype(np.uint8)
        if alpha is not None:
            alpha = np.clip(straight(alpha[..., None])[..., 0], 0, 1).astype(np.float32)
        checksum, mask = _checksum(shot), None
        if shot.mask is not None:
            mask = np.clip(straight(_white(shot.mask, shot.name, pixels))[..., 0], 0, 1)
            checksum += hashlib.sha256(shot.mask.read_bytes()).digest()
        camera = Camera(
            target.width, target.height, target.fx, target.fy, target.cx, target.cy, shot.rotation, shot.translation
        )
        return _Developed(View(shot.name, camera, small, mask, shot.part, alpha), checksum, is_clear)

    def _straight(self, lens: Lens, is_shared: bool) -> tuple[Straight, Callable[[np.ndarray], np.ndarray]]:
        if not is_shared:
            target = straight_of(lens, self.longest)
            return target, straighten(lens, target)
        with self._lock:
            if lens not in self._kept:
                target = straight_of(lens, self.longest)
                self._kept[lens] = target, straighten(lens, target)
            return self._kept[lens]


def _white(file: Path, name: str, pixels: np.ndarray) -> np.ndarray:
    """A mask file as (H, W, 1) in 0..1, of the size of its picture: its alpha, if it has some, or its brightness."""
    height, width = pixels.shape[:2]
    mask = read_for(file, width, height)
    white = to_channels(mask.pixels, 1)
    if mask.alpha is not None and mask.alpha.min() < 1:
        white = mask.alpha[..., None]
    if mask.depth in SMALLEST and 0 < (most := white.max()) <= 1 / SMALLEST[mask.depth]:  # 1 is its white
        white = white / most
    rows, columns = white.shape[:2]
    if (rows, columns) == (height, width):
        return white
    if not have_one_shape((columns, rows), (width, height)):
        raise UserError(
            f"The mask {file} is {columns} x {rows} pixels, its picture {name} {width} x {height}; make them of one "
            "shape."
        )
    places = [((np.arange(new) + 0.5) * old / new).astype(int) for new, old in ((height, rows), (width, columns))]
    return white[np.ix_(*places)]


def _checksum(shot: Shot) -> bytes:
    if shot.member is None:
        with open(shot.path, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    with zipfile.ZipFile(shot.path) as archive:
        return hashlib.sha256(archive.read(shot.member)).digest()


def _fitted(shot: Shot) -> tuple[Picture, Lens]:
    """The picture, turned as its camera saw it, and the lens for its size; `Unreadable` where they do not fit."""
    lens = shot.lens
    if shot.is_upright:
        picture = read_picture(shot.path, member=shot.member)
    else:
        picture = read_for(shot.path, lens.width, lens.height)
    height, width = picture.pixels.shape[:2]
    if (width, height) == (lens.width, lens.height):
        return picture, lens
    if not have_one_shape((width, height), (lens.width, lens.height)):
        raise Unreadable(
            shot.name, f"{width} x {height} pixels, but its camera's pictures are {lens.width} x {lens.height}"
        )
    return picture, lens.resized(width, height)
