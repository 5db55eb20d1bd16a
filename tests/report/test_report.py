"""Reports from made-up run folders: whole, finished or not, damaged, hostile."""

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from maquette.figures import tables, training
from maquette.figures.style import save
from maquette.files import write_json
from maquette.report import compare_runs, write_gallery, write_report
from maquette.report.words import verdict
from maquette.settings import UserError
from maquette.steps import SECTIONS
from maquette.trained import read_record

ATTACK = '<script>alert(1)</script><img src=x onerror="alert(2)">'
VOID = {"meta", "br", "img", "link", "hr", "input"}


class Reader(HTMLParser):
    """Checks that tags are balanced, and collects headings, ids, links and all that a browser would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.links: list[str] = []
        self.headings: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"
        assert len(self.ids) == len(set(self.ids)), "an id stands twice"

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "h2":
            self.headings.append("")
        for name, value in attributes:
            assert not name.startswith("on"), f"{tag} has {name}"
            if name == "id":
                self.ids.append(value)
            elif name == "src" or (name in ("href", "xlink:href") and tag in ("link", "image", "use", "script")):
                self.loads.append(value)
            elif name == "href":
                self.links.append(value)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        self.text += data
        if "h2" in self.open:
            self.headings[-1] += data


def read(path: Path) -> Reader:
    text = path.read_text(encoding="utf-8")
    page = Reader(text)
    assert all(each.startswith(("data:", "#")) for each in page.loads)
    assert "script" not in page.tags
    assert "http://" not in text and "https://" not in text and "@import" not in text
    assert [name.name for name in path.parent.glob(".*")] == []
    return page


def picture(name: str) -> dict:
    return {"kind": "picture", "file": f"pictures/{name}", "title": "Losses", "caption": "How it went."}


def write(folder: Path, name: str, value: object) -> None:
    (folder / name).write_text(json.dumps(value), encoding="utf-8")


RECORDS = [{"step": step, "seconds": step / 10, "loss": 1 / (step + 1)} for step in range(50)]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    save(training.losses(RECORDS, {"loss": ATTACK}), folder / "losses.svg")
    save(tables.bars({ATTACK: 1.0}, ATTACK), folder / "bars.svg")
    save(tables.bars({"a": 1.0}, "score"), folder / "bars.png")
    return folder


@pytest.fixture
def run(tmp_path, pictures) -> Path:
    """A whole run folder; every text that could come from a user holds an attack."""
    folder = tmp_path / "my run"
    shutil.copytree(pictures, folder / "pictures")
    (folder / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in RECORDS), encoding="utf-8")
    write(
        folder,
        "settings.json",
        {
            "maquette": "0.1.0",
            "format": 1,
            "recipe": "regression",
            "preset": None,
            "command": f"maquette run {ATTACK}",
            "settings": {"target": ATTACK, "learning_rate": 0.1 + 0.2, "epochs": 10},
            "started": "2026-11-23T12:00:00+00:00",
            "versions": {"torch": "2"},
            "hardware": {"processor": ATTACK, "cores": 2, "gpu": None},
            "data": {
                "name": ATTACK,
                "path": ATTACK,
                "origin": "stand-in: simulated",
                "note": ATTACK,
                "sha256": "00",
                "rows": 20640,
            },
            "fields": {
                "learning_rate": {"help": "size of a step", "unit": "", "default": 0.3},
                "epochs": {"help": ATTACK, "unit": "", "default": 5},
            },
        },
    )
    blocks = [
        {"kind": "text", "text": ATTACK + "\n\nsecond `code` paragraph"},
        {"kind": "fact", "name": ATTACK, "value": 0.1 + 0.2, "unit": "m"},
        {"kind": "fact", "name": "text", "value": ATTACK, "unit": ""},
        {
            "kind": "table",
            "title": ATTACK,
            "columns": [ATTACK, "n"],
            "rows": [[ATTACK, 1234567], ["b", None]],
            "caption": ATTACK,
        },
        {"kind": "warning", "text": ATTACK},
        {"kind": "formula", "text": "a < b & c"},
        picture("losses.svg"),
        picture("bars.svg"),
        picture("bars.png"),
        {"kind": "unheard-of", "text": "shown as text"},
    ]
    framing = {
        "question": f"What? {ATTACK}",
        "inputs": ATTACK,
        "outputs": "y",
        "score": "rmse",
        "higher_is_better": False,
    }
    write(folder, "findings.json", {"framing": framing, "sections": dict.fromkeys(SECTIONS, blocks)})
    write(
        folder,
        "scores.json",
        {
            "recipe": "regression",
            "scores": {"r2": 0.9, "rmse": 90.0, "rmse_low": 80.0, "rmse_high": 99.5},
            "baselines": {ATTACK: {"rmse": 100.0, "r2": 0.95}, "mean": {"rmse": 200.0, "r2": 0.0}},
            "units": {"rmse": "USD"},
            "directions": {"rmse": "lower", "r2": "higher"},
            "seconds": {"train": 72.4, "score": 3.0},
            "peak_memory_mb": 812.4,
        },
    )
    write(folder, "model.json", {"class": "Net"})
    return folder


def test_whole_report(run):
    page = read(write_report(run))
    headings = [" ".join(heading.split()) for heading in page.headings]
    assert headings == [f"{number} {title}" for number, title in enumerate(SECTIONS.values(), 1)] + ["About this run"]
    for words in (
        "by 10 %",
        "1 min 12 s",
        "Scoring",
        "stand-in data",
        "1,234,567",
        "80 to 99.5",
        "0.3 m",
        "20,640 rows",
        "changed",
        ATTACK,
    ):
        assert words in " ".join(page.text.split()), words
    assert "0.30000000000000004" not in page.text
    assert "maquette resume" not in page.text and "maquette predict '" in page.text
    assert page.tags.count("svg") == 2 * len(SECTIONS)
    assert set(page.links) == {f"#{step}" for step in SECTIONS} | {"#run"}


def test_ink_takes_the_colour_of_the_page(run):
    text = write_report(run).read_text(encoding="utf-8")
    drawn = text[text.index("<svg") : text.rindex("</svg>")]
    assert "currentColor" in drawn and "#23272c" not in drawn and "<style" not in drawn


def test_same_report_again(run):
    first = write_report(run).read_bytes()
    assert write_report(run).read_bytes() == first


@pytest.mark.parametrize("missing", ["settings.json", "findings.json", "metrics.jsonl", "scores.json", "model.json"])
def test_missing_file(run, missing):
    (run / missing).unlink()
    page = read(write_report(run))
    assert len(page.headings) == 8
    if missing == "scores.json":
        assert "Training stopped at step 49." in page.text and "scores.json" in page.text


def test_settings_alone(run):
    for name in ("findings.json", "metrics.jsonl", "scores.json", "model.json"):
        (run / name).unlink()
    page = read(write_report(run))
    assert "This step was not reached." in page.text and "not finished" in page.text


def test_missing_picture_is_told(run):
    (run / "pictures/losses.svg").unlink()
    assert "losses.svg is missing" in read(write_report(run)).text


@pytest.mark.parametrize("name", ["settings.json", "findings.json", "scores.json", "model.json"])
@pytest.mark.parametrize("text", ['{"a": ', "[1]", "\x00\x01"])
def test_damaged_file(run, name, text):
    (run / name).write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=name):
        write_report(run)
    assert not (run / "report.html").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("findings.json", {"sections": {"train": ["x"]}}),
        ("findings.json", {"framing": 3}),
        ("scores.json", {"scores": [1]}),
        ("scores.json", {"scores": {}, "baselines": {"mean": 3}}),
        ("settings.json", {"format": "one"}),
        ("settings.json", {"settings": [1]}),
        ("findings.json", {"framing": {"score": []}}),
    ],
)
def test_wrong_shape_is_damage(run, name, value):
    write(run, name, value)
    with pytest.raises(UserError, match=name):
        write_report(run)


def test_line_cut_short_by_a_kill_is_left_out_but_others_are_damage(run):
    text = (run / "metrics.jsonl").read_text(encoding="utf-8")
    (run / "metrics.jsonl").write_text(text + '{"step": 50, "lo', encoding="utf-8")
    assert read_record(run).last_step == 49
    (run / "metrics.jsonl").write_text("{broken\n" + text, encoding="utf-8")
    with pytest.raises(UserError, match="line 1"):
        write_report(run)


def test_newer_format(run):
    write(run, "settings.json", {"format": 2, "maquette": "9.9"})
    with pytest.raises(UserError, match=r"newer Maquette \(9.9\)"):
        write_report(run)


@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_no_run_folder(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=folder):
        write_report(tmp_path / folder)


@pytest.mark.parametrize(
    "file", ["../secret.svg", "/etc/passwd", "pictures/../../x.png", r"..\x.svg", "C:/x.svg", "", None, 3, "a\0b"]
)
def test_pictures_stay_inside(run, file):
    write(
        run, "findings.json", {"framing": {}, "sections": {"train": [{"kind": "picture", "file": file, "title": "t"}]}}
    )
    with pytest.raises(UserError, match="not inside"):
        write_report(run)


def test_links_do_not_lead_out(run, tmp_path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    (run / "pictures/link.png").symlink_to(tmp_path / "secret.png")
    write(run, "findings.json", {"framing": {}, "sections": {"train": [picture("link.png")]}})
    with pytest.raises(UserError, match="not inside"):
        write_report(run)


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>",
        '<rect onclick="alert(1)"/>',
        '<image href="http://x/y.png"/>',
        "<foreignObject/>",
        '<rect style="fill:url(http://x)"/>',
        '<a href="javascript:alert(1)"/>',
        '<use href="other.svg#a"/>',
        "<broken",
    ],
)
def test_drawing_with_more_than_lines_is_shown_as_an_image(run, inside):
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72">{inside}</svg>'
    (run / "pictures/odd.svg").write_text(drawing, encoding="utf-8")
    write(run, "findings.json", {"framing": {}, "sections": {"train": [picture("odd.svg")]}})
    page = read(write_report(run))
    assert "svg" not in page.tags and "img" in page.tags


@pytest.mark.parametrize(
    ("value", "rival", "way", "tone", "words"),
    [
        (90.0, 100.0, "lower", "better", "by 10 %"),
        (110.0, 100.0, "lower", "worse", "by 10 %"),
        (0.9, 0.8, "higher", "better", "by 12 %"),
        (-0.2, -0.1, "higher", "worse", "by 0.1"),
        (0.95, 0.95, "higher", "same", "No better and no worse"),
        (1.0, 0.0, "higher", "better", "by 1"),
    ],
)
def test_verdict(run, value, rival, way, tone, words):
    write(
        run,
        "scores.json",
        {"scores": {"rmse": value}, "baselines": {"mean": {"rmse": rival}}, "directions": {"rmse": way}},
    )
    found = verdict(read_record(run))
    assert (found.tone, words in found.sentence) == (tone, True), found.sentence


def test_a_framing_says_what_was_found_in_its_own_words(run):
    found = json.loads((run / "findings.json").read_text())
    found["framing"]["headline"] = f"Fooled {{rmse}} of {{mean|r2}} {ATTACK}."
    write(run, "findings.json", found)
    said = verdict(read_record(run))
    assert (said.tone, said.sentence) == ("told", f"Fooled 90 USD of 0 {ATTACK}.")
    assert said.sentence in " ".join(read(write_report(run)).text.split())
    found["framing"]["headline"] = "Fooled {share}."  # an older run has no such score
    write(run, "findings.json", found)
    assert verdict(read_record(run)).tone == "better"


def test_every_use_stands_in_the_report_with_its_command(run):
    write(run, "settings.json", json.loads((run / "settings.json").read_text()) | {"recipe": "autoencoder"})
    text = " ".join(read(write_report(run)).text.split())
    assert "my run' PICTURES --out LATENTS.csv" in text
    assert "Pictures from a table of numbers" in text and "LATENTS.csv --out FOLDER --use decode" in text


def second(run: Path, tmp_path: Path) -> Path:
    other = tmp_path / "second"
    other.mkdir()
    found = json.loads((run / "settings.json").read_text())
    found["settings"] |= {"epochs": 77}
    write(other, "settings.json", found)
    write(other, "scores.json", json.loads((run / "scores.json").read_text()) | {"scores": {"rmse": 80.0, "r2": 0.9}})
    (other / "metrics.jsonl").write_text(
        "\n".join(json.dumps({"step": s, "loss": 2.0 + s}) for s in range(9)), encoding="utf-8"
    )
    return other


def test_compare(run, tmp_path):
    other = second(run, tmp_path)
    write_report(run)
    page = read(compare_runs([run, other], tmp_path / "compare.html"))
    assert page.links == ["my%20run/report.html"]
    assert "epochs" in page.text and "77" in page.text and "learning_rate" not in page.text
    assert page.tags.count("svg") == 1
    text = (tmp_path / "compare.html").read_text(encoding="utf-8")
    assert '<td class="number best">80</td>' in text and '<td class="number">90</td>' in text


def test_compare_tells_of_a_needed_run_that_is_gone(run, tmp_path):
    needs = {"run": {"path": "/no/where", "recipe": "gpt", "sha256": "00"}}
    write(run, "settings.json", json.loads((run / "settings.json").read_text()) | {"needs": needs})
    page = read(compare_runs([run, second(run, tmp_path)], tmp_path / "compare.html"))
    assert "needs the run /no/where (run), which is no longer there" in page.text


def test_compare_takes_two(run, tmp_path):
    with pytest.raises(UserError, match="two"):
        compare_runs([run], tmp_path / "compare.html")


def test_compare_the_same_run_and_an_unfinished_one(run, tmp_path):
    (run / "scores.json").unlink()
    page = read(compare_runs([run, run], tmp_path / "compare.html"))
    assert "The runs have the same settings." in page.text and "None of these runs is finished." in page.text


def test_gallery(run, tmp_path):
    write_report(run)
    entries = [
        {"recipe": "regression", "folder": run, "chapter": "Hour one", "line": ATTACK, "error": None},
        {"recipe": "second", "folder": second(run, tmp_path), "chapter": "Hour one"},
        {"recipe": "denoiser", "folder": tmp_path / "none", "chapter": ATTACK, "error": f"The disk is full {ATTACK}"},
        {"recipe": "lost", "folder": tmp_path / "none"},
    ]
    page = read(write_gallery(entries, tmp_path / "gallery.html"))
    assert page.links == ["my%20run/report.html"]
    assert "The disk is full" in page.text and "There is no folder" in page.text and "2 of 4" in page.text
    assert page.tags.count("article") == 4 and "svg" in page.tags
    assert "by 10 %" in page.text
    assert page.headings == ["Hour one", ATTACK] and "still to come" not in page.text


def test_gallery_grows(run, tmp_path):
    entries = [{"recipe": "regression", "folder": run}]
    assert "3 more are still to come" in read(write_gallery(entries, tmp_path / "gallery.html", still=3)).text
    assert "1 more is still to come" in read(write_gallery(entries, tmp_path / "gallery.html", still=1)).text


def test_gallery_of_nothing(tmp_path):
    read(write_gallery([], tmp_path / "gallery.html"))


def test_scenes_of_the_same_photographs_lie_side_by_side(tmp_path):
    """Pictures of the same views, linked; not where runs were scored on other data."""
    for name, digest in (("one", "ab"), ("other", "ab"), ("stranger", "cd")):
        folder = tmp_path / name
        (folder / "pictures").mkdir(parents=True)
        block = {"kind": "picture", "file": "pictures/held_out.svg", "title": "Views", "caption": ""}
        (folder / "pictures" / "held_out.svg").write_text("<svg/>", encoding="utf-8")
        known = {"format": 1, "recipe": "splat", "settings": {}, "data": {"sha256": digest}}
        write_json(folder / "settings.json", known)
        write_json(folder / "findings.json", {"framing": {}, "sections": {"predict": [block]}})
        write_json(folder / "scores.json", {"recipe": "splat", "scores": {"psnr": 30.0}, "baselines": {}})
    page = compare_runs([tmp_path / "one", tmp_path / "other"], tmp_path / "compare.html").read_text(encoding="utf-8")
    assert "Side by side" in page and "one/pictures/held_out.svg" in page and "other/pictures/held_out.svg" in page
    assert "img-src data: 'self' file:;" in page, "browsers would not show what is linked"
    page = compare_runs([tmp_path / "one", tmp_path / "stranger"], tmp_path / "no.html").read_text(encoding="utf-8")
    assert "Side by side" not in page
