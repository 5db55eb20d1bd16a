"""A run folder once it is made: its settings, scores and metrics checked, and what uses need of it."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maquette.files import read_json
from maquette.recipes import RECIPES
from maquette.settings import UserError

FORMAT = 1  # of the run folder; raised when an older Maquette could no longer read it
FILES = ("settings.json", "findings.json", "metrics.jsonl", "scores.json", "model.json")
RESULT = ("model.json", "model.safetensors", "processing.json")  # what a run that needs this one depends on


@dataclass
class Trained:
    """A finished run as uses see it: networks in evaluation mode on the processor, and what was fitted beside them.

    settings: values as they were saved; source: where its data is from; needs: the runs it needed, by setting;
    notes: what was left out on reading.
    """

    folder: Path
    recipe: str
    settings: dict[str, Any]
    model: Any  # a network, several by name, or None where nothing is learnt
    processing: dict[str, Any]
    source: dict[str, Any] = field(default_factory=dict)
    needs: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def needed(self, name: str) -> "Trained":
        """The run that this one needed by a setting; refused if it is gone or has changed since."""
        need = self.needs[name]
        return open_needed(self.folder, name, need)


def open_trained(folder: Path, *, has_ended: bool = False) -> Trained:
    """What a finished run folder holds; `UserError` where nothing has been trained yet.

    has_ended: training is over, though no scores say so yet, nor weights where nothing is learnt by them.
    """
    from maquette.checkpoints import load_model, load_state  # torch, which `--help` of a run must not load

    record = read_settings(folder)
    has_model = (folder / "model.json").exists()
    if not (has_model or has_ended or (folder / "scores.json").exists()):
        raise UserError(f"{folder} has no trained model yet; go on with: maquette resume {folder}")
    return Trained(
        folder,
        record["recipe"],
        record["settings"],
        load_model(folder) if has_model or (folder / "model.safetensors").exists() else None,
        load_state(folder, "processing"),
        record.get("data", {}),
        needs := record.get("needs", {}),
        lost_needs(folder, needs),
    )


def open_needed(folder: Path, name: str, need: dict[str, Any]) -> Trained:
    """A run that the run in `folder` needs; refused if it is gone or has changed since."""
    return open_trained(path_of_needed(folder, name, need))


def path_of_needed(folder: Path, name: str, need: dict[str, Any]) -> Path:
    """Where a needed run lies, checked: `need` holds its path, recipe and checksum."""
    path = folder / need["path"]  # an absolute one stays as it is
    if not (path / "settings.json").exists():
        raise UserError(f"{folder} needs the run {path} ({name}), which is no longer there; put it back.")
    if checksum(path) != need["sha256"]:
        raise UserError(f"The run {path}, which {folder} needs ({name}), has changed since; start a new run with it.")
    return path


def lost_needs(folder: Path, needs: dict[str, dict[str, Any]]) -> list[str]:
    """A sentence for each needed run that is gone or has changed since."""
    told = []
    for name, need in needs.items():
        try:
            path_of_needed(folder, name, need)
        except UserError as error:
            told.append(str(error))
    return told


def checksum(folder: Path) -> str:
    """sha256, in hexadecimal, over what a run has learnt."""
    total = hashlib.sha256()
    for name in RESULT:
        if (folder / name).exists():
            total.update(name.encode() + (folder / name).read_bytes())
    return total.hexdigest()


def read_settings(folder: Path) -> dict[str, Any]:
    """`settings.json` of a run folder, checked: a whole one, of a known recipe, not from a newer Maquette."""
    if not folder.is_dir():
        raise UserError(f"There is no run folder {folder}.")
    path = folder / "settings.json"
    record = read_json(path)
    if not isinstance(record, dict) or not {"format", "recipe", "settings"} <= record.keys():
        raise UserError(f"{path} is damaged: it does not describe a run.")
    _check_settings(path, record)
    if not isinstance(record["settings"], dict):
        raise UserError(f"{path} is damaged: its settings are not what they should be.")
    if record["recipe"] not in RECIPES:
        raise UserError(f"{folder} is a run of {record['recipe']}, a recipe that this Maquette does not have.")
    return record


@dataclass(frozen=True)
class Record:
    """What a run folder holds, for its pages: whatever is there, checked; `missing` names files that are not (yet)."""

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
        steps = [line["step"] for line in self.metrics if isinstance(line.get("step"), int)]
        return max(steps) if steps else None


def read_record(folder: Path) -> Record:
    """Everything that pages need; `UserError` if `folder` is no run folder or one of its files is damaged."""
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}.")
    missing = [name for name in FILES if not (folder / name).is_file()]
    if len(missing) == len(FILES):
        raise UserError(f"{folder} is no run folder: it has none of {', '.join(FILES[:4])}.")
    parts = {name: _object(folder / name) for name in FILES if name.endswith(".json") and name not in missing}
    settings, findings = parts.get("settings.json", {}), parts.get("findings.json", {})
    scores, model = parts.get("scores.json", {}), parts.get("model.json", {})
    _check_settings(folder / "settings.json", settings)
    _check_findings(folder / "findings.json", findings)
    _check_scores(folder / "scores.json", scores)
    return Record(folder, settings, findings, scores, model, read_metrics(folder), missing)


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The logged lines; a last line cut short by a kill is left out, any other damage is a `UserError`."""
    path = folder / "metrics.jsonl"
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    found = []
    for place, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            numbers = json.loads(line)
        except ValueError:
            numbers = None
        if isinstance(numbers, dict):
            found.append(numbers)
        elif place < len(lines) - 1:
            raise UserError(f"{path} is damaged in line {place + 1}.")
    return found


def inside(folder: Path, name: Any) -> Path:
    """The file `name` of a run folder; `UserError` if the name leads out of it."""
    text = str(name)
    parts = re.split(r"[/\\]", text)
    path = folder / text
    leads_out = not isinstance(name, str) or ".." in parts or ":" in parts[0] or parts[0] == "" or "\0" in text
    if leads_out or not path.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{folder / 'findings.json'} names the file {text!r}, which is not inside the run folder.")
    return path


def _object(path: Path) -> dict[str, Any]:
    value = read_json(path)
    if not isinstance(value, dict):
        raise UserError(f"{path} is damaged: it does not hold a JSON object.")
    return value


def _check_settings(path: Path, settings: dict[str, Any]) -> None:
    version = settings.get("format", FORMAT)
    if not isinstance(version, int):
        raise UserError(f"{path} is damaged: its format is not a number.")
    for name in ("settings", "versions", "hardware", "fields", "needs"):
        if not isinstance(settings.get(name) or {}, dict):
            raise UserError(f"{path} is damaged: {name} is not names with values.")
    if version > FORMAT:
        written = settings.get("maquette", "unknown")
        raise UserError(f"{path.parent} was written by a newer Maquette ({written}): update to read it.")


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
