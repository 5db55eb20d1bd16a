"""Every recipe, one after the other, and a gallery of their reports."""

import shlex
import subprocess
import sys
from pathlib import Path

from maquette.recipes import RECIPES, load_recipe
from maquette.report import write_gallery
from maquette.settings import UserError, nearest


def tour(out: Path, preset: str | None, again: str) -> int:
    """Every recipe in a process of its own: one that fails, however it fails, does not end the tour.

    Runs are made in folders of `out`, or gone on with; `again` is the command that goes on. Returns the exit code.
    """
    presets = {known for name in RECIPES for known in load_recipe(name).PRESETS}
    if preset is not None and preset not in presets:
        raise UserError(f"No recipe has a preset {preset}{nearest(preset, presets)}")

    entries, failed = [], []
    for count, (name, entry) in enumerate(RECIPES.items(), 1):
        folder = out / name
        command = ["run", name, "--out", str(folder)]
        if preset and preset in load_recipe(name).PRESETS:
            command += ["--preset", preset]
        if (folder / "settings.json").exists():
            command = ["report" if (folder / "scores.json").exists() else "resume", str(folder)]
        print(f"[{count}/{len(RECIPES)}] maquette {shlex.join(command)}", flush=True)
        code, sentence = run_beside(command)
        if code == 130:
            print(f"maquette: interrupted; go on with: {again}", file=sys.stderr)
            return 130
        if code:
            print(f"    failed: {sentence}", flush=True)
            failed.append(name)
        error = sentence if code else None
        entries.append({"recipe": name, "folder": folder, "kind": entry.kind, "line": entry.summary, "error": error})
    page = write_gallery(entries, out / "index.html")
    print(f"Made {page}, a gallery of {len(entries) - len(failed)} reports; open it in a browser.")
    if failed:
        print(f"maquette: these failed: {', '.join(failed)}; run the tour again to go on", file=sys.stderr)
    return 1 if failed else 0


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
