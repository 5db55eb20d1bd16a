"""Scenes from all their sources: the same views in the same world, what is left out, and what is refused."""

import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maquette.data import scenes
from maquette.data.scenes import shots
from maquette.data.scenes.colmap import Model, Pose, write_model
from maquette.data.scenes.lenses import Lens, reduced
from maquette.data.scenes.pointclouds import looked_at, random_points, write_points
from maquette.data.scenes.reading import Scene, read_scene
from maquette.data.scenes.solving import Solved
from maquette.data.scenes.transforms import Frame, write_transforms
from maquette.graphics.cameras import Camera, camera_at
from maquette.settings import UserError

SHARED = Path(os.environ.get("MAQUETTE_DATA") or Path(__file__).parents[3] / ".." / "shared" / "data")
UP = np.array([0.0, 0.0, 1.0])
LENS = Lens(48, 32, 60.0, 60.0, 24.0, 16.0)


def cameras(count: int = 10) -> list[Camera]:
    turns = np.linspace(0, 2 * np.pi, count, endpoint=False)
    places = np.stack([3 * np.cos(turns), 3 * np.sin(turns), np.full(count, 1.2)], 1)
    return [camera_at(place, np.array([0, 0, 0.3]), UP, width=48, height=32, focal=60) for place in places]


def pictures(folder: Path, count: int = 10, alpha: bool = False) -> dict[str, np.ndarray]:
    folder.mkdir(parents=True, exist_ok=True)
    g = np.random.default_rng(3)
    made = {f"{number:02d}.png": g.integers(0, 256, (32, 48, 4 if alpha else 3), np.uint8) for number in range(count)}
    for name, pixels in made.items():
        Image.fromarray(pixels).save(folder / name)
    return made


def as_transforms(folder: Path, count: int = 10, lens: Lens = LENS, alpha: bool = False) -> dict[str, np.ndarray]:
    made = pictures(folder, count, alpha)
    frames = [
        Frame(name, folder / name, lens, camera.rotation, camera.translation)
        for name, camera in zip(made, cameras(count), strict=True)
    ]
    write_transforms(folder / "transforms.json", frames)
    return made


def as_colmap(folder: Path, *, text: bool = False, place: str = "sparse/0", lens: Lens = LENS) -> dict[str, np.ndarray]:
    made = pictures(folder / "images")
    poses = [Pose(name, 1, camera.rotation, camera.translation) for name, camera in zip(made, cameras(), strict=True)]
    (folder / place).mkdir(parents=True)
    points, colours = np.random.default_rng(1).normal(size=(20, 3)), np.full((20, 3), 7, np.uint8)
    write_model(folder / place, Model({1: lens}, poses, points, colours), text=text)
    return made


def assert_same_cameras(scene: Scene) -> None:
    for view, camera in zip(scene.views, cameras(len(scene.views)), strict=True):
        np.testing.assert_allclose(view.camera.world_to_camera, camera.world_to_camera, atol=1e-12)
        assert (view.camera.width, view.camera.height) == (48, 32)
        assert (view.camera.fx, view.camera.fy, view.camera.cx, view.camera.cy) == (60, 60, 24, 16)


def test_it_has_its_name_in_the_package_too():
    assert scenes.read_scene is read_scene
    with pytest.raises(AttributeError, match="read_scenes"):
        scenes.read_scenes  # noqa: B018


@pytest.mark.parametrize("source", ["transforms", "binary", "text", "sparse", "beside"])
def test_the_same_scene_from_each_source(tmp_path, source):
    if source == "transforms":
        made = as_transforms(tmp_path)
    else:
        place = {"sparse": "sparse", "beside": "."}.get(source, "sparse/0")
        made = as_colmap(tmp_path, text=source == "text", place=place) if place != "." else _beside(tmp_path)
    scene = read_scene(tmp_path)
    assert_same_cameras(scene)
    for view in scene.views:
        np.testing.assert_array_equal(view.picture, made[view.name])
        assert view.mask is None
    assert [view.part for view in scene.views] == ["test", *["train"] * 7, "test", "train"]
    assert scene.background is None and scene.is_random == (source == "transforms")
    assert scene.kind == ("transforms.json" if source == "transforms" else "COLMAP model")
    if source != "transforms":
        assert scene.points.shape == (20, 3) and scene.points.dtype == np.float64 and (scene.colours == 7).all()


def _beside(folder: Path) -> dict[str, np.ndarray]:
    made = as_colmap(folder, place="model")
    for file in (folder / "model").iterdir():
        file.rename(folder / file.name)
    return made


def test_a_model_s_own_folder_finds_the_pictures_above_it(tmp_path):
    as_colmap(tmp_path)
    assert_same_cameras(read_scene(tmp_path / "sparse" / "0"))
    assert_same_cameras(read_scene(tmp_path / "sparse"))


def test_pictures_are_reduced_by_area_and_cameras_with_them(tmp_path):
    made = as_transforms(tmp_path)
    scene = read_scene(tmp_path, longest=24)
    for view, before in zip(scene.views, cameras(), strict=True):
        expected = np.rint(made[view.name].reshape(16, 2, 24, 2, 3).mean((1, 3)))
        assert np.abs(view.picture - expected).max() <= 1  # halves are rounded
        points = np.array([[0.1, 0.2, 0.3], [-0.4, 0.1, 0.0]])
        np.testing.assert_allclose(view.camera.project(points)[0] * 2, before.project(points)[0], atol=1e-9)


def test_points_land_where_the_bent_picture_showed_them(tmp_path):
    """White dots where a bent camera sees points are where the straight view's camera projects them."""
    lens = Lens(320, 240, 260.0, 262.0, 165.0, 117.0, (0.2, -0.05), tangential=(0.01, -0.005))
    points = np.random.default_rng(0).uniform([-0.35, -0.35, -0.05], [0.35, 0.35, 0.65], (6, 3))
    frames = []
    for number, camera in enumerate(cameras(4)):
        seen = points @ camera.rotation.T + camera.translation
        pixels = lens.distort(seen[:, :2] / seen[:, 2:]) * [lens.fx, lens.fy] + [lens.cx, lens.cy]
        grid = np.stack(np.meshgrid(np.arange(320) + 0.5, np.arange(240) + 0.5), -1)
        dots = np.exp(-((grid[..., None, :] - pixels) ** 2).sum(-1) / 4.5).sum(-1).clip(0, 1)
        path = tmp_path / f"{number}.png"
        Image.fromarray(np.repeat(np.rint(255 * dots).astype(np.uint8)[..., None], 3, -1)).save(path)
        frames.append(Frame(path.name, path, lens, camera.rotation, camera.translation))
    write_transforms(tmp_path / "transforms.json", frames)
    for view in read_scene(tmp_path, longest=200).views:
        bright = view.picture[..., 0].astype(float)
        for x, y in view.camera.project(points)[0]:
            rows, columns = np.mgrid[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4]
            near = bright[rows, columns]
            assert near.max() > 120
            middle = np.array([(near * (columns + 0.5)).sum(), (near * (rows + 0.5)).sum()]) / near.sum()
            assert np.hypot(*(middle - [x, y])) < 0.7  # dots beside it, and its cut tail, pull a little


def test_transparent_pictures_are_laid_on_the_background(tmp_path):
    made = as_transforms(tmp_path, alpha=True)
    for background, level in (("white", 1.0), ("black", 0.0)):
        scene = read_scene(tmp_path, background=background)
        assert scene.background.tolist() == [level] * 3
        for view in scene.views:
            rgba = made[view.name] / 255
            expected = rgba[..., :3] * rgba[..., 3:] + level * (1 - rgba[..., 3:])
            assert np.abs(view.picture / 255 - expected).max() < 0.503 / 255
            np.testing.assert_allclose(view.alpha, rgba[..., 3], atol=1e-6)
    reduced_views = read_scene(tmp_path, longest=24).views
    expected = made[reduced_views[0].name][..., 3].reshape(16, 2, 24, 2).mean((1, 3)) / 255
    np.testing.assert_allclose(reduced_views[0].alpha, expected, atol=1e-6)
    with pytest.raises(UserError, match="no background 'mauve'"):
        read_scene(tmp_path, background="mauve")


def test_an_alpha_channel_that_hides_nothing_is_none(tmp_path):
    as_transforms(tmp_path, alpha=True)
    for file in tmp_path.glob("*.png"):
        image = Image.open(file)
        image.putalpha(255)
        image.save(file)
    scene = read_scene(tmp_path)
    assert scene.background is None and all(view.alpha is None for view in scene.views)


def test_points_that_say_nothing_are_replaced_and_masks_that_hide_all_leave_views_out(tmp_path):
    as_transforms(tmp_path)
    write_points(tmp_path / "points3d.ply", np.full((40, 3), 0.2), np.full((40, 3), 9, np.uint8))
    (tmp_path / "masks").mkdir()
    for number in range(10):
        mask = np.full((32, 48), 0 if number < 4 else 255, np.uint8)
        Image.fromarray(mask).save(tmp_path / "masks" / f"{number:02d}.png")
    scene = read_scene(tmp_path, masks=tmp_path / "masks")
    said = " ".join(scene.notes)
    assert scene.is_random and len(scene.points) > 1_000 and "All 40 points lie in one place" in said
    assert len(scene.views) == 6 and "4 pictures were left out: 00.png" in said and "its mask hides all of it" in said
    for file in (tmp_path / "masks").iterdir():
        Image.new("L", (48, 32)).save(file)
    with pytest.raises(UserError, match=r"only 0 views to train on.*its mask hides all of it"):
        read_scene(tmp_path, masks=tmp_path / "masks")


@pytest.mark.parametrize("shift", [(0.0, 0, 0), (512_345.6, 4_123_456.7, 123.4)])
def test_where_all_cameras_stand_in_one_place_points_are_drawn_before_them(shift):
    still = [replace(camera, translation=-camera.rotation @ np.array(shift)) for camera in cameras()]
    points, _ = random_points(still, 500)
    seen = [camera.shows(points)[0] for camera in still]
    assert len(points) == 500 and (np.sum(seen, 0) >= 2).all()
    assert np.linalg.norm(points - shift, axis=1).max() > 1


def test_blender_sets_keep_their_own_test_part(tmp_path):
    for part, count in (("train", 5), ("val", 3), ("test", 4)):
        pictures(tmp_path / part, count, alpha=True)
        frames = [
            {"file_path": f"./{part}/{n:02d}", "transform_matrix": (camera.camera_to_world * [1, -1, -1, 1]).tolist()}
            for n, camera in enumerate(cameras(count))
        ]
        values = {"camera_angle_x": 2 * np.arctan(24 / 60), "frames": frames}
        (tmp_path / f"transforms_{part}.json").write_text(json.dumps(values))
    scene = read_scene(tmp_path)
    assert scene.kind == "Blender" and scene.is_random and "drawn at random" in scene.notes[-1]
    assert [(view.name[:5], view.part) for view in scene.views] == [("test/", "test")] * 4 + [("train", "train")] * 5
    assert "transforms_val.json are not used" in scene.notes[0]
    assert scene.views[4].camera.fx == pytest.approx(60)
    (tmp_path / "transforms_test.json").unlink()
    assert [view.part for view in read_scene(tmp_path).views] == ["test", *["train"] * 4]


def test_masks_come_by_name_and_are_bent_and_reduced_alike(tmp_path):
    bent = Lens(48, 32, 60.0, 60.0, 24.0, 16.0, (0.1,))
    as_transforms(tmp_path, lens=bent)
    masks = tmp_path / "masks"
    masks.mkdir()
    half = np.zeros((32, 48), np.uint8)
    half[:, 24:] = 255
    for number in range(9):
        Image.fromarray(half).save(masks / (f"{number:02d}.png" if number % 2 else f"{number:02d}.png.png"))
    scene = read_scene(tmp_path, masks=masks, longest=24)
    assert "no mask for 09.png" in " ".join(scene.notes)
    assert scene.views[9].mask is None
    for view in scene.views[:9]:
        assert view.mask.shape == view.picture.shape[:2] and view.mask.dtype == np.float32
        np.testing.assert_allclose(
            view.mask[:, [0, 10, 13, -1]], np.float32([[0, 0, 1, 1]]).repeat(len(view.mask), 0), atol=1e-6
        )
    Image.fromarray(half[:16]).save(masks / "01.png")
    with pytest.raises(UserError, match=r"The mask .*01\.png is 48 x 16 pixels"):
        read_scene(tmp_path, masks=masks)
    with pytest.raises(UserError, match="no folder"):
        read_scene(tmp_path, masks=tmp_path / "nowhere")
    shutil.rmtree(masks)
    masks.mkdir()
    with pytest.raises(UserError, match=r"No mask in .* such as 00\.png"):
        read_scene(tmp_path, masks=masks)


def test_damaged_missing_and_unfitting_pictures_are_left_out_by_name(tmp_path):
    as_colmap(tmp_path)
    images = tmp_path / "images"
    (images / "03.png").unlink()
    (images / "04.png").write_bytes((images / "04.png").read_bytes()[:200])
    Image.new("RGB", (64, 32)).save(images / "05.png")
    Image.new("RGB", (24, 16)).save(images / "06.png")  # half the size of its camera's pictures, which is well
    scene = read_scene(tmp_path)
    assert [view.name for view in scene.views] == ["00.png", "01.png", "02.png", "06.png", "07.png", "08.png", "09.png"]
    half = scene.views[3].camera
    assert (half.width, half.fx, half.cx) == (24, 30, 12)
    told = scene.notes[-1]
    assert "3 pictures were left out" in told and "03.png (no such file" in told
    assert "04.png (truncated or damaged)" in told and "05.png (64 x 32 pixels, but" in told
    for name in ("00.png", "01.png", "02.png", "06.png", "07.png"):
        (images / name).unlink()
    with pytest.raises(UserError, match=r"gives only 1 views to train on.*03\.png"):
        read_scene(tmp_path)


def named(folder: Path, names: list[str], *, text: bool = False) -> None:
    """The first pictures of the model in a folder, under other names."""
    poses = [Pose(name, 1, c.rotation, c.translation) for name, c in zip(names, cameras(10), strict=False)]
    model = Model({1: LENS}, poses, np.empty((0, 3)), np.empty((0, 3), np.uint8))
    for file in (folder / "sparse" / "0").iterdir():
        file.unlink()
    write_model(folder / "sparse" / "0", model, text=text)


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize(
    "name", ["images/{}.png", "images\\{}.png", "{}.PNG", "{}.jpg", "C:\\scene\\images\\{}.png", "/gone/{}.png"]
)
def test_pictures_of_a_model_are_found_under_names_of_another_machine(tmp_path, name, text):
    as_colmap(tmp_path)
    named(tmp_path, [name.format(f"{n:02d}") for n in range(10)], text=text)
    scene = read_scene(tmp_path)
    assert_same_cameras(scene)
    assert ("have another name than the COLMAP model gives" in " ".join(scene.notes)) != name.startswith("images")


def test_paths_that_are_absolute_or_lead_above_are_read(tmp_path):
    as_colmap(tmp_path / "scene")
    shutil.copy(tmp_path / "scene" / "images" / "00.png", tmp_path / "outside.png")
    shutil.copy(tmp_path / "scene" / "images" / "01.png", tmp_path / "other.png")
    named(tmp_path / "scene", ["../../other.png", str(tmp_path / "outside.png"), *(f"{n:02d}.png" for n in range(6))])
    scene = read_scene(tmp_path / "scene")
    assert len(scene.views) == 8 and "left out" not in " ".join(scene.notes)


def test_names_in_another_encoding_are_found(tmp_path):
    """Bytes of GB 18030 in the model, on disk or in both; those of the cat are UTF-8 for something else."""
    as_colmap(tmp_path)
    files = ["狗.png", "鸟.png", os.fsdecode("鱼.png".encode("gb18030")), "猫.png"]
    for n, name in enumerate(files):
        (tmp_path / "images" / f"{n:02d}.png").rename(tmp_path / "images" / name)
    others = [f"{n:02d}.png" for n in range(4, 8)]
    named(tmp_path, [os.fsdecode("狗.png".encode("gb18030")), *files[1:3], "è.png", *others])
    scene = read_scene(tmp_path)
    assert {view.name for view in scene.views} == {"狗.png", "鸟.png", "鱼.png", "è.png", *others}
    assert "left out" not in " ".join(scene.notes)


@pytest.mark.parametrize("text", [False, True])
def test_a_model_without_points_or_poses_is_read_or_refused(tmp_path, text):
    as_colmap(tmp_path, text=text)
    ending = "txt" if text else "bin"
    model = tmp_path / "sparse" / "0"
    (model / f"points3D.{ending}").unlink()
    scene = read_scene(tmp_path)
    assert_same_cameras(scene)
    assert scene.is_random and "has no file points3D" in scene.notes[0]
    write_points(model / "points3D.ply", np.eye(4, 3), np.full((4, 3), 9, np.uint8))
    scene = read_scene(tmp_path)
    assert len(scene.points) == 4 and "4 points are from points3D.ply" in scene.notes[1]
    (model / f"images.{ending}").unlink()
    with pytest.raises(UserError, match=rf"holds cameras.{ending} of a .* images.{ending} is missing.*--cameras solve"):
        read_scene(tmp_path)


def test_cameras_below_the_folder_are_used_or_asked_about(tmp_path):
    as_colmap(tmp_path / "all" / "one")
    scene = read_scene(tmp_path / "all")
    assert_same_cameras(scene)
    assert scene.notes[0] == f"The scene is that in {tmp_path / 'all' / 'one'}."
    as_transforms(tmp_path / "all" / "two")
    with pytest.raises(UserError, match=r"holds several scenes: .*one, .*two; give one of them"):
        read_scene(tmp_path / "all")


def test_cameras_are_found_anew_on_purpose_only(tmp_path, monkeypatch):
    made = as_colmap(tmp_path)
    model = Model(
        {1: LENS},
        [Pose(name, 1, camera.rotation, camera.translation) for name, camera in zip(made, cameras(), strict=True)],
        np.ones((5, 3)),
        np.ones((5, 3), np.uint8),
    )
    facts = {"unreadable": {}, "sharpness": {}, "seconds": {}, "points": 5, "error_pixels": 0.5}
    facts |= {"registered": list(made), "not_registered": []}
    monkeypatch.setattr(shots, "solve", lambda pictures, **options: Solved(model, facts))
    assert read_scene(tmp_path).kind == "COLMAP model"
    scene = read_scene(tmp_path, cameras="solve")
    assert scene.kind == "photographs" and "were not used: they were found anew" in scene.notes[0]
    shutil.rmtree(tmp_path / "sparse")
    (tmp_path / "poses_bounds.npy").touch()
    assert "poses_bounds.npy cannot be read: they were found anew" in read_scene(tmp_path).notes[0]


@pytest.mark.parametrize("source", ["colmap", "transforms"])
def test_a_zip_file_holds_a_scene_with_its_cameras(tmp_path, source):
    (as_colmap if source == "colmap" else as_transforms)(tmp_path / "scene")
    shutil.make_archive(str(tmp_path / "scene"), "zip", tmp_path, "scene")
    folder, archive = read_scene(tmp_path / "scene"), read_scene(tmp_path / "scene.zip")
    assert_same_cameras(archive)
    assert (archive.kind, archive.digest, archive.notes) == (folder.kind, folder.digest, folder.notes)


def test_files_of_a_zip_file_are_those_in_it(tmp_path):
    as_transforms(tmp_path / "scene")
    (tmp_path / "scene" / "03.png").rename(tmp_path / "outside.png")
    values = json.loads((tmp_path / "scene" / "transforms.json").read_text())
    values["frames"][3]["file_path"] = str(tmp_path / "outside.png")
    (tmp_path / "scene" / "transforms.json").write_text(json.dumps(values))
    assert len(read_scene(tmp_path / "scene").views) == 10
    shutil.make_archive(str(tmp_path / "scene"), "zip", tmp_path / "scene")
    scene = read_scene(tmp_path / "scene.zip")
    assert len(scene.views) == 9 and f"(no such file in {tmp_path / 'scene.zip'})" in " ".join(scene.notes)
    (tmp_path / "scene" / "transforms.json").write_text("{")
    shutil.make_archive(str(tmp_path / "scene"), "zip", tmp_path / "scene")
    with pytest.raises(UserError, match=rf"^{tmp_path / 'scene.zip'}/transforms.json is damaged"):
        read_scene(tmp_path / "scene.zip")


def test_a_test_part_that_cannot_be_read_is_chosen_anew(tmp_path):
    as_transforms(tmp_path)
    values = json.loads((tmp_path / "transforms.json").read_text())
    values |= {"train_filenames": [f"{n:02d}.png" for n in range(8)], "test_filenames": ["08.png", "09.png"]}
    (tmp_path / "transforms.json").write_text(json.dumps(values))
    assert [view.part for view in read_scene(tmp_path).views] == ["train"] * 8 + ["test"] * 2
    for name in ("08.png", "09.png"):
        (tmp_path / name).write_bytes(b"")
    scene = read_scene(tmp_path)
    assert [view.part for view in scene.views] == ["test", *["train"] * 7]
    assert "No picture of the test part can be read" in " ".join(scene.notes)


@pytest.mark.parametrize("kind", ["alpha", "zero and one", "one bit", "half", "sixteen bits"])
def test_masks_of_all_kinds(tmp_path, kind):
    as_transforms(tmp_path)
    white = np.zeros((32, 48), np.uint8)
    white[:, 24:] = 255
    images = {
        "alpha": Image.fromarray(np.dstack([np.full((32, 48, 3), 255, np.uint8), white])),
        "zero and one": Image.fromarray(white // 255),
        "one bit": Image.fromarray(white).convert("1"),
        "half": Image.fromarray(white[::2, ::2]),
        "sixteen bits": Image.fromarray(white.astype(np.uint16) // 255),
    }
    (tmp_path / "masks").mkdir()
    values = json.loads((tmp_path / "transforms.json").read_text())
    for number, frame in enumerate(values["frames"]):
        frame["mask_path"] = f"masks/{number}.png"
        images[kind].save(tmp_path / "masks" / f"{number}.png")
    (tmp_path / "transforms.json").write_text(json.dumps(values))
    for view in read_scene(tmp_path).views:
        np.testing.assert_array_equal(view.mask, (white / 255).astype(np.float32))


@pytest.mark.parametrize("source", ["colmap", "transforms", "transforms without sizes"])
@pytest.mark.parametrize("orientation", [3, 6, 8])
@pytest.mark.parametrize("is_square", [False, True])
def test_cameras_that_come_with_pictures_belong_to_stored_pixels(tmp_path, source, orientation, is_square):
    lens = Lens(32, 32, 60, 60, 16, 16) if is_square else LENS
    (as_colmap if source == "colmap" else as_transforms)(tmp_path, lens=lens)
    file = (tmp_path / "images" if source == "colmap" else tmp_path) / "02.png"
    pixels = np.asarray(Image.open(file))[:, : lens.width]
    for each in file.parent.glob("*.png"):
        image = Image.fromarray(pixels)
        exif = image.getexif()
        exif[274] = orientation
        image.save(each, exif=exif)
    if source == "transforms without sizes":
        values = json.loads((tmp_path / "transforms.json").read_text())
        del values["w"], values["h"], values["cx"], values["cy"]
        (tmp_path / "transforms.json").write_text(json.dumps(values))
    for view in read_scene(tmp_path).views:
        np.testing.assert_array_equal(view.picture, pixels)
        assert (view.camera.width, view.camera.height) == (lens.width, lens.height)


def test_sizes_prove_that_a_camera_saw_the_upright_picture(tmp_path):
    made = as_transforms(tmp_path)
    for name, pixels in made.items():
        image = Image.fromarray(np.rot90(pixels))  # stored on its side
        exif = image.getexif()
        exif[274] = 6
        image.save(tmp_path / name, exif=exif)
    for view in read_scene(tmp_path).views:
        np.testing.assert_array_equal(view.picture, made[view.name])


def test_points_are_those_of_the_ply_file(tmp_path):
    as_transforms(tmp_path)
    points = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    write_points(tmp_path / "sparse.ply", points, np.full((30, 3), 9, np.uint8))
    values = json.loads((tmp_path / "transforms.json").read_text())
    (tmp_path / "transforms.json").write_text(json.dumps({**values, "ply_file_path": "sparse.ply"}))
    scene = read_scene(tmp_path / "transforms.json")
    np.testing.assert_array_equal(scene.points, points)
    assert not scene.is_random and (scene.colours == 9).all()


def test_random_points_are_seen_and_around_what_is_looked_at():
    centre, radius = looked_at(cameras())
    np.testing.assert_allclose(centre, [0, 0, 0.3], atol=1e-9)
    assert radius == pytest.approx(np.hypot(3, 0.9) * 16 / 60)
    points, colours = random_points(cameras(), 2_000, is_object=True)
    assert points.shape == colours.shape == (2_000, 3) and np.linalg.norm(points - centre, axis=1).max() <= radius
    points, _ = random_points(cameras(), 2_000)
    inside = np.linalg.norm(points - centre, axis=1) <= radius
    assert 0.4 < inside.mean() < 0.9
    seen = sum(
        (depth > 0) & (pixels > 0).all(1) & (pixels < [48, 32]).all(1)
        for pixels, depth in (camera.project(points) for camera in cameras())
    )
    assert (seen >= 2).all()
    ahead = [
        camera_at(np.array([x, 0.0, 0]), np.array([x, 5.0, 0]), UP, width=48, height=32, focal=60) for x in (0, 0.5, 1)
    ]
    centre, radius = looked_at(ahead)  # parallel axes
    assert centre[1] > 0 and np.isfinite(radius)
    outward = [camera_at(-0.1 * c.direction, c.direction * 9, UP, width=48, height=32, focal=60) for c in cameras()]
    assert np.isfinite(looked_at(outward)[0]).all()


def test_the_digest_is_of_names_and_bytes(tmp_path):
    for name in ("a", "b", "c"):
        as_transforms(tmp_path / name)
    assert read_scene(tmp_path / "a").digest == read_scene(tmp_path / "b", longest=20).digest
    image = Image.open(tmp_path / "c" / "04.png")
    image.putpixel((3, 3), (1, 2, 3))
    image.save(tmp_path / "c" / "04.png")
    assert read_scene(tmp_path / "c").digest != read_scene(tmp_path / "a").digest


def test_hold_out_counts_by_name(tmp_path):
    as_transforms(tmp_path)
    assert [v.part for v in read_scene(tmp_path, hold_out=0).views] == ["train"] * 10
    assert [v.part for v in read_scene(tmp_path, hold_out=3).views].count("test") == 4
    with pytest.raises(UserError, match="only 0 views to train on"):
        read_scene(tmp_path, hold_out=1)


def test_what_is_no_scene_is_refused(tmp_path):
    with pytest.raises(UserError, match="no file or folder"):
        read_scene(tmp_path / "nowhere")
    with pytest.raises(UserError, match="holds no pictures"):
        read_scene(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(UserError, match="is no scene"):
        read_scene(tmp_path / "a.txt")
    as_colmap(tmp_path / "model")
    shutil.rmtree(tmp_path / "model" / "images")
    with pytest.raises(UserError, match=r"are not beside it: there is no .*images; put them into one of these"):
        read_scene(tmp_path / "model")


@pytest.mark.skipif(not (SHARED / "nerf_lego_400").is_dir(), reason="needs the data set nerf_lego_400")
def test_lego_is_straight_white_and_in_its_own_parts():
    scene = read_scene(SHARED / "nerf_lego_400", longest=100)
    assert (len(scene.part("train")), len(scene.part("test"))) == (100, 25)
    assert scene.kind == "Blender" and scene.background.tolist() == [1, 1, 1] and not scene.part("val")
    rgba = np.asarray(Image.open(SHARED / "nerf_lego_400" / "train" / "r_7.png"), np.float32) / 255
    expected = reduced(rgba[..., :3] * rgba[..., 3:] + 1 - rgba[..., 3:], 100, 100)
    (view,) = [view for view in scene.views if view.name == "train/r_7.png"]
    assert np.abs(view.picture / 255 - expected).max() < 0.51 / 255
    assert np.linalg.norm(looked_at([view.camera for view in scene.views])[0]) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name, views", [("nerf_fox", 50), ("colmap_can", 71)])
def test_real_scenes_are_read_in_seconds_and_their_points_project_well(name, views):
    if not (SHARED / name).is_dir():
        pytest.skip(f"needs the data set {name}")
    start = time.perf_counter()
    scene = read_scene(SHARED / name, longest=320)
    assert time.perf_counter() - start < 30  # some 2 on two cores
    assert len(scene.views) == views and max(scene.views[0].picture.shape) == 320
    assert scene.is_random == (name == "nerf_fox")
    for view in scene.views[::10]:
        pixels, depth = view.camera.project(scene.points.astype(float))
        inside = (depth > 0) & (pixels > 0).all(1) & (pixels < [view.camera.width, view.camera.height]).all(1)
        assert inside.sum() > 50
        if name == "colmap_can":  # their colours are those of the picture, where nothing stands before them
            columns, rows = np.floor(pixels[inside]).astype(int).T
            away = np.abs(view.picture[rows, columns].astype(float) - scene.colours[inside]).mean(1)
            assert np.median(away) < 35
