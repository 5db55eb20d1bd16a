"""Which kernels draw and train splats: those of the graphics card, or those of the processor."""

from types import ModuleType

from maquette.kernels import compile_first, cuda, training


def of_splats(device: str = "auto") -> ModuleType:
    """What draws and trains splats on a device, `cpu` or another: by gsplat on a card, where both are there, else here.

    A module with `Studio`, `learn`, `move`, `held`, `draw` and `memory`, compiled already; DEVICE and DRAWN_BY say
    where it works.
    """
    if device != "cpu" and cuda.is_there():
        return cuda
    compile_first(training.__name__)
    return training
