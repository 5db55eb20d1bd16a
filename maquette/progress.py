"""Progress with the time left: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from typing import Any

from maquette.figures.numbers import duration

PATIENCE = 2.0  # seconds before anything is shown: short work stays silent
PLAIN_EVERY = 10.0  # seconds between plain lines


class Progress:
    """Shows how far something is: `update(done, total)` as often as one likes, `close()` at the end.

    While one is shown, others that begin within it stay silent.
    """

    _shown_now: "Progress | None" = None

    def __init__(self, what: str, unit: str = "step"):
        self.what, self.unit = what, unit
        self._began = self._shown = time.monotonic()
        self._first: int | None = None
        self._bar: Any = None

    def update(self, done: int, total: int | None) -> None:
        if self._first is None:
            self._first = done
        now = time.monotonic()
        terminal = sys.stderr.isatty()
        if Progress._shown_now not in (None, self):
            return
        if now - self._began < PATIENCE or now - self._shown < (0.2 if terminal else PLAIN_EVERY):
            return
        self._shown, Progress._shown_now = now, self
        if terminal:
            self._draw(done, total)
            return
        left = ""
        if total and done > self._first:
            seconds = (now - self._began) / (done - self._first) * (total - done)
            left = f" of {total:,}, {done / total:.0%}, about {duration(seconds)} left"
        print(f"{self.what}: {self.unit} {done:,}{left}", file=sys.stderr, flush=True)

    def _draw(self, done: int, total: int | None) -> None:
        if self._bar is None:
            from rich import progress
            from rich.console import Console

            self._bar = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.MofNCompleteColumn(),
                progress.TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._bar.add_task(self.what, total=total, completed=done)
        self._bar.update(0, completed=done, total=total)

    def close(self) -> None:
        if Progress._shown_now is self:
            Progress._shown_now = None
        if self._bar is not None:
            self._bar.stop()
