"""`gan` beside the course's DCGAN in Keras, each given the same seconds, pictures and measures; and beside `diffusion`.

The course's batch of 256 with its large layers sees few pictures in that time on a processor. SECONDS of the
environment sets how long each trains; the targets are for 600.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

import maquette
from benchmarks.measure import MAQUETTE, Row, run_process
from maquette.data.pictures.small import SmallImages, small_images
from maquette.data.sets.fetching import resolve
from maquette.families.generating import Pictures
from maquette.families.picture_features import OwnFeatures
from maquette.measures.generated import frechet_distance
from maquette.recipes import RECIPES

SECONDS = float(os.environ.get("SECONDS", 600))
MADE = 10_000  # pictures, as many as there are test pictures
SEEN = 120_000  # by the classifier whose features are compared
KERAS = Path(__file__).parent / "peers" / "keras_dcgan.py"


class Scale(NamedTuple):
    """What made pictures are measured with: features, and those of the test pictures."""

    features: OwnFeatures
    test: np.ndarray

    def of(self, pictures: np.ndarray) -> float:
        """The feature distance of pictures (N, H, W, C), uint8."""
        return frechet_distance(self.test, self.features(as_tensor(pictures)))


def measure() -> list[Row]:
    images = small_images(resolve("fashion_mnist", "fashion_mnist").path)
    assert images.test is not None and images.labels is not None
    known = np.setdiff1d(np.arange(len(images.pixels)), images.test)
    scale = scale_of(images, known)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        np.save(place / "pictures.npy", images.pixels[known])
        command = [sys.executable, str(KERAS), str(place / "pictures.npy"), str(SECONDS), str(MADE)]
        said = run_process([*command, str(place / "made.npy")]).output
        peer = json.loads(said.strip().splitlines()[-1])
        theirs = scale.of(np.load(place / "made.npy"))
        ours = scale.of(drawn(place, "gan"))
        course = scale.of(drawn(place, "gan", "--preset", "course"))
        floor = scale.of(images.pixels[np.random.default_rng(0).permutation(known)[:MADE]])
        rows = [
            Row(
                f"gan on Fashion-MNIST, feature distance after {SECONDS:.0f} s, beside DCGAN in Keras",
                ours,
                theirs,
                "",
                1 / 3,
                f"training pictures {floor:.2f}; Keras sees {peer['pictures a second']:.0f} pictures a second",
            ),
            Row("the same, at most", ours, target=20.0),
            Row("gan --preset course beside Keras", course, theirs),
        ]
        if "diffusion" in RECIPES:
            rows.append(Row("gan beside diffusion, the same seconds", ours, scale.of(drawn(place, "diffusion"))))
        rows += flowers(place)
    return rows


def scale_of(images: SmallImages, known: np.ndarray) -> Scale:
    assert images.test is not None and images.labels is not None
    parts = Pictures(as_tensor(images.pixels[known]), torch.from_numpy(images.labels[known]).long())
    features = OwnFeatures(parts, len(images.classes), seen=SEEN, device=torch.device("cpu"))
    return Scale(features, features(as_tensor(images.pixels[images.test])))


def as_tensor(pictures: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))


def drawn(place: Path, recipe: str, *flags: str) -> np.ndarray:
    """What a run of some seconds makes, (N, H, W, C) uint8."""
    out = place / "-".join([recipe, *flags])
    command = [*MAQUETTE, "run", recipe, "--data", "fashion_mnist", "--seconds", str(SECONDS), *flags]
    run_process([*command, "--out", str(out)])
    made = np.stack(maquette.open(out).use("sample", count=MADE))
    return np.rint(made.clip(0, 1) * 255).astype(np.uint8)


def flowers(place: Path) -> list[Row]:
    """What the report itself says of flowers of 64 x 64 pixels, of which there are few."""
    found = resolve("flowers64", "flowers64")
    if found.origin == "embedded":
        return []
    out = place / "flowers"
    run_process(
        [
            *MAQUETTE,
            "run",
            "gan",
            "--data",
            str(found.path),
            "--size",
            "64",
            "--seconds",
            str(SECONDS),
            "--out",
            str(out),
        ]
    )
    scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))["scores"]
    note = f"coverage {scores['coverage']:.2f}, feature distance {scores['feature_distance']:.3g}"
    return [
        Row(
            f"gan on flowers64 after {SECONDS:.0f} s, flowers without a made one near",
            1 - scores["coverage"],
            target=0.7,
            note=note,
        ),
        Row(
            "of its samples, those that are copies",
            scores["copies"],
            note="share nearer to a training than to a test picture",
        ),
    ]
