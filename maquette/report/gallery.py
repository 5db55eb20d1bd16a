"""The page of a tour: a card a recipe, with a picture, its scores, its time and the way to its report."""

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class GalleryEntry:
    """One recipe of the tour. `failure`: the sentence it failed with; `picture`: a file in the run folder, else one is chosen."""

    recipe: str
    folder: Path
    kind: str = ""
    line: str = ""
    failure: str = ""
    picture: str = ""


def write_gallery(entries: Sequence[GalleryEntry], out: Path) -> Path:
    """Writes the page and gives its path; an entry that failed, or whose folder cannot be read, gets a card with its sentence."""
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


def _card(entry: GalleryEntry, place: int, out: Path) -> dict[str, Any]:
    card: dict[str, Any] = {
        "recipe": entry.recipe,
        "kind": entry.kind,
        "line": entry.line,
        "failure": entry.failure,
        "seconds": 0.0,
        "took": "",
        "verdict": None,
        "picture": None,
        "question": "",
        "stand_in": False,
        "report": link(Path(entry.folder) / "report.html", out),
    }
    try:
        facts = read_run(entry.folder)
        chosen = _picture(facts, entry.picture)
        if chosen is not None:
            card["picture"] = embed(chosen, f"card{place}-", f"a picture from the report of {entry.recipe}")
    except UserError as error:
        return card | {"failure": entry.failure or str(error)}
    seconds = float(sum(v for v in facts.scores.get("seconds", {}).values() if is_number(v)))
    stopped = (
        ""
        if facts.finished
        else f"stopped at step {facts.last_step:,}"
        if facts.last_step is not None
        else "not finished"
    )
    return card | {
        "seconds": seconds,
        "took": duration(seconds) if seconds else stopped,
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
