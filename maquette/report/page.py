"""The report of one run: header, seven sections, how it was made, how to use it."""

import shlex
from datetime import datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

from maquette.figures.numbers import duration, number
from maquette.files import write_text
from maquette.pages import grouped, prepared, templates
from maquette.pages.pictures import embed
from maquette.recipes import RECIPES, example_of
from maquette.report.words import best_name, deciding, direction, interval, is_number, unit_of, verdict
from maquette.settings import flag
from maquette.steps import SECTIONS, TIMED
from maquette.trained import Record, inside, read_record

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
    record = read_record(folder)
    sections = [_section(record, index, step, title) for index, (step, title) in enumerate(SECTIONS.items(), 1)]
    page = (
        templates()
        .get_template("report.html.j2")
        .render(
            title=f"{record.recipe}: {question(record)}",
            record=record,
            question=question(record),
            framing=record.findings.get("framing", {}),
            verdict=verdict(record),
            standing=_standing(record),
            origin=_origin(record),
            unit=unit_of(record, str(record.findings.get("framing", {}).get("score"))),
            meta=_meta(record),
            sections=sections,
            scores=_score_table(record),
            settings=_settings_table(record),
            versions=record.settings.get("versions", {}),
            times=_times(record),
            command=record.settings.get("command"),
            uses=_uses(record),
            unfinished=_unfinished(record),
        )
    )
    out = record.folder / "report.html"
    write_text(out, page)
    return out


def question(record: Record) -> str:
    return str(record.findings.get("framing", {}).get("question") or f"A run of {record.recipe}")


def _section(record: Record, index: int, step: str, title: str) -> dict[str, Any]:
    blocks = list(record.findings.get("sections", {}).get(step, []))

    def draw(block: dict[str, Any], prefix: str, title: str) -> Markup:
        return embed(inside(record.folder, block.get("file")), prefix, title)

    parts = [prepared(block, f"{step}{place}-", draw) for place, block in enumerate(blocks)]
    seconds = record.scores.get("seconds", {}).get(step)
    return {
        "number": index,
        "step": step,
        "title": title,
        "groups": list(grouped(parts)),
        "seconds": seconds if is_number(seconds) else None,
    }


def _standing(record: Record) -> list[dict[str, Any]]:
    """The deciding score of the model and its baselines, best first, with the length of a bar in per cent."""
    score = deciding(record)
    if score is None:
        return []
    rows = {"this model": record.scores["scores"][score]} | {
        n: r.get(score) for n, r in record.scores.get("baselines", {}).items()
    }
    numbers = {name: float(value) for name, value in rows.items() if is_number(value)}
    if len(numbers) < 2 or min(numbers.values()) < 0:
        return []
    largest = max(numbers.values()) or 1.0
    ordered = sorted(numbers, key=lambda name: numbers[name], reverse=direction(record, score) == "higher")
    return [
        {
            "name": name,
            "value": number(numbers[name]),
            "part": 100 * numbers[name] / largest,
            "ours": name == "this model",
        }
        for name in ordered
    ]


def _score_table(record: Record) -> dict[str, Any] | None:
    scores = record.scores.get("scores", {})
    if not scores:
        return None
    first = deciding(record)
    ends = {f"{name}_{end}" for name in scores if interval(scores, name) for end in ("low", "high")}
    names = sorted((name for name in scores if name not in ends), key=lambda name: name != first)
    rows = {"this model": scores, **record.scores.get("baselines", {})}
    best = {
        name: best_name({who: row.get(name) for who, row in rows.items()}, direction(record, name)) for name in names
    }
    arrows = {"higher": "↑", "lower": "↓", None: ""}
    heads = [
        {"name": n, "unit": unit_of(record, n), "arrow": arrows[direction(record, n)], "way": direction(record, n)}
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


def _settings_table(record: Record) -> list[dict[str, Any]]:
    fields = record.settings.get("fields") or {}
    rows = []
    for name, value in (record.settings.get("settings") or {}).items():
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


def _origin(record: Record) -> dict[str, Any]:
    data = record.settings.get("data")
    data = data if isinstance(data, dict) else {}
    words = f"{data.get('origin') or ''} {data.get('note') or ''}".lower()
    told = [block.get("text") for block in record.findings.get("sections", {}).get("collect", [])]
    return {
        "data": data,
        "words": ORIGINS.get(str(data.get("origin")), str(data.get("origin") or "")),
        "note": data.get("note") if data.get("note") not in told else None,
        "stand_in": bool(data.get("stand_in")) or "stand-in" in words or "stand in" in words,
    }


def _meta(record: Record) -> list[tuple[str, str]]:
    found = record.settings
    hardware = found.get("hardware") or {}
    data = _origin(record)["data"]
    total = sum(value for value in record.scores.get("seconds", {}).values() if is_number(value))
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


def _times(record: Record) -> list[dict[str, Any]]:
    seconds = {name: float(value) for name, value in record.scores.get("seconds", {}).items() if is_number(value)}
    total = sum(seconds.values()) or 1.0
    return [
        {"name": TIMED.get(name, name), "time": duration(value), "part": 100 * value / total}
        for name, value in seconds.items()
    ]


def _uses(record: Record) -> list[dict[str, str]]:
    folder = shlex.quote(str(record.folder))
    if not record.finished:
        return [{"title": "Go on where it stopped", "command": f"maquette resume {folder}"}]
    uses = RECIPES[record.recipe].uses if record.recipe in RECIPES else {}
    titles = ["Use the model on new data", *(use.summary.capitalize() for use in [*uses.values()][1:])]
    commands = [f"maquette predict {folder} {example_of(record.recipe, name)}" for name in uses]
    python = f"import maquette\nmaquette.open({str(record.folder)!r}).predict(inputs)"
    return [
        *({"title": title, "command": command} for title, command in zip(titles, commands, strict=False)),
        {"title": "The same from Python", "command": python},
        {"title": "Lay it beside another run", "command": f"maquette compare {folder} OTHER"},
    ]


def _unfinished(record: Record) -> dict[str, str] | None:
    if record.finished:
        return None
    resume = f"maquette resume {shlex.quote(str(record.folder))}"
    if record.last_step is not None:
        said = f"Training stopped at step {record.last_step:,}."
    else:
        said = (
            "The run stopped before training began."
            if record.findings
            else "The run stopped before anything was found."
        )
    if failed := record.settings.get("failed"):
        said = f"The run ended by a mistake of Maquette's own, not of yours: {failed}."
    absent = [name for name in record.missing if name != "model.json"]
    return {"sentence": said, "command": resume, "missing": ", ".join(absent)}
