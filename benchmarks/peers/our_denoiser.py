"""Steps a second of the course's denoiser in Maquette, in the recipe's own loop.

`python our_denoiser.py FOLDER STEPS`: pictures of a folder; the first half of the steps is not counted.
"""

import json
import sys
import tempfile
from pathlib import Path

import maquette
from maquette.trained import read_metrics


def main() -> None:
    data, steps = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        maquette.run("restore", data=data, preset="course", steps=steps, out=out)
        logged = read_metrics(out)
        half = next(line for line in logged if line["step"] >= steps // 2)
        seconds = (logged[-1]["seconds"] - half["seconds"]) / (logged[-1]["step"] - half["step"])
        print(json.dumps({"seconds": seconds, "loss": logged[-1]["loss"]}))


if __name__ == "__main__":
    main()
