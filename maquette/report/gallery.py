"""The page of a tour: a card a recipe, with a picture, its scores, its time and the way to its report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maquette.figures.numbers import duration
from maquette.files import write_text
from maquette.report.compare import link
from maquette.report.folder import Facts, inside, read_run
from maquette.report.page import _origin, pages, question
from maquette.report.pictures import embed
from maquette.report.words import is_number, verdict
from maquette.settings import UserError


def write_gallery(entries: Sequence[Mapping[str, Any]], out: Path) -> Path:
    """Writes the page and gives its path; a recipe that failed or cannot be read gets a card with its sentence.

    entries: `recipe`, `folder`, and where known `kind` (tables, images ...), `line` (what it does), `error` (the
    sentence it failed with), `picture` (a file in the folder; else one is chosen).
    """
    out = Path(out)
    cards = [_card(entry, place, out) for place, entry in enumerate(entries)]
    kinds = list(dict.fromkeys(card["kind"] for card in cards))
    groups = [{"kind": kind, "cards": [card for card in cards if card["kind"] == kind]} for kind in kinds]
    failed = sum(1 for card in cards if card["failure"])
    seconds = sum(card["seconds"] for card in cards)
    page = (
        pages()
        .get_template("gallery.html.j2")
        .render(
            title="Maquette: a tour",
            groups=groups,
            count=len(cards),
            failed=failed,
            took=duration(seconds) if seconds else "",
        )
    )
    write_text(out, page)
    return out


def _card(entry: Mapping[str, Any], place: int, out: Path) -> dict[str, Any]:
    folder = Path(entry["folder"])
    card: dict[str, Any] = {
        "recipe": entry["recipe"],
        "kind": entry.get("kind") or "",
        "line": entry.get("line") or "",
        "failure": entry.get("error") or "",
        "report": link(folder / "report.html", out),
        "seconds": 0.0,
    }
    try:
        facts = read_run(folder)
        chosen = _picture(facts, entry.get("picture") or "")
        if chosen is not None:
            card["picture"] = embed(chosen, f"card{place}-", f"a picture from the report of {entry['recipe']}")
    except UserError as error:
        return card | {"failure": card["failure"] or str(error)}
    seconds = float(sum(v for v in facts.scores.get("seconds", {}).values() if is_number(v)))
    stopped = f"stopped at step {facts.last_step:,}" if facts.last_step is not None else "not finished"
    return card | {
        "seconds": seconds,
        "took": duration(seconds) if seconds else "" if facts.finished else stopped,
        "verdict": verdict(facts),
        "question": question(facts),
        "stand_in": _origin(facts)["stand_in"],
    }


def _picture(facts: Facts, wanted: str) -> Path | None:
    """The picture asked for; else the first of prediction, training, analysis, or any step."""
    if wanted:
        return inside(facts.folder, wanted)
    sections = facts.findings.get("sections", {})
    for step in ("predict", "train", "analyze", *sections):
        for block in sections.get(step, []):
            if block.get("kind") == "picture" and inside(facts.folder, block.get("file")).is_file():
                return inside(facts.folder, block["file"])
    return None
