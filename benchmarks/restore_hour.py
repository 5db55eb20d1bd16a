"""How good is denoising after an hour? Not part of `make bench`: name it."""

from benchmarks.measure import Row
from benchmarks.restore_quality import trained


def measure() -> list[Row]:
    return trained(3600, 29.10)
