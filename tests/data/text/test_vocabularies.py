"""Vocabularies learnt from text: never larger than asked, the commonest first, the same text the same tokenizer."""

import os
import subprocess
import sys

import pytest
from support import make_book
from tokenizers import Tokenizer as Fast
from tokenizers import models, pre_tokenizers, trainers

from maquette.data.text.tokenizers import END, KINDS, UNKNOWN
from maquette.data.text.vocabularies import train_tokenizer
from maquette.settings import UserError

TEXT = (
    "Let's do tokenization! The old man's dog didn't see the meerkats; it never saw (any) “meerkats” at all.\n"
    "Tokens, tokens, tokens! How many words were there?  Twenty-three, he said.\n\n\tNaïve 東京 🦦\n"
) * 9
LOSSLESS = ("bpe", "unigram")
SIZE = 320
TRAIN = """
import hashlib, json, sys
from maquette.data.text.tokenizers import KINDS
from maquette.data.text.vocabularies import train_tokenizer
text = open(sys.argv[1], encoding="utf-8").read()
for kind in KINDS:
    print(kind, hashlib.sha256(json.dumps(train_tokenizer(kind, [text], 500).state()).encode()).hexdigest())
"""


def test_the_same_text_gives_the_same_tokenizer_in_another_process(tmp_path):
    make_book(tmp_path / "book", letters=30_000)
    path = tmp_path / "book" / "first.txt"
    with open(path, "a", encoding="utf-8") as out:
        out.write(TEXT)
    told = set()
    for seed in ("0", "1", "random"):
        done = subprocess.run(
            [sys.executable, "-c", TRAIN, str(path)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        told.add(done.stdout)
    assert len(told) == 1 and len(told.pop().splitlines()) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_texts_does_not_matter(kind):
    parts = TEXT.splitlines(keepends=True)
    one, other = (train_tokenizer(kind, texts, SIZE) for texts in (parts, parts[::-1]))
    assert one.state() == other.state()


@pytest.mark.parametrize("kind", KINDS)
def test_no_vocabulary_is_larger_than_asked(kind):
    for size in (3, 5, 20, 257, 300, 100_000):
        if kind in LOSSLESS and size < 257:
            with pytest.raises(UserError, match=rf"vocabulary of {size} is too small: bytes alone take 257"):
                train_tokenizer(kind, [TEXT], size)
            continue
        tokenizer = train_tokenizer(kind, [TEXT], size)
        assert len(tokenizer.vocabulary) <= size and len(set(tokenizer.vocabulary)) == len(tokenizer.vocabulary)
        assert max(tokenizer.encode(TEXT)) < len(tokenizer.vocabulary)
    assert len(tokenizer.vocabulary) < 1000, "a text yields no more tokens than it holds"
    with pytest.raises(UserError, match="vocabulary of 2 is too small"):
        train_tokenizer(kind, [TEXT], 2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("texts", [[], [""], ["  ", "\n\t"]])
def test_nothing_to_learn_from(kind, texts):
    with pytest.raises(UserError, match="no text to learn a vocabulary from"):
        train_tokenizer(kind, iter(texts), SIZE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", [UserError("mine"), OSError("mine"), KeyboardInterrupt("mine")])
def test_what_goes_wrong_on_reading_comes_through(kind, error):
    def texts():
        yield TEXT
        raise error

    with pytest.raises(type(error), match="mine"):
        train_tokenizer(kind, texts(), SIZE)


def test_the_commonest_words_are_taken():
    tokenizer = train_tokenizer("words", ["c b a, b a. a, c b a d"], 6)
    assert tokenizer.vocabulary == [END, UNKNOWN, "a", "b", ",", "c"]
    assert train_tokenizer("characters", ["bbaacd"], 5).vocabulary == [END, UNKNOWN, "a", "b", "c"]


def test_wordpiece_is_that_of_the_library():
    """Where no two pairs are equally common, the fixed order of letters changes nothing."""
    words = {"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 6}
    text = " ".join(word for word, count in words.items() for _ in range(count))
    fast = Fast(models.WordPiece(unk_token=UNKNOWN))
    fast.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    fast.train_from_iterator([text], trainers.WordPieceTrainer(vocab_size=16, special_tokens=[END, UNKNOWN]))
    ours = train_tokenizer("wordpiece", [text], 16)
    assert set(ours.vocabulary) == set(fast.get_vocab())


def test_a_letter_without_a_place_makes_its_words_unknown():
    tokenizer = train_tokenizer("wordpiece", ["aba aba bab xb"], 6)
    assert set(tokenizer.vocabulary) >= {"a", "b", "##a", "##b"} and "x" not in tokenizer.vocabulary
    assert tokenizer.vocabulary[tokenizer.encode("aba xb")[-1]] == UNKNOWN


def test_the_first_merges_are_the_commonest_pairs():
    """The example of Sennrich et al. 2016, figure 1, with spaces between words in place of ends of words."""
    words = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
    text = " ".join(word for word, count in words.items() for _ in range(count))
    merges = train_tokenizer("bpe", [text], 257 + 3).merges
    assert merges == [("e", "s"), ("es", "t"), ("Ġ", "n")] or merges[:2] == [("e", "s"), ("es", "t")]


def test_one_word_of_megabytes():
    """A text without any white space: learnt from and encoded without trouble."""
    text = "abcdefghij" * 100_000
    for kind in KINDS:
        tokenizer = train_tokenizer(kind, [text], SIZE)
        tokens = tokenizer.encode(text)
        assert len(tokens) > 0
        if tokenizer.is_lossless:
            assert tokenizer.decode(tokens) == text
