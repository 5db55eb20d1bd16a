"""What a Transformer does with what entered it: norm, queries and keys, scores, heads, residual stream, logits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from maquette.recipes.attention.blocks import Block, decimal, formulas, heading, names_of, picture, say, table

if TYPE_CHECKING:
    from maquette.recipes.attention.blocks import Scene

MOST_LAYERS, MOST_HEADS = 12, 8  # in the grid of all heads
MOST_READ = 12  # tokens of the picture of what each layer would say


def norms(scene: Scene) -> list[Block]:
    from maquette.recipes.attention.figures import heat

    layer = scene.walk.layers[scene.layer]
    formula = "norm(x) = (x − mean(x)) / √(variance(x) + ε) · gain + bias"
    if scene.is_rotary:
        formula = "norm(x) = x / √(mean(x²) + ε)"
    (mean, deviation), (mean_after, deviation_after) = (
        (decimal(float(x[-1].mean())), decimal(float(x[-1].std(unbiased=False)))) for x in (layer.before, layer.normed)
    )
    return [
        heading(f"Layer {scene.layer + 1}: the norm"),
        say(
            "Before each branch the numbers of every token are brought to about the same size, each token by itself. "
            f"For {scene.names[-1]!r} the mean goes from {mean} to {mean_after}, the standard deviation from "
            f"{deviation} to {deviation_after}."
        ),
        formulas(formula),
        picture(
            "walk_norm",
            heat({"x": layer.before.numpy(), "norm(x)": layer.normed.numpy()}, scene.names),
            "Before and after the norm",
            f"{formula}, over the numbers of a row.",
        ),
    ]


def queries(scene: Scene) -> list[Block]:
    from maquette.recipes.attention.figures import heat

    layer, head = scene.walk.layers[scene.layer], scene.head
    lines = [f"{name}_t = W_{name} norm(x_t)" + ("" if scene.is_rotary else f" + b_{name}") for name in "qkv"]
    lines[-1] += f"        each W: {scene.size} × {scene.model.width}"
    if scene.is_rotary:
        lines.append("q_t and k_t: normalised, and turned by the angles of t")
    panels = {"queries q": layer.turned_queries, "keys k": layer.turned_keys, "values v": layer.values}
    return [
        heading(f"Layer {scene.layer + 1}, head {head + 1}: queries, keys, values"),
        say(
            "Three matrices make three short lists of numbers of each token: a query, what it looks for; a key, by "
            "which others find it; a value, what it hands over. "
            f"Each of the {scene.model.heads} heads has matrices of its own."
        ),
        formulas(*lines),
        picture(
            "walk_queries",
            heat({name: values[head].numpy() for name, values in panels.items()}, scene.names),
            "Queries, keys and values",
            f"q = W_q norm(x), and so on: {scene.size} numbers each."
            + (" Queries and keys as they are compared, normalised and turned." if scene.is_rotary else ""),
        ),
    ]


def scores(scene: Scene) -> list[Block]:
    from maquette.recipes.attention.figures import chain

    layer, root = scene.walk.layers[scene.layer], math.sqrt(scene.size)
    score, masked, weights = (each[scene.head] for each in (layer.scores, layer.masked, layer.weights))
    last = score[-1]
    columns = (last * root, last, last.exp(), weights[-1])
    rows = [
        [name, *(float(f"{value:.4g}") for value in values)]
        for name, *values in zip(scene.names, *(each.tolist() for each in columns), strict=True)
    ]
    return [
        heading("Scores, mask, weights"),
        say(
            "Each query is multiplied with each key: where both point the same way, the score is large. What lies "
            "ahead is hidden, since it is still to be guessed. Softmax turns each row into weights that sum to 1."
        ),
        formulas(
            f"score(t, s) = q_t · k_s / √D        D = {scene.size}",
            "score(t, s) = −∞   for s > t",
            "weight(t, s) = exp(score(t, s)) / Σ_r exp(score(t, r))",
        ),
        picture(
            "walk_scores",
            chain(score.numpy(), masked.numpy(), weights.numpy(), scene.names),
            "From scores to weights",
            "q kᵀ / √D, then −∞ above the diagonal, then softmax of each row. A row is a token that looks, a column "
            "one that is looked at.",
        ),
        table(
            f"The last row in numbers: where {scene.names[-1]!r} looks",
            ["token", "q · k", "q · k / √D", "exp", "weight"],
            rows,
            f"The weight is exp over the sum of all exp, {float(last.exp().sum()):.4g}. Not divided by √D = {root:.3g} "
            f"the largest weight would be {float((last * root).softmax(0).max()):.3f} instead of "
            f"{float(weights[-1].max()):.3f}.",
        ),
    ]


def uniform_or_scaled(scene: Scene) -> list[Block]:
    from maquette.methods.walking import uniform
    from maquette.recipes.attention.figures import uniform_and_scaled

    layer, head = scene.walk.layers[scene.layer], scene.head
    weights, values = layer.weights[head].numpy(), layer.values[head].numpy()
    return [
        heading("Uniform and scaled attention"),
        say(
            "The plainest way to pay attention is to pay the same to all: each token then takes the mean of what it "
            "sees, and the mean of many things is a blur. Scaled attention takes more of what answers the query."
        ),
        formulas(
            "uniform:  weight(t, s) = 1 / (t + 1)   for s = 0 … t",
            "scaled:   weight(t, s) = softmax_s(q_t · k_s / √D)",
            "o_t = Σ_s weight(t, s) v_s",
        ),
        picture(
            "walk_uniform",
            uniform_and_scaled(uniform(len(scene.names)).numpy(), weights, values, scene.names),
            "The same values, taken uniformly and by weight",
            "o_t = Σ_s weight(t, s) v_s, for both kinds of weights; all numbers have one scale of colours.",
        ),
    ]


def heads(scene: Scene) -> list[Block]:
    import torch

    from maquette.figures.text import attention_maps

    model = scene.model
    maps = torch.stack([layer.weights for layer in scene.walk.layers])[:MOST_LAYERS, :MOST_HEADS]
    is_cut = model.depth > MOST_LAYERS or model.heads > MOST_HEADS
    return [
        heading("All heads"),
        say(
            f"Every layer does this with {model.heads} heads at once, each with an idea of its own of what matters. "
            "What they took is put end to end, mixed by one more matrix, and added to the token."
        ),
        formulas(
            f"attention(norm(x)) = W_o [o_1, …, o_{model.heads}]{'' if scene.is_rotary else ' + b_o'}"
            f"        W_o: {model.width} × {model.width}"
        ),
        picture(
            "walk_heads",
            attention_maps(maps.numpy(), scene.names),
            "The weights of every head",
            "softmax(q kᵀ / √D), a row a layer, a column a head; the darker, the more is taken."
            + (f" The first {maps.shape[0]} layers and {maps.shape[1]} heads." if is_cut else ""),
        ),
    ]


def stream(scene: Scene) -> list[Block]:
    from maquette.recipes.attention.figures import stream as drawn

    layer, model = scene.walk.layers[scene.layer], scene.model
    sizes = scene.walk.stream.square().mean(-1).sqrt()
    stages = ["start", *(f"{n + 1} {part}" for n in range(model.depth) for part in ("attention", "feed-forward"))]
    bend = "W_2 max(0, W_1 u)²" if scene.is_rotary else "W_2 gelu(W_1 u + b_1) + b_2"
    active = float((layer.wide > 0).double().mean())
    return [
        heading("The residual stream"),
        say(
            "No layer replaces a token's numbers; each adds to them. What one layer writes, every later one can read, "
            "and in training the slope finds its way back past all branches. After attention, in which tokens speak "
            f"with each other, two dense layers work on each token alone. Of the {4 * model.width:,} numbers between "
            f"them, {active:.0%} are above zero in layer {scene.layer + 1} here."
        ),
        formulas(
            "x ← x + attention(norm(x))",
            "x ← x + feed-forward(norm(x))",
            f"feed-forward(u) = {bend}        W_1: {4 * model.width:,} × {model.width}",
        ),
        picture(
            "walk_stream",
            drawn(sizes.numpy(), stages, scene.names),
            "How large the stream is",
            "√(mean(x²)) of each token, at the start and after each branch has added to it.",
        ),
    ]


def logits(scene: Scene) -> list[Block]:
    import torch

    from maquette.figures.text import next_token

    walked = scene.walk
    with torch.no_grad():
        away = float((scene.model(walked.tokens[None])[0].double() - walked.logits).abs().max())
    last, count = walked.probabilities[-1], walked.probabilities.shape[1]
    entropy = float(-(last * last.clamp(min=1e-300).log()).sum())
    matrix = "H" if scene.is_rotary else "E"
    return [
        heading("Logits and probabilities"),
        say(
            "After the last layer, normalised once more, a token's numbers are multiplied with every row of "
            + ("a table H" if scene.is_rotary else "the table E of embeddings")
            + f": a logit for each of {count:,} tokens. Softmax turns them into probabilities of what comes next. All "
            "numbers of this walk are worked out by the formulas here; the network itself gives the same logits to "
            f"{max(away, 1e-16):.0e}."
        ),
        formulas(
            f"logits = {last_formula(scene)}        {matrix}: {count:,} × {scene.model.width}", "p = softmax(logits)"
        ),
        picture(
            "walk_next",
            next_token(names_of(scene.tokenizer, range(count)), last.numpy()),
            f"What comes after {scene.names[-1]!r}?",
            f"p = softmax(logits) at the last place. Entropy −Σ p ln p = {entropy:.2f} nats; {math.log(count):.2f} if "
            "all were alike.",
        ),
    ]


def last_formula(scene: Scene) -> str:
    return "H norm(x)" if scene.is_rotary else "E norm(x)"


def lens(scene: Scene) -> list[Block]:
    from maquette.methods.walking import lens as seen
    from maquette.recipes.attention.figures import lens as drawn

    chances, best = seen(scene.model, scene.walk)[:, -MOST_READ:].max(-1)
    guesses = [names_of(scene.tokenizer, row) for row in best.tolist()]
    stages = ["embeddings", *(f"layer {number + 1}" for number in range(scene.model.depth))]
    return [
        say("Every layer can be asked the same, as if it were the last: one sees the guess form on its way."),
        formulas(f"p = softmax({last_formula(scene)})        with the x of any layer"),
        picture(
            "walk_lens",
            drawn(guesses, chances.numpy(), scene.names[-MOST_READ:], stages),
            "What each layer would say next",
            "The likeliest next token at each place, by the first layer at the bottom to the last one on top; the "
            "darker, the more probable. A green frame: so the sentence goes on."
            + (
                ""
                if scene.is_rotary
                else " Since E is read both ways, an embedding by itself is most like its own token."
            ),
        ),
    ]
