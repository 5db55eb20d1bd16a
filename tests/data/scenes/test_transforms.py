"""transforms.json: conventions against Camera and COLMAP, there and back, and what is left out."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.spatial.transform import Rotation

from maquette.data.scenes.colmap import Model, Pose, read_model, write_model
from maquette.data.scenes.lenses import Lens
from maquette.data.scenes.pointclouds import read_points, write_points
from maquette.data.scenes.transforms import Frame, read_transforms, write_transforms
from maquette.graphics.cameras import camera_at
from maquette.settings import UserError

SHARED = Path(os.environ.get("MAQUETTE_DATA") or Path(__file__).parents[3] / ".." / "shared" / "data")
LENS = Lens(40, 30, 50.0, 51.0, 19.0, 16.0, (0.01, -0.002), tangential=(0.001, 0.0005))


def pictures(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), (90, 120, 30)).save(folder / name)


def write(folder: Path, frames: list, **values) -> Path:
    file = folder / "transforms.json"
    file.write_text(json.dumps({"fl_x": 50, **values, "frames": frames}))
    return file


def frame(name: str, matrix=None, **more) -> dict:
    return {"file_path": name, "transform_matrix": (np.eye(4) if matrix is None else np.array(matrix)).tolist(), **more}


def test_the_axes_are_those_of_opengl(tmp_path):
    """A Blender camera with matrix 1 looks along -z with y up."""
    pictures(tmp_path, "a.png")
    (found,) = read_transforms(write(tmp_path, [frame("a.png")])).frames
    looks, up, right = found.rotation[2], -found.rotation[1], found.rotation[0]
    assert looks.tolist() == [0, 0, -1] and up.tolist() == [0, 1, 0] and right.tolist() == [1, 0, 0]
    matrix = np.eye(4)
    matrix[:3, 3] = 1, 2, 3
    (found,) = read_transforms(write(tmp_path, [frame("a.png", matrix)])).frames
    np.testing.assert_allclose(-found.rotation.T @ found.translation, [1, 2, 3])


@given(st.integers(0, 2**31))
def test_there_and_back_by_colmap_and_camera(tmp_path_factory, seed):
    folder = tmp_path_factory.mktemp("scene")
    pictures(folder, "images/a.png", "images/b.jpg")
    g = np.random.default_rng(seed)
    frames = [
        Frame(name, folder / name, lens, Rotation.random(rng=g).as_matrix(), g.normal(size=3))
        for name, lens in (("images/a.png", LENS), ("images/b.jpg", Lens(40, 30, 44, 44, 20, 15, is_fisheye=True)))
    ]
    write_transforms(folder / "transforms.json", frames)
    found = read_transforms(folder / "transforms.json")
    assert not found.left_out and found.num_scaled == 0
    model = Model(
        {number: frame.lens for number, frame in enumerate(found.frames)},
        [Pose(frame.name, number, frame.rotation, frame.translation) for number, frame in enumerate(found.frames)],
        np.empty((0, 3)),
        np.empty((0, 3), np.uint8),
    )
    write_model(folder, model, text=bool(seed % 2))
    model = read_model(folder)
    for before, after, pose in zip(frames, found.frames, model.poses, strict=True):
        assert before.name == after.name == pose.name and before.path == after.path
        assert before.lens == after.lens == model.lenses[pose.lens]
        for other in (after, pose):
            np.testing.assert_allclose(other.rotation, before.rotation, atol=1e-9)
            np.testing.assert_allclose(other.translation, before.translation, atol=1e-9)


def test_a_camera_s_matrix_is_its_own_inverse_with_two_axes_turned(tmp_path):
    pictures(tmp_path, "a.png")
    camera = camera_at(np.array([3.0, -2, 1]), np.zeros(3), np.array([0, 0, 1.0]), width=40, height=30, focal=50)
    file = write(tmp_path, [frame("a.png", camera.camera_to_world * [1, -1, -1, 1])])
    (found,) = read_transforms(file).frames
    np.testing.assert_allclose(found.rotation, camera.rotation, atol=1e-12)
    np.testing.assert_allclose(found.translation, camera.translation, atol=1e-12)


def test_lenses_in_all_words(tmp_path):
    pictures(tmp_path, "a.png")

    def lens(frame_values=None, **values):
        file = tmp_path / "transforms.json"
        file.write_text(json.dumps({**values, "frames": [frame("a.png", **(frame_values or {}))]}))
        return read_transforms(file).frames[0].lens

    angle = 0.8
    by_angle = lens(camera_angle_x=angle)
    assert by_angle == Lens(40, 30, 20 / math.tan(0.4), 20 / math.tan(0.4), 20, 15)
    assert lens(camera_angle_x=angle, camera_angle_y=0.5).fy == pytest.approx(15 / math.tan(0.25))
    assert lens(fl_x=50, w=80.0, h=60.0) == Lens(80, 60, 50, 50, 40, 30)
    assert lens({"fl_x": 70, "cx": 18}, fl_x=50, fl_y=51) == Lens(40, 30, 70, 51, 18, 15)
    assert lens(fl_x=50, k1=0.1, p2=0.2) == Lens(40, 30, 50, 50, 20, 15, (0.1,), tangential=(0, 0.2))
    assert lens(fl_x=50, camera_model="OPENCV_FISHEYE", k4=0.1).is_fisheye
    assert lens(fl_x=50, is_fisheye=True).is_fisheye and not lens(fl_x="50", is_fisheye="false").is_fisheye
    assert lens({"fl_x": "70", "h": "60"}, fl_x=50, w="80.0") == Lens(80, 60, 70, 70, 40, 30)
    for wrong, told in (
        ({}, "no focal length"),
        ({"fl_x": "50,5"}, "fl_x as '50,5'"),
        ({"fl_x": [50]}, r"fl_x as \[50\]"),
        ({"fl_x": "inf"}, "fl_x as 'inf'"),
        ({"fl_x": -1}, "no focal length"),
        ({"fl_x": 50, "camera_model": "EQUIRECTANGULAR"}, "EQUIRECTANGULAR"),
    ):
        with pytest.raises(UserError, match=told):
            lens(**wrong)


def test_what_cannot_be_used_is_left_out_by_name(tmp_path):
    pictures(tmp_path, *(f"{letter}.png" for letter in "abcdefghi"), "dir/j.jpg")
    (tmp_path / "k.png").write_bytes(b"no picture")
    bad = {
        "b": np.diag([1, 1, 0, 1.0]),
        "c": np.full((4, 4), np.nan),
        "d": np.diag([1, 2, 1, 1.0]),
        "e": np.diag([1, 1, -1, 1.0]),
        "f": np.eye(3),
    }
    frames = [frame(f"./{letter}.png", matrix) for letter, matrix in bad.items()]
    frames += [frame("a"), frame("a.png"), frame("dir/j"), frame("missing.png"), frame("../a.png"), frame("/a.png")]
    frames += [{"file_path": "g.png"}, {"transform_matrix": []}, 7, frame("h.png", np.diag([2.5, 2.5, 2.5, 1]))]
    frames += [frame("k.png"), frame("C:\\a.png"), {"file_path": "i.png", "transform_matrix": [["x"]]}]
    found = read_transforms(write(tmp_path, frames))
    assert [each.name for each in found.frames] == ["a.png", "dir/j.jpg", "h.png"]
    assert found.num_scaled == 1
    np.testing.assert_allclose(found.frames[2].rotation, np.diag([1, -1, -1]), atol=1e-12)
    reasons = dict(found.left_out)
    assert "singular" in reasons["b.png"] and "not finite" in reasons["c.png"] and "not a rotation" in reasons["d.png"]
    assert "mirrored" in reasons["e.png"] and "shape (3, 3)" in reasons["f.png"] and "twice" in reasons["a.png"]
    assert reasons["missing.png"] == f"no such file in {tmp_path}"
    assert all("a.png there may be another picture" in reasons[name] for name in ("../a.png", "/a.png", "C:/a.png"))
    assert "no picture" in reasons["k.png"] and "no transform" in reasons["g.png"] and "none of" in reasons["i.png"]
    assert len(found.left_out) == len(frames) - 3


def test_files_that_are_none_are_refused(tmp_path):
    file = tmp_path / "transforms.json"
    for content, told in ((b"{", "damaged"), (b"[]", "no list `frames`"), (b'{"frames": 3}', "no list `frames`")):
        file.write_bytes(content)
        with pytest.raises(UserError, match=told):
            read_transforms(file)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_json_of_any_encoding_and_numbers_as_text(tmp_path, encoding):
    pictures(tmp_path, "ü.png")
    values = {"fl_x": "50", "frames": [frame("ü.png", np.eye(4).astype(str))]}
    (tmp_path / "transforms.json").write_bytes(json.dumps(values, ensure_ascii=False).encode(encoding))
    (found,) = read_transforms(tmp_path / "transforms.json").frames
    assert found.name == "ü.png" and found.lens.fx == 50
    np.testing.assert_array_equal(found.rotation, np.diag([1, -1, -1]))


def test_lists_of_filenames_say_what_is_for_training_and_test(tmp_path):
    names = [f"images/{letter}.png" for letter in "abcde"]
    pictures(tmp_path, *names)
    frames = [frame(name) for name in names]

    def parts(**lists) -> str:
        found = read_transforms(write(tmp_path, frames, **lists))
        assert bool(found.notes) == any(each.part for each in found.frames)
        return " ".join(f"{each.name[7]}:{each.part}" for each in found.frames)

    assert parts() == parts(train_filenames=[]) == parts(train_filenames=names) == "a: b: c: d: e:"
    assert parts(train_filenames=names[:3], test_filenames=["./images/d.png"]) == "a:train b:train c:train d:test"
    assert parts(train_filenames=names[:3], val_filenames=names[4:]) == "a:train b:train c:train e:test"
    lists = {"train_filenames": names[:2], "test_filenames": names[2:3], "val_filenames": names[3:]}
    assert parts(**lists) == "a:train b:train c:test"
    assert "neither training nor test" in dict(read_transforms(write(tmp_path, frames, **lists)).left_out)[names[3]]
    assert parts(train_filenames=names[:4]) == "a:train b:train c:train d:train e:test"
    assert parts(test_filenames=["images\\b.png", 7]) == "a:train b:test c:train d:train e:train"


def test_masks_and_points_that_are_named_but_missing_are_said(tmp_path):
    pictures(tmp_path, "a.png", "b.png", "masks/b.png")
    frames = [frame("a.png", mask_path="masks/a.png"), frame("b.png", mask_path="masks/B.jpg")]
    found = read_transforms(write(tmp_path, frames, ply_file_path="gone.ply"))
    assert [each.mask for each in found.frames] == [None, tmp_path / "masks" / "b.png"] and found.points is None
    mask, points = found.notes
    assert "1 mask is named in transforms.json but not there" in mask and "a.png" in mask
    assert points == "The points gone.ply that transforms.json names (ply_file_path) are not there."
    (tmp_path / "Points3D.ply").touch()
    assert read_transforms(write(tmp_path, frames, ply_file_path="gone.ply")).points == tmp_path / "Points3D.ply"
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "q.ply").touch()
    assert read_transforms(write(tmp_path, frames, ply_file_path="p\\q.ply")).points == tmp_path / "p" / "q.ply"


@pytest.mark.skipif(not (SHARED / "nerf_fox").is_dir(), reason="needs the data set nerf_fox")
def test_a_real_file_with_missing_pictures():
    found = read_transforms(SHARED / "nerf_fox" / "transforms.json")
    assert len(found.frames) == 50 and len(found.left_out) == 17
    assert found.frames[0].lens.radial == (0.0578421, -0.0805099)
    places = np.array([-each.rotation.T @ each.translation for each in found.frames])
    axes = np.array([each.rotation[2] for each in found.frames])
    assert (axes @ axes.mean(0) > 0).all() and ((places.mean(0) - places) @ axes.mean(0)).std() > 0


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_points_of_all_kinds_of_ply(tmp_path, kind):
    g = np.random.default_rng(0)
    points, colours = g.normal(size=(5, 3)), g.integers(0, 256, (5, 3), dtype=np.uint8)
    points[3, 1] = np.nan
    head = f"ply\nformat {kind} 1.0\ncomment x\nelement vertex 5\n" + "".join(
        f"property {each}\n" for each in ("double x", "double y", "double z", "float nx", *("uchar red", "uchar green"))
    )
    head += "property uchar blue\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n"
    if kind == "ascii":
        rows = (f"{x} {y} {z} 0 {r} {g} {b}\n" for (x, y, z), (r, g, b) in zip(points, colours, strict=True))
        body = "".join(rows).encode() + b"3 0 1 2\n"
    else:
        order = "<" if "little" in kind else ">"
        table = np.zeros(5, [("p", order + "f8", 3), ("n", order + "f4"), ("c", "u1", 3)])
        table["p"], table["c"] = points, colours
        body = table.tobytes() + b"\3" + bytes(12)
    (tmp_path / "p.ply").write_bytes(head.encode() + body)
    read, read_colours = read_points(tmp_path / "p.ply")
    np.testing.assert_allclose(read, np.delete(points, 3, 0))
    np.testing.assert_array_equal(read_colours, np.delete(colours, 3, 0))
    (tmp_path / "p.ply").write_bytes(head.encode() + body[:40])
    with pytest.raises(UserError, match="truncated or damaged"):
        read_points(tmp_path / "p.ply")


def test_points_there_and_back(tmp_path):
    g = np.random.default_rng(0)
    points, colours = g.normal(size=(9, 3)).astype(np.float32), g.integers(0, 256, (9, 3), dtype=np.uint8)
    write_points(tmp_path / "p.ply", points, colours)
    read = read_points(tmp_path / "p.ply")
    np.testing.assert_array_equal(read[0], points)
    np.testing.assert_array_equal(read[1], colours)
    (tmp_path / "q.ply").write_bytes(b"solid")
    with pytest.raises(UserError, match="no PLY"):
        read_points(tmp_path / "q.ply")


@pytest.mark.parametrize(
    ("names", "kind", "values"),
    [
        ("red green blue", "f4", [0.9, 0.1, 0.0]),
        ("red green blue", "f8", [230, 26, 0]),
        ("r g b", "u1", [230, 26, 0]),
        ("diffuse_red diffuse_green diffuse_blue", "u2", [59110, 6682, 0]),
        ("f_dc_0 f_dc_1 f_dc_2", "f4", [1.418, -1.418, -3.0]),  # a scene of Gaussians
    ],
)
def test_colours_of_points_in_all_words(tmp_path, names, kind, values):
    table = np.zeros(3, [(name, "<f4") for name in "xyz"] + [(name, f"<{kind}") for name in names.split()])
    for name, value in zip(names.split(), values, strict=True):
        table[name] = value
    table["x"] = 1, 2, 3
    words = {"f4": "float", "f8": "double", "u1": "uchar", "u2": "ushort"}
    properties = "".join(f"property {words[table.dtype[name].str[1:]]} {name}\n" for name in table.dtype.names)
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex 3\n{properties}end_header\n"
    (tmp_path / "p.ply").write_bytes(head.encode() + table.tobytes())
    points, colours = read_points(tmp_path / "p.ply")
    assert points[:, 0].tolist() == [1, 2, 3] and np.abs(colours.astype(int) - [230, 26, 0]).max() <= 1


def test_points_of_a_packed_scene_are_its_gaussians(tmp_path):
    """Four words a point, whose ranges stand in a chunk before."""
    ranges = [f"{end}_{name}" for end in ("min", "max") for name in ("x", "y", "z", "scale_x", "scale_y", "scale_z")]
    head = "ply\nformat binary_little_endian 1.0\nelement chunk 1\n"
    head += "".join(f"property float {name}\n" for name in ranges) + "element vertex 1\n"
    head += "".join(f"property uint packed_{name}\n" for name in ("position", "rotation", "scale", "color"))
    words = np.array([2**32 - 1, 0, 0, 0x00FF00FF], "<u4")
    body = np.array([0] * 6 + [1, 2, 3, 0, 0, 0], "<f4").tobytes() + words.tobytes()
    (tmp_path / "p.ply").write_bytes((head + "end_header\n").encode() + body)
    points, colours = read_points(tmp_path / "p.ply")
    assert points.tolist() == [[1, 2, 3]] and colours.tolist() == [[0, 255, 0]]
