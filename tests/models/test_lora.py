"""Low-rank changes: the formula, peft's own, nothing else learns, and folding them in changes no answer."""

import copy

import pytest
import torch
from torch import nn

from maquette.models import T5
from maquette.models.lora import LoRA, add_lora, fold_lora


def network():
    torch.manual_seed(0)
    return T5(vocabulary=40, width=16, size=8, wide=24, encoder_depth=1, decoder_depth=1, heads=2, end=1)


def filled(model):
    """Changes that are not nought."""
    for layer in model.modules():
        if isinstance(layer, LoRA):
            nn.init.normal_(layer.up.weight)
    return model


SOURCE, WRITTEN = torch.arange(12).view(2, 6), torch.arange(8).view(2, 4)


def test_the_formula():
    torch.manual_seed(0)
    layer = nn.Linear(5, 3)
    made, x = filled(nn.Sequential(LoRA(copy.deepcopy(layer), 2, 6.0)))[0], torch.randn(4, 5)
    change = 3.0 * made.up.weight @ made.down.weight
    torch.testing.assert_close(made(x), layer(x) + x @ change.T)
    torch.testing.assert_close(made.folded()(x), layer(x) + x @ change.T)


def test_it_begins_as_the_network_was_and_only_the_changes_learn():
    model, changed = network(), network()
    learning = add_lora(changed, 2, 4.0)
    assert learning == 6 * 2 * (16 + 16)  # q and v of three attentions
    with torch.no_grad():
        torch.testing.assert_close(changed(SOURCE, WRITTEN), model(SOURCE, WRITTEN))
    changed(SOURCE, WRITTEN).square().mean().backward()
    names = {name for name, weight in changed.named_parameters() if weight.grad is not None}
    assert names == {name for name, _ in changed.named_parameters() if ".up." in name or ".down." in name}


def test_folded_it_answers_the_same_under_the_old_names():
    model, changed = network(), network()
    add_lora(changed, 2, 4.0)
    filled(changed)
    with torch.no_grad():
        before = changed(SOURCE, WRITTEN)
        fold_lora(changed)
        torch.testing.assert_close(changed(SOURCE, WRITTEN), before, atol=1e-4, rtol=1e-4)
        assert (before - model(SOURCE, WRITTEN)).abs().max() > 0.1
    assert changed.state_dict().keys() == model.state_dict().keys()
    assert all(weight.requires_grad for weight in changed.parameters())


def test_peft_computes_the_same():
    peft = pytest.importorskip("peft")
    ours, theirs = network(), network()
    add_lora(ours, 3, 6.0)
    filled(ours)
    config = peft.LoraConfig(r=3, lora_alpha=6, target_modules=["q", "v"], lora_dropout=0.0)
    theirs = peft.inject_adapter_in_model(config, theirs)
    known = dict(theirs.named_modules())
    for name, layer in ours.named_modules():
        if isinstance(layer, LoRA):
            known[name].lora_A["default"].weight.data.copy_(layer.down.weight)
            known[name].lora_B["default"].weight.data.copy_(layer.up.weight)
    with torch.no_grad():
        torch.testing.assert_close(ours(SOURCE, WRITTEN), theirs(SOURCE, WRITTEN))
