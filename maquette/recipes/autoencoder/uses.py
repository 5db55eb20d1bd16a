"""Pictures to a table of latents, and such a table back to pictures."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
import torch

from maquette.data.pictures.files import Picture, to_channels
from maquette.data.pictures.ranges import range_in
from maquette.data.pictures.small import fit_square
from maquette.data.tables.columns import check_columns
from maquette.data.tables.kinds import convert
from maquette.families.settings import PictureOptions
from maquette.media import in_batches
from maquette.media.table import with_names
from maquette.settings import Options, UserError
from maquette.trained import Trained

AT_ONCE = 250  # pictures asked together: more no longer fit the processor's cache


def encode(trained: Trained, inputs: Iterable[Picture], options: PictureOptions) -> Iterator[pd.DataFrame]:
    """Pictures, cut square and shrunk, to rows `latent_1` and so on."""
    size, channels = trained.processing["size"], trained.processing["channels"]
    scaled = (one.in_range(range_in(trained.processing)) for one in inputs)
    fitted = (Picture(fit_square(to_channels(one.pixels, channels), size), name=one.name) for one in scaled)
    for some in in_batches(fitted, AT_ONCE):
        pictures = torch.from_numpy(np.stack([one.pixels.transpose(2, 0, 1) for one in some]))
        latents = trained.model.encode(pictures).numpy()
        yield with_names(pd.DataFrame(latents, columns=names_of(latents.shape[1])), some)


def decode(trained: Trained, inputs: Iterable[pd.DataFrame], options: Options) -> Iterator[Picture]:
    """Rows of latents to pictures in 0..1, named by the column `file` if there is one, by their number if not."""
    names, above = names_of(trained.processing["latents"]), 0
    for table in inputs:
        check_columns([str(name) for name in table.columns], names)
        latents = convert(table, dict.fromkeys(names, "number")).to_numpy(np.float32)
        for row, column in np.argwhere(~np.isfinite(latents))[:1]:
            raise UserError(
                f"Row {above + row + 1} of the column {names[column]!r} is no finite number; every latent needs one."
            )
        numbers = range(above + 1, above + len(table) + 1)
        files = list(table["file"].astype(str)) if "file" in table else [f"{number:05d}" for number in numbers]
        for start in range(0, len(table), AT_ONCE):
            drawn = trained.model.decode(torch.from_numpy(latents[start : start + AT_ONCE].copy()))
            pixels = drawn.permute(0, 2, 3, 1).numpy()
            for name, one in zip(files[start : start + AT_ONCE], pixels, strict=True):
                yield Picture(one, name=name)
        above += len(table)


def names_of(latents: int) -> list[str]:
    """The columns of a table of latents."""
    return [f"latent_{number + 1}" for number in range(latents)]
