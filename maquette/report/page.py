"""The report of one run: header, seven sections, how it was made, how to use it."""

import shlex
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from maquette.figures.numbers import duration, number
from maquette.files import write_text
from maquette.recipes import RECIPES
from maquette.report.folder import Facts, inside, read_run
from maquette.report.pictures import embed
from maquette.report.words import best_name, deciding, direction, inline, interval, is_number, prose, unit_of, verdict
from maquette.settings import flag
from maquette.steps import STEPS

MOST_ROWS = 200
ORIGINS = {
    "path": "your own file",
    "MAQUETTE_DATA": "from the folder that $MAQUETTE_DATA names",
    "cache": "downloaded earlier, from the cache",
    "download": "downloaded from its publisher",
    "embedded": "made or shipped with Maquette",
}


def write_report(folder: Path) -> Path:
    """Writes `report.html` into a run folder from what the folder holds, finished or not, and gives its path.

    `UserError` if the folder is no run folder, a file in it is damaged, or a picture's name leads out of it.
    """
    facts = read_run(folder)
    sections = [_section(facts, index, step, title) for index, (step, title) in enumerate(STEPS.items(), 1)]
    page = (
        pages()
        .get_template("report.html.j2")
        .render(
            title=f"{facts.recipe}: {question(facts)}",
            facts=facts,
            question=question(facts),
            framing=facts.findings.get("framing", {}),
            verdict=verdict(facts),
            standing=_standing(facts),
            origin=_origin(facts),
            unit=unit_of(facts, str(facts.findings.get("framing", {}).get("score"))),
            meta=_meta(facts),
            sections=sections,
            scores=_score_table(facts),
            settings=_settings_table(facts),
            versions=facts.settings.get("versions", {}),
            times=_times(facts),
            command=facts.settings.get("command"),
            uses=_uses(facts),
            unfinished=_unfinished(facts),
        )
    )
    out = facts.folder / "report.html"
    write_text(out, page)
    return out


@cache
def pages() -> Environment:
    """The templates, with everything from outside escaped."""
    here = PackageLoader("maquette.report", ".")
    made = Environment(loader=here, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    made.filters |= {"number": number, "duration": duration, "prose": prose, "inline": inline}
    source, _, _ = here.get_source(made, "style.css")
    made.globals["style"] = Markup(source)
    return made


def question(facts: Facts) -> str:
    return str(facts.findings.get("framing", {}).get("question") or f"A run of {facts.recipe}")


def _section(facts: Facts, index: int, step: str, title: str) -> dict[str, Any]:
    blocks = list(facts.findings.get("sections", {}).get(step, []))

    def draw(block: dict[str, Any], prefix: str, title: str) -> Markup:
        return embed(inside(facts.folder, block.get("file")), prefix, title)

    parts = [prepared(block, f"{step}{place}-", draw) for place, block in enumerate(blocks)]
    seconds = facts.scores.get("seconds", {}).get(step)
    return {
        "number": index,
        "step": step,
        "title": title,
        "groups": list(grouped(parts)),
        "seconds": seconds if is_number(seconds) else None,
    }


def prepared(block: dict[str, Any], prefix: str, draw: Callable[[dict[str, Any], str, str], Markup]) -> dict[str, Any]:
    """A block ready to set; `draw(block, prefix, title)` makes the picture of one."""
    kind = block.get("kind")
    if kind == "picture":
        title = str(block.get("title") or "")
        caption = str(block.get("caption") or "")
        return {"kind": kind, "title": title, "caption": caption, "picture": draw(block, prefix, title)}
    if kind == "table":
        return {"kind": kind, **table(block)}
    if kind == "fact":
        return {
            "kind": kind,
            "name": str(block.get("name", "")),
            "value": number(block.get("value")),
            "unit": str(block.get("unit") or ""),
        }
    known = kind if kind in ("text", "warning", "formula", "heading") else "text"
    return {"kind": known, "text": str(block.get("text", ""))}


def table(block: dict[str, Any]) -> dict[str, Any]:
    """A table ready to set: numbers written for people and marked, so that they stand right; at most 200 rows."""
    rows = [list(row) if isinstance(row, list | tuple) else [row] for row in block.get("rows") or []]
    cells = [
        [{"text": number(value), "number": value is None or type(value) in (int, float)} for value in row]
        for row in rows[:MOST_ROWS]
    ]
    columns = [str(column) for column in block.get("columns") or []]
    numeric = [bool(cells) and all(row[at]["number"] for row in cells if at < len(row)) for at in range(len(columns))]
    return {
        "title": str(block.get("title") or ""),
        "caption": str(block.get("caption") or ""),
        "columns": columns,
        "numeric": numeric,
        "rows": cells,
        "left_out": max(len(rows) - MOST_ROWS, 0),
    }


def grouped(parts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Consecutive facts as one list, consecutive pictures and warnings as one group, all else one by one."""
    for kind, together in groupby(parts, key=lambda part: part["kind"]):
        if kind in ("fact", "picture", "warning"):
            yield {"kind": kind, "parts": list(together)}
        else:
            yield from ({"kind": kind, "parts": [part]} for part in together)


def _standing(facts: Facts) -> list[dict[str, Any]]:
    """The deciding score of the model and its baselines, best first, with the length of a bar in per cent."""
    score = deciding(facts)
    if score is None:
        return []
    rows = {"this model": facts.scores["scores"][score]} | {
        n: r.get(score) for n, r in facts.scores.get("baselines", {}).items()
    }
    numbers = {name: float(value) for name, value in rows.items() if is_number(value)}
    if len(numbers) < 2 or min(numbers.values()) < 0:
        return []
    largest = max(numbers.values()) or 1.0
    ordered = sorted(numbers, key=lambda name: numbers[name], reverse=direction(facts, score) == "higher")
    return [
        {
            "name": name,
            "value": number(numbers[name]),
            "part": 100 * numbers[name] / largest,
            "ours": name == "this model",
        }
        for name in ordered
    ]


def _score_table(facts: Facts) -> dict[str, Any] | None:
    scores = facts.scores.get("scores", {})
    if not scores:
        return None
    first = deciding(facts)
    ends = {f"{name}_{end}" for name in scores if interval(scores, name) for end in ("low", "high")}
    names = sorted((name for name in scores if name not in ends), key=lambda name: name != first)
    rows = {"this model": scores, **facts.scores.get("baselines", {})}
    best = {
        name: best_name({who: row.get(name) for who, row in rows.items()}, direction(facts, name)) for name in names
    }
    arrows = {"higher": "↑", "lower": "↓", None: ""}
    heads = [
        {"name": n, "unit": unit_of(facts, n), "arrow": arrows[direction(facts, n)], "way": direction(facts, n)}
        for n in names
    ]
    body = [
        {
            "name": who,
            "ours": place == 0,
            "cells": [
                {
                    "text": number(row.get(n)),
                    "best": best[n] is not None and row.get(n) == rows[best[n]].get(n),
                    "interval": interval(row, n),
                }
                for n in names
            ],
        }
        for place, (who, row) in enumerate(rows.items())
    ]
    return {"heads": heads, "rows": body}


def _settings_table(facts: Facts) -> list[dict[str, Any]]:
    fields = facts.settings.get("fields") or {}
    rows = []
    for name, value in (facts.settings.get("settings") or {}).items():
        about = fields.get(name) or {}
        changed = "default" in about and _setting(about["default"]) != _setting(value)
        rows.append(
            {
                "name": name,
                "flag": flag(name),
                "value": _setting(value),
                "default": _setting(about.get("default")),
                "help": about.get("help", ""),
                "unit": about.get("unit", ""),
                "changed": changed,
            }
        )
    return rows


def _setting(value: Any) -> str:
    """A setting as one would type it, without separators."""
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, list | tuple):
        return " ".join(_setting(each) for each in value)
    return number(value) if value is None or isinstance(value, bool) else str(value)


def _origin(facts: Facts) -> dict[str, Any]:
    data = facts.settings.get("data")
    data = data if isinstance(data, dict) else {}
    words = f"{data.get('origin') or ''} {data.get('note') or ''}".lower()
    told = [block.get("text") for block in facts.findings.get("sections", {}).get("collect", [])]
    return {
        "data": data,
        "words": ORIGINS.get(str(data.get("origin")), str(data.get("origin") or "")),
        "note": data.get("note") if data.get("note") not in told else None,
        "stand_in": bool(data.get("stand_in")) or "stand-in" in words or "stand in" in words,
    }


def _meta(facts: Facts) -> list[tuple[str, str]]:
    found = facts.settings
    hardware = found.get("hardware") or {}
    data = _origin(facts)["data"]
    total = sum(value for value in facts.scores.get("seconds", {}).values() if is_number(value))
    parts = [
        hardware.get("processor"),
        f"{hardware['cores']} cores" if hardware.get("cores") else None,
        hardware.get("gpu"),
    ]
    rows = f", {number(data['rows'])} rows" if is_number(data.get("rows")) else ""
    entries = [
        ("Data", f"{data.get('name') or data.get('path')}{rows}" if data.get("name") or data.get("path") else ""),
        ("Started", _date(found.get("started"))),
        ("Took", duration(total) if total else ""),
        ("On", ", ".join(str(part) for part in parts if part)),
        ("Preset", str(found.get("preset") or "")),
        ("Maquette", str(found.get("maquette") or "")),
    ]
    return [(name, text) for name, text in entries if text]


def _date(text: Any) -> str:
    try:
        return f"{datetime.fromisoformat(str(text)):%d %B %Y, %H:%M}".lstrip("0")
    except ValueError:
        return str(text or "")


def _times(facts: Facts) -> list[dict[str, Any]]:
    seconds = {name: float(value) for name, value in facts.scores.get("seconds", {}).items() if is_number(value)}
    total = sum(seconds.values()) or 1.0
    return [
        {"name": STEPS.get(name, name), "time": duration(value), "part": 100 * value / total}
        for name, value in seconds.items()
    ]


def _uses(facts: Facts) -> list[dict[str, str]]:
    folder = shlex.quote(str(facts.folder))
    if not facts.finished:
        return [{"title": "Go on where it stopped", "command": f"maquette resume {folder}"}]
    files = RECIPES[facts.recipe].use if facts.recipe in RECIPES else "INPUT --out OUTPUT"
    python = f"import maquette\nmaquette.open({str(facts.folder)!r}).predict(inputs)"
    return [
        {"title": "Use the model on new data", "command": f"maquette predict {folder} {files}"},
        {"title": "The same from Python", "command": python},
        {"title": "Lay it beside another run", "command": f"maquette compare {folder} OTHER"},
    ]


def _unfinished(facts: Facts) -> dict[str, str] | None:
    if facts.finished:
        return None
    resume = f"maquette resume {shlex.quote(str(facts.folder))}"
    if facts.last_step is not None:
        said = f"Training stopped at step {facts.last_step:,}."
    else:
        said = (
            "The run stopped before training began." if facts.findings else "The run stopped before anything was found."
        )
    absent = [name for name in facts.missing if name != "model.json"]
    return {"sentence": said, "command": resume, "missing": ", ".join(absent)}
