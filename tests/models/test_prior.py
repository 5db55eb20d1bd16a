"""The prior's Transformer: what it takes and gives, and that all that is said reaches the answer."""

import torch

from maquette.checkpoints import describe
from maquette.models import EmbeddingPrior


def lively():
    torch.manual_seed(0)
    prior = EmbeddingPrior(numbers=6, tokens=5, context=7, width=32, depth=2).eval()
    for weight in prior.parameters():
        if not weight.any():
            torch.nn.init.normal_(weight, std=0.2)
    return prior


def test_each_row_is_told_from_its_own_text_noise_and_level():
    prior = lively()
    noisy, level, text, tokens = torch.randn(3, 6), torch.linspace(-1, 1, 3), torch.randn(3, 6), torch.randn(3, 7, 5)
    together = prior(noisy, level, text, tokens)
    assert together.shape == (3, 6)
    for place in range(3):
        alone = prior(*(each[place : place + 1] for each in (noisy, level, text, tokens)))
        assert torch.allclose(alone[0], together[place], atol=1e-5)
    for changed in (
        (noisy + 1, level, text, tokens),
        (noisy, level + 0.4, text, tokens),
        (noisy, level, -text, tokens),
    ):
        assert not torch.allclose(prior(*changed), together, atol=1e-2)
    other = tokens.clone()
    other[:, 2] += 1
    assert not torch.allclose(prior(noisy, level, text, other), together, atol=1e-3)
    prior(noisy, level, text, tokens).square().mean().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in prior.parameters())


def test_its_arguments_describe_it():
    arguments = describe(lively())["arguments"]
    assert arguments == {"numbers": 6, "tokens": 5, "context": 7, "width": 32, "depth": 2}
