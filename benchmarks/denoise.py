"""Where the pictures of the denoising benchmarks are."""

from pathlib import Path


def denoise_folder() -> Path:
    """$MAQUETTE_DATA/denoise with Train400, BSD68 and Set12; the benchmark ends without it."""
    from maquette.data.sets.fetching import find

    found = find("denoise")
    if not (found.path / "Train400").is_dir():
        raise SystemExit("this benchmark needs $MAQUETTE_DATA/denoise with Train400, BSD68 and Set12")
    return found.path
