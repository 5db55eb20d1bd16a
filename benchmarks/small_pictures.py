"""MNIST through 32 numbers, the course's network and the default; classifiers of small pictures, and how they fall."""

import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import MAQUETTE, Row, run_process
from maquette.trained import read_metrics

PRINTED = 0.0104  # training MSE that the course's notebook prints after its 10 epochs


def measure() -> list[Row]:
    course, default = trained("autoencoder", "--preset", "course"), trained("autoencoder")
    seconds = [made["training"] for made in (default, course)]
    digits, clothes = trained("image_classification"), trained("image_classification", "--data", "fashion_mnist")
    attack = trained("attack")
    fallen = attack["baselines"]["softmax regression"]
    hardened, plain = attack["scores"], attack["baselines"]["undefended"]
    return [
        Row(
            "course's autoencoder on MNIST, training MSE", of(course, "training_mse"), PRINTED, "", 1.05, tests(course)
        ),
        Row(
            "default autoencoder, 32 numbers, training MSE",
            of(default, "training_mse"),
            PRINTED,
            "",
            0.5,
            tests(default),
        ),
        Row("its training beside the course's", *seconds, "s", 1.0),
        Row("image_classification on MNIST, error", 1 - of(digits, "accuracy"), note=time(digits)),
        Row("image_classification on Fashion-MNIST, error", 1 - of(clothes, "accuracy"), note=time(clothes)),
        Row(
            "softmax regression on MNIST, right after FGSM of 0.25",
            fallen["accuracy_fgsm"],
            target=0.01,
            note=f"{fallen['accuracy']:.1%} before",
        ),
        Row(
            "MNIST after PGD of 0.25: right, undefended beside defended",
            plain["accuracy_pgd"],
            hardened["accuracy_pgd"],
            note=f"without attack {plain['accuracy']:.1%} and {hardened['accuracy']:.1%}; {time(attack)}",
        ),
    ]


def trained(recipe: str, *flags: str) -> dict[str, Any]:
    """What `scores.json` says of a run with the default settings, but for the flags, and the seconds of its steps."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        run_process([*MAQUETTE, "run", recipe, *flags, "--out", str(out)])
        made = json.loads((out / "scores.json").read_text(encoding="utf-8"))
        first, last = (read_metrics(out)[place] for place in (0, -1))
        step = (last["seconds"] - first["seconds"]) / (last["step"] - first["step"])  # without reading and analysing
        return made | {"training": step * last["step"]}


def of(made: dict[str, Any], score: str) -> float:
    return made["scores"][score]


def tests(made: dict[str, Any]) -> str:
    principal = next(values for name, values in made["baselines"].items() if name.startswith("PCA"))
    return f"test {of(made, 'mse'):.5f}, 32 principal components {principal['mse']:.5f}"


def time(made: dict[str, Any]) -> str:
    return f"trained in {made['training']:.0f} s"
