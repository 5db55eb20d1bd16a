"""Two sets of pictures that belong together by their names."""

from pathlib import PurePosixPath

from maquette.data.pictures.folders import Images
from maquette.data.words import of_many
from maquette.settings import UserError


def matched(first: Images, second: Images, folder: str) -> tuple[Images, Images, list[str]]:
    """Both sets, only with pictures of the same name (whatever the ending) and size in both; and what was left out.

    `folder` names the second set in the `UserError` where no two fit.
    """
    here, there = _numbers(first), _numbers(second)
    both = [name for name in here if name in there]
    alone = [name for name in here if name not in there] + [name for name in there if name not in here]
    is_fitting = {name: _size(first, here[name]) == _size(second, there[name]) for name in both}
    fitting, unequal = ([name for name in both if is_fitting[name] is wanted] for wanted in (True, False))
    notes = []
    if alone:
        notes.append(f"{of_many(len(alone), 'picture', 'pictures')} without a partner left out: {_listed(alone)}.")
    if unequal:
        of_size = of_many(len(unequal), "picture", "pictures")
        notes.append(f"{of_size} of another size than the partner left out: {_listed(unequal)}.")
    if not fitting:
        why = f"they differ in size: {_listed(unequal)}" if unequal else f"none has the same name: {_listed(alone)}"
        raise UserError(f"{folder} holds no picture that fits one of the clean ones; {why}.")
    return first.only([here[name] for name in fitting]), second.only([there[name] for name in fitting]), notes


def _numbers(images: Images) -> dict[str, int]:
    return {str(PurePosixPath(name).with_suffix("")): number for number, name in enumerate(images.names)}


def _size(images: Images, number: int) -> tuple[int, int]:
    return images.entries[number].height, images.entries[number].width


def _listed(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
