"""Every recipe, two at a time, and a gallery of their reports."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from maquette.recipes import CHAPTERS, RECIPES, load_settings
from maquette.report import write_gallery
from maquette.settings import UserError, flag, nearest
from maquette.trained import read_settings

AT_ONCE = 2  # systems: where one loads, judges or draws, which takes one core, another trains
LEAST = 5.0  # seconds of training, however many systems share the time
BRIEF = "brief"  # the preset for little time, of recipes whose judging else takes longer than learning


def tour(out: Path, preset: str | None, minutes: float, again: str) -> int:
    """Every recipe in a process of its own: one that fails, however it fails, does not end the tour.

    Runs are made in folders of `out`, or gone on with; `again` is the command that goes on. `minutes` are shared out
    over all systems, unless a preset says how long each takes. Returns the exit code.
    """
    presets = {known for name in RECIPES for known in load_settings(name).PRESETS}
    if preset is not None and preset not in presets:
        raise UserError(f"No recipe has a preset {preset}{nearest(preset, presets)}")
    if not minutes > 0:
        raise UserError(f"--minutes {minutes:g} is not above 0.")
    page, cores = out / "index.html", os.cpu_count() or 1
    names = sorted(RECIPES, key=lambda name: list(CHAPTERS).index(RECIPES[name].chapter))
    print(f"The gallery grows with each system: {page}", flush=True)
    if preset is None:
        compile_beside()
    at_once = min(AT_ONCE, cores)
    threads = {name: str(cores // at_once) for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")} | os.environ
    ends = time.monotonic() + 60 * minutes
    waiting, running, made = in_turn(names), dict[Future[tuple[int, str]], str](), dict[str, dict[str, Any]]()
    busy_until: dict[str, float] = {}
    is_interrupted = False
    with ThreadPoolExecutor(at_once) as pool:
        try:
            while running or (waiting and not is_interrupted):
                while len(running) < at_once and not is_interrupted and (name := ready(waiting, running.values())):
                    now = time.monotonic()
                    left = at_once * (ends - now) - sum(max(0, busy_until[other] - now) for other in running.values())
                    command, taken = command_for(name, waiting, out, preset, left)
                    waiting.remove(name)
                    busy_until[name] = now + taken
                    print(f"[{len(names) - len(waiting)}/{len(names)}] maquette {shlex.join(command)}", flush=True)
                    running[pool.submit(run_beside, name, command, threads)] = name
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    name, (code, sentence) = running.pop(future), future.result()
                    is_interrupted = is_interrupted or code == 130
                    if code:
                        print(f"    {name} failed: {sentence}", flush=True)
                    made[name] = gallery_entry(name, out, sentence if code else None)
                    entries = [made[each] for each in names if each in made]
                    write_gallery(entries, page, still=len(names) - len(entries))
        except KeyboardInterrupt:  # Ctrl-C reaches the other processes too; they save and end by themselves
            is_interrupted = True
    if is_interrupted:
        print(f"maquette: interrupted; go on with: {again}", file=sys.stderr)
        return 130
    failed = [name for name in names if made[name]["error"]]
    print(f"Made {page}, a gallery of {len(names) - len(failed)} reports; open it in a browser.")
    if failed:
        print(f"maquette: these failed: {', '.join(failed)}; run the tour again to go on", file=sys.stderr)
    return 1 if failed else 0


def ready(waiting: Sequence[str], running: Collection[str]) -> str | None:
    """The first of the systems to come that needs no other one of these, or of those that are trained just now."""
    still = {*waiting, *running}
    return next((name for name in waiting if not still & (trained_first(name) - {name})), None)


def in_turn(names: Sequence[str]) -> list[str]:
    """The order in which systems are trained: that of names, but one that the next one needs comes a place earlier.

    Else one core had nothing to do while it is trained, where those two are the last.
    """
    order = list(names)
    for name in names:
        place = order.index(name)
        if place >= 2 and order[place - 1] in trained_first(name):
            order[place - 2 : place] = order[place - 1], order[place - 2]
    return order


def trained_first(name: str) -> set[str]:
    """The recipes whose runs a recipe needs, and else trains itself."""
    return {need.recipe for need in RECIPES[name].needs.values() if need.otherwise == "train"}


def command_for(
    name: str, waiting: Sequence[str], out: Path, preset: str | None, left: float
) -> tuple[list[str], float]:
    """The command that makes a run in `out`, or goes on with it, and the seconds that it takes, about.

    left: seconds that all systems of `waiting`, this one among them, may take one after the other.
    """
    folder, entry = out / name, RECIPES[name]
    if (folder / "settings.json").exists():
        is_done = (folder / "scores.json").exists()
        return ["report" if is_done else "resume", str(folder)], float(entry.fixed)
    command, taken = ["run", name, "--out", str(folder)], float(entry.seconds)
    if preset in load_settings(name).PRESETS:
        command += ["--preset", str(preset)]
    elif not preset and (seconds := training_time([name, *(each for each in waiting if each != name)], left)):
        command += ["--seconds", f"{seconds:.0f}"]
        taken = entry.fixed + seconds
        if BRIEF in load_settings(name).PRESETS:
            command += ["--preset", BRIEF]
    return command + made_before(name, out), taken


def gallery_entry(name: str, out: Path, error: str | None) -> dict[str, Any]:
    """What the gallery says of a system: its folder, or why there is none."""
    entry = RECIPES[name]
    chapter = CHAPTERS[entry.chapter]
    return {"recipe": name, "folder": out / name, "chapter": chapter, "line": entry.summary, "error": error}


def compile_beside() -> None:
    """Have kernels compiled while the first systems train, on the other core: it takes minutes of a new machine."""
    subprocess.Popen([sys.executable, "-m", "maquette.kernels"], stderr=subprocess.DEVNULL)


def training_time(names: Sequence[str], left: float) -> float | None:
    """Seconds of training for the first of the systems to come; nothing where its own length fits, or is all it has.

    What passes outside of training is set aside. Of the rest those that take little have it all, the others as long as
    each other.
    """
    entries = [RECIPES[name] for name in names]
    wanted = [max(0, entry.seconds - entry.fixed) for entry in entries]
    spare = left - sum(entry.fixed for entry in entries)
    for count, each in enumerate(sorted(wanted)):
        share = max(LEAST, spare / (len(wanted) - count))
        if each > share:
            return share if wanted[0] > share else None
        spare -= each
    return None


def made_before(name: str, out: Path) -> list[str]:
    """Flags that name finished runs of the tour, which the recipe would else train first."""
    flags = []
    for setting, need in RECIPES[name].needs.items():
        folder = out / need.recipe
        if need.otherwise == "train" and (folder / "scores.json").exists():
            known = read_settings(folder)["settings"]
            if all(known.get(key) == value for key, value in need.kind.items()):
                flags += [flag(setting), str(folder)]
    return flags


def run_beside(name: str, command: list[str], threads: dict[str, str]) -> tuple[int, str]:
    """Run a command of ours in a process of its own, its progress passed on; its exit code and its last sentence."""
    whole = [sys.executable, "-m", "maquette", *command]
    process = subprocess.Popen(whole, stderr=subprocess.PIPE, text=True, env=threads)
    assert process.stderr is not None
    last = "no message"
    for line in process.stderr:
        last = line.strip().removeprefix("maquette: ") or last
        if not line.startswith("maquette: "):
            print(f"    {name}: {line.strip()}", file=sys.stderr, flush=True)
    return process.wait(), last
