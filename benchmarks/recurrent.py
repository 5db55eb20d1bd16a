"""An LSTM of the default size: training beside a plain loop over nn.LSTM, writing, and the loss after 30 and 145 s."""

import json
import tempfile
import time
from pathlib import Path

from benchmarks.measure import MAQUETTE, Row, alternate, run_process

VOCABULARY, ROWS, CONTEXT = 65, 32, 64  # tiny Shakespeare's letters; streams and tokens a step
STEPS, ROUNDS = 12, 5
WRITTEN = 1000  # letters
LOSSES = {30: 1.70, 145: 1.60}  # nats a letter, by seconds of training


def measure() -> list[Row]:
    from maquette.data.sets.fetching import find

    steps = alternate(trainers(), ROUNDS)
    written = alternate(writers(), ROUNDS)
    size = f"{ROWS} streams of {CONTEXT} letters"
    rows = [
        Row("recurrent: steps of training beside nn.LSTM", steps["ours"], steps["torch"], "s", 1.0, size),
        Row(
            "recurrent: letters written beside torch's loop",
            written["ours"],
            written["torch"],
            "s",
            1 / 5,
            "one by one",
        ),
    ]
    found = find("tinyshakespeare")
    if found.origin == "embedded":
        return rows
    for seconds, target in LOSSES.items():
        made = trained(found.path, seconds)
        note = f"{made['steps']:,} steps"
        rows.append(Row(f"recurrent: its loss after {seconds} s", made["loss"], None, "nats", target, note))
    return rows


def trainers() -> dict:
    """Some steps of training: ours, and as one writes them with torch alone, of the same network."""
    import torch
    from torch import nn
    from torch.nn import functional

    from maquette.devices import precision
    from maquette.models.recurrent import Recurrent
    from maquette.recipes.recurrent.recipe import optimizers_for
    from maquette.training import update

    torch.manual_seed(0)
    torch.set_num_threads(2)
    tokens = torch.randint(VOCABULARY, (ROWS, CONTEXT + 1))
    ours = Recurrent(vocabulary=VOCABULARY)
    stepper = optimizers_for(ours, "muon", 0.03)
    table, body, head = nn.Embedding(VOCABULARY, 64), nn.LSTM(64, 320, batch_first=True), nn.Linear(320, VOCABULARY)
    adam = torch.optim.AdamW([*table.parameters(), *body.parameters(), *head.parameters()], 1e-3)

    def us() -> float:
        state, began = ours.start(ROWS), time.perf_counter()
        for _ in range(STEPS):
            with precision(torch.device("cpu"), ours.width):
                logits, state = ours.follow(tokens[:, :-1], state)
            state = tuple(each.detach().float() for each in state)
            update(stepper, functional.cross_entropy(logits.float().flatten(0, 1), tokens[:, 1:].flatten()), 1.0)
        return time.perf_counter() - began

    def peer() -> float:
        state, began = None, time.perf_counter()
        for _ in range(STEPS):
            outputs, state = body(table(tokens[:, :-1]), state)
            state = tuple(each.detach() for each in state)
            loss = functional.cross_entropy(head(outputs).flatten(0, 1), tokens[:, 1:].flatten())
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(body.parameters(), 1.0)
            adam.step()
        return time.perf_counter() - began

    us(), peer()
    return {"ours": us, "torch": peer}


def writers() -> dict:
    """The same letters, written as `maquette predict` does and by the network as it is, a call a letter."""
    import torch

    from maquette.methods.sampling import generate, greedy
    from maquette.models.reading import for_writing
    from maquette.models.recurrent import Recurrent
    from maquette.training import set_threads

    torch.manual_seed(0)
    model = Recurrent(vocabulary=VOCABULARY).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    letters: dict[str, list[int]] = {}

    def writing(name: str, writer: object) -> float:
        set_threads(sum(weight.numel() for weight in model.parameters()))
        began = time.perf_counter()
        letters[name] = [int(step[0]) for step in generate(writer, [1, 2, 3], tokens=WRITTEN, choose=greedy)]
        return time.perf_counter() - began

    jobs = {
        "ours": lambda: writing("ours", for_writing(model, 1, WRITTEN)),
        "torch": lambda: writing("torch", model),
    }
    for job in jobs.values():
        job()
    assert letters["ours"] == letters["torch"], "both should write the same"
    return jobs


def trained(text: Path, seconds: float) -> dict[str, float]:
    """Loss over the whole test part after about so many seconds of training with the defaults."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        flags = ["--data", str(text), "--probe", "0", "--seconds", str(seconds), "--out", str(out)]
        run_process([*MAQUETTE, "run", "recurrent", *flags])
        scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
        last = json.loads((out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    return {"loss": scores["scores"]["loss"], "steps": last["step"]}
