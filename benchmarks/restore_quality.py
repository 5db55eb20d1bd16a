"""How good is denoising after ten minutes? Trained on Train400 alone, tested on BSD68, sigma 25 of 255, unclipped."""

import json
import tempfile
from pathlib import Path

from benchmarks.denoise import denoise_folder
from benchmarks.measure import MAQUETTE, Row, run_process

PUBLISHED = {"BM3D": 28.57, "DnCNN-S": 29.23}
SIGMA = "0.0980392"


def measure() -> list[Row]:
    return trained(600, 28.80)


def trained(seconds: int, target: float, *settings: str) -> list[Row]:
    data = denoise_folder()
    task = ["--task", "noise", "--sigma", SIGMA, "--clip", "false", "--data", str(data / "Train400")]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        run_process(
            [
                *MAQUETTE,
                "run",
                "restore",
                *task,
                "--test",
                str(data / "BSD68"),
                "--seconds",
                str(seconds),
                *settings,
                "--out",
                str(out),
            ]
        )
        scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
        steps = json.loads((out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    ours, ssim = scores["scores"]["psnr"], scores["scores"]["ssim"]
    classic = scores["baselines"]["non-local means"]["psnr"]
    note = f"{steps['step']:,} steps; SSIM {ssim:.4f}; non-local means {classic:.2f} dB"
    minutes = seconds // 60
    rows = [Row(f"the target beside ours after {minutes} minutes, BSD68", target, ours, "dB", 1.0, note)]
    return rows + [
        Row(f"published {name} beside ours after {minutes} minutes", value, ours, "dB", None, "no measurement of ours")
        for name, value in PUBLISHED.items()
    ]
