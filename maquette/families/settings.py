"""Settings and options that recipes of one family share. Light: nothing here loads torch."""

import re
from typing import Any, ClassVar, Literal

from pydantic import field_validator

from maquette.settings import Options, Settings, option


class WritingOptions(Options):
    """How a language model goes on writing."""

    strategy: Literal["sample", "greedy", "beam"] = option("sample", "draw tokens, take the likeliest, or search beams")
    tokens: int = option(200, "most tokens to write", "tokens", ge=1, le=1_000_000)
    temperature: float = option(0.8, "below 1 bolder, above 1 more surprising; for sample", gt=0, le=10)
    top_k: int | None = option(None, "draw from the k likeliest only", ge=1)
    top_p: float = option(1.0, "draw from the likeliest that together reach this probability", gt=0, le=1)
    min_p: float = option(0.0, "draw only what is at least this part as likely as the likeliest", ge=0, lt=1)
    repetition_penalty: float = option(1.0, "above 1: what was said becomes less likely", gt=0, le=10)
    beams: int = option(4, "continuations that beam search follows", ge=1, le=256)
    length_penalty: float = option(1.0, "above 1 beam search likes longer texts", ge=-10, le=10)
    stop: str | None = option(None, "end before this text")
    samples: int = option(1, "continuations", ge=1, le=1024)
    seed: int = option(0, "where chance begins", ge=0, lt=2**32)


Shown = Literal["picture", "depth", "alpha"]
SHOWN = "colours, depth (near is bright), or opacity"


Three = tuple[float, float, float]
COLOURS: dict[str, Three] = {"white": (1.0, 1.0, 1.0), "black": (0.0, 0.0, 0.0), "grey": (0.5, 0.5, 0.5)}


def three_numbers(text: str) -> Three | None:
    """Of `0,0,1` or `0 0 1`."""
    try:
        x, y, z = map(float, re.split(r"[,;\s]+", text.strip()))
    except ValueError:
        return None
    return (x, y, z) if all(abs(each) < 1e9 for each in (x, y, z)) else None


def direction_of(text: str) -> Three:
    """Of `z`, `-y` or three numbers; `ValueError` for all else."""
    if match := re.fullmatch(r"([+-]?)([xyz])", text.strip().lower()):
        length = -1.0 if match[1] == "-" else 1.0
        x, y, z = (length * (axis == match[2]) for axis in "xyz")
        return x, y, z
    numbers = three_numbers(text)
    if numbers is None or max(map(abs, numbers)) < 1e-9:
        raise ValueError("must be x, y, z, -x, -y, -z or three numbers such as 0,0,1")
    return numbers


def colour_of(text: str) -> Three:
    """Of `white`, `black`, `grey`, `#rrggbb` or three numbers from 0 to 1; `ValueError` for all else."""
    word = text.strip().lower()
    if word in COLOURS:
        return COLOURS[word]
    if re.fullmatch("#[0-9a-f]{6}", word):
        red, green, blue = (int(word[at : at + 2], 16) / 255 for at in (1, 3, 5))
        return red, green, blue
    numbers = three_numbers(word)
    if numbers is None or not 0 <= min(numbers) <= max(numbers) <= 1:
        raise ValueError("must be white, black, grey, #rrggbb or three numbers from 0 to 1 such as 0.5,0.5,0.5")
    return numbers


class SceneSettings(Settings):
    """What recipes that learn a scene from photographs have in common."""

    READ: ClassVar = {"data", "longest", "hold_out", "masks", "background", "cameras", "features"}

    longest: int = option(480, "longer side of the pictures it learns from; larger ones are reduced", "px", ge=16)
    hold_out: int = option(8, "every so many views by name, one is kept for the scores", ge=2)
    masks: str | None = option(None, "a folder of pictures named like the photographs, white where pixels count")
    background: Literal["white", "black", "grey"] = option("white", "what transparent pictures are laid on")
    cameras: Literal["given", "solve", "each", "exhaustive", "retrieval", "sequential"] = option(
        "given",
        "as they come with the photographs, or found if they come with none; solve: found anew in any case, all "
        "photographs of a size taken through one lens; each: anew, each photograph through a lens of its own; "
        "exhaustive: anew, all pairs compared; retrieval: anew, each photograph compared with those that look like it; "
        "sequential: anew, each compared with its neighbours by name",
    )
    features: int = option(2048, "points looked for in each photograph, where cameras must be solved", ge=256)
    exposure: bool = option(True, "each photograph has its own brightness, tint and shadows, learned beside the scene")

    def reading(self) -> dict[str, Any]:
        """What `collect_scene` is told."""
        return self.model_dump(include=self.READ)


class FlyingOptions(Options):
    """How a scene is filmed."""

    path: str = option("orbit", "orbit, flight, or a JSON file of camera key frames")
    frames: int = option(120, "pictures of the film; of a single one --out may be a .png", ge=1, le=100_000)
    width: int | None = option(None, "of the film; of the training pictures if not set", "pixels", ge=1, le=2**14)
    height: int | None = option(None, "of the film, in the same way", "pixels", ge=1, le=2**14)
    rate: float = option(25.0, "pictures a second", ge=0.1, le=1000)
    show: Shown = option("picture", SHOWN)
    up: str | None = option(None, "what is up: x, y, z, -x, -y, -z or 0,0,1; as photographs or file say if not set")
    zoom: float = option(1.0, "how much larger things are shown", ge=0.01, le=100)
    background: str | None = option(
        None, "where nothing is: white, black, grey, #rrggbb or 0.5,0.5,0.5; as in training if not set"
    )

    @field_validator("up")
    @classmethod
    def _is_direction(cls, text: str | None) -> str | None:
        if text is not None:
            direction_of(text)
        return text

    @field_validator("background")
    @classmethod
    def _is_colour(cls, text: str | None) -> str | None:
        if text is not None:
            colour_of(text)
        return text


class ViewingOptions(Options):
    """What a camera shows of a scene."""

    show: Shown = option("picture", SHOWN)


class GeneratorSettings(Settings):
    """What recipes that make pictures understand; each sets defaults of its own by declaring a field again."""

    size: int | None = option(None, "side to which pictures are cropped and shrunk; 28 or 32", "px", ge=8, le=256)
    most_pictures: int | None = option(None, "use at most so many pictures, drawn at random", ge=16)
    epochs: int | None = option(None, "times the training pictures are seen; by their number if not set", ge=1)
    batch_size: int = option(64, "pictures a step", "pictures", ge=1)
    learning_rate: float | None = option(None, "size of the steps; as suits the network if not set", gt=0)
    valid_share: float = option(0.02, "part of the training pictures for the validation loss", gt=0, lt=0.5)
    test_share: float = option(0.15, "part kept for the scores, where the publisher keeps none", gt=0, lt=0.5)
    judged: int = option(2000, "pictures made for the scores", "pictures", ge=16, le=100_000)
    features: str | None = option(None, "an ONNX file of the Inception network, for distances as others publish them")


class SampleOptions(Options):
    """Which pictures are made; picture k of a seed is the same however many are asked for."""

    count: int = option(16, "pictures to make", "pictures", ge=1, le=100_000)
    seed: int = option(0, "where chance begins", ge=0, lt=2**63)
    class_: str | None = option(None, "the class of all of them, of a run that was trained on classes")


class PictureOptions(Options):
    """How pictures are taken."""

    pages: Literal["first", "all"] = option("first", "of files with several pages or frames: the first one, or all")


class ClassifierSettings(Settings):
    """What recipes with a classifier of pictures have in common."""

    network: Literal["resnet", "cnn", "softmax"] = option(
        "resnet", "a residual network, a plain small CNN, or one linear layer"
    )
    width: int = option(16, "channels of the first layer; the CNN has twice as many", ge=1, le=512)
    size: int | None = option(None, "side to which own pictures are cropped and shrunk", "px", ge=8, le=512)
    most_pictures: int | None = option(None, "use at most so many pictures, drawn at random", ge=12)
    epochs: int | None = option(None, "times the training pictures are seen; by their number if not set", ge=1)
    batch_size: int = option(128, "pictures a step", "pictures", ge=1)
    learning_rate: float = option(0.005, "size of the steps", gt=0)
    shift: int = option(1, "training pictures are moved by up to so much each way", "px", ge=0, le=64)
    valid_share: float = option(0.05, "part of the pictures for validation", gt=0, lt=0.5)
    test_share: float = option(0.2, "part kept for the scores, where the publisher keeps none", gt=0, lt=0.5)


class TableOptions(Options):
    """How a new table is taken."""

    unreadable: float = option(0.2, "refuse where more than this part of a column's values cannot be read", ge=0, le=1)


class TableSettings(Settings):
    """What regression and classification have in common."""

    target: str | None = option(None, "column to predict")
    missing: str | None = option(
        None, "words for a missing value, by commas, as NA,-; the usual ones, in a target only if few, if not set"
    )
    drop: str | None = option(None, "columns to leave out, by commas")
    only: str | None = option(None, "columns to learn from, by commas; all others are left out")
    network: Literal["ensemble", "mlp"] = option("ensemble", "16 small networks in one, or one plain network")
    scaling: Literal["quantile", "standard", "minmax"] = option("quantile", "how columns of numbers are scaled")
    epochs: int | None = option(None, "times the training rows are seen; by the number of rows if not set", ge=1)
    batch_size: int | None = option(None, "rows a step; by the number of rows if not set", "rows", ge=1)
    learning_rate: float = option(0.006, "size of the steps; the ensemble's is for batches of 256 rows", gt=0)
    patience: int | None = option(None, "stop when so many epochs brought nothing better on the validation part", ge=1)
    keep_best: bool = option(True, "keep the weights that did best on the validation part, not the last ones")
    valid_share: float = option(0.16, "part of the rows for validation", gt=0, lt=0.5)
    test_share: float = option(0.2, "part of the rows kept for the scores", gt=0, lt=0.5)
    ordinal: bool = option(
        False, "categories as one number each, and rows with missing values dropped, as in the course"
    )


TABLE_COURSE: dict[str, Any] = {
    "network": "mlp",
    "scaling": "minmax",
    "ordinal": True,
    "epochs": 10,
    "learning_rate": 0.001,
    "keep_best": False,
}  # what the course prints, with a batch size of each recipe's own
