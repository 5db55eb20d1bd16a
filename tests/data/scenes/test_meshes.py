"""Surfaces and points as PLY and glTF: what is written is what is read, by others as well."""

import json
import struct

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from maquette.data.pictures.files import linear_light
from maquette.data.scenes.meshes import Mesh, write_mesh
from maquette.data.scenes.plyfiles import read_header
from maquette.data.scenes.pointclouds import read_points
from maquette.settings import UserError

FAR = np.array([1e6, -2e6, 3e6])


def pyramid(**changes):
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    colours = np.array([[0.0, 0.5, 1], [1, 1, 1], [0.2, 0.2, 0.2], [0.9, 0, 0]])
    triangles = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    return Mesh(**{"vertices": corners, "colours": colours, "triangles": triangles, **changes})


def test_a_ply_holds_corners_colours_and_triangles(tmp_path):
    mesh = pyramid()
    write_mesh(tmp_path / "a.ply", mesh)
    points, colours = read_points(tmp_path / "a.ply")
    np.testing.assert_array_equal(points, mesh.vertices)
    np.testing.assert_array_equal(colours, np.rint(mesh.colours * 255))
    with open(tmp_path / "a.ply", "rb") as file:
        header = read_header(tmp_path / "a.ply", file)
        file.seek(header.size + 4 * 15)
        rows = np.frombuffer(file.read(), np.dtype([("count", "u1"), ("corners", "<i4", 3)]))
    assert header.elements["face"].count == 4 and (rows["count"] == 3).all()
    np.testing.assert_array_equal(rows["corners"], mesh.triangles)


def test_points_have_no_triangles(tmp_path):
    write_mesh(tmp_path / "a.ply", pyramid(triangles=np.empty((0, 3), np.int32)))
    with open(tmp_path / "a.ply", "rb") as file:
        assert list(read_header(tmp_path / "a.ply", file).elements) == ["vertex"]


@pytest.mark.parametrize("up", [None, [0.0, 0, 1]])
def test_a_glb_stands_upright_far_out_and_its_colours_are_linear(tmp_path, up):
    mesh = pyramid(vertices=pyramid().vertices + FAR, up=up)
    write_mesh(tmp_path / "a.glb", mesh)
    content = (tmp_path / "a.glb").read_bytes()
    magic, version, length, size, kind = struct.unpack_from("<4sIII4s", content)
    assert (magic, version, length, kind) == (b"glTF", 2, len(content), b"JSON")
    about, body = json.loads(content[20 : 20 + size]), content[28 + size :]
    views = [body[view["byteOffset"] :][: view["byteLength"]] for view in about["bufferViews"]]
    node, places = about["nodes"][0], np.frombuffer(views[0], "<f4").reshape(-1, 3)
    turn = Rotation.from_quat(node["rotation"])
    np.testing.assert_allclose(turn.apply([0, -1, 0] if up is None else up), [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(turn.inv().apply(turn.apply(places) + node["translation"]), mesh.vertices, rtol=1e-9)
    shown = np.frombuffer(views[1], np.uint8).reshape(-1, 4) / 255
    np.testing.assert_allclose(shown[:, :3], linear_light(mesh.colours), atol=0.5 / 255 + 1e-6)
    np.testing.assert_array_equal(np.frombuffer(views[2], "<u4").reshape(-1, 3), mesh.triangles)
    assert about["meshes"][0]["primitives"][0]["mode"] == 4


def test_other_programs_open_it(tmp_path):
    trimesh = pytest.importorskip("trimesh")
    for ending in ("ply", "glb"):
        write_mesh(tmp_path / f"a.{ending}", pyramid())
        read = trimesh.load(tmp_path / f"a.{ending}", force="mesh")
        assert read.is_watertight and read.volume == pytest.approx(1 / 6, rel=1e-5)


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"none of \.ply, \.glb"):
        write_mesh(tmp_path / "a.stl", pyramid())
