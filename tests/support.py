"""Tables and pictures that several tests use."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure


def sound_svg(draw: Callable[[], Figure], path: Path) -> str:
    """The saved figure's text, after a look at it: it is XML, an svg, and the same bytes when drawn again."""
    from maquette.figures.style import save, svg_text

    text = save(draw(), path).read_text(encoding="utf-8")
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert text == svg_text(draw(), path.name)
    return text


def make_houses(rows: int, seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    area = generator.uniform(30, 200, rows).round(1)
    town = generator.choice(["Köln", "Paris", "Oslo"], rows)
    garden = generator.random(rows) < 0.5
    price = 2_000 * area + 50_000 * (town == "Paris") + 30_000 * garden + generator.normal(0, 5_000, rows)
    frame = pd.DataFrame(
        {
            "id": [f"house-{number:05d}" for number in range(rows)],
            "area_m2": area,
            "town": town,
            "garden": np.where(garden, "yes", "no"),
            "built": pd.Timestamp("1950-01-01") + pd.to_timedelta(generator.integers(0, 25_000, rows), unit="D"),
            "price": price.round(2),
        }
    )
    frame.loc[generator.random(rows) < 0.1, "area_m2"] = np.nan
    return frame


def make_photographs(folder: Path, count: int, size: int = 48, seed: int = 0) -> None:
    """Colour pictures of stripes and of spots, each in a folder of its own, as PNG; other seeds give other pictures."""
    from PIL import Image

    generator = np.random.default_rng([seed, 7])
    y, x = np.mgrid[:size, :size] / size
    for number in range(count):
        turn, phase, waves = generator.uniform(0, np.pi), generator.uniform(0, 6), generator.uniform(2, 6)
        across, along = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        name = "spots" if number % 2 else "stripes"
        light = np.sin(6 * waves * across + phase) * (np.sin(6 * waves * along) if number % 2 else 1)
        colours = generator.uniform(0, 1, (2, 3))
        part = 0.5 + 0.5 * light[..., None]
        pixels = colours[0] * part + colours[1] * (1 - part)
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.round(pixels * 255).astype(np.uint8)).save(folder / name / f"{number:03d}.png")
