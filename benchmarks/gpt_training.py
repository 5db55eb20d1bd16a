"""How soon does a small GPT know tiny Shakespeare's letters as well as nanoGPT's setting for a processor does?"""

import json
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import MAQUETTE, Row, last_json, run_process

LOSS_TO_REACH, LOSS_LATER = 1.886, 1.60
SECONDS_SOON, SECONDS_LATER = 30, 145


def measure() -> list[Row]:
    from maquette.data.sets.fetching import get

    text = get("tinyshakespeare").path
    peer = last_json(run_process([sys.executable, "-m", "benchmarks.gpt_reference", str(text)]))
    soon, later = trained(text, SECONDS_SOON), trained(text, SECONDS_LATER)
    told = f"{soon['steps']:,} steps; loss {soon['loss']:.3f}, plain GPT-2 {peer['loss']:.3f}"
    return [
        Row("GPT trained past nanoGPT's loss of 1.886", soon["seconds"], None, "s", SECONDS_SOON, told),
        Row(
            "the same beside plain GPT-2 in nanoGPT's setting",
            soon["seconds"],
            peer["seconds"],
            "s",
            None,
            "one run each",
        ),
        Row("its loss then, beside 1.886", soon["loss"], LOSS_TO_REACH, "nats", 1.0, told),
        Row(
            f"its loss after {SECONDS_LATER} s, beside 1.60",
            later["loss"],
            LOSS_LATER,
            "nats",
            1.0,
            f"{later['steps']:,} steps in {later['seconds']:.0f} s",
        ),
    ]


def trained(text: Path, seconds: float) -> dict[str, float]:
    """Loss over the whole test part after about so many seconds of training, and the seconds as they were."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        flags = ["--data", str(text), "--tokenizer", "characters", "--seconds", str(seconds), "--out", str(out)]
        run_process([*MAQUETTE, "run", "gpt", *flags])
        scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
        lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    first, last = lines[0], lines[-1]
    took = (last["seconds"] - first["seconds"]) * last["step"] / max(1, last["step"] - first["step"])
    return {"loss": scores["scores"]["loss"], "seconds": took, "steps": last["step"]}
