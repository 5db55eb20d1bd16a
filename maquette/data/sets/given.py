"""Data given from Python, kept as files so that their runs can be resumed; the same data gives the same files."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from maquette.data.sets.sources import cache_folder
from maquette.files import written_whole


def keep(data: Any, kind: str) -> Path:
    """Files with the data for a recipe of this kind: a frame as a table, arrays as pictures, texts as documents."""
    if kind == "image":
        return keep_pictures(data)
    if kind == "text":
        return keep_texts(data)
    return keep_frame(pd.DataFrame(data))


def keep_frame(frame: pd.DataFrame) -> Path:
    """A Parquet file with the frame's content, in the cache."""
    digest = hashlib.sha256(repr(list(frame.dtypes.items())).encode())
    digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    path = cache_folder() / "frames" / f"{digest.hexdigest()[:16]}.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as temporary:
            frame.to_parquet(temporary, index=False)
    return path


def keep_pictures(pictures: Sequence[Any]) -> Path:
    """A folder of files with the pictures, in the cache: PNG for whole numbers, TIFF for floats as they are."""
    from maquette.data.pictures.files import Picture, as_pixels, write_picture

    arrays = [np.asarray(each) for each in pictures]
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    folder = cache_folder() / "pictures" / digest.hexdigest()[:16]
    for number, array in enumerate(arrays):
        depth = array.dtype.name if array.dtype in (np.uint8, np.uint16) else "float32"
        path = folder / f"{number:06d}{'.tif' if depth == 'float32' else '.png'}"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_picture(path, Picture(as_pixels(array), None, depth, depth == "float32"))
    return folder


def keep_texts(texts: Sequence[str]) -> Path:
    """A file with a document a line, in the cache."""
    lines = "".join(json.dumps({"text": str(text)}, ensure_ascii=False) + "\n" for text in texts).encode()
    path = cache_folder() / "texts" / f"{hashlib.sha256(lines).hexdigest()[:16]}.jsonl"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as temporary:
            temporary.write_bytes(lines)
    return path
