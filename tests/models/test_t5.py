"""A T5 of our own: what it can do before it has learnt anything."""

import pytest
import torch

from maquette.models.gpt import heads_for
from maquette.models.t5 import T5


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_new_network_copies_what_follows(depth):
    """Random tokens, each more likely to be the next one of the source than any other; without, they are never."""
    torch.manual_seed(0)
    width = 64 * depth
    heads = heads_for(width)
    model = T5(
        vocabulary=1000, width=width, size=width // heads, wide=width, encoder_depth=depth, decoder_depth=depth,
        heads=heads, activation="gelu_new", is_gated=True,
    ).eval()  # fmt: skip
    source = torch.randint(2, 1000, (4, 120))
    written = source[:, 20:60]

    def copied():
        with torch.no_grad():
            return float((model(source, written[:, :-1]).argmax(-1) == written[:, 1:]).float().mean())

    assert copied() < 0.02
    model.start_copying()
    assert copied() > 0.2
