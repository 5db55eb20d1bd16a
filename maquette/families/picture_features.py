"""What made pictures are judged by: a few numbers of each that a classifier of our own, or a network on disk, gives."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from maquette.families.classifiers import floats, optimizer_of
from maquette.families.generating import Pictures
from maquette.models.classifiers import ResNet
from maquette.settings import UserError
from maquette.training import Batches, update, warm_cosine

BATCH = 128
LEARNING_RATE = 0.01
MOST_EPOCHS = 20
AT_ONCE = 250  # pictures asked together: more no longer fit the processor's cache
SEED = 0  # of the network: the same in every run, so that runs on the same pictures can be compared

Features = Callable[[Tensor], np.ndarray]  # uint8 (N, C, H, W) to (N, D) float64


class OwnFeatures:
    """The last hidden layer of a small residual network, shifted and scaled so that known ones have mean 0, spread 1.

    It learns the classes of `known` by looking at about `seen` pictures, 20 rounds at most; without classes it stays as
    chance made it, but for the mean and the spread of each layer on these pictures.
    """

    def __init__(self, known: Pictures, classes: int, *, seen: int, device: torch.device):
        self.device = device
        self.is_learnt = known.classes is not None and classes > 1
        if self.is_learnt:
            self.network = taught(known, classes, seen=seen, device=device)
        else:
            self.network = settled(known.pictures[:1000], device)
        found = asked(self.network.hidden, known.pictures[:1000], device)
        self.middle, self.unit = found.mean(0), float(found.std(0).mean()) or 1.0

    def __call__(self, pictures: Tensor) -> np.ndarray:
        return (asked(self.network.hidden, pictures, self.device) - self.middle) / self.unit

    def classes_of(self, pictures: Tensor) -> np.ndarray:
        """The likeliest class of each, (N,)."""
        return asked(self.network, pictures, self.device).argmax(1)


@torch.no_grad()
def asked(what: Callable[[Tensor], Tensor], pictures: Tensor, device: torch.device) -> np.ndarray:
    """What a network, or a layer of it, gives of pictures, uint8 (N, C, H, W): (N, D) float64."""
    pieces = (pictures[start : start + AT_ONCE] for start in range(0, len(pictures), AT_ONCE))
    return np.concatenate([what(dealt(some.to(device))).double().cpu().numpy() for some in pieces])


def dealt(pictures: Tensor) -> Tensor:
    """uint8 pictures as floats in 0..1; of large ones the pixels of each square dealt to as many channels."""
    factor = dealing(pictures.shape[-1])
    given = floats(pictures)
    return given if factor == 1 else nn.functional.pixel_unshuffle(given, factor)


def dealing(size: int) -> int:
    """The side of these squares: the largest that divides `size` and leaves 28 pixels or more."""
    return max(factor for factor in range(1, max(1, size // 28) + 1) if size % factor == 0)


def network_for(pictures: Tensor, classes: int) -> ResNet:
    """A residual network of a hundred thousand weights, with 64 numbers at its end, as chance makes it from SEED."""
    _, channels, _, size = pictures.shape
    factor = dealing(size)
    stages = max(2, min(5, round(math.log2(size / factor / 4))))
    widths = [*[8, 16, 32, 32][: stages - 1], 64]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        blocks = [0, *[1] * (stages - 1)]
        return ResNet(channels=channels * factor**2, classes=max(classes, 2), widths=widths, blocks=blocks)


def taught(known: Pictures, classes: int, *, seen: int, device: torch.device) -> ResNet:
    """A classifier that has looked at about `seen` pictures, 20 rounds at most; in evaluation mode."""
    assert known.classes is not None
    network = network_for(known.pictures, classes).to(device)
    pictures, answers = known.pictures.to(device), known.classes.to(device)
    batches, optimizer = Batches(len(known), BATCH, SEED), optimizer_of(network, LEARNING_RATE)
    steps = max(1, min(seen // batches.batch_size, MOST_EPOCHS * len(batches)))
    network.train()
    for step in range(steps):
        rows = next(batches)
        optimizer.learning_rate = LEARNING_RATE * warm_cosine(step / steps)
        update(optimizer, nn.functional.cross_entropy(network(dealt(pictures[rows])), answers[rows]))
    return network.eval()


@torch.no_grad()
def settled(pictures: Tensor, device: torch.device) -> ResNet:
    """The network as chance made it, each layer brought to mean 0 and spread 1 on these pictures."""
    network = network_for(pictures, 0).to(device)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0  # what it remembers is of these pictures alone
    network.train()
    network(dealt(pictures.to(device)))
    return network.eval()


class FileFeatures:
    """Features of a network on disk, as Inception's of FID: an ONNX file that takes pictures and gives (N, D).

    It gets whole numbers 0..255 where it asks for uint8, else 0..1; three channels, first or last as it says; and
    pictures stretched to its side, bilinearly, where it has one. Its first output counts, flattened.
    """

    def __init__(self, path: Path):
        try:
            import onnxruntime
        except ImportError:
            raise UserError("--features needs onnxruntime: pip install 'maquette[onnx]'") from None
        if not path.is_file():
            raise UserError(f"--features {path}: there is no such file.")
        try:
            self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        except Exception as error:
            line = next(iter(str(error).splitlines()), "")
            raise UserError(f"--features {path} cannot be read as an ONNX file: {line[:200]}") from None
        asked = self.session.get_inputs()
        if len(asked) != 1 or len(asked[0].shape) != 4:
            raise UserError(f"--features {path}: the network must take one batch of pictures (N, C, H, W).")
        self.path, self.name, shape = path, asked[0].name, asked[0].shape
        self.is_whole, self.is_last = "uint8" in asked[0].type, shape[3] == 3 and shape[1] != 3
        height, width = shape[1:3] if self.is_last else shape[2:4]
        self.size = (height, width) if isinstance(height, int) and isinstance(width, int) else None

    def __call__(self, pictures: Tensor) -> np.ndarray:
        pieces = (pictures[start : start + 50] for start in range(0, len(pictures), 50))
        return np.concatenate([self._asked(some) for some in pieces])

    def _asked(self, pictures: Tensor) -> np.ndarray:
        count, channels = pictures.shape[:2]
        numbers = pictures.float().expand(-1, 3, -1, -1) if channels == 1 else pictures.float()
        if self.size:
            numbers = nn.functional.interpolate(numbers, self.size, mode="bilinear", align_corners=False)
        given = numbers.round().to(torch.uint8) if self.is_whole else numbers / 255
        given = given.permute(0, 2, 3, 1) if self.is_last else given
        try:
            answer = self.session.run(None, {self.name: np.ascontiguousarray(given.numpy())})[0]
        except Exception as error:
            line = next(iter(str(error).splitlines()), "")
            raise UserError(f"--features {self.path} does not take these pictures: {line[:200]}") from None
        return np.asarray(answer, np.float64).reshape(count, -1)
