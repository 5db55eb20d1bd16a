"""Words of the command line: a parser whose mistakes are one sentence, and flags made of settings."""

import argparse
from typing import Any, Literal, NoReturn, get_args, get_origin

from maquette.settings import UserError, flag, nearest


class Parser(argparse.ArgumentParser):
    """argparse that raises a `UserError` instead of printing its usage."""

    def __init__(self, **kwargs: Any):
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message[0].upper()}{message[1:]} ({self.prog} --help shows how)")

    def parse(self, arguments: list[str]) -> argparse.Namespace:
        values, unknown = self.parse_known_intermixed_args(arguments)  # inputs may follow flags
        if unknown:
            flags = [name for action in self._actions for name in action.option_strings]
            near = nearest(unknown[0].split("=")[0], flags)
            if self.prog == "maquette predict" and (not near or not unknown[0].startswith("--")):
                near = "; an input that begins with a dash stands at the end, after --"
            raise UserError(f"Unknown: {unknown[0]}{near} ({self.prog} --help shows all)")
        return values


def with_dashes(arguments: list[str]) -> list[str]:
    """The same with `--up=-y` and `--up=0,0,1` for `--up -y` and `--up 0 0 1`, which argparse does not understand."""
    made: list[str] = []
    left = list(arguments)
    while left:
        word = left.pop(0)
        if word == "--":
            return [*made, word, *left]
        if word in ("--up", "--background") and left:
            is_three = len(left) >= 3 and all(each.lstrip("+-").replace(".", "", 1).isdigit() for each in left[:3])
            count = 3 if is_three else 1
            word += "=" + ",".join(left[:count])
            del left[:count]
        made.append(word)
    return made


def value_of(name: str, arguments: list[str]) -> str | None:
    """The value of a flag before the rest is parsed."""
    for place, word in enumerate(arguments):
        if word == name and place + 1 < len(arguments):
            return arguments[place + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None


def add_flag(parser: Parser, name: str, field: Any) -> None:
    """A flag with its meaning, unit, bounds and default."""
    extra = field.json_schema_extra or {}
    bounds = [
        f"{word} {getattr(item, key)}" for item in field.metadata for key, word in BOUNDS.items() if hasattr(item, key)
    ]
    kinds = [kind for kind in (field.annotation, *get_args(field.annotation)) if get_origin(kind) is Literal]
    choices = get_args(kinds[0]) if kinds else None
    notes = [str(extra.get("unit") or ""), *bounds]
    default = "not set" if field.default in (None, "") else field.default
    text = f"{field.description} [{'; '.join([note for note in notes if note] + [f'default {default}'])}]"
    switch: dict[str, Any] = {"nargs": "?", "const": "true"} if field.annotation is bool else {}
    shape = "|".join(map(str, choices)) if choices else "true|false" if field.annotation is bool else "VALUE"
    parser.add_argument(flag(name), dest=name, help=text.replace("%", "%%"), metavar=shape, **switch)


BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
