"""Scenes as glTF with the extension KHR_gaussian_splatting: written as `.glb`, read as `.glb` or `.gltf`."""

import base64
import json
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

import numpy as np
from scipy.spatial.transform import Rotation

from maquette.data.scenes.splats import Splats, logarithms, logits, shares
from maquette.files import written_whole
from maquette.settings import UserError

NAME = "KHR_gaussian_splatting"
KINDS = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5126: "<f4"}  # of numbers
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}
JSON, BINARY = b"JSON", b"BIN\0"
TURNED_OVER = [1.0, 0.0, 0.0, 0.0]  # half around x, x y z w: from y down to y up
LARGEST = 2**32 - 2**12  # bytes of a .glb


def read(path: Path, file: BinaryIO) -> Splats:
    """The Gaussians of the one primitive that holds some, in its own axes; its node says what is up."""
    content = file.read()
    try:
        about, binary = _opened(content)
        if not isinstance(about, dict):
            raise ValueError("no object")
        places = [
            (place, primitive)
            for place, mesh in enumerate(about.get("meshes", []))
            for primitive in mesh["primitives"]
            if NAME in primitive.get("extensions", {})
        ]
        if not places:
            raise UserError(
                f"{path} is a glTF model of {len(about.get('meshes', []))} meshes, not a scene of 3D Gaussians; "
                "give one as .ply, .splat, .spz, .sog or .ksplat, or as glTF with KHR_gaussian_splatting."
            )
        if len(places) > 1:
            raise UserError(f"{path} holds {len(places)} sets of Gaussians; give each as a file of its own.")
        mesh, primitive = places[0]
        if packed := list(primitive["extensions"][NAME].get("extensions", {})):
            raise UserError(f"{path} is packed with {packed[0]}, which is not read; export it without, or as .spz.")
        splats = _splats(path, about, binary, primitive["attributes"])
        turn, origin = _turn_of(about, mesh), _origin_of(about, mesh)
    except UserError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, struct.error, RecursionError) as error:
        raise UserError(f"{path} is damaged, or no glTF file ({type(error).__name__}); export it again.") from None
    up = turn.inv().apply([0.0, 1, 0])
    return replace(splats, up=(float(up[0]), float(up[1]), float(up[2])), origin=origin)


def _opened(content: bytes) -> tuple[Any, bytes]:
    """What is said in words, and the bytes beside it."""
    if content[:4] != b"glTF":
        return json.loads(content.decode("utf-8-sig")), b""
    _, version, length = struct.unpack_from("<4sII", content)
    if version != 2 or length > len(content):
        raise ValueError("version or length")
    chunks: dict[bytes, bytes] = {}
    first = 12
    while first + 8 <= length:
        size, kind = struct.unpack_from("<I4s", content, first)
        chunks.setdefault(kind, content[first + 8 : first + 8 + size])
        first += 8 + size
    if JSON not in chunks:
        return {}, b""
    return json.loads(chunks[JSON]), chunks.get(BINARY, b"")


def _splats(path: Path, about: dict[str, Any], binary: bytes, names: dict[str, int]) -> Splats:
    """From the accessors that the attributes of a primitive name."""

    def values(name: str) -> np.ndarray:
        accessor = about["accessors"][names[name]]
        view = about["bufferViews"][accessor["bufferView"]]
        uri = about["buffers"][view["buffer"]].get("uri")
        if uri is None:
            held = binary
        elif uri.startswith("data:"):
            held = base64.b64decode(uri.partition(",")[2])
        else:
            beside = unquote(uri)
            if Path(beside).name != beside:
                raise UserError(f"{path} names {uri}, which does not lie beside it; export it again.")
            held = (path.parent / beside).read_bytes()
        kind, width = np.dtype(KINDS[accessor["componentType"]]), WIDTHS[accessor["type"]]
        first = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        stride = view.get("byteStride", kind.itemsize * width)
        count = accessor["count"]
        if not count:
            raise UserError(f"{path} holds no points; give a scene of 3D Gaussians.")
        if first < 0 or stride < 1 or first + (count - 1) * stride + kind.itemsize * width > len(held):
            raise UserError(f"{path} is truncated: {name} is not whole; copy or download it again.")
        numbers = np.ndarray((count, width), kind, held, first, (stride, kind.itemsize)).astype(np.float32)
        if accessor.get("normalized"):
            numbers = np.maximum(numbers / np.iinfo(kind).max, -1)
        return numbers

    terms = [values(f"{NAME}:SH_DEGREE_0_COEF_0")]
    for degree in (1, 2, 3):
        if f"{NAME}:SH_DEGREE_{degree}_COEF_0" not in names:
            break
        terms += [values(f"{NAME}:SH_DEGREE_{degree}_COEF_{place}") for place in range(2 * degree + 1)]
    return Splats(
        values("POSITION"),
        logarithms(values(f"{NAME}:SCALE")),
        np.roll(values(f"{NAME}:ROTATION"), 1, axis=1),
        logits(values(f"{NAME}:OPACITY")[:, 0]),
        np.stack(terms, axis=1),
    )


def _turn_of(about: dict[str, Any], mesh: int) -> Rotation:
    """How the nodes above a mesh turn it."""
    nodes = about.get("nodes", [])
    parents = {child: place for place, node in enumerate(nodes) for child in node.get("children", [])}
    place = next((place for place, node in enumerate(nodes) if node.get("mesh") == mesh), None)
    turn = Rotation.identity()
    for _ in nodes:
        if place is None:
            break
        node = nodes[place]
        if "matrix" in node:
            turn = Rotation.from_matrix(np.array(node["matrix"], float).reshape(4, 4).T[:3, :3]) * turn
        elif "rotation" in node:
            turn = Rotation.from_quat(node["rotation"]) * turn
        place = parents.get(place)
    return turn


def _origin_of(about: dict[str, Any], mesh: int) -> tuple[float, float, float]:
    """Where the node of a mesh puts its places, in their own axes."""
    node: dict[str, Any] = next((node for node in about.get("nodes", []) if node.get("mesh") == mesh), {})
    turn = Rotation.from_quat(node.get("rotation", [0, 0, 0, 1])).inv()
    x, y, z = turn.apply(np.array(node.get("translation", [0.0, 0, 0]), float))
    return float(x), float(y), float(z)


def write(path: Path, splats: Splats) -> None:
    """A `.glb` with the Gaussians in their own axes, and a node that turns what is up to +y and puts them in place."""
    turn = turn_of(splats.up)
    moved = {"translation": turned(turn, splats.origin)} if any(splats.origin) else {}
    units = splats.rotations / np.linalg.norm(splats.rotations, axis=1, keepdims=True)
    arrays = {
        "POSITION": splats.positions,
        f"{NAME}:SCALE": np.exp(splats.scales),
        f"{NAME}:ROTATION": np.roll(units, -1, axis=1),
        f"{NAME}:OPACITY": shares(splats.opacities)[:, None],
    }
    for term in range(splats.harmonics.shape[1]):
        degree = int(term**0.5)
        arrays[f"{NAME}:SH_DEGREE_{degree}_COEF_{term - degree**2}"] = splats.harmonics[:, term]
    if 4 * sum(array.size for array in arrays.values()) > LARGEST:
        raise UserError("A .glb file has room for 4 GB; write a .ply instead.")
    accessors: list[dict[str, Any]] = []
    views: list[dict[str, Any]] = []
    body, first = [], 0
    for name, array in arrays.items():
        numbers = np.ascontiguousarray(array, "<f4").tobytes()
        kind = {width: kind for kind, width in WIDTHS.items()}[array.shape[1]]
        accessors.append({"bufferView": len(views), "componentType": 5126, "count": len(splats), "type": kind})
        views.append({"buffer": 0, "byteOffset": first, "byteLength": len(numbers)})
        if name == "POSITION":
            accessors[-1] |= {"min": array.min(axis=0).tolist(), "max": array.max(axis=0).tolist()}
        body.append(numbers)
        first += len(numbers)
    about = {
        "asset": {"version": "2.0", "generator": "Maquette"},
        "extensionsUsed": [NAME],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "rotation": turn, **moved}],
        "meshes": [
            {
                "primitives": [
                    {
                        "mode": 0,
                        "attributes": {name: place for place, name in enumerate(arrays)},
                        "extensions": {NAME: {"kernel": "ellipse", "colorSpace": "srgb_rec709_display"}},
                    }
                ]
            }
        ],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": first}],
    }
    put(path, about, body)


def put(path: Path, about: dict[str, Any], body: list[bytes]) -> None:
    """A `.glb` of what is said in words, and of parts of numbers, each a multiple of 4 bytes."""
    words = json.dumps(about).encode()
    words += b" " * (-len(words) % 4)
    length = sum(map(len, body))
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, 28 + len(words) + length))
        file.write(struct.pack("<I4s", len(words), JSON) + words)
        file.write(struct.pack("<I4s", length, BINARY))
        for numbers in body:
            file.write(numbers)


def turn_of(up: Sequence[float] | None) -> list[float]:
    """The quaternion x y z w that turns what is up to +y; up is -y where nothing is said."""
    if up is None or np.allclose(up, [0, -1, 0]):
        return TURNED_OVER
    turn: list[float] = Rotation.align_vectors([[0.0, 1, 0]], [up])[0].as_quat().tolist()
    return turn


def turned(turn: list[float], place: Any) -> list[float]:
    """A place as a node that is turned by a quaternion puts it."""
    found: list[float] = Rotation.from_quat(turn).apply(np.asarray(place, float)).tolist()
    return found
