"""Variational autoencoders: pictures to normal distributions of latents, and latents to pictures.

Every latent is standard normal by the prior, whatever lies between it and the picture: draws of the prior are
`torch.randn(N, latents)`. Pictures are (N, C, size, size) float32 in 0..1. What `decode` gives are the parameters of
each pixel's distribution, (N, parameters, C, size, size): one logit, or means and logarithms of scales, and with
colours the three slopes by which a colour follows those before it.
"""

import math
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEAST, MOST = -7.0, 3.0  # logarithms of deviations


class Passed(NamedTuple):
    """What becomes of N pictures: each latent's distribution, what was drawn from it, and what the pixels are like.

    mean, log_deviation (N, latents): of what is drawn; drawn (N, latents): that by the prior's measure, in which it is
    standard normal; log_stretch (N, latents): the logarithm of how much longer it is by that measure, 0 where nothing
    lies between; pixels: (N, parameters, C, size, size).
    """

    mean: Tensor
    log_deviation: Tensor
    drawn: Tensor
    log_stretch: Tensor
    pixels: Tensor


def parameters_of(likelihood: str, channels: int) -> int:
    """How many numbers tell the distribution of a pixel's colour."""
    return 1 if likelihood == "bernoulli" else 2 + (channels == 3)


def expected(likelihood: str, parameters: Tensor) -> Tensor:
    """The picture that the parameters (N, P, C, H, W) expect, (N, C, H, W) in 0..1."""
    if likelihood == "bernoulli":
        return parameters[:, 0].sigmoid()
    red, *others = parameters[:, 0].clamp(-1, 1).unbind(1)
    if parameters.shape[1] == 3:
        slopes, (green, blue) = torch.tanh(parameters[:, 2]), parameters[:, 0, 1:].unbind(1)
        green = (green + slopes[:, 0] * red).clamp(-1, 1)
        others = [green, (blue + slopes[:, 1] * red + slopes[:, 2] * green).clamp(-1, 1)]
    return (torch.stack([red, *others], 1) + 1) / 2


class VAE(nn.Module):
    """What both have in common: `look` at pictures once, then `answer` for each draw of noise (N, latents).

    levels: how many latents each level has; multiplications: by weights, that one picture takes.
    """

    levels: list[int]
    multiplications: int
    size: int
    channels: int
    likelihood: str
    parameters_each: int
    learned: int = 0  # the first so many latents have a learned prior, by which their divergence has no closed form
    bias: nn.Parameter  # of the parameters of each pixel, (parameters, C, size, size)

    @property
    def latents(self) -> int:
        """All numbers of a picture, of all levels."""
        return sum(self.levels)

    def look(self, pictures: Tensor) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def answer(self, *seen_and_noise: Tensor) -> Passed:
        raise NotImplementedError

    def decode(self, latents: Tensor) -> Tensor:
        raise NotImplementedError

    def expected(self, latents: Tensor) -> Tensor:
        """The pictures that latents stand for, (N, C, size, size) in 0..1."""
        return expected(self.likelihood, self.decode(latents))

    @torch.no_grad()
    def start_from(self, mean: Tensor, deviation: Tensor) -> None:
        """Before training: draw a picture of this mean and deviation of each number, (C, size, size) in 0..1."""
        start = torch.zeros(self.parameters_each, *mean.shape)
        if self.likelihood == "bernoulli":
            start[0] = torch.logit(mean.clamp(0.01, 0.99))
        else:
            start[0], start[1] = 2 * mean - 1, torch.log(deviation.clamp(min=0.02) * 2 * math.sqrt(3) / math.pi)
        self.bias.copy_(start)

    def forward(self, pictures: Tensor, noise: Tensor) -> Passed:
        return self.answer(*self.look(pictures), noise)

    def encode(self, pictures: Tensor) -> Tensor:
        """The most likely latents, (N, latents), without any draw."""
        noise = pictures.new_zeros(len(pictures), self.latents)
        return self.answer(*self.look(pictures), noise).drawn


class DenseVAE(VAE):
    """All pixels -> `hidden`, tanh -> mean and deviation of each latent; latents -> `hidden`, tanh -> all pixels.

    As in Kingma and Welling 2014, appendix C.
    """

    def __init__(
        self, *, size: int = 28, channels: int = 1, latent: int = 2, hidden: int = 256, likelihood: str = "bernoulli"
    ):
        super().__init__()
        self.size, self.channels, self.latent, self.hidden, self.likelihood = size, channels, latent, hidden, likelihood
        self.parameters_each = parameters_of(likelihood, channels)
        pixels = channels * size**2
        self.encoder = nn.Sequential(nn.Linear(pixels, hidden), nn.Tanh(), nn.Linear(hidden, 2 * latent))
        self.decoder = nn.Sequential(
            nn.Linear(latent, hidden), nn.Tanh(), nn.Linear(hidden, self.parameters_each * pixels, bias=False)
        )
        self.bias = nn.Parameter(torch.zeros(self.parameters_each, channels, size, size))
        self.levels = [latent]
        self.multiplications = hidden * (pixels * (1 + self.parameters_each) + 3 * latent)

    def look(self, pictures: Tensor) -> tuple[Tensor, ...]:
        mean, log_deviation = self.encoder(pictures.flatten(1) - 0.5).chunk(2, 1)
        return mean, log_deviation.clamp(LEAST, MOST)

    def answer(self, mean: Tensor, log_deviation: Tensor, noise: Tensor) -> Passed:  # type: ignore[override]
        drawn = mean + log_deviation.exp() * noise
        return Passed(mean, log_deviation, drawn, torch.zeros_like(drawn), self.decode(drawn))

    def decode(self, latents: Tensor) -> Tensor:
        return self.decoder(latents).view(-1, *self.bias.shape) + self.bias


class Couplings(nn.Module):
    """A learned prior: numbers (N, count) to as many standard normal ones, and back; Dinh et al. 2017, equation (7).

    Each of the `layers` shifts and stretches one half of the numbers by what a small network makes of the other half,
    b <- (b - t(a)) exp(s(a)), the halves in turn. At the start nothing is changed.
    """

    MOST = 1.5  # of the logarithm of a layer's stretch

    def __init__(self, *, count: int = 32, layers: int = 4, hidden: int = 64):
        super().__init__()
        self.halves = [(count + 1) // 2, count // 2]
        self.networks = nn.ModuleList()
        for layer in range(layers):
            given, moved = self.halves if layer % 2 == 0 else self.halves[::-1]
            last = nn.Linear(hidden, 2 * moved)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            self.networks.append(
                nn.Sequential(nn.Linear(given, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), last)
            )

    def forward(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """The standard normal numbers, and the logarithm of what each was stretched by, (N, count)."""
        halves = list(numbers.split(self.halves, 1))
        stretched = [torch.zeros_like(half) for half in halves]
        for layer, network in enumerate(self.networks):
            given, moved = layer % 2, 1 - layer % 2
            shift, log_stretch = self.moves(network, halves[given])
            halves[moved] = (halves[moved] - shift) * log_stretch.exp()
            stretched[moved] = stretched[moved] + log_stretch
        return torch.cat(halves, 1), torch.cat(stretched, 1)

    def back(self, normal: Tensor) -> Tensor:
        """The numbers that `forward` makes these of."""
        halves = list(normal.split(self.halves, 1))
        for layer in reversed(range(len(self.networks))):
            given, moved = layer % 2, 1 - layer % 2
            shift, log_stretch = self.moves(self.networks[layer], halves[given])
            halves[moved] = halves[moved] * (-log_stretch).exp() + shift
        return torch.cat(halves, 1)

    def moves(self, network: nn.Module, half: Tensor) -> tuple[Tensor, Tensor]:
        shift, log_stretch = network(half).chunk(2, 1)
        return shift, self.MOST * torch.tanh(log_stretch)


class Residual(nn.Module):
    """x + convolution(relu(x)), in maps (N, width, side, side)."""

    def __init__(self, width: int):
        super().__init__()
        self.convolution = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.convolution(F.relu(maps))


class ConvVAE(VAE):
    """Two levels of latents over patches of pixels: `latent` numbers for the picture, `details` for each patch.

    The picture is cut into patches of `patch` x `patch` pixels, so that all convolutions work on few places with many
    channels. Upward, `depth` convolutions read them; the numbers z are read from all of it, whose prior is learned:
    `couplings` layers make them standard normal latents. Downward, z is unfolded to maps; the details of each patch are
    read from these and what went up, and have a prior that z sets: p(y | z) = N(m(z), s(z)^2), as in a ladder (Sonderby
    et al. 2016), with y = m + s e and e the latent here, whose posterior is told relative to that prior (Vahdat and
    Kautz 2020, equation 2).
    """

    def __init__(
        self,
        *,
        size: int = 28,
        channels: int = 1,
        latent: int = 32,
        details: int = 2,
        width: int = 64,
        depth: int = 2,
        patch: int = 4,
        couplings: int = 4,
        likelihood: str = "bernoulli",
    ):
        super().__init__()
        assert size % patch == 0
        self.size, self.channels, self.latent, self.details = size, channels, latent, details
        self.width, self.depth, self.patch, self.couplings = width, depth, patch, couplings
        self.likelihood, self.learned = likelihood, latent if couplings else 0
        self.parameters_each = parameters_of(likelihood, channels)
        self.side = size // patch
        pixels, everything = channels * patch**2, self.side**2 * width

        def stack(depth: int) -> nn.Sequential:
            return nn.Sequential(*(Residual(width) for _ in range(depth)))

        self.patches_in = nn.Conv2d(channels, width, patch, patch)
        self.up = stack(depth)
        self.read = nn.Linear(everything, 2 * latent)
        self.latent_prior = Couplings(count=latent, layers=couplings if latent > 1 else 0)
        self.unfold = nn.Linear(latent, everything)
        self.down = stack(depth)
        self.prior = nn.Conv2d(width, 2 * details, 1)
        self.posterior = nn.Conv2d(2 * width, 2 * details, 1)
        self.add = nn.Conv2d(details, width, 1)
        self.draw = stack(depth)
        self.patches_out = nn.Conv2d(width, self.parameters_each * pixels, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(self.parameters_each, channels, size, size))
        self.levels = [latent, details * self.side**2]
        layers = [each for each in self.modules() if isinstance(each, nn.Conv2d)]
        self.multiplications = 3 * latent * everything + self.side**2 * sum(each.weight.numel() for each in layers)
        for layer in (self.read, self.prior, self.posterior):
            nn.init.normal_(layer.weight, std=0.1 / math.sqrt(layer.weight[0].numel()))
            nn.init.zeros_(cast(Tensor, layer.bias))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def look(self, pictures: Tensor) -> tuple[Tensor, ...]:
        up = F.relu(self.up(self.patches_in(pictures - 0.5)))
        mean, log_deviation = self.read(up.flatten(1)).chunk(2, 1)
        return up, mean, log_deviation.clamp(LEAST, MOST)

    def answer(self, up: Tensor, mean: Tensor, log_deviation: Tensor, noise: Tensor) -> Passed:  # type: ignore[override]
        noise, more_noise = noise.split(self.levels, 1)
        numbers = mean + log_deviation.exp() * noise
        drawn, log_stretch = self.latent_prior(numbers)
        down = self.downward(numbers)
        more_mean, more_log = self.posterior(torch.cat([up, F.relu(down)], 1)).flatten(1).chunk(2, 1)
        more_log = more_log.clamp(LEAST, MOST)
        more = more_mean + more_log.exp() * more_noise
        return Passed(
            torch.cat([mean, more_mean], 1),
            torch.cat([log_deviation, more_log], 1),
            torch.cat([drawn, more], 1),
            torch.cat([log_stretch, torch.zeros_like(more)], 1),
            self.pixels(down, more),
        )

    def downward(self, numbers: Tensor) -> Tensor:
        maps = self.unfold(numbers).view(-1, self.side, self.side, self.width).permute(0, 3, 1, 2)
        return self.down(maps)

    def pixels(self, down: Tensor, more: Tensor) -> Tensor:
        mean, log_deviation = self.prior(F.relu(down)).chunk(2, 1)
        values = mean + log_deviation.clamp(LEAST, MOST).exp() * more.view(-1, self.details, self.side, self.side)
        out = self.patches_out(F.relu(self.draw(down + self.add(values))))
        return F.pixel_shuffle(out, self.patch).view(-1, *self.bias.shape) + self.bias

    def decode(self, latents: Tensor) -> Tensor:
        first, more = latents.split(self.levels, 1)
        return self.pixels(self.downward(self.latent_prior.back(first)), more)
