"""Every recipe, one after the other, and a gallery of their reports."""

import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from maquette.recipes import CHAPTERS, RECIPES, load_settings
from maquette.report import write_gallery
from maquette.settings import UserError, flag, nearest
from maquette.trained import read_settings

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
    page, failed, entries = out / "index.html", [], []
    names = sorted(RECIPES, key=lambda name: list(CHAPTERS).index(RECIPES[name].chapter))
    print(f"The gallery grows with each system: {page}", flush=True)
    ends = time.monotonic() + 60 * minutes
    if preset is None:
        compile_beside()
    for count, name in enumerate(names, 1):
        folder = out / name
        if (folder / "settings.json").exists():
            command = ["report" if (folder / "scores.json").exists() else "resume", str(folder)]
        else:
            command = ["run", name, "--out", str(folder)]
            if preset in load_settings(name).PRESETS:
                command += ["--preset", str(preset)]
            elif not preset and (seconds := training_time(names[count - 1 :], ends - time.monotonic())):
                command += ["--seconds", f"{seconds:.0f}"]
                if BRIEF in load_settings(name).PRESETS:
                    command += ["--preset", BRIEF]
            command += made_before(name, out)
        print(f"[{count}/{len(names)}] maquette {shlex.join(command)}", flush=True)
        code, sentence = run_beside(command)
        if code == 130:
            print(f"maquette: interrupted; go on with: {again}", file=sys.stderr)
            return 130
        if code:
            print(f"    failed: {sentence}", flush=True)
            failed.append(name)
        entry = RECIPES[name]
        error = sentence if code else None
        chapter = CHAPTERS[entry.chapter]
        entries.append({"recipe": name, "folder": folder, "chapter": chapter, "line": entry.summary, "error": error})
        write_gallery(entries, page, still=len(names) - count)
    print(f"Made {page}, a gallery of {len(entries) - len(failed)} reports; open it in a browser.")
    if failed:
        print(f"maquette: these failed: {', '.join(failed)}; run the tour again to go on", file=sys.stderr)
    return 1 if failed else 0


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


def run_beside(command: list[str]) -> tuple[int, str]:
    """Run a command of ours in a process of its own, its progress passed on; its exit code and its last sentence."""
    process = subprocess.Popen([sys.executable, "-m", "maquette", *command], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    last = "no message"
    try:
        for line in process.stderr:
            last = line.strip().removeprefix("maquette: ") or last
            if not line.startswith("maquette: "):
                print(f"    {line.rstrip()}", file=sys.stderr, flush=True)
        return process.wait(), last
    except KeyboardInterrupt:  # Ctrl-C reaches the other process too; it saves and ends by itself
        process.wait()
        return 130, last
