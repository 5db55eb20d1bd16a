"""How good is denoising after an hour? Not part of `make bench`: name it.

Six times the training pays for twice the weights: width 48 in place of the default 32.
"""

from benchmarks.measure import Row
from benchmarks.restore_quality import trained


def measure() -> list[Row]:
    return trained(3600, 29.10, "--width", "48")
