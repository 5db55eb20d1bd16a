"""Photographs to a scene: held-out PSNR over time, and seconds from photographs to a film, on two cores."""

import json
import tempfile
from pathlib import Path

from benchmarks.measure import MAQUETTE, Row, run_process

TARGETS = {60: None, 120: 32.5, 300: 33.3, 900: None}  # seconds of training -> dB on the fox
LEGO_SECONDS = (300, 900)
MOST_SECONDS = 300  # from photographs to film and report


def measure() -> list[Row]:
    from maquette.data.cache import cache_folder
    from maquette.data.sets.fetching import get

    photographs = get("nerf_fox").path / "images"
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        # cameras are solved anew, kernels are not compiled anew
        fresh = {"MAQUETTE_CACHE": folder, "NUMBA_CACHE_DIR": str(cache_folder())}
        out = Path(folder) / "whole"
        begun = run_process([*MAQUETTE, "run", "splat", "--data", str(photographs), "--out", str(out)], **fresh)
        film = run_process([*MAQUETTE, "predict", str(out), "--path", "orbit", "--out", str(out / "film.mp4")], **fresh)
        told = told_of(out)
        seconds = begun.seconds + film.seconds
        rows.append(Row("fox: photographs to film and report", seconds, None, "s", MOST_SECONDS, told))
        for asked, target in TARGETS.items():
            rows.append(trained("fox", photographs, asked, target, Path(folder), fresh))
        lego = get("nerf_lego_400").path
        for asked in LEGO_SECONDS:
            rows.append(trained("lego", lego, asked, None, Path(folder), fresh))
    return rows


def trained(name: str, data: Path, seconds: int, target: float | None, folder: Path, fresh: dict[str, str]) -> Row:
    """The held-out mean after about so many seconds of training, turned so that below 1 is better."""
    out = folder / f"{name}{seconds}"
    run_process([*MAQUETTE, "run", "splat", "--data", str(data), "--seconds", str(seconds), "--out", str(out)], **fresh)
    psnr = json.loads((out / "scores.json").read_text(encoding="utf-8"))["scores"]["psnr"]
    question = f"{name}: held-out PSNR after {seconds:,} s"
    if target is None:
        return Row(question, psnr, None, "dB", None, told_of(out))
    return Row(f"the target ({target}) beside {question}", target, psnr, "dB", 1.0, told_of(out))


def told_of(out: Path) -> str:
    scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    seconds = lines[-1]["seconds"] - lines[0]["seconds"]
    found = scores["scores"]
    return (
        f"{lines[-1]['step']:,} steps in {seconds:.0f} s of training, {found['gaussians']:,.0f} Gaussians; "
        f"{found['psnr']:.2f} dB, SSIM {found['ssim']:.4f}"
    )
