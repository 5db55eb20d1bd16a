"""The house style: colours, blank figures with thin axes, labels that are safe for any text, and saving.

No pyplot and no global state: every figure is an object of its own, so figures may be drawn in several threads and need
no display. Colours are of middle luminance (contrast 3 or more on white and near-black), backgrounds are transparent,
and all lines and letters have the one colour `INK`, which the report replaces by the colour of its text.
"""

import base64
import io
import re
import threading
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import Formatter, MaxNLocator
from PIL import Image

from maquette.figures.numbers import number
from maquette.files import write_text, written_whole

INK = "#23272c"
BLUE, ORANGE, GREEN, PINK = "#2f7fc4", "#d9652a", "#149a78", "#c765a0"
VIOLET, GOLD, RED, GREY = "#7a68d4", "#ad8518", "#cc4450", "#7d8691"
COLOURS = [BLUE, ORANGE, GREEN, PINK, VIOLET, GOLD, RED, GREY]
SEQUENCE = LinearSegmentedColormap.from_list("sequence", ["#3a5fb8", "#8a55b0", "#cf5480", "#e88247", "#dfb23c"])

SIZE = 9.0
SMALL = 8.0
FAINT = 0.55
DOTS_PER_INCH = 150
ALL_COLOURS = "all colours"  # the label of figures whose pictures must not be reduced to 256 colours

_saving = threading.Lock()


def figure(
    width: float = 6.4,
    height: float = 3.6,
    columns: int = 1,
    rows: int = 1,
    *,
    left: float = 0.75,
    right: float = 0.2,
    top: float = 0.2,
    bottom: float = 0.55,
    across: float = 0.6,
    down: float = 0.7,
    grid: str = "both",
) -> tuple[Figure, list[Axes]]:
    """A blank figure and its axes, row by row; all lengths in inches, `across` and `down` the gaps between axes.

    grid: `both`, `x`, `y` or `none`.
    """
    page = Figure(figsize=(width, height), facecolor="none")
    wide = (width - left - right - across * (columns - 1)) / columns
    high = (height - top - bottom - down * (rows - 1)) / rows
    axes = []
    for row in range(rows):
        for column in range(columns):
            x = left + column * (wide + across)
            y = height - top - (row + 1) * high - row * down
            axes.append(page.add_axes((x / width, y / height, wide / width, high / height), facecolor="none"))
    for each in axes:
        dress(each, grid)
    return page, axes


def dress(axes: Axes, grid: str = "both") -> None:
    """Gives axes the house style."""
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set(edgecolor=INK, linewidth=0.6, alpha=FAINT)
    axes.tick_params(colors=INK, labelsize=SMALL, width=0.6, length=3)
    axes.set_axisbelow(True)
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        axis.set_major_formatter(People())
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        axis.label.set(color=INK, fontsize=SIZE)
        if grid in ("both", name):
            axis.grid(True, color=INK, alpha=0.13, linewidth=0.5)


def bare(axes: Axes) -> None:
    """Takes spines, ticks and grid away, for drawings that bring their own."""
    axes.set_axis_off()


def keep_colours(page: Figure) -> None:
    """Marks a figure of photographs: its pictures are saved with all their colours."""
    page.set_label(ALL_COLOURS)


def label(axes: Axes, x: str = "", y: str = "", heading: str = "") -> None:
    if x:
        axes.set_xlabel(plain(x, 80))
    if y:
        axes.set_ylabel(plain(y, 60))
    if heading:
        axes.set_title(plain(heading, 60), loc="left", fontsize=SIZE, color=INK, fontweight="bold", pad=6)


def title(axes: Axes, text: str) -> None:
    """What the figure says in numbers, small above the axes, where it covers nothing."""
    axes.set_title(plain(text, 110), loc="left", fontsize=SMALL, color=INK)


def write(axes: Axes, x: float, y: float, text: str, length: int = 80, **options: Any) -> None:
    """Text of at most `length` signs at (x, y) in data coordinates, in ink; options go to matplotlib."""
    axes.text(x, y, plain(text, length), **{"color": INK, "fontsize": SMALL, **options})


def note(
    axes: Axes, x: float, y: float, text: str, right: float = 0, up: float = 0, within: Any = "data", **options: Any
) -> None:
    """Text beside the point (x, y), `right` and `up` of it in points, also past the edge of the axes."""
    looks = {"color": INK, "fontsize": SMALL, "annotation_clip": False, **options}
    axes.annotate(plain(text, 80), (x, y), (right, up), xycoords=within, textcoords="offset points", **looks)


def legend(axes: Axes, **options: Any) -> None:
    drawn = axes.legend(**{"frameon": False, "fontsize": SMALL, "labelcolor": INK, "handlelength": 1.4, **options})
    drawn.set_zorder(5)


def plain(text: object, length: int = 28) -> str:
    """Text of any origin made safe for a figure: one line, no formulas, nothing XML forbids, at most `length` signs."""
    clean = "".join(sign if sign.isprintable() else " " for sign in str(text))
    clean = re.sub(r"\s+", " ", clean).strip()
    if len(clean) > length:
        clean = clean[: length - 1].rstrip() + "…"
    return clean.replace("$", r"\$")


def labelled(name: str, unit: str = "") -> str:
    """`price` and `USD` as `price (USD)`."""
    return f"{name} ({unit})" if unit else name


def width_of(texts: Iterable[str], size: float = SMALL) -> float:
    """About how many inches the longest of the texts takes."""
    return max((len(text) for text in texts), default=0) * size * 0.6 / 72


def tint(colour: str, alpha: np.ndarray) -> np.ndarray:
    """A colour in the given opacities, (..., 4): shades that work on light and on dark."""
    shades = np.empty((*np.shape(alpha), 4))
    shades[..., :3] = to_rgb(colour)
    shades[..., 3] = np.clip(np.nan_to_num(alpha), 0, 1)
    return shades


def squares(axes: Axes, shades: np.ndarray) -> None:
    """A matrix of colours (rows, columns, 4), the first row on top: squares when few, one picture when many."""
    rows, columns = shades.shape[:2]
    if rows * columns <= 256:
        patches = [Rectangle((x - 0.48, y - 0.48), 0.96, 0.96) for y in range(rows) for x in range(columns)]
        axes.add_collection(PatchCollection(patches, facecolor=list(shades.reshape(-1, 4)), edgecolor="none"))
    else:
        axes.imshow(shades, interpolation="nearest")
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), aspect="equal")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def finite(*arrays: Sequence[float] | np.ndarray) -> tuple[np.ndarray, ...]:
    """The arrays as float64, without the places where any of them is no finite number."""
    values = [np.asarray(array, dtype=np.float64).ravel() for array in arrays]
    good = np.logical_and.reduce([np.isfinite(each) for each in values])
    return tuple(each[good] for each in values)


def span(values: np.ndarray, margin: float = 0.05) -> tuple[float, float]:
    """Limits around the finite values, never empty."""
    (values,) = finite(values)
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    room = (high - low) * margin or abs(high) * margin or 0.5
    return low - room, high + room


class People(Formatter):
    """Tick labels that agree with each other: `0.25`, `1,500`, `200k`, `1.5M`, and powers of ten beyond.

    alone: each tick by itself, as logarithmic axes need it.
    """

    def __init__(self, alone: bool = False) -> None:
        self.alone = alone

    def __call__(self, x: float, pos: int | None = None) -> str:
        return number(float(x))

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        ticks = np.asarray(values, dtype=np.float64)
        largest = float(np.abs(ticks).max()) if len(ticks) else 0.0
        step = float(np.abs(np.diff(ticks)).min()) if len(ticks) > 1 else largest
        if self.alone:
            return [_alone(value) for value in ticks]
        if largest >= 1e13 or 0 < largest < 1e-3 or step == 0:
            return [number(value, digits=3) for value in ticks]
        scale, suffix = next(((s, n) for s, n in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if largest >= 10 * s), (1.0, ""))
        decimals = next((d for d in range(7) if abs(round(step / scale, d) - step / scale) < 1e-3 * step / scale), 7)
        texts = [f"{value / scale:,.{decimals}f}{suffix}".replace("-", "−") for value in ticks]
        return ["0" if value == 0 else text for value, text in zip(ticks, texts, strict=True)]


def _alone(value: float) -> str:
    size, suffix = next(
        ((s, n) for s, n in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if max(s, 1e4) <= abs(value) < 1e12), (1.0, "")
    )
    return number(float(value / size), digits=3) + suffix


def svg_text(page: Figure, name: str) -> str:
    """The figure as SVG: the same bytes for the same figure and name, letters as letters, no date."""
    out = io.StringIO()
    # rcParams are global: the lock keeps two threads from seeing each other's salt
    with _saving, warnings.catch_warnings(), matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        warnings.filterwarnings("ignore", message="Glyph")
        page.savefig(out, format="svg", dpi=DOTS_PER_INCH, transparent=True, metadata={"Date": None, "Creator": None})
    text = re.sub(r"<!DOCTYPE.*?>\s*|<metadata>.*?</metadata>\s*|<!--.*?-->\s*", "", out.getvalue(), flags=re.DOTALL)
    text = re.sub(r"'DejaVu Sans'", "'Helvetica Neue', 'Segoe UI', Roboto, Arial, 'DejaVu Sans'", text)
    text = re.sub(r"'DejaVu Sans Mono'", "'DejaVu Sans Mono', Menlo, Consolas, monospace", text)
    if page.get_label() != ALL_COLOURS:
        text = re.sub(r"(?<=data:image/png;base64,)[^\"']*", lambda data: _smaller(data.group()), text)
    return re.sub(r'(?<= d=")[^"]*', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path.group()), text)


def _smaller(png: str) -> str:
    """A layer of dots in 256 colours instead of all: about a third of the bytes, and no difference to be seen."""
    out = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA").quantize(256, method=Image.Quantize.FASTOCTREE).save(
        out, "PNG", optimize=True
    )
    return base64.b64encode(out.getvalue()).decode("ascii") if out.tell() < len(png) * 3 // 4 else png


def save(page: Figure, path: Path) -> Path:
    """Writes the figure whole, then renamed: SVG, or PNG on white, as the name ends. Gives the path back."""
    path = Path(path)
    if path.suffix.lower() == ".svg":
        write_text(path, svg_text(page, path.name))
    else:
        with written_whole(path) as temporary, _saving, warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph")
            page.savefig(temporary, format="png", dpi=DOTS_PER_INCH, facecolor="white", metadata={"Software": None})
    return path
