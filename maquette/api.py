"""What `import maquette` gives; the command line parses words and calls it."""

import os
import shlex
from pathlib import Path
from typing import Any, NamedTuple

from maquette.recipes import entry_of, recipe_settings
from maquette.settings import UserError, flag


class Result(NamedTuple):
    """What a run made: its folder, the scores on the test part, those of the baselines, and the report's path.

    Of several processes only the first one has scores and a report.
    """

    folder: Path
    scores: dict[str, float]
    baselines: dict[str, dict[str, float]]
    report: Path | None


def run(
    recipe: str, data: Any = None, *, out: str | Path | None = None, preset: str | None = None, **settings: Any
) -> Result:
    """Train a recipe as `maquette run` does. `data` is a path, a name, a data frame, pictures or texts.

    Settings are keyword arguments; what a user can put right is a `UserError`.
    """
    entry = entry_of(recipe)
    if data is not None and not isinstance(data, str | Path):
        from maquette.media import medium

        data = medium(entry.data).keep(data)
    values = settings if data is None else {**settings, "data": str(data)}
    chosen = recipe_settings(recipe, preset, values)
    folder = Path(out) if out else free_folder(Path("runs") / recipe)
    words = ["maquette", "run", recipe, *(["--preset", preset] if preset else []), "--out", str(folder)]
    for name, value in values.items():
        words += [flag(name), str(value)]

    from maquette import spine

    spine.start(recipe, chosen, folder, preset=preset, command=shlex.join(words))
    return result(folder)


def resume(folder: str | Path) -> Result:
    """Go on with a run that was stopped or crashed, to the same end as if it never had been."""
    from maquette import spine

    return result(spine.resume(Path(folder)))


def open(folder: str | Path) -> Any:
    """A finished run folder, or a scene file such as `.ply`, with `uses`, `use(name, inputs)`, `predict(inputs)`."""
    from maquette import serving

    return serving.open(folder)


def result(folder: Path) -> Result:
    """Write the report of a run and give what it made."""
    if int(os.environ.get("RANK", "0")) != 0:
        return Result(folder, {}, {}, None)
    from maquette import report
    from maquette.trained import read_record

    page = report.write_report(folder)
    scores = read_record(folder).scores
    return Result(folder, scores["scores"], scores["baselines"], page)


def free_folder(folder: Path) -> Path:
    """`folder`, or `folder-2`, `folder-3` ... if it is taken."""
    number, free = 2, folder
    while free.exists() and any(free.iterdir()):
        free, number = folder.with_name(f"{folder.name}-{number}"), number + 1
    return free


__all__ = ["Result", "UserError", "open", "resume", "run"]
