"""open(path) -> a predictor: all that the command line and the web page need to use a finished run."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from maquette.checkpoints import load_model, load_state
from maquette.data.scenes.splatfiles import is_scene_file
from maquette.progress import Progress
from maquette.recipes import RECIPES, load_recipe, recipe_options
from maquette.settings import UserError, make_settings
from maquette.spine import read_settings


@dataclass
class Predictor:
    """A trained model with the processing that was fitted for it; `folder` is where it came from."""

    folder: Path
    recipe_name: str
    model: Any
    processing: dict[str, Any]
    notes: list[str] = field(default_factory=list)  # what was left out on reading

    @property
    def recipe(self) -> ModuleType:
        return load_recipe(self.recipe_name)

    def predict(self, inputs: Any, **options: Any) -> Any:
        """The recipe's answer for arrays, pictures, data frames or text, as plain objects."""
        chosen = make_settings(recipe_options(self.recipe), options).model_dump()
        with torch.inference_mode():
            return self.recipe.predict(self.model, self.processing, inputs, **chosen)

    def predict_files(self, inputs: Sequence[str | Path], out: Path | None, **options: Any) -> Path | None:
        """Predict from files to files in bounded memory; returns what was written, nothing where that was the terminal.

        For recipes of text, inputs are texts, or files of text; scenes have none.
        """
        kind = RECIPES[self.recipe_name].kind
        if kind == "text":
            return predict_text(self, [str(each) for each in inputs], out, options)
        return FILES[kind](self, [Path(each) for each in inputs], out, options)


def predict_table(predictor: Predictor, inputs: list[Path], out: Path | None, options: dict[str, Any]) -> Path:
    """Every row and column of a table, and the prediction beside it; the table is read in pieces."""
    from maquette.data.tables.reading import read_chunks, write_chunks

    source = one_table(inputs)
    target = out or Path(f"{source.stem}-predicted.csv")
    check_target(target, source, is_named=out is not None)
    reader = read_chunks(source)

    def predicted() -> Iterator[Any]:
        progress, rows = Progress("predicting", "row"), 0
        for chunk in reader:
            answer = predictor.predict(chunk, **options)
            rows += len(chunk)
            progress.update(rows, None)
            yield answer
        progress.close()

    write_chunks(target, predicted())
    for note in getattr(reader, "notes", []):
        print(note)
    return target


def predict_pictures(predictor: Predictor, inputs: list[Path], out: Path | None, options: dict[str, Any]) -> Path:
    """Pictures answered with pictures of the same names, or with a table; a table answered with pictures."""
    import pandas as pd

    from maquette.data.pictures.folders import open_images
    from maquette.data.tables.writing import WRITABLE

    if inputs[0].suffix.lower() in WRITABLE:
        return pictures_of_table(predictor, one_table(inputs), out, options)
    images = open_images(inputs if len(inputs) > 1 else inputs[0], smallest=1, verify=False)
    for note in images.notes():
        print(note)
    first = first_readable(images)
    answer = predictor.predict([first.pixels], **options)
    if isinstance(answer, pd.DataFrame):
        return table_of_pictures(predictor, images, inputs[0], out, options)
    return pictures_of_pictures(predictor, images, inputs, out, options, (first, answer[0]))


def first_readable(images: Any) -> Any:
    """The first picture that can be read; damaged ones before it are said and taken away from the set."""
    while True:
        try:
            return images.picture(0)
        except UserError as error:
            if len(images) == 1:
                raise
            print(f"Left out: {error}")
            del images.entries[0]


PICTURES_AT_ONCE = 64  # read and answered together where the answer is a table


def table_of_pictures(predictor: Predictor, images: Any, source: Path, out: Path | None, options: Any) -> Path:
    """A row for each picture, its name in the column `file`; written in pieces."""
    from maquette.data.tables.reading import write_chunks

    target = out or Path(f"{source.stem}-predicted.csv")
    check_target(target, source, is_named=out is not None)

    def predicted() -> Iterator[Any]:
        progress = Progress("predicting", "picture")
        for start in range(0, len(images), PICTURES_AT_ONCE):
            numbers = range(start, min(start + PICTURES_AT_ONCE, len(images)))
            read = {}
            for number in numbers:
                try:
                    read[images.names[number]] = images.read(number)
                except UserError as error:
                    print(f"Left out: {error}")
            if read:
                answer = predictor.predict(list(read.values()), **options)
                answer.insert(0, "file", list(read))
                yield answer
            progress.update(numbers.stop, len(images))
        progress.close()

    if not write_chunks(target, predicted()):
        target.unlink(missing_ok=True)
        raise UserError(f"None of the pictures of {source} could be read to the end.")
    return target


def pictures_of_pictures(
    predictor: Predictor, images: Any, inputs: list[Path], out: Path | None, options: Any, begun: tuple[Any, Any]
) -> Path:
    """A picture for each, of the same name, depth and metadata; one that cannot be read is said and left out."""
    from maquette.data.pictures.files import write_picture

    source, is_one = inputs[0], len(inputs) == 1 and inputs[0].is_file() and len(images) == 1
    target = out or source.with_name(f"{source.stem}-predicted{source.suffix if is_one else ''}")
    is_folder = not is_one or (target.is_dir() or not target.suffix)
    if is_one and not is_folder:
        check_target(target, source, is_named=out is not None)
    elif target.is_file():
        raise UserError(f"--out {target} is a file; several pictures need a folder.")
    progress = Progress("predicting", "picture")
    written = 0
    for number, name in enumerate(images.names):
        path = target / name if is_folder else target
        file = images.entries[number].path
        if path.exists() and file.is_file() and path.samefile(file):
            raise UserError(f"--out {target} would replace the input {path}; choose another folder.")
        try:
            picture, answer = begun if number == 0 else (images.picture(number), None)
        except UserError as error:
            print(f"Left out: {error}")
            continue
        if answer is None:
            answer = predictor.predict([picture.pixels], **options)[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_picture(path, replace(picture, pixels=answer, alpha=fitted(picture.alpha, answer)))
        written += 1
        if len(images) > 1:
            progress.update(number + 1, len(images))
    progress.close()
    if not written:
        raise UserError(f"None of the pictures of {source} could be read to the end.")
    return target


def fitted(alpha: Any, pixels: Any) -> Any:
    """Alpha (H, W) at the size of an answer that may be larger."""
    from maquette.methods.spoiling import nearest

    if alpha is None or alpha.shape == pixels.shape[:2]:
        return alpha
    return nearest(alpha[..., None], *pixels.shape[:2])[..., 0]


def pictures_of_table(predictor: Predictor, source: Path, out: Path | None, options: dict[str, Any]) -> Path:
    """Rows of a table answered with pictures: PNG files in a new folder, named by the column `file` if there is one."""
    from maquette.data.pictures.files import Picture, write_picture
    from maquette.data.tables.reading import read_chunks

    target = out or Path(f"{source.stem}-predicted")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"--out {target} is not an empty folder; choose another.")
    written = 0
    for chunk in read_chunks(source):
        for start in range(0, len(chunk), PICTURES_AT_ONCE):
            rows = chunk.iloc[start : start + PICTURES_AT_ONCE]
            answers = predictor.predict(rows, **options)
            names = rows["file"] if "file" in rows else [f"{written + n + 1:05d}" for n in range(len(rows))]
            for name, pixels in zip(names, answers, strict=True):
                path = target / Path(str(name)).with_suffix(".png")
                if path.exists() or not path.resolve().is_relative_to(target.resolve()):
                    raise UserError(f"{source}: the column file names {name} twice, or outside of the folder.")
                path.parent.mkdir(parents=True, exist_ok=True)
                write_picture(path, Picture(pixels))
            written += len(rows)
    return target


def predict_text(predictor: Predictor, inputs: list[str], out: Path | None, options: dict[str, Any]) -> Path | None:
    """Text answered on the terminal as it comes, or in a file; with a page where --out ends so or `explain` is set."""
    import pandas as pd

    chosen = make_settings(recipe_options(predictor.recipe), options).model_dump()
    texts = [text_of(one) for one in inputs]
    explains = chosen.pop("explain", False) or (out is not None and out.suffix.lower() in PAGES)
    if explains:
        from maquette.report import write_explanation

        blocks: list[dict[str, Any]] = []
        with torch.inference_mode():
            for text in texts:
                if len(texts) > 1:
                    blocks.append({"kind": "heading", "text": text[:80]})
                blocks += predictor.recipe.explain(predictor.model, predictor.processing, text, **chosen)
        title = texts[0][:80] or "From nothing"
        return write_explanation(out or Path("explained.html"), title, blocks, str(predictor.folder))
    if hasattr(predictor.recipe, "stream"):
        return stream_text(predictor, texts, out, chosen)
    answer = predictor.predict(texts, **chosen)
    assert isinstance(answer, pd.DataFrame)
    if out is not None:
        from maquette.data.tables.reading import write_chunks

        write_chunks(out, iter([answer]))
        return out
    print(answer.to_string(index=False, float_format=lambda value: f"{value:.3g}"))
    return None


PAGES = (".html", ".htm")


def text_of(given: str) -> str:
    """The text itself, or what a file of that name holds."""
    try:
        path = Path(given)
        is_file = "\n" not in given and len(given) < 1000 and path.suffix in (".txt", ".md") and path.is_file()
        return path.read_text(encoding="utf-8") if is_file else given
    except OSError:
        return given
    except UnicodeError:
        raise UserError(f"{given} is not UTF-8; save it as UTF-8.") from None


def stream_text(predictor: Predictor, texts: list[str], out: Path | None, options: dict[str, Any]) -> Path | None:
    """Each prompt and what follows it, printed as it comes or written to a file; several continuations one by one."""
    from maquette.files import write_text

    notes: list[str] = []
    whole: list[str] = []
    several = options.get("samples", 1) > 1
    for text in texts:
        pieces = predictor.recipe.stream(predictor.model, predictor.processing, text, notes, **options)
        if out is None and not several:
            print(text, end="", flush=True)
            for piece in pieces:
                print("".join(piece), end="", flush=True)
            print()
            continue
        made = list(pieces)
        columns = zip(*made, strict=True) if made and len(made[0]) > 1 else made
        answers = ["".join(column) for column in columns] if several else ["".join(piece[0] for piece in made)]
        whole += [text + answer for answer in answers]
    for note in dict.fromkeys(notes):
        print(note, file=sys.stderr)
    if out is not None:
        write_text(out, "\n---\n".join(whole) + "\n")
        return out
    if whole:
        print("\n---\n".join(whole))
    return None


def predict_scene(predictor: Predictor, inputs: list[Path], out: Path | None, options: dict[str, Any]) -> Path:
    """A film of a scene, in the file or folder that `out` names; or a picture, where one frame is asked for."""
    from maquette.data.pictures.files import WRITTEN, Picture, write_picture
    from maquette.data.pictures.films import write_film

    if inputs:
        raise UserError(f"A scene takes no INPUT, such as {inputs[0]}; --path says what is to be seen.")
    chosen = make_settings(recipe_options(predictor.recipe), options).model_dump()
    target = out or Path("film.mp4" if find_spec("cv2") else "film.webp")
    check_target(target, predictor.folder, is_named=out is not None)
    is_still = chosen["frames"] == 1 and target.suffix.lower() in WRITTEN
    if target.suffix.lower() in WRITTEN.keys() - {".webp"} and not is_still:
        raise UserError(f"--out {target} has room for one picture; ask for one with --frames 1, or name a film.mp4.")
    for note in predictor.notes:
        print(note)
    with torch.inference_mode():
        frames = predictor.recipe.frames(predictor.model, predictor.processing, **chosen)
        if is_still:
            write_picture(target, Picture(next(frames)))
        else:
            write_film(target, with_progress(frames, chosen["frames"]), chosen["rate"])
    return target


def with_progress(frames: Iterator[Any], total: int) -> Iterator[Any]:
    with closing(Progress("filming", "frame")) as progress:
        for number, frame in enumerate(frames, 1):
            yield frame
            progress.update(number, total)


def one_table(inputs: list[Path]) -> Path:
    if len(inputs) != 1:
        raise UserError(f"predict takes one table at a time, not {len(inputs)}.")
    return inputs[0]


def check_target(target: Path, source: Path, *, is_named: bool) -> None:
    """Refuse to write over the input, or over a file that the user has not named."""
    if not is_named and target.exists():
        raise UserError(f"{target} is there already; name another file with --out, or the same to replace it.")
    if target.exists() and source.exists() and target.samefile(source):
        raise UserError(f"--out {target} is the input itself; choose another name.")


FILES: dict[str, Callable[[Predictor, list[Path], Path | None, dict[str, Any]], Path]] = {
    "table": predict_table,
    "image": predict_pictures,
    "scene": predict_scene,
}


def open(path: str | Path) -> Predictor:
    """A predictor from a finished run folder, or from anybody's file of 3D Gaussians."""
    path = Path(path)
    if is_scene_file(path):
        return open_scene(path)
    record = read_settings(path)
    if not (path / "model.json").exists():
        raise UserError(f"{path} has no trained model yet; go on with: maquette resume {path}")
    return Predictor(path, record["recipe"], load_model(path), load_state(path, "processing"))


def open_scene(path: Path) -> Predictor:
    """A predictor that shows a scene of 3D Gaussians; nothing is known of the photographs it was made from."""
    from maquette.data.scenes.splatfiles import read_splats
    from maquette.models import Gaussians

    splats = read_splats(path)
    return Predictor(
        path, "splat", Gaussians.of_rows(splats.rows(), is_antialiased=splats.is_antialiased).eval(), {}, splats.notes
    )
