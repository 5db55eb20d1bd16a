"""Pairs of texts from Python as a file to train from."""

import pandas as pd
import pytest

from maquette.data.text.pairs import open_pairs
from maquette.media import pairs
from maquette.settings import UserError


def test_pairs_and_tables_are_kept_as_lines(tmp_path, monkeypatch):
    monkeypatch.setenv("MAQUETTE_CACHE", str(tmp_path))
    given = [("a", "A"), ("naïve", "日本")]
    kept = pairs.keep(given)
    found = open_pairs(kept, None, None)
    assert list(zip(found.sources, found.targets, strict=True)) == given and pairs.keep(given) == kept
    table = pairs.keep(pd.DataFrame({"en": ["a"], "de": ["A"], "n": [3]}))
    assert open_pairs(table, "en", "de").targets == ["A"]
    assert pairs.accepts(str(kept)) and not pairs.accepts(str(tmp_path / "missing"))


def test_what_is_no_pair():
    with pytest.raises(UserError, match="each a source and a target"):
        pairs.keep([("a", "b", "c")])
