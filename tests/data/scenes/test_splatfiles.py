"""Scenes of 3D Gaussians: read as a plain loop of `struct` reads them, written byte for byte as others write them."""

import math
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maquette.data.scenes.splatfiles import CONSTANT, Splats, read_splats, write_ply
from maquette.settings import UserError

SHARED = Path(os.environ.get("MAQUETTE_DATA") or Path(__file__).parents[3] / ".." / "shared" / "data")
REAL = SHARED / "gaussian_splats"
FIELDS = ("positions", "scales", "rotations", "opacities", "harmonics")
MORE = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def some_splats(count: int, degree: int, seed: int = 0) -> Splats:
    random = np.random.default_rng(seed)
    shapes = [(count, 3), (count, 3), (count, 4), (count,), (count, (degree + 1) ** 2, 3)]
    return Splats(*[random.normal(size=shape).astype(np.float32) for shape in shapes])


def columns_of(splats: Splats) -> dict[str, np.ndarray]:
    """By the name that the numbers have in a PLY file, in its usual order."""
    named = {axis: splats.positions[:, i] for i, axis in enumerate("xyz")}
    named |= {f"f_dc_{c}": splats.harmonics[:, 0, c] for c in range(3)}
    terms = splats.harmonics.shape[1] - 1
    named |= {f"f_rest_{c * terms + k}": splats.harmonics[:, 1 + k, c] for c in range(3) for k in range(terms)}
    named |= {"opacity": splats.opacities} | {f"scale_{i}": splats.scales[:, i] for i in range(3)}
    return named | {f"rot_{i}": splats.rotations[:, i] for i in range(4)}


def ply_of(
    columns: dict[str, np.ndarray], order: str = "<", kinds: dict[str, str] | None = None, before: str = ""
) -> bytes:
    """A PLY file written number by number; `order` is that of `struct`, or nothing for words."""
    letters = {"float": "f", "double": "d", "uchar": "B", "short": "h", "uint": "I"}
    kinds = {name: (kinds or {}).get(name, "float") for name in columns}
    rows = list(zip(*[values.tolist() for values in columns.values()], strict=True))
    form = {"<": "binary_little_endian", ">": "binary_big_endian", "": "ascii"}[order]
    header = f"ply\nformat {form} 1.0\ncomment by a test\n{before}element vertex {len(rows)}\n"
    header += "".join(f"property {kinds[name]} {name}\n" for name in columns) + "end_header\n"
    if not order:
        return header.encode() + "".join(" ".join(map(repr, row)) + "\n" for row in rows).encode()
    packed = order + "".join(letters[kind] for kind in kinds.values())
    return header.encode() + b"".join(struct.pack(packed, *row) for row in rows)


def assert_same(left: Splats, right: Splats) -> None:
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), name)
        assert getattr(left, name).dtype == np.float32


@pytest.mark.parametrize("degree", range(4))
def test_what_is_written_is_read_again(tmp_path, degree):
    @MORE
    @given(st.integers(1, 40), st.integers(0, 2**32 - 1))
    def check(count, seed):
        splats = some_splats(count, degree, seed)
        write_ply(tmp_path / "a.ply", splats)
        read = read_splats(tmp_path / "a.ply")
        assert_same(read, splats)
        assert read.degree == degree and not read.notes

    check()


def test_scenes_larger_than_a_block_are_read_again(tmp_path):
    splats = some_splats(2**17 + 3, 1)
    write_ply(tmp_path / "a.ply", splats)
    assert_same(read_splats(tmp_path / "a.ply"), splats)


@pytest.mark.parametrize("order", ["<", ">", ""])
@pytest.mark.parametrize("degree", range(4))
def test_any_order_any_kind_and_foreign_properties(tmp_path, order, degree):
    splats = some_splats(17, degree)
    columns = columns_of(splats) | {"red": np.arange(17), "nx": np.zeros(17), "label": np.arange(17) - 5}
    names = np.random.default_rng(degree).permutation(list(columns)).tolist()
    kinds = dict.fromkeys(names[::3], "double") | {"red": "uchar", "label": "short"}
    (tmp_path / "a.ply").write_bytes(ply_of({name: columns[name] for name in names}, order, kinds))
    assert_same(read_splats(tmp_path / "a.ply"), splats)


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_other_line_ends(tmp_path, end):
    splats = some_splats(3, 0)
    splats.positions[0, 0] = np.frombuffer(b"\n\n\n\x3f", "<f4")[0]
    header, body = ply_of(columns_of(splats)).split(b"end_header\n", 1)
    (tmp_path / "a.ply").write_bytes(header.replace(b"\n", end) + b"end_header" + end + body)
    assert_same(read_splats(tmp_path / "a.ply"), splats)


def test_an_element_before_the_points_is_passed_over(tmp_path):
    splats = some_splats(3, 0)
    for order, rows in (("<", struct.pack("<dd", 1, 2)), ("", b"1\n2\n")):
        file = ply_of(columns_of(splats), order, before="element camera 2\nproperty double focal\n")
        header, body = file.split(b"end_header\n", 1)
        (tmp_path / "a.ply").write_bytes(header + b"end_header\n" + rows + body)
        assert_same(read_splats(tmp_path / "a.ply"), splats)


def test_splat_files_are_read_as_they_are_drawn(tmp_path):
    position, scale, colour, rotation = (1.5, -2, 3), (0.5, 0, 2), (255, 0, 51, 204), (0, 128, 192, 64)
    (tmp_path / "a.splat").write_bytes(struct.pack("<6f8B", *position, *scale, *colour, *rotation) * 2)
    read = read_splats(tmp_path / "a.splat")
    assert len(read) == 2 and read.degree == 0
    np.testing.assert_allclose(read.positions[1], position)
    np.testing.assert_allclose(np.exp(read.scales[1]), scale, rtol=1e-6, atol=1e-20)
    np.testing.assert_allclose(0.5 + CONSTANT * read.harmonics[1, 0], [1, 0, 0.2], atol=1e-6)
    assert 1 / (1 + math.exp(-read.opacities[1])) == pytest.approx(0.8)
    np.testing.assert_array_equal(read.rotations[1], [-1, 0, 0.5, -0.5])


def packed_words(position, rotation, scale, colour) -> tuple[int, int, int, int]:
    """Four words from shares in 0..1, and from a unit quaternion w x y z."""

    def pack(values, bits):
        word = 0
        for value, bit in zip(values, bits, strict=True):
            word = word << bit | round(value * (2**bit - 1))
        return word

    largest = max(range(4), key=lambda i: abs(rotation[i]))
    sign = math.copysign(1, rotation[largest])
    others = [sign * rotation[i] / math.sqrt(2) + 0.5 for i in range(4) if i != largest]
    turned = largest << 30 | pack(others, [10, 10, 10])
    return pack(position, [11, 10, 11]), turned, pack(scale, [11, 10, 11]), pack(colour, [8, 8, 8, 8])


@pytest.mark.parametrize("has_colour_ranges", [True, False])
@pytest.mark.parametrize("degree", range(4))
def test_packed_files_are_read_within_a_step_of_their_bits(tmp_path, degree, has_colour_ranges):
    random = np.random.default_rng(degree)
    count, chunks, terms = 300, 2, 3 * ((degree + 1) ** 2 - 1)
    names = ["x", "y", "z", "scale_x", "scale_y", "scale_z", *(["r", "g", "b"] if has_colour_ranges else [])]
    low = random.normal(size=(chunks, len(names)))
    high = low + random.uniform(0.5, 2, low.shape)
    shares, alpha = random.uniform(size=(count, 9)), random.uniform(0.1, 0.9, count)
    rotations = random.normal(size=(count, 4))
    rotations /= np.linalg.norm(rotations, axis=1, keepdims=True)
    rest = random.integers(0, 256, (count, terms))

    header = f"ply\nformat binary_little_endian 1.0\nelement chunk {chunks}\n"
    for part in (names[:3], names[3:6], names[6:]):
        header += "".join(f"property float {bound}_{name}\n" for bound in ("min", "max") for name in part)
    header += f"element vertex {count}\n"
    header += "".join(f"property uint packed_{name}\n" for name in ("position", "rotation", "scale", "color"))
    if terms:
        header += f"element sh {count}\n" + "".join(f"property uchar f_rest_{i}\n" for i in range(terms))
    body = b""
    for least, most in zip(low, high, strict=True):
        for i in range(0, len(names), 3):
            body += struct.pack("<6f", *least[i : i + 3], *most[i : i + 3])
    for i in range(count):
        words = packed_words(shares[i, :3], rotations[i], shares[i, 3:6], [*shares[i, 6:], alpha[i]])
        body += struct.pack("<4I", *words)
    (tmp_path / "a.ply").write_bytes(header.encode() + b"end_header\n" + body + rest.astype(np.uint8).tobytes())

    read = read_splats(tmp_path / "a.ply")
    assert read.degree == degree and all(getattr(read, name).dtype == np.float32 for name in FIELDS)
    chunk = np.arange(count) // 256
    wide = len(names)
    truth = shares.copy()
    truth[:, :wide] = low[chunk] + (high - low)[chunk] * shares[:, :wide]
    np.testing.assert_allclose(read.positions, truth[:, :3], atol=2 / 1023)
    np.testing.assert_allclose(read.scales, truth[:, 3:6], atol=2 / 1023)
    np.testing.assert_allclose(0.5 + CONSTANT * read.harmonics[:, 0], truth[:, 6:], atol=2 / 255)
    np.testing.assert_allclose(1 / (1 + np.exp(-read.opacities)), alpha, atol=1 / 255)
    turned = np.abs((read.rotations * rotations).sum(axis=1))  # q and -q are the same rotation
    assert turned.min() > 1 - 1e-5
    coefficients = rest.reshape(count, 3, -1).swapaxes(1, 2) if terms else np.empty((count, 0, 3))
    np.testing.assert_allclose(read.harmonics[:, 1:], (coefficients - 128) / 32, atol=1 / 32)


def test_points_that_cannot_be_drawn_are_left_out_and_counted(tmp_path):
    splats = some_splats(8, 1)
    splats.positions[1, 2], splats.harmonics[2, 3, 1], splats.scales[3, 0] = np.nan, -np.inf, np.inf
    splats.rotations[4] = 0
    splats.opacities[5:7], splats.scales[7, 2] = (np.inf, -np.inf), -np.inf
    write_ply(tmp_path / "a.ply", splats)
    read = read_splats(tmp_path / "a.ply")
    np.testing.assert_array_equal(read.positions, splats.positions[[0, 5, 6, 7]])
    assert read.notes == ["4 of 8 points were left out: not finite, or of rotation 0."]
    opacity = 1 / (1 + np.exp(-read.opacities))
    assert opacity[1] == 1 and opacity[2] < 1e-8 and 0 < np.exp(read.scales[3, 2]) < 1e-20
    (tmp_path / "b.ply").write_bytes(ply_of(columns_of(splats) | {"x": np.full(8, 1e300)}, kinds={"x": "double"}))
    with pytest.raises(UserError, match="None of the 8 points"):
        read_splats(tmp_path / "b.ply")


@pytest.mark.parametrize("order", ["<", ""])
def test_truncated_files_and_greedy_headers(tmp_path, order):
    whole = ply_of(columns_of(some_splats(50, 0)), order)
    start = whole.index(b"end_header\n") + 11
    path = tmp_path / "a.ply"
    for end in (start, start + 1, start + 900):
        path.write_bytes(whole[:end])
        with pytest.raises(UserError, match=rf"truncated: its header claims 50 points.*only {end - start:,} follow"):
            read_splats(path)
    if order == "":
        path.write_bytes(whole[:-1].rpartition(b"\n")[0])
        with pytest.raises(UserError, match="claims 50 points, and only 49 follow"):
            read_splats(path)
    path.write_bytes(whole[:-30])
    with pytest.raises(UserError, match="is truncated"):
        read_splats(path)
    path.write_bytes(whole.replace(b"vertex 50", b"vertex 999999999999999999"))
    with pytest.raises(UserError, match="999,999,999,999,999,999 points"):
        read_splats(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda file: file.replace(b"rot_3", b"spin").replace(b"opacity", b"alpha"), "lack opacity, rot_3;"),
        (lambda file: file.replace(b"vertex 5", b"vertex 0"), "holds no points"),
        (lambda file: file.replace(b"element vertex", b"element point"), "holds no points"),
        (lambda file: file.replace(b"vertex 5", b"vertex five"), "header is damaged"),
        (lambda file: file.replace(b"vertex 5", b"vertex -5"), "header is damaged"),
        (lambda file: file.replace(b"float f_dc_0", b"quad f_dc_0"), "header is damaged"),
        (lambda file: file.replace(b"ascii", b"utf8"), "header is damaged"),
        (lambda file: file.replace(b"end_header", b"end"), "header is damaged"),
        (lambda file: b"solid" + file, "not a PLY file"),
        (lambda file: b"", "not a PLY file"),
        (lambda file: file.replace(b"f_rest_8", b"f_rest_9"), "9 properties f_rest_"),
        (lambda file: file.replace(b"f_rest_8", b"feature"), "8 properties f_rest_"),
        (
            lambda file: file.replace(b"property float x", b"property list uchar float x"),
            "lists before or in its points",
        ),
        (lambda file: file[:-5] + b"word\n", "truncated or damaged: could not convert"),
        (lambda file: file + b"more", None),
    ],
)
def test_damaged_files_are_refused_in_one_sentence(tmp_path, change, words):
    file = ply_of(columns_of(some_splats(5, 1)), "")
    (tmp_path / "a.ply").write_bytes(change(file))
    if words is None:
        assert len(read_splats(tmp_path / "a.ply")) == 5
        return
    with pytest.raises(UserError, match=words) as error:
        read_splats(tmp_path / "a.ply")
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.splat").write_bytes(bytes(33))
    with pytest.raises(UserError, match="33 bytes are not a multiple of 32"):
        read_splats(tmp_path / "a.splat")
    (tmp_path / "b.splat").write_bytes(b"")
    with pytest.raises(UserError, match="no points"):
        read_splats(tmp_path / "b.splat")
    with pytest.raises(UserError, match="No such file"):
        read_splats(tmp_path / "c.ply")
    with pytest.raises(UserError, match="cannot be read"):
        read_splats(tmp_path)


@MORE
@given(st.integers(0, 400), st.integers(0, 255), st.binary(max_size=6))
def test_damage_anywhere_gives_a_scene_or_a_sentence(tmp_path, place, byte, more):
    file = bytearray(ply_of(columns_of(some_splats(3, 1)), "<"))
    file[place % len(file)] = byte
    (tmp_path / "a.ply").write_bytes(bytes(file[: len(file) - len(more)]) + more)
    try:
        read_splats(tmp_path / "a.ply")
    except UserError:
        pass


@pytest.mark.skipif(not REAL.exists(), reason="needs the shared data")
def test_real_scenes(tmp_path):
    trained = read_splats(REAL / "trained_9080.ply")
    assert len(trained) == 9080 and trained.degree == 3
    write_ply(tmp_path / "a.ply", trained)
    assert (tmp_path / "a.ply").read_bytes() == (REAL / "trained_9080.ply").read_bytes()

    room = read_splats(REAL / "model.splat")
    assert len(room) == 22_764 and not room.notes
    np.testing.assert_allclose(np.linalg.norm(room.rotations, axis=1), 1, atol=0.02)

    guitar = read_splats(REAL / "guitar.compressed.ply")
    assert len(guitar) == 90_854 and guitar.degree == 0 and not guitar.notes
    np.testing.assert_allclose(np.linalg.norm(guitar.rotations, axis=1), 1, atol=1e-6)
    colours = 0.5 + CONSTANT * guitar.harmonics[:, 0]
    assert -0.01 < np.median(colours) < 1 and np.abs(guitar.positions).max() < 5
