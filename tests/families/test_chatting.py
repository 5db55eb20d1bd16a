"""Networks that converse: how sure they are of words, and what they gain by having been told."""

import math
import re

import numpy as np
import pytest
import torch

from maquette.data.text.tokenizers import Characters, Words
from maquette.families.chatting import Voice, gained, remembered
from maquette.families.language_models import held_out_loss
from maquette.models.gpt import GPT
from maquette.models.recurrent import Recurrent

LETTERS = "\n abcdefghijklmnop."
TOLD = ["a bad cab.", "a bad cab. dad fed a pig."]
CUES, WORDS = ["a bad", "dad fed a"], ["cab", "pig"]
LEAD = "moon kid. " * 20
BETWEEN = re.findall(r"\S+\s*", "go on and fill a need of mine again")


def voice_of(network: str) -> Voice:
    torch.manual_seed(1)
    tokenizer = Characters(LETTERS)
    size = len(tokenizer.vocabulary)
    if network == "gpt":
        model = GPT(vocabulary=size, context=24, depth=2, width=16, heads=2)
    else:
        model = Recurrent(vocabulary=size, cell=network, embedded=8, width=16)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    return Voice(model.eval(), tokenizer)


def plain_bits(voice: Voice, before: list[int], answer: list[int]) -> float:
    """-log2 p of the answer, a token at a time, from the whole of what stands before it."""
    total = 0.0
    for place, token in enumerate(answer):
        seen = [*before, *answer[:place]]
        if voice.window:  # the window stands where its last prediction needs it
            seen = seen[max(0, len(before) + len(answer) - 1 - voice.window) :]
        with torch.no_grad():
            logits = voice.model(torch.tensor([seen]))[0, -1].double()
        total -= float(logits.log_softmax(-1)[token]) / math.log(2)
    return total


@pytest.mark.parametrize("network", ["rnn", "gru", "lstm", "gpt"])
def test_bits_of_a_word_are_those_of_its_letters_one_by_one(network):
    voice = voice_of(network)
    for before in ("a", "mad lion and a big old bee."):
        expected = plain_bits(voice, voice.encode(before), voice.encode("cab"))
        assert voice.bits(before, "cab") == pytest.approx(expected, rel=1e-5)
    assert voice.bits("a", "xyz") is None


@pytest.mark.parametrize("network", ["rnn", "lstm", "gpt"])
def test_what_is_gained_is_what_the_network_says_with_and_without(network):
    voice, distances = voice_of(network), [1, 3, 8]
    made = gained(voice, TOLD, CUES, WORDS, LEAD, BETWEEN, distances)
    longest = max(len(voice.encode(told)) for told in TOLD) + 32
    begin = np.resize(voice.encode(LEAD), longest).tolist()
    for row, distance in enumerate(distances):
        between = voice.encode(" " + "".join(BETWEEN[:distance]).rstrip())
        for place, told in enumerate(voice.encode(each) for each in TOLD):
            ask, word = voice.encode("\n" + CUES[place]), voice.encode(" " + WORDS[place])
            with_it = plain_bits(voice, [*begin[: longest - len(told)], *told, *between, *ask], word)
            without = plain_bits(voice, [*begin, *between, *ask], word)
            assert made[row, place] == pytest.approx(without - with_it, abs=1e-4)
    if network == "gpt":  # eight words are more than its window holds
        assert not made[2].any() and made[0].any()
    else:
        assert made.all()


def test_what_cannot_be_written_is_left_out():
    made = gained(voice_of("lstm"), TOLD, CUES, ["cab", "zoo"], LEAD, BETWEEN, [2])
    assert np.isfinite(made[0, 0]) and np.isnan(made[0, 1])


def test_words_that_are_not_known_are_left_out_whole():
    voice = Voice(None, Words(["a", "great", "day", "."]))
    assert voice.known("eat a great day .").split() == ["a", "great", "day", "."]
    assert voice_of("lstm").known("a Bad cab!") == "a ad cab"


def test_remembered_is_the_farthest_distance_in_a_row_above_its_error():
    sure, unsure = [3.0, 3.1, 2.9, 3.0], [3.0, -2.0, 2.0, -2.5]
    assert remembered(np.array([sure, sure, unsure, sure]), [10, 20, 40, 80]) == 20
    assert remembered(np.array([unsure, sure]), [10, 20]) == 0
    assert remembered(np.zeros((2, 4)), [10, 20]) == 0


def test_an_answer_ends_before_its_stop_and_with_a_whole_word():
    voice = voice_of("lstm")
    free = voice.answer("a bad cab", "", 60, 1.0, 3).text
    assert len(free) <= 60 + len(" ...") and "\n" not in free
    assert len(voice.answer("a bad cab", "\n", 60, 1.0, 3).text) <= len(free)
    assert voice.answer("a bad cab", "", 60, 1.0, 3).text == free
    assert voice.answer("A bad cab!", "", 60, 1.0, 3).text == voice.answer(" bad cab", "", 60, 1.0, 3).text


@pytest.mark.parametrize("network", ["rnn", "gpt"])
def test_bits_a_byte_are_the_loss_over_the_bytes(network):
    voice, text = voice_of(network), "a big old lion. an ape " * 30
    tokens = voice.tokenizer.encode(text).astype(np.int64)
    if network == "gpt":
        nats = held_out_loss(voice.model, tokens, 24)
    else:
        tokens, text = tokens[:200], text[:200]  # read as one stream
        with torch.no_grad():
            said = voice.model(torch.from_numpy(tokens[None, :-1]).long())[0].log_softmax(-1)
        nats = -float(said.gather(1, torch.from_numpy(tokens[1:, None]).long()).mean())
    assert voice.bits_per_byte(text) == pytest.approx(nats * len(tokens) / (math.log(2) * len(text)), rel=1e-5)
