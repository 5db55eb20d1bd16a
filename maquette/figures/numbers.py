"""Numbers as people read them: four digits that count, thousands separators, units, durations."""

import math
from typing import Any


def number(value: Any, unit: str = "", digits: int = 4) -> str:
    """`44237.2` -> `44,237`; `0.30000000000000004` -> `0.3`; `1.2e-05` stays; nothing or not a number -> `–`.

    Booleans read `yes` and `no`; text comes back as it is.
    """
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        text = f"{value:,}" if abs(value) < 10**15 else f"{float(value):.{digits - 1}e}"
    elif isinstance(value, float):
        text = _decimal(value, digits)
    else:
        return str(value)
    return f"{text} {unit}".replace("-", "−", 1) if unit and text != "–" else text.replace("-", "−", 1)


def _decimal(value: float, digits: int) -> str:
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    size = abs(value)
    if size >= 1e15:
        return f"{value:.{digits - 1}e}"
    if size >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    if 1e-4 <= size < 1000 and digits == 4 and len(repr(size).replace(".", "").lstrip("0")) <= 5:
        return f"{value:.5g}"  # short as it was written: rounding -122.23 would only lose
    if 0 < size < 1e-4:
        return f"{value:.{digits - 1}g}"
    return f"{value:.{digits}g}"


def duration(seconds: float | None) -> str:
    """`0.35 s`, `4.2 s`, `42 s`, `1 min 12 s`, `2 h 5 min`, `1 d 3 h`."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 0.0005:
        return "under 1 ms"
    if seconds < 9.95:
        return f"{seconds:.2g} s" if seconds >= 0.0095 else f"{seconds * 1000:.2g} ms"
    whole = round(seconds)
    for size, large, parts, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // parts
            return f"{whole // size} {large} {rest} {small}" if rest else f"{whole // size} {large}"
    return f"{whole} s"
