"""Patches: they come from the pictures, partners stay together, memory is bounded, and going on is exact."""

import numpy as np
import pytest

from maquette.data.pictures.patches import WINDOW, Patches, packed, turned, unpacked


def make(sizes, seed=0, cache_mb=100, size=16, partners=False, dtype=np.float32, batch_size=4):
    """Pictures whose values tell their number and place: number + row / 1000 + column / 1,000,000."""

    def read(number):
        height, width, channels = sizes[number]
        rows, columns = np.mgrid[:height, :width]
        pixels = (number + rows / 1e3 + columns / 1e6)[..., None].repeat(channels, 2) / 100
        return (pixels, pixels + 0.5) if partners else (pixels,)

    dtypes = [np.dtype(dtype)] * len(sizes)
    return Patches(read, sizes, size=size, batch_size=batch_size, seed=seed, cache_mb=cache_mb, dtypes=dtypes)


def test_a_batch_has_its_shape_and_every_picture_and_turn_is_met():
    patches = make([(20, 30, 3), (40, 25, 3)])
    seen, corners = set(), set()
    for _ in range(50):
        (batch,) = next(patches)
        assert batch.shape == (4, 16, 16, 3) and batch.dtype == np.float32
        for patch in batch:
            seen.add(round(float(patch.min()) * 100) // 1)
            corners.add(int(np.argmin([patch[0, 0, 0], patch[0, -1, 0], patch[-1, 0, 0], patch[-1, -1, 0]])))
    assert seen == {0, 1} and corners == {0, 1, 2, 3}


def test_partners_are_cut_and_turned_alike():
    clean, spoiled = next(make([(50, 60, 1)] * 3, partners=True))
    assert spoiled - clean == pytest.approx(0.5, abs=1e-6)


def test_eight_turns_are_eight():
    patch = np.arange(9.0).reshape(3, 3, 1)
    assert len({turned(patch, turn).tobytes() for turn in range(8)}) == 8


@pytest.mark.parametrize("cache_mb", [100, 1])
def test_going_on_from_a_state_gives_the_same_batches(cache_mb):
    sizes = [(700, 640, 1)] * 4
    first, second = make(sizes, cache_mb=cache_mb, seed=3), make(sizes, cache_mb=cache_mb, seed=3)
    assert first.all_fit == (cache_mb == 100)
    for _ in range(13):
        next(first)
    second.load_state_dict(first.state_dict())
    for _ in range(9):
        assert (next(first)[0] == next(second)[0]).all()


def test_pictures_that_do_not_fit_are_kept_as_windows_that_change():
    patches = make([(900, 900, 1)] * 6, cache_mb=3)
    held = [sum(each.nbytes for part in patches.kept for each in part)]
    numbers = set()
    for _ in range(200):
        next(patches)
        held.append(sum(each.nbytes for part in patches.kept for each in part))
        numbers |= {number for number, _, _ in patches.places}
    assert max(held) <= 3 * 2**20 and patches.kept[0][0].shape[0] == WINDOW
    assert numbers == set(range(6))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_whole_numbers_are_kept_exactly(dtype):
    numbers = np.arange(np.iinfo(dtype).max + 1, dtype=dtype)
    pixels = numbers.astype(np.float32) / np.float32(np.iinfo(dtype).max)
    assert (packed(pixels, np.dtype(dtype)) == numbers).all()
    np.testing.assert_allclose(unpacked(numbers), pixels, atol=1e-7)
