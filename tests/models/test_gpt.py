"""The Transformers against transformers, formulas written out, and finite differences."""

import pytest
import torch
from support import random_gpt2
from torch.nn import functional

from maquette.models import GPT, GPT2
from maquette.models.attention import attend
from maquette.models.gpt import RmsNorm, SquaredRelu, heads_for, rms_norm, rotate, rotations


def with_random_weights(kind, context):
    """A small network that says something, in evaluation mode; leaves the generator where its weights end."""
    torch.manual_seed(0)
    model = kind(vocabulary=13, context=context, depth=2, width=16, heads=2).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.4)
    return model


def test_gpt2_gives_transformers_logits_and_gradients():
    theirs, ours = random_gpt2()
    tokens = torch.randint(60, (3, 32), generator=torch.Generator().manual_seed(0))
    expected, got = theirs(tokens).logits, ours(tokens)
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)
    for logits in (expected, got):
        functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()).backward()
    torch.testing.assert_close(ours.embedding.weight.grad, theirs.transformer.wte.weight.grad, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(
        ours.blocks[0].qkv.weight.grad, theirs.transformer.h[0].attn.c_attn.weight.grad.t(), atol=1e-4, rtol=1e-3
    )


def test_gpt2_of_the_smallest_published_size_has_124_million_weights():
    with torch.device("meta"):
        model = GPT2()
    assert sum(weight.numel() for weight in model.parameters()) == 124_439_808  # Radford et al. 2019, counted by others


def test_gpt_is_its_formulas_written_out():
    torch.manual_seed(0)
    model = GPT(vocabulary=11, context=9, depth=2, width=12, heads=3).double()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    tokens = torch.randint(11, (9,))

    def norm(x):
        return x / (x.pow(2).mean(-1, keepdim=True) + torch.finfo(x.dtype).eps).sqrt()

    def turned(x):  # by rotation matrices
        out, size = torch.empty_like(x), x.shape[-1]
        for place in range(9):
            for i in range(size // 2):
                angle = torch.tensor(place * 10_000.0 ** (-2 * i / size), dtype=x.dtype)
                turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()]).view(2, 2)
                out[place, 2 * i : 2 * i + 2] = turn @ x[place, 2 * i : 2 * i + 2]
        return out

    x = norm(model.embedding.weight[tokens])
    for block in model.blocks:
        q, k, v = (norm(x) @ block.qkv.weight.t()).split(12, dim=-1)
        heads = []
        for head in range(3):
            part = slice(4 * head, 4 * head + 4)
            scores = turned(norm(q[:, part])) @ turned(norm(k[:, part])).t() / 2.0
            scores = scores.masked_fill(torch.ones(9, 9).triu(1).bool(), float("-inf"))
            heads.append(scores.softmax(-1) @ v[:, part])
        x = x + torch.cat(heads, -1) @ block.mix.weight.t()
        x = x + (norm(x) @ block.widen.weight.t()).clamp(min=0) ** 2 @ block.narrow.weight.t()
    expected = norm(x) @ model.head.weight.t()
    torch.testing.assert_close(model(tokens[None])[0], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", [GPT, GPT2])
def test_no_token_sees_what_comes_after_it(kind):
    model = with_random_weights(kind, context=10)
    tokens = torch.randint(13, (1, 10))
    other = tokens.clone()
    other[0, 6:] = (other[0, 6:] + 1) % 13
    with torch.no_grad():
        a, b = model(tokens), model(other)
    torch.testing.assert_close(a[:, :6], b[:, :6], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(a[:, 6:], b[:, 6:])


@pytest.mark.parametrize("kind", [GPT, GPT2])
def test_reading_in_pieces_with_a_cache_equals_reading_at_once(kind):
    model = with_random_weights(kind, context=12)
    tokens = torch.randint(13, (3, 12))
    with torch.no_grad():
        whole, cache, place = model(tokens), model.new_cache(3), 0
        for length in (4, 1, 5, 1, 1):
            got = model.read(tokens[:, place : place + length], cache)
            place += length
            torch.testing.assert_close(got, whole[:, place - 1], atol=1e-5, rtol=1e-5)
        rows = torch.tensor([2, 0, 0])
        cache = model.new_cache(3)
        model.read(tokens[:, :8], cache)
        cache.reorder(rows)
        torch.testing.assert_close(model.read(tokens[rows, 8:9], cache), whole[rows, 8], atol=1e-5, rtol=1e-5)


def test_attention_is_the_formula():
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 2, 3, 5, 4)
    weights = (
        (query @ key.transpose(-1, -2) / 2).masked_fill(torch.ones(5, 5).triu(1).bool(), float("-inf")).softmax(-1)
    )
    torch.testing.assert_close(attend(query, key, value), weights @ value)
    torch.testing.assert_close(attend(query[:, :, 3:], key, value), (weights @ value)[:, :, 3:])
    torch.testing.assert_close(attend(query[:, :, 4:], key, value), (weights @ value)[:, :, 4:])


def test_rotated_products_depend_on_the_distance_alone():
    torch.manual_seed(0)
    turns = rotations(40, 8).double()
    q, k = torch.randn(2, 1, 1, 1, 8, dtype=torch.float64)

    def product(at, other):
        return float((rotate(q, turns[at : at + 1]) * rotate(k, turns[other : other + 1])).sum())

    assert product(3, 7) == pytest.approx(product(30, 34), rel=1e-4)
    assert product(3, 7) != pytest.approx(product(3, 8), rel=1e-3)
    assert rotate(q, turns[5:6]).norm() == pytest.approx(float(q.norm()), rel=1e-6)


def test_rms_norm_has_a_root_mean_square_of_one():
    x = torch.randn(4, 7, generator=torch.Generator().manual_seed(0)) * 30
    torch.testing.assert_close(rms_norm(x).pow(2).mean(-1), torch.ones(4), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("function", [RmsNorm, SquaredRelu])
def test_written_out_derivatives_agree_with_finite_differences(function):
    x = torch.randn(3, 2, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function.apply, (x,))
    plain = functional.rms_norm(x, (6,)) if function is RmsNorm else functional.relu(x).square()
    torch.testing.assert_close(function.apply(x), plain)


def test_an_untrained_gpt_knows_nothing():
    model = GPT(vocabulary=100, context=8, depth=2, width=32, heads=2)
    loss = functional.cross_entropy(model(torch.arange(8)[None])[0], torch.arange(8))
    assert float(loss.detach()) == pytest.approx(torch.log(torch.tensor(100.0)).item(), rel=1e-5)


@pytest.mark.parametrize(("width", "heads"), [(32, 1), (128, 4), (192, 6), (768, 24), (36, 1), (40, 1), (8, 1)])
def test_heads_divide_the_width_into_even_parts(width, heads):
    assert heads_for(width) == heads
    assert width % heads == 0 and width // heads % 2 == 0


def test_eight_sentences_can_be_learnt_by_heart():
    from maquette.families.language_models import optimizers_for

    torch.manual_seed(0)
    model = GPT(vocabulary=20, context=12, depth=2, width=32, heads=2)
    tokens = torch.randint(20, (8, 13))
    optimizer = optimizers_for(model, "muon", 0.02)
    for _ in range(150):
        optimizer.clear()
        loss = functional.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.4  # the first token of each row cannot be known: ln(8) / 12 = 0.17 stays
