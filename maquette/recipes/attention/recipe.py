"""The Transformer up close: one sentence is led through a network, and every number on its way is worked out.

The network is a small GPT-2 that is trained here, or that of a finished run of gpt, of which nothing is trained.
"""

from typing import Any, NamedTuple

from maquette.data.text.documents import Texts
from maquette.data.text.tokenizers import load_tokenizer
from maquette.families.corpora import analyze_texts, collect_texts, counted_baselines, prepare_corpus, scores_of
from maquette.families.language_models import Prepared, held_out_loss, train_model
from maquette.figures.training import losses
from maquette.models.gpt import GPT
from maquette.models.gpt2 import GPT2
from maquette.recipes.attention.data import encoded, looked_at
from maquette.recipes.attention.report import explained
from maquette.recipes.attention.settings import Settings
from maquette.runs import Run
from maquette.settings import UserError
from maquette.steps import Fitted, Framing, Scores
from maquette.trained import Trained

MOST_MEASURED = 262_144  # test tokens for the scores


class Collected(NamedTuple):
    """The text, and the finished run that is looked into; without one, a network is to be trained here."""

    texts: Texts
    given: Trained | None


def frame(settings: Settings) -> Framing:
    return Framing(
        question="What does a Transformer do with a sentence?",
        inputs="a sentence",
        outputs="every number on its way to the next token",
        score="loss",
    )


def collect(settings: Settings, run: Run) -> Collected:
    given = run.needed.get("run")
    if given is None:
        return Collected(collect_texts(settings.data, settings.field, run), None)
    if settings.data is not None:
        raise UserError(f"--run {settings.run} brings its own data; leave --data {settings.data} away.")
    texts = collect_texts(given.settings["data"], given.settings["field"], run)
    if (given.source.get("sha256") or "") != (run.source.get("sha256") or ""):
        raise UserError(f"The data of {settings.run} has changed since it was trained; put the old text back.")
    run.fact("Network", f"{type(given.model).__name__} of {settings.run}")
    return Collected(texts, given)


def analyze(data: Collected, settings: Settings, run: Run) -> dict[str, Any]:
    return analyze_texts(data.texts, run)


def process(data: Collected, settings: Settings, run: Run) -> Prepared:
    given = data.given
    if given is None and settings.width % settings.heads:
        raise UserError(f"--heads {settings.heads} does not part the width {settings.width} into equal pieces.")
    theirs = given.settings if given else settings.model_dump()
    corpus = prepare_corpus(
        data.texts,
        run,
        tokenizer=load_tokenizer(given.processing["tokenizer"]) if given else settings.tokenizer,
        vocabulary=theirs["vocabulary"],
        test_share=theirs["test_share"],
        seed=theirs["seed"],
    )
    context = given.model.context if given else min(settings.context, max(4, len(corpus.train) // 4))
    run.fact("Context", context, "tokens")
    processing = {
        "tokenizer": corpus.tokenizer.state(),
        "context": context,
        "layer": settings.layer,
        "head": settings.head,
    }
    return Prepared(corpus, given.model if given else None, processing, [settings.sentence])


def build(prepared: Prepared, settings: Settings) -> GPT | GPT2:
    tokenizer = prepared.corpus.tokenizer
    model = prepared.given or GPT2(
        vocabulary=len(tokenizer.vocabulary),
        context=prepared.processing["context"],
        depth=settings.depth,
        width=settings.width,
        heads=settings.heads,
    )
    looked_at(model, settings.layer, settings.head)
    encoded(tokenizer, settings.sentence)
    return model


def train(model: GPT | GPT2, prepared: Prepared, settings: Settings, run: Run) -> Fitted:
    if prepared.given is not None:
        model.to(run.device)
        run.say("Nothing is trained: the network is taken as it is.")
        return Fitted()
    train_model(
        model,
        prepared.corpus,
        run,
        context=prepared.processing["context"],
        steps=settings.steps,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        optimizer=settings.optimizer,
    )
    return Fitted()


def score(model: GPT | GPT2, prepared: Prepared, fitted: Fitted, settings: Settings, run: Run) -> Scores:
    corpus = prepared.corpus
    loss = held_out_loss(model, corpus.test.take(0, MOST_MEASURED), prepared.processing["context"])
    model.to("cpu")
    if prepared.given is None:
        curves = {"loss": "training", "valid_loss": "test part"}
        run.picture("losses", losses(run.metrics(), curves, quantity="nats a token"), "Cross entropy")
    with run.section("predict"):
        for block in explained(model, corpus.tokenizer, settings.sentence, settings.layer, settings.head):
            run.block(block, block.get("name", ""))
    units = {"loss": "nats a token", "bits_per_byte": "bits"}
    return Scores(scores_of(loss, corpus), counted_baselines(corpus), units)
