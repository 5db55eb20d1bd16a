"""Pairs of texts from files of lines, tables, JSON lines, TMX and folders, and what is refused."""

import gzip
import json

import pytest

from maquette.data.text.pairs import Sides, open_pairs, part_of
from maquette.settings import UserError

ENGLISH = ["A dog.", "Two cats sleep.", "The house is red."]
GERMAN = ["Ein Hund.", "Zwei Katzen schlafen.", "Das Haus ist rot."]


def lines(path, texts):
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path


def both(pairs):
    return list(zip(pairs.sources, pairs.targets, strict=True))


EXPECTED = list(zip(ENGLISH, GERMAN, strict=True))


def test_two_files_of_lines(tmp_path):
    source, target = lines(tmp_path / "one.txt", ENGLISH), lines(tmp_path / "other.txt", GERMAN)
    pairs = open_pairs(None, str(source), str(target))
    assert both(pairs) == EXPECTED and pairs.names == ("one.txt", "other.txt") and pairs.files == 2
    assert both(open_pairs(tmp_path, "one.txt", "other.txt")) == EXPECTED, "names within the folder"
    assert pairs.notes() == []


def test_only_line_feeds_part_lines(tmp_path):
    source = lines(tmp_path / "a", ["one\u2028still one", "two\x0cstill two"])
    target = lines(tmp_path / "b", ["eins", "zwei"])
    assert open_pairs(None, str(source), str(target)).sources == ["one\u2028still one", "two\x0cstill two"]


def test_windows_line_ends_and_other_encodings(tmp_path):
    (tmp_path / "a").write_bytes("Das große Haus steht dort drüben.\r\nSchöne Grüße\r\n".encode("cp1252"))
    lines(tmp_path / "b", ["The big house is over there.", "Kind regards"])
    pairs = open_pairs(None, str(tmp_path / "a"), str(tmp_path / "b"))
    assert pairs.sources == ["Das große Haus steht dort drüben.", "Schöne Grüße"]
    assert "a is read as cp1252." in pairs.notes()
    (tmp_path / "old").write_bytes(b"one\rtwo\r")
    assert open_pairs(None, str(tmp_path / "old"), str(tmp_path / "b")).sources == ["one", "two"]


@pytest.mark.parametrize(("first", "second", "longer", "line"), [(3, 2, "one.txt", 3), (1, 3, "other.txt", 2)])
def test_unequal_lengths_name_the_line(tmp_path, first, second, longer, line):
    lines(tmp_path / "one.txt", ENGLISH[:first])
    lines(tmp_path / "other.txt", GERMAN[:second])
    with pytest.raises(UserError) as refused:
        open_pairs(tmp_path, "one.txt", "other.txt")
    quoted = (ENGLISH if longer == "one.txt" else GERMAN)[line - 1]
    assert f"line {line} of {longer}, {quoted!r}, has no partner" in str(refused.value)


def test_empty_lines_are_counted(tmp_path):
    lines(tmp_path / "x.en", ["a", "", "c", " "])
    lines(tmp_path / "x.de", ["A", "B", "", ""])
    pairs = open_pairs(tmp_path, None, None)
    assert both(pairs) == [("a", "A")]
    assert pairs.notes() == [
        "1 pair has text on one side only (en is empty); left out.",
        "1 pair has text on one side only (de is empty); left out.",
        "1 pair is empty on both sides; left out.",
    ]


def test_a_folder_of_languages_with_parts(tmp_path):
    for part, rows in (("train", slice(0, 2)), ("val", slice(2, 3)), ("test_2016", slice(0, 1))):
        for language, texts in (("en", ENGLISH), ("de", GERMAN), ("fr", ["x"] * 3)):
            with gzip.open(tmp_path / f"{part}.{language}.gz", "wt", encoding="utf-8") as file:
                file.write("\n".join(texts[rows]))
    pairs = open_pairs(tmp_path, "en", "de")
    assert sorted(zip(pairs.parts, pairs.sources, strict=True)) == [
        ("test", ENGLISH[0]),
        ("train", ENGLISH[0]),
        ("train", ENGLISH[1]),
        ("valid", ENGLISH[2]),
    ]
    assert open_pairs(tmp_path, "de", "en").sources[0] == GERMAN[0], "the other way round"
    with pytest.raises(UserError, match="say with --source and --target which two"):
        open_pairs(tmp_path, None, None)
    with pytest.raises(UserError, match=r"--target nl: .* has no such column, field or language"):
        open_pairs(tmp_path, "en", "nl")
    with pytest.raises(UserError, match="are both 'en'"):
        open_pairs(tmp_path, "en", "en")


@pytest.mark.parametrize("ending", ["tsv", "csv"])
def test_tables(tmp_path, ending):
    comma = "\t" if ending == "tsv" else ","
    path = lines(
        tmp_path / f"a.{ending}", [comma.join(row) for row in (("n", "en", "de"), *(("1", *pair) for pair in EXPECTED))]
    )
    assert both(open_pairs(path, "en", "de")) == EXPECTED
    with pytest.raises(UserError, match="say with --source"):
        open_pairs(path, None, None)


def test_a_table_without_header(tmp_path):
    path = lines(tmp_path / "a.tsv", ["\t".join(pair) for pair in EXPECTED])
    pairs = open_pairs(path, "1", "2")
    assert both(pairs) == EXPECTED and pairs.names == ("column 1", "column 2")


def test_json_lines(tmp_path):
    rows = [{"id": 1, "source": one, "target": other} for one, other in EXPECTED]
    path = lines(tmp_path / "a.jsonl", [*map(json.dumps, rows), "{broken", '{"source": 3, "target": "x"}'])
    pairs = open_pairs(path, None, None)
    assert both(pairs) == EXPECTED and pairs.names == ("source", "target")
    assert "2 rows without readable text left out." in pairs.notes()
    nested = [json.dumps({"translation": {"de": other, "en": one}}) for one, other in EXPECTED]
    pairs = open_pairs(lines(tmp_path / "b.jsonl", nested), None, None)
    assert both(pairs) == EXPECTED and pairs.names == ("en", "de")


def test_other_names_for_the_sides(tmp_path):
    sides = Sides(("--input", "--output"), (("dialogue",), ("summary",)))
    path = lines(tmp_path / "train.jsonl", [json.dumps({"summary": "s", "topic": "t", "dialogue": "d"})])
    pairs = open_pairs(path, None, None, sides)
    assert both(pairs) == [("d", "s")]
    with pytest.raises(UserError, match=r"--output sumary: .* did you mean summary"):
        open_pairs(path, None, "sumary", sides)


TMX = """<?xml version="1.0"?><!DOCTYPE tmx SYSTEM "tmx14.dtd"><tmx version="1.4"><header/><body>
<tu><tuv xml:lang="de-DE"><seg>Ein <bpt i="1">&lt;b&gt;</bpt>Hund<ept i="1">&lt;/b&gt;</ept>.</seg></tuv>
    <tuv xml:lang="en-US"><seg>A <hi>dog</hi>.</seg></tuv></tu>
<tu><tuv lang="EN-GB"><seg>Two cats sleep.</seg></tuv><tuv lang="de"><seg>Zwei Katzen schlafen.</seg></tuv></tu>
</body></tmx>"""


def test_translation_memories(tmp_path):
    path = tmp_path / "a.tmx"
    path.write_text(TMX, encoding="utf-8")
    assert both(open_pairs(path, "en", "de")) == EXPECTED[:2]
    path.write_text(TMX[:-20], encoding="utf-8")
    with pytest.raises(UserError, match="no well-formed TMX"):
        open_pairs(path, "en", "de")


def test_what_is_no_pair(tmp_path):
    path = lines(tmp_path / "a.txt", ENGLISH)
    with pytest.raises(UserError, match="holds one side only"):
        open_pairs(path, None, None)
    with pytest.raises(UserError, match=r"--target .*b\.txt: there is no such file"):
        open_pairs(None, str(path), str(tmp_path / "b.txt"))
    with pytest.raises(UserError, match="holds no pairs"):
        open_pairs(tmp_path, None, None)
    (tmp_path / "c.en").write_text("\n", encoding="utf-8")
    (tmp_path / "c.de").write_text("\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"holds no pair with text on both sides. 1 pair is empty on both sides"):
        open_pairs(tmp_path, None, None)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("train", "train"),
        ("dialogsum.train", "train"),
        ("val", "valid"),
        ("dev", "valid"),
        ("test_2016_flickr", "test"),
        ("newstest2014", "test"),
        ("constraints", ""),
        ("europarl", ""),
    ],
)
def test_parts_by_name(name, part):
    assert part_of(name) == part
