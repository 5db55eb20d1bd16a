"""What the report shows of depth: signals and gradients at the start, shattered gradients, eight paths, errors."""

import copy
import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from maquette.families import classifiers
from maquette.families.classifiers import Part
from maquette.figures.tables import bars
from maquette.methods.gradients import (
    autocorrelation,
    brown_noise,
    input_gradients,
    residual_output,
    residual_terms,
    white_noise,
)
from maquette.models.deep import KINDS, Block, DeepNetwork, DeepNetworks, Kind, settle, weights_of
from maquette.recipes.depth import figures
from maquette.runs import Run

POINTS, LAGS, RUNS = 256, 15, 12  # inputs from -2 to 2, how far they are compared, random networks
WIDE = 200  # nodes a layer of those networks; points and nodes as in Balduzzi et al. 2017
FOUR = 6  # layers of a network with four blocks
MOST_SHOWN = 128  # pictures on which signals and gradients are measured


class Sizes(NamedTuple):
    """By layer: the root mean square of the signal, and the norm of the loss's gradient by it."""

    signal: list[float]
    gradient: list[float]


def sizes(network: DeepNetwork, pictures: Tensor, classes: Tensor) -> Sizes:
    """Measured on a batch (N, ...), in training mode, on a copy: batch norm's running means stay as they are."""
    network = copy.deepcopy(network).train()
    signals = network.signals(pictures)
    loss = nn.functional.cross_entropy(network.answer(signals[-1]), classes)
    slopes = torch.autograd.grad(loss, signals)
    return Sizes([float(h.detach().square().mean().sqrt()) for h in signals], [float(slope.norm()) for slope in slopes])


def sizes_at_start(model: DeepNetworks, train: Part) -> dict[str, Sizes]:
    """Of the deepest network of each kind, and of a residual one that does not scale its changes."""
    some, named = train.some(slice(MOST_SHOWN)), model.named()
    networks = {KINDS[kind]: named[f"{kind}_{model.depths[-1]}"] for kind in model.kinds}
    if model.scale != 1.0:
        unscaled = DeepNetwork(
            inputs=model.inputs,
            width=model.width,
            depth=model.depths[-1],
            classes=model.classes,
            kind="residual",
            scale=1.0,
        )
        unscaled.load_state_dict(weights_of(networks["residual"]))
        networks["residual, not scaled"] = unscaled
    pictures = classifiers.floats(some.pictures)
    return {name: sizes(network, pictures, some.classes) for name, network in networks.items()}


def show_start(model: DeepNetworks, start: Mapping[str, Sizes], run: Run) -> None:
    """The networks as they start: the equations, the size of signal and gradient, and shattered gradients."""
    run.formula(
        "plain:     h' = W relu(h) + b\n"
        "residual:  h' = h + W relu(h) + b\n"
        "with norm: relu(norm(h)) instead of relu(h)\n"
        "norm(h) = (h - E[h]) / sqrt(Var[h] + epsilon) * gamma + beta"
    )
    run.say(
        "Batch norm takes mean and variance of each number of the signal over the pictures of a batch (while "
        "predicting, running means of them); layer norm takes them over the numbers of one picture's signal. All "
        "networks of one depth start from the same weights, and learn from the same batches."
    )
    scale = f"by {model.scale:.3g}" if model.scale else "by 1 / sqrt(blocks)"
    run.say(
        f"Residual blocks without a norm multiply their change {scale}, which the equations leave out. With 1, as the "
        "course writes it, the signal of a deep network grows past all bounds at the start, and it hardly learns."
    )
    show_sizes(model.depths[-1], start, run)
    show_shattering(model, run)


def show_sizes(depth: int, found: Mapping[str, Sizes], run: Run) -> None:
    run.picture(
        "sizes",
        figures.by_layer(
            {
                "size of the signal": {name: each.signal for name, each in found.items()},
                "norm of the gradient": {name: each.gradient for name, each in found.items()},
            }
        ),
        f"Signal and gradient through {depth} layers, at the start",
        "To the right the signal goes forward, to the left the gradient comes back. Plain layers about keep both, if "
        "the weights start at the right size. A residual block adds the variance of its change to that of the signal: "
        "if the change is not scaled down, the variance doubles with each block. A norm inside the block makes it grow "
        "by one each time instead. Batch norm without residual connections keeps the signal, but its gradient "
        "explodes.",
    )


def scalar_network(kind: Kind, depth: int, seed: int) -> DeepNetwork:
    """A random network from a number to a number whose first kinks lie all over the inputs."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = DeepNetwork(inputs=1, width=WIDE, depth=depth, classes=1, kind=kind)
        nn.init.normal_(network.first.bias)
    return network


def shattering(kinds: Sequence[Kind], depths: Sequence[int], run: Run) -> dict[tuple[Kind, int], np.ndarray]:
    """Gradients over the input of random networks: (kind, depth) -> (RUNS, POINTS)."""
    points = torch.linspace(-2, 2, POINTS)
    found = {}
    for kind in kinds:
        for depth in depths:
            drawn = run.random(f"shattering {depth}").integers(2**32, size=RUNS)
            networks = [settle(scalar_network(kind, depth, int(seed)), points[:, None]) for seed in drawn]
            found[kind, depth] = np.stack([input_gradients(network, points).numpy() for network in networks])
    return found


def show_shattering(model: DeepNetworks, run: Run) -> None:
    deep = model.depths[-1]
    depths = sorted({model.depths[0], (model.depths[0] + deep) // 2, deep})
    found = shattering(model.kinds, depths, run)
    points, lags = np.linspace(-2, 2, POINTS), np.arange(LAGS + 1)
    generator = run.random("noise")
    noises = {"brown noise": brown_noise(400, POINTS, generator), "white noise": white_noise(400, POINTS, generator)}
    drawn = {f"plain, {depths[0]} layers": found["plain", depths[0]][0]}
    drawn |= {f"{KINDS[kind]}, {deep} layers": found[kind, deep][0] for kind in model.kinds}
    run.picture(
        "gradients",
        figures.gradients({name: (points, series) for name, series in drawn.items()}),
        "The gradient of a network over its input",
        f"df/dx of random networks from a number to a number, {WIDE} nodes a layer, at {POINTS} inputs. A step along "
        "the gradient helps only where the gradient a little further on is about the same.",
    )
    correlations = {key: autocorrelation(series, LAGS) for key, series in found.items()}
    run.picture(
        "shattering",
        figures.by_depth(
            {
                KINDS[kind]: {f"{depth} layers": (lags, correlations[kind, depth]) for depth in depths}
                for kind in model.kinds
            },
            "distance between inputs, in grid steps",
            "correlation",
            {name: (lags, autocorrelation(series, LAGS)) for name, series in noises.items()},
        ),
        "How alike the gradients of neighbouring inputs are",
        f"The mean over {RUNS} random networks. Balduzzi et al. 2017 call it shattering when the correlation falls to "
        "that of white noise: so it does in deep plain networks with batch norm, and far less with residual "
        "connections. Without batch norm it does not fall as low either, since most relus of a deep plain layer are on "
        "for all of these inputs or for none: where none switches, the gradient stays.",
    )
    next_to = {key: round(float(values[1]), 3) for key, values in correlations.items()}
    rows = [
        {"network": KINDS[kind], **{f"{depth} layers": next_to[kind, depth] for depth in depths}}
        for kind in model.kinds
    ]
    run.table("Correlation of the gradients of two neighbours", pd.DataFrame(rows), "1: the same; 0: white noise.")


def show_paths(model: DeepNetworks, picture: Tensor, run: Run) -> None:
    """The eight terms of dy/df1 through four blocks of a trained residual network, at one picture (1, C, H, W)."""
    trained = next((depth for depth in model.depths if depth >= FOUR), None)
    network = (
        copy.deepcopy(model.named()[f"residual_{trained}"])
        if trained
        else DeepNetwork(inputs=model.inputs, width=model.width, depth=FOUR, classes=model.classes, kind="residual")
    ).double()
    blocks = [block for block in network.blocks if isinstance(block, Block)][:4]
    with torch.no_grad():
        signal = blocks[0](network.first(classifiers.floats(picture).double().flatten(1)))[0]
    later = [lambda h, block=block: block.scale * block.change(h[None])[0] for block in blocks[1:]]
    terms = residual_terms(later, signal)
    whole = torch.autograd.functional.jacobian(lambda h: residual_output(later, h), signal)
    apart = float((sum(terms.values()) - whole).abs().max())
    run.formula(
        "y = x + f1(x) + f2(x + f1(x)) + f3(x + f1(x) + f2(x + f1(x)))\n"
        "      + f4(x + f1(x) + f2(x + f1(x)) + f3(x + f1(x) + f2(x + f1(x))))"
    )
    run.formula(
        "dy/df1 = I + df2/df1 + (df3/df1 + df3/df2 df2/df1)\n"
        "           + (df4/df1 + df4/df2 df2/df1 + df4/df3 df3/df1 + df4/df3 df3/df2 df2/df1)"
    )
    lengths = {name: float(term.norm()) / len(signal) ** 0.5 for name, term in terms.items()}
    which = f"four blocks of the trained residual network of {trained} layers" if trained else "four random blocks"
    run.picture(
        "paths",
        bars({written(name): value for name, value in lengths.items()}, "size"),
        "Eight paths for the gradient",
        f"The terms of dy/df1 for {which}, at one test picture: how many times longer a random vector becomes by "
        "each. The first is the identity, which no weights can weaken; a plain network has the last one only.",
    )
    run.table(
        "The terms of dy/df1",
        pd.DataFrame(
            {
                "term": [written(name) for name in terms],
                "blocks": [0 if name == "I" else len(name.split()) for name in terms],
                "size": [round(value, 5) for value in lengths.values()],
            }
        ),
        "Each is a product of Jacobians, computed by itself; size is its Frobenius norm over that of I.",
    )
    run.fact("Their sum differs from autograd's dy/df1 by at most", apart)


def written(name: str) -> str:
    """`f4 f2` as `df4/df2 df2/df1`: the blocks from the last to the first, and f1 at the end."""
    if name == "I":
        return name
    return " ".join(f"d{after}/d{before}" for after, before in itertools.pairwise([*name.split(), "f1"]))


def show_errors(model: DeepNetworks, errors: Mapping[str, float], run: Run) -> None:
    """Training error over the steps, and at the end over the depth."""
    records = [record for record in run.metrics() if f"error_{model.answering}" in record]
    steps = [record["step"] for record in records]

    def line(kind: Kind, depth: int) -> figures.Line:
        return steps, [record[f"error_{kind}_{depth}"] for record in records]

    run.picture(
        "training",
        figures.by_depth(
            {KINDS[kind]: {f"{depth} layers": line(kind, depth) for depth in model.depths} for kind in model.kinds},
            "step",
            "training error",
            logarithmic=True,
        ),
        "Training error over the steps",
        "The part of the training pictures that each network gets wrong: not that deep networks learn by heart, but "
        "how well they learn at all.",
    )
    last = {KINDS[kind]: {depth: errors[f"{kind}_{depth}"] for depth in model.depths} for kind in model.kinds}
    same = " With 2 layers there is no block: plain and residual are one network." if model.depths[0] == 2 else ""
    run.picture(
        "depth",
        figures.over_depth(
            {name: (model.depths, list(values.values())) for name, values in last.items()}, "training error"
        ),
        "Training error over the depth",
        f"After the last step.{same}",
    )
    rows = [
        {"network": name, **{f"{n} layers": round(e, 4) for n, e in values.items()}} for name, values in last.items()
    ]
    run.table("Training error", pd.DataFrame(rows), "The part of the training pictures that is wrong, at the end.")


def tell(model: DeepNetworks, errors: Mapping[str, float], pictures: int, run: Run) -> None:
    """What came out, in a sentence for each kind of network: the deepest beside the best of the others."""
    deep, others = model.depths[-1], ", the best of the shallower" if len(model.depths) > 2 else ""
    for kind in model.kinds:
        by_depth = {depth: errors[f"{kind}_{depth}"] for depth in model.depths}
        best = min(model.depths[:-1], key=lambda depth: by_depth[depth])
        run.say(
            f"{KINDS[kind].capitalize()}: {by_depth[deep]:.2%} of the training pictures are wrong with {deep} layers, "
            f"{by_depth[best]:.2%} with {best}{others}. Deeper is {verdict(by_depth[best], by_depth[deep], pictures)}."
        )


def verdict(shallow: float, deep: float, pictures: int) -> str:
    """Whether a deep network's error is `worse` or `better` than a shallow one's, or `no different` within chance.

    Chance: two standard errors of the difference of two parts of `pictures` pictures.
    """
    chance = 2 * ((shallow * (1 - shallow) + deep * (1 - deep)) / pictures) ** 0.5
    if abs(deep - shallow) <= chance:
        return "no different"
    return "worse" if deep > shallow else "better"
