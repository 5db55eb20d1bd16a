"""Scene files of every kind: read as plain loops write them, written and read again, refused by their name."""

import gzip
import io
import json
import math
import struct
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from maquette.cli import main
from maquette.data.scenes import sog
from maquette.data.scenes.packed import together
from maquette.data.scenes.splatfiles import (
    COMPRESSED,
    CONSTANT,
    Splats,
    is_scene_file,
    read_splats,
    write_ply,
    write_scene,
)
from maquette.graphics.cameras import camera_at
from maquette.graphics.harmonics import COUNTS
from maquette.settings import UserError


def some_splats(count=40, degree=2, seed=0) -> Splats:
    """Within what bytes can hold."""
    random = np.random.default_rng(seed)
    shapes = [(count, 3), (count, 3), (count, 4), (count,), (count, COUNTS[degree], 3)]
    splats = Splats(*[random.normal(size=shape).astype(np.float32) for shape in shapes])
    return replace(splats, scales=splats.scales - 4, harmonics=(splats.harmonics * 0.3).clip(-0.9, 0.9))


def assert_near(left: Splats, right: Splats, scale=0.04, opacity=0.01, harmonic=0.02, turn=1e-4, place=1e-5):
    np.testing.assert_allclose(left.positions, right.positions, atol=place)
    np.testing.assert_allclose(left.scales, right.scales, atol=scale)
    shares = [1 / (1 + np.exp(-each.opacities)) for each in (left, right)]
    np.testing.assert_allclose(*shares, atol=opacity)
    np.testing.assert_allclose(left.harmonics, right.harmonics, atol=harmonic)
    units = [each.rotations / np.linalg.norm(each.rotations, axis=1, keepdims=True) for each in (left, right)]
    assert np.abs((units[0] * units[1]).sum(axis=1)).min() > 1 - turn


# -- written and read again --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degree", range(4))
@pytest.mark.parametrize("ending", [".ply", ".spz", ".glb"])
def test_what_is_written_is_read_again(tmp_path, ending, degree):
    splats = some_splats(degree=degree)
    again = write_scene(tmp_path / "a", splats, ending)
    assert again.degree == degree and not again.notes
    assert_near(again, splats)


@pytest.mark.parametrize("degree", range(4))
def test_a_packed_ply_holds_points_within_the_steps_of_its_chunks(tmp_path, degree):
    splats = some_splats(count=700, degree=degree)
    splats = replace(splats, is_antialiased=True, up=(0.0, 0.0, 1.0))
    again = write_scene(tmp_path / "a", splats, COMPRESSED)
    assert again.degree == degree and again.is_antialiased and again.up == (0, 0, 1)
    reach = np.ptp(splats.positions, axis=0).max()
    ordered = together(splats)
    assert_near(again, ordered, scale=np.ptp(splats.scales) / 1023, harmonic=0.04, turn=1e-5, place=reach / 1023)
    assert sorted(map(tuple, ordered.positions)) == sorted(map(tuple, splats.positions))
    steps = [np.linalg.norm(np.diff(each.positions, axis=0), axis=1).mean() for each in (ordered, splats)]
    assert steps[0] < 0.5 * steps[1], "points that lie together stand together"
    start = (tmp_path / "a").read_bytes()[:700].decode("latin-1")
    assert (
        "element chunk 3\nproperty float min_x\nproperty float min_y\nproperty float min_z\nproperty float max_x"
        in start
    )
    size = (tmp_path / "a").stat().st_size
    assert size < 700 * (16 + 3 * ((degree + 1) ** 2 - 1)) + 3 * 72 + 3000


def test_a_splat_keeps_all_but_what_changes_with_direction(tmp_path):
    splats = some_splats()
    again = write_scene(tmp_path / "a.splat", splats, ".splat")
    assert_near(again, replace(splats, harmonics=splats.harmonics[:, :1]), turn=0.02)


def test_numbers_that_a_kind_cannot_hold_are_told(tmp_path):
    splats = some_splats()
    splats.positions[3, 1] = np.nan
    for ending in (".ply", COMPRESSED, ".splat", ".glb"):
        with pytest.raises(UserError, match=r"does not|not finite"):
            write_scene(tmp_path / "a", splats, ending)
    splats.positions[3, 1] = 1e9
    with pytest.raises(UserError, match="room for places"):
        write_scene(tmp_path / "a", splats, ".spz")


def test_an_spz_that_claims_more_than_it_can_hold_takes_no_memory(tmp_path):
    head = struct.pack("<4sIIBBBB", b"NGSP", 2, 2**31, 0, 12, 0, 0)
    (tmp_path / "a.spz").write_bytes(gzip.compress(head + bytes(400)))
    with pytest.raises(UserError, match="claims 2,147,483,648 points"):
        read_splats(tmp_path / "a.spz")


@pytest.mark.parametrize("ending", [".ply", ".glb"])
@pytest.mark.parametrize("up", [None, (0.0, 0.0, 1.0)])
def test_places_far_out_keep_their_shape(tmp_path, ending, up):
    """As in coordinates of a whole earth, which 32 bits hold to half a metre."""
    origin = (-2_694_045.25, -4_266_322.5, 3_888_310.0)
    cameras = [camera_at(np.add(origin, [3.0, 1, 1]), np.array(origin), [0, 0, 1], width=90, height=60, focal=70)]
    splats = replace(some_splats(), origin=origin, up=up, cameras=cameras)
    again = write_scene(tmp_path / "a", splats, ending)
    np.testing.assert_allclose(again.places, splats.positions.astype(float) + origin, atol=1e-6)
    assert_near(replace(again, positions=splats.positions), splats)
    if ending == ".ply":
        head = (tmp_path / "a").read_bytes().split(b"end_header")[0]
        assert b"property double x" in head and b"property float opacity" in head
        np.testing.assert_allclose(again.cameras[0].position, cameras[0].position, atol=1e-3)


def test_plain_points_far_out_keep_their_shape(tmp_path):
    places = np.add(np.random.default_rng(0).normal(size=(30, 3)), [512_345.6, 4_123_456.7, 123.4])
    lines = [
        "ply",
        "format ascii 1.0",
        "element vertex 30",
        *(f"property double {axis}" for axis in "xyz"),
        "end_header",
    ]
    (tmp_path / "a.ply").write_text("\n".join([*lines, *(" ".join(map(repr, row)) for row in places.tolist()), ""]))
    np.testing.assert_allclose(read_splats(tmp_path / "a.ply").places, places, atol=1e-6)


def test_films_know_what_a_ply_says(tmp_path):
    cameras = [camera_at([3.0, i, 1], np.zeros(3), [0, 0, 1], width=90, height=60, focal=70) for i in range(3)]
    splats = replace(some_splats(), up=(0.0, 0.0, 1.0), background=(1.0, 0.5, 0.0), cameras=cameras)
    write_ply(tmp_path / "a.ply", splats)
    read = read_splats(tmp_path / "a.ply")
    assert read.up == (0, 0, 1) and read.background == (1, 0.5, 0) and len(read.cameras) == 3
    for left, right in zip(read.cameras, cameras, strict=True):
        np.testing.assert_allclose(left.position, right.position, atol=1e-4)
        np.testing.assert_allclose(left.rotation, right.rotation, atol=1e-4)
        assert (left.width, left.height) == (90, 60) and left.fx == pytest.approx(70)
    write_ply(tmp_path / "b.ply", read)
    assert (tmp_path / "a.ply").read_bytes() == (tmp_path / "b.ply").read_bytes()
    broken = (
        (tmp_path / "a.ply")
        .read_bytes()
        .replace(b"camera: 90", b"camera: nan")
        .replace(b"background: 1", b"background: 7")
    )
    (tmp_path / "c.ply").write_bytes(broken)
    assert not read_splats(tmp_path / "c.ply").cameras and read_splats(tmp_path / "c.ply").background is None


# -- as others write them ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2, 3])
def test_spz_of_all_versions(tmp_path, version):
    """Two points of degree 1, in the axes of OpenGL; the numbers by Niantic's description."""
    places, half = [(1.5, -2.25, 0.5), (-3, 0.125, 4)], math.sqrt(0.5)
    body = b""
    for place in places:
        if version == 1:
            body += struct.pack("<3e", *place)
        else:
            body += b"".join(struct.pack("<i", round(each * 4096))[:3] for each in place)
    body += bytes([255 - 51, 128]) + bytes([255, 128, 0] * 2) + bytes([160, 96, 128] * 2)
    for _ in places:  # x y z w = 0, sin 45, 0, cos 45: a quarter turn around y
        if version < 3:
            body += bytes([128, round((half + 1) * 127.5), 128])
        else:  # w is left out, y is the second of the three
            body += struct.pack("<I", 3 << 30 | 0 << 20 | 511 << 10 | (1 << 9 | 0))
    body += bytes([128 + 64, 128, 128 - 64, 128, 128, 128, 192, 128, 128] * 2)
    head = struct.pack("<4sIIBBBB", b"NGSP", version, 2, 1, 12, 1, 0)
    (tmp_path / "a.spz").write_bytes(gzip.compress(head + body))
    read = read_splats(tmp_path / "a.spz")
    np.testing.assert_allclose(read.positions, np.array(places) * [1, -1, -1], atol=1e-3)
    np.testing.assert_allclose(1 / (1 + np.exp(-read.opacities)), [0.8, 0.5], atol=0.01)
    np.testing.assert_allclose(read.harmonics[0, 0], [0.5 / 0.15, 0, -0.5 / 0.15], atol=0.02)
    np.testing.assert_allclose(read.scales[1], [0, -4, -2])
    np.testing.assert_allclose(np.abs(read.rotations[0]), [half, 0, half, 0], atol=0.01)
    assert read.rotations[0, 0] * read.rotations[0, 2] < 0  # y is turned over
    np.testing.assert_allclose(read.harmonics[0, 1:], [[-0.5, 0, 0.5], [0, 0, 0], [0.5, 0, 0]])
    assert read.is_antialiased
    (tmp_path / "b.spz").write_bytes(gzip.compress((head + body)[:-3]))
    with pytest.raises(UserError, match="is truncated: its header claims 2 points"):
        read_splats(tmp_path / "b.spz")


def texture(numbers: np.ndarray) -> bytes:
    """A lossless WebP, four pixels wide, of (N, 3 or 4) bytes."""
    pixels = np.zeros((-(-len(numbers) // 4), 4, 4), np.uint8)
    pixels[..., 3] = 255
    pixels.reshape(-1, 4)[: len(numbers), : numbers.shape[1]] = numbers
    return webp(pixels)


def webp(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, exact=True)
    return file.getvalue()


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("is_zipped", [True, False])
def test_sog_is_read_from_a_zip_and_from_a_folder(tmp_path, version, is_zipped):
    random = np.random.default_rng(version)
    whole, sizes = random.integers(0, 2**16, (7, 3)), random.integers(0, 256, (7, 3))
    turns = np.concatenate([random.integers(90, 160, (7, 3)), 252 + np.arange(7)[:, None] % 4], axis=1)
    colours, labels = random.integers(1, 255, (7, 4)), random.integers(0, 70, 7)
    palette = random.integers(0, 256, (2, 64 * 3, 3)).astype(np.uint8)
    held = {
        "l.webp": texture(whole & 255),
        "u.webp": texture(whole >> 8),
        "s.webp": texture(sizes),
        "q.webp": texture(turns),
        "c.webp": texture(colours),
        "labels.webp": texture(np.stack([labels & 255, labels >> 8, 0 * labels], axis=1)),
        "centroids.webp": webp(palette),
    }
    book = np.linspace(-6, 2, 256)
    ranged = {"mins": [-6, -6, -6], "maxs": [2, 2, 2]} if version == 1 else {"codebook": book.tolist()}
    base = {"mins": [-6, -6, -6, -3], "maxs": [2, 2, 2, 3]} if version == 1 else {"codebook": book.tolist()}
    rest = {"mins": -6, "maxs": 2} if version == 1 else {"codebook": book.tolist(), "count": 70, "bands": 1}
    about = {
        "means": {"mins": [-1, -2, 0], "maxs": [1, 2, 3], "files": ["l.webp", "u.webp"], "shape": [7, 3]},
        "scales": {**ranged, "files": ["s.webp"]},
        "quats": {"files": ["q.webp"]},
        "sh0": {**base, "files": ["c.webp"]},
        "shN": {**rest, "files": ["centroids.webp", "labels.webp"]},
    } | ({"version": 2, "count": 7, "antialias": True} if version == 2 else {})
    held["meta.json"] = json.dumps(about).encode()
    path = tmp_path / ("a.sog" if is_zipped else sog.META)
    if is_zipped:
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in held.items():
                archive.writestr(name, content)
    else:
        for name, content in held.items():
            (tmp_path / name).write_bytes(content)
    assert is_scene_file(path)
    read = read_splats(path)
    assert len(read) == 7 and read.degree == 1 and read.is_antialiased == (version == 2)
    for i in range(7):
        logged = np.array([-1, -2, 0]) + np.array([2, 4, 3]) * whole[i] / 65535
        np.testing.assert_allclose(read.positions[i], np.sign(logged) * (np.exp(np.abs(logged)) - 1), rtol=1e-5)
        np.testing.assert_allclose(read.scales[i], book[sizes[i]], atol=1e-5)
        a, b, c = (turns[i, :3] / 255 - 0.5) * math.sqrt(2)
        d = math.sqrt(1 - a * a - b * b - c * c)
        w_x_y_z = [(d, a, b, c), (a, d, b, c), (a, b, d, c), (a, b, c, d)][turns[i, 3] - 252]
        np.testing.assert_allclose(read.rotations[i], w_x_y_z, atol=1e-5)
        np.testing.assert_allclose(read.harmonics[i, 0], book[colours[i, :3]], atol=1e-5)
        share = colours[i, 3] / 255
        np.testing.assert_allclose(
            read.opacities[i], -3 + 6 * share if version == 1 else math.log(share / (1 - share)), atol=1e-4
        )
        row, column = divmod(labels[i], 64)
        np.testing.assert_allclose(read.harmonics[i, 1:], book[palette[row, 3 * column : 3 * column + 3]], atol=1e-5)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_ksplat_of_all_levels(tmp_path, level):
    """Five points of degree 1 in two blocks of two and one of one, written as its JavaScript reads them."""
    random = np.random.default_rng(level)
    centres, steps = random.normal(size=(3, 3)).astype(np.float32), random.integers(0, 2**16, (5, 3))
    places, rest = random.normal(size=(5, 3)), random.integers(0, 256, (5, 9))
    sizes, turns = random.uniform(0.1, 2, (5, 3)), random.normal(size=(5, 4))
    colours = random.integers(1, 255, (5, 4))
    body = struct.pack("<I", 1) + centres.astype("<f4").tobytes() if level else b""
    number = "f" if level == 0 else "e"
    for i in range(5):
        body += struct.pack("<3f", *places[i]) if level == 0 else struct.pack("<3H", *steps[i])
        body += struct.pack(f"<7{number}4B", *sizes[i], *turns[i], *colours[i])
        values = rest[i] / 255 * 4 - 2
        body += bytes(rest[i].tolist()) if level == 2 else struct.pack(f"<9{number}", *values)
    head = bytearray(4096 + 1024)
    struct.pack_into("<BBxxIIII", head, 0, 0, 1, 1, 1, 5, 5)
    struct.pack_into("<H3x", head, 20, level)
    struct.pack_into("<ff", head, 36, -2, 2)
    blocks = (2, 3, 5.0, 12, 32767, 0, 2, 1, 1) if level else (0, 0, 0.0, 0, 0, 0, 0, 0, 1)
    struct.pack_into("<IIIIfHxxIIIIH", head, 4096, 5, 5, *blocks)
    (tmp_path / "a.ksplat").write_bytes(bytes(head) + body)
    read = read_splats(tmp_path / "a.ksplat")
    truth = places if level == 0 else (steps - 32767) * (2.5 / 32767) + centres[[0, 0, 1, 1, 2]]
    np.testing.assert_allclose(read.positions, truth, atol=1e-5)
    np.testing.assert_allclose(np.exp(read.scales), sizes, rtol=2e-3)
    np.testing.assert_allclose(read.rotations, turns, rtol=2e-3)
    np.testing.assert_allclose(0.5 + CONSTANT * read.harmonics[:, 0], colours[:, :3] / 255, atol=1e-5)
    values = (rest / 255 * 4 - 2).reshape(5, 3, 3).swapaxes(1, 2)  # red, then green, then blue
    np.testing.assert_allclose(read.harmonics[:, 1:], values, atol=2e-3)
    (tmp_path / "b.ksplat").write_bytes((bytes(head) + body)[:-1])
    with pytest.raises(UserError, match="is truncated"):
        read_splats(tmp_path / "b.ksplat")


# -- PLY of other programs ---------------------------------------------------------------------------------------------


def ply(columns: dict[str, np.ndarray], faces=0, comment="by a test") -> bytes:
    count = len(next(iter(columns.values())))
    kinds = {name: "uchar" if name in ("red", "green", "blue") else "float" for name in columns}
    lines = ["ply", "format ascii 1.0", f"comment {comment}", f"element vertex {count}"]
    lines += [f"property {kinds[name]} {name}" for name in columns]
    if faces:
        lines += [f"element face {faces}", "property list uchar int vertex_indices"]
    rows = [" ".join(f"{values[i]:.9g}" for values in columns.values()) for i in range(count)]
    return "\n".join([*lines, "end_header", *rows, *["3 0 1 2"] * faces, ""]).encode()


def columns_of(splats: Splats) -> dict[str, np.ndarray]:
    columns = {axis: splats.positions[:, i] for i, axis in enumerate("xyz")}
    columns |= {f"f_dc_{i}": splats.harmonics[:, 0, i] for i in range(3)} | {"opacity": splats.opacities}
    columns |= {f"scale_{i}": splats.scales[:, i] for i in range(3)}
    return columns | {f"rot_{i}": splats.rotations[:, i] for i in range(4)}


def test_coloured_points_are_small_round_gaussians(tmp_path):
    grid = np.stack(np.meshgrid(*[np.arange(4.0)] * 3), axis=-1).reshape(-1, 3)
    columns = {axis: grid[:, i] for i, axis in enumerate("xyz")}
    columns |= {"red": np.full(64, 255), "green": np.arange(64), "blue": np.zeros(64)}
    (tmp_path / "a.ply").write_bytes(ply(columns, comment="Vertical Axis: z"))
    read = read_splats(tmp_path / "a.ply")
    np.testing.assert_allclose(np.exp(read.scales), 0.5, rtol=1e-5)
    np.testing.assert_allclose(0.5 + CONSTANT * read.harmonics[:, 0, 1], np.arange(64) / 255, atol=1e-6)
    assert read.up == (0, 0, 1) and "plain" in read.notes[0]
    for place in ([[1.0, 2, 3]], [[1.0, 2, 3]] * 5):  # one point, and equal ones
        columns = {axis: np.array(place)[:, i] for i, axis in enumerate("xyz")}
        (tmp_path / "b.ply").write_bytes(ply(columns))
        assert len(read_splats(tmp_path / "b.ply")) == len(place)


def test_numbers_as_they_are_drawn_are_recognised(tmp_path):
    splats = some_splats(200, 0)
    drawn = columns_of(splats)
    drawn["opacity"] = 1 / (1 + np.exp(-splats.opacities))
    drawn |= {f"scale_{i}": np.exp(splats.scales[:, i]) for i in range(3)}
    (tmp_path / "a.ply").write_bytes(ply(drawn))
    read = read_splats(tmp_path / "a.ply")
    assert_near(read, splats, scale=1e-4, opacity=1e-5)
    assert "as they are" in read.notes[0]


def test_the_filter_of_mip_splatting_is_applied(tmp_path):
    splats = some_splats(5, 0)
    (tmp_path / "a.ply").write_bytes(ply(columns_of(splats) | {"filter_3D": np.full(5, 0.03)}))
    read = read_splats(tmp_path / "a.ply")
    variances = np.exp(2.0 * splats.scales)
    np.testing.assert_allclose(np.exp(2 * read.scales), variances + 0.03**2, rtol=1e-4)
    fainter = np.sqrt(variances.prod(1) / (variances + 0.03**2).prod(1)) / (1 + np.exp(-splats.opacities))
    np.testing.assert_allclose(1 / (1 + np.exp(-read.opacities)), fainter, rtol=1e-4)
    assert read.is_antialiased and "mip-splatting" in read.notes[0]


# -- refused by name ---------------------------------------------------------------------------------------------------


def refused() -> dict[str, tuple[bytes, str]]:
    splats, points = some_splats(3, 0), {axis: np.arange(3.0) for axis in "xyz"}
    flat = {name: values for name, values in columns_of(splats).items() if name != "scale_2"}
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("readme.txt", "nothing")
    newer = io.BytesIO()
    with zipfile.ZipFile(newer, "w") as archive:
        archive.writestr("meta.json", '{"version": 3}')
    model = json.dumps({"asset": {"version": "2.0"}, "meshes": [{"primitives": [{"attributes": {}}]}]}).encode()
    return {
        "mesh.ply": (ply(points, faces=2), "a mesh of 2 faces"),
        "page.ply": (b"\n<!DOCTYPE html><html>404</html>", "a web page"),
        "page.splat": (b"<html><head>" + bytes(20), "a web page"),
        "lfs.ply": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
        "flat.ply": (ply(flat), "2D Gaussians"),
        "model.gltf": (model, "glTF model of 1 meshes"),
        "model.glb": (struct.pack("<4sII", b"glTF", 2, 12), "glTF model of 0 meshes"),
        "old.glb": (struct.pack("<4sII", b"glTF", 1, 12), "no glTF file"),
        "new.spz": (b"NGSP" + struct.pack("<I", 4) + bytes(40), "version 4"),
        "next.spz": (gzip.compress(struct.pack("<4sIIBBBB", b"NGSP", 9, 1, 0, 12, 0, 0)), "version 9"),
        "odd.spz": (b"words", "no .spz file"),
        "cut.spz": (gzip.compress(bytes(1000))[:-9], "no .spz file"),
        "new.sog": (newer.getvalue(), "version 3"),
        "other.sog": (zipped.getvalue(), "no .sog scene"),
        "odd.sog": (b"words", "no .sog scene"),
        "odd.ksplat": (bytes(4096), "version 0.0"),
        "short.ksplat": (bytes(40), "no .ksplat file"),
        "mesh.obj": (b"v 0 0 0", "a mesh"),
        "points.laz": (b"LASF", "LAS point cloud"),
    }


@pytest.mark.parametrize("name", refused())
def test_other_kinds_are_refused_by_their_name(tmp_path, name, capsys):
    content, words = refused()[name]
    (tmp_path / name).write_bytes(content)
    assert main(["predict", str(tmp_path / name), "--frames", "1", "--out", str(tmp_path / "a.png")]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1 and said.endswith((".\n", "pull\n"))
    assert [each.name for each in tmp_path.iterdir()] == [name]
