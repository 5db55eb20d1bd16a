"""COLMAP models: against pycolmap's own reading, there and back, and damaged."""

import os
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from maquette.data.scenes.colmap import (
    Model,
    Pose,
    model_folder,
    quaternion_of,
    read_model,
    rotation_of,
    write_model,
)
from maquette.data.scenes.lenses import MODELS, lens_of_model
from maquette.settings import UserError

SHARED = Path(os.environ.get("MAQUETTE_DATA") or Path(__file__).parents[3] / ".." / "shared" / "data")
CAN = SHARED / "colmap_can"


def some_model(seed: int = 0, count: int = 5) -> Model:
    """One camera of each of COLMAP's models, and pictures with names in folders and with spaces."""
    g = np.random.default_rng(seed)
    lenses = {}
    for number, (model, (_, names)) in enumerate(MODELS.items(), 3):
        parameters = [500 + number if name[0] == "f" else 240.5 if name[0] == "c" else 0.01 for name in names.split()]
        if "fy" in names.split():
            parameters[1] += 1.5
        lenses[number] = lens_of_model(model, 640, 480, parameters)
    poses = [
        Pose(name, int(g.choice(list(lenses))), Rotation.random(rng=g).as_matrix(), g.normal(size=3))
        for name in ("a.jpg", "left/b 1.png", "c.jpg", "d.jpg", "é.jpg")[:count]
    ]
    return Model(lenses, poses, g.normal(size=(7, 3)), g.integers(0, 256, (7, 3), dtype=np.uint8))


def assert_same(one: Model, other: Model) -> None:
    assert one.lenses == other.lenses
    assert [(pose.name, pose.lens) for pose in one.poses] == [(pose.name, pose.lens) for pose in other.poses]
    for a, b in zip(one.poses, other.poses, strict=True):
        np.testing.assert_allclose(a.rotation, b.rotation, atol=1e-14)
        np.testing.assert_array_equal(a.translation, b.translation)
    np.testing.assert_array_equal(one.points, other.points)
    np.testing.assert_array_equal(one.colours, other.colours)


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: np.linalg.norm(q) > 1e-3))
def test_quaternions_are_those_of_scipy_and_come_back(quaternion):
    rotation = rotation_of(np.array(quaternion))
    np.testing.assert_allclose(rotation, Rotation.from_quat(quaternion, scalar_first=True).as_matrix(), atol=1e-12)
    back = quaternion_of(rotation)
    assert back[0] >= 0 and abs(np.linalg.norm(back) - 1) < 1e-12
    np.testing.assert_allclose(rotation_of(back), rotation, atol=1e-12)


@pytest.mark.parametrize("text", [False, True])
def test_models_there_and_back(tmp_path, text):
    model = some_model()
    write_model(tmp_path, model, text=text)
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{part}.{'txt' if text else 'bin'}" for part in ("cameras", "images", "points3D")
    }
    assert_same(read_model(tmp_path), model)


@pytest.mark.parametrize("text", [False, True])
def test_what_is_written_is_read_by_pycolmap(tmp_path, text):
    pycolmap = pytest.importorskip("pycolmap")
    model = some_model()
    write_model(tmp_path, model, text=text)
    theirs = pycolmap.Reconstruction(str(tmp_path))
    for number, lens in model.lenses.items():
        camera = theirs.cameras[number]
        assert lens_of_model(camera.model.name, camera.width, camera.height, list(camera.params)) == lens
    for pose in model.poses:
        image = theirs.find_image_with_name(pose.name)
        if text and " " in pose.name:  # which pycolmap's own text files cannot hold
            continue
        assert image.camera_id == pose.lens
        expected = np.column_stack([pose.rotation, pose.translation])
        np.testing.assert_allclose(image.cam_from_world().matrix(), expected, atol=1e-12)
    assert theirs.num_points3D() == 7


@pytest.mark.parametrize("text", [False, True])
def test_what_pycolmap_writes_is_read(tmp_path, text):
    pycolmap = pytest.importorskip("pycolmap")
    options = pycolmap.SyntheticDatasetOptions()
    options.num_frames_per_rig, options.num_points3D = 4, 30
    theirs = pycolmap.synthesize_dataset(options)  # with features and tracks, which are passed over
    (theirs.write_text if text else theirs.write_binary)(str(tmp_path))
    ours = read_model(tmp_path)
    assert len(ours.poses) == theirs.num_images() and len(ours.points) == theirs.num_points3D() == 30
    for pose in ours.poses:
        image = theirs.find_image_with_name(pose.name)
        np.testing.assert_allclose(pose.rotation, image.cam_from_world().rotation.matrix(), atol=1e-9)
        np.testing.assert_allclose(pose.translation, image.cam_from_world().translation, atol=1e-9)
    points = np.array([point.xyz for point in theirs.points3D.values()])
    np.testing.assert_allclose(np.sort(ours.points, 0), np.sort(points, 0), atol=1e-9)


@pytest.mark.skipif(not CAN.is_dir(), reason="needs the data set colmap_can")
def test_a_real_model(tmp_path):
    folder = model_folder(CAN)
    assert folder == CAN / "sparse" / "0"
    model = read_model(folder)
    assert len(model.lenses) == len(model.poses) == 71 and model.points.shape == (4_414, 3)
    for text in (False, True):
        (tmp_path / str(text)).mkdir()
        write_model(tmp_path / str(text), model, text=text)
        assert_same(read_model(tmp_path / str(text)), model)


def test_models_are_found_in_the_usual_places(tmp_path):
    assert model_folder(tmp_path) is None
    for place in (".", "colmap/sparse/0", "sparse", "sparse/0"):  # the later ones come first
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        write_model(tmp_path / place, some_model(), text=place == "sparse")
        assert model_folder(tmp_path) == tmp_path / place
    (tmp_path / "sparse" / "1").mkdir()
    write_model(tmp_path / "sparse" / "1", some_model(count=3))
    assert model_folder(tmp_path) == tmp_path / "sparse" / "0"
    write_model(tmp_path / "sparse" / "0", some_model(count=2))
    assert model_folder(tmp_path) == tmp_path / "sparse" / "1"


@pytest.mark.parametrize("part", ["cameras", "images", "points3D"])
@pytest.mark.parametrize("text", [False, True])
def test_cut_files_are_named(tmp_path, part, text):
    write_model(tmp_path, some_model(), text=text)
    file = tmp_path / f"{part}.{'txt' if text else 'bin'}"
    whole = file.read_bytes()
    for share in (0.4, 0.75, 0.95):
        file.write_bytes(whole[: int(share * len(whole))] + (b" x" if text else b""))
        with pytest.raises(UserError, match=f"{part}.*(damaged|cannot be read|names a camera)"):
            read_model(tmp_path)
    if not text:
        file.write_bytes(b"")
        with pytest.raises(UserError, match=f"{part}.bin is truncated"):
            read_model(tmp_path)


@pytest.mark.parametrize("part", ["cameras", "images", "points3D"])
def test_counts_beyond_the_file_take_no_memory(tmp_path, part):
    write_model(tmp_path, some_model())
    file = tmp_path / f"{part}.bin"
    file.write_bytes(struct.pack("<Q", 2**60) + file.read_bytes()[8:])
    with pytest.raises(UserError, match="truncated or damaged"):
        read_model(tmp_path)


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_damaged_bytes_never_give_more_than_a_sentence(tmp_path_factory, place, value):
    folder = tmp_path_factory.mktemp("model")
    write_model(folder, some_model())
    files = sorted(folder.iterdir())
    file = files[place % 3]
    content = bytearray(file.read_bytes())
    content[place % len(content)] = value
    file.write_bytes(content)
    try:
        read_model(folder)
    except UserError as error:
        assert str(folder) in str(error)
    shutil.rmtree(folder)


def test_images_are_told_from_their_features_by_what_a_line_holds(tmp_path):
    """With a line of features below each image, with an empty one, with none, or with some of each."""
    write_model(tmp_path, some_model(count=5), text=True)
    expected = read_model(tmp_path)
    rows = [line for line in (tmp_path / "images.txt").read_text().splitlines() if line and line[0] != "#"]
    features = "487.33 170.5 6 441.25 154.5 -1", "", None, "1 2 3 4 5 6 7 8 9 10.5 11 12 13 14 15", "1e2 -3.5 12"
    for lines in (features, [None] * 5, [""] * 5, ["1 2 3"] * 5):
        text = [each for row, below in zip(rows, lines, strict=True) for each in (row, below) if each is not None]
        (tmp_path / "images.txt").write_text("\ufeff# a comment\n" + "\r\n".join(text), encoding="utf-8")
        assert_same(read_model(tmp_path), expected)
        assert model_folder(tmp_path) == tmp_path


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_text_saved_by_an_editor_of_windows_is_read(tmp_path, encoding):
    model = some_model()
    write_model(tmp_path, model, text=True)
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_text(encoding="utf-8").replace("\n", "\r\n").encode(encoding))
    assert_same(read_model(tmp_path), model)


def test_a_model_of_both_endings_or_other_letter_case_is_whole(tmp_path):
    model = some_model()
    (tmp_path / "sparse").mkdir()
    for text in (False, True):
        write_model(tmp_path / "sparse", model, text=text)
    for name in ("cameras.bin", "images.txt", "points3D.bin"):
        (tmp_path / "sparse" / name).unlink()
    (tmp_path / "sparse" / "points3D.txt").rename(tmp_path / "sparse" / "points3d.txt")
    assert model_folder(tmp_path) == tmp_path / "sparse"
    assert_same(read_model(tmp_path / "sparse"), model)


def test_models_that_cannot_be_used_are_refused(tmp_path):
    with pytest.raises(UserError, match="holds no COLMAP model"):
        read_model(tmp_path)
    write_model(tmp_path, some_model(), text=True)
    cameras = (tmp_path / "cameras.txt").read_text()
    (tmp_path / "cameras.txt").write_text(cameras.replace("SIMPLE_RADIAL ", "FOV "))
    with pytest.raises(UserError, match=r"cameras\.txt cannot be read: .*model FOV"):
        read_model(tmp_path)
    (tmp_path / "cameras.txt").write_text("3 PINHOLE 640 480 500 500 320 240\n")
    with pytest.raises(UserError, match="names a camera"):
        read_model(tmp_path)
    write_model(tmp_path, some_model(), text=False)
    content = bytearray((tmp_path / "cameras.bin").read_bytes())
    content[12:16] = struct.pack("<i", 7)
    (tmp_path / "cameras.bin").write_bytes(content)
    with pytest.raises(UserError, match="the model FOV are not known"):
        read_model(tmp_path)
