"""Reading and streaming tables, good ones and bad ones."""

import codecs
import gzip
import random
import sys
import time

import numpy as np
import pandas as pd
import pytest

from maquette.data.tables.kinds import convert
from maquette.data.tables.reading import from_frame, read_chunks, read_table
from maquette.data.tables.writing import write_chunks
from maquette.files import sha256_of
from maquette.settings import UserError

PLAIN = "name,size,big\nred,1.5,yes\nblue,2.5,no\nred,,yes\n"


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def file(tmp_path):
    """Writes bytes or text to a file and gives its path."""

    def write(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def check_plain(table):
    assert table.kinds == {"name": "category", "size": "number", "big": "boolean"}
    assert table.frame["name"].tolist() == ["red", "blue", "red"]
    np.testing.assert_equal(table.frame["size"].to_numpy(), [1.5, 2.5, np.nan])
    assert table.frame["big"].tolist() == [1, 0, 1]
    assert table.frame["size"].dtype == table.frame["big"].dtype == np.float64
    assert table.spellings == {"big": ("no", "yes")}
    assert table.rows_left_out == 0


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.rstrip(),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        codecs.BOM_UTF8 + PLAIN.encode(),
        PLAIN.encode("utf-16"),
        codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"),
        gzip.compress(PLAIN.encode(), mtime=0),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", "|"),
        "sep=;\n" + PLAIN.replace(",", ";"),
        "\n\n" + PLAIN + "\n\n",
        PLAIN.replace("\n", ",\n"),
        PLAIN.replace("\n", ",\n").replace("big,", "big"),
        PLAIN.replace(",", " , "),
        PLAIN.replace("red,,", "red,N/A,"),
        PLAIN.replace("red,,", "red, ? ,"),
        '"' + PLAIN.replace(",", '","').replace("\n", '"\n"').rstrip('"'),
        PLAIN.replace("blue", "\0blue\0"),
    ],
)
def test_one_table_in_many_spellings(file, content):
    check_plain(read_table(file(content)))


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "xlsx"])
def test_round_trip_of_every_format(file, tmp_path, ending):
    source = read_table(file(PLAIN))
    path = tmp_path / f"again.{ending}"
    rows = write_chunks(path, read_chunks(file(PLAIN), rows=2))
    assert rows == 3
    check_plain(read_table(path))
    assert pd.concat(read_chunks(path, rows=1)).shape == (3, 3)
    assert source.frame.equals(read_table(path).frame)
    assert names_in(tmp_path) == sorted(["table.csv", path.name])


def test_native_values_read_as_in_a_file(tmp_path):
    frame = pd.DataFrame(
        {
            "number": [1, 2, 2**60],
            "fraction": [0.1, np.inf, np.nan],
            "truth": [True, False, None],
            "when": pd.to_datetime(["2020-01-31", None, "1999-12-31 23:59:59.5"], format="ISO8601"),
            "category": pd.Categorical(["a", "b", "a"]),
            "mixed": [1, "x", 2.0],
            "zoned": pd.to_datetime(["2020-01-01T00:00+02:00"] * 3),
        }
    )
    table = from_frame(frame)
    expected = ["number", "number", "boolean", "date", "category", "category", "date"]
    assert list(table.kinds.values()) == expected
    assert table.frame["number"].tolist() == [1, 2, float(2**60)]
    assert table.frame["mixed"].tolist() == ["1", "x", "2"]
    assert table.frame["zoned"][0] == pd.Timestamp("2019-12-31 22:00")
    assert any("infinite" in note for note in table.notes) and any("2**53" in note for note in table.notes)

    frame.drop(columns="mixed").to_parquet(tmp_path / "t.parquet")
    same = read_table(tmp_path / "t.parquet")
    assert same.frame.equals(table.frame.drop(columns="mixed"))
    again = convert(frame, table.kinds, table.formats)
    assert again.equals(table.frame)


def test_fields_with_newlines_quotes_and_separators(file):
    path = file('a,"b\nc",d\n"x\ny",1,5"\n"p""q,",2,"z"\n')
    table = read_table(path)
    assert list(table.kinds) == ["a", "b\nc", "d"]
    assert table.frame["a"].tolist() == ["x\ny", 'p"q,'] and table.frame["d"].tolist() == ['5"', "z"]
    assert table.frame["b\nc"].tolist() == [1, 2]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "latin-1", "utf-16"])
def test_names_and_words_in_every_encoding(file, encoding):
    table = read_table(file("Größe,Straße\n1,Äcker\n2,Öd\n".encode(encoding)))
    assert list(table.kinds) == ["Größe", "Straße"] and table.frame["Straße"].tolist() == ["Äcker", "Öd"]


def test_bytes_that_only_latin_1_has(file):
    assert read_table(file(b"a,b\n\x81\xe9,1\nx,2\n")).frame["a"].tolist() == ["\x81é", "x"]


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["1,234.5", "2", "1,000,000"], [1234.5, 2, 1e6]),
        (["1.234,5", "2", "1.000.000"], [1234.5, 2, 1e6]),
        (["1 234,5", "2,0"], [1234.5, 2]),
        (["$1,234.50", "-$3", "€ 5"], [1234.5, -3, 5]),
        (["12 %", "3.5%"], [12, 3.5]),
        (["1e3", "+.5", "-2.", "1E-2"], [1000, 0.5, -2, 0.01]),
        (["−3", "4"], [-3, 4]),
        (["9007199254740993", "18446744073709551616"], [9007199254740992, 18446744073709551616]),
        (["0.1", "0.30000000000000004", "1e308"], [0.1, 0.1 + 0.2, 1e308]),
    ],
)
def test_numbers_as_people_write_them(file, words, numbers):
    table = read_table(file("x;y\n" + "".join(f'"{word}";a\n' for word in words)))
    assert table.kinds["x"] == "number"
    assert table.frame["x"].tolist() == numbers


def test_decimal_comma_is_decided_over_the_whole_file(file):
    table = read_table(file("a;b;c\n1.234;0,5;1,25\n2.345;0,25;2,5\n"))
    assert table.frame.to_numpy().tolist() == [[1234, 0.5, 1.25], [2345, 0.25, 2.5]]
    assert table.formats == {"a": "comma", "b": "comma", "c": "comma"}
    assert read_table(file("a;b\n1.234;x\n2.345;x\n")).frame["a"].tolist() == [1.234, 2.345]
    assert read_table(file('a,b\n"1,234",x\n"2,345",x\n')).frame["a"].tolist() == [1234, 2345]


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ("x\n1,5\n2,5\n", [1.5, 2.5]),
        ("x\n1\n\n2\n", [1, 2]),
        ('"x"\n"a, b"\n"c"\n', ["a, b", "c"]),
        ("x\nhello, world\nwell\none, two, three\n", ["hello, world", "well", "one, two, three"]),
    ],
)
def test_a_single_column(file, content, values):
    table = read_table(file(content))
    assert list(table.kinds) == ["x"] and table.frame["x"].tolist() == values


@pytest.mark.parametrize(
    ("words", "dates"),
    [
        (["2020-01-31", "1999-12-01"], ["2020-01-31", "1999-12-01"]),
        (["2020-01-31 10:20", "2020-01-31T10:20:30.25Z"], ["2020-01-31 10:20", "2020-01-31 10:20:30.25"]),
        (["31.1.2020", "1.2.2020"], ["2020-01-31", "2020-02-01"]),
        (["3/4/2020", "31/4/2020", "13/4/2020"], None),
        (["3/4/2020", "13/4/2020"], ["2020-04-03", "2020-04-13"]),
        (["3/4/2020", "4/13/2020 1:05 pm"], ["2020-03-04", "2020-04-13 13:05"]),
        (["3/13/2020", "13/3/2020"], None),
        (["1 Jan 2020", "Feb 3, 2021"], ["2020-01-01", "2021-02-03"]),
        (["2020-02-29", "2021-02-29"], None),
    ],
)
def test_dates(file, words, dates):
    table = read_table(file("x|y\n" + "".join(f"{word}|a\n" for word in words)))
    assert (table.kinds["x"] == "date") == (dates is not None)
    if dates:
        assert table.frame["x"].tolist() == [pd.Timestamp(date) for date in dates]


def test_dates_that_can_be_read_two_ways_are_told(file):
    table = read_table(file("d,y\n3/4/2020,1\n5/6/2020,2\n"))
    assert table.frame["d"][0] == pd.Timestamp("2020-03-04") and "two ways" in table.notes[0]
    assert table.formats == {"d": "month first"}


def test_what_carries_nothing_is_text(file):
    rows = "".join(f"{i},{100 - i},name {i},0{i % 10}0,{i % 3}\n" for i in range(1, 60))
    table = read_table(file("Id,count,who,code,group\n" + rows))
    assert table.kinds == {"Id": "text", "count": "number", "who": "text", "code": "category", "group": "number"}
    assert sum("not used as an input" in note for note in table.notes) == 2


def test_a_few_words_among_numbers_are_missing_and_many_make_a_category(file):
    few = "".join(f"{i / 7},1\n" for i in range(99)) + "unknown,1\n"
    table = read_table(file("x,y\n" + few))
    assert table.kinds["x"] == "number" and table.frame["x"].isna().sum() == 1
    assert any("'unknown'" in note for note in table.notes)
    assert read_table(file("x,y\n1,1\nb,2\n1,3\nb,4\n")).kinds["x"] == "category"


def test_infinities_twins_and_missing_are_counted(file):
    table = read_table(file("x,y\n1,inf\n1,inf\n2,-Infinity\n3,4\n"))
    np.testing.assert_equal(table.frame["y"].to_numpy(), [np.nan, np.nan, np.nan, 4])
    assert any("3 values are infinite" in note for note in table.notes)
    assert any("1 row repeats" in note for note in table.notes)


def test_ragged_rows_are_counted_named_and_left_out(file):
    lines = ["a,b", *[f"{i},{i}" for i in range(40)]]
    lines[5], lines[9] = "1", "1,2,3"
    path = file("\n".join(lines))
    table = read_table(path)
    assert (table.rows_left_out, len(table.frame)) == (2, 38)
    assert "2 of 40 rows" in table.notes[0] and "row 6, 10" in table.notes[0]
    reader = read_chunks(path, rows=7)
    assert [len(chunk) for chunk in reader] == [7, 7, 7, 7, 7, 3]
    assert reader.notes == [table.notes[0]] and reader.rows_left_out == 2


def test_header_of_numbers_is_no_header(file):
    table = read_table(file("1,2\n3,4\n5,6\n"))
    assert list(table.kinds) == ["column_1", "column_2"] and len(table.frame) == 3 and "no header" in table.notes[0]


@pytest.mark.parametrize("header", ["2020,2021,2023", "2023,2022,2021", "0,1,2", "1,2,3"])
def test_years_and_counts_are_a_header_and_so_is_what_is_asked_for(file, header):
    rows = "\n1.5,2,3\n4,5,6.5\n7,8,12\n"
    table = read_table(file(header + rows))
    assert ",".join(table.kinds) == header and len(table.frame) == 3
    assert list(next(iter(read_chunks(file(header + rows)))).columns) == header.split(",")
    assert list(read_table(file("400.5,401" + "\n1,2\n3,4\n"), wanted=["401"]).kinds) == ["400.5", "401"]
    assert list(read_table(file("2020,2021\n2021,2022\n2022,2024\n")).kinds) == ["column_1", "column_2"]


def test_row_names_without_a_heading_as_r_writes_them(file):
    table = read_table(file('a b\tc\n"r1"\t1\t2\n"r2"\t3\t4\n'))
    assert list(table.kinds) == ["column_1", "a b", "c"] and table.frame["c"].tolist() == [2, 4]


@pytest.mark.slow
def test_many_columns(file):
    names = [f"c{i}" for i in range(5000)]
    lines = [",".join(names)] + [",".join(str(i + row) for i in range(5000)) for row in range(20)]
    table = read_table(file("\n".join(lines)))
    assert table.frame.shape == (20, 5000) and table.frame["c4999"].tolist() == list(range(4999, 5019))


def test_a_field_longer_than_a_block(file):
    long = "x" * 10_000_000
    path = file("a,b\n" + "0,z\n" * 600_000 + f"1,{long}\n2,y\n")
    table = read_table(path)
    assert table.frame["a"].tolist() == [0] * 600_000 + [1, 2] and len(table.frame["b"].iloc[-2]) == len(long)
    assert sum(len(chunk) for chunk in read_chunks(path)) == 600_002
    with pytest.raises(UserError, match=r"first row .* longer than 1 MB"):
        read_table(file(f"a,{long}\n1,2\n"))


BAD = {
    "empty.csv": ("", "is empty"),
    "blank.csv": ("\n\n\r\n", "is empty"),
    "bom.csv": (codecs.BOM_UTF8, "is empty"),
    "header.csv": ("a,b\n", "a header and no rows"),
    "one.csv": ("a,b\n1,2\n", "only one row"),
    "binary.csv": (bytes(random.Random(0).randbytes(5000)), "binary"),
    "picture.csv": (b"\x89PNG\r\n\x1a\n" + bytes(100), "PNG"),
    "zip.csv": (b"PK\x03\x04" + bytes(100), "Excel or zip"),
    "twice.csv": ("a,b,a\n1,2,3\n4,5,6\n", "'a' more than once"),
    "missing.csv": ("a,b\n,NA\n?,\n", "every value is missing"),
    "ragged.csv": ("a,b\n1,2\n3\n4,5\n", "1 of 3 row has"),
    "quote.csv": ("a,b\n1,2\n3,4\n" * 5 + '5,"6\n7,8\n9,1\n', "line 16"),
    "bad.parquet": (b"PAR1 no", "Parquet"),
    "bad.xlsx": ("no", "Excel"),
    "table.json": ("{}", ".json"),
    "old.xls": ("x", ".xls"),
    "noending": ("a,b\n1,2", "nothing"),
    "header_quote.csv": ('a,"b\n1,2\n3,4\n', ""),
    "many_open.csv": ("a,b\n" + "1,2\n" * 300_000 + '"3,4\n' + "5,6\n" * 300_000, "line 300002"),
    "cut.csv.gz": (gzip.compress(PLAIN.encode() * 1000, mtime=0)[:60], "to its end"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_in_one_sentence(file, name):
    content, says = BAD[name]
    path = file(content, name)
    with pytest.raises(UserError) as caught:
        read_table(path)
    message = str(caught.value)
    assert says in message and name in message and "\n" not in message and len(message) < 300


def test_paths_that_are_no_file(file, tmp_path):
    file(PLAIN, "houses.csv")
    with pytest.raises(UserError, match=r"did you mean .*houses\.csv"):
        read_table(tmp_path / "house.csv")
    with pytest.raises(UserError, match="is a folder"):
        read_table(tmp_path)
    with pytest.raises(UserError, match="There is no file"):
        read_table(tmp_path / "nowhere" / "x.csv")


def test_without_openpyxl_the_extra_is_named(tmp_path, monkeypatch):
    write_chunks(tmp_path / "t.xlsx", [pd.DataFrame({"a": [1, 2]})])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(UserError, match=r"pip install maquette\[excel\]"):
        read_table(tmp_path / "t.xlsx")


def test_streams_words_as_written_and_types_them_as_training_did(file):
    generator = np.random.default_rng(0)
    lines = ["number,comma,day,flag,word"]
    for i in range(5000):
        comma, day = f"{generator.normal() * 1000:.3f}", f"{i % 28 + 1:02}/{i % 12 + 1:02}/2021"
        word = ["a", " b ", "NA", ""][i % 4]
        lines.append(f'{generator.normal()!r},"{comma.replace(".", ",")}",{day},{["Yes", "no"][i % 2]},{word}')
    path = file("\n".join(lines))
    table = read_table(path)
    assert list(table.kinds.values()) == ["number", "number", "date", "boolean", "category"]
    chunks = list(read_chunks(path, rows=999))
    assert [len(chunk) for chunk in chunks] == [999] * 5 + [5]
    assert chunks[0]["word"].tolist()[:4] == ["a", " b ", "NA", ""]
    typed = pd.concat([convert(chunk, table.kinds, table.formats) for chunk in chunks], ignore_index=True)
    assert typed.equals(table.frame)


def test_a_late_word_in_a_column_of_numbers_does_not_break_streaming(file):
    path = file("a,b\n" + "1,2\n" * 400_000 + "x,y\n")
    assert sum(len(chunk) for chunk in read_chunks(path)) == 400_001


def test_written_text_is_unchanged_and_floats_keep_their_digits(file, tmp_path):
    content = 'a,b c,"d,e"\n1.50,"x, y",\n01, z ,"p""q"\n-,"two\nlines",é\n'
    out = tmp_path / "out.csv"

    def chunks():
        for chunk in read_chunks(file(content), rows=2):
            chunk["guess"] = [0.1 + 0.2, 1e-300][: len(chunk)]
            chunk["count"] = np.arange(len(chunk))
            yield chunk

    assert write_chunks(out, chunks()) == 3
    again = pd.concat(read_chunks(out))
    assert again.iloc[:, :3].equals(pd.concat(read_chunks(file(content))))
    assert again["guess"].astype(float).tolist() == [0.1 + 0.2, 1e-300, 0.1 + 0.2]
    assert again["count"].tolist() == ["0", "1", "0"]


def test_sha256(file):
    assert sha256_of(file("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_two_hundred_thousand_rows_in_a_few_seconds(tmp_path):
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({f"n{i}": generator.normal(size=200_000) for i in range(10)})
    frame["word"] = generator.choice(["a", "b", "c"], 200_000)
    path = tmp_path / "big.csv"
    write_chunks(path, [frame])
    start = time.perf_counter()
    table = read_table(path)
    assert time.perf_counter() - start < 30
    assert table.frame.equals(frame.astype({"word": "str"}))
    assert sha256_of(path)
