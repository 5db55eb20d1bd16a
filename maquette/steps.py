"""The steps of every system, the sections of its report, and the values that pass between steps."""

from dataclasses import dataclass, field
from typing import Any, Protocol

STEPS = {
    "frame": "Framing",
    "collect": "Data collection",
    "analyze": "Data analysis",
    "process": "Feature processing",
    "build": "Model building",
    "train": "Training",
    "score": "Scoring",
}
PREDICTION = "predict"
SECTIONS = {**{step: title for step, title in STEPS.items() if step != "score"}, PREDICTION: "Prediction"}
TIMED = {**STEPS, PREDICTION: "Prediction"}


@dataclass(frozen=True)
class Framing:
    """The question a run answers, what goes in and comes out, and the score that decides.

    headline: what was found in the recipe's own sense, with `{score}` for a score and `{baseline|score}` for one of a
    baseline; without one the report says how the deciding score stands to the best baseline.
    """

    question: str
    inputs: str
    outputs: str
    score: str
    higher_is_better: bool = False
    headline: str = ""


class Prepared(Protocol):
    """What processing hands on; each recipe or family has a dataclass of its own, with these fields among others.

    `processing` holds plain values and arrays only; it is saved beside the weights and is all that uses get of it.
    `examples` are raw inputs from the test part, as a user would hand them to `predict`, or None.
    """

    @property
    def processing(self) -> dict[str, Any]: ...

    @property
    def examples(self) -> Any: ...


@dataclass(frozen=True)
class Fitted:
    """What training found besides weights: `processing` joins the prepared one and is saved with it.

    A recipe whose scoring needs more than that adds fields of its own.
    """

    processing: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scores:
    """What the model reached on the test part, what others reach on the same rows, and the units of the scores."""

    values: dict[str, float]
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
