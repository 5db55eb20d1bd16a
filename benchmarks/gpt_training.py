"""How soon does a small GPT know tiny Shakespeare's letters as well as nanoGPT's setting for a processor does?"""

import json
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import MAQUETTE, Row, last_json, run_process

LOSS_TO_REACH, LOSS_LATER, SECONDS_LATER = 1.886, 1.60, 145


def measure() -> list[Row]:
    from maquette.data.sources import get

    text = get("tinyshakespeare").path
    peer = last_json(run_process([sys.executable, "-m", "benchmarks.gpt_reference", str(text)]))
    soon, later = trained(text, 30), trained(text, SECONDS_LATER)
    note = (
        f"plain GPT-2, nanoGPT's setting: {peer['seconds']:.0f} s to {peer['loss']:.3f}; ours then {soon['loss']:.3f}"
    )
    return [
        Row("GPT, seconds to nanoGPT's loss", soon["seconds"], peer["seconds"], "s", 30 / 145, note),
        Row("its loss then, beside 1.886", soon["loss"], LOSS_TO_REACH, "nats", 1.0, f"{soon['steps']:,} steps"),
        Row(
            f"its loss after {SECONDS_LATER} s, beside 1.60",
            later["loss"],
            LOSS_LATER,
            "nats",
            1.0,
            f"{later['steps']:,} steps",
        ),
        Row(
            "its loss after as long as the peer took", later["loss"], peer["loss"], "nats", None, "the peer's own loss"
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
