"""The page of a tour: a card a recipe, with a picture, its scores, its time and the way to its report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maquette.figures.numbers import duration
from maquette.files import write_text
from maquette.pages import templates
from maquette.pages.pictures import embed
from maquette.report.compare import link
from maquette.report.page import _origin, question
from maquette.report.words import is_number, verdict
from maquette.settings import UserError
from maquette.trained import Record, inside, read_record


def write_gallery(entries: Sequence[Mapping[str, Any]], out: Path, still: int = 0) -> Path:
    """Writes the page and gives its path; a recipe that failed or cannot be read gets a card with its sentence.

    entries: `recipe`, `folder`, and where known `chapter` of the course, `line` (what it does), `error` (the sentence
    it failed with), `picture` (a file in the folder; else one is chosen). still: how many are still to come.
    """
    out = Path(out)
    cards = [_card(entry, place, out) for place, entry in enumerate(entries)]
    chapters = list(dict.fromkeys(card["chapter"] for card in cards))
    groups = [{"title": title, "cards": [card for card in cards if card["chapter"] == title]} for title in chapters]
    failed = sum(1 for card in cards if card["failure"])
    seconds = sum(card["seconds"] for card in cards)
    page = (
        templates()
        .get_template("gallery.html.j2")
        .render(
            title="Maquette: a tour",
            groups=groups,
            count=len(cards),
            failed=failed,
            still=still,
            took=duration(seconds) if seconds else "",
        )
    )
    write_text(out, page)
    return out


def _card(entry: Mapping[str, Any], place: int, out: Path) -> dict[str, Any]:
    folder = Path(entry["folder"])
    card: dict[str, Any] = {
        "recipe": entry["recipe"],
        "chapter": entry.get("chapter") or "",
        "line": entry.get("line") or "",
        "failure": entry.get("error") or "",
        "report": link(folder / "report.html", out),
        "seconds": 0.0,
    }
    try:
        record = read_record(folder)
        chosen = _picture(record, entry.get("picture") or "")
        if chosen is not None:
            card["picture"] = embed(chosen, f"card{place}-", f"a picture from the report of {entry['recipe']}")
    except UserError as error:
        return card | {"failure": card["failure"] or str(error)}
    seconds = float(sum(v for v in record.scores.get("seconds", {}).values() if is_number(v)))
    stopped = f"stopped at step {record.last_step:,}" if record.last_step is not None else "not finished"
    return card | {
        "seconds": seconds,
        "took": duration(seconds) if seconds else "" if record.finished else stopped,
        "verdict": verdict(record),
        "question": question(record),
        "stand_in": _origin(record)["stand_in"],
    }


def _picture(record: Record, wanted: str) -> Path | None:
    """The picture asked for; else the first of prediction, training, analysis, or any step."""
    if wanted:
        return inside(record.folder, wanted)
    sections = record.findings.get("sections", {})
    for step in ("predict", "train", "analyze", *sections):
        for block in sections.get(step, []):
            if block.get("kind") == "picture" and inside(record.folder, block.get("file")).is_file():
                return inside(record.folder, block["file"])
    return None
