"""What the report of a `nerf` run shows of the trained field."""

from maquette.families.flights import Drawer, show_film
from maquette.families.views import Judge, ViewScores, show_exposures, show_held_out, show_scores
from maquette.figures.scenes import depth_map
from maquette.models.fields import Field
from maquette.runs import Run

FRAMES, SIDE = 32, 192  # of the film, and pixels of its longer side


def show_field(model: Field, draw: Drawer, judge: Judge, scores: ViewScores, nearest: ViewScores, run: Run) -> None:
    """Scores and exposures; held-out views beside their renders, depth and a short film."""
    show_scores(scores, nearest, run)
    if judge.exposures is not None:
        show_exposures(judge.exposures, judge.train, run)
    with run.section("predict"):
        chosen = show_held_out(draw, judge, scores, run)
        view = chosen[len(chosen) // 2]
        drawn = draw(view.camera)
        picture = drawn.picture.transpose(1, 2, 0).clip(0, 1)
        run.picture("depth", depth_map(model.unit * drawn.depth, picture), "How far away things are")
        show_film(draw, [view.camera for view in judge.test], run, FRAMES, SIDE)
