"""The encoder-decoder Transformer: cached equals uncached, batch equals single, beams side by side."""

import math

import pytest
import torch

from maquette.models.encoder_decoder import EncoderDecoder, dropped, sinusoids


def network(norm="before", **more):
    torch.manual_seed(3)
    made = EncoderDecoder(vocabulary=23, context=16, depth=2, width=16, heads=4, norm=norm, **more).eval()
    for weight in made.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return made


SOURCE = torch.tensor([[3, 5, 7, 2, 9], [4, 4, 1, 0, 0]])
MASK = torch.tensor([[True] * 5, [True, True, True, False, False]])
TARGET = torch.tensor([[0, 8, 6, 2], [0, 1, 1, 7]])


@pytest.mark.parametrize("norm", ["before", "after"])
def test_cached_equals_uncached(norm):
    model = network(norm)
    with torch.no_grad():
        whole = model(SOURCE, TARGET, MASK)
        cache = model.new_cache(model.encode(SOURCE, MASK), MASK, 1, 4)
        steps = torch.stack([model.read(TARGET[:, place], cache) for place in range(4)], 1)
    assert torch.allclose(whole, steps, atol=1e-5)


@pytest.mark.parametrize("norm", ["before", "after"])
def test_batch_equals_single(norm):
    model = network(norm)
    with torch.no_grad():
        both = model(SOURCE, TARGET, MASK)
        assert torch.allclose(both[0], model(SOURCE[:1], TARGET[:1])[0], atol=1e-5)
        assert torch.allclose(both[1], model(SOURCE[1:, :3], TARGET[1:])[0], atol=1e-5)


def test_nothing_is_read_from_ahead():
    model = network()
    other = TARGET.clone()
    other[:, 2:] = 11
    with torch.no_grad():
        a, b = model(SOURCE, TARGET, MASK), model(SOURCE, other, MASK)
    assert torch.equal(a[:, :2], b[:, :2]) and not torch.allclose(a[:, 2:], b[:, 2:])


def test_beams_change_places_and_inputs_leave():
    """Rows that go on from others, and sources that are done, give what whole sequences give."""
    model = network()
    with torch.no_grad():
        cache = model.new_cache(model.encode(SOURCE, MASK), MASK, 3, 6)
        model.read(torch.tensor([0] * 6), cache)
        model.read(torch.tensor([1, 2, 3, 4, 5, 6]), cache)
        cache.choose(torch.tensor([1, 1, 0, 5, 4, 5]), None)
        logits = model.read(torch.tensor([7, 8, 9, 10, 11, 12]), cache)
        for row, (first, last) in enumerate([(2, 7), (2, 8), (1, 9), (6, 10), (5, 11), (6, 12)]):
            which = slice(row // 3, row // 3 + 1)
            expected = model(SOURCE[which], torch.tensor([[0, first, last]]), MASK[which])[0, -1]
            assert torch.allclose(logits[row], expected, atol=1e-5)
        cache.choose(torch.tensor([3, 4, 4]), torch.tensor([1]))
        logits = model.read(torch.tensor([13, 14, 15]), cache)
        for row, said in enumerate([[0, 6, 10, 13], [0, 5, 11, 14], [0, 5, 11, 15]]):
            expected = model(SOURCE[1:], torch.tensor([said]), MASK[1:])[0, -1]
            assert torch.allclose(logits[row], expected, atol=1e-5)


@pytest.mark.parametrize("norm", ["before", "after"])
def test_looks_are_what_the_network_does(norm):
    """Attention written out: rows add up to 1, and put together by hand they give the first block's branch."""
    model = network(norm)
    looks = model.looks(SOURCE[0], TARGET[0])
    assert looks.shape == (2, 4, 4, 5) and torch.allclose(looks.sum(-1), torch.ones(2, 4, 4), atol=1e-5)
    block = model.decoder[0]
    with torch.no_grad():
        x = block.attend_to_itself(model.placed(TARGET[:1], 0))
        memory = model.encode(SOURCE[:1])
        values = block.remembered(memory)[1][0]
        branch = block.take((looks[0] @ values).transpose(0, 1).reshape(1, 4, 16))
        expected = x + branch if norm == "before" else block.norm_cross(x + branch)
        assert torch.allclose(block.look_back(x, memory), expected, atol=1e-5)


def test_one_embedding_for_all_and_nothing_said_at_first():
    model = EncoderDecoder(vocabulary=30, depth=1, width=8, heads=2)
    assert [name for name, weight in model.named_parameters() if 30 in weight.shape] == ["embedding.weight"]
    assert sum(weight.numel() for weight in model.parameters()) < 30 * 8 + 3000


def test_sinusoids():
    table = sinusoids(5, 6)
    for place in range(5):
        for pair in range(3):
            angle = place / 10_000 ** (2 * pair / 6)
            assert table[place, 2 * pair : 2 * pair + 2].tolist() == pytest.approx([math.sin(angle), math.cos(angle)])


def test_what_is_dropped():
    torch.manual_seed(0)
    x = torch.ones(1000, 101)
    y = dropped(x, 0.25)
    assert y.unique().tolist() == pytest.approx([0, 4 / 3])
    assert float((y == 0).float().mean()) == pytest.approx(0.25, abs=0.01) and float(y.mean()) == pytest.approx(
        1, abs=0.01
    )
    model = network(dropout=0.5).train()
    assert not torch.equal(model(SOURCE, TARGET, MASK), model(SOURCE, TARGET, MASK))
