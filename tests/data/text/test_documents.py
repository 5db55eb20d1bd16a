"""Documents from files of every kind, good ones and bad ones, and where the test part begins."""

import bz2
import codecs
import gzip
import io
import json
import lzma
import tarfile
import tracemalloc
import zipfile
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maquette.data.text.decoding import CONTROLS, Decoder, encoding_of, sound
from maquette.data.text.documents import open_texts
from maquette.settings import UserError

STORY = "It was a dark night.\nThe wind — cold, “bitter” — blew.\n\n" * 40
LOST = "\N{REPLACEMENT CHARACTER}"


@pytest.fixture
def file(tmp_path):
    """Writes bytes or text to a file, in a folder if the name has one, and gives its path."""

    def write(content, name="story.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def read(path, field=None, **options):
    """The documents at a path, each as a whole, and what was noticed."""
    texts, documents, parts = open_texts(path, field), [], []
    for piece in texts.pieces(**options):
        parts.append(piece.text)
        if piece.is_end:
            documents.append("".join(parts))
            parts = []
    return documents, texts


def joined(texts, part=None, **options):
    return "".join(piece.text for piece in texts.pieces(**options) if part in (None, piece.part))


# -- encodings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoded", "name"),
    [
        (STORY.encode(), "utf-8"),
        (codecs.BOM_UTF8 + STORY.encode(), "utf-8"),
        (codecs.BOM_UTF16_LE + STORY.encode("utf-16-le"), "utf-16-le"),
        (codecs.BOM_UTF16_BE + STORY.encode("utf-16-be"), "utf-16-be"),
        (codecs.BOM_UTF32_LE + STORY.encode("utf-32-le"), "utf-32-le"),
        (codecs.BOM_UTF32_BE + STORY.encode("utf-32-be"), "utf-32-be"),
        (STORY.encode("utf-16-le"), "utf-16-le"),
        (STORY.encode("utf-16-be"), "utf-16-be"),
        (STORY.encode("cp1252"), "cp1252"),
    ],
)
def test_one_text_in_many_encodings(file, encoded, name):
    documents, texts = read(file(encoded))
    assert documents == [STORY] and texts.undecodable == 0
    assert set(texts.encodings.values()) == {name}
    assert (name in " ".join(texts.notes())) == (name != "utf-8")
    again = joined(texts, "train", test_share=0.3) + joined(texts, "test", test_share=0.3)
    assert again == STORY


@pytest.mark.parametrize(
    ("said", "encoding"),
    [
        ("Über die Brücke gehen fünf Mädchen; größer wäre schöner.\n", "latin-1"),
        ("Le cœur a ses raisons que la raison ne connaît point; à l’été, où déjà ça va.\n", "cp1252"),
        ("Все счастливые семьи похожи друг на друга.\n", "cp1251"),
        ("Все счастливые семьи похожи друг на друга.\n", "koi8-r"),
        ("吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n", "shift_jis"),
        ("道可道，非常道。名可名，非常名。无名天地之始；有名万物之母。\n", "gbk"),
    ],
)
def test_letters_speak_for_an_encoding(file, said, encoding):
    assert read(file((said * 8).encode(encoding)))[0] == [said * 8]


def test_letters_that_come_late_still_speak(file, monkeypatch):
    monkeypatch.setattr("maquette.data.text.documents.PIECE", 1 << 16)
    late = "plain words only. " * 20_000 + "naïve café, à l’été"
    documents, texts = read(file(late.encode("cp1252")))
    assert documents == [late] and set(texts.encodings.values()) == {"cp1252"}


def test_plain_letters_need_no_decision():
    assert encoding_of(b"plain") == "ascii" == Decoder().encoding
    decoder = Decoder()
    assert decoder.decode(b"plain \xe2") + decoder.decode(b"\x80\x94") == "plain —"
    assert decoder.encoding == "utf-8" and decoder.bad == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.text(max_size=8), st.sampled_from([b"\xff", b"\xc3", b"\x80\x80"])), max_size=12))
def test_every_undecodable_byte_is_counted(parts):
    """Text between bytes that are no text comes back; a space after each keeps it from being completed."""
    data = b" ".join(part if isinstance(part, bytes) else part.encode() for part in parts)
    expected = " ".join(LOST * len(part) if isinstance(part, bytes) else part for part in parts)
    decoder = Decoder("utf-8", at_start=False)
    told = "".join(decoder.decode(data[place : place + 1]) for place in range(len(data))) + decoder.decode(b"", True)
    assert told == expected
    assert decoder.bad == sum(len(part) for part in parts if isinstance(part, bytes))


def test_a_few_bad_bytes_leave_the_rest_as_it_is(file):
    content = STORY.encode()
    documents, texts = read(file(content[:300] + b"\xff\xfe" + content[300:] + b"\xe2\x80"))
    assert documents[0].replace(LOST, "") == STORY and documents[0].count(LOST) == 4
    assert texts.undecodable == 4 and "4 bytes are no text" in " ".join(texts.notes())
    list(texts.pieces())
    assert texts.undecodable == 4, "each pass counts anew"


def test_half_pairs_of_utf16_count_by_their_bytes(file):
    documents, texts = read(file(codecs.BOM_UTF16_LE + "ab".encode("utf-16-le") + b"\x00\xd8" + b"c\0" + b"x"))
    assert documents == [f"ab{LOST * 2}c{LOST}"] and texts.undecodable == 3


def test_sound_text_has_no_half_pairs():
    assert sound("a\ud800b🦦") == f"a{LOST}b🦦" and sound("a — b") == "a — b"


# -- pieces ------------------------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(
    content=st.text(st.characters(codec="utf-8", exclude_characters=CONTROLS.decode()), max_size=400),
    share=st.sampled_from([0.0, 0.1, 0.5]),
    piece=st.sampled_from([1, 7, 64]),
)
def test_pieces_joined_are_the_file(tmp_path_factory, content, share, piece):
    path = tmp_path_factory.mktemp("pieces") / "story.txt"
    path.write_bytes(("A" + content).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("maquette.data.text.documents.PIECE", piece)
        pieces = list(open_texts(path).pieces(share))
    assert "".join(piece.text for piece in pieces) == "A" + content
    assert all(piece.text for piece in pieces)
    assert [piece.is_end for piece in pieces].count(True) == len({piece.part for piece in pieces})


def test_pieces_end_before_white_space(file, monkeypatch):
    monkeypatch.setattr("maquette.data.text.documents.PIECE", 300)
    pieces = [piece.text for piece in open_texts(file(STORY)).pieces()]
    assert len(pieces) > 5
    for before, after in pairwise(pieces):
        assert not before[-1].isspace() and after[0].isspace()


def test_the_split_of_a_file_is_nanogpts(file):
    for length in (1000, 999, 1_003):
        texts = open_texts(file("x y\n" * length, f"{length}.txt"))
        train = joined(texts, "train", test_share=0.1)
        assert len(train) == int(0.9 * 4 * length)
        assert train + joined(texts, "test", test_share=0.1) == "x y\n" * length


def test_no_character_is_cut_by_the_split(file):
    content = "東京🦦é" * 97
    texts = open_texts(file(content))
    for share in (0.1, 0.11, 0.12, 0.13, 0.5):
        train, test = (joined(texts, part, test_share=share) for part in ("train", "test"))
        assert train + test == content and len(train.encode()) - int(len(content.encode()) * (1 - share)) in range(4)


def test_of_many_files_whole_ones_are_kept_for_the_test(file, tmp_path):
    for number in range(40):
        file(f"{number} " * (50 + number), f"books/{number:02}.txt")
    texts = open_texts(tmp_path / "books")
    parts: dict[str, set] = {}
    for piece in texts.pieces(0.2, seed=3):
        parts.setdefault(piece.part, set()).add(piece.text)
    assert len(parts["train"]) + len(parts["test"]) == 40
    size = sum(len(part) for part in parts["test"]) / texts.size
    assert 0.15 < size < 0.25
    assert {piece.text for piece in texts.pieces(0.2, 3) if piece.part == "test"} == parts["test"]
    assert {piece.text for piece in texts.pieces(0.2, 4) if piece.part == "test"} != parts["test"]


def test_one_long_line_without_spaces_stays_in_bounded_memory(file):
    path = file("0123456789abcdef" * (3 << 20))  # 48 MB
    texts = open_texts(path)
    tracemalloc.start()
    total = sum(len(piece.text) for piece in texts.pieces(0.1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 3 << 24 and peak < 12 << 20


# -- rows --------------------------------------------------------------------------------------------------------------


def lines(*rows):
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


def test_lines_of_json(file):
    path = file(lines({"id": "a long name of no use", "text": "one\ntwo"}, "", {"text": "three"}), "a.jsonl")
    documents, texts = read(path)
    assert documents == ["one\ntwo", "three"] and list(texts.fields.values()) == ["text"]


def test_broken_rows_are_counted(file):
    rows = [{"text": "good"}, "{", "[1]", {"text": 3}, {"other": "x"}, {"text": "  "}, "[" * 100_000, {"text": "end"}]
    documents, texts = read(file(lines(*rows), "a.jsonl"))
    assert documents == ["good", "end"] and texts.broken_rows == 6
    assert "6 rows without readable text" in " ".join(texts.notes())


def test_bad_bytes_in_rows_are_counted(file):
    content = codecs.BOM_UTF8 + b'{"text": "a\xff\xffb"}\n{"text": "\\ud800"}\n'
    documents, texts = read(file(content, "a.jsonl"))
    assert documents[0] == f"a{LOST}{LOST}b" and texts.undecodable == 2


def test_the_longest_field_is_read_unless_one_is_named(file):
    rows = [{"n": 1, "title": "short", "story": "a much longer text"}]
    assert read(file(lines(*rows), "a.jsonl"))[0] == ["a much longer text"]
    assert read(file(lines(*rows), "a.jsonl"), "title")[0] == ["short"]
    assert read(file("title,story\nshort,a much longer text\n", "a.csv"))[0] == ["a much longer text"]
    with pytest.raises(UserError, match="no field 'titel'; did you mean title"):
        open_texts(file(lines(*rows), "a.jsonl"), "titel")
    with pytest.raises(UserError, match="no field 'qqq'; it has title, story"):
        open_texts(file("title,story\nshort,long\n", "a.csv"), "qqq")
    with pytest.raises(UserError, match=r"holds no \.jsonl or \.csv"):
        open_texts(file(STORY), "title")


def test_rows_of_tables(file):
    content = 'id;text\n1;"first; ""quoted""\nline"\n2;second\n' + "3;third\n" * 30 + "4\n5;last\n"
    documents, texts = read(file(content, "a.csv"))
    assert documents == ['first; "quoted"\nline', "second", *["third"] * 30, "last"]
    assert texts.broken_rows == 1


def test_rows_are_split_by_chance_and_the_seed(file):
    path = file(lines(*({"text": f"row {number}"} for number in range(2000))), "a.jsonl")
    texts = open_texts(path)

    def test_part(seed):
        return [piece.text for piece in texts.pieces(0.1, seed) if piece.part == "test"]

    assert 140 < len(test_part(0)) < 260
    assert test_part(0) == test_part(0) != test_part(1)


def test_two_files_of_one_name_keep_their_own_fields(file, tmp_path):
    file(lines({"text": "one"}), "set/a/rows.jsonl")
    file(lines({"content": "two"}), "set/b/rows.jsonl")
    assert read(tmp_path / "set")[0] == ["one", "two"]


# -- packed files and folders ------------------------------------------------------------------------------------------


def packed(members, kind):
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(fileobj=out, mode=f"w:{kind.partition('.')[2]}") as archive:
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


MEMBERS = {
    "./b/second.txt": b"second",
    "first.txt": b"first",
    "rows.csv": b"id,text\n1,third\n2,fourth\n",
    "rows.jsonl": b'{"text": "fifth"}\n',
    ".hidden.txt": b"no",
    "__MACOSX/first.txt": b"no",
    "picture.png": b"\x89PNG",
    "empty.md": b"",
    "binary.txt": bytes(range(200)),
}


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz", "tar.bz2"])
def test_members_of_archives(file, kind):
    documents, texts = read(file(packed(MEMBERS, kind), f"books.{kind}"))
    assert documents == ["second", "first", "third", "fourth", "fifth"]
    notes = " ".join(texts.notes())
    assert "empty.md (empty)" in notes and "binary.txt (no text, but a binary file)" in notes
    assert "1 file was passed over, since the ending is not one of text (.png)" in notes


@pytest.mark.parametrize(("pack", "ending"), [(gzip.compress, "gz"), (lzma.compress, "xz"), (bz2.compress, "bz2")])
def test_packed_files(file, pack, ending):
    documents, texts = read(file(pack(STORY.encode()), f"story.txt.{ending}"), test_share=0.1)
    assert "".join(documents) == STORY and texts.size == len(STORY.encode())
    assert read(file(pack(b"a,b\n1,some words\n2,more\n"), f"rows.csv.{ending}"))[0] == ["some words", "more"]
    assert read(file(pack(b'{"text": "x"}\n'), f"rows.jsonl.{ending}"))[0] == ["x"]


def test_a_folder_with_all_below_it(file, tmp_path):
    file("first", "set/a/1.md")
    file("second", "set/b.txt")
    file(packed({"in.txt": b"third"}, "zip"), "set/c.zip")
    for name in (".hidden.txt", ".git/config.txt"):
        file("no", f"set/{name}")
    file("", "set/empty.txt")
    file(bytes(range(256)) * 9, "set/picture.txt")
    file(gzip.compress(b"cut" * 999)[:40], "set/cut.txt.gz")
    file("x", "set/script.py")
    documents, texts = read(tmp_path / "set")
    assert documents == ["first", "second", "third"]
    notes = " ".join(texts.notes())
    for said in (
        "empty.txt (empty)",
        "picture.txt (no text, but a binary file)",
        "cut.txt.gz (cannot be read)",
        "(.py)",
    ):
        assert said in notes, said
    assert "hidden" not in notes and "git" not in notes


BAD = {
    "empty.txt": (b"", "empty.txt (empty)"),
    "mark.txt": (codecs.BOM_UTF16_LE, "mark.txt (empty)"),
    "white.md": (b" \n\n\t ", "white.md (empty)"),
    "binary.txt": (bytes(range(256)), "binary.txt (no text, but a binary file)"),
    "picture.png": (b"\x89PNG\r\n\x1a\n" + bytes(100), "binary file"),
    "cut.txt.gz": (gzip.compress(STORY.encode())[:60], "to its end"),
    "cut.txt.xz": (lzma.compress(STORY.encode())[:60], "to its end"),
    "not.zip": (b"no", "to its end"),
    "not.tar": (b"no", "to its end"),
    "no.jsonl": (b"1\n2\n", "no JSON objects"),
    "numbers.jsonl": (b'{"a": 1}\n', "no field with text; it has a"),
    "header.csv": (b"a,b\n", "header and no rows"),
    "only.zip": (packed({"a.png": b"x"}, "zip"), "holds no text"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_in_one_sentence(file, name):
    content, says = BAD[name]
    path = file(content, name)
    with pytest.raises(UserError) as caught:
        open_texts(path)
    message = str(caught.value)
    assert says in message and name in message and "\n" not in message and len(message) < 300


def test_a_member_damaged_inside_is_named(file):
    content = bytearray(packed({"good.txt": b"good words " * 50, "bad.txt": b"bad words " * 8000}, "zip"))
    content[content.rindex(b"bad words")] = 0x41
    texts = open_texts(file(bytes(content), "books.zip"))
    with pytest.raises(UserError, match=r"books\.zip, bad\.txt, cannot be read to its end"):
        list(texts.pieces())


def test_a_sample_is_the_beginning(file, tmp_path):
    file("abc", "set/1.txt")
    file("def" * 10, "set/2.txt")
    texts = open_texts(tmp_path / "set")
    assert texts.sample() == "abc\n" + "def" * 10 + "\n"
    assert texts.sample(6) == "abc\nde\n"
