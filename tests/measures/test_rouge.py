"""ROUGE and its stemmer against `rouge-score` and NLTK, and values that one can count by hand."""

import random

import numpy as np
import pytest

from maquette.measures.rouge import KINDS, common_places, f_measures, in_lines, longest_common, rouge, with_interval
from maquette.measures.stemming import stemmed

WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "and",
    "dogs",
    "running",
    "happily",
    "relational",
    "Don't",
    "état",
    "42",
    "-",
    "co-operate",
    "skies",
    ".",
]


def texts(count: int, seed: int) -> list[str]:
    g = random.Random(seed)
    return ["".join(g.choice(WORDS) + g.choice("  \n.\t") for _ in range(g.randrange(0, 25))) for _ in range(count)]


@pytest.mark.parametrize("stem", [False, True])
def test_equal_to_rouge_score(stem):
    rouge_score = pytest.importorskip("rouge_score.rouge_scorer")
    scorer = rouge_score.RougeScorer(list(KINDS), use_stemmer=stem)
    for true, made in zip(texts(300, 0), texts(300, 1), strict=True):
        expected = scorer.score(true, made)
        for kind, match in rouge(true, made, stem).items():
            assert match == pytest.approx(tuple(expected[kind]), abs=1e-12), (kind, true, made)


def test_stems_are_those_of_nltk():
    porter = pytest.importorskip("nltk.stem.porter").PorterStemmer()
    from pydoc_data.topics import topics

    words = {word for text in topics.values() for word in text.lower().split() if word.isalpha() and word.isascii()}
    endings = [
        "s",
        "ies",
        "ied",
        "eed",
        "ed",
        "ing",
        "ational",
        "alli",
        "ogi",
        "fulli",
        "ization",
        "iveness",
        "ement",
        "ion",
        "ly",
        "y",
        "e",
        "ll",
        "ness",
        "ical",
        "ative",
    ]
    made = {
        stem + end
        for stem in ("appl", "d", "hop", "fe", "ag", "tru", "oppos", "sky", "wax", "psych")
        for end in endings
    }
    assert len(words) > 2000
    for word in words | made:
        assert stemmed(word) == porter.stem(word), word


def test_counted_by_hand():
    """Of "a b c d" the made "a c b" has 3 words, no pair, and 2 in order: p 1 and 2/3, r 3/4 and 2/4."""
    found = rouge("a b c d", "a c b")
    assert found["rouge1"] == pytest.approx((1, 0.75, 6 / 7))
    assert found["rouge2"].f == 0
    assert found["rougeL"] == pytest.approx((2 / 3, 0.5, 4 / 7))
    assert rouge("", "a")["rouge1"].f == rouge("a", "")["rougeLsum"].f == 0


def test_the_common_subsequence_is_as_long_by_bits_as_by_table():
    for true, made in zip(texts(100, 2), texts(100, 3), strict=True):
        a, b = true.split(), made.split()
        places = common_places(a, b)
        assert len(places) == longest_common(a, b)
        rest = iter(b)
        assert all(a[place] in rest for place in reversed(places))


def test_newlines_matter_to_lsum_alone():
    apart, together = rouge("a b\nc d", "c d\na b"), rouge("a b c d", "c d a b")
    assert apart["rougeLsum"].f == 1 > together["rougeLsum"].f == together["rougeL"].f == apart["rougeL"].f
    assert in_lines("It is. He said. 'Go!' She went") == "It is.\nHe said.\n'Go!'\nShe went"
    assert in_lines("one\ntwo. Three") == "one\ntwo. Three"


def test_intervals_hold_the_mean_and_narrow_with_more():
    g = np.random.default_rng(0)
    few, many = g.random(50), g.random(5000)
    for values in (few, many):
        mean, low, high = with_interval(values, 0)
        assert low < mean == values.mean() < high
        assert high - low == pytest.approx(2 * 1.96 * values.std() / len(values) ** 0.5, rel=0.1)
    assert with_interval(few, 0) == with_interval(few, 0)


def test_a_set_is_scored_row_by_row():
    found = f_measures([("a b", "a b"), ("a b", "c")])
    assert found["rouge1"].tolist() == found["rougeLsum"].tolist() == [1, 0]
    assert {len(values) for values in f_measures([]).values()} == {0}
