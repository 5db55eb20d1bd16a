"""What the report of a `splat` run shows of the trained scene."""

from maquette.families.flights import Drawer, show_film
from maquette.families.views import Judge, Seen, ViewScores, show_exposures, show_held_out, show_scores
from maquette.figures.scenes import depth_map, ellipsoid_view, ellipsoids, gaussian_shapes, gaussians_over_steps
from maquette.graphics.harmonics import colour_of
from maquette.models import Gaussians
from maquette.runs import Run


def show_scene(model: Gaussians, draw: Drawer, judge: Judge, scores: ViewScores, nearest: ViewScores, run: Run) -> None:
    """Curves, scores, sizes and exposures; held-out views beside their renders, depth, ellipsoids and a short film."""
    show_growth(run)
    show_scores(scores, nearest, run)
    rows = model.rows()
    run.picture("shapes", gaussian_shapes(rows[:, 3:6], rows[:, 10]), "How large and how opaque the Gaussians are")
    if judge.exposures is not None:
        show_exposures(judge.exposures, judge.train, run)
    with run.section("predict"):
        chosen = show_held_out(draw, judge, scores, nearest, run)
        show_view(model, draw, chosen[len(chosen) // 2], run)
        show_film(draw, [view.camera for view in judge.test], run)


def show_growth(run: Run) -> None:
    """How many Gaussians there were, and how well they showed what training never saw."""
    seen = [record for record in run.metrics() if "valid_psnr" in record]
    steps = [int(record["step"]) for record in seen]
    run.picture(
        "growth",
        gaussians_over_steps(
            steps,
            [int(record["gaussians"]) for record in seen],
            steps,
            [record["valid_psnr"] for record in seen],
            [record["seconds"] - seen[0]["seconds"] for record in seen],
        ),
        "How the scene grew",
        "PSNR is that of the held-out views; nothing is chosen by it.",
    )


def show_view(model: Gaussians, draw: Drawer, view: Seen, run: Run) -> None:
    """Depth, and the Gaussians as solid bodies, as one camera sees them."""
    drawn, rows = draw(view.camera), model.rows()
    picture = drawn.picture.transpose(1, 2, 0).clip(0, 1)
    run.picture("depth", depth_map(model.unit * drawn.depth, picture), "How far away things are")
    colours = colour_of(rows[:, 11:14]).clip(0, 1)
    solid = ellipsoids(rows[:, :3], rows[:, 3:6], rows[:, 6:10], rows[:, 10], colours, view.camera)
    run.picture(
        "ellipsoids",
        ellipsoid_view(picture, solid),
        "What the scene is made of",
        "Each Gaussian as a solid ellipsoid.",
    )
