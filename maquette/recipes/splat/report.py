"""What the report of a `splat` run shows after training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from maquette.methods.exposure import Exposures
    from maquette.recipes.splat.growing import Seen
    from maquette.recipes.splat.judging import Judge
    from maquette.runs import Run

SHOWN = 4  # held-out views
TURNTABLE = 48  # frames of the film in the report
FILM_SIDE = 320  # pixels
EXPOSED = 16  # training photographs whose exposure is shown


def show_training(
    judge: Judge,
    scores: dict[str, dict[str, float]],
    nearest: dict[str, dict[str, float]],
    run: Run,
) -> None:
    """Curves, held-out views beside their renders, depth, ellipsoids and a short film."""
    from maquette.figures import scenes as figures

    rows, records = judge.model.rows(), run.metrics()
    seen = [record for record in records if "valid_psnr" in record]
    steps = [int(record["step"]) for record in seen]
    run.picture(
        "growth",
        figures.gaussians_over_steps(
            steps,
            [int(record["gaussians"]) for record in seen],
            steps,
            [record["valid_psnr"] for record in seen],
            [record["seconds"] - seen[0]["seconds"] for record in seen],
        ),
        "How the scene grew",
        "PSNR is that of the held-out views; nothing is chosen by it.",
    )
    names = [view.name for view in judge.test]
    run.picture(
        "view_scores",
        figures.per_view_scores(
            names,
            [scores[name]["psnr"] for name in names],
            [scores[name]["ssim"] for name in names],
            [nearest.get(name, {}).get("psnr", float("nan")) for name in names],
        ),
        "Each held-out view",
        "The mark is the nearest training view, taken as it is.",
    )
    run.picture(
        "shapes", figures.gaussian_shapes(rows[:, 3:6], rows[:, 10]), "How large and how opaque the Gaussians are"
    )
    if judge.exposures is not None:
        show_exposures(judge.exposures, judge.train, run)
    with run.section("predict"):
        show_views(rows, judge, scores, run)


def show_exposures(exposures: Exposures, train: list[Seen], run: Run) -> None:
    from maquette.figures.images import grid
    from maquette.kernels.exposing import expose

    chosen = np.unique(np.linspace(0, len(train) - 1, EXPOSED).astype(int))
    greys = [expose(np.full_like(train[number].half_truth, 0.5), *exposures.of(number)) for number in chosen]
    run.picture(
        "exposures",
        grid([grey.transpose(1, 2, 0).clip(0, 1) for grey in greys], 8, [train[number].name for number in chosen]),
        "How photographs were exposed",
        "What even grey looks like in some training photographs: brightness, tint, and shadows that only they have.",
    )


def show_views(rows: np.ndarray, judge: Judge, scores: dict[str, dict[str, float]], run: Run) -> None:
    from maquette.figures import scenes as figures
    from maquette.graphics.harmonics import C0

    ordered = sorted(judge.test, key=lambda view: scores[view.name]["psnr"])
    chosen = [ordered[int(place)] for place in np.unique(np.linspace(0, len(ordered) - 1, min(SHOWN, len(ordered))))]
    held = judge.kernels.held(rows)
    compared = [judge.compared(held, view) for view in chosen]
    run.picture(
        "held_out",
        figures.held_out_views(
            [view.name for view in chosen],
            [truth for truth, _ in compared],
            [picture for _, picture in compared],
            [scores[view.name]["psnr"] for view in chosen],
        ),
        "Views that training never saw",
        "From the worst to the best: photograph, render, and how far apart they are."
        + ("" if judge.exposures is None else " Renders are exposed as a photograph from there would be."),
    )
    middle = chosen[len(chosen) // 2]
    picture, depth, _ = judge.model.draw(middle.camera)
    run.picture("depth", figures.depth_map(depth, picture.clip(0, 1)), "How far away things are")
    solid = figures.ellipsoids(
        rows[:, :3],
        rows[:, 3:6],
        rows[:, 6:10],
        rows[:, 10],
        (0.5 + C0 * rows[:, 11:14]).clip(0, 1),
        middle.camera,
    )
    run.picture(
        "ellipsoids",
        figures.ellipsoid_view(picture.clip(0, 1), solid),
        "What the scene is made of",
        "Each Gaussian as a solid ellipsoid.",
    )
    show_film(judge.model, judge.test, run)


def show_film(model: Any, test: list[Seen], run: Run) -> None:
    """A short film along a circle, or through the cameras where there is no middle, into the run's pictures."""
    from maquette.data.pictures.films import write_film
    from maquette.families.flights import even, pictures_at
    from maquette.graphics.paths import flight, looked_at, orbit

    cameras = [view.camera for view in test]
    if len(cameras) < 2:
        return
    largest = max(cameras[0].width, cameras[0].height)
    width, height = (even(side * FILM_SIDE / largest) for side in (cameras[0].width, cameras[0].height))
    path = (orbit if looked_at(cameras) is not None else flight)(cameras, TURNTABLE, width, height)
    (run.folder / "pictures").mkdir(exist_ok=True)
    write_film(run.folder / "pictures" / "film.webp", pictures_at(model, path, "picture"), rate=12)
    run.film("film.webp", "Around the scene", "A film of the scene, from where no photograph was taken.")
