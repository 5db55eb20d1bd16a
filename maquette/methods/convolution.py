"""Convolution arithmetic: which pixels meet which, how large what comes out is, and what a plan of layers sees.

After Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (arXiv 1603.07285). Sizes are of one
axis: of squares, both have the same.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

MOST_SIDE = 4096  # pixels, and of kernels, strides and so on
MOST_PLACES, MOST_CHANNELS = 2**16, 2**16  # a side of what a layer gives, and how many channels


class Window(NamedTuple):
    """How a kernel of `kernel` x `kernel` weights goes over a picture.

    It moves by `stride` pixels, reaches `padding` pixels over the edges, where zeros are, and its weights lie
    `dilation` pixels apart. A transposed one gives each input pixel's value to the output pixels that an ordinary one
    would take it from; `extra` rows then stay at the far end, where several sizes lead the ordinary one to the same.
    """

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    is_transposed: bool = False
    extra: int = 0

    @property
    def reach(self) -> int:
        """Pixels from the first to the last weight: d (k - 1) + 1."""
        return self.dilation * (self.kernel - 1) + 1

    def output(self, size: int) -> int:
        """The size of what comes out, 0 or less where nothing can; the paper's relationships 6, 14 and 15 in one.

        floor((i + 2 p - d (k - 1) - 1) / s) + 1; transposed: (i - 1) s - 2 p + d (k - 1) + 1 + a with a extra rows.
        """
        if self.is_transposed:
            return (size - 1) * self.stride - 2 * self.padding + self.reach + self.extra
        return (size + 2 * self.padding - self.reach) // self.stride + 1

    def meets(self, place: int, size: int) -> list[tuple[int, int]]:
        """The pairs (input pixel, weight) whose products add up to the output pixel `place`; none of the padding."""
        pairs = []
        for weight in range(self.kernel):
            at = place * self.stride - self.padding + self.dilation * weight
            if self.is_transposed:
                at, rest = divmod(place + self.padding - self.dilation * weight, self.stride)
                if rest:
                    continue
            if 0 <= at < size:
                pairs.append((at, weight))
        return pairs

    def told(self) -> str:
        """`3 x 3, stride 2, padding 1`."""
        words = [f"{self.kernel} x {self.kernel}", f"stride {self.stride}", f"padding {self.padding}"]
        words += [f"dilation {self.dilation}"] if self.dilation > 1 else []
        return ", ".join(words + (["transposed"] if self.is_transposed else []))


def convolved(picture: np.ndarray, weights: np.ndarray, window: Window) -> np.ndarray:
    """The plain sum over pairs that meet: picture (H, W), weights (k, k) to (H', W'), float64; slow, for small ones.

    Like every network's, it does not turn the kernel round: strictly a correlation, and transposed a convolution.
    """
    height, width = picture.shape
    out = np.zeros((window.output(height), window.output(width)))
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            for row, down in window.meets(y, height):
                for column, across in window.meets(x, width):
                    out[y, x] += picture[row, column] * weights[down, across]
    return out


KERNELS: dict[str, np.ndarray] = {
    "edge-across": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4,
    "edge-down": np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]]) / 4,
    "outline": np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]) / 4,
    "blur": np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16,
    "sharpen": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]]) / 1,
}  # made by hand; behind Sobel's two, divided by 4, a step from black to white is 1


# -- plans of layers ---------------------------------------------------------------------------------------------------


class Layer(NamedTuple):
    """One layer of a plan: `conv`, `transposed`, `pool` (the largest of a square) or `up` (each pixel as a square).

    channels: what a convolution gives, or None for as many as it gets.
    """

    kind: str
    window: Window
    channels: int | None = None


class Stage(NamedTuple):
    """What is known after a layer: sides of its pictures, channels, weights with biases, multiplications a picture,
    receptive field (side in pixels of the first input that one pixel can depend on) and how far apart, in such pixels,
    the fields of neighbours lie."""

    name: str
    size: int
    channels: int
    weights: int
    multiplications: int
    field: int
    apart: float


KINDS = ("conv", "transposed", "pool", "up")
GRAMMAR = (
    "A plan has layers with commas between them: conv 3x3 s2 p1 d1 c32 (stride, padding, dilation, channels), "
    "transposed 4x4 s2 p1 e0 c16 (extra rows), pool 2, up 2."
)


def read_plan(text: str) -> list[Layer]:
    """The layers of `conv 3x3 s2 p1, conv 3x3, up 2`; ValueError, with the grammar, for what is none."""
    layers = [_read_layer(part.strip()) for part in text.split(",") if part.strip()]
    if not layers:
        raise ValueError(f"The plan is empty. {GRAMMAR}")
    return layers


def _read_layer(text: str) -> Layer:
    kind, *words = text.lower().split()
    if kind not in KINDS or not words or not (found := re.fullmatch(r"(\d+)(?:x(\d+))?", words[0])):
        raise ValueError(f"{text!r} is no layer. {GRAMMAR}")
    side = int(found[1])
    if found[2] is not None and int(found[2]) != side:
        raise ValueError(f"{text!r}: kernels are squares here; take {side}x{side}.")
    if kind in ("pool", "up"):
        if len(words) > 1:
            raise ValueError(f"{text!r}: {kind} has its size only. {GRAMMAR}")
        return Layer(kind, _checked(text, Window(side, stride=side)))
    allowed = "spdec" if kind == "transposed" else "spdc"
    given: dict[str, int] = {}
    for word in words[1:]:
        if not re.fullmatch(rf"[{allowed}]\d+", word) or word[0] in given:
            raise ValueError(f"{text!r}: {word!r} is not understood. {GRAMMAR}")
        given[word[0]] = int(word[1:])
    window = Window(
        side, given.get("s", 1), given.get("p", 0), given.get("d", 1), kind == "transposed", given.get("e", 0)
    )
    if not 1 <= given.get("c", 1) <= MOST_CHANNELS:
        raise ValueError(f"{text!r}: a layer gives from 1 to {MOST_CHANNELS:,} channels.")
    return Layer(kind, _checked(text, window), given.get("c"))


def _checked(text: str, window: Window) -> Window:
    if min(window.kernel, window.stride, window.dilation) < 1 or max(window[:4]) > MOST_SIDE:
        raise ValueError(f"{text!r}: kernel, stride and dilation are from 1 to {MOST_SIDE:,}, padding up to that.")
    if window.extra >= max(window.stride, window.dilation) and window.extra:
        raise ValueError(f"{text!r}: extra rows must be fewer than the stride or the dilation.")
    return window


def stages(layers: Sequence[Layer], size: int, channels: int) -> list[Stage]:
    """What comes out of each layer of a plan, the input first; ValueError where a layer leaves no pixel.

    Fields are counted by walking back from every pixel of a row, so they hold for transposed layers as well; a field
    that reaches over the edge counts its pixels there.
    """
    found = [Stage("input", size, channels, 0, 0, 1, 1.0)]
    apart = 1.0
    for number, layer in enumerate(layers, 1):
        before, window = found[-1], layer.window
        side = before.size * window.stride if layer.kind == "up" else window.output(before.size)
        name = f"{layer.kind} {window.kernel}" if layer.kind in ("pool", "up") else f"{layer.kind} {window.told()}"
        if side < 1:
            raise ValueError(
                f"Layer {number} ({name.removesuffix(', transposed')}) leaves nothing of {before.size} x {before.size} "
                "pixels; give fewer layers or a larger picture."
            )
        if side > MOST_PLACES:
            raise ValueError(f"Layer {number} ({name}) gives {side:,} pixels a side; {MOST_PLACES:,} are the most.")
        learns = layer.kind in ("conv", "transposed")
        given = (layer.channels or before.channels) if learns else before.channels
        square = window.kernel**2
        weights = (square * before.channels + 1) * given if learns else 0
        places = before.size**2 if layer.kind == "transposed" else side**2
        apart = apart / window.stride if layer.kind in ("up", "transposed") else apart * window.stride
        field = _field(layers[:number], side)
        worth = places * square * before.channels * given if learns else 0
        found.append(Stage(name.removesuffix(", transposed"), side, given, weights, worth, field, apart))
    return found


def _field(layers: Sequence[Layer], side: int) -> int:
    """The most pixels of the input, in a row, that one of `side` pixels behind the layers can depend on."""
    first = np.arange(side)
    last = first.copy()
    for layer in reversed(layers):
        w = layer.window
        if layer.kind == "up":
            first, last = first // w.stride, last // w.stride
        elif layer.kind == "transposed":
            # of the inputs that a weight leads to: the one of the last weight comes first
            first = -(-(first + w.padding - w.reach + 1) // w.stride)
            last = (last + w.padding) // w.stride
        else:
            first = first * w.stride - w.padding
            last = last * w.stride - w.padding + w.reach - 1
    return int((last - first).max()) + 1
