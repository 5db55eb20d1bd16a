"""Several runs on one page: settings that differ, scores side by side, curves laid over each other."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from markupsafe import Markup

from maquette.figures.numbers import duration, number
from maquette.files import write_text
from maquette.pages import templates
from maquette.pages.pictures import inline_svg
from maquette.report.page import _setting, question
from maquette.report.words import best_name, direction, is_number, unit_of
from maquette.settings import UserError
from maquette.trained import Record, inside, lost_needs, read_record

MOST_CURVES = 8
SIDE_BY_SIDE = ("held_out", "view_scores", "depth", "film")  # pictures of scenes, which show the same views in all runs


def compare_runs(folders: Sequence[Path], out: Path) -> Path:
    """Writes one page that lays the runs beside each other and links their reports; gives its path."""
    if len(folders) < 2:
        raise UserError("Comparing takes at least two run folders.")
    runs = [read_record(Path(folder)) for folder in folders]
    names = _names(runs)
    out = Path(out)
    links = [
        {"name": name, "recipe": run.recipe, "question": question(run), "report": link(run.folder / "report.html", out)}
        for name, run in zip(names, runs, strict=True)
    ]
    page = (
        templates()
        .get_template("compare.html.j2")
        .render(
            title="Comparison of " + ", ".join(names),
            names=names,
            runs=links,
            scores=_scores(runs, names),
            settings=_differing(runs),
            same=_count_same(runs),
            same_rows=_same_rows(runs),
            lost=[line for run in runs for line in lost_needs(run.folder, run.settings.get("needs", {}))],
            curves=_curves(runs, names),
            pictures=_pictures(runs, names, out) if _same_rows(runs) else [],
            seconds=[
                duration(sum(v for v in run.scores.get("seconds", {}).values() if is_number(v)) or None) for run in runs
            ],
        )
    )
    write_text(out, page)
    return out


def _pictures(runs: list[Record], names: list[str], out: Path) -> list[dict[str, Any]]:
    """Pictures of the same view of the same data that at least two runs have, each with the way to its file."""
    found: dict[str, dict[str, Any]] = {}
    for run, name in zip(runs, names, strict=True):
        for block in (block for blocks in run.findings.get("sections", {}).values() for block in blocks):
            if block.get("kind") != "picture" or Path(str(block.get("file"))).stem not in SIDE_BY_SIDE:
                continue
            path = inside(run.folder, block["file"])
            if way := link(path, out):
                row = found.setdefault(path.stem, {"title": block.get("title", path.stem), "pictures": []})
                row["pictures"].append({"name": name, "link": way})
    return [found[name] for name in SIDE_BY_SIDE if name in found and len(found[name]["pictures"]) > 1]


def link(target: Path, page: Path) -> str | None:
    """The way from one page to another file, for a browser; nothing if the file is not there."""
    if not target.is_file():
        return None
    return quote(Path(os.path.relpath(target.resolve(), page.resolve().parent)).as_posix())


def _names(runs: list[Record]) -> list[str]:
    """The folders' names, with as many parents as it takes to tell them apart."""
    for depth in range(1, 6):
        names = ["/".join(run.folder.resolve().parts[-depth:]) for run in runs]
        if len(set(names)) == len(names):
            return names
    return [f"{name} ({place})" for place, name in enumerate(names, 1)]


def _scores(runs: list[Record], names: list[str]) -> list[dict[str, Any]]:
    found = list(dict.fromkeys(score for run in runs for score in run.scores.get("scores", {})))
    rows = []
    for score in found:
        values = {name: run.scores.get("scores", {}).get(score) for name, run in zip(names, runs, strict=True)}
        knows = next(run for run in runs if score in run.scores.get("scores", {}))
        way = direction(knows, score)
        best = best_name(values, way)
        ties = {name for name, value in values.items() if best is not None and value == values[best]}
        rows.append(
            {
                "name": score,
                "unit": unit_of(knows, score),
                "way": way,
                "arrow": {"higher": "↑", "lower": "↓"}.get(way or "", ""),
                "cells": [{"text": number(value), "best": name in ties} for name, value in values.items()],
            }
        )
    return rows


def _values(run: Record) -> dict[str, Any]:
    data = run.settings.get("data")
    origin = (
        {"data set": data.get("name") or data.get("path"), "data sha256": str(data.get("sha256") or "")[:12]}
        if isinstance(data, dict)
        else {}
    )
    return {
        "recipe": run.recipe,
        "preset": run.settings.get("preset"),
        **(run.settings.get("settings") or {}),
        **origin,
    }


def _differing(runs: list[Record]) -> list[dict[str, Any]]:
    tables = [_values(run) for run in runs]
    rows = []
    for name in dict.fromkeys(name for table in tables for name in table):
        values = [table.get(name) for table in tables]
        if len({json.dumps(value, sort_keys=True, default=str) for value in values}) > 1:
            rows.append(
                {
                    "name": name,
                    "cells": [
                        _setting(value) if name in table else "–" for value, table in zip(values, tables, strict=True)
                    ],
                }
            )
    return rows


def _same_rows(runs: list[Record]) -> bool:
    """Whether the runs were scored on the same rows: the same data, split alike."""
    names = ("data sha256", "seed", "test_share", "valid_share", "ordinal", "target")
    return len({json.dumps([_values(run).get(name) for name in names], default=str) for run in runs}) == 1


def _count_same(runs: list[Record]) -> int:
    return len({name for run in runs for name in _values(run)}) - len(_differing(runs))


def _curves(runs: list[Record], names: list[str]) -> list[dict[str, Any]]:
    """One drawing for each name that at least two runs logged more than once (or one, if only one did)."""
    from maquette.figures.style import svg_text
    from maquette.figures.training import overlaid

    logged = [
        [k for r in run.metrics for k, v in r.items() if is_number(v) and k not in ("step", "seconds", "epoch")]
        for run in runs
    ]
    counts = {
        key: sum(keys.count(key) > 1 for keys in logged)
        for key in dict.fromkeys(key for keys in logged for key in keys)
    }
    shown = sorted((key for key, count in counts.items() if count), key=lambda key: -counts[key])[:MOST_CURVES]
    drawings = []
    for place, key in enumerate(shown):
        lines = {}
        for name, run in zip(names, runs, strict=True):
            points = [(r["step"], r[key]) for r in run.metrics if is_number(r.get("step")) and is_number(r.get(key))]
            if points:
                x, y = np.array(points, dtype=np.float64).T
                lines[name] = (x, y)
        drawn = inline_svg(
            svg_text(overlaid(lines, "step", key), f"{place}"), f"curve{place}-", f"{key} of all runs over the steps"
        )
        drawings.append({"title": key, "picture": drawn or Markup("")})
    return drawings
