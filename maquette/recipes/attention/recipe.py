"""The Transformer up close: one sentence on its way through a network, with every number, formula and picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from maquette.recipes.attention import data as walked
from maquette.settings import Options as BaseOptions
from maquette.settings import Settings as BaseSettings
from maquette.settings import UserError, option
from maquette.steps import Framing, Prepared, Scores

if TYPE_CHECKING:
    import pandas as pd

    from maquette.data.text.documents import Texts
    from maquette.recipes.attention.data import Given
    from maquette.runs import Run

MOST_TOKENS = 24  # of a sentence that are shown; none sees what comes after it
MOST_MEASURED = 262_144  # test tokens for the scores
LIKELIEST = 3  # next tokens that a prediction names


class Settings(BaseSettings):
    run: str | None = option(None, "run folder of gpt to look into; a small network is trained here if not given")
    sentence: str = option("Meerkats love watermelons.", "what is led through the network")
    layer: int | None = option(None, "layer to show closely, counted from 1; the first if not set", ge=1)
    head: int | None = option(None, "its head, counted from 1; the one that most picks out others if not set", ge=1)
    tokenizer: Literal["characters", "words", "bpe", "wordpiece", "unigram"] = option("bpe", "how text becomes tokens")
    vocabulary: int = option(1024, "most tokens that the tokenizer learns", "tokens", ge=8, le=1_000_000)
    field: str | None = option(None, "the field of .jsonl or the column of .csv that holds the text; found if not set")
    context: int = option(64, "tokens that the network looks back on", "tokens", ge=4, le=65536)
    depth: int = option(2, "layers", ge=1, le=96)
    width: int = option(96, "numbers a token", ge=4, le=16384)
    heads: int = option(4, "attention heads a layer", ge=1, le=256)
    steps: int = option(2000, "steps of training", ge=1)
    batch_size: int = option(8, "windows of text a step", "windows", ge=1)
    learning_rate: float | None = option(None, "size of the steps; 0.02 for muon, 0.001 for adamw", gt=0)
    optimizer: Literal["muon", "adamw"] = option("muon", "momentum made orthogonal, or AdamW")
    test_share: float = option(0.1, "part of the text kept for the scores", gt=0, lt=0.9)


class Options(BaseOptions):
    """What `predict` can be told."""

    layer: int | None = option(None, "layer to show closely, counted from 1; the run's if not set", ge=1)
    head: int | None = option(None, "its head, counted from 1; the one that most picks out others if not set", ge=1)


PRESETS: dict[str, dict[str, Any]] = {
    "small": {"vocabulary": 300, "width": 16, "heads": 2, "context": 32, "steps": 60, "batch_size": 8},
    "course": {"sentence": "THE MEERKATS LOVE WATERMELONS.", "depth": 1, "heads": 1, "optimizer": "adamw"},
    "full": {
        "vocabulary": 32768,
        "context": 1024,
        "depth": 12,
        "width": 768,
        "heads": 12,
        "batch_size": 64,
        "steps": 50_000,
    },
}


class Collected(NamedTuple):
    texts: Texts
    settings: Any  # of the corpus
    given: Given | None  # None: a network is to be trained here


def frame(settings: Settings) -> Framing:
    return Framing(
        question="What does a Transformer do with a sentence?",
        inputs="a sentence",
        outputs="every number on its way to the next token",
        score="loss",
    )


def collect(settings: Settings, run: Run) -> Collected:
    from maquette.families.corpora import collect_texts

    if settings.run is None:
        return Collected(collect_texts(settings, run), settings, None)
    if settings.data is not None:
        raise UserError(f"--run {settings.run} brings its own data; leave --data {settings.data} away.")
    given = walked.open_given(settings.run)
    texts = collect_texts(given.settings, run)
    if (given.source.get("sha256") or "") != (run.source.get("sha256") or ""):
        raise UserError(f"The data of {settings.run} has changed since it was trained; put the old text back.")
    run.fact("Network", f"{type(given.model).__name__} of {settings.run}")
    return Collected(texts, given.settings, given)


def analyze(data: Collected, settings: Settings, run: Run) -> dict[str, Any]:
    from maquette.families.corpora import analyze_texts

    return analyze_texts(data.texts, run)


def process(data: Collected, settings: Settings, run: Run) -> Prepared:
    from maquette.families.corpora import prepare_corpus

    given = data.given
    if given is None and settings.width % settings.heads:
        raise UserError(f"--heads {settings.heads} does not part the width {settings.width} into equal pieces.")
    corpus = prepare_corpus(data.texts, data.settings, run, tokenizer=given.tokenizer if given else None)
    context = given.model.context if given else min(settings.context, max(4, len(corpus.train) // 4))
    run.fact("Context", context, "tokens")
    processing = {
        "tokenizer": corpus.tokenizer.state(),
        "context": context,
        "layer": settings.layer,
        "head": settings.head,
    }
    return Prepared((corpus, data), None, corpus, processing, [settings.sentence])


def build(prepared: Prepared, settings: Settings) -> Any:
    from maquette.models import GPT2

    corpus, data = prepared.train
    if data.given is not None:
        model = data.given.model
    else:
        sizes = {"depth": settings.depth, "width": settings.width, "heads": settings.heads}
        model = GPT2(vocabulary=len(corpus.tokenizer.vocabulary), context=prepared.processing["context"], **sizes)
    walked.looked_at(model, settings.layer, settings.head)
    walked.encoded(corpus.tokenizer, settings.sentence)
    return model


def train(model: Any, prepared: Prepared, settings: Settings, run: Run) -> Scores:
    from maquette.families import corpora as texts
    from maquette.families.language_models import train_model
    from maquette.figures.training import losses
    from maquette.recipes.attention.blocks import show

    (corpus, data), context = prepared.train, prepared.processing["context"]
    if data.given is None:
        train_model(model, corpus, settings, run, context=context)
    else:
        run.keep(model=model.to(run.device))
        for step in run.loop(1):
            run.log(step, valid_loss=texts.held_out_loss(model, corpus.test.take(0, MOST_MEASURED), context))
        run.say("Nothing is trained: the network is taken as it is.")
    if not run.is_main:
        return Scores({})
    loss = texts.held_out_loss(model, corpus.test.take(0, MOST_MEASURED), context)
    model.to("cpu").eval()
    if data.given is None:
        curves = {"loss": "training", "valid_loss": "test part"}
        run.picture("losses", losses(run.metrics(), curves, quantity="nats a token"), "Cross entropy")
    with run.section("predict"):
        show(explain(model, prepared.processing, settings.sentence), run)
    values = texts.scores_of(loss, len(corpus.test), corpus.test_bytes)
    units = {"loss": "nats a token", "bits_per_byte": "bits"}
    return Scores(values, texts.counted_baselines(corpus, data.texts, data.settings), units)


def predict(
    model: Any, processing: dict[str, Any], inputs: Any, *, layer: int | None = None, head: int | None = None
) -> pd.DataFrame:
    """A row a token of a text, or of several: how surprising it was, what is likely to follow, and where it looks.

    `surprise` is -ln of the probability it had, `entropy` that of what follows, in nats. `looks_at` is the token that
    all heads of the last layer together take most of; with `layer` or `head`, those.
    """
    import pandas as pd

    from maquette.data.text.tokenizers import load_tokenizer
    from maquette.methods.walking import walk
    from maquette.recipes.attention.blocks import names_of

    tokenizer = load_tokenizer(processing["tokenizer"])
    walked.looked_at(model, layer, head)
    rows = []
    for number, text in enumerate([inputs] if isinstance(inputs, str) else inputs, 1):
        tokens = walked.encoded(tokenizer, str(text))
        names = names_of(tokenizer, tokens)
        for start, first, end in windows(len(tokens), model.context):
            seen = walk(model, tokens[start:end])
            p, maps = seen.probabilities, seen.layers[(layer or model.depth) - 1].weights
            weights = maps.mean(0) if head is None else maps[head - 1]
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
    return pd.DataFrame(rows)


def windows(count: int, context: int) -> list[tuple[int, int, int]]:
    """Stretches (start, first, end) of at most `context` tokens, of which first .. end are new: all in one if they fit,
    else each begins in the middle of the one before, so that every token has something to look back on."""
    found = [(0, 0, min(count, context))]
    while found[-1][2] < count:
        before, first = found[-1][0], found[-1][2]
        start = before + max(1, context // 2)
        found.append((start, first, min(count, start + context)))
    return found


def explain(
    model: Any, processing: dict[str, Any], inputs: str, *, layer: int | None = None, head: int | None = None
) -> list[dict[str, Any]]:
    """The whole walk of a sentence as blocks of a page: words, formulas, tables, pictures."""
    from maquette.data.text.tokenizers import load_tokenizer, unknown_parts
    from maquette.recipes.attention import inputs as walk_inputs
    from maquette.recipes.attention import layers as walk_layers
    from maquette.recipes.attention.blocks import say, scene_of

    tokenizer = load_tokenizer(processing["tokenizer"])
    which = walked.looked_at(model, layer or processing.get("layer"), head or processing.get("head"))
    tokens = walked.encoded(tokenizer, inputs)
    scene = scene_of(model, tokenizer, inputs, tokens[: min(MOST_TOKENS, model.context)].tolist(), *which)
    steps = (
        *(walk_inputs.tokens, walk_inputs.embeddings, walk_inputs.positions, walk_inputs.order, walk_layers.norms),
        *(walk_layers.queries, walk_layers.scores, walk_layers.uniform_or_scaled, walk_layers.heads),
        *(walk_layers.stream, walk_layers.logits, walk_layers.lens),
    )
    blocks = [block for step in steps for block in step(scene)]
    if len(tokens) > len(scene.names):
        blocks.insert(
            1, say(f"Shown are the first {len(scene.names)} of {len(tokens):,} tokens; none sees what comes after it.")
        )
    missing = unknown_parts(tokenizer, inputs)
    if missing:
        named = ", ".join(map(repr, missing[:5]))
        blocks.insert(
            1, say(f"The vocabulary has no token for {named}; in its place stands one for all that is unknown.")
        )
    return blocks
