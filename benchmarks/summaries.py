"""DialogSum: fine-tuning beside transformers' Seq2SeqTrainer from one small folder, and from nothing in 15 minutes."""

import json
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import MAQUETTE, Row, last_json, run_process

SECONDS = float(os.environ.get("MAQUETTE_BENCHMARK_SECONDS", "900"))
STEPS = int(os.environ.get("MAQUETTE_BENCHMARK_STEPS", "779"))  # of fine-tuning; an epoch
PRETRAINED = 120  # seconds that the small folder is made in
JUDGED, RATE = 200, 1e-3
LEAD = {"rouge1": 28.4, "rouge2": 7.8, "rougeL": 21.5}  # of the first three turns, on the same 500 dialogues


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        return [*beside_trainer(Path(name)), *from_nothing(Path(name))]


def beside_trainer(folder: Path) -> list[Row]:
    """The same folder, pairs, batch size, steps and rate; all of each program's time, its start and summaries too."""
    sizes = ["--data", "dialogsum", "--judged", str(JUDGED), "--batch-size", "16", "--context", "256"]
    first = ["run", "summarise", *sizes, "--seconds", str(PRETRAINED), "--out", str(folder / "first")]
    run_process([*MAQUETTE, *first])
    small = folder / "small"
    run_process([*MAQUETTE, "export", str(folder / "first"), "--format", "huggingface", "--out", str(small)])
    how = ["--init", str(small), "--steps", str(STEPS), "--learning-rate", str(RATE)]
    ours = run_process([*MAQUETTE, "run", "summarise", *sizes, *how, "--out", str(folder / "tuned")])
    scores = json.loads((folder / "tuned" / "scores.json").read_text())["scores"]
    peer = ["benchmarks.peers.seq2seq_trainer", str(small), str(STEPS), str(RATE), str(JUDGED), str(folder / "peer")]
    process = run_process([sys.executable, "-m", *peer])
    theirs = last_json(process)
    note = ", ".join(f"{kind} {scores[kind]:.1f} beside {theirs[kind]:.1f}" for kind in LEAD)
    rows = [
        Row(
            "fine-tuning beside Seq2SeqTrainer", ours.seconds, process.seconds, "s", 0.6, f"{STEPS} steps of 16; {note}"
        ),
    ]
    spread = (scores["rouge1_high"] - scores["rouge1_low"]) / 2
    short = max(0.0, theirs["rouge1"] - scores["rouge1"])
    return [*rows, Row("and short of its ROUGE-1", short, None, "", spread, "at most half of the interval")]


def from_nothing(folder: Path) -> list[Row]:
    """Texts with gaps, of the training part, written whole first, then its pairs."""
    run = ["run", "summarise", "--data", "dialogsum", "--seconds", str(SECONDS), "--out", str(folder / "run")]
    run_process([*MAQUETTE, *run])
    scores = json.loads((folder / "run" / "scores.json").read_text())["scores"]
    return [
        Row(f"DialogSum from nothing: {kind} short of lead-3", max(0.0, lead - scores[kind]), None, "", 0.0,
            f"{scores[kind]:.1f} beside {lead} after {SECONDS:g} s")
        for kind, lead in LEAD.items()
    ]  # fmt: skip
