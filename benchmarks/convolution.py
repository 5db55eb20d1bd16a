"""A photograph of twelve million pixels through a kernel of the recipe `convolution`, beside scipy's."""

import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.measure import Row, alternate

HEIGHT, WIDTH = 3000, 4000
KERNEL = "sharpen"
ROUNDS = 5
CLOSE = 1e-5  # on the scale 0..1


def measure() -> list[Row]:
    from scipy import ndimage

    import maquette
    from maquette.recipes.convolution.data import TASKS, hand_made

    pixels = np.random.default_rng(0).random((HEIGHT, WIDTH, 3), dtype=np.float32)
    kernel = hand_made()[TASKS.index(KERNEL)].numpy().squeeze()
    answers: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder:
        run = maquette.open(maquette.run("convolution", preset="small", out=Path(folder) / "run").folder)

        def ours() -> float:
            began = time.perf_counter()
            answers["ours"] = run.use("filter", pixels, kernel=KERNEL, made="hand")
            return time.perf_counter() - began

        def theirs() -> float:
            began = time.perf_counter()
            channels = [ndimage.correlate(pixels[..., each], kernel, mode="nearest") for each in range(3)]
            answers["theirs"] = np.stack(channels, axis=-1)
            return time.perf_counter() - began

        seconds = alternate({"ours": ours, "theirs": theirs}, ROUNDS)
    apart = float(np.abs(np.clip(answers["theirs"], 0, 1) - np.clip(answers["ours"], 0, 1)).max())
    assert apart < CLOSE, f"the answers differ by {apart}"
    question = f"a kernel over {WIDTH} x {HEIGHT} pixels in colour"
    told = f"beside scipy.ndimage; median of {ROUNDS} rounds; largest difference {apart:.1e}"
    return [Row(question, seconds["ours"], seconds["theirs"], "s", 1.0, told)]
