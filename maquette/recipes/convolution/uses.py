"""Pictures through a kernel, and a plan of layers explained."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import nn

from maquette.data.pictures.files import Picture
from maquette.families.blocks import Block, on_each
from maquette.methods.convolution import Window
from maquette.recipes.convolution.data import REACH, SIGNED, TASKS, hand_made
from maquette.recipes.convolution.report import explained
from maquette.recipes.convolution.settings import FilterOptions
from maquette.settings import Options, UserError
from maquette.trained import Trained


def filter(trained: Trained, inputs: Iterable[Picture], options: FilterOptions) -> Iterator[Picture]:
    """Each channel of each picture through the kernel; of edges and outlines, how strong they are."""
    kernels = trained.model.weight if options.made == "learnt" else hand_made()
    kernel = kernels[TASKS.index(options.kernel)][None].float()
    padding = options.padding or 0
    window = Window(REACH, options.stride, padding, options.dilation, options.transposed)
    edge = options.dilation if options.padding is None and not options.transposed else 0
    apply = nn.functional.conv_transpose2d if options.transposed else nn.functional.conv2d
    for picture in inputs:
        height, width = (side + 2 * edge for side in picture.pixels.shape[:2])
        if min(window.output(height), window.output(width)) < 1:
            of = f"{picture.name or 'the picture'}, {width} x {height} pixels"
            raise UserError(f"A kernel of {window.told()} leaves nothing of {of}.")
        around = ((edge, edge), (edge, edge), (0, 0))
        pixels = torch.from_numpy(np.pad(picture.pixels, around, mode="edge")).float()
        channels = pixels.shape[2]
        # channels stay last in memory, where torch is ten times faster with one kernel for each
        weights = kernel.expand(channels, *kernel.shape[1:]).contiguous(memory_format=torch.channels_last)
        made = apply(
            pixels.permute(2, 0, 1)[None],
            weights,
            stride=options.stride,
            padding=padding,
            dilation=options.dilation,
            groups=channels,
        )[0].permute(1, 2, 0)
        made = made.abs() if options.kernel in SIGNED else made
        yield picture.answered(made.contiguous().numpy())


def explain(trained: Trained, inputs: Iterable[str], options: Options) -> Iterator[Block]:
    """What each layer of a plan makes of a picture of the run's size: sides, fields, weights."""
    return on_each(inputs, lambda text: list(explained(text, trained.processing)))
