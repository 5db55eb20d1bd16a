"""What a path holds of a scene: picture files with their cameras and sparse points, nothing decoded yet."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np

from maquette.data.pictures.files import SUFFIXES
from maquette.data.pictures.folders import Images, open_images
from maquette.data.scenes.colmap import files_of_model, model_folder, read_model
from maquette.data.scenes.lenses import Lens
from maquette.data.scenes.pointclouds import read_points
from maquette.data.scenes.solving import blurred_names, solve, some
from maquette.data.scenes.transforms import Frames, read_transforms
from maquette.data.scenes.videos import frames_of_video
from maquette.settings import UserError

VIDEOS = frozenset((".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mts", ".3gp"))

Say = Callable[[str], None]


@dataclass(frozen=True)
class Shot:
    """A picture file with its camera, not yet decoded; part is empty where `hold_out` decides."""

    name: str
    path: Path
    lens: Lens
    rotation: np.ndarray
    translation: np.ndarray
    part: str = ""
    mask: Path | None = None
    member: str | None = None


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
    path: Path, cache: Path | None, work: Path, masks: Path | None, single_camera: bool, features: int, say: Say
) -> Shots:
    """What `path` holds, by its kind; cameras of photographs are solved. Pictures in the folder `masks` are none."""
    if path.is_file():
        if path.suffix.lower() == ".json":
            return _of_transforms([(path, "")])
        if path.suffix.lower() in VIDEOS:
            return _of_video(path, cache, work, features, say)
        if path.suffix.lower() != ".zip":
            raise UserError(
                f"{path} is no scene: give a folder of photographs, a video ({', '.join(sorted(VIDEOS))}), "
                "transforms.json or a folder with a COLMAP model."
            )
    blender = [(path / f"transforms_{part}.json", part) for part in ("train", "test")]
    if blender[0][0].is_file():
        return _of_transforms([(file, part) for file, part in blender if file.is_file()], "Blender")
    if (path / "transforms.json").is_file():
        return _of_transforms([(path / "transforms.json", "")])
    folder = model_folder(path) if path.is_dir() else None
    if folder:
        return _of_colmap(path, folder)
    videos = sorted(file for file in path.iterdir() if file.suffix.lower() in VIDEOS) if path.is_dir() else []
    if len(videos) == 1 and not any(file.suffix.lower() in SUFFIXES for file in path.iterdir()):
        return _of_video(videos[0], cache, work, features, say)
    inner = path / "images" if (path / "images").is_dir() else path
    pictures = open_images(inner, verify=False)
    if masks:
        inside = masks.resolve()
        pictures.entries = [entry for entry in pictures.entries if inside not in entry.path.resolve().parents]
    return _of_photographs(pictures, cache, single_camera, features, say)


def _of_transforms(files: list[tuple[Path, str]], kind: str = "transforms.json") -> Shots:
    found = Shots(kind, [])
    has_test = len(files) > 1
    for file, part in files:
        frames = read_transforms(file)
        found.kind = frames.kind or found.kind
        found.read.append(file)
        found.left_out += frames.left_out
        found.notes += _notes_of(frames, file)
        known = {shot.name for shot in found.shots}
        found.left_out += [(f.name, f"listed in {file.name} too") for f in frames.frames if f.name in known]
        found.shots += [
            Shot(f.name, f.path, f.lens, f.rotation, f.translation, part if has_test else "", f.mask)
            for f in frames.frames
            if f.name not in known
        ]
        if frames.points and not len(found.points):
            found.points, found.colours = read_points(frames.points)
            found.read.append(frames.points)
            found.notes.append(f"The {len(found.points):,} points are from {frames.points.name}.")
    validation = files[0][0].with_name("transforms_val.json")
    if kind == "Blender" and has_test and validation.is_file():
        found.notes.append(f"The views of {validation.name} are not used.")
    return found


def _notes_of(frames: Frames, file: Path) -> list[str]:
    if not frames.num_scaled:
        return []
    return [f"The matrices of {frames.num_scaled} frames of {file.name} held a scale, which was divided out."]


def _of_colmap(path: Path, folder: Path) -> Shots:
    model = read_model(folder)
    roots = dict.fromkeys(base / "images" for base in (path, folder, folder.parent, folder.parent.parent))
    root = next((place for place in roots if place.is_dir()), None)
    if root is None and any((path / pose.name).is_file() for pose in model.poses[:1]):
        root = path
    if root is None:
        raise UserError(
            f"The pictures of the COLMAP model in {folder} are not beside it: there is no "
            f"{' and no '.join(map(str, roots))}; put them into one of these."
        )
    found = Shots("COLMAP model", [], model.points, model.colours)
    found.read = files_of_model(folder)
    for pose in model.poses:
        name = PurePosixPath(pose.name)
        if name.is_absolute() or ".." in name.parts or "\\" in pose.name:
            found.left_out.append((pose.name, "its path leaves the folder"))
        elif not (root / name).is_file():
            found.left_out.append((pose.name, f"no such file in {root}"))
        else:
            lens = model.lenses[pose.lens]
            found.shots.append(Shot(pose.name, root / name, lens, pose.rotation, pose.translation))
    if len(model.points):
        found.notes.append(f"The {len(model.points):,} points are from the COLMAP model.")
    return found


def _of_photographs(
    pictures: Images, cache: Path | None, single_camera: bool, features: int, say: Say, *, video: Path | None = None
) -> Shots:
    solved = solve(
        pictures, cache=cache, is_sequence=video is not None, single_camera=single_camera, features=features, say=say
    )
    model, facts = solved.model, solved.facts
    entries = {entry.name: entry for entry in pictures.entries}
    found = Shots("photographs" if video is None else "video", [], model.points, model.colours, list(pictures.left_out))
    found.left_out += facts["unreadable"].items()
    for pose in model.poses:
        entry, lens = entries[pose.name], model.lenses[pose.lens]
        found.shots.append(Shot(pose.name, entry.path, lens, pose.rotation, pose.translation, member=entry.member))
    seconds = sum(facts["seconds"].values())
    found.notes.append(
        f"COLMAP found the cameras of {len(facts['registered'])} of {len(pictures)} pictures and {facts['points']:,} "
        f"points in {seconds:.0f} seconds; points are off by {facts['error_pixels']:.2f} pixels on average."
    )
    if missing := facts["not_registered"]:
        found.notes.append(
            f"No camera was found for {some(missing)}: photograph there again, closer to the pictures beside them."
        )
    if blurred := blurred_names(facts["sharpness"]):
        found.notes.append(f"Blurred, by their sharpness: {some(blurred)}; leave them out if the result is soft.")
    return found


def _of_video(path: Path, cache: Path | None, work: Path, features: int, say: Say) -> Shots:
    """Frames of a video, kept in the cache by the video's checksum."""
    with open(path, "rb") as file:
        key = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    folder = (cache or work) / f"frames-{key}"
    if not folder.is_dir():
        partial = work / "frames"
        partial.mkdir()
        frames_of_video(path, partial, say=say)
        folder.mkdir(parents=True)
        for frame in sorted(partial.iterdir()):
            (folder / frame.name).write_bytes(frame.read_bytes())
    pictures = open_images(folder, verify=False)
    found = _of_photographs(pictures, cache, True, features, say, video=path)
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
