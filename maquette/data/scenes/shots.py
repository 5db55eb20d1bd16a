"""What a path holds of a scene: picture files with their cameras and sparse points, nothing decoded yet."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path, PurePosixPath

import numpy as np

from maquette.data.pictures.folders import Images, open_images
from maquette.data.pictures.kinds import SUFFIXES
from maquette.data.scenes.colmap import files_of_model, model_folder, read_model
from maquette.data.scenes.lenses import Lens
from maquette.data.scenes.naming import find_pictures, picture_folders, shown
from maquette.data.scenes.pairing import Matching, more_compared
from maquette.data.scenes.pointclouds import points_beside, read_points
from maquette.data.scenes.solving import Solved, blurred_names, solve, some
from maquette.data.scenes.transforms import Frames, read_transforms
from maquette.data.scenes.unpacking import VIDEOS, unpacked
from maquette.data.scenes.videos import frames_of_video
from maquette.settings import UserError

DEPTH = 3  # folders below the one that is given, in which cameras are looked for
UNREAD = ("poses_bounds.npy", "cameras.xml", "bundle.out", "bundle.rd.out", "*.nvm")  # cameras that are not read

Say = Callable[[str], None]


@dataclass(frozen=True)
class Shot:
    """A picture file with its camera, not yet decoded; part is empty where `hold_out` decides.

    is_upright: the camera was found in the picture as EXIF turns it, not as it is stored.
    """

    name: str
    path: Path
    lens: Lens
    rotation: np.ndarray
    translation: np.ndarray
    part: str = ""
    mask: Path | None = None
    member: str | None = None
    is_upright: bool = False


@dataclass
class Shots:
    """What a source gives before pictures are decoded; `read`: files besides pictures that count for the digest."""

    kind: str
    shots: list[Shot]
    points: np.ndarray = field(default_factory=lambda: np.empty((0, 3)))
    colours: np.ndarray = field(default_factory=lambda: np.empty((0, 3), np.uint8))
    left_out: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    read: list[Path] = field(default_factory=list)


def find_shots(
    path: Path,
    cache: Path | None,
    work: Path,
    masks: Path | None,
    cameras: str,
    single_camera: bool,
    features: int,
    matching: Matching,
    say: Say,
) -> Shots:
    """What `path` holds, by its kind; cameras of photographs are solved, those of others too if `cameras` is solve.

    Pictures in the folder `masks` are none.
    """
    inside = None
    solving = partial(solve, cache=cache, single_camera=single_camera, features=features, matching=matching, say=say)
    if path.is_file():
        if path.suffix.lower() == ".json" and cameras == "given":
            return _of_transforms([(path, "")])
        if path.suffix.lower() in VIDEOS:
            return _of_video(path, cache, work, solving, say)
        if path.suffix.lower() == ".zip":
            inside = unpacked(path, work)
            path = inside or path
        elif path.suffix.lower() == ".json":
            path = path.parent
        else:
            raise UserError(
                f"{path} is no scene: give a folder of photographs, a video ({', '.join(sorted(VIDEOS))}), "
                "transforms.json or a folder with a COLMAP model."
            )
    notes = []
    if path.is_dir():
        known = _with_cameras(path)
        if known and cameras == "given":
            return _of_cameras(path, known, inside)
        if known:
            notes.append("The cameras that come with the photographs were not used: they were found anew.")
        elif unread := sorted(file.name for pattern in UNREAD for file in path.glob(pattern)):
            notes.append(f"Cameras in {', '.join(unread)} cannot be read: they were found anew.")
    found = _of_pictures(path, cache, work, masks, solving, say)
    found.notes = [*notes, *found.notes]
    return found


def _with_cameras(path: Path) -> list[Path]:
    """The folder itself if it holds cameras, whole or not; or the nearest ones below it that do."""
    level = [path]
    for _ in range(DEPTH + 1):
        if found := [folder for folder in level if _holds_cameras(folder)]:
            return found
        level = sorted(
            Path(entry.path)
            for folder in level
            for entry in os.scandir(folder)
            if entry.is_dir() and not entry.name.startswith(".")
        )
    return []


def _holds_cameras(folder: Path) -> bool:
    is_json = any((folder / name).is_file() for name in ("transforms_train.json", "transforms.json"))
    return is_json or model_folder(folder) is not None


def _of_cameras(path: Path, known: list[Path], inside: Path | None) -> Shots:
    """The scene whose cameras are in one of the folders at or below `path`."""
    if len(known) > 1:
        raise UserError(
            f"{path} holds several scenes: {some([str(folder) for folder in known])}; give one of them, or have the "
            "cameras of all photographs found anew with --cameras solve."
        )
    (folder,) = known
    blender = [(folder / f"transforms_{part}.json", part) for part in ("train", "test")]
    if blender[0][0].is_file():
        found = _of_transforms([(file, part) for file, part in blender if file.is_file()], "Blender", inside=inside)
    elif (folder / "transforms.json").is_file():
        found = _of_transforms([(folder / "transforms.json", "")], inside=inside)
    else:
        model = model_folder(folder)
        assert model, "which is why the folder is known"
        found = _of_colmap(path, model, inside)
    if folder != path:
        found.notes.insert(0, f"The scene is that in {folder}.")
    return found


def _of_pictures(
    path: Path, cache: Path | None, work: Path, masks: Path | None, solving: Callable[..., Solved], say: Say
) -> Shots:
    """Photographs of a folder or zip file, or the only video in a folder without photographs."""
    if path.is_dir():
        files = [file for file in sorted(path.iterdir()) if file.is_file()]
        videos = [file for file in files if file.suffix.lower() in VIDEOS]
        if len(videos) == 1 and not any(file.suffix.lower() in SUFFIXES for file in files):
            return _of_video(videos[0], cache, work, solving, say)
    inner = path / "images" if (path / "images").is_dir() else path
    pictures = open_images(inner, verify=False)
    if masks:
        aside = masks.resolve()
        pictures.entries = [entry for entry in pictures.entries if aside not in entry.path.resolve().parents]
    return _of_photographs(pictures, solving)


def _of_transforms(
    files: list[tuple[Path, str]], kind: str = "transforms.json", *, inside: Path | None = None
) -> Shots:
    found = Shots(kind, [])
    has_test = len(files) > 1
    for file, part in files:
        frames = read_transforms(file, inside=inside)
        found.kind = frames.kind or found.kind
        found.read.append(file)
        found.left_out += frames.left_out
        found.notes += [*_notes_of(frames, file), *(note for note in frames.notes if note not in found.notes)]
        known = {shot.name for shot in found.shots}
        found.left_out += [(f.name, f"listed in {file.name} too") for f in frames.frames if f.name in known]
        found.shots += [
            Shot(f.name, f.path, f.lens, f.rotation, f.translation, part if has_test else f.part, f.mask)
            for f in frames.frames
            if f.name not in known
        ]
        if frames.points and not len(found.points):
            _read_points(found, frames.points)
    validation = files[0][0].with_name("transforms_val.json")
    if kind == "Blender" and validation.is_file():
        found.notes.append(f"The views of {validation.name} are not used.")
    return found


def _read_points(found: Shots, file: Path) -> None:
    found.points, found.colours = read_points(file)
    found.read.append(file)
    found.notes.append(f"The {len(found.points):,} points are from {file.name}.")


def _notes_of(frames: Frames, file: Path) -> list[str]:
    if not frames.num_scaled:
        return []
    return [f"The matrices of {frames.num_scaled} frames of {file.name} held a scale, which was divided out."]


def _of_colmap(path: Path, folder: Path, inside: Path | None) -> Shots:
    model = read_model(folder)
    bases = [base for base in chain([path], [folder], folder.parents) if base == path or base.is_relative_to(path)]
    bases = list(dict.fromkeys([*bases, *([] if inside else [folder.parent, folder.parent.parent])]))
    roots = picture_folders(*bases)
    pictures = find_pictures([pose.name for pose in model.poses], roots, inside)
    if not pictures.files and set(roots) <= set(bases):
        raise UserError(
            f"The pictures of the COLMAP model in {folder} are not beside it: there is no "
            f"{' and no '.join(str(base / 'images') for base in bases)}; put them into one of these."
        )
    found = Shots("COLMAP model", [], model.points, model.colours, notes=pictures.note("the COLMAP model"))
    found.read = files_of_model(folder)
    for pose in model.poses:
        name = shown(pose.name)
        if pose.name in pictures.files:
            lens = model.lenses[pose.lens]
            found.shots.append(Shot(name, pictures.files[pose.name], lens, pose.rotation, pose.translation))
        else:
            found.left_out.append((name, pictures.missing[pose.name]))
    if len(model.points):
        found.notes.append(f"The {len(model.points):,} points are from the COLMAP model.")
    else:
        has_file = any(file.stem.lower() == "points3d" for file in found.read)
        found.notes.append(f"The COLMAP model in {folder} has no {'points' if has_file else 'file points3D'}.")
        if file := points_beside(*bases):
            _read_points(found, file)
    return found


def _of_photographs(pictures: Images, solving: Callable[..., Solved], *, video: Path | None = None) -> Shots:
    solved = solving(pictures) if video is None else solving(pictures, is_sequence=True, single_camera=True)
    model, facts = solved.model, solved.facts
    entries = {entry.name: entry for entry in pictures.entries}
    found = Shots("photographs" if video is None else "video", [], model.points, model.colours, list(pictures.left_out))
    found.left_out += facts["unreadable"].items()
    found.left_out = [(shown(name), reason) for name, reason in found.left_out]
    for pose in model.poses:
        entry, lens = entries[pose.name], model.lenses[pose.lens]
        place = pose.rotation, pose.translation
        found.shots.append(Shot(shown(pose.name), entry.path, lens, *place, member=entry.member, is_upright=True))
    seconds = sum(facts["seconds"].values())
    found.notes.append(
        f"COLMAP found the cameras of {len(facts['registered'])} of {len(pictures)} pictures and {facts['points']:,} "
        f"points in {seconds:.0f} seconds; points are off by {facts['error_pixels']:.2f} pixels on average."
    )
    found.notes += map(shown, pictures.notes(with_left_out=False))
    if missing := list(map(shown, facts["not_registered"])):
        found.notes.append(
            f"No camera was found for {some(missing)}: photograph there again, closer to the pictures beside them."
            + more_compared(facts.get("matching", "exhaustive"))
        )
    if blurred := list(map(shown, blurred_names(facts["sharpness"]))):
        found.notes.append(f"Blurred, by their sharpness: {some(blurred)}; leave them out if the result is soft.")
    return found


def _of_video(path: Path, cache: Path | None, work: Path, solving: Callable[..., Solved], say: Say) -> Shots:
    """Frames of a video, kept in the cache by the video's checksum."""
    with open(path, "rb") as file:
        key = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    folder = (cache or work) / f"frames-{key}"
    if not folder.is_dir():
        chosen = work / "frames"
        chosen.mkdir()
        frames_of_video(path, chosen, say=say)
        folder.mkdir(parents=True)
        for frame in sorted(chosen.iterdir()):
            (folder / frame.name).write_bytes(frame.read_bytes())
    pictures = open_images(folder, verify=False)
    found = _of_photographs(pictures, solving, video=path)
    found.notes.insert(0, f"{len(pictures)} sharp frames were chosen from {path.name}.")
    return found


def with_masks(found: Shots, folder: Path, path: Path) -> list[Shot]:
    """The shots with the mask files of a folder: of the same name, with any ending, or with one more ending."""
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder} of masks.")
    files = {
        file.relative_to(folder).with_suffix("").as_posix(): file
        for file in sorted(folder.rglob("*"))
        if file.suffix.lower() in SUFFIXES
    }
    shots = []
    for shot in found.shots:
        name = PurePosixPath(shot.name)
        keys = (str(name), str(name.with_suffix("")), name.name, name.stem)
        shots.append(replace(shot, mask=next((files[key] for key in keys if key in files), None)))
    without = [shot.name for shot in shots if shot.mask is None]
    if len(without) == len(shots):
        raise UserError(f"No mask in {folder} has the name of a picture in {path}, such as {shots[0].name}.")
    if without:
        found.notes.append(f"There is no mask for {some(without)}, of which all pixels count.")
    return shots
