"""What is shown of a walk through a Transformer, step by step, from tokens to the probabilities of the next one."""

import math
from collections.abc import Iterator

import torch

from maquette.data.text.tokenizers import Tokenizer, unknown_parts
from maquette.families.blocks import Block, formulas, heading, picture, say, table
from maquette.figures.text import attention_maps, next_token
from maquette.methods import walking
from maquette.models.gpt import GPT
from maquette.models.gpt2 import GPT2
from maquette.recipes.attention import figures
from maquette.recipes.attention.data import Scene, encoded, looked_at, names_of, scene_of, two_orders

MOST_TOKENS = 24  # of a sentence that are shown; none sees what comes after it
MOST_PLACES = 64  # on the picture of positions
MOST_LAYERS, MOST_HEADS = 12, 8  # in the grid of all heads
MOST_READ = 12  # tokens of the picture of what each layer would say


def explained(
    model: GPT | GPT2, tokenizer: Tokenizer, text: str, layer: int | None = None, head: int | None = None
) -> list[Block]:
    """The whole walk of a text, or of its first tokens; layer and head to show closely are counted from 1."""
    which = looked_at(model, layer, head)
    known = encoded(tokenizer, text)
    scene = scene_of(model, tokenizer, text, known[: min(MOST_TOKENS, model.context)].tolist(), *which)
    blocks = [block for step in STEPS for block in step(scene)]
    if len(known) > len(scene.names):
        blocks.insert(
            1, say(f"Shown are the first {len(scene.names)} of {len(known):,} tokens; none sees what comes after it.")
        )
    missing = unknown_parts(tokenizer, text)
    if missing:
        named = ", ".join(map(repr, missing[:5]))
        blocks.insert(
            1, say(f"The vocabulary has no token for {named}; in its place stands one for all that is unknown.")
        )
    return blocks


def decimal(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def tokens(scene: Scene) -> Iterator[Block]:
    begins = [", ".join(decimal(value) for value in row[:4]) + " …" for row in scene.walk.embeddings.tolist()]
    known = zip(scene.names, scene.walk.tokens.tolist(), begins, strict=True)
    count, width = scene.model.embedding.weight.shape
    yield heading("Tokens and embeddings")
    yield say(
        f"{scene.text!r} becomes {len(begins)} tokens. Each is a number: its row in a table of {count:,} rows that "
        f"training filled. What stands in the row, {width} numbers, is all that the network knows of a token alone."
    )
    yield formulas(f"{scene.first_formula}        E: {count:,} × {width}")
    yield table(
        "The sentence",
        ["place", "token", "number", "its embedding begins"],
        [[place, *row] for place, row in enumerate(known)],
    )


def embeddings(scene: Scene) -> Iterator[Block]:
    yield picture(
        figures.heat({"E[token]": scene.walk.embeddings.numpy()}, scene.names),
        "Embeddings",
        f"{scene.first_formula}. A row a token, as it stands in E; blue is above zero, orange below, the stronger "
        "the larger. Equal tokens have equal rows, wherever they stand.",
        "walk_embeddings",
    )


def positions(scene: Scene) -> Iterator[Block]:
    """What tells the network where a token stands: learnt numbers that are added, or angles by which it is turned."""
    return turning(scene, scene.model) if isinstance(scene.model, GPT) else added(scene, scene.model)


def added(scene: Scene, model: GPT2) -> Iterator[Block]:
    used, count = len(scene.names), min(model.context, MOST_PLACES)
    learnt = model.positions.weight.detach()[:count].double()
    panels = {"P, learnt": learnt.numpy(), "sines and cosines": walking.sinusoids(count, model.width).numpy()}
    yield heading("Positions")
    yield say(
        "Attention by itself does not see where a token stands. So each place has numbers of its own, which are "
        "added to the embedding. This network has learnt them; the first Transformer took sines and cosines, drawn "
        "beside them."
    )
    yield formulas(
        f"x_t = E[token_t] + P[t]        P: {model.context:,} × {model.width}",
        f"sines and cosines:  P[t, 2i] = sin(t / 10,000^(2i / {model.width}))",
        f"                    P[t, 2i + 1] = cos(t / 10,000^(2i / {model.width}))",
    )
    yield picture(
        figures.positions(panels, walking.likeness(learnt).numpy(), used),
        "Positions",
        f"A row a place, the first {count} of them.{below(used, count)} Right: the cosine between the learnt rows "
        "of two places.",
        "walk_positions",
    )
    yield picture(
        figures.heat(
            {
                "E[token]": scene.walk.embeddings.numpy(),
                "+ P[place]": learnt[:used].numpy(),
                "= x": scene.walk.stream[0].numpy(),
            },
            scene.names,
            one_scale=True,
        ),
        "What enters the first layer",
        "x_t = E[token_t] + P[t], in one scale of colours.",
        "walk_sum",
    )


def turning(scene: Scene, model: GPT) -> Iterator[Block]:
    used, count = len(scene.names), min(model.context, MOST_PLACES)
    cos, sin = model.turns[:count].double().unbind(-1)
    alike = (cos @ cos.T + sin @ sin.T) / cos.shape[1]
    yield heading("Positions")
    yield say(
        "Attention by itself does not see where a token stands. This network turns queries and keys: every two of "
        "their numbers are a point in a plane, which is turned by an angle that grows with the place t, fast for "
        "the first pair, slowly for the last. What a query and a key then have in common depends on how far apart "
        "they stand."
    )
    yield formulas(
        "φ = t / 10,000^(2i / D)        for the pair i = 0 … D/2 − 1",
        "(a, b) → (a cos φ − b sin φ,  a sin φ + b cos φ)        of q_t and k_t",
    )
    yield picture(
        figures.positions({"cos φ": cos.numpy(), "sin φ": sin.numpy()}, alike.numpy(), used),
        "Positions that turn",
        f"A row a place, the first {count} of them.{below(used, count)} Right: the mean of cos(φ_t − φ_s), how "
        "alike two places are.",
        "walk_positions",
    )


def below(used: int, count: int) -> str:
    return " The sentence ends at the line." if used < count else ""


def order(scene: Scene) -> Iterator[Block]:
    """The sentence and its words in reverse, with positions and without."""
    both = two_orders(scene.tokenizer, scene.text, scene.model.context)
    if both is None:
        return
    first, second = (scene.tokenizer.decode(each).strip() for each in both)
    found = walking.order_matters(scene.model, *both)
    rows = []
    for each in found:
        chances, best = each.following.max(1)
        likely = zip(names_of(scene.tokenizer, best.tolist()), chances.tolist(), strict=True)
        rows.append([each.condition, float(f"{each.difference:.2g}"), *(f"{name} {p:.1%}" for name, p in likely)])
    yield heading("Does order matter?")
    yield say(
        f"{first!r} and {second!r} hold the same tokens. Take the positions away, and let every token see all "
        "others: each then looks at a bag of tokens, and a sum over a bag has no order. Every token gets the same "
        "numbers in both sentences, only in another row. A network that hides what lies ahead still notices some "
        "of the order, since each token sees more than the one before it."
    )
    yield formulas("attention(q, K, V) = Σ_s softmax(q Kᵀ / √D)_s v_s        the same for any order of s")
    yield picture(
        figures.orders(
            {each.condition: (each.means[0].numpy(), each.means[1].numpy()) for each in found},
            ("one order", "the other"),
        ),
        "One order of the words over the other",
        f"The {scene.model.width} numbers after the last layer, the mean over all places: across for {first!r}, up "
        f"for {second!r}. What lies on the line is equal.",
        "walk_order",
    )
    yield table(
        "The two orders",
        ["network", "largest difference", "likeliest after one order", "after the other"],
        rows,
        "This network learnt with positions: what it says without them only shows what it no longer sees.",
    )


def norms(scene: Scene) -> Iterator[Block]:
    layer = scene.walk.layers[scene.layer]
    formula = "norm(x) = (x − mean(x)) / √(variance(x) + ε) · gain + bias"
    if scene.is_rotary:
        formula = "norm(x) = x / √(mean(x²) + ε)"
    (mean, deviation), (mean_after, deviation_after) = (
        (decimal(float(x[-1].mean())), decimal(float(x[-1].std(unbiased=False)))) for x in (layer.before, layer.normed)
    )
    yield heading(f"Layer {scene.layer + 1}: the norm")
    yield say(
        "Before each branch the numbers of every token are brought to about the same size, each token by itself. "
        f"For {scene.names[-1]!r} the mean goes from {mean} to {mean_after}, the standard deviation from "
        f"{deviation} to {deviation_after}."
    )
    yield formulas(formula)
    yield picture(
        figures.heat({"x": layer.before.numpy(), "norm(x)": layer.normed.numpy()}, scene.names),
        "Before and after the norm",
        f"{formula}, over the numbers of a row.",
        "walk_norm",
    )


def queries(scene: Scene) -> Iterator[Block]:
    layer, head = scene.walk.layers[scene.layer], scene.head
    lines = [f"{name}_t = W_{name} norm(x_t)" + ("" if scene.is_rotary else f" + b_{name}") for name in "qkv"]
    lines[-1] += f"        each W: {scene.size} × {scene.model.width}"
    if scene.is_rotary:
        lines.append("q_t and k_t: normalised, and turned by the angles of t")
    panels = {"queries q": layer.turned_queries, "keys k": layer.turned_keys, "values v": layer.values}
    yield heading(f"Layer {scene.layer + 1}, head {head + 1}: queries, keys, values")
    yield say(
        "Three matrices make three short lists of numbers of each token: a query, what it looks for; a key, by "
        "which others find it; a value, what it hands over. "
        f"Each of the {scene.model.heads} heads has matrices of its own."
    )
    yield formulas(*lines)
    yield picture(
        figures.heat({name: values[head].numpy() for name, values in panels.items()}, scene.names),
        "Queries, keys and values",
        f"q = W_q norm(x), and so on: {scene.size} numbers each."
        + (" Queries and keys as they are compared, normalised and turned." if scene.is_rotary else ""),
        "walk_queries",
    )


def scores(scene: Scene) -> Iterator[Block]:
    layer, root = scene.walk.layers[scene.layer], math.sqrt(scene.size)
    score, masked, weights = (each[scene.head] for each in (layer.scores, layer.masked, layer.weights))
    last = score[-1]
    columns = (last * root, last, last.exp(), weights[-1])
    rows = [
        [name, *(float(f"{value:.4g}") for value in values)]
        for name, *values in zip(scene.names, *(each.tolist() for each in columns), strict=True)
    ]
    yield heading("Scores, mask, weights")
    yield say(
        "Each query is multiplied with each key: where both point the same way, the score is large. What lies "
        "ahead is hidden, since it is still to be guessed. Softmax turns each row into weights that sum to 1."
    )
    yield formulas(
        f"score(t, s) = q_t · k_s / √D        D = {scene.size}",
        "score(t, s) = −∞   for s > t",
        "weight(t, s) = exp(score(t, s)) / Σ_r exp(score(t, r))",
    )
    yield picture(
        figures.chain(score.numpy(), masked.numpy(), weights.numpy(), scene.names),
        "From scores to weights",
        "q kᵀ / √D, then −∞ above the diagonal, then softmax of each row. A row is a token that looks, a column "
        "one that is looked at.",
        "walk_scores",
    )
    yield table(
        f"The last row in numbers: where {scene.names[-1]!r} looks",
        ["token", "q · k", "q · k / √D", "exp", "weight"],
        rows,
        f"The weight is exp over the sum of all exp, {float(last.exp().sum()):.4g}. Not divided by √D = {root:.3g} "
        f"the largest weight would be {float((last * root).softmax(0).max()):.3f} instead of "
        f"{float(weights[-1].max()):.3f}.",
    )


def uniform_or_scaled(scene: Scene) -> Iterator[Block]:
    layer, head = scene.walk.layers[scene.layer], scene.head
    weights, values = layer.weights[head].numpy(), layer.values[head].numpy()
    yield heading("Uniform and scaled attention")
    yield say(
        "The plainest way to pay attention is to pay the same to all: each token then takes the mean of what it "
        "sees, and the mean of many things is a blur. Scaled attention takes more of what answers the query."
    )
    yield formulas(
        "uniform:  weight(t, s) = 1 / (t + 1)   for s = 0 … t",
        "scaled:   weight(t, s) = softmax_s(q_t · k_s / √D)",
        "o_t = Σ_s weight(t, s) v_s",
    )
    yield picture(
        figures.uniform_and_scaled(walking.uniform(len(scene.names)).numpy(), weights, values, scene.names),
        "The same values, taken uniformly and by weight",
        "o_t = Σ_s weight(t, s) v_s, for both kinds of weights; all numbers have one scale of colours.",
        "walk_uniform",
    )


def heads(scene: Scene) -> Iterator[Block]:
    model = scene.model
    maps = torch.stack([layer.weights for layer in scene.walk.layers])[:MOST_LAYERS, :MOST_HEADS]
    is_cut = model.depth > MOST_LAYERS or model.heads > MOST_HEADS
    yield heading("All heads")
    yield say(
        f"Every layer does this with {model.heads} heads at once, each with an idea of its own of what matters. "
        "What they took is put end to end, mixed by one more matrix, and added to the token."
    )
    yield formulas(
        f"attention(norm(x)) = W_o [o_1, …, o_{model.heads}]{'' if scene.is_rotary else ' + b_o'}"
        f"        W_o: {model.width} × {model.width}"
    )
    yield picture(
        attention_maps(maps.numpy(), scene.names),
        "The weights of every head",
        "softmax(q kᵀ / √D), a row a layer, a column a head; the darker, the more is taken."
        + (f" The first {maps.shape[0]} layers and {maps.shape[1]} heads." if is_cut else ""),
        "walk_heads",
    )


def stream(scene: Scene) -> Iterator[Block]:
    layer, model = scene.walk.layers[scene.layer], scene.model
    sizes = scene.walk.stream.square().mean(-1).sqrt()
    stages = ["start", *(f"{n + 1} {part}" for n in range(model.depth) for part in ("attention", "feed-forward"))]
    bend = "W_2 max(0, W_1 u)²" if scene.is_rotary else "W_2 gelu(W_1 u + b_1) + b_2"
    active = float((layer.wide > 0).double().mean())
    yield heading("The residual stream")
    yield say(
        "No layer replaces a token's numbers; each adds to them. What one layer writes, every later one can read, "
        "and in training the slope finds its way back past all branches. After attention, in which tokens speak "
        f"with each other, two dense layers work on each token alone. Of the {4 * model.width:,} numbers between "
        f"them, {active:.0%} are above zero in layer {scene.layer + 1} here."
    )
    yield formulas(
        "x ← x + attention(norm(x))",
        "x ← x + feed-forward(norm(x))",
        f"feed-forward(u) = {bend}        W_1: {4 * model.width:,} × {model.width}",
    )
    yield picture(
        figures.stream(sizes.numpy(), stages, scene.names),
        "How large the stream is",
        "√(mean(x²)) of each token, at the start and after each branch has added to it.",
        "walk_stream",
    )


def logits(scene: Scene) -> Iterator[Block]:
    walked = scene.walk
    with torch.no_grad():
        away = float((scene.model(walked.tokens[None])[0].double() - walked.logits).abs().max())
    last, count = walked.probabilities[-1], walked.probabilities.shape[1]
    entropy = float(-(last * last.clamp(min=1e-300).log()).sum())
    matrix = "H" if scene.is_rotary else "E"
    yield heading("Logits and probabilities")
    yield say(
        "After the last layer, normalised once more, a token's numbers are multiplied with every row of "
        + ("a table H" if scene.is_rotary else "the table E of embeddings")
        + f": a logit for each of {count:,} tokens. Softmax turns them into probabilities of what comes next. All "
        "numbers of this walk are worked out by the formulas here; the network itself gives the same logits to "
        f"{max(away, 1e-16):.0e}."
    )
    yield formulas(
        f"logits = {scene.last_formula}        {matrix}: {count:,} × {scene.model.width}", "p = softmax(logits)"
    )
    yield picture(
        next_token(names_of(scene.tokenizer, range(count)), last.numpy()),
        f"What comes after {scene.names[-1]!r}?",
        f"p = softmax(logits) at the last place. Entropy −Σ p ln p = {entropy:.2f} nats; {math.log(count):.2f} if "
        "all were alike.",
        "walk_next",
    )


def lens(scene: Scene) -> Iterator[Block]:
    chances, best = walking.lens(scene.model, scene.walk)[:, -MOST_READ:].max(-1)
    guesses = [names_of(scene.tokenizer, row) for row in best.tolist()]
    stages = ["embeddings", *(f"layer {number + 1}" for number in range(scene.model.depth))]
    yield say("Every layer can be asked the same, as if it were the last: one sees the guess form on its way.")
    yield formulas(f"p = softmax({scene.last_formula})        with the x of any layer")
    yield picture(
        figures.lens(guesses, chances.numpy(), scene.names[-MOST_READ:], stages),
        "What each layer would say next",
        "The likeliest next token at each place, by the first layer at the bottom to the last one on top; the "
        "darker, the more probable. A green frame: so the sentence goes on."
        + ("" if scene.is_rotary else " Since E is read both ways, an embedding by itself is most like its own token."),
        "walk_lens",
    )


STEPS = (
    *(tokens, embeddings, positions, order, norms, queries, scores, uniform_or_scaled, heads),
    *(stream, logits, lens),
)
