"""The written-out Transformer against torch's own functions, number by number, and against the networks themselves."""

import math
from typing import Any

import pytest
import torch
from support import random_gpt2
from torch import Tensor
from torch.nn import functional

from maquette.methods import walking
from maquette.models import GPT, GPT2
from maquette.models import gpt as gpt_module

TOKENS = [5, 3, 36, 3, 0, 11, 5, 20, 7]


def network(kind: type) -> Any:
    """Small, with weights that leave nothing at zero or one."""
    torch.manual_seed(0)
    model = kind(vocabulary=37, context=16, depth=3, width=24, heads=3).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return model


@pytest.fixture(params=[GPT2, GPT], ids=["gpt2", "gpt"])
def model(request) -> Any:
    return network(request.param)


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours.float(), theirs.detach().float(), rtol=1e-4, atol=1e-5)


def test_the_logits_are_the_network_s_own(model):
    walked = walking.walk(model, TOKENS)
    with torch.no_grad():
        own = model(torch.tensor([TOKENS]))[0]
    assert (walked.logits - own).abs().max() < 1e-5
    close(walked.probabilities, own.softmax(-1))
    close(walking.lens(model, walked)[-1], own.softmax(-1))
    assert walked.stream.shape == (7, 9, 24) and walked.logits.dtype == torch.double


def test_a_sentence_cut_short_changes_nothing_before_the_cut(model):
    whole, start = walking.walk(model, TOKENS), walking.walk(model, TOKENS[:4])
    torch.testing.assert_close(whole.logits[:4], start.logits)


def test_what_enters_is_what_torch_looks_up():
    model = network(GPT2)
    walked = walking.walk(model, TOKENS)
    tokens = torch.tensor(TOKENS)
    close(walked.embeddings, functional.embedding(tokens, model.embedding.weight))
    close(walked.positions, functional.embedding(torch.arange(9), model.positions.weight))
    close(walked.stream[0], model.embedding(tokens) + model.positions(torch.arange(9)))
    assert walked.turns is None


def test_what_enters_a_gpt_is_normalised_and_later_turned():
    model = network(GPT)
    walked = walking.walk(model, TOKENS)
    assert walked.positions is None and walked.turns.shape == (2, 9, 4)
    close(walked.stream[0], functional.rms_norm(model.embedding(torch.tensor(TOKENS)), (24,)))
    layer = walked.layers[1]
    turned = gpt_module.rotate(layer.queries.float().transpose(0, 1)[None], model.turns[:9])
    close(layer.turned_queries, turned[0].transpose(0, 1))
    complex_keys = torch.complex(layer.keys[..., 0::2], layer.keys[..., 1::2])  # a turn is a product with e^(i angle)
    angles = torch.outer(torch.arange(9).double(), 10_000.0 ** (-torch.arange(4).double() / 4))
    turned = complex_keys * torch.polar(torch.ones_like(angles), angles)
    close(layer.turned_keys, torch.stack([turned.real, turned.imag], dim=-1).flatten(-2))


@pytest.mark.parametrize("number", range(3))
def test_every_number_of_a_block_is_what_torch_s_functions_give(model, number):
    """Each from the walk's own number before it, so that no error hides behind another."""
    layer, block = walking.walk(model, TOKENS).layers[number], model.blocks[number]
    values = {name: value.float() for name, value in vars(layer).items()}
    is_gpt = isinstance(model, GPT)

    def norm(x: Tensor, own: Any) -> Tensor:
        if is_gpt:
            return functional.rms_norm(x, x.shape[-1:])
        return functional.layer_norm(x, x.shape[-1:], own.weight, own.bias, own.eps)

    def dense(x: Tensor, own: Any) -> Tensor:
        return functional.linear(x, own.weight, own.bias)

    close(layer.normed, norm(values["before"], None if is_gpt else block.norm_1))
    query, key, value = dense(values["normed"], block.qkv).view(9, 9, 8).transpose(0, 1).chunk(3)
    if is_gpt:
        query, key = functional.rms_norm(query, (8,)), functional.rms_norm(key, (8,))
    close(layer.queries, query)
    close(layer.keys, key)
    close(layer.values, value)
    if not is_gpt:
        assert layer.turned_queries is layer.queries and layer.turned_keys is layer.keys
    turned = values["turned_queries"], values["turned_keys"]
    close(layer.scores, torch.einsum("htd,hsd->hts", *turned) / math.sqrt(8))
    ahead = torch.ones(9, 9, dtype=torch.bool).triu(1)
    assert (layer.masked[:, ahead] == -math.inf).all() and torch.equal(layer.masked[:, ~ahead], layer.scores[:, ~ahead])
    close(layer.weights, functional.softmax(values["masked"], dim=-1))
    assert (layer.weights[:, ahead] == 0).all()
    torch.testing.assert_close(layer.weights.sum(-1), torch.ones(3, 9).double())
    attended = functional.scaled_dot_product_attention(*(x[None] for x in (*turned, values["values"])), is_causal=True)
    close(layer.heads, attended[0])
    close(layer.mixed, dense(values["heads"].transpose(0, 1).flatten(1), block.mix))
    close(layer.between, values["before"] + values["mixed"])
    close(layer.normed_again, norm(values["between"], None if is_gpt else block.norm_2))
    close(layer.wide, dense(values["normed_again"], block.widen))
    bent = functional.relu(values["wide"]).square()
    if not is_gpt:
        bent = functional.gelu(values["wide"], approximate="tanh")
    close(layer.active, bent)
    close(layer.narrow, dense(values["active"], block.narrow))
    close(layer.after, values["between"] + values["narrow"])


def test_the_end_is_what_torch_s_functions_give(model):
    walked = walking.walk(model, TOKENS)
    last = walked.stream[-1].float()
    if isinstance(model, GPT):
        final = functional.rms_norm(last, (24,))
        logits = functional.linear(final, model.head.weight)
    else:
        final = functional.layer_norm(last, (24,), model.norm.weight, model.norm.bias, model.norm.eps)
        logits = functional.linear(final, model.embedding.weight)
    close(walked.final, final)
    close(walked.logits, logits)
    close(walked.probabilities, functional.softmax(walked.logits, dim=-1))


def test_attention_maps_are_the_weights_of_the_walk(model):
    maps = walking.attention_maps(model, torch.tensor(TOKENS))
    assert maps.shape == (3, 3, 9, 9) and maps.dtype == torch.float32
    close(maps, torch.stack([layer.weights for layer in walking.walk(model, TOKENS).layers]))


def test_without_positions_and_order_a_sentence_is_a_bag(model):
    turned = [TOKENS[place] for place in (8, 2, 5, 0, 7, 1, 3, 6, 4)]
    with_them, without, bag = walking.order_matters(model, TOKENS, turned)
    assert with_them.difference > 1e-2 and without.difference > 1e-3
    assert bag.difference < 1e-6
    both = [walking.walk(model, each, has_positions=False, is_causal=False) for each in (TOKENS, turned)]
    for token in set(TOKENS):  # not only the mean: each token gets the same numbers wherever it stands
        rows = torch.cat([walked.final[walked.tokens == token] for walked in both])
        assert (rows - rows[0]).abs().max() < 1e-6
    torch.testing.assert_close(bag.following[0], both[0].probabilities[-1])


def test_one_causal_layer_without_positions_cannot_tell_what_came_before_in_which_order():
    torch.manual_seed(1)
    model = GPT2(vocabulary=37, context=16, depth=1, width=24, heads=3).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    _, without, _ = walking.order_matters(model, [1, 2, 3, 4, 9], [4, 2, 1, 3, 9])
    torch.testing.assert_close(without.following[0], without.following[1])


def test_other_tokens_are_no_other_order():
    with pytest.raises(AssertionError, match="same tokens"):
        walking.order_matters(network(GPT), [1, 2], [1, 3])


def test_uniform_attention_is_the_running_mean():
    values = torch.randn(6, 4, dtype=torch.double)
    means = torch.stack([values[: t + 1].mean(0) for t in range(6)])
    torch.testing.assert_close(walking.uniform(6) @ values, means)
    zeros = torch.zeros(1, 1, 6, 4, dtype=torch.double)
    torch.testing.assert_close(
        functional.scaled_dot_product_attention(zeros, zeros, values[None, None], is_causal=True)[0, 0], means
    )
    torch.testing.assert_close(walking.uniform(6, is_causal=False) @ values, values.mean(0).expand(6, 4))


def test_sinusoids_are_the_paper_s_formula():
    table = walking.sinusoids(50, 10)
    for place, number in ((0, 0), (0, 1), (7, 4), (49, 9), (33, 6)):
        angle = place / 10_000 ** (2 * (number // 2) / 10)
        assert float(table[place, number]) == pytest.approx(math.cos(angle) if number % 2 else math.sin(angle))


def test_likeness_is_cosine_similarity():
    rows = torch.randn(5, 8, dtype=torch.double)
    torch.testing.assert_close(walking.likeness(rows), functional.cosine_similarity(rows[:, None], rows[None], dim=-1))
    assert not walking.likeness(torch.zeros(2, 3)).any()


def test_one_token_is_enough(model):
    walked = walking.walk(model, [4])
    assert walked.layers[0].weights.eq(1).all() and walked.logits.shape == (1, 37)


def test_gpt2_s_layers_and_weights_are_those_of_transformers():
    theirs, ours = random_gpt2()
    theirs.set_attn_implementation("eager")
    tokens = torch.tensor([[3, 14, 15, 9, 26, 5, 35, 8]])
    with torch.no_grad():
        told = theirs(tokens, output_attentions=True, output_hidden_states=True)
    walked = walking.walk(ours, tokens[0])
    close(torch.stack([layer.weights for layer in walked.layers]), torch.cat(told.attentions))
    close(walked.stream[::2][:-1], torch.cat(told.hidden_states[:-1]))
    close(walked.final, told.hidden_states[-1][0])
    close(walked.logits, told.logits[0])
