"""The command line: list, run, resume, predict, view, export, report, compare, data, tour.

Nothing heavy is imported before it is known that the command needs it. argparse reads the flags, pydantic the values,
so that every mistake can be told in one sentence.
"""

import argparse
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any, NoReturn

USAGE = """\
Maquette trains every neural network of a graphics course on your own data.

  maquette list [--json]                       recipes, one line each, with what they cost
  maquette run RECIPE [--data PATH|NAME] ...   train one; `maquette run RECIPE --help` shows its settings
  maquette resume DIR                          go on with a run that was stopped or crashed
  maquette predict DIR INPUT [--out PATH]      use a trained model on new data
  maquette predict DIR|SCENE.ply [--out PATH]  a film of a scene, your own or somebody's
  maquette view DIR|SCENE.ply                  fly through a scene in the browser, also while it trains
  maquette export DIR --format F               a network or scene for other programs: onnx, huggingface, ply
  maquette report DIR                          write the report of a run again
  maquette compare DIR DIR ... [--out PATH]    several runs on one page
  maquette data list | get NAME                the data sets that --data knows by name
  maquette tour [--out DIR] [--preset P]       every recipe on its own data, and a gallery of the reports

Start with:  maquette run line
"""


class Parser(argparse.ArgumentParser):
    """argparse that raises a `UserError` instead of printing its usage."""

    def __init__(self, **kwargs: Any):
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)

    def error(self, message: str) -> NoReturn:
        from maquette.settings import UserError

        raise UserError(f"{message[0].upper()}{message[1:]} ({self.prog} --help shows how)")

    def parse(self, arguments: list[str]) -> argparse.Namespace:
        from maquette.settings import UserError, nearest

        values, unknown = self.parse_known_args(arguments)
        if unknown:
            flags = [name for action in self._actions for name in action.option_strings]
            raise UserError(
                f"Unknown: {unknown[0]}{nearest(unknown[0].split('=')[0], flags)} ({self.prog} --help shows all)"
            )
        return values


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 2 the user's mistake, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(USAGE)
        return 0
    if arguments[0] == "--version":
        from importlib.metadata import version

        print(f"maquette {version('maquette')}")
        return 0
    from maquette.settings import UserError, nearest

    name, rest = arguments[0], arguments[1:]
    try:
        if name not in COMMANDS:
            raise UserError(f"There is no command {name}{nearest(name, COMMANDS)} (maquette --help shows all)")
        return COMMANDS[name](rest) or 0
    except UserError as error:
        print(f"maquette: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        from maquette.files import FULL

        if error.errno not in FULL:
            raise
        print("maquette: The disk is full. Make room and try again; nothing was lost.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("maquette: interrupted; a run goes on with: maquette resume DIR", file=sys.stderr)
        return 130


def list_recipes(arguments: list[str]) -> None:
    parser = Parser(prog="maquette list", description="Recipes, with what they cost on two cores with their defaults.")
    parser.add_argument("--json", action="store_true", help="as JSON")
    as_json = parser.parse(arguments).json
    from maquette.recipes import RECIPES

    if as_json:
        print(json.dumps([{"recipe": name, **entry._asdict()} for name, entry in RECIPES.items()], indent=1))
        return
    width = max(map(len, RECIPES))
    for name, entry in RECIPES.items():
        print(f"{name:<{width}}  {entry.kind:<6} {entry.summary}; about {entry.cost}")
    print("\nTrain one with: maquette run RECIPE; its settings: maquette run RECIPE --help")


def run_recipe(arguments: list[str]) -> int:
    from maquette.recipes import RECIPES, load_recipe, recipe_settings
    from maquette.settings import UserError

    if not arguments or arguments[0] in ("-h", "--help"):
        print("maquette run RECIPE [--SETTING VALUE ...]\n\nrecipes:", ", ".join(RECIPES))
        print("\nmaquette run RECIPE --help shows a recipe's settings.")
        return 0
    if arguments[0].startswith("-"):
        raise UserError(f"Name a recipe first: maquette run RECIPE {arguments[0]} ... (maquette list shows all)")
    recipe = load_recipe(arguments[0])
    preset, out, values = parse_settings(arguments[0], recipe, arguments[1:])
    recipe_settings(recipe, preset, values)  # refuse mistakes before anything heavy is loaded
    return finish(lambda: train(arguments[0], None, out, preset, values))


def train(
    recipe_name: str, data: Any, out: str | Path | None, preset: str | None, values: dict[str, Any]
) -> tuple[Any, ...]:
    """Train and report; returns folder, scores, baselines and the report's path."""
    from maquette.recipes import RECIPES, load_recipe, recipe_settings
    from maquette.settings import flag

    recipe = load_recipe(recipe_name)
    if data is not None and not isinstance(data, str | Path):
        from maquette.data.sets.given import keep

        data = keep(data, RECIPES[recipe_name].kind)
    if data is not None:
        values = {**values, "data": str(data)}
    settings = recipe_settings(recipe, preset, values)
    folder = Path(out) if out else free_folder(Path("runs") / recipe_name)
    words = ["maquette", "run", recipe_name, *(["--preset", preset] if preset else []), "--out", str(folder)]
    for name, value in values.items():
        words += [flag(name), str(value)]

    from maquette import spine

    spine.start(recipe_name, settings, folder, preset=preset, command=shlex.join(words))
    return result(folder)


def finish(work: Any) -> int:
    """Do the work of run or resume, then say what was made, where, and what to do next."""
    from maquette.runs import Interrupted

    try:
        folder, scores, baselines, report = work()
    except Interrupted as stopped:
        print(f"maquette: {stopped}", file=sys.stderr)
        return 130
    if report is None:  # not the first of several processes
        return 0
    from maquette.figures.numbers import number
    from maquette.files import read_json
    from maquette.recipes import RECIPES

    framing = read_json(folder / "findings.json")["framing"]
    units = read_json(folder / "scores.json")["units"]
    name = framing["score"]
    said = f"{name} {number(scores[name], units.get(name, ''))}"
    others = {other: score[name] for other, score in baselines.items() if name in score}
    if others:
        best = (max if framing["higher_is_better"] else min)(others, key=lambda other: others[other])
        said += f" (best baseline: {best}, {number(others[best])})"
    recipe = read_json(folder / "settings.json")["recipe"]
    use = f"maquette predict {shlex.quote(str(folder))} {RECIPES[recipe].use}"
    print(f"Made {folder}: {said}. Look at {report}; use it with: {use}")
    return 0


def result(folder: Path) -> tuple[Any, ...]:
    if int(os.environ.get("RANK", "0")) != 0:
        return folder, {}, {}, None
    from maquette import report
    from maquette.files import read_json

    page = report.write_report(folder)
    scores = read_json(folder / "scores.json")
    return folder, scores["scores"], scores["baselines"], page


def resume(arguments: list[str]) -> int:
    parser = Parser(prog="maquette resume", description="Go on with a run that was stopped or crashed.")
    parser.add_argument("folder", metavar="DIR", type=Path)
    folder = parser.parse(arguments).folder

    def work() -> tuple[Any, ...]:
        from maquette import spine

        return result(spine.resume(folder))

    return finish(work)


def predict(arguments: list[str]) -> None:
    from maquette.data.scenes.splatfiles import is_scene_file
    from maquette.recipes import RECIPES, load_recipe, recipe_options
    from maquette.settings import make_settings

    parser = Parser(prog="maquette predict", description="Use a trained model on new data.")
    is_file = bool(arguments) and is_scene_file(Path(arguments[0]))
    name = "splat" if is_file else recipe_of(arguments)
    count = "+" if name and RECIPES[name].kind != "scene" else "*"
    parser.add_argument("folder", metavar="DIR", type=Path, help="a finished run or a scene file; options: DIR --help")
    parser.add_argument("inputs", metavar="INPUT", nargs=count, help="a table, pictures, or a text; none for a scene")
    where = "default: the input's name with -predicted; text: here; scenes: film.mp4, others are .webp, .gif, a folder"
    parser.add_argument("--out", type=Path, help=f"where to write ({where})")
    kind = recipe_options(load_recipe(name)) if name else None
    if name and kind:
        parser.usage = f"maquette predict {'SCENE' if is_file else 'DIR'} {RECIPES[name].use} [--OPTION VALUE ...]"
        for field_name, field in kind.model_fields.items():
            add_flag(parser, field_name, field)
    values = vars(parser.parse(arguments))
    folder, inputs, out = values.pop("folder"), values.pop("inputs"), values.pop("out")
    options = {key: value for key, value in values.items() if value is not None}
    if kind:
        make_settings(kind, options)  # refuse mistakes before anything heavy is loaded
    from maquette import serving

    made = serving.open(folder).predict_files(inputs, out, **options)
    if made is not None:
        print(f"Made {made} with {folder}.")


def recipe_of(arguments: list[str]) -> str | None:
    """The recipe of the run folder that is named first, or nothing where that cannot be told yet."""
    from maquette.files import read_json
    from maquette.recipes import RECIPES
    from maquette.settings import UserError

    try:
        record = read_json(Path(arguments[0]) / "settings.json") if arguments else {}
    except UserError:
        return None  # opening the folder says what is wrong with it
    name = record.get("recipe") if isinstance(record, dict) else None
    return name if isinstance(name, str) and name in RECIPES else None


def view(arguments: list[str]) -> None:
    parser = Parser(prog="maquette view", description="Fly through a scene in the browser, also while it trains.")
    parser.add_argument("folder", metavar="DIR", type=Path, help="a run of splat, finished or not, or a scene file")
    parser.add_argument(
        "--port", type=int, default=8080, help="the next free one is taken if it is not (default: 8080)"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="0.0.0.0 lets others on the network in (default: 127.0.0.1)"
    )
    values = parser.parse(arguments)
    from maquette import viewing

    viewing.view(values.folder, values.host, values.port)


def export(arguments: list[str]) -> None:
    parser = Parser(prog="maquette export", description="The network or scene of a run as a file for others.")
    parser.add_argument("folder", metavar="DIR", type=Path, help="a finished run folder")
    parser.add_argument(
        "--format",
        choices=["onnx", "huggingface", "ply"],
        default="onnx",
        help="onnx for pictures (needs the extra onnx), huggingface for gpt with --network gpt2, ply for scenes",
    )
    parser.add_argument("--out", type=Path, help="what to write (default: DIR/model.onnx, /huggingface, /scene.ply)")
    values = parser.parse(arguments)
    from maquette import exporting

    write, name = {
        "onnx": (exporting.export_onnx, "model.onnx"),
        "huggingface": (exporting.export_huggingface, "huggingface"),
        "ply": (exporting.export_ply, "scene.ply"),
    }[values.format]
    print(f"Made {write(values.folder, values.out or values.folder / name)}")


def report_run(arguments: list[str]) -> None:
    parser = Parser(prog="maquette report", description="Write the report of a run again, from what its folder holds.")
    parser.add_argument("folder", metavar="DIR", type=Path)
    folder = parser.parse(arguments).folder
    from maquette.report import write_report

    print(f"Made {write_report(folder)}; open it in a browser.")


def compare(arguments: list[str]) -> None:
    parser = Parser(prog="maquette compare", description="Settings that differ, scores and curves of several runs.")
    parser.add_argument("folders", metavar="DIR", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, help="the page to write (default: compare.html beside the first run)")
    values = parser.parse(arguments)
    from maquette.report import compare_runs
    from maquette.settings import UserError

    if len(values.folders) < 2:
        raise UserError("compare takes two run folders or more.")
    out = values.out or values.folders[0].parent / "compare.html"
    print(f"Made {compare_runs(values.folders, out)}; open it in a browser.")


def data(arguments: list[str]) -> None:
    parser = Parser(prog="maquette data", description="The data sets that --data knows by name.")
    parser.add_argument("action", choices=["list", "get"], metavar="list|get")
    parser.add_argument("name", nargs="?")
    values = parser.parse(arguments)
    from maquette.data.sets import sources
    from maquette.settings import UserError

    if values.action == "list":
        for name, source in sources.SOURCES.items():
            print(f"{name:<20} {source.kind:<7} {source.description} ({source.licence})")
        return
    if not values.name:
        raise UserError("Name a data set: maquette data get NAME (maquette data list shows all)")
    found = sources.get(values.name)
    print(f"{values.name} is at {found.path}; use it with: --data {values.name}")


def tour(arguments: list[str]) -> int:
    parser = Parser(prog="maquette tour", description="Every recipe on its own data, and a gallery of the reports.")
    parser.add_argument("--out", type=Path, default=Path("tour"), help="folder of the runs and the gallery (tour)")
    parser.add_argument("--preset", help="small, course or full, for every recipe that has it")
    values = parser.parse(arguments)
    from maquette import touring

    return touring.tour(values.out, values.preset, shlex.join(["maquette", "tour", *arguments]))


def parse_settings(name: str, recipe: Any, arguments: list[str]) -> tuple[str | None, str | None, dict[str, Any]]:
    """Preset, output folder and the settings given on the command line, as strings."""
    parser = Parser(prog=f"maquette run {name}", description=recipe.__doc__)
    parser.add_argument("--preset", metavar="NAME", help=f"a set of values: {', '.join(recipe.PRESETS)}")
    parser.add_argument("--out", metavar="DIR", help=f"the run folder (runs/{name})")
    for field_name, field in recipe.Settings.model_fields.items():
        add_flag(parser, field_name, field)
    values = vars(parser.parse(arguments))
    preset, out = values.pop("preset"), values.pop("out")
    given = {key: None if value == "none" else value for key, value in values.items() if value is not None}
    return preset, out, given


def add_flag(parser: Parser, name: str, field: Any) -> None:
    """A flag with its meaning, unit, bounds and default."""
    from maquette.settings import flag

    extra = field.json_schema_extra or {}
    bounds = [
        f"{word} {getattr(item, key)}" for item in field.metadata for key, word in BOUNDS.items() if hasattr(item, key)
    ]
    choices = getattr(field.annotation, "__args__", None) if "Literal" in str(field.annotation) else None
    notes = [str(extra.get("unit") or ""), *bounds]
    default = "not set" if field.default in (None, "") else field.default
    text = f"{field.description} [{'; '.join([note for note in notes if note] + [f'default {default}'])}]"
    switch: dict[str, Any] = {"nargs": "?", "const": "true"} if field.annotation is bool else {}
    shape = "|".join(map(str, choices)) if choices else "true|false" if field.annotation is bool else "VALUE"
    parser.add_argument(flag(name), dest=name, help=text.replace("%", "%%"), metavar=shape, **switch)


BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}


def free_folder(folder: Path) -> Path:
    """`folder`, or `folder-2`, `folder-3` ... if it is taken."""
    number, free = 2, folder
    while free.exists() and any(free.iterdir()):
        free, number = folder.with_name(f"{folder.name}-{number}"), number + 1
    return free


COMMANDS = {
    "list": list_recipes,
    "run": run_recipe,
    "resume": resume,
    "predict": predict,
    "view": view,
    "export": export,
    "report": report_run,
    "compare": compare,
    "data": data,
    "tour": tour,
}
