"""How probable MNIST's test digits are to our VAE and to pythae's, trained for the same minutes on the same digits.

MAQUETTE_VAE_SECONDS sets the seconds of each training, 300 if not set; MAQUETTE_VAE_DRAWS the draws, 500 if not set. On
two cores, 5 minutes of training take some 20 more of drawing.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import MAQUETTE, Row, last_json, run_process

PEER = Path(__file__).parent / "peers" / "pythae_vae.py"
TARGETS = {300.0: 86.0, 600.0: 84.5}  # nats, by the seconds of training
JUDGED = {"mlp": 10_000, "conv": 200}  # test digits, by the peer's network, of which one takes long; ours: all
BELOW = 4.0  # nats that ours is to be below the peer's


def measure() -> list[Row]:
    seconds, draws = float(os.environ.get("MAQUETTE_VAE_SECONDS", 300)), os.environ.get("MAQUETTE_VAE_DRAWS", "500")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        flags = ["--data", "mnist", "--seconds", str(seconds), "--draws", draws]
        run_process([*MAQUETTE, "run", "vae", *flags, "--out", str(out)])
        ours = json.loads((out / "scores.json").read_text(encoding="utf-8"))["scores"]
    peers = {
        name: last_json(run_process([sys.executable, str(PEER), str(seconds), draws, name, str(judged)]))
        for name, judged in JUDGED.items()
    }
    what = f"nats a digit after {seconds:.0f} s, {draws} draws"
    rows = [Row(f"VAE on MNIST, {what}", ours["nll"], target=TARGETS.get(seconds), note=f"ELBO {ours['neg_elbo']:.2f}")]
    for name, peer in peers.items():
        note = f"{peer['nll'] - ours['nll']:+.2f} nats, its own +- {peer['error']:.2f} of {JUDGED[name]:,} digits; "
        note += f"{peer['digits_a_second']:.0f} digits a second"
        rows.append(
            Row(f"beside pythae's VAE, {name}", ours["nll"], peer["nll"], "nats", 1 - BELOW / peer["nll"], note)
        )
    return rows
