"""How good is denoising after an hour? Not part of `make bench`: name it.

Six times the training pays for four times the weights, width 64 in place of the default 32, and for smaller steps.
"""

from benchmarks.measure import Row
from benchmarks.restore_quality import trained


def measure() -> list[Row]:
    return trained(3600, 29.10, "--width", "64", "--learning-rate", "0.003")
