"""The diffusion prior: its loss against the closed form, what is said and dropped, embeddings drawn for texts."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from maquette.families.priors import (
    PriorTraining,
    Said,
    drawn_embeddings,
    even,
    expects,
    prior_loss,
    said_by,
    unit,
)
from maquette.methods.optimizers import AdamW
from maquette.models import CLIP, EmbeddingPrior

RHO = 0.8  # correlation of a text's numbers with its picture's, of the Gaussian embeddings below
ALONE = SimpleNamespace(rank=0, processes=1, device=torch.device("cpu"))


def gaussian(count, numbers=4, seed=0):
    """Embeddings that are normally distributed, and texts whose numbers correlate with theirs."""
    g = torch.Generator().manual_seed(seed)
    pictures, other = torch.randn(count, numbers, generator=g), torch.randn(count, numbers, generator=g)
    texts = RHO * pictures + (1 - RHO**2) ** 0.5 * other
    return pictures, Said(torch.zeros(count, 1, 3), torch.zeros(count, 3), texts), g


def least(sigma):
    """What no prior's loss can fall below: the variance of a number given the text's and the noisy one."""
    left = 1 - RHO**2
    return left * sigma**2 / (left + sigma**2)


def exactly(noisy, sigma, said):
    """The mean of the embedding given both, in closed form."""
    left = 1 - RHO**2
    weight = left / (left + sigma[:, None] ** 2)
    return RHO * said.embedding + weight * (noisy - RHO * said.embedding)


@pytest.mark.parametrize("sigma", [0.1, 0.6, 3.0])
def test_the_loss_of_the_exact_prior_is_the_closed_form_s(sigma):
    pictures, said, g = gaussian(40_000)
    loss = prior_loss(exactly, pictures, said, torch.full((40_000,), sigma), torch.randn(40_000, 4, generator=g))
    assert float(loss) == pytest.approx(least(sigma), rel=0.02)


@pytest.mark.slow
def test_a_trained_prior_comes_near_the_closed_form_and_draws_what_the_text_allows():
    torch.manual_seed(0)
    prior = EmbeddingPrior(numbers=4, tokens=3, context=1, width=32, depth=1)
    pictures, said, g = gaussian(4096)
    optimizer, sigma = AdamW(prior.parameters(), 0.004), torch.empty(256)
    for step in range(200):
        rows = torch.randint(4096, (256,), generator=g)
        sigma = torch.randn(256, generator=g).exp()
        loss = prior_loss(expects(prior), pictures[rows], said.some(rows), sigma, torch.randn(256, 4, generator=g))
        optimizer.clear(), loss.backward()
        optimizer.learning_rate = 0.004 * (1 - step / 200)
        optimizer.step()
    pictures, said, g = gaussian(4096, seed=1)
    for level in (0.6, 1.0, 3.0):
        with torch.no_grad():
            noise = torch.randn(4096, 4, generator=g)
            loss = prior_loss(expects(prior.eval()), pictures, said, torch.full((4096,), level), noise)
        without_text = level**2 / (1 + level**2)  # the least where the text is not known
        assert least(level) * 0.95 < float(loss) < 0.95 * without_text
    made = drawn_embeddings(prior, said, seed=3)
    assert made.square().mean(1) == pytest.approx(torch.ones(4096), abs=1e-4)
    near = (made * unit(said.embedding)).mean(1).mean()
    assert 0.6 < float(near) < 0.99
    assert torch.allclose(drawn_embeddings(prior, said.some(slice(5, 8)), 3, first=5), made[5:8], atol=1e-4)


def test_what_a_text_tower_says_ends_with_the_text():
    torch.manual_seed(0)
    clip = CLIP(vocabulary=20, context=6, size=8, width=4, text_width=16, depth=1, heads=2, numbers=4).eval()
    torch.nn.init.normal_(clip.texts.blocks[0].mix.weight)
    tokens = torch.tensor([[3, 5, 0, 0, 0, 0], [3, 5, 7, 2, 9, 0], [0, 0, 0, 0, 0, 0]])
    said = said_by(clip, tokens)
    assert said.states[0, :3].any(1).all() and not said.states[0, 3:].any()
    assert said.states[1].any(1).all() and torch.equal(said.pooled[1, :16], said.states[1, 5])
    assert said.embedding[:2].square().mean(1) == pytest.approx(torch.ones(2), abs=1e-5)
    assert torch.allclose(said.embedding[:2], even(clip.encode_texts(tokens[:2])), atol=1e-6)
    assert not any(each[2].any() for each in said)  # an empty text says nothing
    again = said_by(clip, torch.tensor([[5, 3, 0, 0, 0, 0]])).pooled[0]
    assert torch.allclose(again[16:], said.pooled[0, 16:], atol=1e-6) and not torch.allclose(
        again[:16], said.pooled[0, :16]
    )
    kept = said.without(torch.tensor([True, False, False]))
    assert not any(each[0].any() for each in kept) and torch.equal(kept.pooled[1], said.pooled[1])


def test_training_is_shared_by_processes_as_one_makes_it():
    """Two processes' gradients, averaged, are those of one."""
    pictures, said, _ = gaussian(6)
    grads = []
    for ranks in ((0,), (0, 1)):
        total = None
        for rank in ranks:
            torch.manual_seed(1)
            prior = EmbeddingPrior(numbers=4, tokens=3, context=1, width=16, depth=1)
            run = SimpleNamespace(rank=rank, processes=len(ranks), device=torch.device("cpu"))
            training = PriorTraining(prior, run, chain=None, learning_rate=0.0, seed=0)
            rows = torch.arange(rank, 6, len(ranks))
            batches = SimpleNamespace(size=6, weight=len(rows) * len(ranks) / 6)
            step = SimpleNamespace(number=1, progress=0.0)
            training.learn(pictures[rows], said.some(rows), batches, step)
            gradient = prior.asks.grad / len(ranks)
            total = gradient if total is None else total + gradient
        grads.append(total.numpy())
    assert np.abs(grads[0]).max() > 0
    np.testing.assert_allclose(grads[1], grads[0], atol=1e-6)
