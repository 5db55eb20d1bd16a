"""Every use of a run from the command line and from Python, by medium: what goes in, and what must come out.

Whoever adds a medium adds a line to INPUTS or to CHECKS.
"""

import json
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from support import make_photographs

import maquette
from maquette.cli import main
from maquette.data.pictures.files import read_picture
from maquette.data.scenes.plyfiles import read_header, read_numbers
from maquette.data.scenes.splatfiles import read_splats
from maquette.graphics.cameras import camera_from, described
from maquette.recipes import RECIPES, Use, use_options
from maquette.serving import Predictor, choose_use, listed, reader_of
from maquette.settings import flag

# options that keep what a use makes small
SMALL = {
    "frames": 5,  # as many as there are pictures at most
    "width": 64,
    "height": 48,
    "tokens": 20,
    "count": 5,
    "tries": 5,
    "steps": 4,
    "times": 2,
    "cells": 24,
}
TEXTS = {"convolution": ("conv 3x3 s2 p1, up 2", "pool 2")}  # where not any text will do
ENDINGS = {
    "table": ".csv",
    "text": ".txt",
    "page": ".html",
    "mesh": ".ply",
    "scene": ".ply",
}  # of files; pictures and films are written to folders


class Given(NamedTuple):
    """Inputs as words of the command line, as one thing in Python, and as several."""

    words: list[str]
    one: Any
    several: list[Any]


class Answered(NamedTuple):
    """What a use made of them: a file or folder, and what Python gives for one and for several."""

    made: Path
    one: Any
    several: Any


def use_everything(folder: Path, place: Path, capsys: pytest.CaptureFixture) -> None:
    """Each use of a run, in the folder `place`; it is chosen by what it is given, or by `--use`."""
    run = maquette.open(folder)
    for name, use in run.uses.items():
        here = place / name
        here.mkdir(parents=True)
        given = INPUTS[reader_of(use)](run, name, here) if use.takes else Given([], None, [])
        options = {key: SMALL[key] for key in use_options(run.recipe, name).model_fields if key in SMALL}
        words = [*given.words, *(word for key, value in options.items() for word in (flag(key), str(value)))]
        out = here / f"out{ENDINGS.get(use.gives, '')}"
        said = [] if is_found(run, name, use) else ["--use", name]
        assert main(["predict", str(folder), *words, *said, "--out", str(out)]) == 0
        assert f"Made {out}" in capsys.readouterr().out
        is_default = use.gives != "page" and choose_use(run.recipe, listed(given.several)) == name
        ask = run.predict if is_default else partial(run.use, name)
        several = ask(given.several, **options) if use.takes else None
        is_way = use.gives == "film" and use.takes not in ((), ("text",))  # from one to another: it takes several
        one = several if is_way else ask(given.one, **options)
        CHECKS[use.gives](given, Answered(out, one, several), use)
        if use.takes == ("text",) and use.gives in ("text", "table"):
            assert main(["predict", str(folder), *words, *said]) == 0
            assert capsys.readouterr().out.strip()


def is_found(run: Predictor, name: str, use: Use) -> bool:
    """Whether no earlier use takes the same, so that it needs no name; a page is asked for by its ending."""
    is_page = use.gives == "page"
    if use.takes == ("captions",):  # pictures and words in one are first for uses that take both
        return False
    return name == next(
        other for other, each in run.uses.items() if each.takes == use.takes and (each.gives == "page") >= is_page
    )


# -- what goes in ------------------------------------------------------------------------------------------------------


def a_table(run: Predictor, name: str, here: Path) -> Given:
    """Rows of the table that it was trained on; where it was none, what another use answers."""
    if RECIPES[run.recipe].data == "table":
        table = pd.read_csv(run.trained.source["path"]).head(7)
    else:
        other = next(other for other, use in run.uses.items() if use.gives == "table" and other != name)
        table = run.use(other, INPUTS[run.uses[other].takes[0]](run, other, here).several)
    table.to_csv(here / "new.csv", index=False)
    return Given([str(here / "new.csv")], table, [table])


def pictures(run: Predictor, name: str, here: Path) -> Given:
    make_photographs(here / "new", 3)
    pixels = [read_picture(path).pixels for path in sorted((here / "new").rglob("*.png"))]
    return Given([str(here / "new")], pixels[0], pixels)


def text(run: Predictor, name: str, here: Path) -> Given:
    first, second = TEXTS.get(run.recipe, ("the man went", "the sea"))
    if known := run.processing.get("words", ())[3:6]:  # a run that knows no others than those it has learnt
        first, second = " ".join(known), " ".join(known[::-1])
    return Given([first], first, [first, second])


def cameras(run: Predictor, name: str, here: Path) -> Given:
    few = run.processing["cameras"][:2]
    (here / "cameras.json").write_text(json.dumps([described(camera_from(numbers)) for numbers in few]))
    return Given([str(here / "cameras.json")], camera_from(few[0]), list(map(camera_from, few)))


def captions(run: Predictor, name: str, here: Path) -> Given:
    """Pictures and words together."""
    seen, words = pictures(run, name, here), ["a red thing", "stripes"]
    return Given([*seen.words, *words], [seen.one, *words], [*seen.several, *words])


INPUTS = {"table": a_table, "pictures": pictures, "text": text, "captions": captions, "cameras": cameras}


# -- what comes out ----------------------------------------------------------------------------------------------------


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("[!.]*") if path.is_file())


def same(made: np.ndarray, expected: np.ndarray, difference: float, rel: float = 1e-6) -> None:
    """As pytest.approx, which takes seconds for a picture."""
    assert made.shape == expected.shape
    np.testing.assert_allclose(made, expected, rtol=rel, atol=difference)


def check_table(given: Given, answered: Answered, use: Use) -> None:
    """A table keeps its rows and columns, with new ones beside them; pictures have a row each, with their names."""
    expected = answered.one if use.takes in ((), ("text",)) else answered.several
    made = pd.read_csv(answered.made, dtype=str, keep_default_na=False)
    new = list(expected)
    if use.takes == ("table",):
        table = pd.read_csv(given.words[0], dtype=str, keep_default_na=False)
        pd.testing.assert_frame_equal(made[list(table)], table)
        assert list(made)[: table.shape[1]] == list(table)
        new = [column for column in made if column not in table]
        assert any(column.endswith("_predicted") for column in new)
    elif "pictures" in use.takes or use.takes == ("captions",):
        asked = Path(given.words[0])
        names = sorted(path.relative_to(asked).as_posix() for path in asked.rglob("*.png"))
        words = [""] * len(given.words[1:]) if use.takes == ("captions",) else []  # each a row, before the pictures
        assert len(answered.one) == 1 + len(words) and len(expected) == len(names) + len(words)
        assert list(made.pop("file")) == words + names
    assert list(made) == list(expected) and len(made) == len(expected) > 0
    for column in new:
        if expected[column].dtype.kind == "f":
            values, near = pd.to_numeric(made[column]).to_numpy(), 1e-6 if use.takes == ("table",) else 1e-4
            assert values == pytest.approx(expected[column].to_numpy(), rel=near, abs=1e-6, nan_ok=True)
        else:
            assert list(made[column]) == list(expected[column].astype(str))


def check_pictures(given: Given, answered: Answered, use: Use) -> None:
    """A picture for each, under the name of the one that it answers."""
    written = [read_picture(path).pixels for path in files_of(answered.made)]
    is_new = use.takes in ((), ("table",), ("text",))
    several = answered.one if is_new else answered.several
    assert isinstance(several, list) and len(several) == len(written) > 1
    for made, expected in zip(written, several, strict=True):
        assert made.shape == expected.shape
        assert abs(made - expected.clip(0, 1)).max() <= 0.5 / 255 + 1e-6
    if not is_new:
        one = answered.one[0] if isinstance(answered.one, list) else answered.one
        assert one.shape == several[0].shape
        same(one, several[0], 1e-5)
    if use.takes == ("pictures",):
        names = [path.relative_to(given.words[0]) for path in sorted(Path(given.words[0]).rglob("*.png"))]
        assert [path.relative_to(answered.made) for path in files_of(answered.made)] == names


def check_text(given: Given, answered: Answered, use: Use) -> None:
    """What was asked and what follows, or the answer alone; the same from Python, one text for one."""
    assert isinstance(answered.one, str) and answered.one
    assert len(answered.several) == len(given.several) and all(isinstance(each, str) for each in answered.several)
    written = answered.made.read_text(encoding="utf-8")
    assert answered.one in written and (given.words[0] in written or answered.one == written.strip())


def check_page(given: Given, answered: Answered, use: Use) -> None:
    assert "<svg" in answered.made.read_text(encoding="utf-8")
    assert all("kind" in block for block in answered.one) and answered.one


def check_film(given: Given, answered: Answered, use: Use) -> None:
    frames = [read_picture(path).pixels for path in files_of(answered.made)]
    assert len(answered.one) == len(frames) == SMALL["frames"]
    if frames[0].shape[0] == SMALL["height"]:
        assert [frame.shape for frame in frames] == [(SMALL["height"], SMALL["width"], 3)] * SMALL["frames"]
    for made, expected in zip(frames, answered.one, strict=True):
        same(made, np.clip(expected, 0, 1), 0.5 / 255 + 1e-6)


def check_mesh(given: Given, answered: Answered, use: Use) -> None:
    """The file holds as many corners as Python gives, where it gives them."""
    with open(answered.made, "rb") as file:
        header = read_header(answered.made, file)
        places = read_numbers(answered.made, file, header, "vertex", ["x", "y", "z"], "f8")
    assert len(answered.one) == len(places) > 0
    same(places, answered.one.vertices, 1e-5, rel=1e-5)
    faces = header.elements["face"].count if "face" in header.elements else 0
    assert faces == len(answered.one.triangles)


def check_scene(given: Given, answered: Answered, use: Use) -> None:
    again = read_splats(answered.made)
    assert len(again) == len(answered.one) > 0
    same(again.positions, answered.one.positions, 1e-6)


CHECKS = {
    "table": check_table,
    "pictures": check_pictures,
    "text": check_text,
    "page": check_page,
    "film": check_film,
    "mesh": check_mesh,
    "scene": check_scene,
}
