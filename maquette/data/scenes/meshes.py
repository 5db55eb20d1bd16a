"""Surfaces of triangles, and points, with colours: written as PLY and as glTF, which modelling programs open."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maquette.data.pictures.files import linear_light
from maquette.data.scenes import gltf
from maquette.files import written_whole
from maquette.settings import UserError

ENDINGS = (".ply", ".glb")
FLOAT, BYTE, WHOLE = 5126, 5121, 5125  # kinds of numbers in glTF
POINTS, TRIANGLES = 0, 4  # modes of a primitive in glTF


@dataclass(frozen=True)
class Mesh:
    """vertices (N, 3) float64, colours (N, 3) in 0..1, sRGB, and triangles (M, 3) of vertices' numbers, seen from
    outside counted against the clock; no triangles of points. up: what is up, -y if None. told: a sentence about it.
    """

    vertices: np.ndarray
    colours: np.ndarray
    triangles: np.ndarray
    up: Sequence[float] | None = None
    told: str = ""

    def __len__(self) -> int:
        return len(self.vertices)


def write_mesh(path: Path, mesh: Mesh) -> None:
    """By the ending of the name; a `.glb` has its node turned so that up is +y."""
    if path.suffix.lower() == ".ply":
        _write_ply(path, mesh)
    elif path.suffix.lower() == ".glb":
        _write_glb(path, mesh)
    else:
        raise UserError(f"{path} is none of {', '.join(ENDINGS)}, which surfaces and points are written as.")


def _bytes(colours: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(colours, 0, 1) * 255).astype(np.uint8)


def _write_ply(path: Path, mesh: Mesh) -> None:
    kinds: list[Any] = [(name, "<f4") for name in "xyz"] + [(name, "u1") for name in ("red", "green", "blue")]
    vertices = np.empty(len(mesh), np.dtype(kinds))
    for axis, name in enumerate("xyz"):
        vertices[name] = mesh.vertices[:, axis]
    for channel, name in enumerate(("red", "green", "blue")):
        vertices[name] = _bytes(mesh.colours[:, channel])
    faces = np.empty(len(mesh.triangles), np.dtype([("count", "u1"), ("corners", "<i4", 3)]))
    faces["count"], faces["corners"] = 3, mesh.triangles
    words = ["ply", "format binary_little_endian 1.0", "comment made by Maquette", f"element vertex {len(mesh)}"]
    words += [f"property {'float' if kind == '<f4' else 'uchar'} {name}" for name, kind in kinds]
    if len(faces):
        words += [f"element face {len(faces)}", "property list uchar int vertex_indices"]
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        file.write("\n".join([*words, "end_header", ""]).encode())
        file.write(vertices.tobytes() + faces.tobytes())


def _write_glb(path: Path, mesh: Mesh) -> None:
    origin = mesh.vertices.mean(0)  # so that places far out stay exact in 32 bits
    places = np.ascontiguousarray(mesh.vertices - origin, "<f4")
    light = _bytes(linear_light(np.clip(mesh.colours, 0, 1)))  # glTF's colours of vertices are linear
    colours = np.concatenate([light, np.full((len(mesh), 1), 255, np.uint8)], 1)
    parts = [(places, FLOAT, "VEC3"), (colours, BYTE, "VEC4")]
    primitive: dict[str, Any] = {"attributes": {"POSITION": 0, "COLOR_0": 1}, "mode": POINTS}
    if len(mesh.triangles):
        parts.append((np.ascontiguousarray(mesh.triangles.reshape(-1, 1), "<u4"), WHOLE, "SCALAR"))
        primitive |= {"indices": 2, "mode": TRIANGLES}
    accessors: list[dict[str, Any]] = []
    views: list[dict[str, Any]] = []
    body: list[bytes] = []
    for place, (array, kind, shape) in enumerate(parts):
        accessors.append({"bufferView": place, "componentType": kind, "count": len(array), "type": shape})
        views.append({"buffer": 0, "byteOffset": sum(map(len, body)), "byteLength": array.nbytes})
        body.append(array.tobytes())
    accessors[0] |= {"min": places.min(0).tolist(), "max": places.max(0).tolist()}
    accessors[1]["normalized"] = True
    turn = gltf.turn_of(mesh.up)
    about = {
        "asset": {"version": "2.0", "generator": "Maquette"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "rotation": turn, "translation": gltf.turned(turn, origin)}],
        "meshes": [{"primitives": [primitive]}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": sum(map(len, body))}],
    }
    gltf.put(path, about, body)
