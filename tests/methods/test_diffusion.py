"""Diffusion against closed forms: marginal, posterior, samplers of known densities, values of diffusers."""

import numpy as np
import pytest
import torch

from maquette.methods.diffusion import (
    Chain,
    ancestral,
    cosine_betas,
    ddim,
    ddpm,
    dpm,
    fill,
    heun,
    karras_levels,
    linear_betas,
    sample,
    scaling,
)

CHAIN = Chain(linear_betas())
START = torch.linspace(-1.5, 1.5, 4, dtype=torch.float64).reshape(1, 1, 1, 4)
NOISE = torch.linspace(-1, 1, 4, dtype=torch.float64).reshape(1, 1, 1, 4)
MEAN, SPREAD = 0.3, 0.6  # of the pictures whose exact denoiser is known


def no_chance():
    raise AssertionError("this sampler draws nothing")


def exact(x, sigma):
    """What is expected behind x where pictures are normal with MEAN and SPREAD."""
    sigma = sigma.reshape(-1, 1, 1, 1)
    return (SPREAD**2 * x + sigma**2 * MEAN) / (SPREAD**2 + sigma**2)


def last(stages):
    return list(stages)[-1].noisy


# -- the chain ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("betas", [linear_betas(), cosine_betas(), linear_betas(10, 0.1, 0.5)])
def test_the_marginal_is_what_the_chain_comes_to_step_by_step(betas):
    """x_t = sqrt(1 - beta) x_t-1 + sqrt(beta) z, by its mean and variance."""
    chain, scale, variance = Chain(betas), 1.0, 0.0
    for t, beta in enumerate(betas, 1):
        scale, variance = scale * (1 - beta) ** 0.5, (1 - beta) * variance + beta
        assert chain.marginal(t) == pytest.approx((scale, variance), rel=1e-9)
    picture, noise = torch.tensor([0.5]), torch.tensor([2.0])
    assert float(chain.noised(picture, 3, noise)) == pytest.approx(
        chain.marginal(3)[0] * 0.5 + chain.marginal(3)[1] ** 0.5 * 2
    )
    assert chain.sigmas[3] == pytest.approx(chain.marginal(3)[1] ** 0.5 / chain.marginal(3)[0])


@pytest.mark.parametrize("t", [1, 2, 500, 1000])
def test_the_posterior_is_bayes(t):
    """q(x_t-1 | x_t, x_0) is proportional to q(x_t | x_t-1) q(x_t-1 | x_0): two normal densities of x_t-1."""
    picture, noisy = 0.4, -0.7
    of_picture, of_noisy, variance = CHAIN.posterior(t)
    beta = CHAIN.betas[t - 1]
    scale, prior = CHAIN.marginal(t - 1)
    if t == 1:
        assert variance == 0 and of_picture * picture + of_noisy * noisy == pytest.approx(picture)
        return
    precision = (1 - beta) / beta + 1 / prior
    mean = ((1 - beta) ** 0.5 * noisy / beta + scale * picture / prior) / precision
    assert variance == pytest.approx(1 / precision)
    assert of_picture * picture + of_noisy * noisy == pytest.approx(mean)


def test_a_shorter_chain_has_some_of_the_marginals():
    short = CHAIN.shorter(20)
    assert short.steps == 20 and short.kept[-1] == pytest.approx(CHAIN.kept[-1])
    assert all(np.isclose(kept, CHAIN.kept).any() for kept in short.kept)
    assert CHAIN.shorter(1000) is CHAIN and CHAIN.shorter(5000) is CHAIN


def test_cosine_betas_are_those_of_diffusers():
    """DDPMScheduler(beta_schedule="squaredcos_cap_v2").betas of diffusers 0.42.1, at 0, 1, 500, 998, 999."""
    betas = cosine_betas()
    assert betas[[0, 1, 500, 998, 999]] == pytest.approx([4.13e-05, 4.61e-05, 0.0031557, 0.7499994, 0.999], abs=5e-8)


# -- one step, against diffusers ---------------------------------------------------------------------------------------


def one_step(sampler, t, **options):
    """x_t-1 of START by a step of a sampler that is told the noise 0.5 sin(3 x) + 0.3 x, where chance draws NOISE."""

    class Rest(Chain):
        steps = t

    rest = Rest(CHAIN.betas)

    def denoise(x, sigma):
        scale, variance = rest.marginal(t)
        noisy = x * scale
        return (noisy - variance**0.5 * (0.5 * torch.sin(3 * noisy) + 0.3 * noisy)) / scale

    stage = next(sampler(denoise, START, rest, lambda: NOISE, **options))
    return (stage.noisy * rest.marginal(t - 1)[0]).flatten().tolist()


@pytest.mark.parametrize(
    ("t", "expected"),
    [
        (1000, [-1.657433, -0.53911, 0.53911, 1.657433]),
        (501, [-1.60831, -0.529137, 0.529137, 1.60831]),
        (2, [-1.511354, -0.498434, 0.498434, 1.511354]),
        (1, [-1.500463, -0.493537, 0.493537, 1.500463]),
    ],
)
def test_a_step_of_algorithm_2_is_that_of_diffusers(t, expected):
    """DDPMScheduler(clip_sample=False, variance_type="fixed_large") of diffusers 0.42.1, in float64, at t - 1."""
    assert one_step(ddpm, t) == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize(
    ("eta", "t", "expected"),
    [
        (0.0, 1000, [-1.515622, -0.49849, 0.49849, 1.515622]),
        (0.0, 501, [-1.507807, -0.499109, 0.499109, 1.507807]),
        (0.0, 1, [-1.500463, -0.493537, 0.493537, 1.500463]),
        (1.0, 1000, [-1.657433, -0.53911, 0.53911, 1.657433]),
        (1.0, 501, [-1.608267, -0.529122, 0.529122, 1.608267]),
        (1.0, 2, [-1.507788, -0.497245, 0.497245, 1.507788]),
    ],
)
def test_a_step_of_ddim_is_that_of_diffusers(eta, t, expected):
    """DDIMScheduler(clip_sample=False).step of diffusers 0.42.1 with 1000 steps, in float64, at t - 1."""
    assert one_step(ddim, t, eta=eta) == pytest.approx(expected, abs=2e-6)


def test_ddim_with_eta_1_is_the_posterior():
    """Its mean, given what is expected as the picture, and its variance."""
    for t in (2, 100, 1000):
        (still, _), (moved, _) = (
            torch.tensor(one_step_with(draw, t), dtype=torch.float64).chunk(2)
            for draw in (torch.zeros_like(NOISE), torch.ones_like(NOISE))
        )
        of_picture, of_noisy, variance = CHAIN.posterior(t)
        scale, _ = CHAIN.marginal(t)
        expected = exact(START / scale, torch.tensor([CHAIN.sigmas[t]])).flatten()
        assert torch.allclose(still, (of_picture * expected + of_noisy * START.flatten()))
        assert torch.allclose((moved - still) ** 2, torch.full((4,), variance, dtype=torch.float64))


def one_step_with(drawn, t):
    class Rest(Chain):
        steps = t

    stage = next(ddim(exact, START, Rest(CHAIN.betas), lambda: drawn, eta=1.0))
    moved = (stage.noisy * CHAIN.marginal(t - 1)[0]).flatten()
    return torch.cat([moved, stage.expected.flatten()]).tolist()


def test_a_step_of_ancestral_sampling_is_that_of_ddim_with_eta_1():
    """Appendix F of Song et al. 2021: the same posterior, beside pictures that keep their contrast."""
    for t in (2, 100, 1000):
        (scale, _), (scale_to, _) = CHAIN.marginal(t), CHAIN.marginal(t - 1)
        levels = [float(CHAIN.sigmas[t]), float(CHAIN.sigmas[t - 1])]
        for drawn in (torch.zeros_like(NOISE), NOISE):
            expected = one_step_with(drawn, t)[:4]
            stage = next(ancestral(exact, START / scale, levels, lambda drawn=drawn: drawn))
            assert (stage.noisy * scale_to).flatten().tolist() == pytest.approx(expected, abs=1e-9)


def test_levels_and_dpm_solver_are_those_of_diffusers():
    """EDMDPMSolverMultistepScheduler(sigma_min=0.002, sigma_max=80) of diffusers 0.42.1 with 6 steps, and what it makes
    of 80 START by the denoiser tanh(x / (1 + sigma))."""
    levels = karras_levels(6)
    assert levels == pytest.approx([79.999985, 24.408335, 5.838945, 0.965417, 0.085087, 0.002, 0.0], rel=1e-5)
    made = last(dpm(lambda x, sigma: torch.tanh(x / (1 + sigma.reshape(-1, 1, 1, 1))), 80 * START, levels))
    assert made.flatten().tolist() == pytest.approx([-0.531999, -0.37288, 0.37288, 0.531999], abs=1e-5)


# -- whole ways, of pictures whose denoiser is known -------------------------------------------------------------------


def moments_of(chain, eta=None):
    """Mean and variance that a chain's steps end with where pictures are normal, worked out step by step.

    Every step is x <- a x + b + sqrt(v) z. Algorithm 2 for eta None.
    """
    mean, variance = 0.0, 1.0
    for t in range(chain.steps, 0, -1):
        (scale, noise), (scale_to, noise_to) = chain.marginal(t), chain.marginal(t - 1)
        total = scale**2 * SPREAD**2 + noise
        gain = noise**0.5 / total  # the noise expected in x is gain (x - scale MEAN)
        *_, posterior = chain.posterior(t)
        if eta is None:
            beta = chain.betas[t - 1]
            a = (1 - beta / noise**0.5 * gain) / (1 - beta) ** 0.5
            b = beta / noise**0.5 * gain * scale * MEAN / (1 - beta) ** 0.5
            fresh = beta if t > 1 else 0.0
        else:
            fresh = eta**2 * posterior
            of_noise = max(0.0, noise_to - fresh) ** 0.5
            a = scale_to / scale * (1 - noise**0.5 * gain) + of_noise * gain
            b = (scale_to / scale * noise**0.5 - of_noise) * gain * scale * MEAN
        mean, variance = a * mean + b, a**2 * variance + fresh
    return mean, variance


@pytest.mark.parametrize("steps", [1000, 100, 20])
@pytest.mark.parametrize(("solver", "eta"), [(ddpm, None), (ddim, 0.0), (ddim, 1.0)])
def test_known_pictures_come_out_with_the_moments_that_their_steps_have(solver, eta, steps):
    chain, count = CHAIN.shorter(steps), 10_000
    generator = torch.Generator().manual_seed(0)
    options = {} if eta is None else {"eta": eta}
    noise = torch.randn(count, 1, 1, 1, generator=generator, dtype=torch.float64)
    draw = lambda: torch.randn(count, 1, 1, 1, generator=generator, dtype=torch.float64)  # noqa: E731
    made = last(solver(exact, noise, chain, draw, **options))
    mean, variance = moments_of(chain, eta)
    assert float(made.mean()) == pytest.approx(mean, abs=4 * (variance / count) ** 0.5)
    assert float(made.var()) == pytest.approx(variance, rel=4 * (2 / count) ** 0.5)
    near = {1000: 0.01, 100: 0.05, 20: 0.3}[steps]  # and the more steps, the nearer to the pictures' own
    assert (mean, variance**0.5) == pytest.approx((MEAN, SPREAD), abs=near)


@pytest.mark.parametrize(("solver", "order"), [(heun, 2), (dpm, 2)])
def test_second_order_solvers_gain_four_times_by_twice_the_steps(solver, order):
    """The way of normal pictures in closed form: x(0) = MEAN + SPREAD (x - MEAN) / sqrt(SPREAD^2 + sigma^2)."""

    def error(steps):
        levels = karras_levels(steps, 0.002, 80)[:-1]
        x = 80 * START
        start, end = (SPREAD**2 + level**2 for level in (levels[0], levels[-1]))
        true = MEAN + (x - MEAN) * (end / start) ** 0.5
        return float((last(solver(exact, x, levels)) - true).abs().max())

    errors = [error(steps) for steps in (33, 65, 129)]
    assert errors[0] < 0.02
    assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.35)
    assert errors[1] / errors[2] == pytest.approx(2**order, rel=0.35)


def test_the_way_to_noise_and_back_ends_where_it_began():
    levels = karras_levels(80)[:-1]
    pictures = torch.linspace(-1, 1, 8, dtype=torch.float64).reshape(2, 1, 2, 2)
    noisy = last(heun(exact, pictures, levels[::-1]))
    assert float(noisy.std()) > 20
    assert torch.allclose(last(heun(exact, noisy, levels)), pictures, atol=1e-3)


@pytest.mark.parametrize("solver", ["dpm", "heun", "ancestral", "ddim", "ddpm"])
@pytest.mark.parametrize("steps", [1, 2, 18, 1000])
def test_every_solver_goes_any_number_of_steps(solver, steps):
    noise = torch.zeros(2, 1, 1, 2)
    stages = list(sample(exact, noise, solver=solver, steps=steps, chain=CHAIN, draw=lambda: torch.zeros_like(noise)))
    assert len(stages) == steps and stages[-1].sigma == 0
    assert all(torch.isfinite(stage.noisy).all() and torch.isfinite(stage.expected).all() for stage in stages)
    assert torch.allclose(stages[-1].shown, stages[-1].noisy)
    assert steps < 18 or float(stages[-1].noisy.mean()) == pytest.approx(MEAN, abs=0.02)


# -- what a network predicts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prediction", ["karras", "noise", "picture", "velocity"])
def test_a_network_that_gives_its_target_makes_the_exact_denoiser(prediction):
    generator = torch.Generator().manual_seed(0)
    pictures, noise = (torch.randn(5, 2, 3, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    sigma = torch.tensor([0.002, 0.1, 1.0, 7.0, 80.0], dtype=torch.float64)
    noisy = pictures + sigma.reshape(-1, 1, 1, 1) * noise
    skip, out, _ = made = scaling(prediction, sigma, 0.5)
    target = made.target(pictures, noisy)
    assert torch.allclose(skip * noisy + out * target, pictures)
    if prediction == "noise":
        assert torch.allclose(target, noise)
    if prediction == "velocity":  # sqrt(kept) noise - sqrt(1 - kept) picture, with sigma = sqrt((1 - kept) / kept)
        kept = (1 / (1 + sigma**2)).reshape(-1, 1, 1, 1)
        assert torch.allclose(target, kept.sqrt() * noise - (1 - kept).sqrt() * pictures)


@pytest.mark.parametrize("sigma", [0.01, 0.5, 30.0])
def test_what_goes_in_and_out_of_a_network_has_variance_1_with_karras(sigma):
    generator = torch.Generator().manual_seed(0)
    pictures = 0.5 * torch.randn(20_000, 1, 1, 1, generator=generator)
    noisy = pictures + sigma * torch.randn(20_000, 1, 1, 1, generator=generator)
    made = scaling("karras", torch.full((20_000,), sigma), 0.5)
    assert float((made.into * noisy).var()) == pytest.approx(1, abs=0.04)
    assert float(made.target(pictures, noisy).var()) == pytest.approx(1, abs=0.04)


# -- holes -------------------------------------------------------------------------------------------------------------


def test_what_is_filled_in_fits_the_pixels_that_are_given():
    """Two pixels that are the same but for a little: the one that is given tells the other."""
    within, apart = 0.6, 0.1

    def pairs(x, sigma):  # the expected pictures where both pixels are m + d, m of variance within^2, d of apart^2
        noise = float(sigma[0]) ** 2
        covariance = torch.full((2, 2), within**2) + apart**2 * torch.eye(2)
        gain = torch.linalg.solve(covariance + noise * torch.eye(2), covariance)
        return (gain @ x.reshape(-1, 2, 1)).reshape(x.shape)

    count = 4000
    generator = torch.Generator().manual_seed(0)
    draw = lambda: torch.randn(count, 1, 1, 2, generator=generator)  # noqa: E731
    pictures = torch.zeros(count, 1, 1, 2)
    pictures[..., 0] = 0.8
    wanted = torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2)
    *_, stage = fill(pairs, draw(), pictures, wanted, karras_levels(30, 0.01, 80), draw, times=20)
    assert torch.equal(stage.noisy[..., 0], pictures[..., 0])
    expected = 0.8 * within**2 / (within**2 + apart**2)  # of a normal distribution, given the other
    assert float(stage.noisy[..., 1].mean()) == pytest.approx(expected, abs=0.01)
    spread = (within**2 + apart**2 - within**4 / (within**2 + apart**2)) ** 0.5
    assert float(stage.noisy[..., 1].std()) == pytest.approx(spread, rel=0.2)
