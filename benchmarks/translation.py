"""Multi30k, English to German, beside MarianMT of transformers from nothing: BLEU after equal seconds, on test 2016."""

import json
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import MAQUETTE, Row, last_json, run_process

SECONDS = float(os.environ.get("MAQUETTE_BENCHMARK_SECONDS", "600"))
VOCABULARY = 4000


def measure() -> list[Row]:
    from maquette.data.sets.fetching import get

    data = get("multi30k").path
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in data.glob("*.gz"):
            (folder / file.name).symlink_to(file.resolve())
        run = ["run", "translate", "--data", "multi30k", "--seconds", str(SECONDS), "--out", str(folder / "run")]
        run_process([*MAQUETTE, *run])
        ours = json.loads((folder / "run" / "scores.json").read_text())["scores"]
        peer = [sys.executable, "-m", "benchmarks.peers.marian", str(folder), str(VOCABULARY), str(SECONDS)]
        theirs = last_json(run_process(peer))
    note = f"BLEU {ours['bleu']:.1f} beside {theirs['bleu']:.1f}, chrF {ours['chrf']:.1f} beside {theirs['chrf']:.1f}"
    note += f"; {SECONDS:g} s each, {theirs['signature']}"
    return [
        Row("translation of Multi30k en-de: BLEU short of 33", max(0.0, 33 - ours["bleu"]), None, "BLEU", 0.0, note),
        Row("and short of MarianMT's and 8 more", max(0.0, theirs["bleu"] + 8 - ours["bleu"]), None, "BLEU", 0.0),
    ]
