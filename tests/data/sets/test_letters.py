"""Letters from matplotlib's fonts: the same for a seed, different from each other, learnable."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from maquette.data.sets.letters import FINE, FONTS, INNER, _fields, letters


@pytest.fixture(scope="module")
def drawn():
    return letters(seed=0, per_class=120)


def test_shape_range_and_balance(drawn):
    assert drawn.pixels.shape == (1_200, 28, 28, 1) and drawn.pixels.dtype == np.uint8
    assert drawn.classes == list("ABCDEFGHIJ") and np.bincount(drawn.labels).tolist() == [120] * 10
    assert drawn.labels.dtype == np.int64 and drawn.labels[:10].tolist() != sorted(drawn.labels[:10].tolist())
    assert drawn.pixels.min() == 0 and drawn.pixels.max() == 255
    assert 20 < drawn.pixels.mean() < 60  # MNIST's mean is 33
    ink = drawn.pixels[..., 0] / 255.0
    rim = np.concatenate([ink[:, 0], ink[:, -1], ink[:, :, 0], ink[:, :, -1]], 1)
    assert rim.mean() < 0.02 and (ink.sum((1, 2)) > 15).all()
    at = np.arange(28) - 13.5
    assert abs((ink.sum(1) @ at).sum() / ink.sum()) < 1 and abs((ink.sum(2) @ at).sum() / ink.sum()) < 1


def test_the_seed_decides(drawn):
    np.testing.assert_array_equal(letters(seed=0, per_class=120).pixels, drawn.pixels)
    assert (letters(seed=1, per_class=120).pixels != drawn.pixels).any()
    assert len(np.unique(drawn.pixels.reshape(1_200, -1), axis=0)) == 1_200


def test_other_letters_and_sizes():
    other = letters(seed=0, per_class=3, classes="ab0", size=40)
    assert other.pixels.shape == (9, 40, 40, 1) and other.classes == ["a", "b", "0"]
    assert 20 < other.pixels.mean() < 80


def test_a_letter_looks_like_matplotlib_draws_it():
    """Without jitter the field's outline is the glyph: compare the share of ink with a fine drawing by Agg."""
    fields = _fields("H")
    assert fields.shape == (len(FONTS), FINE, FINE)
    inside = fields > 0
    rows, columns = inside.any(2).sum(1), inside.any(1).sum(1)
    assert (np.abs(np.maximum(rows, columns) - INNER) <= 1).all()
    upright = FONTS.index("DejaVuSans")
    assert (inside[upright] != inside[upright][:, ::-1]).mean() < 0.02  # an H without slant is its own mirror image
    assert (inside[upright] != inside[upright][::-1]).mean() < 0.06


def test_they_can_be_learned(drawn):
    x, y = drawn.pixels.reshape(1_200, -1) / 255.0, drawn.labels
    score = LogisticRegression(max_iter=200, C=0.1).fit(x[:900], y[:900]).score(x[900:], y[900:])
    assert score > 0.75
