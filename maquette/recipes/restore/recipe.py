"""Pictures restored: a network learns the way back from spoiled pictures to clean ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator

from maquette.recipes.restore import data as restoring
from maquette.recipes.restore import networks as restorers
from maquette.recipes.restore import report as restored
from maquette.settings import Options as BaseOptions
from maquette.settings import Settings as BaseSettings
from maquette.settings import UserError, option
from maquette.steps import Framing, Prepared, Scores

if TYPE_CHECKING:
    import numpy as np

    from maquette.recipes.restore.data import Pictures
    from maquette.runs import Run

SOURCE = "denoise"


def check_levels(text: str) -> str:
    """`0.1` or `0.02..0.2`, standard deviations above 0 and at most 1."""
    number = r"(\d+\.?\d*(?:e-?\d+)?|\.\d+)"
    found = re.fullmatch(rf"{number}(?:(?:-|\.\.|:){number})?", text.replace(" ", "").lower())
    try:
        low, high = (float(part) for part in (found[1], found[2] or found[1])) if found else (0.0, 0.0)
    except ValueError:
        low = high = 0.0
    if not 0 < low <= high <= 1:
        raise ValueError("is one number above 0 and at most 1, or a range such as 0.02..0.2; 25 of 255 is 0.098")
    return f"{low:g}..{high:g}" if high > low else f"{low:g}"


class Settings(BaseSettings):
    task: Literal["noise", "poisson", "downres", "saturate", "jpeg"] = option(
        "noise", "how clean pictures are spoiled, if no spoiled ones are given"
    )
    pairs: str | None = option(None, "a folder of spoiled pictures with the names and sizes of the clean ones in data")
    sigma: Annotated[str, BeforeValidator(str), AfterValidator(check_levels)] = option(
        "0.1", "standard deviation of the noise on the 0..1 scale (of photons: at white), one value or a range a..b"
    )
    clip: bool = option(True, "clip the spoiled picture to 0..1, as an 8-bit file would")
    factor: float = option(2.0, "downres: how many times smaller the picture was; the course's is 1.28", gt=1, le=16)
    saturation: float = option(1.5, "saturate: how many times stronger the colours are", gt=0, le=10)
    quality: int = option(20, "jpeg: quality of the compression", ge=1, le=100)
    network: Literal["unet", "dncnn", "cnn"] = option("unet", "UNet, DnCNN, or the course's three layers")
    width: int = option(32, "unet: channels at the highest resolution", ge=8, le=512, multiple_of=8)
    colour: Literal["auto", "grey", "colour"] = option("auto", "one channel or three; auto: grey if all pictures are")
    test: str | None = option(None, "pictures for the scores, a folder or zip; a fifth of the data if not given")
    patch: int = option(64, "side of the patches it learns from", "pixels", ge=16, le=1024)
    batch_size: int = option(8, "patches a step", ge=1)
    steps: int = option(2500, "batches it learns from", ge=1)
    learning_rate: float = option(0.005, "size of the steps; the UNet's and DnCNN's are orthogonal ones (Muon)", gt=0)
    cache_mb: int = option(1000, "memory for decoded pictures; of more than fit, windows are kept in turn", "MB", ge=16)


class Options(BaseOptions):
    memory_mb: int = option(500, "memory for the network's work, which bounds the size of the tiles", "MB", ge=50)
    enlarge: bool = option(False, "downres: enlarge the picture by the factor of training, then restore it")
    grey: bool = option(False, "turn colour pictures grey for a network that was trained on grey ones")


PRESETS: dict[str, dict[str, Any]] = {
    "small": {"width": 8, "patch": 32, "batch_size": 4, "steps": 30, "learning_rate": 0.01},
    "course": {
        "network": "cnn",
        "patch": 128,
        "batch_size": 32,
        "steps": 100,
        "learning_rate": 0.001,
        "colour": "colour",
    },
    "full": {"width": 96, "patch": 128, "batch_size": 64, "steps": 100_000, "learning_rate": 0.0025},
}

TASKS = {
    "noise": "noise",
    "poisson": "photon noise",
    "downres": "loss of resolution",
    "saturate": "too strong colours",
    "jpeg": "JPEG compression",
    "pairs": "what was done to it",
}


def frame(settings: Settings) -> Framing:
    return Framing(
        question=f"What did a picture look like before {TASKS[restoring.task_of(settings)]}?",
        inputs="a spoiled picture of any size",
        outputs="the picture restored, of the same size",
        score="psnr",
        higher_is_better=True,
    )


def collect(settings: Settings, run: Run) -> Pictures:
    from dataclasses import replace

    from maquette.data.sets.sources import resolve

    if settings.pairs and settings.test:
        raise UserError("--test cannot go with --pairs: its pictures would need partners; leave one of them out.")
    found = resolve(settings.data, SOURCE)
    path, test_path = found.path, None if settings.test is None else resolve(settings.test, SOURCE).path
    if (path / "Train400").is_dir() and (path / "BSD68").is_dir():
        path, test_path = path / "Train400", test_path or path / "BSD68"
    clean, partners = restoring.open_set(path, settings.patch), None
    if settings.pairs:
        folder = Path(settings.pairs).expanduser()
        if not folder.exists():
            raise UserError(f"--pairs {settings.pairs}: there is no such folder.")
        clean, partners = restoring.matched(clean, restoring.open_set(folder, settings.patch), run, settings.pairs)
    test = restoring.open_set(test_path, 16) if test_path else None
    if len(clean) < (3 if test is None else 2):
        raise UserError(
            f"{path} has {len(clean)} usable picture(s) of at least {settings.patch} pixels a side; training, "
            "validation and test need one each: give more pictures, or a smaller --patch."
        )
    channels = 1 if settings.colour == "grey" else 3
    if settings.colour == "auto":
        channels = max(entry.channels for entry in clean.entries)
    if settings.task == "saturate" and not settings.pairs and channels == 1:
        raise UserError("--task saturate needs pictures in colour, and these are grey.")
    digests = [each.digest() for each in (clean, partners, test) if each is not None]
    notes = [note for each in (clean, partners, test) if each is not None for note in each.notes()]
    run.record_source(replace(found, sha256="+".join(digests)), pictures=len(clean), channels=channels)
    for note in notes:
        run.warn(note)
    return restoring.Pictures(clean, partners, test, channels)


def analyze(pictures: Pictures, settings: Settings, run: Run) -> dict[str, Any]:
    import numpy as np
    import pandas as pd

    from maquette.figures.images import rows

    entries = pictures.clean.entries
    sizes = pd.Series([f"{entry.width} x {entry.height}" for entry in entries]).value_counts()
    table = sizes.rename_axis("size").reset_index(name="pictures")
    run.table("Sizes", table.head(12), f"The 12 commonest of {len(table)} sizes." if len(table) > 12 else "")
    some = np.unique(np.linspace(0, len(entries) - 1, 5).astype(int))
    shown = list(restoring.held_out(pictures, [int(n) for n in some], settings, run, 192))
    spoiled = [np.clip(pair.spoiled, 0, 1) for pair in shown]
    run.picture(
        "task",
        rows({"clean": [pair.clean for pair in shown], "spoiled": spoiled}, [Path(pair.name).name for pair in shown]),
        "What is to be undone",
        "The middle of some pictures, as they are and as they are spoiled.",
    )
    run.formula(FORMULAS[restoring.task_of(settings)].format(**settings.model_dump()))
    return {"pictures": len(entries), "pixels": sum(entry.height * entry.width for entry in entries)}


FORMULAS = {
    "noise": "spoiled = clean + sigma * n,   n ~ N(0, 1) for each pixel and channel,   sigma = {sigma}",
    "poisson": "spoiled = Poisson(clean / sigma^2) * sigma^2,   sigma = {sigma}",
    "downres": "spoiled = enlarge(reduce(clean, {factor}), {factor}),   both by the nearest pixel",
    "saturate": "S(spoiled) = min(1, {saturation} * S(clean)),   S = (max - min) / max of red, green, blue",
    "jpeg": "spoiled = JPEG(clean),   quality {quality}",
    "pairs": "spoiled and clean pictures as they were given",
}


def process(pictures: Pictures, settings: Settings, run: Run) -> Prepared:
    count = len(pictures.clean)
    order = [int(number) for number in run.random("split").permutation(count)]
    tested = 0 if pictures.test is not None else max(1, round(0.2 * count))
    checked = max(1, min(restoring.MOST_VALID, count // 5))
    test, valid, train = order[:tested], order[tested : tested + checked], order[tested + checked :]
    if pictures.test is not None:
        test = [int(number) for number in run.random("test").permutation(len(pictures.test))]
    source = pictures.test or pictures.clean
    test = restoring.choose_test(source.entries, test)
    run.fact("Training pictures", len(train))
    run.fact("Validation pictures", len(valid))
    run.fact("Test pictures", len(test))
    run.say(
        "Pictures are whole in one part only. Training sees random patches of "
        f"{settings.patch} x {settings.patch} pixels, turned and mirrored, spoiled anew each time."
    )
    large = [n for n in test if source.entries[n].height * source.entries[n].width > restoring.LARGE]
    if large:
        run.say(
            f"Of {len(large)} large test pictures the middle {restoring.TEST_SIDE} x {restoring.TEST_SIDE} is scored."
        )
    processing = {
        "channels": pictures.channels,
        "task": restoring.task_of(settings),
        "factor": settings.factor,
        "network": settings.network,
    }
    examples = [pair.spoiled[:256, :256] for pair in restoring.held_out(pictures, test[:4], settings, run)]
    return Prepared(train, valid, (pictures, test), processing, examples)


def build(prepared: Prepared, settings: Settings) -> Any:
    return restorers.build_network(prepared.processing["channels"], settings)


def train(model: Any, prepared: Prepared, settings: Settings, run: Run) -> Scores:
    import torch

    from maquette.data.pictures.patches import Patches
    from maquette.figures.training import losses

    pictures, test = prepared.test
    sizes, entries = pictures.sizes(), pictures.clean.entries
    patches = Patches(
        lambda number: pictures.read(prepared.train[number]),
        [sizes[number] for number in prepared.train],
        size=settings.patch,
        batch_size=settings.batch_size,
        seed=settings.seed,
        cache_mb=settings.cache_mb / (2 if pictures.partners else 1),
        dtypes=[restoring.kept_as(entries[number]) for number in prepared.train],
    )
    if not patches.all_fit:
        run.say(
            f"The pictures do not fit into {settings.cache_mb} MB: windows of {len(patches.kept)} of them are kept "
            "at a time, one replaced every few batches."
        )
    valid = list(restoring.held_out(pictures, prepared.valid, settings, run, restoring.VALID_SIDE))
    restorers.fit(model, patches, valid, settings, run)
    if not run.is_main:
        return Scores({})
    model = model.to("cpu").eval()
    run.picture("losses", losses(run.metrics(), {"loss": "loss"}), restorers.LOSS[settings.network])
    run.picture(
        "validation",
        losses(run.metrics(), {"valid_psnr": "psnr"}, unit="dB", higher_is_better=True),
        "PSNR of the validation pictures",
    )
    with torch.inference_mode(), run.section("predict"):
        return restored.score(model, pictures, test, valid, settings, run)


def predict(
    model: Any,
    processing: dict[str, Any],
    inputs: list[Any],
    *,
    memory_mb: int = 500,
    enlarge: bool = False,
    grey: bool = False,
) -> list[np.ndarray]:
    """Each picture restored: (H, W, C) float32 of its own size, or larger with `enlarge`.

    inputs: pictures of any size, as `data.pictures.files.as_pixels` takes them. A network trained on grey pictures
    restores each colour channel by itself; one trained in colour sees a grey picture as three equal channels.
    """
    import numpy as np

    from maquette.data.pictures.files import as_pixels, to_channels
    from maquette.methods.spoiling import nearest
    from maquette.progress import Progress

    if enlarge and processing["task"] != "downres":
        raise UserError(
            "--enlarge needs a run with --task downres; this one learned to undo " + processing["task"] + "."
        )
    channels, answers = processing["channels"], []
    tile = restorers.tile_side(model, memory_mb)
    for each in inputs:
        pixels = as_pixels(each)
        if enlarge:
            factor = processing["factor"]
            pixels = nearest(pixels, round(pixels.shape[0] * factor), round(pixels.shape[1] * factor))
        given = pixels.shape[2]
        progress = Progress("restoring", "tile")
        if channels == given:
            answer = restorers.run_network(model, pixels, tile, progress.update)
        elif channels == 1 and grey:
            answer = restorers.run_network(model, to_channels(pixels, 1), tile, progress.update)
        elif channels == 1:
            restorers.say_once(
                "A picture in colour, a network for grey ones: each colour channel is restored by itself."
            )
            parts = [restorers.run_network(model, pixels[..., c : c + 1], tile, progress.update) for c in range(3)]
            answer = np.concatenate(parts, axis=2)
        else:
            answer = to_channels(restorers.run_network(model, to_channels(pixels, 3), tile, progress.update), 1)
        progress.close()
        answers.append(answer)
    return answers
