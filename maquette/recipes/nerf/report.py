"""What the report of a `nerf` run shows of the trained field."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from maquette.families.fields import along, density_of
from maquette.families.flights import Drawer, show_film
from maquette.families.views import Judge, Seen, ViewScores, halved, show_exposures, show_held_out, show_scores
from maquette.figures.scenes import depth_map
from maquette.graphics.cameras import Camera
from maquette.graphics.paths import looked_at
from maquette.methods.picture_fields import fit_picture
from maquette.models.fields import Field, HashField
from maquette.recipes.nerf.figures import Ray, density_slices, over_time, rays_and_samples, told_apart
from maquette.runs import Run

FRAMES, SIDE = 32, 192  # of the film, and pixels of its longer side
RAYS = 3  # whose samples are shown
SLICE = 160  # points along a side of a slice
PICTURE, PICTURE_STEPS = 128, 240  # longer side of the picture that encodings are tried on, and steps
SMALL_PICTURE = 80 * 80  # pixels, up to which a third of the steps are made
WAYS: dict[str, int | str] = {"places alone": 0, "3 frequencies": 3, "6 frequencies": 6, "hash grid": "hash"}


def show_field(
    model: Field,
    draw: Drawer,
    judge: Judge,
    growth: Sequence[tuple[int, np.ndarray]],
    steps: int,
    scores: ViewScores,
    nearest: ViewScores,
    run: Run,
) -> None:
    """Curves, scores and exposures; encodings on one picture; held-out views, depth, rays, slices and a short film."""
    show_time(run)
    show_growth(growth, run)
    tell_requirements(judge, run)
    show_scores(scores, nearest, run)
    if judge.exposures is not None:
        show_exposures(judge.exposures, judge.train, run)
    show_encodings(judge.train[0], steps, run)
    with run.section("predict"):
        chosen = show_held_out(draw, judge, scores, nearest, run)
        view = chosen[len(chosen) // 2]
        drawn = draw(view.camera)
        picture = drawn.picture.transpose(1, 2, 0).clip(0, 1)
        run.picture("depth", depth_map(model.unit * drawn.depth, picture), "How far away things are")
        show_rays(model, view.camera, picture, 1 - drawn.remainder, run)
        show_slices(model, run)
        if isinstance(model, HashField) or run.device.type != "cpu":
            show_film(draw, [each.camera for each in judge.test], run, FRAMES, SIDE)
        else:
            run.say("There is no film here: on a processor the network of frequencies takes minutes for a picture.")


def show_time(run: Run) -> None:
    """How well held-out views were shown over time, and where space was looked at."""
    seen = [record for record in run.metrics() if "valid_psnr" in record]
    nothing = float("nan")
    run.picture(
        "time",
        over_time(
            [record["seconds"] - seen[0]["seconds"] for record in seen],
            [record["valid_psnr"] for record in seen],
            [record.get("occupied", nothing) for record in seen],
            [record.get("rays", nothing) for record in seen],
        ),
        "How the field was learned",
        "PSNR is that of the held-out views; nothing is chosen by it.",
    )


def show_growth(growth: Sequence[tuple[int, np.ndarray]], run: Run) -> None:
    """Cells that rays look at, seen from the side, after some steps; growth: (step, cells a row (G, G)) each."""
    if not growth:
        return
    most = max(int(seen.max()) for _, seen in growth)
    run.picture(
        "occupancy",
        density_slices([seen[::-1] / max(1, most) for _, seen in growth], [f"step {step:,}" for step, _ in growth]),
        "Where rays look",
        "Cells that may hold something, seen from the side: the brighter, the more lie behind each other. Rays pass "
        "over all others, so that the clearer the scene becomes the fewer places there are to learn from.",
    )


def show_encodings(view: Seen, longest: int, run: Run) -> None:
    """The same small network on one photograph, told its places in four ways, for at most `longest` steps."""
    truth = view.truth
    most = min(PICTURE, max(truth.shape[1:]) // 2)
    while max(truth.shape[1:]) > most:
        truth = halved(truth)
    truth = truth.transpose(1, 2, 0)
    steps = PICTURE_STEPS if truth.shape[0] * truth.shape[1] > SMALL_PICTURE else PICTURE_STEPS // 3
    steps = min(steps, longest)
    found = {name: fit_picture(truth, way, steps, run.settings.seed) for name, way in WAYS.items()}
    run.picture(
        "encodings",
        told_apart(
            truth,
            [told.picture for told in found.values()],
            list(found),
            [f"{told.psnr:.1f} dB, {told.weights:,} weights" for told in found.values()],
        ),
        "What telling places by frequencies or by a hash grid does",
        f"A network of three layers of 64 units learns one photograph in {steps} steps, place to colour. Given places "
        "alone it sees hardly more than gradients; frequencies, and a hash grid, let it see detail.",
    )


def show_rays(model: Field, camera: Camera, picture: np.ndarray, opacity: np.ndarray, run: Run) -> None:
    """What a few rays of one view meet: through the edge of things, through their middle, and past them."""
    order = np.argsort(opacity.ravel(), kind="stable")
    is_met = opacity.ravel()[order] > 0.05
    first = int(is_met.argmax()) if is_met.any() else 0
    places = [first + (len(order) - 1 - first) * part // 4 for part in (0, 2, 3)][:RAYS]
    pixels = [divmod(int(order[place]), camera.width)[::-1] for place in places]
    found = [Ray(pixel, *along(model, camera, pixel)) for pixel in pixels]
    run.picture(
        "rays",
        rays_and_samples(picture, found),
        "What rays meet",
        "Each sample takes from the light that is left as much as its density says; that is its weight, by which its "
        "colour counts. Samples lie where something was found to be.",
    )


def show_slices(model: Field, run: Run) -> None:
    """Density in three planes through the middle of the cube."""
    steps = np.linspace(-1, 1, SLICE, dtype=np.float32)
    one, other = np.meshgrid(steps, steps[::-1])
    flat = np.zeros_like(one)
    planes = {
        "across x and y": (one, other, flat),
        "across x and z": (one, flat, other),
        "across y and z": (flat, one, other),
    }
    length = 2 / SLICE
    slices = [
        1 - np.exp(-density_of(model, np.stack([axis.ravel() for axis in plane], 1)) * length).reshape(SLICE, SLICE)
        for plane in planes.values()
    ]
    run.picture(
        "slices",
        density_slices(slices, list(planes)),
        "Density, cut through the middle",
        "How opaque the scene's cube is along one pixel of the slice; light passes where it is black.",
    )


def show_encodings_on_scene(steps: int, psnrs: dict[str, float], run: Run) -> None:
    """What small fields learn of the scene that are told places in several ways; psnrs of held-out views."""
    best = max(psnrs.values())
    run.table(
        "What telling places does on the scene",
        pd.DataFrame(
            [
                {"told by": name, "psnr (dB)": round(psnr, 2), "beside the best (dB)": round(psnr - best, 2)}
                for name, psnr in psnrs.items()
            ]
        ),
        f"Fields taught from nothing for {steps:,} steps each, a moment only: four layers of 64 units that are given "
        "places, and their sines and cosines, and the hash grid of this run. Frequencies pay over hours, with the "
        "large network of the paper: --encoding frequencies.",
    )


def show_fewer_views(steps: int, psnrs: dict[int, float], run: Run) -> None:
    """What the field loses where it is taught by fewer of the views; psnrs of held-out views, by their number."""
    most = max(psnrs)
    rows = [
        {"views": views, "psnr (dB)": round(psnr, 2), "beside all (dB)": round(psnr - psnrs[most], 2)}
        for views, psnr in sorted(psnrs.items(), reverse=True)
    ]
    run.table(
        "What fewer views cost",
        pd.DataFrame(rows),
        f"Fields taught from nothing for {steps:,} steps each, on all, every second and every fourth photograph.",
    )


def tell_requirements(judge: Judge, run: Run) -> None:
    """What the course asks of photographs, beside these, and what is true."""
    cameras = [view.camera for view in judge.train]
    spot = looked_at(cameras)
    if spot is None:
        turned = "they look at no common spot"
    else:
        away = [spot - each.position for each in cameras]
        sines = [
            np.linalg.norm(np.cross(way, each.direction)) / np.linalg.norm(way)
            for way, each in zip(away, cameras, strict=True)
        ]
        turned = f"axes miss a common spot by {np.median(sines):.0%} of its distance"
    light = "not learned" if judge.exposures is None else f"brightness differs by {judge.exposures.spread():.1%}"
    rows = [
        ("images rotate about a fixed origin", turned, "not needed: where each camera stood and looked is"),
        ("the depth of pixels is known", "no depth was used", "not needed: it comes out, see the depth map"),
        ("lighting remains constant", light, "helps; brightness and tint of each photograph are learned"),
    ]
    run.table(
        "What the course asks of photographs",
        pd.DataFrame(rows, columns=["the course", "these photographs", "in truth"]),
    )
