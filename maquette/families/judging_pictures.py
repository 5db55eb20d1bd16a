"""How good made pictures are: measured beside real ones, beside spoiled ones, and laid beside what was learnt from."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from maquette.data.pictures.mosaics import mosaic
from maquette.data.rows import evenly
from maquette.families.generating import GeneratorParts, Pictures, drawn_classes, pixels_of
from maquette.families.picture_features import FileFeatures, OwnFeatures, asked, taught
from maquette.figures.images import rows
from maquette.figures.made_pictures import class_coverage, ladder
from maquette.measures.copying import Copying, copies
from maquette.measures.generated import deviations, feature_scores, frechet_distance, manifolds
from maquette.measures.patches import patch_distance
from maquette.runs import Run
from maquette.steps import Scores

Make = Callable[[int, Tensor | None], Tensor]  # how many, and their classes (n,) or None, to uint8 (n, C, H, W)

NEIGHBOURS = 5
SEEN = 20  # pictures that the judging classifier looks at, for each one that is judged
FEW = 50  # pictures below which distances say little
FOR_COPIES = 200  # made pictures that the share of copies is told from, where there are fewer to compare with
COMPARED = 16  # pixels: the side to which pictures are brought when near ones are looked for
NOISE = 0.2  # deviation of what noisy pictures have, on the 0..1 scale
SURE = 3.0  # deviations from chance
SHOWN = 12
SHARES = ("precision", "recall", "coverage")  # scores that stay within 0..1
FLOOR, OURS = "training pictures", "this model"


def check_features(features: str | None) -> None:
    """Refuse now a file that pictures cannot be judged by once they are made."""
    if features is not None:
        FileFeatures(Path(features))


def judge(
    make: Make,
    parts: GeneratorParts,
    run: Run,
    *,
    count: int,
    features: str | None = None,
    with_classes: bool = False,
) -> Scores:
    """Scores of what `make` makes against the test pictures, beside real and spoiled ones, and the report's pictures.

    count: how many pictures are made and compared, less where there are fewer to compare with. features: an ONNX file
    of Inception, for FID. with_classes: `make` is given classes, in their shares, and makes pictures of them.

    Returned: feature_distance, kernel_distance, precision, recall, density, coverage with the ends of their 95 %
    intervals, copies with its own, sliced_wasserstein; fid with `features`; taught_accuracy with classes. Baselines:
    training pictures, which the judging classifier has not seen, as the floor that no maker should fall below; and the
    same pictures blurred, noisy, and half of their kinds. The same run gives the same scores each time.
    """
    generator = run.random("judged")
    n = min(count, len(parts.test), len(parts.train) // 4)
    order = generator.permutation(len(parts.train))
    held, known = parts.train.some(order[:n]), parts.train.some(order[n:])
    real = parts.test.some(evenly(len(parts.test), n))
    wanted = max(n, min(count, FOR_COPIES))
    shares = parts.processing.get("shares")
    classes = drawn_classes(wanted, shares, run.settings.seed) if with_classes and shares else None
    made = Pictures(make(wanted, classes).cpu(), classes)
    own = OwnFeatures(known, len(parts.processing["classes"]), seen=SEEN * count, device=run.device)
    tell_how(own, real, n, run)
    compared = spoiled(held, own, run.random("spoiled"))
    values, baselines = measured(made.pictures[:n], compared, real, own, generator)
    found = copied(made.pictures, parts)
    values |= {"copies": found.share, "copies_low": found.low, "copies_high": found.high}
    if features is not None:
        published = FileFeatures(Path(features))
        true = published(real.pictures)
        values["fid"] = frechet_distance(true, published(made.pictures[:n]))
        for name, pictures in compared.items():
            baselines[name]["fid"] = frechet_distance(true, published(pictures))
        run.say(f"fid is of {n:,} pictures by the features of {Path(features).name}; others take 50,000.")
    if classes is not None and len(parts.processing["classes"]) > 1:
        learnt_from = {OURS: made.some(slice(n)), FLOOR: held}
        reached = {name: taught_accuracy(each, parts, SEEN * count, run) for name, each in learnt_from.items()}
        values["taught_accuracy"], baselines[FLOOR]["taught_accuracy"] = reached[OURS], reached[FLOOR]
    show_scale(values, baselines, compared, run)
    tell_copies(values, baselines, found, run)
    if own.is_learnt:
        show_classes(made.pictures[:n], held, real, own, parts.processing["classes"], run)
    show_nearest(made.pictures, parts, found, run)
    return Scores(values, baselines)


def tell_how(own: OwnFeatures, real: Pictures, n: int, run: Run) -> None:
    """What the scores rest on."""
    if own.is_learnt and real.classes is not None:
        right = float((own.classes_of(real.pictures) == real.classes.numpy()).mean())
        how = f"a small classifier that has learnt the classes of the training pictures ({right:.0%} right)"
    else:
        how = "a small network with fixed random weights, since there are no classes to learn"
    run.say(
        f"Distances are between the features of {n:,} made and {n:,} test pictures: what the last hidden layer of "
        f"{how} gives. They mean something beside each other only; training pictures, compared in the same way, are "
        "the floor that no model should fall below."
    )
    if n < FEW:
        run.warn(f"Only {n} test pictures: distances and shares of so few say little; give more pictures.")


def spoiled(held: Pictures, own: OwnFeatures, generator: np.random.Generator) -> dict[str, Tensor]:
    """Training pictures as they are, blurred by 1/28 of their side, with noise of deviation 0.2, and half of the kinds.

    Half of the kinds: the first half of the classes, or what lies on one side of the main axis of the features.
    """
    pictures = held.pictures.numpy()
    sigma = pictures.shape[-1] / 28
    blurred = gaussian_filter(pictures.astype(np.float32), (0, 0, sigma, sigma))
    noisy = pictures + generator.normal(0, 255 * NOISE, pictures.shape).astype(np.float32)
    if held.classes is not None and len(kinds := held.classes.unique()) > 1:
        half = torch.isin(held.classes, kinds[: len(kinds) // 2])
    else:
        centred = own(held.pictures)
        centred -= centred.mean(0)
        half = torch.from_numpy(centred @ np.linalg.svd(centred, full_matrices=False)[2][0] > 0)
    made = {"blurred": blurred, "noisy": noisy}
    whole = {name: torch.from_numpy(np.rint(np.clip(each, 0, 255)).astype(np.uint8)) for name, each in made.items()}
    return {FLOOR: held.pictures, **whole, "half of the kinds": again(held.pictures[half], len(held))}


def again(pictures: Tensor, count: int) -> Tensor:
    """As many pictures as there are, but for at most `count`; at least two."""
    return pictures[:count] if len(pictures) > 1 else pictures.expand(2, -1, -1, -1)


def measured(
    made: Tensor, compared: dict[str, Tensor], real: Pictures, own: OwnFeatures, generator: np.random.Generator
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Scores of the made pictures, with intervals, and of the compared ones."""
    true, ours = own(real.pictures), own(made)
    values = all_scores(true, ours, real.pictures, made)
    ends = {}
    for name, deviation in deviations(feature_scores, true, ours, generator, 20).items():
        for end, sign in (("low", -1), ("high", 1)):
            value = values[name] + sign * 1.96 * deviation
            if np.isfinite(value):
                ends[f"{name}_{end}"] = min(1.0, max(0.0, value)) if name in SHARES else value
    baselines = {name: all_scores(true, own(each), real.pictures, each) for name, each in compared.items()}
    return values | ends, baselines


def all_scores(true: np.ndarray, ours: np.ndarray, real: Tensor, made: Tensor) -> dict[str, float]:
    patches = patch_distance(*(pixels_of(each[: len(made)]) for each in (real, made)))
    return feature_scores(true, ours, NEIGHBOURS) | {"sliced_wasserstein": float(np.mean(list(patches.values())))}


def copied(made: Tensor, parts: GeneratorParts) -> Copying:
    return copies(*(compact(each) for each in (made, parts.train.pictures, parts.test.pictures)))


def compact(pictures: Tensor) -> np.ndarray:
    """Pictures as rows of at most 16 x 16 pixels in 0..1, float32: near ones stay near, noise and small moves go."""
    factor = -(-pictures.shape[-1] // COMPARED)
    pieces = (pictures[start : start + 1000].float().div_(255) for start in range(0, len(pictures), 1000))
    return torch.cat([nn.functional.avg_pool2d(some, factor).flatten(1) for some in pieces]).numpy()


def taught_accuracy(known: Pictures, parts: GeneratorParts, seen: int, run: Run) -> float:
    """Accuracy on the test pictures of a classifier that has learnt from these alone; Ravuri and Vinyals 2019."""
    assert parts.test.classes is not None
    network = taught(known, len(parts.processing["classes"]), seen=seen // 2, device=run.device)
    answers = asked(network, parts.test.pictures, run.device).argmax(1)
    return float((answers == parts.test.classes.numpy()).mean())


def show_scale(
    values: dict[str, float], baselines: dict[str, dict[str, float]], spoiled: dict[str, Tensor], run: Run
) -> None:
    """The distance between the floor and spoiled pictures, and what spoiled ones look like."""
    distances = {OURS: values["feature_distance"]} | {n: each["feature_distance"] for n, each in baselines.items()}
    low, high = (values.get(f"feature_distance_{end}", values["feature_distance"]) for end in ("low", "high"))
    run.picture(
        "distances",
        ladder(distances, OURS, (low, high), "feature distance from test pictures"),
        "How far from real pictures",
        "Frechet distance of the features. The bar holds 95 % of what other samples and test pictures would give.",
    )
    run.picture("spoiled", strips({name: each[:SHOWN] for name, each in spoiled.items()}), "What it is compared with")


def tell_copies(values: dict[str, float], baselines: dict[str, dict[str, float]], found: Copying, run: Run) -> None:
    """Warnings where the model copies, or is nearer to the test pictures than can be."""
    if found.low > 0:
        run.warn(
            f"The model copies: {found.share:.0%} of its samples are nearer to a training than to a test picture "
            f"beyond what chance allows, {found.low:.0%} at least. Train it for a shorter time, or give more pictures."
        )
    else:
        run.say("Samples are no nearer to training than to test pictures beyond chance: no copies were found.")
    floor = baselines[FLOOR]["feature_distance"]
    if found.surplus < -SURE:
        run.warn(
            "The samples are nearer to test pictures than chance allows: no honest model's are. Test pictures, or "
            "hardly changed ones, stand in the training part."
        )
    if values.get("feature_distance_high", np.inf) < floor:
        run.warn(
            f"The samples are nearer to the test pictures ({values['feature_distance']:.3g}) than training pictures "
            f"are ({floor:.3g}): no honest model is. Look for copies."
        )


def show_classes(made: Tensor, held: Pictures, real: Pictures, own: OwnFeatures, names: list[str], run: Run) -> None:
    """How each class is covered, and which ones are lost."""
    assert real.classes is not None
    true, count, k = own(real.pictures), len(names), min(NEIGHBOURS, len(made) - 1)
    covered = [
        by_class(manifolds(true, own(each), k).covered, real.classes.numpy(), count) for each in (made, held.pictures)
    ]
    parts = [np.bincount(own.classes_of(each), minlength=count) / len(each) for each in (made, real.pictures)]
    run.picture(
        "classes_made",
        class_coverage(names, *covered, *parts),
        "Is every class made?",
        f"Left: real pictures with a sample nearer than their {NEIGHBOURS}th nearest real one; the mark is what "
        "training pictures reach. Right: the classes that the judging classifier sees; the mark is real pictures.",
    )
    missed = lost(parts[0], parts[1], len(made))
    if missed:
        run.warn(f"Classes that the model has lost, or hardly makes: {', '.join(names[each] for each in missed)}.")


def by_class(hit: np.ndarray, classes: np.ndarray, count: int) -> np.ndarray:
    """The part of each class's rows that is hit, (count,); 0 for classes without rows."""
    return np.bincount(classes, hit, count) / np.maximum(np.bincount(classes, minlength=count), 1)


def lost(made: np.ndarray, real: np.ndarray, pictures: int) -> list[int]:
    """Classes of which five or more of so many pictures are expected, and less than a tenth is there; parts (C,)."""
    return np.flatnonzero((real * pictures >= 5) & (made < real / 10)).tolist()


def show_nearest(made: Tensor, parts: GeneratorParts, found: Copying, run: Run) -> None:
    """Samples with the training and the test picture nearest to each: the first ones, and those most like training."""
    training, test = parts.train.pictures[found.training], parts.test.pictures[found.test]
    apart = [np.linalg.norm(compact(made) - compact(each), axis=1) for each in (training, test)]
    side = made.shape[-1] // -(-made.shape[-1] // COMPARED)
    order = np.argsort(apart[0] / np.maximum(apart[1], 1e-6), kind="stable")
    for name, chosen, title in (
        ("nearest", np.arange(min(SHOWN, len(made))), "Samples, and the real pictures nearest to them"),
        ("most_alike", order[:SHOWN], "The samples that look most like training pictures"),
    ):
        sets = {"sample": made, "nearest training": training, "nearest test": test}
        run.picture(
            name,
            strips({row: each[chosen] for row, each in sets.items()}),
            title,
            f"By the distance of pixels, of pictures brought down to {side} x {side}. A sample that equals its "
            "training picture, and not its test picture, is a copy.",
        )


def strips(pictures: dict[str, Tensor]) -> Figure:
    """A row of pictures for each entry."""
    return rows({name: [mosaic(list(pixels_of(each)), SHOWN)] for name, each in pictures.items()})
