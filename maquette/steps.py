"""The seven steps of every system, and the values that pass between them."""

from dataclasses import dataclass, field
from typing import Any

STEPS = {
    "frame": "Framing",
    "collect": "Data collection",
    "analyze": "Data analysis",
    "process": "Feature processing",
    "build": "Model building",
    "train": "Training",
    "predict": "Prediction",
}


@dataclass(frozen=True)
class Framing:
    """The question a run answers, what goes in and comes out, and the score that decides."""

    question: str
    inputs: str
    outputs: str
    score: str
    higher_is_better: bool = False


@dataclass(frozen=True)
class Prepared:
    """What processing hands to training: three parts of the data, what was fitted on the first, and a few raw examples.

    `processing` holds plain values and arrays only; it is saved beside the weights and is all that `predict` gets.
    `examples` are raw inputs from the test part, as a user would hand them to `predict`.
    """

    train: Any
    valid: Any
    test: Any
    processing: dict[str, Any] = field(default_factory=dict)
    examples: Any = None


@dataclass(frozen=True)
class Scores:
    """What training reached on the test part, what others reach on the same rows, and the units of the scores."""

    values: dict[str, float]
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
