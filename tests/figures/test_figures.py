"""Every figure draws from awkward inputs, and what is saved is sound, small, and the same each time."""

import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from maquette.figures import classes, tables, training
from maquette.figures.style import save, svg_text
from maquette.recipes.line import figures as line

RANDOM = np.random.default_rng(0)
LONG = "a_very_long_column_name_that_nobody_would_want_to_type_twice_" * 3
ODD = ["größe €", "名前", "a$b$c", r"$\frac{1}", "<b>&amp;", "new\nline\ttab", "🙂 \x00\x0b", LONG, ""]
NOTHING = np.array([])
GAPS = np.array([np.nan, 1.0, np.inf, -np.inf, 2.0])


def table(rows: int) -> pd.DataFrame:
    frame = pd.DataFrame(
        {"number": RANDOM.normal(size=rows), "constant": np.ones(rows), "empty": np.full(rows, np.nan)}
    )
    frame["gaps"] = np.resize(GAPS, rows)
    frame["class"] = np.resize(np.array(["x", "y", None], dtype=object), rows)
    frame["date"] = pd.to_datetime("2020-01-01") + pd.to_timedelta(np.arange(rows), unit="D")
    frame["flag"] = np.resize([True, False], rows)
    frame["large"] = np.resize([1e300, -1e300], rows)
    return frame


KINDS = dict(
    zip(table(1), ["number", "number", "number", "number", "category", "date", "boolean", "number"], strict=True)
)
NAMED = pd.DataFrame({name: RANDOM.normal(size=20) for name in ODD})
WIDE = pd.DataFrame(RANDOM.normal(size=(30, 60)), columns=[f"column {place}" for place in range(60)])


def cost(slope: np.ndarray, intercept: np.ndarray) -> np.ndarray:
    return (slope - 1) ** 2 + 9 * (intercept + 2) ** 2


def records(values: list[float]) -> list[dict[str, float]]:
    return [
        {"step": step, "epoch": step / 10, "loss": value, "valid_loss": value * 2} for step, value in enumerate(values)
    ]


def many_classes(count: int) -> tuple[np.ndarray, list[str]]:
    return RANDOM.integers(0, 50, (count, count)), [f"class {place}" for place in range(count)]


NAMES = [f"class {place}" for place in range(40)]
DESCENT = np.array([[0.0, 0.0], [0.5, -1.0], [0.9, -1.9]])
FLIES_OFF = np.array([[10.0**step, -(10.0**step)] for step in range(300)])

CASES: dict[str, Callable[[], Figure]] = {
    "distributions": lambda: tables.distributions(table(100), KINDS),
    "distributions_one_row": lambda: tables.distributions(table(1), KINDS),
    "distributions_no_rows": lambda: tables.distributions(table(3).iloc[:0], KINDS),
    "distributions_nothing": lambda: tables.distributions(pd.DataFrame(), {}),
    "distributions_names": lambda: tables.distributions(NAMED, dict.fromkeys(ODD, "number")),
    "distributions_wide": lambda: tables.distributions(WIDE, dict.fromkeys(WIDE, "number")),
    "distributions_odd_values": lambda: tables.distributions(pd.DataFrame({"c": ODD}), {"c": "text"}),
    "missing": lambda: tables.missing_counts({"a": 3, "b": 0, LONG: 1}, 10),
    "missing_none": lambda: tables.missing_counts({"a": 0}),
    "pairs": lambda: tables.pair_plot(table(60), list(KINDS)[:4], "class"),
    "pairs_number": lambda: tables.pair_plot(WIDE, list(WIDE)[:6], "column 9"),
    "pairs_one_row": lambda: tables.pair_plot(table(1), ["number", "constant"]),
    "pairs_one_column": lambda: tables.pair_plot(table(9), ["number"], "number"),
    "pairs_names": lambda: tables.pair_plot(NAMED, ODD),
    "pairs_many_classes": lambda: tables.pair_plot(WIDE.assign(k=[f"k{i}" for i in range(30)]), list(WIDE)[:3], "k"),
    "pairs_nothing": lambda: tables.pair_plot(pd.DataFrame({"a": []}), ["a"]),
    "correlations": lambda: tables.correlations(NAMED.corr()),
    "correlations_gaps": lambda: tables.correlations(table(9)[["number", "constant", "empty"]].corr()),
    "correlations_wide": lambda: tables.correlations(WIDE.corr()),
    "map": lambda: tables.map_of(
        RANDOM.uniform(5, 15, 900), RANDOM.uniform(47, 55, 900), RANDOM.normal(size=900), "price $"
    ),
    "map_one": lambda: tables.map_of([10.0], [50.0], [1.0], "one"),
    "map_gaps": lambda: tables.map_of(GAPS, GAPS, GAPS, "gaps"),
    "map_nothing": lambda: tables.map_of(NOTHING, NOTHING, NOTHING, "nothing"),
    "bars": lambda: tables.bars(
        {"a": 1.0, LONG: -2.0, "\udcff": 3.0, "$": np.nan}, "score", {"a": 0.1}, "a", unit="USD"
    ),
    "bars_zero": lambda: tables.bars({"a": 0.0}, "score"),
    "bars_nothing": lambda: tables.bars({}, "score"),
    "bars_many": lambda: tables.bars({f"c{place}": place for place in range(60)}, "score"),
    "losses": lambda: training.losses(records([3.0, 2.0, 1.5, 1.6]), {"loss": "training", "valid_loss": "validation"}),
    "losses_log": lambda: training.losses(records([1e4, 1e2, 1.0, 1e-3]), {"loss": "training"}, over="epoch"),
    "losses_gaps": lambda: training.losses(records([1.0, np.nan, np.inf, 1.0]), {"loss": "training"}),
    "losses_one": lambda: training.losses(records([1.0]), {"loss": "training"}),
    "losses_constant": lambda: training.losses(records([0.0] * 9), {"loss": LONG}),
    "losses_nothing": lambda: training.losses([], {"loss": "training"}),
    "overlaid_many": lambda: training.overlaid(
        {f"run {i}": (np.arange(9.0), np.ones(9) * i) for i in range(20)}, "x", "y"
    ),
    "predicted": lambda: training.predicted_over_true(RANDOM.normal(size=5000), RANDOM.normal(size=5000), "m"),
    "predicted_interval": lambda: training.predicted_over_true([1, 2], [2, 1], "m", [0, 0], [3, 3]),
    "predicted_one": lambda: training.predicted_over_true([1.0], [1.0]),
    "predicted_gaps": lambda: training.predicted_over_true(GAPS, GAPS[::-1]),
    "predicted_constant": lambda: training.predicted_over_true(np.ones(4000), np.ones(4000)),
    "errors": lambda: training.error_histogram(RANDOM.standard_cauchy(500), "m"),
    "errors_same": lambda: training.error_histogram(np.zeros(5)),
    "errors_nothing": lambda: training.error_histogram(GAPS[:1]),
    "error_columns": lambda: training.error_over_columns(table(60), list(KINDS), RANDOM.normal(size=60), "m"),
    "error_columns_one": lambda: training.error_over_columns(table(1), ["number", "class"], [1.0]),
    "error_columns_nothing": lambda: training.error_over_columns(table(3), [], GAPS[:3]),
    "confusion_two": lambda: classes.confusion([[5, 1], [0, 7]], ["no", "yes"]),
    "confusion_many": lambda: classes.confusion(*many_classes(40)),
    "confusion_names": lambda: classes.confusion(np.eye(len(ODD), dtype=int), ODD),
    "confusion_nothing": lambda: classes.confusion(np.zeros((2, 2)), ["a", "b"]),
    "reliability": lambda: classes.reliability(RANDOM.uniform(size=300), RANDOM.uniform(size=300) < 0.5),
    "reliability_sure": lambda: classes.reliability([1.0, 1.0], [True, True]),
    "reliability_nothing": lambda: classes.reliability(NOTHING, NOTHING),
    "softmax": lambda: classes.softmax_steps([[1.0, -1.0]], [[0.9, 0.1]], ["a", "b"], ["b"]),
    "softmax_many": lambda: classes.softmax_steps(
        RANDOM.normal(size=(9, 40)), np.full((9, 40), 0.025), many_classes(40)[1]
    ),
    "softmax_large": lambda: classes.softmax_steps([[1e4, -1e4, np.nan]], [[1.0, 0.0, 0.0]], ["a", LONG, "$"]),
    "points": lambda: line.points_and_lines(
        [1, 2], [3, 4], {"law $": lambda x: x**2, "own": ([1, 2], [3, 4])}, "t", "d"
    ),
    "points_many": lambda: line.points_and_lines(RANDOM.normal(size=2000), RANDOM.normal(size=2000), {}, LONG, "d"),
    "points_constant": lambda: line.points_and_lines([1.0], [2.0], {"flat": lambda x: 2.0}, "t", "d"),
    "residuals": lambda: line.residuals([0, 1, 2], [0, 3, 1], 1.0, 0.5, "t", "d"),
    "residuals_one": lambda: line.residuals([1.0], [1.0], 0.0, 1.0, "t", "d"),
    "bowl": lambda: line.cost_bowl(cost, DESCENT, (1.0, -2.0)),
    "bowl_still": lambda: line.cost_bowl(lambda a, b: 0 * a, [[0.0, 0.0]]),
    "bowl_flies_off": lambda: line.cost_bowl(cost, FLIES_OFF, (1.0, -2.0)),
    "rates": lambda: line.descent_rates(cost, {"small": DESCENT[:2], "good": DESCENT, "large": FLIES_OFF}, (1.0, -2.0)),
    "degrees": lambda: line.degrees([0, 1, 2], [0, 1, 4], {d: ([0, 1, 2], [0, 1e30, np.nan]) for d in (1, 2, 20)}),
    "error_over_degree": lambda: line.error_over_degree([1, 2, 3], [1.0, 0.1, 0.0], [2.0, 1.0, 1e12]),
    "error_over_degree_one": lambda: line.error_over_degree([1], [0.0], [np.nan]),
    "network_line": lambda: line.network([2, 1], ["x", "1"], ["y"], [np.array([[2.0], [-1.0]])]),
    "network_deep": lambda: line.network([300, 32, 32, 32, 10], names=["in", "relu", "relu", "relu", LONG]),
    "network_names": lambda: line.network([len(ODD), 2], ODD, ODD[:2], [np.full((len(ODD), 2), np.nan)]),
    "network_single": lambda: line.network([1, 1]),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("error")
def test_draws_sound_and_repeatable(name, tmp_path):
    path = save(CASES[name](), tmp_path / f"{name}.svg")
    text = path.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg")
    assert "nan" not in root.get("viewBox")
    assert len(text) < 300_000
    assert [each.name for each in tmp_path.iterdir()] == [f"{name}.svg"]


@pytest.mark.parametrize("name", ["pairs", "losses", "confusion_two", "bowl"])
def test_same_bytes_again(name):
    global RANDOM
    texts = []
    for _ in range(2):
        RANDOM = np.random.default_rng(1)
        texts.append(svg_text(CASES[name](), name))
    assert texts[0] == texts[1]


def test_png_is_written_whole(tmp_path):
    path = save(CASES["bars"](), tmp_path / "bars.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_figures_from_several_threads_are_the_same():
    alone = svg_text(CASES["confusion_two"](), "c")
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(svg_text(CASES["confusion_two"](), "c"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [alone] * 6


def test_rows_of_the_confusion_matrix_are_predictions():
    axes = classes.confusion([[5, 1], [0, 7]], ["no", "yes"]).axes[0]
    texts = {(round(text.get_position()[0]), round(text.get_position()[1])): text.get_text() for text in axes.texts}
    assert texts[1, 0] == "1"  # predicted `no` (row 0), actually `yes` (column 1)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("actual class", "predicted class")


def test_left_out_columns_are_told():
    page = tables.distributions(WIDE, dict.fromkeys(WIDE, "number"))
    assert any("36 more columns" in text.get_text() for text in page.texts)
