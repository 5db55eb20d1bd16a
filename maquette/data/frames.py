"""Data frames given from Python, kept as files so that their runs can be resumed."""

import hashlib
from pathlib import Path

import pandas as pd

from maquette.data.sources import cache_folder
from maquette.files import written_whole


def keep_frame(frame: pd.DataFrame) -> Path:
    """A Parquet file with the frame's content, in the cache; the same frame gives the same file."""
    digest = hashlib.sha256(repr(list(frame.dtypes.items())).encode())
    digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    path = cache_folder() / "frames" / f"{digest.hexdigest()[:16]}.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as temporary:
            frame.to_parquet(temporary, index=False)
    return path
