"""The compiled radiance field is the plain one: values, derivatives, and the same bits with any number of threads."""

from dataclasses import replace

import numba
import numpy as np
import pytest
import torch
from numba import get_num_threads, set_num_threads

from maquette.graphics.cameras import camera_at
from maquette.graphics.encodings import hash_encode
from maquette.graphics.radiance import composite, spread_of, weights_of
from maquette.graphics.rays import rays_of
from maquette.kernels.fields import LEFT, step_of_adam
from maquette.kernels.grids import balanced, encode_backward, encode_many
from maquette.kernels.marching import to_bits
from maquette.kernels.painting import Learner, Numbers, draw
from maquette.models import HashField

pytestmark = pytest.mark.slow  # these compile for the better part of a minute

CAMERA = camera_at(
    np.array([0.3, -2.4, 0.8]), np.array([0.0, 0.1, 0.0]), np.array([0.0, 0, 1]), width=12, height=9, focal=11.0
)


def field(is_endless=False, layers=1, levels=4, seed=0):
    """A field that is not quite nothing anywhere."""
    torch.manual_seed(seed)
    made = HashField(
        levels=levels, rows=9, coarsest=4, finest=40, hidden=8, width=16, layers=layers, grid=16, step=0.09,
        is_endless=is_endless, near=0.05, middle=(0.02, 0.1, -0.03), reach=1.2,
    )  # fmt: skip
    with torch.no_grad():
        made.table.uniform_(-1, 1)
        chance = np.random.default_rng(seed)
        made.bits[:512] = torch.from_numpy(chance.integers(0, 256, 512, dtype=np.uint8))  # of 16^3 cells
    return made


@pytest.mark.parametrize("level", range(4))
def test_features_and_their_derivatives_are_the_plain_ones_at_each_level(level):
    """Of a dense level, and of ones where corners meet in the table."""
    cells = [3, 5, 9, 31]
    chance = np.random.default_rng(1)
    places = chance.random((200, 3)).astype(np.float32)
    places[:4] = [[0, 0, 0], [1, 1, 1], [1, 0, 0.5], [0.999999, 0.5, 0]]
    table = torch.randn(4, 256, 4, requires_grad=True)
    plain = hash_encode(torch.from_numpy(places), table, cells)
    found = np.empty((200, 16), np.float32)
    encode_many(places, table.detach().numpy().reshape(-1), np.array(cells), 256, found)
    part = slice(4 * level, 4 * level + 4)
    np.testing.assert_allclose(found[:, part], plain[:, part].detach().numpy(), atol=2e-5)
    slopes = torch.zeros(200, 16)
    slopes[:, part] = torch.randn(200, 4)
    plain.backward(slopes)
    by_table = np.zeros(table.numel(), np.float32)
    blocks = slopes.view(2, 100, 16).numpy().copy()
    encode_backward(
        places.reshape(2, 100, 3), blocks, np.array([100, 100]), np.array(cells), 256, balanced(4), by_table
    )
    np.testing.assert_allclose(by_table, table.grad.reshape(-1).numpy(), atol=1e-4)


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 5, 8])
def test_every_level_has_its_turn(levels):
    assert sorted(balanced(levels)) == list(range(levels))


@pytest.mark.parametrize(("is_endless", "layers"), [(False, 1), (True, 2)])
@pytest.mark.parametrize("finer", [1, 2, 3])
def test_pictures_are_the_plain_ones(is_endless, layers, finer):
    """With shorter steps, too, if there is enough for them everywhere, from where the camera stands on."""
    made = field(is_endless, layers)
    if is_endless or finer > 1:  # over cells without anything, steps are longer where space is contracted
        made.bits.fill_(255)
    camera = CAMERA
    if finer > 1:
        camera = camera_at(
            np.array([0.1, -0.6, 0.2]), np.zeros(3), np.array([0.0, 0, 1]), width=12, height=9, focal=11.0
        )
        with torch.no_grad():
            made.second[0].abs_().mul_(0.1)
    drawn = draw(Numbers.of(made), camera, (0.2, 0.4, 0.6), finer)
    origins, ways = rays_of(camera)
    inner = (origins - torch.tensor(made.middle)) / made.reach
    with torch.no_grad():
        distances, lengths, density, colour = made.samples(inner, ways, times=finer)
        colours, left, depth = composite(density, colour, lengths, distances, torch.tensor([0.2, 0.4, 0.6]))
    # a place on the border of two cells may be counted to either, by rounding: hardly any are
    picture = drawn.picture.transpose(1, 2, 0).reshape(-1, 3)
    off = np.abs(picture - colours.numpy()).max(1)
    assert np.quantile(off, 0.9) < 2e-3 and np.median(off) < 1e-3
    assert is_endless or 0.05 < left.mean() < 0.95
    assert np.median(np.abs(drawn.remainder.ravel() - left.numpy())) < 1e-3
    along = depth.numpy() * made.reach * (ways.numpy() @ camera.direction)
    assert np.median(np.abs(drawn.depth.ravel() - along)) < 5e-3


@pytest.mark.parametrize("density", [0.003, 0.008, 0.05])
def test_fog_has_its_share_of_light_and_colour(density):
    """Many samples of which none counts by itself."""
    made = field()
    made.bits.fill_(255)
    with torch.no_grad():  # one feature, and the first hidden unit, are 1 everywhere
        made.table[0, :, 0] = 1
        made.first[0], made.second[0] = 0, 0
        made.first[0, 0], made.second[0, 0] = 1, np.log(density)
    drawn = draw(Numbers.of(made), CAMERA, (0.0, 0.0, 0.0))
    origins, ways = rays_of(CAMERA)
    inner = (origins - torch.tensor(made.middle)) / made.reach
    with torch.no_grad():
        colours, left, _ = made.trace(inner, ways, torch.zeros(3))[0]
    stopped = 1 - float(left.mean())
    assert density < stopped < 6 * density
    np.testing.assert_allclose(drawn.remainder.ravel(), left, atol=0.1 * stopped)
    picture = drawn.picture.transpose(1, 2, 0).reshape(-1, 3)
    assert np.quantile(np.abs(picture - colours.numpy()), 0.9) < 0.1 * stopped
    np.testing.assert_allclose(picture.mean(0), colours.mean(0), rtol=0.03)


def test_shorter_steps_get_as_far_through_fog():
    """More than LONGEST short steps, each of which meets something."""
    made = field()
    made.bits.fill_(255)
    made.step = 0.0099
    with torch.no_grad():
        made.table[0, :, 0] = 1
        made.first[0], made.second[0] = 0, 0
        made.first[0, 0], made.second[0, 0] = 1, np.log(2.2)
    short, long = (draw(Numbers.of(made), CAMERA, (0.0, 0.0, 0.0), finer) for finer in (2, 1))
    assert long.remainder.min() < 0.02
    np.testing.assert_allclose(short.remainder, long.remainder, atol=0.02)


def rays(many, seed=3):
    chance = np.random.default_rng(seed)
    origins, ways = rays_of(CAMERA, torch.from_numpy(chance.integers(0, 9, (many, 2))))
    exposures = np.zeros((many, 13), np.float32)
    exposures[:, [0, 5, 10, 12]] = 1
    exposures += chance.normal(0, 0.1, exposures.shape).astype(np.float32)
    return (
        origins.numpy(),
        ways.numpy(),
        chance.random(many, np.float32),
        chance.random((many, 3), np.float32),
        chance.random((many, 3), np.float32),
        exposures,
        chance.random(many, np.float32) / many,
    )


def plain_loss(made, given, spread):
    origins, ways, phases, targets, backgrounds, exposures, shares = map(torch.from_numpy, given)
    inner = (origins - torch.tensor(made.middle)) / made.reach
    distances, lengths, density, colour = made.samples(inner, ways, phases[:, None])
    density = density * (weights_of(density, lengths)[1][:, :-1] > LEFT)  # rays end where hardly any light is left
    colours = composite(density, colour, lengths, distances, backgrounds)[0]
    apart = spread_of(weights_of(density, lengths)[0], lengths, distances, made.is_endless)
    matrix = exposures[:, :12].view(-1, 3, 4)
    shown = exposures[:, 12:] * ((matrix[:, :, :3] @ colours[..., None])[..., 0] + matrix[:, :, 3])
    return (shares[:, None] * (shown - targets) ** 2).sum() + spread * (shares * apart).sum()


@pytest.mark.parametrize(("is_endless", "layers", "spread"), [(False, 1, 0.7), (False, 2, 0.7), (True, 1, 0.7)])
def test_derivatives_are_those_of_the_plain_field(is_endless, layers, spread):
    made, given = field(is_endless, layers), rays(90)
    with torch.no_grad():
        made.table.mul_(0.3)  # light, so that no ray ends early
        made.bits.fill_(255)
    loss = plain_loss(made, given, spread)
    loss.backward()
    learner = Learner(Numbers.of(made), 40_000, np.ones(16**3, bool))
    found = learner.slope(*given, spread=spread)
    assert found.loss == pytest.approx(loss.item(), rel=1e-5)
    assert found.rays == 90 and found.samples > 90
    names = ("first", "second", "third", "fourth", "last")
    sizes = [getattr(made, name).numel() for name in names]
    parts = dict(zip(names, np.split(learner.by_layers, np.cumsum(sizes)[:-1]), strict=True))
    for name, part in {**parts, "table": learner.by_table}.items():
        plain = getattr(made, name).grad
        if plain is not None and plain.numel():
            plain = plain.reshape(-1).numpy()
            assert np.abs(part - plain).max() < 1e-4 * np.abs(plain).max(), name


def test_derivatives_are_finite_differences():
    made, given = field(), rays(48, seed=5)
    with torch.no_grad():
        made.table.mul_(0.3)
    numbers = Numbers.of(made)
    learner = Learner(numbers, 40_000, np.ones(16**3, bool))
    learner.slope(*given, spread=0.7)
    steepest = np.argsort(-np.abs(learner.by_table))[:6]
    slopes, by_table = [], learner.by_table.copy()
    for place in steepest:
        before, losses = numbers.table[place], []
        for way in (0.02, -0.02):
            numbers.table[place] = before + way
            losses.append(learner.slope(*given, spread=0.7).loss)
        numbers.table[place] = before
        slopes.append((losses[0] - losses[1]) / 0.04)
    np.testing.assert_allclose(by_table[steepest], slopes, rtol=0.05)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one thread")
def test_the_number_of_threads_changes_no_bit():
    given, before = rays(200), get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            set_num_threads(threads)
            made = field()
            learner = Learner(Numbers.of(made), 40_000, np.ones(16**3, bool))
            for _ in range(3):
                learner.slope(*given)
                learner.step(0.01)
            learner.look(np.random.default_rng(0), 3)
            found.append(
                (made.table.detach().numpy().copy(), made.first.detach().numpy().copy(), learner.values.copy())
            )
    finally:
        set_num_threads(before)
    for one, other in zip(*found, strict=True):
        assert (one == other).all()


def test_rays_without_room_are_left_out_and_the_rest_is_whole():
    made, given = field(), rays(400)
    made.bits.fill_(255)
    few = Learner(Numbers.of(made), 100, np.ones(16**3, bool)).slope(*given)
    assert 0 < few.rays < 400 and (few.by_shown != 0).any(1).sum() <= few.rays


def test_what_is_kept_brings_a_learner_back():
    given = rays(100)
    whole, halves = field(), field()
    learner = Learner(Numbers.of(whole), 40_000, np.ones(16**3, bool))
    first = Learner(Numbers.of(halves), 40_000, np.ones(16**3, bool))
    for each in (learner, first):
        each.slope(*given)
        each.step(0.01)
        each.look(np.random.default_rng(1), 2)
    kept = {name: values.copy() if hasattr(values, "copy") else values for name, values in first.state_dict().items()}
    again = field(seed=9)
    second = Learner(Numbers.of(again), 40_000, np.ones(16**3, bool))
    second.load_state_dict(kept)
    for each in (learner, second):
        each.slope(*given)
        each.step(0.01)
    assert (whole.table == again.table).all() and (whole.last == again.last).all() and (whole.bits == again.bits).all()


def test_a_field_of_nothing_shows_the_background():
    made = field()
    made.bits.zero_()
    drawn = draw(replace(Numbers.of(made)), CAMERA, (0.2, 0.4, 0.6))
    assert (drawn.remainder == 1).all() and (drawn.depth == 0).all()
    np.testing.assert_allclose(drawn.picture.mean((1, 2)), [0.2, 0.4, 0.6], atol=1e-6)


def test_a_step_of_adam_is_the_written_one_where_there_are_slopes():
    chance = np.random.default_rng(2)
    values, first, second, slopes = (chance.normal(size=64).astype(np.float32) for _ in range(4))
    second = second**2
    slopes[chance.random(64) < 0.4] = 0
    slopes[8:24] = 0
    still = slopes == 0
    shares = np.float32(1 - 0.9**3), np.float32(1 - 0.99**3)
    mean, spread = first + 0.1 * (slopes - first), second + 0.01 * (slopes**2 - second)
    expected = values * (1 - 1e-3) - 0.02 * (mean / shares[0]) / (np.sqrt(spread / shares[1]) + 1e-8)
    before = values.copy(), first.copy(), second.copy()
    step_of_adam(values, first, second, slopes, np.float32(0.02), *shares, np.float32(1e-8), np.float32(1e-3))
    np.testing.assert_allclose(values, np.where(still, before[0], expected), rtol=1e-5)
    np.testing.assert_allclose(first, np.where(still, before[1], mean), rtol=1e-5)
    np.testing.assert_allclose(second, np.where(still, before[2], spread), rtol=1e-5)
    assert not slopes.any()


def test_blocks_are_those_of_their_cells_and_passing_over_them_changes_nothing():
    made, chance = field(), np.random.default_rng(4)
    values = (chance.random(16**3) < 0.02).astype(np.float32)
    numbers = Numbers.of(made)
    to_bits(values, np.float32(0.5), np.ones(16**3, bool), 16, numbers.bits)
    cells = np.unpackbits(numbers.bits[:512], bitorder="little").astype(bool)
    np.testing.assert_array_equal(cells, values > 0.5)
    blocks = cells.reshape(4, 4, 4, 4, 4, 4).any((1, 3, 5)).ravel()
    np.testing.assert_array_equal(np.unpackbits(numbers.bits[512:], bitorder="little").astype(bool), blocks)
    by_blocks = draw(numbers, CAMERA, (0, 0, 0))
    numbers.bits[512:] = 255
    by_cells = draw(numbers, CAMERA, (0, 0, 0))
    assert np.median(np.abs(by_blocks.picture - by_cells.picture)) < 1e-5 and (by_blocks.remainder < 1).any()
    assert np.quantile(np.abs(by_blocks.picture - by_cells.picture), 0.98) < 1e-3
