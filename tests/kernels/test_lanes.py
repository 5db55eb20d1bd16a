"""Eight numbers at once, against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numba.core.errors import TypingError

from maquette.kernels.lanes import (
    bits_of,
    both,
    chosen,
    exponent,
    exponential,
    greater,
    greatest_of,
    lesser,
    load,
    logarithm,
    ramp,
    root,
    store,
    sum_of,
    sums_of,
    whole,
)

ONE, HALF = np.float32(1), np.float32(0.5)


@njit(fastmath=True)
def computed(a, b, at, out):
    x, y = load(a, at), load(b, at)
    store(out, 0, x + y * HALF)
    store(out, 8, (x - ONE) / (y * y + ONE))
    store(out, 16, lesser(x, y) - greater(x, HALF))
    store(out, 24, chosen(both(x >= y, x < ONE), x, ONE))
    store(out, 32, root(x * x + y * y) + ramp(HALF))
    store(out, 40, sums_of(x, y, x + y, x - y, x * y, ramp(ONE), x * x, y * y))
    return sum_of(x), greatest_of(x), bits_of(x >= y)


numbers = st.lists(st.floats(-100, 100, width=32), min_size=20, max_size=20)


@settings(max_examples=50, deadline=None)
@given(numbers, numbers, st.integers(0, 12))
def test_lanes_are_numpys_arrays_of_eight(a, b, at):
    a, b, out = np.array(a, np.float32), np.array(b, np.float32), np.empty(48, np.float32)
    total, most, bits = computed(a, b, at, out)
    x, y = a[at : at + 8].astype(float), b[at : at + 8].astype(float)
    lanes = np.arange(8.0)
    expected = [
        x + 0.5 * y,
        (x - 1) / (y * y + 1),
        np.minimum(x, y) - np.maximum(x, 0.5),
        np.where((x >= y) & (x < 1), x, 1),
        np.hypot(x, y) + lanes + 0.5,
        [each.sum() for each in (x, y, x + y, x - y, x * y, lanes + 1, x * x, y * y)],
    ]
    np.testing.assert_allclose(out, np.concatenate(expected), rtol=1e-5, atol=0.02)
    np.testing.assert_allclose(out[:40], np.concatenate(expected[:-1]), rtol=1e-5, atol=1e-4)
    assert total == pytest.approx(x.sum(), abs=1e-3)
    assert most == x.max()
    assert bits == sum(1 << lane for lane in range(8) if x[lane] >= y[lane])


@njit(fastmath=True)
def transcended(x, out):
    lanes = load(x, 0)
    store(out, 0, exponential(lanes))
    store(out, 8, logarithm(exponential(lanes)))
    store(out, 16, whole(lanes))
    store(out, 24, exponent(exponential(lanes)))
    store(out, 32, -lanes)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-87, 88, width=32), min_size=8, max_size=8))
def test_exponentials_and_logarithms_are_numpys(values):
    x, out = np.array(values, np.float32), np.empty(40, np.float32)
    transcended(x, out)
    exact = np.exp(x.astype(float))
    np.testing.assert_allclose(out[:8], exact, rtol=3e-7)
    np.testing.assert_allclose(out[8:16], np.log(out[:8].astype(float)), rtol=2e-7, atol=3e-7)
    assert (out[16:24] == np.floor(x)).all() and (out[32:] == -x).all()
    assert (out[24:32] == np.floor(np.log2(out[:8].astype(float)))).all()


def test_what_does_not_fit_is_refused():
    @njit
    def wrong(a):
        return sum_of(a)

    with pytest.raises(TypingError):
        wrong(np.zeros(8, np.float32))
