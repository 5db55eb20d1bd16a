"""Pictures put into a page: SVG inline and in the page's colours, all else as data."""

import base64
import io
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from markupsafe import Markup
from PIL import Image

from maquette.figures.numbers import number

INK = re.compile("#23272c", re.IGNORECASE)  # figures.style.INK, not imported: a page needs no matplotlib
SMALL_DATA = 8_000  # characters; smaller pictures stay as they are
PHOTOGRAPH = 2**15  # pixels; of fewer, each is kept exactly
PIXELS_A_POINT = 1.5 * 96 / 72  # between common and fine screens
SVG = "{http://www.w3.org/2000/svg}"
DRAWING = {
    "svg",
    "g",
    "defs",
    "path",
    "use",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polyline",
    "polygon",
    "text",
    "tspan",
    "image",
    "clipPath",
    "linearGradient",
    "radialGradient",
    "stop",
    "title",
    "desc",
}
KINDS = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
}
LARGEST = 24 * 2**20


def embed(path: Path, prefix: str, description: str) -> Markup:
    """The picture as HTML; `prefix` keeps the ids of several drawings on one page apart, `description` is read aloud.

    A drawing with anything but lines, letters and pictures in it (scripts, links, foreign parts) is shown as an image,
    where a browser runs and loads nothing. A file that is missing or too large leaves a sentence.
    """
    kind = KINDS.get(path.suffix.lower())
    if not path.is_file():
        return _absent(f"The picture {path.name} is missing.")
    if kind is None:
        return _absent(f"{path.name} is no picture that a page can show.")
    if path.stat().st_size > LARGEST:
        return _absent(
            f"{path.name} ({number(path.stat().st_size / 2**20, 'MiB')}) is too large to put into this page."
        )
    if kind == "image/svg+xml":
        drawing = inline_svg(path.read_text(encoding="utf-8", errors="replace"), prefix, description)
        if drawing is not None:
            return drawing
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    if kind.startswith("video"):
        return Markup('<video controls loop muted playsinline src="data:{};base64,{}"></video>').format(kind, data)
    return Markup('<img alt="{}" src="data:{};base64,{}">').format(description, kind, data)


def _absent(sentence: str) -> Markup:
    return Markup('<p class="absent">{}</p>').format(sentence)


def inline_svg(text: str, prefix: str, description: str) -> Markup | None:
    """The drawing as part of a page, or nothing if it holds what a page must not: see `embed`."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        text = re.sub(r"<!DOCTYPE[^\[>]*>", "", text)
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            return None
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return None
    if root.tag != SVG + "svg" or not _clean(root, prefix):
        return None
    width = _inches(root.get("width"), root.get("viewBox"))
    for name in ("width", "height"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-label", description)
    root.set("style", f"--width:{width:.2f}in")
    drawn = ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)
    return Markup(INK.sub("currentColor", drawn))


def _clean(root: ElementTree.Element, prefix: str) -> bool:
    """Takes styles and metadata out and puts `prefix` before all ids; false if something else is not plain drawing."""
    for parent in root.iter():
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.removeprefix(SVG) in ("style", "metadata"):
                parent.remove(child)
    for element in root.iter():
        # without its namespace a tag is written without a prefix, as HTML wants it
        element.tag = element.tag.removeprefix(SVG)
        if element.tag not in DRAWING:
            return False
        for name, value in list(element.attrib.items()):
            local = name.rsplit("}", 1)[-1]
            if local != name and local != "href":
                del element.attrib[name]
                continue
            if local.lower().startswith("on") or re.search(r"url\(\s*['\"]?[^#'\"\s]", value) or "expression" in value:
                return False
            if local == "href":
                if not value.startswith("#") and not re.match(r"data:image/(png|jpeg|webp);base64,", value.strip()):
                    return False
                del element.attrib[name]
                shown = _points(element) * PIXELS_A_POINT
                element.set("href", "#" + prefix + value[1:] if value.startswith("#") else lighter(value, shown))
            elif name == "id":
                element.set("id", prefix + value)
            elif "url(#" in value:
                element.set(name, value.replace("url(#", f"url(#{prefix}"))
    return True


def lighter(data: str, shown: float) -> str:
    """A picture as data, as WebP of the size in which it is `shown` (its width in pixels) where that is smaller.

    Pictures of few pixels, which are shown enlarged, keep every one of them as it is.
    """
    data = re.sub(r"\s", "", data)
    kind, _, packed = data.partition(";base64,")
    if kind == "data:image/webp" or len(packed) < SMALL_DATA:
        return data
    picture: Image.Image = Image.open(io.BytesIO(base64.b64decode(packed)))
    if picture.mode == "P":
        picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    if shown and picture.width > shown:
        size = round(shown), max(1, round(picture.height * shown / picture.width))
        picture = picture.convert("RGBA" if "A" in picture.getbands() else "RGB").resize(size, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    is_photograph = picture.width * picture.height > PHOTOGRAPH
    picture.save(out, "WEBP", lossless=not is_photograph, quality=85, method=4)
    made = base64.b64encode(out.getvalue()).decode("ascii")
    return f"data:image/webp;base64,{made}" if len(made) < len(packed) else data


def _points(image: ElementTree.Element) -> float:
    """How wide an image of a drawing is shown, in points; 0 where that is not said."""
    width = re.match(r"[\d.]+", image.get("width", ""))
    scale = re.match(r"matrix\(([\d.]+) 0 0 ", image.get("transform", ""))
    return float(width[0]) * (float(scale[1]) if scale else 1.0) if width else 0.0


def _inches(width: str | None, box: str | None) -> float:
    found = re.fullmatch(r"([\d.]+)(pt|px|in|)", width or "")
    if found:
        return float(found[1]) / {"pt": 72, "px": 96, "in": 1, "": 96}[found[2]]
    parts = (box or "").replace(",", " ").split()
    return float(parts[2]) / 72 if len(parts) == 4 and re.fullmatch(r"[\d.]+", parts[2]) else 6.4
