"""Networks as other programs take them: arrays in, arrays out, each with a name, a shape and a meaning."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from maquette.models.attention import LanguageModel
from maquette.models.autoencoder import ConvAutoencoder, DenseAutoencoder
from maquette.models.classifiers import ResNet
from maquette.models.clip import CLIP
from maquette.models.encoder_decoder import Seq2Seq
from maquette.models.fields import Field, HashField
from maquette.models.gan import CourseGenerator, Generator
from maquette.models.kernels import Kernels
from maquette.models.mlp import MLP
from maquette.models.polynomial import Polynomial
from maquette.models.tabular import NeighbourTargets, TableNetwork, squared_distances
from maquette.models.variational import VAE

ROWS = (6, 1, 40)  # of a table, or pictures, that a written network is tried with
NEARLY_ALIKE = 1e-13  # by this part a row of the memory counts as farther than the one before it


class Port(NamedTuple):
    """An array that goes in or comes out; sizes of `shape` that are words are free."""

    name: str
    shape: tuple[int | str, ...]
    about: str

    def __str__(self) -> str:
        return f"`{self.name}` ({', '.join(map(str, self.shape))}), {self.about}"


@dataclass(frozen=True)
class Portable:
    """`network` takes the `inputs` and gives the `outputs`, in this order.

    examples: inputs of sizes that it takes, other sizes each time where they are free; in the first no free one is 0 or
    1. unit: by which a difference is large or small; the largest answer, at least 1, if not given.
    """

    network: nn.Module
    inputs: list[Port]
    outputs: list[Port]
    examples: Sequence[tuple[Tensor, ...]]
    unit: float | None = None


def of_curve(model: Polynomial, x: str, y: str) -> Portable:
    """A line or a polynomial, of the columns x and y."""
    reach = torch.linspace(0, 1, max(ROWS), dtype=torch.float64)
    examples = [(model.low + model.span * reach[:rows],) for rows in ROWS]
    ports = [Port("x", ("rows",), f"float64, the column {x!r}")], [Port("y", ("rows",), f"float64, {y!r}")]
    exact = copy.deepcopy(model)
    del exact.low, exact.span
    keep_exact(exact, low=model.low, span=model.span)
    return Portable(exact, *ports, examples)


def keep_exact(network: nn.Module, **numbers: float) -> None:
    """Let these be tensors of float64: an exporter takes plain numbers for float32."""
    for name, value in numbers.items():
        network.register_buffer(name, torch.tensor(value, dtype=torch.float64))


# -- tables ------------------------------------------------------------------------------------------------------------


class TableAnswer(nn.Module):
    """The members' answers (rows, members, outputs) of a network of tables, from one or both of its inputs."""

    def __init__(self, network: MLP | TableNetwork):
        super().__init__()
        self.network = network

    def members(self, first: Tensor, second: Tensor | None) -> Tensor:
        if isinstance(self.network, MLP):
            return self.network(first)[:, None]
        if self.network.numbers == 0:
            first, second = torch.zeros(len(first), 0), first
        memory = self.network.neighbours
        neighbours = None if memory is None else looked_up(memory, first)
        return self.network(first, second if second is not None else torch.zeros(len(first), 0), neighbours)


def looked_up(memory: NeighbourTargets, numbers: Tensor) -> Tensor:
    """What `memory(numbers)` gives, without its trees; of rows equally far, the first in the memory are taken."""
    count = max(memory.NEAREST)
    later = torch.arange(memory.memory, dtype=torch.float64) * NEARLY_ALIKE
    found = []
    for columns, points in zip(memory.columns, memory.points, strict=True):
        distances = squared_distances(numbers[:, columns].double(), points.double())
        nearest = (distances + distances * later + later).topk(count, largest=False).indices
        values = memory.targets[nearest]
        found += [values[:, :near].mean(1) for near in memory.NEAREST] + [values.std(1)]
    return (torch.cat(found, 1) - memory.shift) / memory.scale


class TableValue(TableAnswer):
    """A number a row and the interval around it, in the target's unit: (rows,) float64 each."""

    shift: Tensor
    scale: Tensor
    radius: Tensor

    def __init__(self, network: MLP | TableNetwork, *, shift: float, scale: float, radius: float):
        super().__init__(network)
        keep_exact(self, shift=shift, scale=scale, radius=radius)

    def forward(self, first: Tensor, second: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        members = self.members(first, second)[..., 0].double()
        value = members.mean(1)
        spread = members.std(1) + 0.1 if members.shape[1] > 1 else value * 0 + 1
        ends = value - self.radius * spread, value + self.radius * spread
        return tuple(each * self.scale + self.shift for each in (value, *ends))  # type: ignore[return-value]


class TableProbabilities(TableAnswer):
    """The probability of each class, (rows, classes)."""

    def forward(self, first: Tensor, second: Tensor | None = None) -> Tensor:
        return self.members(first, second).double().softmax(-1).mean(1).float()


def of_table(network: TableAnswer, outputs: list[Port], unit: float | None = None) -> Portable:
    """Its encoded columns are what it takes."""
    inner = network.network
    numbers = inner.inputs if isinstance(inner, MLP) else inner.numbers
    sizes = [] if isinstance(inner, MLP) else inner.category_sizes
    inputs = []
    if numbers:
        inputs.append(Port("numbers", ("rows", numbers), "float32, scaled as `encoder` tells"))
    if sizes:
        inputs.append(Port("categories", ("rows", len(sizes)), "int64, the codes that `encoder` tells"))
    chance = torch.Generator().manual_seed(0)
    examples = []
    for rows in ROWS:
        drawn = torch.randn(rows, numbers, generator=chance)
        codes = [torch.randint(size, (rows,), generator=chance) for size in sizes]
        examples.append((*([drawn] if numbers else []), *([torch.stack(codes, 1)] if sizes else [])))
    return Portable(network, inputs, outputs, examples, unit)


# -- pictures ----------------------------------------------------------------------------------------------------------


class Probabilities(nn.Module):
    """The probability of each class, (batch, classes), by each of several classifiers."""

    def __init__(self, networks: Sequence[nn.Module]):
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        return tuple(network(pictures).softmax(-1) for network in self.networks)


class ThereAndBack(nn.Module):
    """The latents of pictures, and the pictures drawn from them."""

    def __init__(self, network: DenseAutoencoder | ConvAutoencoder):
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        latents = self.network.encode(pictures)
        return latents, self.network.decode(latents)


def some_pictures(channels: int, sizes: Sequence[tuple[int, int]]) -> list[tuple[Tensor, ...]]:
    chance = torch.Generator().manual_seed(0)
    batches = (2, 1, 3)
    return [(torch.rand(n, channels, *size, generator=chance),) for n, size in zip(batches, sizes, strict=True)]


def of_pictures(model: nn.Module, channels: int) -> Portable:
    """A picture for a picture, of any size."""
    shape = ("batch", channels, "height", "width")
    given = Port("picture", shape, "float32 in 0..1, any height and width")
    answer = Port("answer", shape, "float32")
    return Portable(model, [given], [answer], some_pictures(channels, [(33, 47), (40, 56), (7, 130)]))


def of_kernels(model: Kernels) -> Portable:
    """A grey picture for what each kernel makes of it."""
    edge, words = model.size - 1, ", ".join(model.names)
    given = Port("picture", ("batch", 1, "height", "width"), "float32 in 0..1, any height and width")
    about = f"float32, {edge} pixels less each way: {words}"
    answer = Port("answers", ("batch", len(model.names), "height_inside", "width_inside"), about)
    return Portable(model, [given], [answer], some_pictures(1, [(33, 47), (40, 56), (7, 130)]))


class FieldAnswer(nn.Module):
    """Density and colour of a radiance field at places of the world that its cameras stand in.

    Where a hash grid was found empty, and outside of its cube, the density is 0, as rays have it.
    """

    middle: Tensor
    there: Tensor  # of each cell whether something may be in it; of a hash grid

    def __init__(self, field: Field):
        super().__init__()
        self.field = field
        middle = np.array(field.middle) * field.unit + np.array(field.origin)
        self.size = field.reach * field.unit
        self.register_buffer("middle", torch.tensor(middle, dtype=torch.float32))
        if isinstance(field, HashField):
            bits = np.unpackbits(field.bits.cpu().numpy(), bitorder="little")[: field.grid**3]
            self.register_buffer("there", torch.from_numpy(bits.astype(np.float32)))

    def forward(self, places: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        inner = (places - self.middle) / self.size
        density, colour = self.field(inner, directions)
        if isinstance(self.field, HashField):
            density = density * self.there[self.field.cell(inner)]
            if not self.field.is_endless:
                density = density * (inner.abs().amax(1) <= 1)
        return density / self.size, colour


def of_field(model: Field) -> Portable:
    """What is at places, and in what colour it is seen along directions."""
    inputs = [
        Port("places", ("samples", 3), "float32, in the world of the cameras"),
        Port("directions", ("samples", 3), "float32, from the camera on, of length 1"),
    ]
    outputs = [
        Port("density", ("samples",), "float32, per unit of that world"),
        Port("colour", ("samples", 3), "float32 in 0..1, red, green, blue"),
    ]
    answer, chance = FieldAnswer(model), torch.Generator().manual_seed(0)
    examples = []
    for rows in ROWS:
        inner, ways = (torch.rand(rows, 3, generator=chance) * 2 - 1 for _ in range(2))
        examples.append((answer.middle + answer.size * inner, nn.functional.normalize(ways, dim=1)))
    return Portable(answer, inputs, outputs, examples)


def of_autoencoder(model: DenseAutoencoder | ConvAutoencoder) -> Portable:
    size = model.size
    shape = ("batch", model.channels, size, size)
    outputs = [Port("latents", ("batch", model.latent), "float32"), Port("answer", shape, "float32 in 0..1")]
    examples = some_pictures(model.channels, [(size, size)] * 3)
    return Portable(ThereAndBack(model), [Port("picture", shape, "float32 in 0..1")], outputs, examples)


def of_denoiser(
    network: nn.Module, channels: int, size: int, classes: int, *, vector: int = 0, tokens: int = 0
) -> Portable:
    """What a network of diffusion expects behind noisy pictures, told their class where it knows classes, or a vector
    and tokens where it takes them."""
    shape, chance = ("batch", channels, size, size), torch.Generator().manual_seed(0)
    inputs = [
        Port("noisy", shape, "float32, picture in -1..1 + sigma noise"),
        Port("sigma", ("batch",), "float32, the noise's standard deviation, above 0"),
    ]
    if classes:
        inputs.append(Port("class", ("batch",), f"int64, a place in `classes`; {classes} for none"))
    if tokens:
        inputs.append(Port("vector", ("batch", vector), "float32, picture embedding and pooled text, 0 for nothing"))
        inputs.append(Port("tokens", ("batch", "length", tokens), "float32, states of the text tower, 0 for nothing"))
    examples = []
    for batch in (2, 1, 3):
        sigma = torch.rand(batch, generator=chance) * 3 + 0.01
        noisy = sigma.reshape(-1, 1, 1, 1) * torch.randn(batch, channels, size, size, generator=chance)
        told = [torch.randint(classes + 1, (batch,), generator=chance)] if classes else []
        if tokens:
            told = [
                torch.randn(batch, vector, generator=chance),
                torch.randn(batch, 2 + batch, tokens, generator=chance),
            ]
        examples.append((noisy, sigma, *told))
    return Portable(network, inputs, [Port("expected", shape, "float32, the picture behind the noise")], examples)


class BothWays(nn.Module):
    """Pictures to means and deviations of latents, and chosen latents to the pictures they stand for."""

    def __init__(self, network: VAE):
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        noise = torch.zeros_like(pictures).flatten(1).sum(1, keepdim=True).expand(-1, self.network.latents)
        passed = self.network(pictures, noise)
        deviation = (passed.log_deviation + passed.log_stretch).exp()
        return passed.drawn, deviation, self.network.expected(chosen)


def of_variational(model: VAE) -> Portable:
    """Both ways at once: the latents of some pictures, and pictures of some latents, as many as one likes of each."""
    size, latents = model.size, ("batch", model.latents)
    chosen = Port(
        "chosen", ("drawn", model.latents), "float32, latents to draw: standard normal numbers for new pictures"
    )
    outputs = [
        Port("mean", latents, "float32, of each latent"),
        Port("deviation", latents, "float32"),
        Port("answer", ("drawn", model.channels, size, size), "float32 in 0..1, the picture of each of `chosen`"),
    ]
    chance = torch.Generator().manual_seed(0)
    examples = [
        (*given, torch.randn(count, model.latents, generator=chance))
        for given, count in zip(some_pictures(model.channels, [(size, size)] * 3), (4, 2, 1), strict=True)
    ]
    given = Port("picture", ("batch", model.channels, size, size), "float32 in 0..1")
    return Portable(BothWays(model), [given, chosen], outputs, examples)


def of_classifiers(networks: dict[str, nn.Module], classes: int, shape: tuple[int, int, int]) -> Portable:
    """Classifiers by the names of their answers, of pictures of this shape (channels, height, width)."""
    channels, height, width = shape
    sides: tuple[int | str, int | str] = height, width
    sizes, about = [(height, width)] * 3, "float32 in 0..1"
    least = max((2 ** len(each.widths) if isinstance(each, ResNet) else 0) for each in networks.values())
    if all(isinstance(each, ResNet) for each in networks.values()):
        sides = "height", "width"
        about += f", height and width at least {least}; trained on {height} x {width}"
        sizes = [(height + least + 1, width + 2 * least + 3), (height, width), (least, least + 5)]
    given = Port("picture", ("batch", channels, *sides), about)
    outputs = [Port(name, ("batch", classes), "float32, of each class") for name in networks]
    return Portable(Probabilities(list(networks.values())), [given], outputs, some_pictures(channels, sizes))


class Drawn(nn.Module):
    """Pictures in 0..1 from latents, and from classes where there are any."""

    def __init__(self, network: Generator | CourseGenerator):
        super().__init__()
        self.network = network

    def forward(self, latents: Tensor, classes: Tensor | None = None) -> Tensor:
        return self.network(latents, classes).add(1).div(2)


def of_generator(model: Generator | CourseGenerator) -> Portable:
    """Pictures from standard normal numbers, and from the places of classes where there are any."""
    count, chance = getattr(model, "classes", 0), torch.Generator().manual_seed(0)
    inputs = [Port("latents", ("batch", model.latents), "float32, standard normal")]
    inputs += [Port("classes", ("batch",), f"int64, below {count}")] if count else []
    examples: list[tuple[Tensor, ...]] = []
    for rows in (2, 1, 3):
        latents = torch.randn(rows, model.latents, generator=chance)
        examples.append((latents, torch.arange(rows) % count) if count else (latents,))
    shape = ("batch", model.channels, model.size, model.size)
    return Portable(Drawn(model), inputs, [Port("picture", shape, "float32 in 0..1")], examples)


# -- pictures and text -----------------------------------------------------------------------------------------------


def of_clip(model: CLIP) -> Portable:
    """Both towers; who wants one of them gives the other a single row of zeros."""
    size, chance = model.size, torch.Generator().manual_seed(0)
    picture = Port("pictures", ("pictures", 3, size, size), "float32 in 0..1, what is transparent on white")
    tokens = Port(
        "tokens",
        ("texts", model.context),
        "int64, of `tokenizer` in small letters; a text ends, and is filled up, with 0",
    )
    outputs = [
        Port("picture_embeddings", ("pictures", model.numbers), "float32 of length 1"),
        Port(
            "text_embeddings",
            ("texts", model.numbers),
            f"float32 of length 1; probabilities are softmax({float(model.scale.detach()):.6g} x products)",
        ),
    ]
    examples = []
    for count, said in ((3, 2), (1, 4), (2, 1)):
        words = torch.randint(1, model.vocabulary, (said, model.context), generator=chance)
        words[:, -1] = 0
        words[0, model.context // 2 :] = 0
        examples.append((torch.rand(count, 3, size, size, generator=chance), words))
    return Portable(model, [picture, tokens], outputs, examples)


# -- text --------------------------------------------------------------------------------------------------------------


def of_encoder_decoder(model: Seq2Seq) -> Portable:
    """What follows each place of a target, for a source; to write, begin with the start and go on a token at a time."""
    about = f"int64, tokens 0 to {model.vocabulary - 1}, at most {model.context} of them"
    inputs = [
        Port("source", ("texts", "read"), about),
        Port("target", ("texts", "written"), f"{about}; each begins with the start, {model.start}"),
    ]
    outputs = [
        Port("logits", ("texts", "written", model.vocabulary), "float32, of the token that follows each of the target")
    ]
    sizes = [(2, 5, 7), (1, min(9, model.context), 3), (3, 4, min(12, model.context))]
    examples = [
        tuple(torch.arange(rows * places).view(rows, places) % model.vocabulary for places in (read, said))
        for rows, read, said in sizes
    ]
    return Portable(model, inputs, outputs, examples)


def of_language_model(model: LanguageModel) -> Portable:
    """The logits of what follows each token."""
    most, chance = model.context, torch.Generator().manual_seed(0)
    lengths = [max(2, most // 2), most, 1] if most > 2 else [most]
    length: int | str = "length" if most > 2 else most
    given = Port("tokens", ("batch", length), f"int64, numbers of the vocabulary; length 1 to {most}")
    logits = Port("logits", ("batch", length, model.vocabulary), "float32, of the token after each")
    examples = [
        (torch.randint(model.vocabulary, (batch, size), generator=chance),)
        for batch, size in zip((2, 1, 3), lengths, strict=False)
    ]
    return Portable(model, [given], [logits], examples)
