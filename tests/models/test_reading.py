"""Networks made ready for writing give the network's own answers."""

import pytest
import torch

from maquette.methods.sampling import Sampler, beam_search, generate, greedy
from maquette.models import GPT, GPT2
from maquette.models.reading import Compiled, for_writing, packed


def small(kind, width=24, heads=2, context=20):
    torch.manual_seed(3)
    model = kind(vocabulary=29, context=context, depth=3, width=width, heads=heads).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, 0.1, 0.4)
    return model


@pytest.mark.parametrize("kind", [GPT, GPT2])
@pytest.mark.parametrize(
    "ready", [Compiled, lambda model: packed(model, 3), lambda model: packed(model, 3, is_compiled=True)]
)
@pytest.mark.parametrize("shape", [(24, 2), (30, 3), (8, 4)], ids=str)
def test_answers_are_the_networks_own(kind, ready, shape):
    model = small(kind, *shape)
    other = ready(model)
    caches = model.new_cache(3), other.new_cache(3)
    tokens = torch.randint(29, (3, 15))
    with torch.inference_mode():
        for start, end in [(0, 1), (1, 2), (2, 6), (6, 7), (7, 8), (8, 14), (14, 15)]:
            expected, found = (m.read(tokens[:, start:end], c) for m, c in zip((model, other), caches, strict=True))
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(caches[0].keys[..., :15, :], caches[1].keys[..., :15, :], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", [GPT, GPT2])
def test_texts_are_the_same_beyond_the_context_and_in_beams(kind):
    model = small(kind)
    ready = Compiled(model)
    draw = [Sampler(torch.Generator().manual_seed(5), temperature=0.7) for _ in range(2)]
    for choose in ((greedy, greedy), draw):
        plain, compiled = (
            [step.tolist() for step in generate(m, [1, 2, 3], tokens=60, choose=c, copies=2)]
            for m, c in zip((model, ready), choose, strict=True)
        )
        assert plain == compiled
    assert beam_search(model, [4], tokens=12).found[0].tokens == beam_search(ready, [4], tokens=12).found[0].tokens


def test_each_network_is_made_ready_as_suits_it():
    model = small(GPT)
    assert isinstance(for_writing(model, 1, 1000), Compiled)
    assert for_writing(model, 1, 100) is model, "loading compiled code would take longer than writing"
    assert for_writing(model, 64, 1000) is model
    assert for_writing(model.double(), 1, 1000) is model
    large = GPT2(vocabulary=50257, context=32, depth=2, width=256, heads=4)
    assert not isinstance(large, Compiled) and for_writing(large, 1, 10) is not large
