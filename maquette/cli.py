"""The command line: list, run, resume, predict, view, export, report, compare, data, tour.

Nothing heavy is imported before it is known that the command needs it. argparse reads the flags, pydantic the values,
so that every mistake can be told in one sentence.
"""

import io
import json
import os
import shlex
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from maquette.flags import Parser, add_flag, value_of, with_dashes

USAGE = """\
Maquette trains every neural network of a graphics course on your own data.

  maquette list [--json]                       recipes, one line each, with what they cost
  maquette run RECIPE [--data PATH|NAME] ...   train one; `maquette run RECIPE --help` shows its settings
  maquette resume DIR                          go on with a run that was stopped or crashed
  maquette stop DIR                            ask a run that is training to save and end
  maquette predict DIR [INPUT ...] [--use U]   use what a run has learnt; `maquette predict DIR --help` shows its uses
  maquette predict SCENE.ply [--out PATH]      a film of somebody's scene
  maquette view DIR|SCENE.ply                  fly through a scene in the browser, also while it trains
  maquette export DIR --format F               a network or scene for other programs: onnx, huggingface, ply, spz ...
  maquette report DIR                          write the report of a run again
  maquette compare DIR DIR ... [--out PATH]    several runs on one page
  maquette data list | get NAME                the data sets that --data knows by name
  maquette tour [--minutes M] [--preset P]     every recipe on its own data, and a gallery of the reports

Start with:  maquette run line
"""

DEBUG = "MAQUETTE_DEBUG"  # a variable of the environment: if it is set, tracebacks are shown


SHORT = {"explain", "film"}  # uses that a flag of their own asks for


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 our mistake, 2 the user's mistake, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may hold what a terminal cannot show
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
            if os.environ.get(DEBUG):
                raise
            print(told_failure(error), file=sys.stderr)
            return 1
        print("maquette: The disk is full. Make room and try again; nothing was lost.", file=sys.stderr)
        return 2
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        print(told_failure(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("maquette: interrupted; a run goes on with: maquette resume DIR", file=sys.stderr)
        return 130


def told_failure(error: Exception) -> str:
    """What to do after an error that nobody foresaw; its traceback is in the run's folder, or is written to a file."""
    from maquette.files import OWN_MISTAKE, failure_file

    for note in getattr(error, "__notes__", []):
        if note.startswith(OWN_MISTAKE):
            return str(note)
    what = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')[:200]}"
    return f"{OWN_MISTAKE} ({what}); please report {failure_file(error)}. {DEBUG}=1 shows it here."


def list_recipes(arguments: list[str]) -> None:
    parser = Parser(prog="maquette list", description="Recipes, with what they cost on two cores with their defaults.")
    parser.add_argument("--json", action="store_true", help="as JSON")
    as_json = parser.parse(arguments).json
    from maquette.recipes import CHAPTERS, RECIPES, as_plain, from_and_to

    if as_json:
        print(json.dumps([as_plain(name) for name in RECIPES], indent=1))
        return
    width = max(map(len, RECIPES))
    for chapter, title in CHAPTERS.items():
        print(f"{title}\n")
        for name, entry in RECIPES.items():
            if entry.chapter == chapter:
                print(f"  {name:<{width}}  {entry.summary}; about {entry.cost}")
                print(f"  {'':<{width}}  {from_and_to(name)}")
        print()
    print("Train one with: maquette run RECIPE; its settings: maquette run RECIPE --help")


def run_recipe(arguments: list[str]) -> int:
    from maquette.recipes import RECIPES, entry_of, recipe_settings
    from maquette.settings import UserError

    if not arguments or arguments[0] in ("-h", "--help"):
        print("maquette run RECIPE [--SETTING VALUE ...]\n\nrecipes:", ", ".join(RECIPES))
        print("\nmaquette run RECIPE --help shows a recipe's settings.")
        return 0
    if arguments[0].startswith("-"):
        raise UserError(f"Name a recipe first: maquette run RECIPE {arguments[0]} ... (maquette list shows all)")
    name = arguments[0]
    entry_of(name)
    preset, out, values = parse_settings(name, arguments[1:])
    recipe_settings(name, preset, values)  # refuse mistakes before anything heavy is loaded
    from maquette import api

    return finish(lambda: api.run(name, out=out, preset=preset, **values))


def finish(work: Callable[[], Any]) -> int:
    """Do the work of run or resume, then say what was made, where, and what to do next."""
    from maquette.runs import Interrupted

    try:
        made = work()
    except Interrupted as stopped:
        print(f"maquette: {stopped}", file=sys.stderr)
        return 130
    if made.report is None:  # not the first of several processes
        return 0
    from maquette.figures.numbers import number
    from maquette.recipes import RECIPES
    from maquette.trained import read_record

    record = read_record(made.folder)
    framing = record.findings["framing"]
    name = framing["score"]
    said = f"{name} {number(made.scores[name], record.scores['units'].get(name, ''))}"
    others = {other: score[name] for other, score in made.baselines.items() if name in score}
    if others:
        best = (max if framing["higher_is_better"] else min)(others, key=lambda other: others[other])
        said += f" (best baseline: {best}, {number(others[best])})"
    use = next(iter(RECIPES[record.recipe].uses.values()))
    command = f"maquette predict {shlex.quote(str(made.folder))} {use.example}"
    print(f"Made {made.folder}: {said}. Look at {made.report}; use it with: {command}")
    return 0


def resume(arguments: list[str]) -> int:
    parser = Parser(prog="maquette resume", description="Go on with a run that was stopped or crashed.")
    parser.add_argument("folder", metavar="DIR", type=Path)
    folder = parser.parse(arguments).folder
    from maquette import api

    return finish(lambda: api.resume(folder))


def stop(arguments: list[str]) -> None:
    parser = Parser(prog="maquette stop", description="Ask a run that is training to save and end; resume goes on.")
    parser.add_argument("folder", metavar="DIR", type=Path)
    folder = parser.parse(arguments).folder
    from maquette.settings import UserError
    from maquette.trained import read_settings

    read_settings(folder)
    if (folder / "scores.json").exists():
        raise UserError(f"{folder} is finished; there is nothing to stop.")
    from maquette.runs import ask_to_stop

    ask_to_stop(folder)
    print(f"Asked {folder} to save and end; go on later with: maquette resume {folder}")


def predict(arguments: list[str]) -> None:
    from maquette.recipes import RECIPES, use_of, use_options
    from maquette.settings import UserError, flag, make_settings

    arguments = with_dashes(arguments)
    recipe = recipe_of(arguments)
    parser = Parser(prog="maquette predict", description="Use what a run has learnt.")
    parser.add_argument("folder", metavar="DIR", type=Path, help="a finished run, or a scene file; uses: DIR --help")
    parser.add_argument("inputs", metavar="INPUT", nargs="*", help="tables, pictures, texts: what the use takes")
    where = "default: the input's name with -predicted; text: here; films: film.mp4; pages: explained.html"
    parser.add_argument("--out", type=Path, help=f"where to write ({where})")
    uses = RECIPES[recipe].uses if recipe else {}
    parser.add_argument("--use", metavar="NAME", help=f"what to do: {', '.join(uses) or 'DIR --help lists it'}")
    asked = value_of("--use", arguments)
    if recipe and asked:
        use_of(recipe, asked)
    for name in sorted(SHORT & uses.keys()):
        parser.add_argument(flag(name), action="store_true", help=f"short for --use {name}")
    fields: dict[str, Any] = {}
    for name in [asked] if asked else uses:
        for key, field in use_options(recipe, name).model_fields.items() if recipe else ():
            fields.setdefault(key, field)  # of uses that have the same one, the first tells what it means
    for key, field in fields.items():
        add_flag(parser, key, field)
    if recipe:
        parser.usage = "maquette predict DIR [INPUT ...] [--use NAME] [--out PATH] [--OPTION VALUE ...]"
        parser.epilog = "\n".join(["uses, the first is the default:", *told_uses(recipe, arguments[0])])
    values = vars(parser.parse(arguments))
    folder, inputs, out, use = (values.pop(key) for key in ("folder", "inputs", "out", "use"))
    for name in SHORT:
        if values.pop(name, False):
            use = name
    options = {key: value for key, value in values.items() if value is not None}
    from maquette import serving

    if recipe:
        use = use or serving.choose_use(recipe, inputs, out)
        kind = use_options(recipe, use)
        if strange := [key for key in options if key not in kind.model_fields]:
            raise UserError(f"{use} has no option {flag(strange[0])}; see: maquette predict {folder} --help")
        make_settings(kind, options)  # refuse mistakes before anything is opened
    made = serving.open(folder).predict_files(inputs, out, use, **options)
    if made is not None:
        print(f"Made {made} with {folder}.")


def told_uses(recipe: str, folder: str) -> list[str]:
    """What a run can do, with an example each."""
    from maquette.recipes import RECIPES, example_of

    lines = []
    for name, use in RECIPES[recipe].uses.items():
        takes = " and ".join(use.takes) or "nothing"
        lines.append(f"  {name:<10} {use.summary} ({takes} to {use.gives})")
        lines.append(f"  {'':<10} maquette predict {shlex.quote(folder)} {example_of(recipe, name)}")
    return lines


def recipe_of(arguments: list[str]) -> str | None:
    """The recipe of the run folder, or scene, that is named first; nothing where none is named yet."""
    if not arguments or arguments[0].startswith("-"):
        return None
    from maquette.data.scenes.endings import is_scene_file

    if is_scene_file(Path(arguments[0])):
        return "splat"
    from maquette.trained import read_settings

    return str(read_settings(Path(arguments[0]))["recipe"])


def view(arguments: list[str]) -> None:
    parser = Parser(prog="maquette view", description="Fly through a scene in the browser, also while it trains.")
    parser.add_argument(
        "folder", metavar="DIR", type=Path, help="a run of splat or nerf, finished or not, or a scene file"
    )
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
        choices=["onnx", "huggingface", "vec", "word2vec", "ply", "compressed-ply", "splat", "spz", "gltf"],
        default="onnx",
        help="onnx for networks (needs the extra onnx), huggingface for gpt with --network gpt2 and summarise, "
        "vec or word2vec (binary) for words as vectors, "
        "ply (all of it), compressed-ply, splat, spz (small) or gltf for scenes",
    )
    parser.add_argument("--out", type=Path, help="what to write (default: DIR/model.onnx, /huggingface, /scene.ply)")
    values = parser.parse(arguments)
    from maquette import exporting

    kinds: dict[str, tuple[Callable[[Path, Path], str], str]] = {
        "onnx": (exporting.export_onnx, "model.onnx"),
        "huggingface": (exporting.export_huggingface, "huggingface"),
        "vec": (exporting.export_vectors, "vectors.vec"),
        "word2vec": (exporting.export_vectors, "vectors.bin"),
        "ply": (exporting.export_scene, "scene.ply"),
        "compressed-ply": (partial(exporting.export_scene, ending=".compressed.ply"), "scene.compressed.ply"),
        "splat": (partial(exporting.export_scene, ending=".splat"), "scene.splat"),
        "spz": (partial(exporting.export_scene, ending=".spz"), "scene.spz"),
        "gltf": (partial(exporting.export_scene, ending=".glb"), "scene.glb"),
    }
    write, name = kinds[values.format]
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
    from maquette.data.sets.catalogue import SOURCES
    from maquette.settings import UserError

    if values.action == "list":
        for name, source in SOURCES.items():
            print(f"{name:<20} {source.medium:<8} {source.description} ({source.licence})")
        return
    if not values.name:
        raise UserError("Name a data set: maquette data get NAME (maquette data list shows all)")
    from maquette.data.sets import fetching

    found = fetching.get(values.name)
    print(f"{values.name} is at {found.path}; use it with: --data {values.name}")


def tour(arguments: list[str]) -> int:
    parser = Parser(prog="maquette tour", description="Every recipe on its own data, and a gallery of the reports.")
    parser.add_argument("--out", type=Path, default=Path("tour"), help="folder of the runs and the gallery (tour)")
    parser.add_argument("--minutes", type=float, default=12.0, help="about how long all together may take (12)")
    parser.add_argument("--preset", help="small, course or full, for every recipe that has it, as long as that takes")
    values = parser.parse(arguments)
    from maquette import touring

    again = shlex.join(["maquette", "tour", *arguments])
    return touring.tour(values.out, values.preset, values.minutes, again)


def parse_settings(name: str, arguments: list[str]) -> tuple[str | None, str | None, dict[str, Any]]:
    """Preset, output folder and the settings given on the command line, as strings."""
    from maquette.recipes import describe, load_settings
    from maquette.settings import without_none

    recipe = load_settings(name)
    parser = Parser(prog=f"maquette run {name}", description=describe(name))
    parser.add_argument("--preset", metavar="NAME", help=f"a set of values: {', '.join(recipe.PRESETS)}")
    parser.add_argument("--out", metavar="DIR", help=f"the run folder (runs/{name})")
    for field_name, field in recipe.Settings.model_fields.items():
        add_flag(parser, field_name, field)
    values = vars(parser.parse(arguments))
    preset, out = values.pop("preset"), values.pop("out")
    given = {key: value for key, value in values.items() if value is not None}
    return preset, out, without_none(recipe.Settings, given)


COMMANDS = {
    "list": list_recipes,
    "run": run_recipe,
    "resume": resume,
    "stop": stop,
    "predict": predict,
    "view": view,
    "export": export,
    "report": report_run,
    "compare": compare,
    "data": data,
    "tour": tour,
}
