"""Pictures from words: what is right of captioned shapes after ten minutes in all, and ranks of own prompts.

dalle2-pytorch, the open DALL-E 2, is no peer here: it brings its own PyTorch, and its last release is of 2023.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import MAQUETTE, Row, run_process
from maquette.data.sets.fetching import get
from maquette.settings import UserError

OTHERS = ("noto_emoji", "flowers64")  # sets that are no shapes, where they can be had
SECONDS = 240  # of training on these


def measure() -> list[Row]:
    whole = trained("captioned_shapes")
    scores, real = whole["scores"], whole["baselines"]["real pictures"]
    took = f"{whole['took']:.0f} s in all with CLIP, {whole['seconds']['train']:.0f} s of them its own training"
    rows = [
        Row(f"share of pictures with a wrong attribute, {name}", 1 - scores[score], target=target, note=note)
        for name, score, target, note in (
            ("combinations seen", "right_seen", 0.05, took),
            ("combinations never seen", "right_unseen", 0.15, f"real pictures: {1 - real['right_unseen']:.3f}"),
            ("text alone", "right_text_alone", 0.2, "without an embedding, half of them of combinations never seen"),
        )
    ]
    for name in OTHERS:
        try:
            get(name)
        except UserError:
            continue
        made = trained(name, "--seconds", str(SECONDS))
        real_rank = made["baselines"]["real pictures"]["rank"]
        rows.append(
            Row(f"rank among 100 captions, {name}", made["scores"]["rank"], real_rank, note="beside real ones'")
        )
    return rows


def trained(data: str, *flags: str) -> dict[str, Any]:
    """What `scores.json` says of a run, and the seconds that the command took."""
    with tempfile.TemporaryDirectory() as folder:
        out, began = Path(folder) / "run", time.perf_counter()
        run_process([*MAQUETTE, "run", "text_to_image", "--data", data, *flags, "--out", str(out)])
        took = time.perf_counter() - began
        return json.loads((out / "scores.json").read_text(encoding="utf-8")) | {"took": took}
