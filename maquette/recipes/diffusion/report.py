"""What the report shows of diffusion: noise going up, the chain's formulas, the way back, how many steps it takes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from maquette.data.pictures.films import write_film
from maquette.data.rows import evenly
from maquette.families.diffusing import Diffuser, Schedule, chain_of, strip_of
from maquette.families.generating import GeneratorParts, Noise, beside, noise, pixels_of, sheet, to_unit
from maquette.figures.images import rows
from maquette.methods.diffusion import Chain, Stage
from maquette.recipes.diffusion.figures import by_level, posterior
from maquette.runs import Run

NOISY = (0, 10, 50, 100, 200, 300, 500, 700, 1000)  # steps at which pictures are shown
SIMULATED, AT = 200_000, (2, 5, 10, 25, 50, 100, 250, 500, 1000)  # draws, and steps at which the posterior is checked
SHOWN = 8  # pictures of a row
LONG = 100  # steps that are taken for the end of the way
FEW = (5, 10, 20, 50)  # steps that are compared with it
FILMED = 16  # pictures of the film of the way back
GUIDED = (1.0, 2.0, 4.0)


def show_noise(parts: GeneratorParts, schedule: Schedule, run: Run) -> None:
    """Some training pictures on their way to noise."""
    chain, chosen = chain_of(schedule), parts.train.some(evenly(len(parts.train), SHOWN)).pictures
    unit, drawn = to_unit(chosen), noise(len(chosen), chosen.shape[1:], run.settings.seed)
    strip = {f"t = {t}": beside(pixels_of(chain.noised(unit, t, drawn))) for t in NOISY}
    run.picture(
        "noise",
        rows(strip, most_height=0.75),
        "Pictures on their way to noise",
        f"The {schedule} chain of {chain.steps:,} steps: x_t = sqrt(alpha-bar_t) x_0 + sqrt(1 - alpha-bar_t) noise. At "
        "its end nothing of the picture is left. A network that is asked at each t what is behind the noise can go the "
        "way back.",
    )


def show_idea(known: dict[str, Any], run: Run) -> None:
    """The formulas of the course, what is predicted here, and the posterior beside a simulation."""
    run.formula("q(x_t | x_0) = N(sqrt(alpha-bar_t) x_0, (1 - alpha-bar_t) I)")
    run.formula("q(x_t-1 | x_t, x_0) = N(mu_t, beta-tilde_t I)")
    run.formula(
        "mu_t = sqrt(alpha-bar_t-1) beta_t / (1 - alpha-bar_t) x_0 + sqrt(alpha_t) (1 - alpha-bar_t-1) / "
        "(1 - alpha-bar_t) x_t"
    )
    run.formula("beta-tilde_t = (1 - alpha-bar_t-1) / (1 - alpha-bar_t) beta_t")
    run.say(
        "Algorithm 1, training: take a picture x_0, a step t and noise e; descend on the squared error of the noise "
        "that the network tells from sqrt(alpha-bar_t) x_0 + sqrt(1 - alpha-bar_t) e."
    )
    run.say("Algorithm 2, sampling: begin with pure noise x_T, and for t = T ... 1")
    run.formula("x_t-1 = (x_t - (1 - alpha_t) / sqrt(1 - alpha-bar_t) e(x_t, t)) / sqrt(alpha_t) + sigma_t z")
    run.say(
        "The course's page has sqrt(1 - alpha_t) as the divisor, which is a misprint: with it the first step would "
        "take away seven times too much noise. Its equation of the loss leaves out the t that the network is told."
    )
    told = {
        "noise": "This network gives the noise, as in the course.",
        "picture": "This network gives the picture behind the noise.",
        "velocity": "This network gives sqrt(alpha-bar) noise - sqrt(1 - alpha-bar) picture (Salimans and Ho 2022).",
        "karras": "This network gives a mixture of both: mostly the noise where there is little, mostly the picture "
        "where there is much, of the same scale at every level (Karras et al. 2022).",
    }
    run.say(told[known["prediction"]] + " Whatever it gives, picture and noise follow from each other.")
    chain = chain_of(known["schedule"])
    run.picture(
        "posterior",
        posterior(chain, simulated_posterior(chain, run.random("posterior"))),
        "The chain's posterior, by its formula and simulated",
        f"Dots: {SIMULATED:,} chains were drawn from a pixel x_0 = 0.6, and x_t-1 fitted by a line through x_t: its "
        "slope, its height over x_0 and what it leaves. Lines: the equations above.",
    )


def simulated_posterior(chain: Chain, generator: np.random.Generator) -> dict[int, tuple[float, float, float]]:
    """t -> weight of x_0, weight of x_t, variance of x_t-1, from pairs drawn step by step."""
    pixel, found = 0.6, {}
    for t in (t for t in AT if t <= chain.steps):
        scale, variance = chain.marginal(t - 1)
        before = scale * pixel + variance**0.5 * generator.standard_normal(SIMULATED)
        beta = chain.betas[t - 1]
        after = (1 - beta) ** 0.5 * before + beta**0.5 * generator.standard_normal(SIMULATED)
        slope = np.cov(before, after)[0, 1] / after.var(ddof=1)
        height = before.mean() - slope * after.mean()
        found[t] = float(height / pixel), float(slope), float((before - height - slope * after).var())
    return found


def show_levels(errors: Mapping[str, Mapping[int, float]], count: int, run: Run) -> None:
    run.picture(
        "levels",
        by_level(errors),
        "Loss by level of noise",
        f"Noise told from {count:,} test pictures at ten steps of the linear chain; their mean is noise_error. Little "
        "noise is hard to tell from the picture's own detail. Beside it what can be told if pictures are taken for "
        "normally distributed.",
    )


@torch.no_grad()
def way(diffuser: Diffuser, count: int, seed: int, solver: Any, steps: int, guidance: float = 1.0) -> list[Stage]:
    """All stages of the way back of pictures 0 to `count` of a seed."""
    told = diffuser.of_classes(seed)(0, count)
    return list(diffuser.stages(Noise(count, seed), told, solver=solver, steps=steps, guidance=guidance))


def show_way(diffuser: Diffuser, seed: int, is_brief: bool, run: Run) -> None:
    """The way back from noise, as a strip and as a film."""
    solver, steps = diffuser.known["solver"], diffuser.known["steps"]
    count = FILMED // 4 if is_brief else FILMED
    stages = way(diffuser, count, seed, solver, steps)
    run.picture(
        "way",
        rows(strip_of(stages, 10), ["what the sampler holds", "what the network expects behind it"], most_height=0.9),
        "The way back",
        f"Four pictures on their way from noise in {steps:,} steps ({solver}). What is expected is at first a mean of "
        "all that a picture may become, and takes sides as the noise goes.",
    )
    frames = [sheet(stages[place].shown) for place in evenly(len(stages), 40)]
    write_film(run.folder / "pictures" / "way.webp", [*frames, *[frames[-1]] * 12], 8)
    run.film("way.webp", "The way back as a film", f"{count} pictures at once, from pure noise.")


def show_steps(diffuser: Diffuser, seed: int, is_brief: bool, run: Run) -> None:
    """The same seeds by fewer and fewer steps, and how far each is from where the way ends; briefly by one solver."""
    long = LONG // 4 if is_brief else LONG
    far = way(diffuser, SHOWN, seed, "heun", long)[-1].noisy
    drawn: dict[str, list[np.ndarray]] = {}
    lines: list[dict[str, Any]] = []
    for solver in ("dpm",) if is_brief else ("dpm", "heun", "ddim"):
        for steps in FEW[:2] if is_brief else FEW:
            made = way(diffuser, SHOWN, seed, solver, steps)[-1].noisy
            apart = float((made - far).square().mean().sqrt()) / 2
            asked = 2 * steps - 1 if solver == "heun" else steps
            lines.append({"solver": solver, "steps": steps, "asked": asked, "apart": round(apart, 4)})
            if solver == "dpm":
                drawn[f"{steps} steps"] = beside(pixels_of(made))
    drawn[f"{long} steps, heun"] = beside(pixels_of(far))
    chance = 50 if is_brief else 1000
    drawn[f"{chance} steps, ddpm"] = beside(pixels_of(way(diffuser, SHOWN, seed, "ddpm", chance)[-1].noisy))
    run.picture(
        "steps",
        rows(drawn, most_height=0.8),
        "How many steps it takes",
        "Each column is one seed, by DPM-Solver++(2M) unless said. ddpm draws new noise at each of its steps, so it "
        "ends elsewhere.",
    )
    run.table(
        "Solvers and steps",
        pd.DataFrame(lines),
        f"asked: how often the network was. apart: root mean square difference from {long} steps of heun, on the 0..1 "
        "scale; ddim begins a little farther in the noise, so it never comes quite there.",
    )


def show_classes(diffuser: Diffuser, seed: int, run: Run) -> None:
    """Samples of each class, and what guidance does to them."""
    names = diffuser.known["classes"]
    shown = min(len(names), 10)
    classes = torch.arange(shown)
    drawn = {}
    for guidance in GUIDED:
        drawn[f"guidance {guidance:g}"] = beside(pixels_of(guided(diffuser, classes, seed, guidance)))
    run.picture(
        "guidance",
        rows(drawn),
        "One of each class, with more and more guidance",
        f"From left to right: {', '.join(names[:shown])}. The same noise in each column. Guidance goes further in the "
        "direction in which being told the class moves what is expected (Ho and Salimans 2022): plainer, and less "
        "varied.",
    )


@torch.no_grad()
def guided(diffuser: Diffuser, classes: Tensor, seed: int, guidance: float) -> Tensor:
    condition = diffuser.of_classes(seed)(0, len(classes))._replace(classes=classes)
    stages = diffuser.stages(Noise(len(classes), seed + 1), condition, solver="dpm", steps=18, guidance=guidance)
    return list(stages)[-1].noisy
