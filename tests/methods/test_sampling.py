"""Sampling against transformers' generate on the same weights, brute force, and its own promises."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support import random_gpt2
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from maquette.methods.sampling import Reading, Sampler, beam_search, filtered, generate, greedy, penalised
from maquette.models import GPT


@pytest.fixture(scope="module")
def pair():
    """The same random weights in transformers and here."""
    return random_gpt2(vocabulary=60, context=64)


def chosen(steps):
    return torch.stack(list(steps), dim=1).tolist()


def theirs(model, prompt, **settings):
    given = torch.tensor([prompt])
    mask = torch.ones_like(given)
    out = model.generate(given, attention_mask=mask, pad_token_id=0, **settings)
    return out[:, len(prompt) :].tolist()


def test_greedy_is_transformers_token_for_token(pair):
    them, us = pair
    for prompt in ([5], [1, 2, 3, 4], [9, 9, 30, 2, 11, 7, 59]):
        expected = theirs(them, prompt, max_new_tokens=40, do_sample=False, eos_token_id=None)
        assert chosen(generate(us, prompt, tokens=40, choose=greedy)) == expected


@pytest.mark.parametrize("penalty", [-1.0, 0.0, 0.7, 1.0, 2.0])
@pytest.mark.parametrize("beams", [1, 2, 5])
def test_beam_search_is_transformers_token_for_token(pair, beams, penalty):
    them, us = pair
    for end, prompt in itertools.product((None, 17, 3, 42), ([8], [1, 2, 3, 4, 50])):
        settings = {"num_beams": beams, "length_penalty": penalty, "num_return_sequences": beams}
        expected = theirs(them, prompt, max_new_tokens=12, do_sample=False, eos_token_id=end, **settings)
        found = beam_search(us, prompt, tokens=12, beams=beams, length_penalty=penalty, end=end).found
        if beams == 1:  # transformers then goes greedily and ends with the first end
            assert found[0].tokens == [t for t in expected[0] if end is None or t or end == 0][: len(found[0].tokens)]
            continue
        for ours, other in zip(found, expected, strict=True):
            assert other[: len(ours.tokens)] == ours.tokens
            assert all(token == 0 for token in other[len(ours.tokens) :])


def test_enough_beams_find_the_likeliest_of_all_continuations():
    torch.manual_seed(1)
    model = GPT(vocabulary=5, context=8, depth=1, width=8, heads=2).eval()
    torch.nn.init.normal_(model.head.weight, std=2.0)
    prompt, length = [3, 1], 4
    all_of_them = torch.tensor([[*prompt, *rest] for rest in itertools.product(range(5), repeat=length)])
    with torch.no_grad():
        logs = model(all_of_them).log_softmax(-1)
    target = all_of_them[:, len(prompt) :]
    sums = logs[:, len(prompt) - 1 : -1].gather(2, target[..., None]).sum((1, 2))
    best = sums.argmax()
    found = beam_search(model, prompt, tokens=length, beams=5**3, length_penalty=1.0).found[0]
    assert found.tokens == target[best].tolist()
    assert found.score == pytest.approx(float(sums[best]) / length, rel=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    top_k=st.one_of(st.none(), st.integers(1, 40)),
    top_p=st.floats(0.05, 1.0, exclude_max=True),
    min_p=st.floats(0, 0.9),
)
def test_filters_are_transformers_filters(seed, top_k, top_p, min_p):
    logits = torch.randn(3, 30, generator=torch.Generator().manual_seed(seed)) * 3
    expected = logits.clone()
    if top_k is not None:
        expected = TopKLogitsWarper(top_k)(None, expected)
    expected = TopPLogitsWarper(top_p)(None, expected)
    if min_p:
        expected = MinPLogitsWarper(min_p)(None, expected)
    assert torch.equal(filtered(logits, top_k=top_k, top_p=top_p, min_p=min_p), expected)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6), penalty=st.floats(0.2, 5), seen=st.lists(st.integers(0, 19), min_size=1, max_size=12)
)
def test_the_repetition_penalty_is_transformers(seed, penalty, seen):
    logits = torch.randn(1, 20, generator=torch.Generator().manual_seed(seed))
    history = torch.tensor([seen])
    expected = LogitsProcessorList([RepetitionPenaltyLogitsProcessor(penalty)])(history, logits.clone())
    torch.testing.assert_close(penalised(logits, history, penalty), expected)


def test_a_token_is_drawn_as_often_as_it_is_likely():
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0]).expand(20_000, 4)
    sampler = Sampler(torch.Generator().manual_seed(0), temperature=0.7, top_k=3)
    counts = torch.bincount(sampler(logits, logits[:, :1].long()), minlength=4) / 20_000
    expected = torch.cat([(logits[0, :3] / 0.7).softmax(-1), torch.zeros(1)])
    assert counts[3] == 0
    torch.testing.assert_close(counts, expected, atol=0.01, rtol=0)


def test_the_same_seed_draws_the_same_and_copies_differ(pair):
    _, us = pair

    def drawn(seed):
        sampler = Sampler(torch.Generator().manual_seed(seed))
        return chosen(generate(us, [1, 2], tokens=20, choose=sampler, copies=3))

    assert drawn(4) == drawn(4) != drawn(5)
    assert len({tuple(row) for row in drawn(4)}) == 3


def test_the_cache_changes_nothing_but_speed(pair):
    _, us = pair
    tokens = [7, 3]
    with torch.no_grad():
        for _ in range(30):
            tokens.append(int(us(torch.tensor([tokens]))[0, -1].argmax()))
    assert [row[0] for row in map(torch.Tensor.tolist, generate(us, [7, 3], tokens=30, choose=greedy))] == tokens[2:]


@pytest.mark.parametrize("kind", ["gpt2", "gpt"])
def test_beyond_the_context_the_window_slides_and_is_counted(kind):
    torch.manual_seed(0)
    model = random_gpt2(vocabulary=20, context=8)[1]
    if kind == "gpt":
        model = GPT(vocabulary=20, context=8, depth=1, width=16, heads=2).eval()
        torch.nn.init.normal_(model.head.weight)
    reading = Reading(model, [1, 2, 3], copies=1, tokens=30)
    logits = reading.start()
    for number in range(29):
        token = logits.argmax(-1)
        logits = reading.go_on(token)
        read = reading.seen[:, -reading.cache.length :]
        with torch.no_grad():
            torch.testing.assert_close(logits, model(read)[:, -1], atol=1e-5, rtol=1e-4)
        assert 4 <= reading.cache.length <= 8 or number < 2
    assert reading.slides == 5  # at tokens 9, 14 ... 29: four are kept and read with the new one
    long = Reading(model, list(range(15)), copies=1, tokens=2)
    long.start()
    assert long.slides == 1 and long.cache.length == 4


@pytest.mark.parametrize("temperature", [1e-7, 1e-38, 1e-40, 1e-320])
@pytest.mark.parametrize("penalty", [1.0, 1e-40, 10.0])
def test_towards_no_temperature_sampling_becomes_greedy(temperature, penalty):
    torch.manual_seed(0)
    logits, seen = 40 * torch.randn(30, 50), torch.randint(50, (30, 6))
    sampler = Sampler(torch.Generator().manual_seed(0), temperature, repetition_penalty=penalty, min_p=0.1, top_p=0.5)
    drawn = sampler(logits, seen)
    assert (
        penalised(logits, seen, penalty).gather(1, drawn[:, None])[:, 0] == penalised(logits, seen, penalty).amax(1)
    ).all()


@pytest.mark.parametrize("penalty", [1e-40, 1e-300])
def test_the_smallest_penalty_leaves_numbers_finite(penalty):
    logits = torch.tensor([[0.0, 3e4, -3e4, 1.0]])
    assert penalised(logits, torch.tensor([[0, 1, 2]]), penalty).isfinite().all()
