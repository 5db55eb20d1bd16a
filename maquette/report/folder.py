"""A run folder as it is read for its pages: whatever is there, checked; what is missing stays empty."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maquette.files import read_json
from maquette.settings import UserError

FORMAT = 1
FILES = ("settings.json", "findings.json", "metrics.jsonl", "scores.json", "model.json")


@dataclass(frozen=True)
class Facts:
    """What a run folder holds; `missing` names the files that are not there (yet)."""

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    findings: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def recipe(self) -> str:
        return str(self.settings.get("recipe") or self.scores.get("recipe") or self.folder.name)

    @property
    def finished(self) -> bool:
        return bool(self.scores.get("scores"))

    @property
    def last_step(self) -> int | None:
        steps = [record["step"] for record in self.metrics if isinstance(record.get("step"), int)]
        return max(steps) if steps else None


def read_run(folder: Path) -> Facts:
    """Everything the pages need; `UserError` if `folder` is no run folder or one of its files is damaged."""
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}.")
    missing = [name for name in FILES if not (folder / name).is_file()]
    if len(missing) == len(FILES):
        raise UserError(f"{folder} is no run folder: it has none of {', '.join(FILES[:4])}.")
    parts = {name: _object(folder / name) for name in FILES if name.endswith(".json") and name not in missing}
    settings = parts.get("settings.json", {})
    version = settings.get("format", FORMAT)
    if not isinstance(version, int):
        raise UserError(f"{folder / 'settings.json'} is damaged: its format is not a number.")
    for name in ("settings", "versions", "hardware", "fields"):
        if not isinstance(settings.get(name) or {}, dict):
            raise UserError(f"{folder / 'settings.json'} is damaged: {name} is not names with values.")
    if version > FORMAT:
        raise UserError(
            f"{folder} was written by a newer Maquette ({settings.get('maquette', 'unknown')}): update to read it."
        )
    metrics = [] if "metrics.jsonl" in missing else _records(folder / "metrics.jsonl")
    findings = parts.get("findings.json", {})
    _check_findings(folder / "findings.json", findings)
    _check_scores(folder / "scores.json", parts.get("scores.json", {}))
    return Facts(
        folder, settings, findings, parts.get("scores.json", {}), parts.get("model.json", {}), metrics, missing
    )


def _object(path: Path) -> dict[str, Any]:
    value = read_json(path)
    if not isinstance(value, dict):
        raise UserError(f"{path} is damaged: it does not hold a JSON object.")
    return value


def _records(path: Path) -> list[dict[str, Any]]:
    """The logged lines; a last line cut short by a kill is left out, any other damage is a `UserError`."""
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = text.split("\n")
    records = []
    for place, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if isinstance(record, dict):
            records.append(record)
        elif place < len(lines) - 1:
            raise UserError(f"{path} is damaged in line {place + 1}.")
    return records


def _check_findings(path: Path, findings: dict[str, Any]) -> None:
    framing, sections = findings.get("framing", {}), findings.get("sections", {})
    sound = (
        isinstance(framing, dict) and isinstance(sections, dict) and isinstance(framing.get("score", ""), str | None)
    )
    sound = sound and all(
        isinstance(blocks, list) and all(isinstance(b, dict) for b in blocks) for blocks in sections.values()
    )
    if not sound:
        raise UserError(f"{path} is damaged: it does not hold a framing and lists of blocks.")


def _check_scores(path: Path, scores: dict[str, Any]) -> None:
    parts = [scores.get(name, {}) for name in ("scores", "baselines", "units", "directions", "seconds")]
    if not all(isinstance(part, dict) for part in parts) or not all(isinstance(row, dict) for row in parts[1].values()):
        raise UserError(f"{path} is damaged: scores and baselines are not names with numbers.")


def inside(folder: Path, name: Any) -> Path:
    """The file `name` of a run folder; `UserError` if the name leads out of it."""
    text = str(name)
    parts = re.split(r"[/\\]", text)
    path = folder / text
    leads_out = not isinstance(name, str) or ".." in parts or ":" in parts[0] or parts[0] == "" or "\0" in text
    if leads_out or not path.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{folder / 'findings.json'} names the file {text!r}, which is not inside the run folder.")
    return path
