"""From a finished run and a use to answers: all that the command line, the studio and Python need."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch

from maquette.data.pictures.files import Picture
from maquette.data.scenes.endings import is_scene_file
from maquette.data.scenes.splatfiles import read_splats
from maquette.entries import Use
from maquette.families.flights import brought_near
from maquette.graphics.cameras import described
from maquette.media import MEDIA, Asked, medium, only_path
from maquette.media.film import Film
from maquette.media.page import ENDINGS as PAGES
from maquette.models import Gaussians
from maquette.recipes import RECIPES, load_uses, use_of, use_options
from maquette.settings import UserError, make_settings
from maquette.trained import Trained, open_trained

Answer = TypeVar("Answer")
ANY = ("text", "scene", "captions")  # media of which nearly anything can be taken to be
TABLES = (".csv", ".tsv", ".parquet", ".xlsx")


@dataclass
class Predictor:
    """A finished run ready to be used; `uses` are what it can do, the first being the default.

    `notes` say what was left out on reading the run, and on reading what it was last used for.
    """

    trained: Trained
    noted: list[str] = field(default_factory=list)

    @property
    def uses(self) -> Mapping[str, Use]:
        return RECIPES[self.trained.recipe].uses

    @property
    def folder(self) -> Path:
        return self.trained.folder

    @property
    def recipe(self) -> str:
        return self.trained.recipe

    @property
    def model(self) -> Any:
        return self.trained.model

    @property
    def processing(self) -> dict[str, Any]:
        return self.trained.processing

    @property
    def notes(self) -> list[str]:
        return [*self.trained.notes, *self.noted]

    def predict(self, inputs: Any = None, **options: Any) -> Any:
        """The answer of the first use that takes such inputs, as plain objects: see `use`."""
        return self.use(choose_use(self.recipe, listed(inputs)), inputs, **options)

    def use(self, name: str, inputs: Any = None, **options: Any) -> Any:
        """What one use answers: arrays, data frames, text, as plain objects.

        One input (a picture, a text, a camera) is answered with one answer, a list with a list. inputs: arrays, PIL
        images, data frames, texts, or paths of files.
        """
        use = use_of(self.recipe, name)
        is_one = bool(use.takes) and medium(reader_of(use)).is_one(inputs)
        given = listed(inputs) if use.takes and not is_one else [] if inputs is None else [inputs]
        answers = self.answers(name, given, options)
        return medium(use.gives).plain(answers, is_one)

    def predict_files(
        self, inputs: list[str], out: Path | None = None, use: str | None = None, **options: Any
    ) -> Path | None:
        """The same from files to files in bounded memory; gives what was written, nothing where it was the terminal."""
        name = use or choose_use(self.recipe, inputs, out)
        chosen = use_of(self.recipe, name)
        for note in self.trained.notes:
            print(note)
        if chosen.takes == ("text",):
            for note in medium("text").doubts(inputs):
                aside(note)
        typed = medium("text").Typed() if chosen.listens and not inputs else None
        answers = self.answers(name, list(inputs), options, typed)
        texts = [each for each in inputs if kind_of(each, chosen) == "text"]
        files = [each for each in inputs if kind_of(each, chosen) != "text"]
        title = "; ".join(medium("text").text_of(each) for each in texts[:4])[:80]
        title = title or chosen.summary[:1].upper() + chosen.summary[1:]
        asked = Asked(self.folder, with_name(Path(files[0])) if files else None, title, typed is not None)
        written: Path | None = medium(chosen.gives).write(answers, out, asked, print)
        return written

    def show(self, examples: Any, run: Any) -> None:
        """Answers to a few examples in the report of a run."""
        name = choose_use(self.recipe, listed(examples))
        medium(self.uses[name].gives).show(examples, self.answers(name, listed(examples), {}), run)

    def answers(
        self, name: str, given: list[Any], options: dict[str, Any], typed: Iterable[str] | None = None
    ) -> Iterator[Any]:
        """The answers of a use, one by one, to what is given or to what is being typed."""
        use = use_of(self.recipe, name)
        chosen = make_settings(use_options(self.recipe, name), options)
        say: Callable[[str], None] = aside if use.gives == "text" else print
        inputs: Iterable[Any] = typed or ()
        if typed is None:
            check_given(name, use, given)
            inputs = medium(reader_of(use)).read(given, say, chosen) if use.takes else ()
        self.noted = []
        return self.noting(inferred(getattr(load_uses(self.recipe), name)(self.trained, inputs, chosen)))

    def noting(self, answers: Iterator[Answer]) -> Iterator[Answer]:
        """The same answers; what is noted of them is kept."""
        for answer in answers:
            made = answer.notes if isinstance(answer, Picture | Film) else ()
            for note in [*made, *getattr(answer, "attrs", {}).get("notes", [])]:
                if note not in self.noted:
                    self.noted.append(note)
            yield answer


def with_name(path: Path) -> Path:
    """The same path, with a name of its own: `.` has none."""
    return path.resolve() if path.name in ("", "..") else path


def aside(note: str) -> None:
    """Say something beside an answer that may itself be text on the terminal."""
    print(note, file=sys.stderr)


def listed(inputs: Any) -> list[Any]:
    """Inputs as a list of them; one that is a thing of its own becomes a list of one."""
    if inputs is None:
        return []
    is_several = isinstance(inputs, list | tuple) or (getattr(inputs, "ndim", 0) == 4)
    if not is_several and getattr(inputs, "ndim", 0) == 3 and not medium("pictures").is_one(inputs):
        is_several = True
    return list(inputs) if is_several else [inputs]


def choose_use(recipe: str, given: list[Any], out: Path | None = None) -> str:
    """The first use that takes such inputs and can be written to `out`; the first of all if none does."""
    uses = RECIPES[recipe].uses
    fitting = [name for name, use in uses.items() if fits(use, given)] or list(uses)
    taken = {name for use in uses.values() for name in use.takes}
    sure = sorted(taken - set(ANY))  # a path may be taken for a text as well
    kinds = {next((name for name in sure if medium(name).accepts(each)), "text") for each in given}
    fitting = [name for name in fitting if set(uses[name].takes) == kinds] or fitting
    ending = "" if out is None else out.suffix.lower()
    wanted = "page" if ending in PAGES else "table" if ending in TABLES else ""
    fitting = [name for name in fitting if uses[name].gives == wanted] or fitting
    return fitting[0]


def fits(use: Use, given: list[Any]) -> bool:
    if not use.takes or not given:
        return not use.takes and not given
    if not all(any(medium(name).accepts(each) for name in use.takes) for each in given):
        return False
    return len(use.takes) == 1 or {kind_of(each, use) for each in given} == set(use.takes)


def reader_of(use: Use) -> str:
    """The medium that reads what a use takes: its own, or where it takes pictures and text together, `captions`."""
    return use.takes[0] if len(use.takes) == 1 else "captions"


def kind_of(given: Any, use: Use) -> str:
    """Of which of the media that a use takes an input is: text is what is none of the others."""
    media = ("pictures", "text") if use.takes == ("captions",) else use.takes
    return next((name for name in media if medium(name).accepts(given)), media[-1] if media else "")


def check_given(name: str, use: Use, given: list[Any]) -> None:
    """Refuse inputs where none are taken, none where some are, and those that are plainly of another medium."""
    if not use.takes and given:
        raise UserError(f"{name} takes no INPUT, such as {given[0]}; its options say what is to be made.")
    if use.takes and not given:
        raise UserError(f"{name} takes {' and '.join(use.takes)} as INPUT, and nothing was given.")
    for each in given:
        if use.takes == ("text",) and is_picture_file(each):
            raise UserError(f"{name} takes text, and {each} is of the medium pictures.")
        if any(medium(taken).accepts(each) for taken in use.takes):
            continue
        if isinstance(each, str) and not each:
            raise UserError(f"{name} takes {' and '.join(use.takes)}, and what was given is empty.")
        if isinstance(each, str) and not only_path(each):
            raise UserError(
                f"{name} takes {' and '.join(use.takes)}, and {each[:40]}... is too long for a file's name."
            )
        others = [other for other in MEDIA if other not in ANY and medium(other).accepts(each)]
        if others:
            told = each if isinstance(each, str | Path) else f"a {type(each).__name__}"
            raise UserError(f"{name} takes {' and '.join(use.takes)}, and {told} is of the medium {others[0]}.")
    lacking = set(use.takes) - {kind_of(each, use) for each in given}
    if len(use.takes) > 1 and lacking:
        raise UserError(f"{name} takes {' and '.join(use.takes)} together, and was given no {min(lacking)}.")


def is_picture_file(given: Any) -> bool:
    """Whether it names a picture that is there, which nobody means as words."""
    return only_path(given) and Path(given).is_file() and medium("pictures").accepts(given)


def inferred(answers: Iterator[Answer]) -> Iterator[Answer]:
    """The same answers, each made in inference mode, which is left between them."""
    while True:
        with torch.inference_mode():
            try:
                answer = next(answers)
            except StopIteration:
                return
        yield answer


def open(path: str | Path) -> Predictor:
    """A finished run folder, or anybody's file of 3D Gaussians, ready to be used."""
    path = Path(path)
    return Predictor(open_scene(path) if is_scene_file(path) else open_trained(path))


def open_scene(path: Path) -> Trained:
    """A scene of 3D Gaussians; little is known of the photographs it was made from."""
    splats = read_splats(path)
    looks = {"background": splats.background or (0.0, 0.0, 0.0), "is_antialiased": splats.is_antialiased}
    model = brought_near(Gaussians.of_rows(splats.rows(), origin=splats.origin, **looks)).eval()
    known = {"cameras": [described(camera) for camera in splats.cameras], "up": splats.up}
    return Trained(path, "splat", {}, model, known, notes=splats.notes)
