"""Text as sentences of words: where they end, which words are kept, phrases, and the same again from the cache."""

import numpy as np
import pytest

from maquette.data.text.documents import open_texts
from maquette.data.text.sentences import LONGEST, cut, joined, numbered, read_sentences


def read(folder, text: str, **how):
    folder.mkdir(exist_ok=True)
    (folder / "text.txt").write_text(text, encoding="utf-8")
    how = {"fewest": 1, "most": 1000, "phrases": 0.0, "test_share": 0.0, "seed": 0} | how
    return read_sentences(open_texts(folder / "text.txt", None), folder / "made", **how)


def spoken(lexicon, sentences) -> list[str]:
    words = [lexicon.words[number] for number in sentences.words]
    return [" ".join(words[a:b]) for a, b in zip(sentences.starts[:-1], sentences.starts[1:], strict=True)]


def test_words_and_where_sentences_end(tmp_path):
    text = "The cat's well-fed. Is\nit? 42 yes!\n\nNo end\nhere\n  \nÜber Straße - alles"
    lexicon, parts = read(tmp_path / "a", text)
    assert spoken(lexicon, parts["train"]) == ["the cat's well-fed", "is it", "yes", "no end here", "über straße alles"]
    assert lexicon.seen == 12 and lexicon.different == 12 and len(parts["test"]) == 0


def test_rare_words_are_left_out_and_the_commonest_come_first(tmp_path):
    lexicon, parts = read(tmp_path / "a", "b a b c. a b d b a.", fewest=2)
    assert lexicon.words == ["b", "a"] and lexicon.counts.tolist() == [4, 3] and lexicon.different == 4
    assert spoken(lexicon, parts["train"]) == ["b a b", "a b b a"]
    assert read(tmp_path / "b", "b a b c. a b d b a.", most=3)[0].words == ["b", "a", "c"]


def test_the_second_reading_is_from_what_was_made(tmp_path):
    first = read(tmp_path / "a", "one two. two three.")
    again = read_sentences(
        open_texts(tmp_path / "a" / "text.txt", None), tmp_path / "a" / "made",
        fewest=99, most=1, phrases=0.0, test_share=0.0, seed=0,
    )  # fmt: skip
    assert again[0].words == first[0].words and (again[1]["train"].words == first[1]["train"].words).all()


def test_the_test_part_is_the_end_and_has_only_known_words(tmp_path):
    lexicon, parts = read(tmp_path / "a", "old words here. " * 50 + "new words there. " * 10, test_share=0.1)
    assert len(parts["test"]) > 2 and "there" in lexicon.words
    assert lexicon.counts.sum() == len(parts["train"].words)


def test_words_go_on_over_the_ends_of_pieces(tmp_path):
    (tmp_path / "long.txt").write_text("abcdefghij " * 40_000)
    lexicon, parts = read_sentences(
        open_texts(tmp_path / "long.txt", None),
        tmp_path / "made",
        fewest=1,
        most=9,
        phrases=0.0,
        test_share=0.0,
        seed=0,
    )
    assert lexicon.words == ["abcdefghij"] and lexicon.counts.tolist() == [40_000]
    assert np.diff(parts["train"].starts).max() == LONGEST


def test_cut_drops_what_is_left_out_and_empty_sentences():
    words, starts = cut(np.array([3, -2, 4, -1, -1, -2, -1, 5, -1]))
    assert words.tolist() == [3, 4, 5] and starts.tolist() == [0, 2, 3]


def test_phrases_by_their_score():
    names = ["new", "york", "is"]
    train = np.array(([0, 1, 2, -1] * 20) + ([2, 2, -1] * 40))
    raw, made = joined({"train": train, "test": np.array([0, 1, 0, 1, 1, -1])}, names, 1, 2.0)
    score = (20 - 5) * 140 / (20 * 20)
    assert score > 2 and made == ["new", "york", "is", "new_york"]
    assert raw["test"].tolist() == [3, 3, 1, -1] and (raw["train"] == 3).sum() == 20
    assert joined({"train": train, "test": train}, names, 1, score)[1] == names


def test_progress_is_told(tmp_path):
    told = []
    (tmp_path / "t.txt").write_text("a b c. " * 100)
    texts = open_texts(tmp_path / "t.txt", None)
    list(numbered(texts.pieces(), "train", {}, texts.size, lambda done, total: told.append((done, total))))
    assert told[-1] == pytest.approx((700, 700))
