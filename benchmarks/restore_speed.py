"""Megapixels a second of the default denoiser beside bm3d and DnCNN; steps a second of the course's beside Keras."""

import sys
from functools import partial
from pathlib import Path

from benchmarks.denoise import denoise_folder
from benchmarks.measure import Row, alternate, last_json, run_process

PEERS = Path(__file__).parent / "peers"
STEPS = 20


def measure() -> list[Row]:
    data = denoise_folder()
    speeds = alternate(
        {name: partial(speed, name, data / "Set12" / "08.png") for name in ("maquette", "bm3d", "dncnn", "dncnn48")}, 3
    )
    ours = speeds["maquette"]
    seconds = alternate(
        {name: partial(step, name, data / "Train400") for name in ("our_denoiser.py", "keras_denoiser.py")}, 3
    )
    return [
        Row(
            "bm3d's megapixels a second beside ours",
            speeds["bm3d"],
            ours,
            "MP/s",
            1 / 30,
            "512 x 512, grey, median of 3",
        ),
        Row("DnCNN's in plain torch beside ours", speeds["dncnn"], ours, "MP/s", 1 / 3, "17 layers of 64; median of 3"),
        Row("the same with as many weights as ours", speeds["dncnn48"], ours, "MP/s", 1 / 3, "17 layers of 48"),
        Row(
            "course's denoiser, a step, beside Keras on TensorFlow",
            seconds["our_denoiser.py"],
            seconds["keras_denoiser.py"],
            "s",
            1 / 1.5,
            f"steps {STEPS // 2} to {STEPS} of 32 patches of 128 x 128, data included; median of 3",
        ),
    ]


def speed(name: str, picture: Path) -> float:
    return last_json(run_process([sys.executable, str(PEERS / "picture_speed.py"), str(picture), name]))


def step(script: str, folder: Path) -> float:
    return last_json(run_process([sys.executable, str(PEERS / script), str(folder), str(STEPS)]))["seconds"]
