"""Files written whole, and JSON there and back."""

import os

import pytest

from maquette.files import read_json, write_json
from maquette.settings import UserError


def test_json_there_and_back_with_names_of_any_bytes(tmp_path):
    value = {"é": [1, None, "猫"], "name": os.fsdecode(b"\xb9\xb7.png")}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value and "猫" in (tmp_path / "a.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_json_of_every_encoding(tmp_path, encoding):
    (tmp_path / "a.json").write_bytes('{"é": 1}'.encode(encoding))
    assert read_json(tmp_path / "a.json") == {"é": 1}


def test_what_is_no_json_is_one_sentence(tmp_path):
    for content in (b"", b"{", b'{"a": 1', b"[1,,2]", b"\xff\xfe{", b'"\xb9\xb7"', b"[" * 100_000):
        (tmp_path / "a.json").write_bytes(content)
        with pytest.raises(UserError, match=r"a\.json is damaged: it does not hold JSON"):
            read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_bytes(b'"\xb9\xb7"')
    assert read_json(tmp_path / "a.json", any_bytes=True) == os.fsdecode(b"\xb9\xb7")
