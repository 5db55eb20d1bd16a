"""Scenes as `.sog` of PlayCanvas, versions 1 and 2: textures with a Gaussian a pixel, and a `meta.json` about them.

In a zip, or beside each other in a folder of which `meta.json` is given.
"""

import io
import json
import math
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from maquette.data.scenes.endings import SOG_TABLE as META
from maquette.data.scenes.splats import Splats, logits, with_largest
from maquette.settings import UserError

TERMS = {1: 3, 2: 8, 3: 15}  # coefficients above the constant one, by degree
IN_ROW = 64  # entries of the palette of harmonics
MODES = 252  # the byte that says that w is the largest part of a rotation; then x, y, z


def read(path: Path, file: BinaryIO) -> Splats:
    try:
        if path.name == META:
            return _read(path, file.read(), lambda name: _beside(path, name))
        with zipfile.ZipFile(file) as archive:
            return _read(path, archive.read(META), archive.read)
    except UserError:
        raise
    except (
        zipfile.BadZipFile, zlib.error, KeyError, TypeError, IndexError, ValueError, EOFError,
        AttributeError, RuntimeError, NotImplementedError, Image.DecompressionBombError,
    ) as error:  # fmt: skip
        if isinstance(error, KeyError) and " " not in str(error):
            error = ValueError(f"{META} lacks {error.args[0]}")
        told = f"{error}".strip("'\"").splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path} is no .sog scene, or is damaged ({told}); export it again.") from None


def _beside(path: Path, name: str) -> bytes:
    if Path(name).name != name:
        raise UserError(f"{path} names {name}, which does not lie beside it; export it again.")
    return (path.parent / name).read_bytes()


def _read(path: Path, meta: bytes, held: Callable[[str], bytes]) -> Splats:
    about = json.loads(meta.decode("utf-8-sig"))
    version = about.get("version", 1)
    if version not in (1, 2):
        raise UserError(f"{path} is a .sog scene of version {version}; versions 1 and 2 are read: export it as one.")
    count = int(about["count"] if version == 2 else about["means"]["shape"][0])
    if count < 1:
        raise UserError(f"{path} holds no points; give a scene of 3D Gaussians.")

    def texture(name: str) -> np.ndarray:
        """(pixels, 4) uint8."""
        pixels = np.asarray(Image.open(io.BytesIO(held(name))).convert("RGBA")).reshape(-1, 4)
        if len(pixels) < count:
            raise UserError(f"{path} is damaged: {name} has {len(pixels):,} pixels for {count:,} points.")
        return pixels[:count]

    low, high = (texture(name).astype(int)[:, :3] for name in about["means"]["files"])
    least, most = (np.array(about["means"][name], float) for name in ("mins", "maxs"))
    logged = least + (most - least) * (low + 256 * high) / 65535
    turns = texture(about["quats"]["files"][0])
    if turns[:, 3].min() < MODES:
        raise UserError(f"{path} is damaged: {about['quats']['files'][0]} has rotations of no kind; export it again.")
    others = (turns[:, :3] / np.float32(255) - np.float32(0.5)) * np.float32(math.sqrt(2))
    scales = texture(about["scales"]["files"][0])[:, :3]
    colours = texture(about["sh0"]["files"][0])
    if version == 2:
        opacities = logits(colours[:, 3] / np.float32(255))
    else:
        opacities = _values(about["sh0"], colours)[:, 3]
    harmonics = [_values(about["sh0"], colours)[:, None, :3]]
    if rest := about.get("shN"):
        harmonics.append(_above(path, rest, texture, held))
    return Splats(
        (np.sign(logged) * np.expm1(np.abs(logged))).astype(np.float32),
        _values(about["scales"], scales),
        with_largest(others, turns[:, 3] - MODES),
        opacities.astype(np.float32),
        np.concatenate(harmonics, axis=1),
        bool(about.get("antialias", False)),
    )


def _values(about: dict[str, Any], numbers: np.ndarray) -> np.ndarray:
    """What bytes stand for: a place in a list, or in a range."""
    if "codebook" in about:
        return np.array(about["codebook"], np.float32)[numbers]
    least, most = (np.array(about[name], np.float32) for name in ("mins", "maxs"))
    return least + (most - least) * (numbers / np.float32(255))


def _above(
    path: Path, about: dict[str, Any], texture: Callable[[str], np.ndarray], held: Callable[[str], bytes]
) -> np.ndarray:
    """(N, K - 1, 3): each point has the number of an entry of a palette."""
    names = sorted(about["files"], key=lambda name: "label" in name)
    palette = np.asarray(Image.open(io.BytesIO(held(names[0]))).convert("RGBA"))[..., :3]
    terms = palette.shape[1] // IN_ROW
    if terms not in TERMS.values() or about.get("bands", 1) not in TERMS:
        raise UserError(f"{path} has {terms} coefficients above the constant one; 3, 8 or 15 are read.")
    labels = texture(names[1]).astype(int)
    entries = palette[:, : IN_ROW * terms].reshape(-1, terms, 3)
    return _values(about, entries)[labels[:, 0] + 256 * labels[:, 1]]
