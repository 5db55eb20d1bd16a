"""ELIZA as a recipe: scripts and conversations from files, scores, talk on the terminal and from files, pages."""

import io
import json
import re

import pytest

import maquette
from maquette.cli import main
from maquette.data.sets.eliza import COURSE, COURSE_TALK, LISTENER, LISTENER_TALK
from maquette.figures.style import svg_text
from maquette.methods.eliza import Eliza
from maquette.methods.eliza_reading import read_script
from maquette.recipes.eliza.data import answers_of, fired, probes
from maquette.recipes.eliza.figures import walk
from maquette.settings import UserError

LINES = LISTENER_TALK.strip().split("\n")


@pytest.fixture
def course(tmp_path):
    folder = tmp_path / "run"
    assert main(["run", "eliza", "--preset", "course", "--out", str(folder)]) == 0
    return folder


def blocks_of(folder, section):
    return json.loads((folder / "findings.json").read_text())["sections"][section]


def test_scores_on_the_known_conversation_and_what_each_means_is_worth(small_runs):
    scores = json.loads((small_runs.standin("eliza") / "scores.json").read_text())
    assert scores["scores"] == {"exact_replies": 1.0, "rules_reached": 1.0}
    others = {name: values.get("exact_replies") for name, values in scores["baselines"].items()}
    assert others["NONE alone"] == 0
    assert others["without memory"] == pytest.approx(12 / 15)  # two memories, and NONE is then one answer on
    assert others["without ranks"] < 1 and others["without substitutions"] < 0.7


def test_the_course_s_conversation_with_its_mistake(course, capsys, tmp_path):
    lines = COURSE_TALK.strip().split("\n")
    (tmp_path / "said.txt").write_text("\n".join(lines[::2]))
    out = tmp_path / "answers.txt"
    assert main(["predict", str(course), str(tmp_path / "said.txt"), "--use", "talk", "--out", str(out)]) == 0
    assert out.read_text(encoding="utf-8").splitlines() == lines[1::2]
    assert lines[-1].endswith("or not or not ?")
    replay = next(block for block in blocks_of(course, "predict") if "replayed" in block.get("title", ""))
    assert [row[-1] for row in replay["rows"]] == ["yes"] * 8


def test_talk_from_a_pipe_line_by_line(course, capsys, monkeypatch):
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", io.StringIO("Everything\n\nNo, oddly enough\n"))
    assert main(["predict", str(course), "--use", "talk"]) == 0
    assert capsys.readouterr().out.splitlines() == ["Tell me more about that.", "Why 'no' ?"]


def test_talk_at_the_terminal_greets_and_ends_with_an_empty_line(course, capsys, monkeypatch, tmp_path):
    capsys.readouterr()
    typed = iter(["Everything", "Are you \u0416?", "", "never read"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda prompt: next(typed))
    out = tmp_path / "answers.txt"
    assert main(["predict", str(course), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[:3] == [
        "Please tell me what's been bothering you.",
        "Tell me more about that.",
        "Why are you interested in whether I am - or not ?",
    ]
    assert "an empty line ends" in said.err and "'\u0416'" in said.err and next(typed) == "never read"
    assert out.read_text(encoding="utf-8").splitlines() == said.out.splitlines()[:3]


def test_why_tells_the_rule_and_python_gives_replies(small_runs):
    run = maquette.open(small_runs.standin("eliza"))
    assert run.use("talk", LINES[::2]) == LINES[1::2]
    assert run.use("talk", "\n".join(LINES[::2])) == "\n".join(LINES[1::2])
    told = run.use("talk", "My dad sings.", why=True)
    why = "keyword MY, pattern (0 YOUR 0 (/FAMILY) 0), answer 1 of 3"
    assert told.startswith(f"TELL ME WHO IS IN YOUR FAMILY\n    [{why}")
    assert run.predict("Hello.") == LINES[1]


def test_explain_shows_the_stack_the_pattern_and_what_is_remembered(small_runs):
    blocks = maquette.open(small_runs.standin("eliza")).use("explain", "Well, my dad says that I'm always wrong.")
    tables = {block["title"]: block for block in blocks if block["kind"] == "table"}
    assert [row[1:] for row in tables["The stack"]["rows"]] == [["MY", 2], ["I'M", 0], ["ALWAYS", 1]]
    assert tables["Rules that were tried"]["rows"][0][2] == "(0 YOUR 0 (/FAMILY) 0)"
    assert tables["Rules that were tried"]["rows"][0][3].startswith("1: ∅ / 2: YOUR / 3: ∅ / 4: FATHER / 5: SAYS")
    assert tables["What is remembered"]["rows"][0][2] == "WRONG␣"
    assert sum(block["kind"] == "picture" for block in blocks) == 1


def test_explain_takes_a_conversation(small_runs, tmp_path):
    page = tmp_path / "page.html"
    (tmp_path / "said.txt").write_text("\n".join(LINES[:6:2]))
    assert main(["predict", str(small_runs.standin("eliza")), str(tmp_path / "said.txt"), "--out", str(page)]) == 0
    assert "3. The house is quiet." in page.read_text() and "the oldest memory" in page.read_text()


def test_a_script_of_one_s_own_with_its_conversation(tmp_path, capsys):
    (tmp_path / "cat.script").write_text("(HELLO)\r\n(CAT ((0 CAT 0) (A CAT 3)))\r\n(NONE ((0) (GO ON)))")
    (tmp_path / "talk.txt").write_text("my cat sleeps\nA CAT SLEEPS\n\nhm\nGO ON, PLEASE\n")
    flags = ["--data", str(tmp_path / "cat.script"), "--conversation", str(tmp_path / "talk.txt")]
    assert main(["run", "eliza", *flags, "--out", str(tmp_path / "run")]) == 0
    assert json.loads((tmp_path / "run" / "scores.json").read_text())["scores"]["exact_replies"] == 0.5
    replay = next(block for block in blocks_of(tmp_path / "run", "predict") if "replayed" in block.get("title", ""))
    assert replay["rows"][1][-1] == "no: GO ON, PLEASE"


def test_without_a_conversation_the_reached_rules_decide(small_runs):
    folder = small_runs.own("eliza")
    assert json.loads((folder / "scores.json").read_text())["scores"] == {"rules_reached": 1.0}
    assert "Share of the script" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("script", "talk", "what"),
    [
        ("(HELLO)\n(CAT ((0) (1))\n(NONE ((0) (GO ON)))", None, r"line 2: the bracket that opens here, \(CAT"),
        ("(HELLO)\n(CAT (=DOG))\n(NONE ((0) (GO ON)))", None, "line 2: there is no rule DOG"),
        ("", None, "holds no script"),
        ("(HELLO)\n(NONE ((0) (GO ON)))", "a\nb\nc\n", "3 lines, so the last one has no reply"),
        ("(HELLO)\n(NONE ((0) (GO ON)))", "\n", "no lines"),
        (bytes(range(256)) * 20, None, "is no text"),
    ],
)
def test_bad_files_are_refused_in_a_sentence(script, talk, what, tmp_path, capsys):
    (tmp_path / "a.script").write_bytes(script if isinstance(script, bytes) else script.encode())
    flags = ["--data", str(tmp_path / "a.script")]
    if talk is not None:
        (tmp_path / "talk.txt").write_text(talk)
        flags += ["--conversation", str(tmp_path / "talk.txt")]
    assert main(["run", "eliza", *flags, "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert re.search(what, said) and "Traceback" not in said
    assert not (tmp_path / "run").exists()


def test_folders_and_missing_files_are_refused(tmp_path, capsys):
    assert main(["run", "eliza", "--data", str(tmp_path), "--out", str(tmp_path / "run")]) == 2
    assert "is a folder; give the file of a script" in capsys.readouterr().err
    assert main(["run", "eliza", "--conversation", str(tmp_path / "none.txt"), "--out", str(tmp_path / "run")]) == 2
    assert "there is no such file" in capsys.readouterr().err
    with pytest.raises(UserError, match="takes text as INPUT"):
        maquette.open(made(tmp_path)).use("talk")


def made(tmp_path):
    maquette.run("eliza", out=tmp_path / "made")
    return tmp_path / "made"


@pytest.mark.parametrize("text", [LISTENER, COURSE])
def test_sentences_made_of_the_rules_reach_all_answers(text):
    script = read_script(text)
    assert fired(list(map(Eliza(script).reply, probes(script)))).keys() == answers_of(script).keys()


def test_a_rule_in_the_shadow_of_another_is_found():
    script = read_script("(HELLO) (CAT ((0 CAT 0) (1)) ((CAT) (NEVER))) (NONE ((0) (GO ON)))")
    made = fired(list(map(Eliza(script).reply, probes(script))))
    assert answers_of(script).keys() - made.keys() == {("CAT", 1, 0)}


@pytest.mark.parametrize("said", ["", "hm", "I'm sad, really", "x " * 300, "\u0416 \u4f60\u597d $a_b$"])
def test_every_reply_can_be_drawn(said):
    eliza = Eliza(read_script(LISTENER))
    for _ in range(4):
        page = walk(eliza.reply(said))
        assert page.get_figheight() > 0.5 and "<svg" in svg_text(page, "x")
