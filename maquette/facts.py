"""What the steps of a run found, for its report: sentences, numbers, tables, pictures, in sections."""

import math
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from maquette.figures.style import save
from maquette.files import write_json
from maquette.settings import UserError
from maquette.steps import SECTIONS

MOST_TOLD = 6  # warnings on the terminal


class Facts:
    """`findings.json` while it is being made. Of several processes only the first one writes.

    `step_name` is the step that is running; what it shows goes to the section of that name, unless it says otherwise.
    """

    hides_failures = True

    def __init__(self, folder: Path, is_main: bool):
        self.folder, self.is_main = folder, is_main
        self.step_name, self._section = "frame", "frame"
        self.findings: dict[str, Any] = {"framing": {}, "numbers": {}, "sections": {}}
        self.source: dict[str, Any] = {}
        self._told = 0

    def begin(self, step: str) -> None:
        """From now on, what is shown is this step's; scores stand under Training."""
        self.step_name, self._section = step, "train" if step == "score" else step

    def say(self, text: str) -> None:
        self._show({"kind": "text", "text": text})

    def warn(self, text: str) -> None:
        """Show a warning, on the terminal as well."""
        self._show({"kind": "warning", "text": text})
        self._tell(text)

    def tell(self, text: str) -> None:
        """A warning that the terminal shows however many others there are."""
        self._show({"kind": "warning", "text": text})
        if self.is_main:
            print(text, flush=True)

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """For what a run can do without, a figure or a baseline: if the block fails, the report says so by name.

        With `hides_failures` off, as in tests, it fails all the same.
        """
        try:
            yield
        except (UserError, OSError, MemoryError):
            raise
        except Exception as error:
            if not Facts.hides_failures:
                raise
            self.tell(f"{what} failed ({told(error)}) and is left out; the rest of the run is not concerned.")
            self.findings.setdefault("failures", []).append({"what": what, "traceback": traceback.format_exc()})

    def heading(self, text: str) -> None:
        """A heading within a step's section."""
        self._show({"kind": "heading", "text": text})

    def formula(self, text: str) -> None:
        self._show({"kind": "formula", "text": text})

    def fact(self, name: str, value: Any, unit: str = "") -> None:
        self._show({"kind": "fact", "name": name, "value": plain(value), "unit": unit})

    def table(self, title: str, frame: Any, caption: str = "") -> None:
        """Show a pandas data frame, one row a line; the index is not shown."""
        rows = [[plain(value) for value in row] for row in frame.itertuples(index=False)]
        self._show({"kind": "table", "title": title, "columns": [*map(str, frame)], "rows": rows, "caption": caption})

    def picture(self, name: str, figure: Any, title: str, caption: str = "") -> None:
        """Save a figure of `maquette.figures` as `pictures/<name>.svg` and show it."""
        if not self.is_main:
            return
        (self.folder / "pictures").mkdir(exist_ok=True)
        file = f"pictures/{name}.svg"
        save(figure, self.folder / file)
        self._show({"kind": "picture", "file": file, "title": title, "caption": caption})

    def block(self, block: dict[str, Any], name: str) -> None:
        """Show a block of a page; its figure, where it has one, is saved as `pictures/<name>.svg`."""
        if "figure" in block:
            self.picture(name, block["figure"], block["title"], block.get("caption", ""))
        else:
            self._show(block)

    def film(self, file: str, title: str, caption: str = "") -> None:
        """Show a film that has been written into the folder `pictures`."""
        self._show({"kind": "picture", "file": f"pictures/{file}", "title": title, "caption": caption})

    def record_source(self, found: Any, **facts: Any) -> None:
        """Say where the data is from, in `settings.json`, on the terminal if it is a stand-in, and in the report."""
        self.source = {
            "name": found.name,
            "path": str(found.path),
            "origin": found.origin,
            "note": found.note,
            "licence": found.licence,
            "stand_in": found.origin == "embedded" and bool(found.note),
            "sha256": found.sha256,
            **facts,
        }
        for name, value in facts.items():
            if name != "notes":
                self.fact(name.replace("_", " ").capitalize(), value)
        for note in facts.get("notes", []):
            self.say(note)
            self._tell(note)
        if found.note:
            self.warn(found.note)

    def _tell(self, text: str) -> None:
        """A line on the terminal; of many, the first ones."""
        self._told += 1
        if self.is_main and self._told <= MOST_TOLD:
            print(text, flush=True)

    def tell_rest(self) -> None:
        """How many warnings only the report has."""
        if self.is_main and self._told > MOST_TOLD:
            more = self._told - MOST_TOLD
            print(f"{more} more {'warning stands' if more == 1 else 'warnings stand'} in the report.", flush=True)

    @contextmanager
    def section(self, step: str) -> Iterator[None]:
        """Within the block, what is shown goes to another step's section of the report."""
        before, self._section = self._section, step
        try:
            yield
        finally:
            self._section = before

    def _show(self, block: dict[str, Any]) -> None:
        assert self._section in SECTIONS
        if self._section != self.step_name:
            block = {**block, "step": self.step_name}
        blocks = self.findings["sections"].setdefault(self._section, [])
        if block not in blocks:
            blocks.append(block)

    def keep_what_is_done(self) -> None:
        """Forget what an earlier process showed, but for the steps that will not be done again."""
        done, sections = self.findings.get("done", []), self.findings["sections"]
        for section, blocks in sections.items():
            sections[section] = [block for block in blocks if block.get("step", section) in done]

    def is_done(self, step: str) -> bool:
        """Whether an earlier process finished this step."""
        return step in self.findings.get("done", [])

    def done(self, step: str) -> None:
        self.findings.setdefault("done", []).append(step)

    def save_findings(self) -> None:
        if self.is_main:
            write_json(self.folder / "findings.json", self.findings)


def told(error: BaseException) -> str:
    """The kind and the first line of an error, and where it was raised."""
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = f", in {Path(place[0].filename).name} line {place[0].lineno}" if place else ""
    line = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}{': ' + line[:200] if line else ''}{where}"


def plain(value: Any) -> Any:
    """A number, text or None as JSON has them."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
