"""What a line of the table of recipes says: what one learns from, its uses, the runs it needs, what it costs. Light."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple


class Use(NamedTuple):
    """One thing that a finished run can do: the media it takes and gives, and what follows `maquette predict RUN`."""

    takes: tuple[str, ...]
    gives: str
    summary: str
    example: str
    listens: bool = False  # where nothing is given, lines are taken as they are typed


class Need(NamedTuple):
    """A run of another recipe that a setting names.

    otherwise: what happens where the setting is empty: that recipe is trained first (`train`), or nothing (`nothing`).
    files: whether the setting may also name something that is no run, which the recipe then reads itself.
    also: other recipes of which the run may be as well.
    passes: settings that the recipe trained first takes over; `none` of them if it has not that setting.
    kind: settings that the run must have, by name; sets: others that it has where it is trained first.
    share: part of `seconds`, where they are set, that its training gets; 0: as long as it takes by itself.
    """

    recipe: str
    otherwise: Literal["train", "nothing"] = "nothing"
    files: bool = False
    passes: tuple[str, ...] = ("data", "seed", "device")
    kind: Mapping[str, str] = MappingProxyType({})
    sets: Mapping[str, Any] = MappingProxyType({})
    share: float = 0.0
    also: tuple[str, ...] = ()


class Entry(NamedTuple):
    """A line of `maquette list`.

    data: the medium that it learns from. seconds: what it takes on two cores with its defaults, about; of these `fixed`
    pass outside of training, whatever `--seconds` says.
    """

    module: str
    data: str
    summary: str
    seconds: int
    chapter: str
    uses: Mapping[str, Use]
    needs: Mapping[str, Need] = MappingProxyType({})
    fixed: int = 5

    @property
    def cost(self) -> str:
        """`40 seconds`, `3 minutes`."""
        if self.seconds < 90:
            return f"{self.seconds} seconds"
        return f"{round(self.seconds / 60)} minutes"
