"""Figures of scenes draw soundly, show what they are given, and put bodies and cameras where geometry says."""

import itertools
import time
from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from scipy.spatial.transform import Rotation
from support import sound_svg

from maquette.figures.scenes import (
    depth_map,
    ellipsoid_view,
    ellipsoids,
    gaussian_shapes,
    gaussians_over_steps,
    held_out_views,
    per_view_scores,
    points_and_cameras,
)
from maquette.graphics.cameras import Camera, camera_at

ODD = "a$b & <c> " * 9
GENERATOR = np.random.default_rng(5)
WIDE = GENERATOR.random((12, 20, 3))
TALL = (GENERATOR.random((30, 10, 3)) * 255).astype(np.uint8)
POINTS = GENERATOR.normal(size=(300, 3)) * 0.5
PAINTS = GENERATOR.integers(0, 256, (300, 3)).astype(np.uint8)
OPAQUE = 5.0


def ring(count: int, radius: float = 4.0, up: tuple[float, float, float] = (0, 0, 1)) -> list[Camera]:
    """Cameras on a level circle that look at its middle, a quarter of its radius below."""
    turn, _ = Rotation.align_vectors([up], [[0, 0, 1]])
    angles = 2 * np.pi * np.arange(count) / count
    places = np.stack([radius * np.cos(angles), radius * np.sin(angles), np.full(count, radius / 4)], axis=1)
    return [camera_at(turn.apply(p), np.zeros(3), np.array(up), width=64, height=48, focal=60) for p in places]


CASES: dict[str, Callable[[], Figure]] = {
    "views": lambda: held_out_views(["a", ODD], [WIDE, TALL], [WIDE * 0.9, TALL // 2], [28.3, np.inf]),
    "one_view": lambda: held_out_views(["a"], [WIDE], [WIDE], [np.nan]),
    "no_views": lambda: held_out_views([], [], [], []),
    "cameras": lambda: points_and_cameras(POINTS, PAINTS, ring(9), [n % 4 == 0 for n in range(9)]),
    "no_points": lambda: points_and_cameras(np.zeros((0, 3)), np.zeros((0, 3), np.uint8), ring(1), [True]),
    "one_spot": lambda: points_and_cameras(POINTS[:1], PAINTS[:1], ring(1) * 3, [False] * 3),
    "growth": lambda: gaussians_over_steps([0, 100, 200], [10, 80, 90], [100, 200], [20, 25.5], [3.0, 6.5]),
    "no_growth": lambda: gaussians_over_steps([], [], [], [], []),
    "scores": lambda: per_view_scores(["a", ODD], [20.0, np.inf], [0.9, 1.0], [12.0, np.nan]),
    "one_score": lambda: per_view_scores(["a"], [0.0], [0.0], [0.0]),
    "no_scores": lambda: per_view_scores([], [], [], []),
    "depth": lambda: depth_map(np.linspace(0, 9, 240).reshape(12, 20), WIDE),
    "depth_by_factors": lambda: depth_map(np.geomspace(1, 1e4, 300).reshape(30, 10), TALL),
    "level_depth": lambda: depth_map(np.ones((12, 20)), WIDE),
    "no_depth": lambda: depth_map(np.zeros((12, 20)), WIDE),
    "bodies": lambda: ellipsoid_view(TALL, WIDE),
    "shapes": lambda: gaussian_shapes(GENERATOR.normal(size=(99, 3)) * 0 - 2, np.linspace(-9, 9, 99)),
    "wide_shapes": lambda: gaussian_shapes(np.linspace(-30, 3, 99).reshape(-1, 3), np.array([1e9, -1e9])),
    "no_shapes": lambda: gaussian_shapes(np.zeros((0, 3)), np.zeros(0)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("error")
def test_draws_sound_and_repeatable(name, tmp_path):
    assert len(sound_svg(CASES[name], tmp_path / f"{name}.svg")) < 300_000


def words(page: Figure) -> list[str]:
    return [text.get_text() for text in [*page.texts, *(text for axes in page.axes for text in axes.texts)]]


# -- views -------------------------------------------------------------------------------------------------------------


def test_a_row_has_photograph_render_and_the_mean_difference_in_one_scale():
    page = held_out_views(["a", "b"], [WIDE, TALL], [WIDE * 0.5, TALL], [28.314, 9])
    pictures = [image.get_array() for axes in page.axes for image in axes.images]
    assert [picture.shape[:2] for picture in pictures] == [(12, 20)] * 3 + [(30, 10)] * 3
    np.testing.assert_allclose(pictures[2], WIDE.mean(axis=2) / 2, atol=1e-6)
    np.testing.assert_allclose(pictures[3], TALL / 255, atol=1e-6)
    limits = {image.get_clim() for axes in page.axes for image in axes.images if image.get_array().ndim == 2}
    assert len(limits) == 1 and "a · 28.31 dB" in words(page)


def test_at_most_four_views_with_every_pixel_a_square_of_the_same_size():
    page = held_out_views(list("abcdef"), [TALL] * 6, [TALL] * 6, [20.0] * 6)
    drawn = [image for axes in page.axes for image in axes.images]
    assert len(drawn) == 12
    for image in drawn:
        box = image.get_window_extent()
        assert box.height / box.width == pytest.approx(3, rel=0.01)


def test_large_pictures_are_reduced_by_whole_numbers():
    steps = np.kron(GENERATOR.random((600, 500, 3)), np.ones((2, 2, 1)))
    picture = held_out_views(["a"] * 4, [steps] * 4, [steps] * 4, [9.0] * 4).axes[0].images[0].get_array()
    np.testing.assert_allclose(picture, steps[::2, ::2], atol=1e-6)


def test_views_of_unlike_sizes_are_refused():
    with pytest.raises(AssertionError, match="a: "):
        held_out_views(["a"], [WIDE], [TALL], [9.0])


def test_near_is_bright_and_nothing_is_left_empty():
    depth = np.array([[0.0, 1.0], [2.0, np.nan]])
    drawn = depth_map(depth, np.zeros((2, 2, 3))).axes[1].images[0]
    shades = drawn.to_rgba(drawn.get_array())
    assert shades[0, 0, 3] == shades[1, 1, 3] == 0
    assert shades[0, 1, :3].sum() > shades[1, 0, :3].sum()


# -- numbers -----------------------------------------------------------------------------------------------------------


def test_growth_says_what_was_reached():
    page = gaussians_over_steps([0, 10], [100, 1234], [5, 10, 15], [20, 25.25, 24], [1, 2, 3])
    assert page.axes[0].get_title(loc="left") == "100 at first, 1,234 at last"
    assert page.axes[1].get_title(loc="left") == "best 25.25 dB at step 10"
    np.testing.assert_array_equal(page.axes[1].lines[0].get_xydata(), [[1, 20], [2, 25.25], [3, 24]])


def test_each_view_has_a_bar_and_a_mark():
    axes = per_view_scores(["a", "b"], [20, 30], [0.5, 0.75], [10, 12]).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [20, 30]
    assert [segment[0, 0] for segment in axes.collections[0].get_segments()] == [10, 12]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    assert axes.patches[0].get_y() > axes.patches[1].get_y()
    assert "30.00 dB, SSIM 0.750" in [text.get_text() for text in axes.texts]


def test_of_many_views_the_worst_and_the_best_are_shown():
    axes = per_view_scores([str(n) for n in range(90)], np.arange(90.0), np.ones(90), np.ones(90)).axes[0]
    assert [axes.patches[place].get_width() for place in (0, -1)] == [0, 89]
    assert len(axes.patches) == 40 and "40 of 90 views" in [text.get_text() for text in axes.texts]


def test_histograms_count_every_gaussian_and_every_opacity():
    axes = gaussian_shapes(np.log([[1, 2, 4]] * 30 + [[0.1, 0.2, 0.4]] * 20), np.array([-9.0] * 30 + [9.0] * 20)).axes
    for steps in axes[0].patches:
        assert steps.get_data().values.sum() == 50
    heights = [bar.get_height() for bar in axes[1].patches]
    assert (heights[0], heights[-1], sum(heights)) == (30, 20, 50)
    assert "60% fainter" in axes[1].get_title(loc="left")


# -- points and cameras ------------------------------------------------------------------------------------------------


def stands(page: Figure, panel: int) -> np.ndarray:
    """Where cameras stand in a panel, in its own units."""
    (lines,) = (each for each in page.axes[panel].collections if isinstance(each, LineCollection))
    return np.array([segment[2] for segment in lines.get_segments()])


@pytest.mark.parametrize("up", [(0, 0, 1), (0.6, -0.8, 0), (0, -1, 0)])
def test_from_above_the_cameras_stand_on_their_circle(up):
    page = points_and_cameras(POINTS, PAINTS, ring(8, up=up), [False] * 8)
    places = stands(page, 1)
    np.testing.assert_allclose(np.linalg.norm(places, axis=1), 4, atol=1e-9)
    between = np.linalg.norm(places[:, None] - places, axis=2)
    np.testing.assert_allclose(np.sort(between[0])[:3], [0, *[8 * np.sin(np.pi / 8)] * 2], atol=1e-6)


def test_from_the_side_heights_are_foreshortened_and_up_is_up():
    """Two cameras above each other are cos(28 degrees) of their distance apart, the upper one on top."""
    cameras = [
        camera_at(np.array([0, -4.0, z]), np.array([0, 0, z]), np.array([0, 0, 1.0]), width=9, height=9, focal=9)
        for z in (0, 1)
    ]
    places = stands(points_and_cameras(POINTS, PAINTS, cameras, [True, False]), 0)
    assert abs(places[1] - places[0]) == pytest.approx([0, np.cos(np.radians(28))], abs=1e-9)
    far_to_near = places[1, 1] - places[0, 1]  # who looks from above is nearer to the upper camera
    assert far_to_near > 0


def test_both_panels_have_one_scale_and_a_far_point_does_not_change_it():
    cameras = ring(8)
    scales = []
    for points in (POINTS, np.vstack([POINTS[:-2], [[900, 900, 900]], [[-800, 10, 0]]])):
        page = points_and_cameras(points, PAINTS, cameras, [False] * 8)
        for axes in page.axes:
            box = axes.get_window_extent()
            wide, high = np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim())
            scales += [box.width / wide, box.height / high]
    np.testing.assert_allclose(scales, scales[0], rtol=0.02)


def test_training_and_held_out_views_are_told_apart():
    page = points_and_cameras(POINTS, PAINTS, ring(4), [True, False, False, False])
    assert [text.get_text() for text in page.legends[0].get_texts()] == ["3 training views", "1 held-out view"]
    for axes in page.axes:
        colours = [tuple(colour) for colour in axes.collections[2].get_colors()]
        assert sorted(colours.count(colour) for colour in set(colours)) == [1, 3]
    assert "300 points" in words(page)


# -- ellipsoids --------------------------------------------------------------------------------------------------------

CAMERA = Camera(200, 160, 300.0, 300.0, 100.0, 80.0, np.eye(3), np.zeros(3))


def solid(places: list, sizes: list, turns: list | None = None, paints: list | None = None, **options) -> np.ndarray:
    count = len(places)
    turned = np.array(turns or [[1, 0, 0, 0]] * count, float)
    colours = np.array(paints or [[0.2, 0.2, 0.2]] * count).reshape(-1, 3)
    chances = np.array(options.pop("opacities", [OPAQUE] * count))
    camera = options.pop("camera", CAMERA)
    return ellipsoids(
        np.reshape(places, (-1, 3)).astype(float),
        np.log(sizes),
        turned.reshape(-1, 4),
        chances,
        colours,
        camera,
        **options,
    )


def test_a_sphere_has_the_outline_that_geometry_gives():
    """On the axis it is a disc of f r / sqrt(d^2 - r^2) pixels around the principal point."""
    covered = (solid([[0, 0, 5]], [[0.7] * 3]) < 0.9).all(axis=2)
    radius = 300 * 0.7 / np.sqrt(25 - 0.49)
    y, x = np.mgrid[:160, :200] + 0.5
    away = np.hypot(x - 100, y - 80)
    assert covered[away < radius - 0.8].all() and not covered[away > radius + 0.8].any()
    assert covered.sum() == pytest.approx(np.pi * radius**2, rel=0.02)


def test_an_outline_holds_all_points_of_a_turned_ellipsoid():
    """Its rows and columns are those that points all over the surface are projected to."""
    turn, sizes, place = (
        Rotation.from_euler("xyz", [0.5, -0.9, 0.4]),
        np.array([0.9, 0.3, 0.15]),
        np.array([0.4, -0.2, 4]),
    )
    sphere = np.random.default_rng(0).normal(size=(200_000, 3))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    pixels, _ = CAMERA.project(turn.apply(sphere * sizes * 1.5) + place)
    quaternion = np.roll(turn.as_quat(), 1) * 3  # of any length
    covered = (solid([place], [sizes], [quaternion], deviations=1.5, finer=4) < 1).any(axis=2)
    for axis, places in ((1, np.nonzero(covered.any(axis=0))[0]), (0, np.nonzero(covered.any(axis=1))[0])):
        values = pixels[:, 1 - axis]
        assert values.min() == pytest.approx(places[0] + 0.5, abs=0.8)
        assert values.max() == pytest.approx(places[-1] + 0.5, abs=0.8)


def test_the_nearer_hides_the_farther_in_any_order():
    red, green = [1, 0, 0], [0, 1, 0]
    places, sizes, paints = [[0, 0, 4], [0, 0, 6]], [[0.3] * 3, [1.2] * 3], [red, green]
    picture = solid(places, sizes, paints=paints)
    np.testing.assert_array_equal(picture, solid(places[::-1], sizes[::-1], paints=paints[::-1]))
    assert picture[80, 100, 0] > 0.4 and picture[80, 100, 1] == 0
    assert picture[80, 70, 0] == 0 and picture[80, 70, 1] > 0.4


def test_bodies_that_meet_are_cut_where_their_surfaces_do():
    """A flat disc leans through another: the left half of the one is in front, the right half of the other."""
    lean = [np.roll(Rotation.from_euler("y", angle).as_quat(), 1) for angle in (0.6, -0.6)]
    picture = solid([[0, 0, 5]] * 2, [[0.8, 0.8, 0.001]] * 2, lean, [[1, 0, 0], [0, 1, 0]])
    left, right = picture[80, 75], picture[80, 125]
    assert (left[0] == 0) != (left[1] == 0) and (left[0] == 0) == (right[1] == 0)


def test_turning_the_world_and_the_camera_changes_nothing():
    cloud, turns = GENERATOR.normal(size=(40, 3)) * 0.6, GENERATOR.normal(size=(40, 4))
    sizes, paints = GENERATOR.uniform(0.02, 0.3, (40, 3)).tolist(), GENERATOR.random((40, 3)).tolist()
    camera = ring(5)[1]
    turn, shift = Rotation.from_euler("xyz", [1, 2, 3]), np.array([5.0, -7, 2])
    rotation = camera.rotation @ turn.as_matrix().T
    moved = Camera(64, 48, 60, 60, 32, 24, rotation, camera.translation - rotation @ shift)
    turned = (turn * Rotation.from_quat(turns[:, [1, 2, 3, 0]])).as_quat()[:, [3, 0, 1, 2]]
    one = solid(cloud.tolist(), sizes, turns.tolist(), paints, camera=camera)
    other = solid((turn.apply(cloud) + shift).tolist(), sizes, turned.tolist(), paints, camera=moved)
    assert (one < 1).any() and np.abs(one - other).max() < 1e-3


def test_the_light_comes_from_the_upper_left():
    picture = solid([[0, 0, 5]], [[1] * 3], paints=[[1, 1, 1]], background=0.0)
    assert picture[50, 70, 0] > picture[80, 100, 0] > picture[110, 130, 0] > 0


def test_what_is_faint_or_behind_or_beside_is_left_out():
    sizes = [[0.5] * 3] * 4
    places = [[0, 0, 5], [0, 0, -5], [0, 0, 0.3], [60, 0, 5]]
    picture = solid(places, sizes, opacities=[np.log(0.09 / 0.91), OPAQUE, OPAQUE, OPAQUE])
    assert picture.shape == (160, 200, 3) and (picture == 1).all()
    assert (solid([], np.ones((0, 3)), background=0.5) == 0.5).all()


def test_of_too_many_those_that_take_most_room_are_drawn():
    picture = solid([[-0.8, 0, 5], [0.8, 0, 5]], [[0.1] * 3, [0.3] * 3], most=1)
    assert (picture[:, :90] == 1).all() and (picture[80, 148] < 0.3).all()


def test_twenty_thousand_take_seconds():
    count = 20_000
    cloud, turns = GENERATOR.normal(size=(count, 3)), GENERATOR.normal(size=(count, 4))
    sizes = GENERATOR.uniform(-5, -2.5, (count, 3))
    start = time.perf_counter()
    ellipsoids(cloud, sizes, turns, np.full(count, OPAQUE), np.abs(cloud), ring(5)[0].resized(640, 480))
    assert time.perf_counter() - start < 20


@pytest.mark.parametrize("middle", [-6.0, -5.4, 0.3])
@pytest.mark.parametrize("spread", [0.0, 0.01, 0.05, 0.1, 0.2, 0.8, 1.0, 2.0, 3.0, 5.0])
def test_sizes_on_the_axis_are_told_apart_and_do_not_run_into_each_other(spread, middle):
    page = gaussian_shapes(GENERATOR.normal(middle, spread, (5000, 3)), GENERATOR.normal(size=5000))
    page.draw_without_rendering()
    axis = page.axes[0].xaxis
    low, high = sorted(page.axes[0].get_xlim())
    shown = [
        (at, text)
        for at, text in zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
        if low <= at <= high and text.get_text()
    ]
    for at, text in shown:
        words = text.get_text().replace(",", "").replace("\N{MINUS SIGN}", "-").replace("k", "e3").replace("M", "e6")
        assert float(words) == pytest.approx(at, rel=1e-6)
    boxes = [text.get_window_extent() for _, text in shown]
    assert len(boxes) >= 2
    assert all(one.x1 + 2 < other.x0 for one, other in itertools.pairwise(boxes))
