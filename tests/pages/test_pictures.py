"""Pictures inside a page: as light as they are shown, and small ones exactly as they were."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from maquette.figures.images import rows
from maquette.figures.style import svg_text
from maquette.pages.pictures import inline_svg, lighter


def as_data(pixels: np.ndarray) -> str:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def opened(data: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2])))


def test_a_photograph_becomes_webp_of_the_size_it_is_shown_in():
    pixels = np.random.default_rng(0).integers(0, 256, (400, 600, 3), dtype=np.uint8)
    made = lighter(as_data(pixels), 150)
    assert made.startswith("data:image/webp;") and opened(made).size == (150, 100)
    assert len(made) < len(as_data(pixels)) / 10


def test_a_small_picture_keeps_each_of_its_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    made = lighter(as_data(pixels), 500)
    assert np.array_equal(np.asarray(opened(made).convert("RGB")), pixels)


@pytest.mark.parametrize("side", [700, 40])
def test_figures_of_photographs_are_light_in_a_page_and_whole_beside_it(side):
    generator = np.random.default_rng(1)
    pictures = [generator.random((side, side, 3)).astype(np.float32) for _ in range(3)]
    text = svg_text(rows({"noise": pictures}), "noise.svg")
    page = inline_svg(text, "a-", "noise")
    assert page is not None and page.count("data:image/") == 3
    assert len(page) < 600_000 and len(page) <= len(text) + 1000


def test_a_palette_with_clear_places_keeps_them_clear(recwarn):
    pixels = np.random.default_rng(0).integers(0, 256, (200, 300, 4), dtype=np.uint8)
    pixels[:100, :, 3] = 0
    out = io.BytesIO()
    Image.fromarray(pixels).quantize(256, method=Image.Quantize.FASTOCTREE).save(out, "PNG")
    made = lighter("data:image/png;base64," + base64.b64encode(out.getvalue()).decode(), 150)
    again = Image.open(io.BytesIO(base64.b64decode(made.partition(";base64,")[2])))
    assert again.mode == "RGBA" and np.asarray(again)[:40, :, 3].max() < 30 and not recwarn.list
