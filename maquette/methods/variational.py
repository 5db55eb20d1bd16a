"""What variational methods are made of: divergences, likelihoods of pictures, bounds on a probability from weights.

A variational autoencoder makes -log p(x) small through a bound, Kingma and Welling 2014, equation (3):

    -log p(x) <= -E_q(z|x)[log p(x|z)] + KL(q(z|x) || p(z)),

and many draws of z make the bound tighter, Burda et al. 2016, equation (8). All in nats; nothing here knows a network.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

LEAST_LOG_SCALE = -7.0  # a tenth of a step of 256


def kl_to_standard(mean: Tensor, log_deviation: Tensor) -> Tensor:
    """KL(N(mean, deviation^2) || N(0, 1)) of each number; Kingma and Welling 2014, appendix B."""
    return 0.5 * (mean.square() + (2 * log_deviation).exp() - 1) - log_deviation


def bernoulli(logits: Tensor, pictures: Tensor) -> Tensor:
    """log p of pictures in 0..1 (N, ...), a coin for each pixel: (N,). The course's cross entropy with its sign turned.

    log p = x log s + (1 - x) log(1 - s) with s = sigmoid(logit); a probability where every pixel is 0 or 1.
    """
    return -F.binary_cross_entropy_with_logits(logits, pictures, reduction="none").flatten(1).sum(1)


def discretised_logistic(parameters: Tensor, pictures: Tensor) -> Tensor:
    """log p of pictures of 256 steps in 0..1, (N, C, ...): (N,); Kingma et al. 2016, equation (21).

    parameters (N, 2 or 3, C, ...): means and logarithms of scales. With a third, of three colours, the means of green
    and blue follow what red, and red and green, turned out to be, by its slopes; Salimans et al. 2017, equation (3).
    """
    means = parameters[:, 0]
    if parameters.shape[1] == 3:
        values, slopes = pictures * 2 - 1, torch.tanh(parameters[:, 2])
        green = means[:, 1] + slopes[:, 0] * values[:, 0]
        blue = means[:, 2] + slopes[:, 1] * values[:, 0] + slopes[:, 2] * values[:, 1]
        means = torch.stack([means[:, 0], green, blue], 1)
    return logistic_steps(means, parameters[:, 1].clamp(min=LEAST_LOG_SCALE), pictures).flatten(1).sum(1)


def logistic_steps(mean: Tensor, log_scale: Tensor, pictures: Tensor) -> Tensor:
    """log p of each pixel of 256 steps: the mass that a logistic distribution in -1..1 has on its step.

    The darkest and the brightest step have all that lies beyond.
    """
    values = pictures * 2 - 1
    narrow = (-log_scale).exp()
    above = (values - mean + 1 / 255) * narrow
    below = (values - mean - 1 / 255) * narrow
    # sigmoid(a) - sigmoid(b) = (1 - exp(b - a)) sigmoid(a) sigmoid(-b), which keeps its digits in both tails
    inside = F.logsigmoid(above) + F.logsigmoid(-below) + torch.log(-torch.expm1(-(2 / 255) * narrow))
    darkest, brightest = values < -0.999, values > 0.999
    return torch.where(darkest, F.logsigmoid(above), torch.where(brightest, F.logsigmoid(-below), inside))


LIKELIHOODS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "bernoulli": lambda parameters, pictures: bernoulli(parameters[:, 0], pictures),
    "logistic": discretised_logistic,
}  # log p of pictures (N, C, H, W) by the parameters of their pixels (N, P, C, H, W): (N,)


def drawn_divergence(drawn: Tensor, noise: Tensor, log_deviation: Tensor, log_stretch: Tensor) -> Tensor:
    """log q - log p of each latent that was drawn, (N, L): the divergence, in the mean over draws.

    For a prior that is learned: q draws mean + deviation noise, which becomes `drawn`, standard normal by the prior and
    longer by e^log_stretch.
    """
    return 0.5 * (drawn.square() - noise.square()) - log_deviation - log_stretch


class Variational(Protocol):
    """A network that pictures go through: `look` once, then `answer` to what was seen, for each draw of noise.

    answer(*look(pictures), noise (N, latents)): means and logarithms of deviations of the latents, their draws, which
    are standard normal by the prior, and the logarithms of their stretch, (N, latents); the parameters of the pixels.
    """

    def look(self, pictures: Tensor) -> tuple[Tensor, ...]: ...

    def answer(self, *seen_and_noise: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]: ...


@torch.no_grad()
def log_weights(
    model: Variational,
    pictures: Tensor,
    draws: int,
    noise: Callable[[int, int, int], Tensor],
    likelihood: Callable[[Tensor, Tensor], Tensor],
    at_once: int = 250,
) -> Tensor:
    """log p(x, z) / q(z|x) of several draws of z for each picture: (draws, N).

    noise(start, stop, n): standard normal numbers for these draws of n pictures, (stop - start, n, latents), asked for
    piece by piece; likelihood(pixels, pictures): (N,).
    """
    columns = []
    for some in pictures.split(at_once):
        seen, count = model.look(some), len(some)
        pieces, group = [], max(1, at_once // count)
        for start in range(0, draws, group):
            each = min(group, draws - start)
            drawn = noise(start, start + each, count).flatten(0, 1)
            repeated = [part.repeat(each, *[1] * (part.dim() - 1)) for part in seen]
            _, log_deviation, latents, log_stretch, pixels = model.answer(*repeated, drawn)
            log_likelihood = likelihood(pixels, some.repeat(each, 1, 1, 1))
            paid = drawn_divergence(latents, drawn, log_deviation, log_stretch).sum(1)
            pieces.append((log_likelihood - paid).view(each, count))
        columns.append(torch.cat(pieces))
    return torch.cat(columns, 1)


def weighted_bound(log_weights: Tensor) -> Tensor:
    """The importance-weighted bound on log p(x), Burda et al. 2016, equation (8): (draws, N) to (N,).

    log of the mean of p(x, z) / q(z|x) over draws of z from q; one draw gives a draw of the ELBO.
    """
    return log_weights.logsumexp(0) - math.log(len(log_weights))


def weighted_bounds(log_weights: Tensor, counts: Sequence[int]) -> dict[int, Tensor]:
    """The bound with each of several numbers of draws, each the mean over all groups of so many of the draws given.

    (draws, N) to (N,) for each of `counts` that is no more than the draws.
    """
    draws, pictures = log_weights.shape
    found = {}
    for count in counts:
        if count <= draws:
            groups = log_weights[: draws // count * count].view(-1, count, pictures)
            found[count] = (groups.logsumexp(1) - math.log(count)).mean(0)
    return found


def effective_draws(log_weights: Tensor) -> Tensor:
    """How many equal weights would be worth as much as these, Kong 1992: (draws, N) to (N,), 1..draws."""
    weights = log_weights.softmax(0)
    return 1 / weights.square().sum(0)


def bits_per_dimension(nats: Any, dimensions: int) -> Any:
    """Nats a picture of so many numbers, as bits a number."""
    return nats / (dimensions * math.log(2))
