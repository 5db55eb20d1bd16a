"""Deep networks: the course's equation of batch norm, residual blocks, and how signals grow, by closed form."""

import pytest
import torch

from maquette.checkpoints import load_model, save_model
from maquette.models import DeepNetwork, DeepNetworks
from maquette.models.deep import KINDS, Block, settle, weights_of


def signal(rows: int, width: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, width, generator=generator) * 3 + 1


@pytest.mark.parametrize(("kind", "over"), [("residual_batch", 0), ("plain_batch", 0), ("residual_layer", 1)])
def test_the_norms_are_the_course_s_equation(kind, over):
    """y = (x - E[x]) / sqrt(Var[x] + epsilon) * gamma + beta, over the batch or over the numbers of a row."""
    torch.manual_seed(0)
    norm, x = Block(width=6, kind=kind).norm, signal(9, 6)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    mean = x.mean(over, keepdim=True)
    variance = ((x - mean) ** 2).mean(over, keepdim=True)
    wanted = (x - mean) / (variance + 1e-5).sqrt() * norm.weight + norm.bias
    torch.testing.assert_close(norm(x), wanted)


def test_batch_norm_predicts_by_what_it_saw_and_layer_norm_by_the_row_alone():
    batch, layer = (Block(width=6, kind=kind) for kind in ("residual_batch", "residual_layer"))
    x = signal(9, 6)
    for block in (batch, layer):
        block.train()(x)
        block.eval()
        torch.testing.assert_close(block(x[:1]), block(x)[:1])
    seen = 0.1 * x.mean(0), 0.9 + 0.1 * x.var(0)
    torch.testing.assert_close(batch.norm(x), (x - seen[0]) / (seen[1] + 1e-5).sqrt())


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_a_residual_block_adds_what_a_plain_one_gives(scale):
    plain, residual = Block(width=5, kind="plain"), Block(width=5, kind="residual", scale=scale)
    residual.load_state_dict(plain.state_dict())
    x = signal(4, 5)
    torch.testing.assert_close(plain(x), x.relu() @ plain.dense.weight.T + plain.dense.bias)
    torch.testing.assert_close(residual(x), x + scale * plain(x))


@pytest.mark.parametrize(
    ("kind", "scale", "by", "wanted"),
    [
        ("plain", None, "factor", 1.0),
        ("plain_batch", None, "factor", 1.0),
        ("residual", 1.0, "factor", 2.0),
        ("residual", None, "factor", 1 + 1 / 8),
        ("residual_batch", None, "step", 1.0),
        ("residual_layer", None, "step", 1.0),
    ],
)
def test_how_the_variance_of_the_signal_grows_from_block_to_block(kind, scale, by, wanted):
    """Weights of He et al. 2015 keep E[h^2]; a residual change doubles it, or adds 1 behind a norm (Balduzzi, 3.2)."""
    growth = []
    for seed in range(4):
        torch.manual_seed(seed)
        network = DeepNetwork(inputs=300, width=300, depth=10, kind=kind, scale=scale)
        with torch.no_grad():
            sizes = torch.stack([h.square().mean() for h in network.signals(torch.randn(200, 300))])
        growth.append(sizes[1:] / sizes[:-1] if by == "factor" else sizes.diff())
    assert float(torch.stack(growth).mean()) == pytest.approx(wanted, rel=0.06)


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_and_numbers_of_weights_by_hand(kind):
    network = DeepNetwork(inputs=12, width=7, depth=6, classes=3, kind=kind)
    assert [tuple(h.shape) for h in network.signals(torch.rand(4, 3, 2, 2))] == [(4, 7)] * 5
    assert network(torch.rand(4, 3, 2, 2)).shape == (4, 3)
    dense = (12 * 7 + 7) + 4 * (7 * 7 + 7) + (7 * 3 + 3)
    norms = 5 * 2 * 7 if "_" in kind else 0
    assert sum(weight.numel() for weight in network.parameters()) == dense + norms


def test_without_blocks_plain_and_residual_are_one_network():
    networks = DeepNetworks(inputs=8, width=5, depths=(2, 5), classes=3)
    assert set(networks.networks) == {f"{kind}_{depth}" for kind in KINDS for depth in (2, 5)}
    x = torch.rand(4, 8)
    torch.testing.assert_close(networks.networks["plain_2"](x), networks.networks["residual_2"](x), rtol=0, atol=0)
    first = weights_of(networks.networks["plain_5"])
    assert len(first) == 10
    for kind in KINDS:
        for name, weight in weights_of(networks.networks[f"{kind}_5"]).items():
            torch.testing.assert_close(weight, first[name], rtol=0, atol=0)
    assert not torch.equal(first["first.weight"], networks.networks["plain_2"].first.weight)


def test_the_chosen_network_answers_and_comes_back(tmp_path):
    networks = DeepNetworks(inputs=8, width=5, depths=(2, 4), classes=3, scale=0.5)
    networks.answering = "plain_batch_4"
    x = torch.rand(4, 8)
    networks.train()(x)
    save_model(networks.eval(), tmp_path)
    again = load_model(tmp_path)
    torch.testing.assert_close(again(x), networks.networks["plain_batch_4"](x), rtol=0, atol=0)
    assert again.networks["residual_4"].scale == 0.5 and again.networks["residual_4"].blocks[0].scale == 0.5


def test_a_settled_network_gives_its_inputs_the_answers_of_training_mode():
    torch.manual_seed(0)
    network, x = DeepNetwork(inputs=3, width=6, depth=5, kind="residual_batch"), torch.randn(40, 3)
    with torch.no_grad():
        wanted = network.train()(x)
        network.eval()
        assert float((network(x) - wanted).abs().max()) > 0.1
        assert settle(network, x) is network and not network.training and network.norm.momentum == 0.1
        torch.testing.assert_close(network(x), wanted, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(network(x[:1]), wanted[:1], rtol=1e-4, atol=1e-5)
