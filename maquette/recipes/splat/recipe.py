"""Photographs to a scene of 3D Gaussians that one can fly through; Kerbl et al. 2023."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from maquette.families.flights import FlyingOptions as Options  # noqa: F401  what `predict` takes
from maquette.settings import Settings as BaseSettings
from maquette.settings import UserError, option
from maquette.steps import Framing, Prepared, Scores

if TYPE_CHECKING:
    import numpy as np

    from maquette.data.scenes.reading import Scene
    from maquette.runs import Run

SOURCE = "nerf_fox"


class Settings(BaseSettings):
    longest: int = option(480, "longer side of the pictures it learns from; larger ones are reduced", "px", ge=16)
    hold_out: int = option(8, "every so many views by name, one is kept for the scores", ge=2)
    masks: str | None = option(None, "a folder of pictures named like the photographs, white where pixels count")
    background: Literal["white", "black", "grey"] = option("white", "what transparent pictures are laid on")
    single_camera: bool = option(True, "all photographs of a size come from one lens, where cameras must be solved")
    features: int = option(2048, "points looked for in each photograph, where cameras must be solved", ge=256)
    init: str | None = option(None, "start from this scene: a run of splat, or a .ply or .splat file")
    gaussians: int | None = option(
        None, "how many Gaussians the scene may grow to; if not set, 75,000, and more for longer training", ge=1
    )
    degree: int = option(2, "how finely colours change with direction: degree of the harmonics", ge=0, le=3)
    steps: int = option(4000, "views it learns from, one a step", ge=1)
    growth: Literal["budget", "threshold", "mcmc"] = option(
        "budget",
        "grow to `gaussians` where pictures pull most; as in the paper, where they pull more than a threshold; or as "
        "a Markov chain, which moves faint Gaussians to where others are",
    )
    coarse: float = option(0.25, "part of training that sees pictures of half the size", ge=0, lt=1)
    exposure: bool = option(True, "each photograph has its own brightness, tint and shadows, learned beside the scene")
    share: float = option(0.2, "part of 1 - SSIM in the loss; the rest is the absolute difference", ge=0, le=1)
    rate: float = option(1.0, "of all step sizes: times those tuned for short training", gt=0, le=100)
    antialiased: bool = option(
        True, "thin Gaussians fade instead of growing to a pixel, so that views of any size look alike"
    )


PRESETS: dict[str, dict[str, Any]] = {
    "small": {"longest": 80, "gaussians": 7000, "degree": 1, "steps": 120},
    "course": {
        "growth": "threshold",
        "gaussians": 3_000_000,
        "degree": 3,
        "steps": 30_000,
        "coarse": 0.0,
        "exposure": False,
        "antialiased": False,
        "longest": 1600,
    },
    "full": {"gaussians": 1_000_000, "degree": 3, "steps": 30_000, "longest": 1600},
}


def frame(settings: Settings) -> Framing:
    return Framing(
        question="What does the scene look like from where no photograph was taken?",
        inputs="a camera: where it stands, where it looks, its field of view",
        outputs="the picture that it would take",
        score="psnr",
        higher_is_better=True,
    )


def collect(settings: Settings, run: Run) -> Scene:
    from dataclasses import replace
    from pathlib import Path

    from maquette.data.scenes.reading import read_scene
    from maquette.data.sets.sources import cache_folder, resolve

    if run.processes > 1:
        raise UserError("splat trains in one process, on all cores of one machine; start it without torchrun.")
    found = resolve(settings.data, SOURCE)
    scene = read_scene(
        found.path,
        longest=settings.longest,
        hold_out=settings.hold_out,
        background=settings.background,
        masks=Path(settings.masks).expanduser() if settings.masks else None,
        cache=cache_folder() / "cameras",
        single_camera=settings.single_camera,
        features=settings.features,
        say=lambda line: print(line, flush=True),
    )
    shapes = {f"{view.picture.shape[1]} x {view.picture.shape[0]}" for view in scene.views}
    run.record_source(
        replace(found, sha256=scene.digest),
        views=len(scene.views),
        pixels=", ".join(sorted(shapes)),
        points=len(scene.points),
        cameras_from=scene.kind,
        notes=scene.notes,
    )
    return scene


def analyze(scene: Scene, settings: Settings, run: Run) -> dict[str, Any]:
    from maquette.figures.images import grid
    from maquette.figures.scenes import points_and_cameras

    views = scene.views
    shown = views[:: max(1, len(views) // 12)][:12]
    run.picture("views", grid([view.picture / 255 for view in shown], 6), "Some of the views")
    run.picture(
        "cameras",
        points_and_cameras(
            scene.points, scene.colours, [view.camera for view in views], [view.part == "test" for view in views]
        ),
        "Where the cameras stand",
        "Points drawn at random." if scene.is_random else "And the points that the scene starts from.",
    )
    if scene.is_random:
        run.warn(
            "There are no points of the scene to start from: they are drawn at random, which takes longer to learn. "
            "Given the folder of photographs alone, Maquette finds cameras and points itself."
        )
    return {"views": len(views), "test_views": len(scene.part("test")), "points": len(scene.points)}


def process(scene: Scene, settings: Settings, run: Run) -> Prepared:
    from maquette.graphics.cameras import described
    from maquette.recipes.splat.growing import extent_of, views_of

    train, test = (views_of(scene.part(part)) for part in ("train", "test"))
    background = (0.0, 0.0, 0.0) if scene.background is None else tuple(float(value) for value in scene.background)
    processing = {
        "background": list(background),
        "cameras": [described(view.camera) for view in train],
        "extent": extent_of([view.camera for view in train]),
    }
    run.fact("Training views", len(train))
    run.fact("Held-out views", len(test))
    return Prepared((scene, train), None, test, processing)


def build(prepared: Prepared, settings: Settings) -> Any:
    from maquette.methods.densification import rows_of_points
    from maquette.models import Gaussians

    scene, _ = prepared.train
    background = tuple(prepared.processing["background"])
    if settings.init:
        rows = rows_to_start_from(settings.init, settings.degree)
    else:
        rows = rows_of_points(scene.points, scene.colours / 255, settings.degree)
    return Gaussians.of_rows(rows, background=background, is_antialiased=settings.antialiased)


def rows_to_start_from(init: str, degree: int) -> np.ndarray:
    """The Gaussians of a run or a file, with harmonics up to `degree`."""
    from pathlib import Path

    import numpy as np

    from maquette.checkpoints import load_model
    from maquette.data.scenes.splatfiles import read_splats

    path = Path(init).expanduser()
    if not path.exists():
        raise UserError(f"--init {init}: there is no such file or run.")
    if path.is_dir():
        if not (path / "model.json").exists():
            raise UserError(f"--init {init} holds no trained scene; give a finished run of splat, or a .ply file.")
        model: Any = load_model(path)
        if type(model).__name__ != "Gaussians":
            raise UserError(f"--init {init} is no run of splat.")
        found = model.rows()
    else:
        found = read_splats(path).rows()
    rows = np.zeros((len(found), 11 + 3 * (degree + 1) ** 2), np.float32)
    columns = min(rows.shape[1], found.shape[1])
    rows[:, :columns] = found[:, :columns]
    return rows


def train(model: Any, prepared: Prepared, settings: Settings, run: Run) -> Scores:
    from maquette.kernels import of_splats
    from maquette.methods.exposure import Exposures
    from maquette.recipes.splat import report as splat_pictures
    from maquette.recipes.splat.growing import train_cloud
    from maquette.recipes.splat.judging import Judge, means_of, score_nearest

    (_, views), test, extent = prepared.train, prepared.test, prepared.processing["extent"]
    exposures = Exposures(len(views)) if settings.exposure else None
    judge = Judge(of_splats(run.device.type), model, views, test, extent, exposures)
    cloud = train_cloud(model, views, judge, extent, settings, run)
    model.hold(cloud.rows)
    if exposures is not None:
        prepared.processing["exposures"] = {"matrices": exposures.matrices, "shadings": exposures.shadings}
        run.fact("Brightness of photographs", f"differs by {exposures.spread():.1%}")
    scores, nearest = judge.scores(cloud.rows), score_nearest(views, test, extent)
    splat_pictures.show_training(judge, scores, nearest, run)
    values = {**means_of(scores), "gaussians": float(len(cloud))}
    return Scores(values, {"nearest training view": means_of(nearest)}, {"psnr": "dB"})


def predict(model: Any, processing: dict[str, Any], inputs: Any, **options: Any) -> Any:
    """The picture (H, W, 3) in 0..1 that a `Camera` sees; a list of pictures for several cameras."""
    from maquette.families import flights as flying

    return flying.predict(model, processing, inputs, **options)


def frames(model: Any, processing: dict[str, Any], **options: Any) -> Any:
    """The pictures of a film along a path, one by one."""
    from maquette.families.flights import frames_of

    return frames_of(model, processing, **options)
