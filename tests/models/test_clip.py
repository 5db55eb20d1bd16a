"""CLIP's towers: nothing after a text's end counts, embeddings have length one, the factor stays in bounds."""

import math

import pytest
import torch

from maquette.checkpoints import load_model, save_model
from maquette.models import CLIP


def make(**more):
    torch.manual_seed(0)
    model = CLIP(vocabulary=50, context=9, size=16, width=8, text_width=16, heads=2, numbers=12, **more).eval()
    with torch.no_grad():  # its branches end in zeros before training
        for block in model.texts.blocks:
            torch.nn.init.normal_(block.mix.weight, std=0.3)
            torch.nn.init.normal_(block.narrow.weight, std=0.3)
    return model


@torch.no_grad()
def test_a_text_ends_at_its_first_zero():
    model = make()
    tokens = torch.tensor([[3, 4, 5, 0, 0, 0, 0, 0, 0]])
    other = torch.tensor([[3, 4, 5, 0, 7, 8, 9, 0, 1]])
    torch.testing.assert_close(model.encode_texts(tokens), model.encode_texts(other))
    torch.testing.assert_close(model.encode_texts(tokens), model.encode_texts(tokens[:, :4]))
    assert (model.encode_texts(tokens) - model.encode_texts(tokens.flip(1).roll(3))).abs().max() > 1e-3
    states = model.texts.states(tokens)
    assert states.shape == (1, 9, 16)
    torch.testing.assert_close(model.texts.pooled(tokens, states), states[:, 3])
    swapped = torch.tensor([[4, 3, 5, 0, 0, 0, 0, 0, 0]])
    assert (model.encode_texts(tokens) - model.encode_texts(swapped)).abs().max() > 1e-3  # order counts


@pytest.mark.parametrize("size", [8, 16, 33, 64])
@torch.no_grad()
def test_embeddings_have_length_one_at_any_size(size):
    model = CLIP(vocabulary=20, size=size, width=8, text_width=16, numbers=10)
    seen, said = model(torch.rand(3, 3, size, size), torch.randint(1, 20, (3, 5)) * torch.tensor([1, 1, 1, 1, 0]))
    assert seen.shape == said.shape == (3, 10)
    torch.testing.assert_close(seen.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(said.norm(dim=1), torch.ones(3))
    moved = torch.rand(1, 3, size, size)
    assert (model.encode_pictures(moved) - model.encode_pictures(moved.flip(3))).abs().max() > 1e-4  # left is not right


def test_the_factor_is_learnt_between_1_and_100(tmp_path):
    model = make(temperature=0.07)
    assert float(model.scale.detach()) == pytest.approx(1 / 0.07)
    for log, expected in ((9.0, 100.0), (-2.0, 1.0), (math.log(30), 30.0)):
        model.log_scale.data.fill_(log)
        model.clamp()
        assert float(model.scale.detach()) == pytest.approx(expected, rel=1e-5)
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    tokens = torch.tensor([[1, 2, 0]])
    torch.testing.assert_close(again.encode_texts(tokens), model.encode_texts(tokens))
