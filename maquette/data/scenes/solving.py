"""Cameras of photographs, found by COLMAP (pycolmap) and kept, so that they are found only once.

The pictures are reduced, upright, to SIDE pixels before features are looked for. One camera is assumed for all pictures
of one size. The solve is kept as a COLMAP model beside `facts.json`: what registered, sharpness, seconds of each stage.
"""

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maquette.data.pictures.files import Picture, display_code, read_picture, to_channels, write_picture
from maquette.data.pictures.folders import Entry, Images
from maquette.data.pictures.headers import Unreadable
from maquette.data.scenes.colmap import Model, Pose, model_folder, read_model, write_model
from maquette.data.scenes.lenses import Lens, lens_of_model, reduced
from maquette.data.scenes.pairing import (
    ALIKE,
    COMPARING,
    MOST_EXHAUSTIVE,
    OVERLAP,
    Matching,
    alike_pairs,
    matching_of,
    more_compared,
    named_pairs,
)
from maquette.data.threads import THREADS, in_threads
from maquette.files import read_json, write_json
from maquette.settings import UserError

VERSION = 1  # counted up when the same pictures would give other cameras
SIDE = 800  # longer side of the pictures that features are looked for in: 1000 finds no better cameras, more slowly
SMALL = 600  # longer side of pictures that are enlarged twice instead
NEARLY_ALL = 0.9  # of the pictures: cameras that were found by comparing fewer pairs are good enough then
FEW = 150  # features of a picture that shows too little
BLURRED = 0.2  # of the median sharpness
REFINED = 15  # pictures that a lens needs before its centre and all its distortion are freed as well
INSTALL = 'pip install "maquette[scenes]"'

Say = Callable[[str], None]


@dataclass(frozen=True)
class Solved:
    """Cameras by the pictures' names, lenses for their full sizes; facts as they stand in facts.json."""

    model: Model
    facts: dict[str, Any]


def solve(
    pictures: Images,
    *,
    cache: Path | None = None,
    is_sequence: bool = False,
    single_camera: bool = True,
    features: int = 2048,
    matching: Matching = "auto",
    say: Say = lambda line: None,
) -> Solved:
    """The cameras of the pictures, from `cache` if these pictures were solved before with these options.

    is_sequence: neighbours by name are neighbours in the world, as in a video. single_camera: one for each size of
    picture. matching: which pictures are compared, by `matching_of`. A `UserError` says why no cameras could be found.
    """
    options = {"side": SIDE, "sequence": is_sequence, "single": single_camera, "features": features, "version": VERSION}
    wanted, matching = matching, matching_of(matching, len(pictures), is_sequence)
    by_name = "sequential" if is_sequence or len(pictures) > MOST_EXHAUSTIVE else "exhaustive"
    ways = [matching, by_name] if wanted == "auto" and by_name != matching else [matching]
    folders: list[Path] = []
    if cache is not None:
        digest = pictures.digest()
        for way in ways:
            told = json.dumps(options if way == by_name else options | {"matching": way})
            folders.append(cache / f"solve-{hashlib.sha256(f'{digest} {told}'.encode()).hexdigest()[:16]}")
            kept = _kept(folders[-1])
            if kept and (way == matching or len(kept.facts["registered"]) >= NEARLY_ALL * len(pictures)):
                say(f"The cameras were solved before and are read from {folders[-1]}.")
                return kept
    colmap = _pycolmap()
    if len(pictures) < 3:
        raise UserError(
            f"{len(pictures)} {'frames' if is_sequence else 'photographs'} are too few to find cameras; take 20 or "
            "more all around the subject, each showing most of what the one before shows."
        )
    with tempfile.TemporaryDirectory(prefix="maquette-solve-") as work:
        solved = _solve(colmap, pictures, Path(work), matching, single_camera, features, say)
    if folders:
        try:
            _keep(folders[0], solved)
        except (OSError, UserError) as error:
            say(f"The cameras could not be kept for the next time: {error}")
    return solved


def _pycolmap() -> Any:
    try:
        import pycolmap
    except ImportError:
        raise UserError(
            f"Finding the cameras of photographs needs pycolmap: {INSTALL}, or give a scene whose cameras are known "
            "(transforms.json or a COLMAP model)."
        ) from None
    return pycolmap


def _kept(folder: Path) -> Solved | None:
    if not (folder / "facts.json").is_file() or not model_folder(folder):
        return None
    return Solved(read_model(folder / "sparse" / "0"), read_json(folder / "facts.json"))


def _keep(folder: Path, solved: Solved) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "sparse" / "0").mkdir(parents=True, exist_ok=True)
    write_model(folder / "sparse" / "0", solved.model)
    write_json(folder / "facts.json", solved.facts)


def sharpness_of(grey: np.ndarray) -> float:
    """Variance of the Laplacian of a picture (H, W) in 0..1, times 10^4; Pech-Pacheco et al. 2000."""
    middle = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * middle).var() * 1e4) if middle.size else 0.0


def blurred_names(sharpness: dict[str, float]) -> list[str]:
    """The pictures that are far less sharp than most."""
    usual = float(np.median(list(sharpness.values()))) if sharpness else 0.0
    return [name for name, value in sharpness.items() if value < BLURRED * usual]


def some(names: Sequence[str], most: int = 10) -> str:
    """The names, or the first of them and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _solve(
    colmap: Any, pictures: Images, work: Path, matching: Matching, single_camera: bool, features: int, say: Say
) -> Solved:
    clock = _Clock()
    say(f"Reading {len(pictures)} pictures ...")
    places, sharpness, unreadable = _prepare(pictures, work)
    clock.stage("reading")
    if len(places) < 3:
        raise UserError(f"Only {len(places)} photographs can be read; damaged are {some(list(unreadable))}.")

    level, colmap.logging.minloglevel = colmap.logging.minloglevel, 3
    try:
        say("Looking for features ...")
        database = work / "database.db"
        is_small = max(max(entry.height, entry.width) for entry in pictures.entries) < SMALL
        _extract(colmap, database, work / "pictures", single_camera, features, is_small)
        found = {pictures.names[places[place]]: count for place, count in _num_features(colmap, database).items()}
        clock.stage("features")
        say(f"{COMPARING[matching]} ...")
        pairs = _match(colmap, database, work, matching)
        clock.stage("matching")
        say("Finding cameras ...")
        best = _map(colmap, database, work, len(places)) if pairs else None
    finally:
        colmap.logging.minloglevel = level
    if best is None or best.num_reg_images() < 3:
        raise UserError(_why_not(found, sharpness, pairs) + more_compared(matching))
    model = _model_of(best, places, pictures.entries)
    clock.stage("cameras")

    registered = {pose.name for pose in model.poses}
    facts = {
        "registered": sorted(registered),
        "not_registered": [name for name in sharpness if name not in registered],
        "unreadable": unreadable,
        "sharpness": {name: round(value, 3) for name, value in sharpness.items()},
        "features": found,
        "matching": matching,
        "pairs": pairs,
        "points": len(model.points),
        "error_pixels": round(float(best.compute_mean_reprojection_error()), 3),
        "seconds": clock.seconds,
    }
    say(f"Found the cameras of {len(registered)} of {len(pictures)} pictures and {len(model.points):,} points.")
    return Solved(model, facts)


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def stage(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name], self._last = round(now - self._last, 2), now


def _prepare(pictures: Images, work: Path) -> tuple[dict[str, int], dict[str, float], dict[str, str]]:
    """Reduced upright JPEGs in a folder a size: which picture each of them is, how sharp; what is damaged, and how."""
    for entry in pictures.entries:
        (work / "pictures" / f"{entry.width}x{entry.height}").mkdir(parents=True, exist_ok=True)

    def prepare(index: int) -> tuple[str, float] | Unreadable:
        entry = pictures.entries[index]
        try:
            read = read_picture(entry.path, member=entry.member)
        except Unreadable as error:
            return error
        scale = min(1.0, SIDE / max(entry.height, entry.width))
        small = reduced(read.pixels, max(1, round(entry.width * scale)), max(1, round(entry.height * scale)))
        small = to_channels(display_code(small) if read.is_linear else small, 3)
        place = f"{entry.width}x{entry.height}/{index:06d}.jpg"  # EXIF goes along: it may know the focal length
        write_picture(work / "pictures" / place, Picture(small, None, "uint8", metadata=read.metadata))
        return place, sharpness_of(to_channels(small, 1)[..., 0])

    places, sharpness, unreadable = {}, {}, {}
    prepared = in_threads(prepare, range(len(pictures)), 4)
    for index, (name, result) in enumerate(zip(pictures.names, prepared, strict=True)):
        if isinstance(result, Unreadable):
            unreadable[name] = result.reason
        else:
            places[result[0]], sharpness[name] = index, result[1]
    return places, sharpness, unreadable


def _extract(colmap: Any, database: Path, folder: Path, single_camera: bool, features: int, is_small: bool) -> None:
    options = colmap.FeatureExtractionOptions()
    options.use_gpu, options.num_threads = False, THREADS
    options.sift.max_num_features = features
    options.sift.first_octave = (
        -1 if is_small else 0
    )  # enlarging first gives more features, in more than twice the time
    mode = colmap.CameraMode.PER_FOLDER if single_camera else colmap.CameraMode.PER_IMAGE
    colmap.set_random_seed(0)
    colmap.extract_features(database, folder, camera_mode=mode, extraction_options=options, device=colmap.Device.cpu)


def _num_features(colmap: Any, database: Path) -> dict[str, int]:
    opened = colmap.Database.open(database)
    try:
        return {image.name: int(opened.num_keypoints_for_image(image.image_id)) for image in opened.read_all_images()}
    finally:
        opened.close()


def _match(colmap: Any, database: Path, work: Path, matching: Matching) -> int:
    """Compares the pictures; how many pairs show the same thing."""
    comparing, verifying = colmap.FeatureMatchingOptions(), colmap.TwoViewGeometryOptions()
    comparing.use_gpu, comparing.num_threads = False, THREADS
    verifying.ransac.random_seed = 0
    options = {"matching_options": comparing, "verification_options": verifying, "device": colmap.Device.cpu}
    if matching == "sequential":
        pairing = colmap.SequentialPairingOptions()
        pairing.overlap = OVERLAP
        colmap.match_sequential(database, pairing_options=pairing, **options)
    elif matching == "retrieval":
        listed = colmap.ImportedPairingOptions()
        listed.match_list_path = work / "pairs.txt"
        listed.match_list_path.write_text(_retrieved(colmap, database), encoding="utf-8")
        colmap.match_image_pairs(database, pairing_options=listed, **options)
    else:
        colmap.match_exhaustive(database, **options)
    opened = colmap.Database.open(database)
    try:
        return sum(count > 0 for count in opened.read_two_view_geometry_num_inliers()[1])
    finally:
        opened.close()


def _retrieved(colmap: Any, database: Path) -> str:
    """Names of two pictures a line: those that look alike, and neighbours by name."""
    opened = colmap.Database.open(database)
    try:
        images = sorted(opened.read_all_images(), key=lambda image: Path(image.name).name)  # as the pictures are named

        def features(number: int) -> np.ndarray:
            return np.asarray(opened.read_descriptors(images[number].image_id).data)

        pairs = sorted({*alike_pairs(features, len(images), ALIKE), *named_pairs(len(images), OVERLAP)})
    finally:
        opened.close()
    return "".join(f"{images[first].name} {images[second].name}\n" for first, second in pairs)


def _map(colmap: Any, database: Path, work: Path, count: int) -> Any | None:
    """The largest model: one picture after the other, and all at once where that leaves out more than a quarter."""
    best = _largest(_incremental(colmap, database, work))
    if best is None or best.num_reg_images() < 0.75 * count:
        colmap.calibrate_view_graph(database)  # without it, an unknown focal length sends the global solve astray
        options = colmap.GlobalPipelineOptions()
        options.random_seed, options.num_threads = 0, THREADS
        options.mapper.bundle_adjustment.ceres.use_gpu = options.mapper.global_positioning.use_gpu = False
        (work / "global").mkdir()
        other = _largest(colmap.global_mapping(database, work / "pictures", work / "global", options=options))
        if other is not None and (best is None or other.num_reg_images() > best.num_reg_images()):
            best = other
    if best is not None:
        best = _refined(colmap, best)
        best.extract_colors_for_all_images(work / "pictures")
    return best


def _largest(models: dict[int, Any]) -> Any | None:
    return max(models.values(), key=lambda model: model.num_reg_images(), default=None)


def _incremental(colmap: Any, database: Path, work: Path) -> dict[int, Any]:
    options = colmap.IncrementalPipelineOptions()
    options.random_seed, options.num_threads = 0, THREADS
    options.min_model_size, options.extract_colors, options.max_num_models = 3, False, 3
    options.ba_global_frames_ratio = options.ba_global_points_ratio = 1.3  # adjust all of it more seldom, less exactly:
    options.ba_global_max_refinements, options.ba_local_max_refinements = 2, 1  # `_refined` does so in the end
    options.ba_global_max_num_iterations, options.ba_local_max_num_iterations = 20, 10
    options.ba_global_function_tolerance = options.ba_local_function_tolerance = 1e-5
    (work / "incremental").mkdir()
    return colmap.incremental_mapping(database, work / "pictures", work / "incremental", options=options)


def _refined(colmap: Any, model: Any) -> Any:
    """The model adjusted with OpenCV's distortion and a free principal point, where each lens has pictures enough."""
    used = [image.camera_id for image in model.images.values() if image.has_pose]
    if min(used.count(number) for number in set(used)) < REFINED:
        _adjust(colmap, model)
        return model
    refined = colmap.Reconstruction(model)
    for camera in refined.cameras.values():
        if camera.model == colmap.CameraModelId.SIMPLE_RADIAL:
            focal, cx, cy, bent = camera.params
            camera.model = colmap.CameraModelId.OPENCV
            camera.params = [focal, focal, cx, cy, bent, 0, 0, 0]
    _adjust(colmap, refined, refine_principal_point=True)
    return refined if all(_is_sensible(refined.cameras[number]) for number in set(used)) else model


def _adjust(colmap: Any, model: Any, *, refine_principal_point: bool = False) -> None:
    """Bundle adjustment of everything; `pycolmap.bundle_adjustment` would write to standard error."""
    options, config = colmap.BundleAdjustmentOptions(), colmap.BundleAdjustmentConfig()
    options.print_summary, options.refine_principal_point = False, refine_principal_point
    options.ceres.use_gpu, options.ceres.solver_options.num_threads = False, THREADS
    for number in model.reg_image_ids():
        config.add_image(number)
    config.fix_gauge(colmap.BundleAdjustmentGauge.TWO_CAMS_FROM_WORLD)
    colmap.create_default_bundle_adjuster(options, config, model).solve()
    model.update_point_3d_errors()


def _is_sensible(camera: Any) -> bool:
    fx, fy, cx, cy = camera.focal_length_x, camera.focal_length_y, camera.principal_point_x, camera.principal_point_y
    bent = camera.params[4:] if len(camera.params) > 4 else camera.params[3:]
    near = abs(cx / camera.width - 0.5) < 0.1 and abs(cy / camera.height - 0.5) < 0.1
    return bool(np.isfinite(camera.params).all() and near and 0.9 < fx / fy < 1.1 and max(map(abs, bent)) < 1)


def _model_of(solved: Any, places: dict[str, int], entries: list[Entry]) -> Model:
    """Our own model, for the pictures' own names and sizes."""
    lenses: dict[int, Lens] = {}
    poses = []
    for image in solved.images.values():
        if not image.has_pose:
            continue
        entry, camera = entries[places[image.name]], solved.cameras[image.camera_id]
        lens = lens_of_model(camera.model.name, camera.width, camera.height, list(camera.params))
        lenses[image.camera_id] = lens.resized(entry.width, entry.height)
        matrix = image.cam_from_world().matrix()
        poses.append(Pose(entry.name, image.camera_id, matrix[:, :3], matrix[:, 3]))
    points = list(solved.points3D.values())
    return Model(
        lenses,
        sorted(poses, key=lambda pose: pose.name),
        np.array([point.xyz for point in points], float).reshape(-1, 3),
        np.array([point.color for point in points], np.uint8).reshape(-1, 3),
    )


def _why_not(features: dict[str, int], sharpness: dict[str, float], pairs: int) -> str:
    """One or two sentences on why no cameras were found."""
    names = list(sharpness)
    poor = [name for name in names if features.get(name, 0) < FEW]
    if len(poor) > len(names) / 2:
        return (
            f"No cameras could be found: {len(poor)} of {len(names)} pictures are blurred or show too little texture "
            f"({some(poor)}). Photograph with more light and a steady hand, with something patterned below the subject."
        )
    if pairs < max(2, len(names) // 2):
        return (
            f"No cameras could be found: of {len(names)} pictures only {pairs} pairs show the same thing. Photograph "
            "one scene, and move on by a few steps at most from picture to picture."
        )
    blurred = blurred_names(sharpness)
    also = f" Blurred are {some(blurred)}." if blurred else ""
    return (
        "No cameras could be found: the pictures were taken from nearly one place, or too far apart. Walk around the "
        f"subject in small steps instead of turning on the spot.{also}"
    )
