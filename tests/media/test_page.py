"""Pages of blocks: escaped, drawn, whole; and the same blocks within a report."""

import pytest

from maquette.facts import Facts
from maquette.figures.tables import bars
from maquette.media import Asked, page
from maquette.settings import UserError

ATTACK = "<script>alert(1)</script>"


@pytest.fixture
def blocks() -> list[dict]:
    return [
        {"kind": "heading", "text": "A heading"},
        {"kind": "text", "text": ATTACK},
        {"kind": "formula", "text": "a < b"},
        {"kind": "fact", "name": "Tokens", "value": 3, "unit": ""},
        {"kind": "table", "title": "T", "columns": ["a"], "rows": [[1]], "caption": ""},
        {"kind": "picture", "title": "Bars", "caption": "How long.", "figure": bars({"a": 1.0}, "score")},
        {"kind": "picture", "title": "More", "caption": "", "figure": bars({"b": 2.0}, "score")},
    ]


def test_a_page_is_one_file_with_its_figures(blocks, tmp_path):
    out = page.write(iter(blocks), tmp_path / "page.html", Asked(tmp_path / "run", None, f"What {ATTACK}?"), print)
    text = out.read_text(encoding="utf-8")
    assert text.count("<svg") == 2 and "How long." in text and "A heading" in text
    assert "<script" not in text and "&lt;script&gt;" in text
    ids = [piece.partition('"')[0] for piece in text.split(' id="')[1:]]
    assert len(ids) == len(set(ids)), "an id stands twice"
    assert page.plain(iter(blocks), True) == blocks
    with pytest.raises(UserError, match=r"name it page\.html"):
        page.write(iter(blocks), tmp_path / "page.csv", Asked(tmp_path / "run"), print)


def test_blocks_are_shown_in_a_report_with_their_figures_as_files(blocks, tmp_path):
    facts = Facts(tmp_path, True)
    page.show(["text"], iter(blocks), facts)
    shown = facts.findings["sections"]["frame"]
    assert [block["kind"] for block in shown] == [block["kind"] for block in blocks]
    assert [block["file"] for block in shown[-2:]] == ["pictures/examples_5.svg", "pictures/examples_6.svg"]
    assert all((tmp_path / block["file"]).exists() for block in shown[-2:])
