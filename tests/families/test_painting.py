"""Pictures from words: what the decoder is told and how often, guidance at its ends, ways of drawing, changes."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from maquette.families import painting
from maquette.families.captions import learn_wording
from maquette.families.diffusing import Condition
from maquette.families.painting import Painter, condition_of, left_of, turned
from maquette.families.priors import Said, unit
from maquette.models import CLIP, DenoisingUNet, EmbeddingPrior
from maquette.models.denoising_unet import Attention

TEXTS = ["a red circle", "two blue stars", "a cat"]
KNOWN = {
    "size": 8, "channels": 3, "prediction": "karras", "spread": 0.5, "schedule": "linear",
    "solver": "dpm", "steps": 4, "guidance": 2.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def painter():
    """Small networks, all of whose weights are alive."""
    torch.manual_seed(0)
    wording = learn_wording(TEXTS, 300)
    clip = CLIP(
        vocabulary=wording.size, context=wording.context, size=8, width=4, text_width=16, depth=1, heads=2, numbers=6
    )
    prior = EmbeddingPrior(numbers=6, tokens=16, context=wording.context, width=16, depth=1)
    decoder = DenoisingUNet(channels=3, size=8, width=8, vector=38, tokens=16, draft=4)
    for network in (clip, prior, decoder):
        for weight in network.parameters():
            if not weight.any():
                nn.init.normal_(weight, std=0.2)
    return Painter(clip.eval(), prior.eval(), decoder.eval(), wording, KNOWN)


def test_parts_are_told_as_often_as_they_should_be():
    chance = (torch.arange(1000) + 0.5) / 1000
    vector = torch.ones(1000, 2 + 3 + 8)
    left = left_of(Condition(None, vector, torch.ones(1000, 2, 5)), chance, (0.4, 0.25, 0.25, 0.1), 3, 4)
    embedding, text, tokens = left.vector[:, 2:5].any(1), left.vector[:, 5:].any(1), left.tokens.any(2).any(1)
    assert torch.equal(text, tokens) and left.vector[:, :2].all()  # how it was moved is always told
    counts = [int((embedding & text).sum()), int((embedding & ~text).sum()), int((~embedding & text).sum())]
    assert counts == pytest.approx([400, 250, 250], abs=1) and int((~embedding & ~text).sum()) in (99, 100, 101)


def test_guidance_one_is_conditional_and_zero_is_unconditional(painter):
    diffuser, x, sigma = painter.diffuser, torch.randn(2, 3, 8, 8), torch.tensor([0.5, 3.0])
    told, other = painter.condition(TEXTS[:2], 0), painter.condition(TEXTS[1:], 0)
    with torch.no_grad():
        plain = diffuser.expected(x, sigma, told).clamp(-1, 1)
        untold = diffuser.expected(x, sigma, painter.told(painter.said(["", ""]))).clamp(-1, 1)
        negative = diffuser.expected(x, sigma, other).clamp(-1, 1)
        assert torch.equal(diffuser.denoiser(told, 1.0)(x, sigma), plain)
        assert torch.allclose(diffuser.denoiser(told, 0.0)(x, sigma), untold, atol=1e-6)
        assert torch.allclose(diffuser.denoiser(told, 0.0, other)(x, sigma), negative, atol=1e-6)
        assert not torch.allclose(plain, untold, atol=1e-4) and not torch.allclose(negative, untold, atol=1e-4)


def test_tokens_are_looked_at_as_torch_does():
    """Cross attention with places and tokens beside each other, against torch's own module."""
    torch.manual_seed(0)
    ours = Attention(64, tokens=5).double()
    nn.init.normal_(ours.output.weight)
    theirs = nn.MultiheadAttention(64, ours.heads, bias=True, kdim=69, vdim=69, batch_first=True).double()
    x, tokens = torch.randn(2, 64, 3, 4, dtype=torch.float64), torch.randn(2, 7, 5, dtype=torch.float64)
    query, key, value = ours.query_key_value.weight.chunk(3)
    more_key, more_value = ours.of_tokens.weight.chunk(2)
    with torch.no_grad():
        theirs.q_proj_weight.copy_(query)
        theirs.k_proj_weight.copy_(torch.cat([key, more_key], 1))
        theirs.v_proj_weight.copy_(torch.cat([value, more_value], 1))
        theirs.in_proj_bias.zero_()
        theirs.out_proj.weight.copy_(ours.output.weight)
        theirs.out_proj.bias.copy_(ours.output.bias)
        places = ours.norm(x).flatten(2).transpose(1, 2)
        pad = torch.zeros(2, 12, 5, dtype=torch.float64), torch.zeros(2, 7, 64, dtype=torch.float64)
        seen = torch.cat([torch.cat([places, pad[0]], 2), torch.cat([pad[1], tokens], 2)], 1)
        expected = theirs(places, seen, seen, need_weights=False)[0].transpose(1, 2).reshape(x.shape)
        assert torch.allclose(ours(x, tokens) - x, expected, atol=1e-12)


def test_each_way_of_drawing_tells_what_it_says(painter):
    said = painter.said(TEXTS)
    by_way = {way: painter.condition(TEXTS, 3, way=way) for way in painting.WAYS}
    embeddings = {way: each.vector[:, :6] for way, each in by_way.items()}
    assert torch.equal(embeddings["prior"], embeddings["prior alone"])
    assert torch.equal(embeddings["text as picture"], said.embedding) and not embeddings["text alone"].any()
    assert not by_way["prior alone"].tokens.any() and not by_way["prior alone"].vector[:, 6:].any()
    for way in ("prior", "text as picture", "text alone"):
        assert torch.equal(by_way[way].vector[:, 6:], said.pooled) and torch.equal(by_way[way].tokens, said.states)
    alone = Painter(painter.clip, None, painter.decoder, painter.wording, KNOWN)
    assert alone.usual == "text alone" and torch.equal(alone.condition(TEXTS, 3).vector, by_way["text alone"].vector)


def test_pictures_of_a_seed_are_the_same_in_any_company(painter, monkeypatch):
    made = painter.painted(painter.condition(TEXTS, 5), 5)
    assert made.shape == (3, 3, 8, 8) and made.dtype == torch.uint8
    last = painter.painted(painter.condition(TEXTS[2:], 5, first=2), 5, first=2)
    assert (last.int() - made[2:].int()).abs().max() <= 1
    monkeypatch.setattr(painting, "AT_ONCE", 2)
    assert (painter.painted(painter.condition(TEXTS, 5), 5).int() - made.int()).abs().max() <= 1


def test_embeddings_turn_along_the_arc():
    ends = [unit(each) for each in torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(0))]
    assert torch.allclose(turned(*ends, 0.0), ends[0], atol=1e-6)
    assert torch.allclose(turned(*ends, 1.0), ends[1], atol=1e-6)
    middle = turned(*ends, 0.5)
    assert torch.allclose((middle * ends[0]).sum(1), (middle * ends[1]).sum(1), atol=1e-5)


def test_a_picture_changed_by_no_words_stays_as_it_is():
    """Into the noise and back by the same way is where one began: of a denoiser that is known exactly."""

    class Shrinks(nn.Module):
        """Behind noisy pictures of variance 1/4 around the vector's first number."""

        classes, vector = 0, 38

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, x, level, classes=None, vector=None, tokens=None):
            return torch.zeros_like(x) + self.weight

    torch.manual_seed(0)
    clip = CLIP(vocabulary=300, context=5, size=8, width=4, text_width=16, depth=1, heads=2, numbers=6).eval()
    painter = Painter(clip, None, Shrinks(), SimpleNamespace(), KNOWN)
    said = Said(torch.zeros(2, 1, 16), torch.zeros(2, 32), torch.eye(6)[:2])
    pictures = torch.rand(2, 3, 8, 8) - 0.5
    same, turned = painter.edited(pictures, said, said._replace(embedding=torch.eye(6)[2:4]), [0.0, 0.5], steps=60)
    assert torch.allclose(same, pictures, atol=0.03) and turned.shape == pictures.shape


def test_nothing_said_is_zeros():
    told = condition_of(None, torch.ones(2, 3), 3, 4)
    assert told.vector.tolist() == [[1] * 3 + [0] * 8] * 2 and not told.tokens.any()
