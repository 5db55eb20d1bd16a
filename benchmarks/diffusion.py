"""Pictures from noise: noise told from unseen pictures beside diffusers' UNet2DModel, and how far samples are off."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import MAQUETTE, Row, run_process
from maquette.data.sets.fetching import resolve
from maquette.trained import read_metrics

DATA = "fashion_mnist"
PEER = Path(__file__).parent / "peers" / "diffusers_unet.py"
OURS, THEIRS, LONGER = 60, 600, 300  # seconds of training


def measure() -> list[Row]:
    short, longer = trained(OURS), trained(LONGER)
    peer = json.loads(
        run_process([sys.executable, str(PEER), str(resolve(DATA, DATA).path), str(THEIRS)]).output.splitlines()[-1]
    )
    weights = f"{peer['weights'] / 1e6:.1f} million weights, {peer['pictures']:,} pictures"
    return [
        Row(
            f"noise_error after {OURS} s beside UNet2DModel after {THEIRS} s, Fashion-MNIST",
            short["scores"]["noise_error"],
            peer["noise_error"],
            target=1.0,
            note=f"diffusers' UNet2DModel: {weights}; ours {short['pictures']:,} pictures",
        ),
        Row(
            "seconds for a picture of training, beside it",
            OURS / short["pictures"],
            THEIRS / peer["pictures"],
            "s",
            note="forward, backward and step",
        ),
        Row(
            f"feature_distance after {LONGER} s, Fashion-MNIST",
            longer["scores"]["feature_distance"],
            target=4.0,
            note=f"noise_error {longer['scores']['noise_error']:.4f}, copies {longer['scores']['copies']:.3f}",
        ),
    ]


def trained(seconds: int) -> dict[str, Any]:
    """What `scores.json` says of a run of about so many seconds, and how many pictures it saw."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        run_process([*MAQUETTE, "run", "diffusion", "--data", DATA, "--seconds", str(seconds), "--out", str(out)])
        made = json.loads((out / "scores.json").read_text(encoding="utf-8"))
        settings = json.loads((out / "settings.json").read_text(encoding="utf-8"))["settings"]
        return made | {"pictures": read_metrics(out)[-1]["step"] * settings["batch_size"]}
