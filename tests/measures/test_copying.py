"""Copies are counted as many as there are; whoever does not know training from test pictures has none."""

import numpy as np
import pytest

from maquette.measures.copying import copies, nearest


def drawn(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 6)).astype(np.float32)


def test_nearest_is_the_nearest(monkeypatch):
    monkeypatch.setattr("maquette.measures.copying.AT_ONCE", 13)
    made, real = drawn(0, 30) + 100, drawn(1, 50) + 100
    apart = np.linalg.norm(made[:, None].astype(float) - real, axis=2)
    distance, rows = nearest(made, real)
    assert (rows == apart.argmin(1)).all()
    assert distance == pytest.approx(apart.min(1), rel=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("test", [200, 1000])
def test_the_share_of_copies_is_found(share, test):
    training, held_out, count = drawn(0, 1000), drawn(1, test), 1000
    made = drawn(2, count)
    copied = round(share * count)
    made[:copied] = training[:copied] + 1e-3 * drawn(3, copied)
    found = copies(made, training, held_out)
    assert found.share == pytest.approx(share, abs=0.12)
    assert found.low <= share <= found.high
    assert (found.low > 0) == (share > 0)
    assert (found.training[:copied] == np.arange(copied)).all()


def test_the_interval_is_that_of_all_ways_to_deal_the_real_rows():
    generator = np.random.default_rng(5)
    real, made = drawn(0, 60), np.concatenate([drawn(1, 40), np.repeat(drawn(9, 1), 30, 0)])  # thirty alike
    n, m, found = 45, 15, []
    for _ in range(4000):
        order = generator.permutation(60)
        to_training, to_test = (nearest(made, real[rows])[0] for rows in (order[:n], order[n:]))
        found.append((to_training < to_test).mean())
    told = copies(made, real[:n], real[n:])
    assert np.mean(found) == pytest.approx(n / (n + m), abs=0.01)
    middle = ((nearest(made, real[:n])[0] < nearest(made, real[n:])[0]).mean() - 0.75) / 0.25
    reach = min(1.0, max(0.0, middle + 1.96 * np.std(found) / 0.25))
    assert told.high == pytest.approx(reach, abs=0.05)


def test_pictures_that_stand_in_both_parts_count_half():
    both = drawn(0, 10)
    assert copies(both, both, both).share == 0


def test_a_maker_that_has_seen_test_pictures_only_has_no_copies():
    training, held_out = drawn(0, 50), drawn(1, 50)
    found = copies(held_out, training, held_out)
    assert found.share == found.low == 0
