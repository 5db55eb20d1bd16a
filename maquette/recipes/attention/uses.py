"""What a walk is used for: a table of what each token of a text looks at, and a page with the whole way of a text."""

from collections.abc import Iterable, Iterator

import pandas as pd

from maquette.data.text.tokenizers import load_tokenizer
from maquette.families.blocks import Block, on_each
from maquette.methods.walking import walk
from maquette.recipes.attention.data import encoded, looked_at, names_of
from maquette.recipes.attention.report import explained
from maquette.recipes.attention.settings import LookingOptions
from maquette.trained import Trained

LIKELIEST = 3  # next tokens that a row names


def trace(trained: Trained, inputs: Iterable[str], options: LookingOptions) -> Iterator[pd.DataFrame]:
    """A row a token of each text: how surprising it was, what is likely to follow, and where it looks.

    `surprise` is -ln of the probability it had, `entropy` that of what follows, in nats. `looks_at` is the token that
    all heads of the last layer together take most of; with `layer` or `head`, those.
    """
    model, tokenizer = trained.model, load_tokenizer(trained.processing["tokenizer"])
    looked_at(model, options.layer, options.head)
    rows = []
    for number, text in enumerate(inputs, 1):
        tokens = encoded(tokenizer, text)
        names = names_of(tokenizer, tokens)
        for start, first, end in windows(len(tokens), model.context):
            seen = walk(model, tokens[start:end])
            p, maps = seen.probabilities, seen.layers[(options.layer or model.depth) - 1].weights
            weights = maps.mean(0) if options.head is None else maps[options.head - 1]
            chances, best = p.topk(min(LIKELIEST, p.shape[1]))
            entropy = -(p * p.clamp(min=1e-300).log()).sum(1)
            for at in range(first, end):
                here = at - start
                row = {"text": number, "place": at, "token": names[at]}
                row["surprise"] = None if at == 0 else float(-p[here - 1, tokens[at]].log())
                following = zip(names_of(tokenizer, best[here].tolist()), chances[here].tolist(), strict=True)
                for rank, (name, chance) in enumerate(following, 1):
                    row |= {f"next_{rank}": name, f"probability_{rank}": chance}
                place = start + int(weights[here].argmax())
                rows.append({**row, "entropy": float(entropy[here]), "looks_at": names[place], "looks_at_place": place})
    yield pd.DataFrame(rows)


def windows(count: int, context: int) -> list[tuple[int, int, int]]:
    """Stretches (start, first, end) of at most `context` tokens, of which first .. end are new: all in one if they fit,
    else each begins in the middle of the one before, so that every token has something to look back on."""
    found = [(0, 0, min(count, context))]
    while found[-1][2] < count:
        before, first = found[-1][0], found[-1][2]
        start = before + max(1, context // 2)
        found.append((start, first, min(count, start + context)))
    return found


def explain(trained: Trained, inputs: Iterable[str], options: LookingOptions) -> Iterator[Block]:
    """The whole walk of each sentence: words, formulas, tables, pictures; layer and head are the run's if not given."""
    model, processing = trained.model, trained.processing
    tokenizer = load_tokenizer(processing["tokenizer"])
    layer, head = (getattr(options, name) or processing.get(name) for name in ("layer", "head"))
    return on_each(inputs, lambda text: explained(model, tokenizer, text, layer, head))
