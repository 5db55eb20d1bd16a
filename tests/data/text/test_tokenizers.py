"""Tokenizers: the course's examples, texts of every kind there and back, the same text the same tokenizer."""

import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Fast
from tokenizers import decoders, models, pre_tokenizers

from maquette.data.text.merges import growth, smaller
from maquette.data.text.tokenizers import (
    BYTES,
    END,
    KINDS,
    UNKNOWN,
    Characters,
    Kind,
    Streamed,
    Subwords,
    load_tokenizer,
    open_tokenizer,
    readable,
    save_tokenizer,
    spelled,
    unknown_parts,
)
from maquette.data.text.vocabularies import train_tokenizer
from maquette.settings import UserError

DECK = "Let's do tokenization!"
MEERKATS = "Meerkats are small, social, and always ready for adventures"
LOST = "\N{REPLACEMENT CHARACTER}"
TEXT = (
    f"{DECK} The old man's dog didn't see the meerkats; it never saw (any) “meerkats” at all.\n"
    "Tokens, tokens, tokens! How many words were there?  Twenty-three, he said.\n\n\tNaïve 東京 🦦\n"
) * 9
LOSSLESS = ("bpe", "unigram")
SIZE = 320


@pytest.fixture(scope="module")
def trained():
    """A tokenizer of each kind, of the same text."""
    return {kind: train_tokenizer(kind, [TEXT], SIZE) for kind in KINDS}


def tokens_of(tokenizer, text):
    return [tokenizer.vocabulary[number] for number in tokenizer.encode(text)]


# -- the course's examples ---------------------------------------------------------------------------------------------


def test_the_deck_s_characters():
    tokens = tokens_of(train_tokenizer("characters", [DECK], 100), DECK)
    assert tokens == list(DECK) and len(tokens) == 22
    assert len([token for token in tokens if token != " "]) == 20


def test_the_deck_s_words():
    assert tokens_of(train_tokenizer("spaces", [DECK], 100), DECK) == ["Let's", "do", "tokenization!"]
    words = train_tokenizer("words", [DECK], 100)
    assert tokens_of(words, DECK) == ["Let", "'s", "do", "tokenization", "!"]
    assert words.decode(words.encode(DECK)) == DECK


def by_hand(vocabulary, prefix="", suffix="", **options):
    """WordPiece with a vocabulary that was not learnt."""
    numbers = {word: number for number, word in enumerate([END, UNKNOWN, *vocabulary])}
    fast = Fast(models.WordPiece(numbers, unk_token=UNKNOWN, continuing_subword_prefix=prefix or "##"))
    fast.pre_tokenizer = options.get("splitter", pre_tokenizers.BertPreTokenizer())
    fast.decoder = decoders.WordPiece("##")
    return Subwords("wordpiece", fast.to_str())


def test_the_deck_s_subwords():
    """Let's</w> do</w> token ization</w> !</w>: words at spaces, the mark between letters and the sign before it."""
    splitter = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split("!", behavior="isolated")]
    )
    tokenizer = by_hand(["Let's", "do", "token", "##ization", "!"], splitter=splitter)
    assert tokens_of(tokenizer, DECK) == ["Let's", "do", "token", "##ization", "!"]


def test_the_deck_s_bert():
    vocabulary = ["Me", "##er", "##kat", "##s", "are", "small", ",", "social", "and", "always", "ready", "for"]
    tokenizer = by_hand([*vocabulary, "adventures", "##ventures", "ad", "M", "##e", "##k"])
    printed = "Me ##er ##kat ##s are small , social , and always ready for adventures"
    assert " ".join(tokens_of(tokenizer, MEERKATS)) == printed
    assert tokenizer.decode(tokenizer.encode(MEERKATS)) == MEERKATS
    assert tokens_of(tokenizer, "Zebras are small") == [UNKNOWN, "are", "small"]
    assert tokenizer.decode(tokenizer.encode("Zebras are small")) == f"{LOST} are small"


# -- there and back ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LOSSLESS)
@settings(max_examples=300, deadline=None)
@given(text=st.text())
@example(text="\r\n \x1c\x85\u2028 \u3000a  b\t")
@example(text=f"a{END}b{UNKNOWN}")
@example(text="\0\x7f\ufffd\ufeff")
def test_every_text_comes_back(trained, kind, text):
    tokenizer = trained[kind]
    numbers = tokenizer.encode(text)
    assert tokenizer.decode(numbers) == text
    assert numbers.dtype == np.int32 and tokenizer.end not in numbers


@settings(max_examples=200, deadline=None)
@given(text=st.text())
def test_every_known_character_comes_back(text):
    tokenizer = Characters("".join(sorted(set(text))))
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_lost_and_what_is_not(trained, kind):
    tokenizer, text = trained[kind], "The  old\tman's dog.\n\nHe said."
    again = tokenizer.decode(tokenizer.encode(text))
    assert (again == text) == tokenizer.is_lossless == (kind in ("characters", *LOSSLESS))
    if kind == "words":
        assert again == "The old man's dog.\n\nHe said.".replace("He", "he") or LOST in again


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(text=st.text(st.sampled_from("Tokens, 'many' words\n🦦東é(x)!"), max_size=40))
def test_offsets_point_at_the_tokens(trained, kind, text):
    tokenizer = trained[kind]
    numbers, spans = tokenizer.encode(text), tokenizer.offsets(text)
    assert len(numbers) == len(spans)
    for number, (start, end) in zip(numbers.tolist(), spans, strict=True):
        assert 0 <= start < end <= len(text)
        token = readable(tokenizer, number)
        if number != tokenizer.unknown and "\\x" not in token:
            assert text[start:end] == token.removeprefix("##")


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_its_texts_one_by_one(trained, kind):
    texts = [TEXT, "", "a", DECK, "🦦" * 50, " \n "]
    for found, text in zip(trained[kind].encode_batch(texts), texts, strict=True):
        assert found.dtype == np.int32 and found.tolist() == trained[kind].encode(text).tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_half_pairs_of_surrogates_do_no_harm(trained, kind):
    tokenizer = trained[kind]
    for text in ("a\ud800b", "\udcff"):
        assert len(tokenizer.encode(text)) == len(tokenizer.offsets(text)) > 0
        assert tokenizer.encode_batch([text])[0].tolist() == tokenizer.encode(text).tolist()
    assert train_tokenizer(kind, ["a\ud800b " * 9], SIZE).vocabulary


# -- special tokens ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_special_tokens_are_text_unless_asked(trained, kind):
    tokenizer, text = trained[kind], f"Tokens {END} said"
    assert tokenizer.end == 0 and tokenizer.vocabulary[0] == END
    assert tokenizer.end not in tokenizer.encode(text) and tokenizer.end not in tokenizer.encode_batch([text])[0]
    asked = tokenizer.encode(text, special=True).tolist()
    assert asked.count(0) == 1
    place = asked.index(0)
    before, after = tokenizer.encode("Tokens ").tolist(), tokenizer.encode(" said").tolist()
    assert asked[:place] == before and asked[place + 1 :] == after
    assert tokenizer.end not in tokenizer.encode(text), "asking once changes nothing"
    assert tokenizer.decode([0, 0]) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_special_tokens_in_the_training_text_are_text(kind):
    tokenizer = train_tokenizer(kind, [f"one {END} two {END} three {UNKNOWN} " * 50], SIZE)
    assert tokenizer.end not in tokenizer.encode(f"one {END} two")
    if tokenizer.is_lossless:
        assert tokenizer.decode(tokenizer.encode(f"one {END} two")) == f"one {END} two"


def test_what_is_unknown_is_named(trained):
    assert unknown_parts(trained["characters"], "Tokens ß and ß and ж") == ["ß", "ж"]
    assert unknown_parts(trained["words"], "zebras saw zebras, tokens") == ["zebras"]
    assert unknown_parts(trained["wordpiece"], "tokens ж") == ["ж"]
    for kind in LOSSLESS:
        assert unknown_parts(trained[kind], "ж zebras") == []


# -- saving ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_opened_is_the_same(trained, kind, tmp_path):
    tokenizer = trained[kind]
    save_tokenizer(tokenizer, tmp_path / "tokenizer.json")
    again = open_tokenizer(tmp_path / "tokenizer.json")
    assert again.kind == kind and again.vocabulary == tokenizer.vocabulary and again.state() == tokenizer.state()
    assert (again.end, again.unknown, again.is_lossless) == (tokenizer.end, tokenizer.unknown, tokenizer.is_lossless)
    assert again.encode(TEXT).tolist() == tokenizer.encode(TEXT).tolist()
    assert load_tokenizer(json.loads(json.dumps(tokenizer.state()))).vocabulary == tokenizer.vocabulary


@pytest.mark.parametrize(
    "content", ["{}", '{"kind": "words"}', "[1]", '{"kind": "bpe", "definition": "{", "end": null}']
)
def test_damaged_files_are_refused(tmp_path, content):
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(UserError, match="damaged"):
        open_tokenizer(tmp_path / "tokenizer.json")


# -- streaming ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_streamed_is_decoded_at_once(trained, kind, data):
    tokenizer = trained[kind]
    tokens = data.draw(st.lists(st.integers(0, len(tokenizer.vocabulary) - 1), max_size=150))
    stream = Streamed(tokenizer)
    assert "".join(stream.add(token) for token in tokens) + stream.rest() == tokenizer.decode(tokens)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(before=st.text(st.sampled_from("Tokens, 'many' 🦦é"), max_size=40), data=st.data())
def test_streamed_goes_on_from_a_prompt(trained, kind, before, data):
    tokenizer = trained[kind]
    prompt = tokenizer.encode(before).tolist()
    tokens = data.draw(st.lists(st.integers(0, len(tokenizer.vocabulary) - 1), max_size=30))
    stream = Streamed(tokenizer, prompt)
    told = "".join(stream.add(token) for token in tokens) + stream.rest()
    assert tokenizer.decode(prompt) + told == tokenizer.decode([*prompt, *tokens])


def test_half_a_character_waits_for_its_rest(trained):
    tokenizer = trained["bpe"]
    letters = {value: key for key, value in BYTES.items()}
    tokens = [tokenizer.vocabulary.index(letters[byte]) for byte in "é🦦".encode()]
    stream = Streamed(tokenizer)
    assert [stream.add(token) for token in tokens] == ["", "é", "", "", "", "🦦"] and stream.rest() == ""
    assert stream.add(tokens[2]) == "" and stream.rest() == LOST


# -- merges ------------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.sampled_from("Tokens many words\n🦦é!'"), max_size=60))
def test_growth_ends_in_the_tokens(trained, text):
    tokenizer = trained["bpe"]
    stages = growth(tokenizer, text)
    assert stages[-1].tokens == tokens_of(tokenizer, text)
    assert len(stages[0].tokens) == len(text.encode())
    assert [stage.merge for stage in stages] == sorted(stage.merge for stage in stages)


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "words", "spaces"])
def test_smaller_is_what_training_would_have_made(trained, kind):
    for size in (290, 300, SIZE):
        made, expected = smaller(trained[kind], size), train_tokenizer(kind, [TEXT], size)
        assert made.vocabulary == expected.vocabulary
        assert made.encode(TEXT).tolist() == expected.encode(TEXT).tolist()
    assert smaller(trained["unigram"], 300) is None and smaller(trained["characters"], 10) is None


# -- reading -----------------------------------------------------------------------------------------------------------


def test_tokens_are_readable(trained):
    assert len(BYTES) == 256 and sorted(BYTES.values()) == list(range(256))
    assert sorted(BYTES) == sorted(pre_tokenizers.ByteLevel.alphabet())
    assert spelled("Ġtoken") == " token" and spelled("Ċ") == "\n" and spelled("Ã©") == "é" and spelled("Ã") == r"\xc3"
    assert spelled(END) == END and spelled("ж") == "ж"
    assert readable(trained["wordpiece"], trained["wordpiece"].vocabulary.index("##o")) == "##o"
    assert readable(trained["bpe"], 0) == END


def test_kinds_are_listed_once():
    assert set(KINDS) == set(Kind.__args__)
