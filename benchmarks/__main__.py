"""`python -m benchmarks [NAME ...] [--json PATH]`: run all benchmarks, or the named ones, and print their table."""

import argparse
import importlib
import json
import os
import platform
import sys
import time
from pathlib import Path

from benchmarks.measure import Row

NAMES = (
    "startup",
    "housing_training",
    "housing_process",
    "housing_accuracy",
    "tables_quality",
    "million_rows",
    "restore_quality",
    "restore_speed",
    "small_pictures",
    "convolution",
    "vae",
    "gpt_training",
    "gpt_generation",
    "recurrent",
    "text_encoding",
    "word_vectors",
    "translation",
    "summaries",
    "eliza",
    "splat_speed",
    "splat_quality",
    "nerf",
    "diffusion",
)
ONLY_BY_NAME = ("gan", "restore_hour", "text_to_image")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"of: {', '.join(NAMES)}; all if none is given. Only by name: {', '.join(ONLY_BY_NAME)}",
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the table here as well")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in NAMES + ONLY_BY_NAME]:
        parser.error(f"there is no benchmark {unknown[0]}; there are {', '.join(NAMES + ONLY_BY_NAME)}")
    facts = machine()
    rows: list[Row] = []
    for name in options.names or NAMES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        began = time.perf_counter()
        rows += importlib.import_module(f"benchmarks.{name}").measure()
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    print(" · ".join(f"{name} {value}" for name, value in facts.items()))
    print(table(rows))
    if options.json:
        lines = [row._asdict() | {"ratio": row.ratio, "met": row.met} for row in rows]
        options.json.write_text(json.dumps({"machine": facts, "rows": lines}, indent=1) + "\n", encoding="utf-8")
    missed = sum(row.met is False for row in rows)
    print(f"{sum(row.met is True for row in rows)} targets met, {missed} missed.")


def machine() -> dict[str, object]:
    """What the numbers were measured on."""
    from importlib.metadata import version

    return {
        "cores": os.cpu_count(),
        "processor": processor(),
        "load before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else "unknown",
        "Python": platform.python_version(),
        "torch": version("torch"),
        "scikit-learn": version("scikit-learn"),
    }


def processor() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table with its columns lined up."""
    cells = [["question", "ours", "peer", "unit", "ratio", "target", "met", "note"]]
    for row in rows:
        met = {True: "yes", False: "NO", None: ""}[row.met]
        numbers = [number(value) for value in (row.ours, row.peer)]
        cells.append([row.question, *numbers, row.unit, number(row.ratio), number(row.target), met, row.note])
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def number(value: float | None) -> str:
    """At most four digits, thousands apart."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


if __name__ == "__main__":
    main()
