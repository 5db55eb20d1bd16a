"""What enters a Transformer, step by step: tokens, embeddings, positions, and whether order matters without these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maquette.recipes.attention.blocks import Block, decimal, formulas, heading, names_of, picture, say, table

if TYPE_CHECKING:
    from maquette.data.text.tokenizers import Tokenizer
    from maquette.recipes.attention.blocks import Scene

MOST_PLACES = 64  # on the picture of positions


def tokens(scene: Scene) -> list[Block]:
    begins = [", ".join(decimal(value) for value in row[:4]) + " …" for row in scene.walk.embeddings.tolist()]
    known = zip(scene.names, scene.walk.tokens.tolist(), begins, strict=True)
    count, width = scene.model.embedding.weight.shape
    return [
        heading("Tokens and embeddings"),
        say(
            f"{scene.text!r} becomes {len(begins)} tokens. Each is a number: its row in a table of {count:,} rows that "
            f"training filled. What stands in the row, {width} numbers, is all that the network knows of a token alone."
        ),
        formulas(f"{first_formula(scene)}        E: {count:,} × {width}"),
        table(
            "The sentence",
            ["place", "token", "number", "its embedding begins"],
            [[place, *row] for place, row in enumerate(known)],
        ),
    ]


def first_formula(scene: Scene) -> str:
    return "x_t = norm(E[token_t])" if scene.is_rotary else "x_t = E[token_t]"


def embeddings(scene: Scene) -> list[Block]:
    from maquette.recipes.attention.figures import heat

    return [
        picture(
            "walk_embeddings",
            heat({"E[token]": scene.walk.embeddings.numpy()}, scene.names),
            "Embeddings",
            f"{first_formula(scene)}. A row a token, as it stands in E; blue is above zero, orange below, the stronger "
            "the larger. Equal tokens have equal rows, wherever they stand.",
        )
    ]


def positions(scene: Scene) -> list[Block]:
    """What tells the network where a token stands: learnt numbers that are added, or angles by which it is turned."""
    return turning(scene) if scene.is_rotary else added(scene)


def added(scene: Scene) -> list[Block]:
    from maquette.methods.walking import likeness, sinusoids
    from maquette.recipes.attention import figures

    model, used = scene.model, len(scene.names)
    count = min(model.context, MOST_PLACES)
    learnt = model.positions.weight.detach()[:count].double()
    panels = {"P, learnt": learnt.numpy(), "sines and cosines": sinusoids(count, model.width).numpy()}
    return [
        heading("Positions"),
        say(
            "Attention by itself does not see where a token stands. So each place has numbers of its own, which are "
            "added to the embedding. This network has learnt them; the first Transformer took sines and cosines, drawn "
            "beside them."
        ),
        formulas(
            f"x_t = E[token_t] + P[t]        P: {model.context:,} × {model.width}",
            f"sines and cosines:  P[t, 2i] = sin(t / 10,000^(2i / {model.width}))",
            f"                    P[t, 2i + 1] = cos(t / 10,000^(2i / {model.width}))",
        ),
        picture(
            "walk_positions",
            figures.positions(panels, likeness(learnt).numpy(), used),
            "Positions",
            f"A row a place, the first {count} of them.{below(used, count)} Right: the cosine between the learnt rows "
            "of two places.",
        ),
        picture(
            "walk_sum",
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
        ),
    ]


def turning(scene: Scene) -> list[Block]:
    from maquette.recipes.attention.figures import positions as drawn

    used = len(scene.names)
    count = min(scene.model.context, MOST_PLACES)
    cos, sin = scene.model.turns[:count].double().unbind(-1)
    alike = (cos @ cos.T + sin @ sin.T) / cos.shape[1]
    return [
        heading("Positions"),
        say(
            "Attention by itself does not see where a token stands. This network turns queries and keys: every two of "
            "their numbers are a point in a plane, which is turned by an angle that grows with the place t, fast for "
            "the first pair, slowly for the last. What a query and a key then have in common depends on how far apart "
            "they stand."
        ),
        formulas(
            "φ = t / 10,000^(2i / D)        for the pair i = 0 … D/2 − 1",
            "(a, b) → (a cos φ − b sin φ,  a sin φ + b cos φ)        of q_t and k_t",
        ),
        picture(
            "walk_positions",
            drawn({"cos φ": cos.numpy(), "sin φ": sin.numpy()}, alike.numpy(), used),
            "Positions that turn",
            f"A row a place, the first {count} of them.{below(used, count)} Right: the mean of cos(φ_t − φ_s), how "
            "alike two places are.",
        ),
    ]


def below(used: int, count: int) -> str:
    return " The sentence ends at the line." if used < count else ""


def order(scene: Scene) -> list[Block]:
    """The sentence and its words in reverse, with positions and without."""
    from maquette.methods.walking import order_matters
    from maquette.recipes.attention.figures import orders

    both = two_orders(scene.tokenizer, scene.text, scene.model.context)
    if both is None:
        return []
    first, second = (scene.tokenizer.decode(each).strip() for each in both)
    found = order_matters(scene.model, *both)
    rows = []
    for each in found:
        chances, best = each.following.max(1)
        likely = zip(names_of(scene.tokenizer, best.tolist()), chances.tolist(), strict=True)
        rows.append([each.condition, float(f"{each.difference:.2g}"), *(f"{name} {p:.1%}" for name, p in likely)])
    return [
        heading("Does order matter?"),
        say(
            f"{first!r} and {second!r} hold the same tokens. Take the positions away, and let every token see all "
            "others: each then looks at a bag of tokens, and a sum over a bag has no order. Every token gets the same "
            "numbers in both sentences, only in another row. A network that hides what lies ahead still notices some "
            "of the order, since each token sees more than the one before it."
        ),
        formulas("attention(q, K, V) = Σ_s softmax(q Kᵀ / √D)_s v_s        the same for any order of s"),
        picture(
            "walk_order",
            orders(
                {each.condition: (each.means[0].numpy(), each.means[1].numpy()) for each in found},
                ("one order", "the other"),
            ),
            "One order of the words over the other",
            f"The {scene.model.width} numbers after the last layer, the mean over all places: across for {first!r}, up "
            f"for {second!r}. What lies on the line is equal.",
        ),
        table(
            "The two orders",
            ["network", "largest difference", "likeliest after one order", "after the other"],
            rows,
            "This network learnt with positions: what it says without them only shows what it no longer sees.",
        ),
    ]


def two_orders(tokenizer: Tokenizer, text: str, most: int) -> tuple[list[int], list[int]] | None:
    """The tokens of the words in order and in reverse, at most `most`; the full stop stays behind. None where both
    are the same."""
    words = text.split()
    last = words.pop() if words else ""
    bare = last.rstrip(".!?…;:")
    pieces = [tokenizer.encode(f" {word}").tolist() for word in [*words, bare] if word]
    end = tokenizer.encode(last[len(bare) :]).tolist()
    while pieces and sum(map(len, pieces)) + len(end) > most:
        pieces.pop()
    first, second = ([token for piece in each for token in piece] + end for each in (pieces, pieces[::-1]))
    return None if first == second else (first, second)
