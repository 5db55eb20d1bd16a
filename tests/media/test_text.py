"""Text in and out: as it comes, in a file, several continuations."""

import json

import pytest

from maquette.media import Asked, only_path, text
from maquette.media.text import Continuation
from maquette.settings import UserError


def quiet(note: str) -> None:
    raise AssertionError(note)


def asked(tmp_path) -> Asked:
    return Asked(tmp_path)


def continuation(pieces: list[list[str]], prompt: str = "Once", notes: list[str] | None = None) -> Continuation:
    return Continuation(prompt, iter(pieces), [] if notes is None else notes)


def test_a_sentence_is_itself_and_a_file_what_it_holds(tmp_path):
    (tmp_path / "poem.txt").write_text("Größe", encoding="utf-8")
    given = [
        "Once upon",
        str(tmp_path / "poem.txt"),
        tmp_path / "poem.txt",
        "no such.txt",
        "x" * 5000,
        "x" * 900 + ".txt",
    ]
    assert list(text.read(given[:-1], quiet)) == ["Once upon", "Größe", "Größe", "no such.txt", "x" * 5000]
    assert text.accepts(tmp_path / "poem.txt") and not only_path(given[-1]) and only_path("no such.txt")


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"\xef\xbb\xbfAnna saw", None),  # as Notepad saves it
        (b"Anna saw", None),
        ("Anna saw".encode("utf-16"), "utf-16-le"),
        ("Anna saw".encode("utf-16-be"), "utf-16-be"),
        ("Anna café saw".encode("cp1252"), "cp1252"),
    ],
)
def test_a_file_may_have_any_encoding_which_is_told(tmp_path, data, encoding):
    path, said = tmp_path / "prompt.TXT", []
    path.write_bytes(data)
    assert list(text.read([str(path)], said.append)) == ["Anna café saw" if b"caf" in data else "Anna saw"]
    assert said == ([f"{path} is read as {encoding}."] if encoding else [])


def test_line_ends_are_those_of_the_training_texts(tmp_path):
    (tmp_path / "lines.txt").write_bytes(b"one\r\ntwo\rthree\n")
    assert text.text_of(str(tmp_path / "lines.txt")) == "one\ntwo\nthree\n"


def test_a_file_that_is_not_there_or_no_text_is_said(tmp_path):
    (tmp_path / "plain.txt").write_text("Anna saw")
    (tmp_path / "picture.txt").write_bytes(bytes(range(256)))
    (tmp_path / "controls.md").write_bytes(bytes(range(32)) * 4)
    (tmp_path / "folder.txt").mkdir()
    (tmp_path / "with blanks").mkdir()
    for given, words in {
        "plane.txt": "no file plane.txt",
        "PLANE.MD": "no file",
        tmp_path / "plane.txt": "did you mean plain.txt",
        tmp_path / "with blanks" / "plane.txt": "no file",
        tmp_path / "picture.txt": "bytes are no text",
        tmp_path / "controls.md": "binary",
        tmp_path / "folder.txt": "cannot be read: ",
    }.items():
        with pytest.raises(UserError, match=words):
            list(text.read([str(given)], quiet))
    for prompt in ("Read plane.txt", " plane.txt", "What is .txt", "a\nb.txt", "The file notes.txt/x"):
        assert text.text_of(prompt) == prompt


def test_single_words_in_a_row_are_doubted(tmp_path):
    assert text.doubts(["Anna", "saw"]) == [
        '2 prompts, each by itself; if they are one, put quotes around it: "Anna saw"'
    ]
    assert text.doubts(["Anna"]) == text.doubts(["Anna saw", "me"]) == text.doubts(["one.txt", "two.txt"]) == []


def test_an_error_on_the_way_stands_on_a_line_of_its_own(tmp_path, capsys):
    def pieces():
        yield [" upon"]
        raise UserError("no more")

    with pytest.raises(UserError):
        text.write(iter([Continuation("Once", pieces(), [])]), None, asked(tmp_path), quiet)
    assert capsys.readouterr().out == "Once upon\n"

    def none():
        raise UserError("nothing")
        yield

    with pytest.raises(UserError):
        text.write(iter([Continuation("Once", none(), [])]), None, asked(tmp_path), quiet)
    assert capsys.readouterr().out == ""


def test_it_is_printed_while_it_is_written(tmp_path, capsys):
    printed: list[str] = []

    def pieces():
        for word in (" upon", " a", " time"):
            yield [word]
            printed.append(capsys.readouterr().out)

    assert text.write(iter([Continuation("Once", pieces(), [])]), None, asked(tmp_path), quiet) is None
    assert printed == ["Once upon", " a", " time"]


def test_several_continuations_stand_one_after_the_other(tmp_path, capsys):
    both = [[" a", " b"], ["c", "d"], ["e"]]
    assert continuation(both).texts() == [" ace", " bd"]
    assert text.plain(iter([continuation(both)]), True) == [" ace", " bd"]
    assert text.plain(iter([continuation([["x"]])]), True) == "x"
    assert text.plain(iter([continuation([["x"]]), "y"]), False) == ["x", "y"]
    notes = ["The prompt was cut."]
    assert text.write(iter([continuation(both, notes=notes)]), None, asked(tmp_path), quiet) is None
    said = capsys.readouterr()
    assert said.out == "Once ace\n---\nOnce bd\n" and said.err == "The prompt was cut.\n"


def test_a_file_holds_what_was_asked_and_what_follows(tmp_path, capsys):
    answers = [continuation([[" upon"], [" a time"]]), continuation([], "The end")]
    out = text.write(iter(answers), tmp_path / "out.txt", asked(tmp_path), quiet)
    assert out.read_text(encoding="utf-8") == "Once upon a time\n---\nThe end\n"
    assert capsys.readouterr().out == ""


def test_texts_are_kept_a_document_a_line():
    kept = text.keep(["one\ntwo", "Größe"])
    lines = kept.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [{"text": "one\ntwo"}, {"text": "Größe"}]
    assert text.keep(["one\ntwo", "Größe"]) == kept != text.keep("Größe")


def test_a_file_with_blanks_in_its_name_may_be_mistyped_as_well(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my notes.txt").write_text("Anna saw", encoding="utf-8")
    assert text.text_of("my notes.txt") == "Anna saw"
    with pytest.raises(UserError, match=r"There is no file my note\.txt; did you mean my notes\.txt\?"):
        text.text_of("my note.txt")
    assert text.text_of("What is in my notes.txt") == "What is in my notes.txt"
    assert text.text_of("she wrote notes.txt") == "she wrote notes.txt"
