"""A GPT: a Transformer that learns to say which token comes next in your own text, and so goes on writing.

It begins from nothing, from another run, or from a folder of GPT-2 as Hugging Face has it. What counting tokens reaches
stands beside its loss.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maquette.data.text.documents import Texts
from maquette.data.text.tokenizers import Tokenizer, load_tokenizer
from maquette.families.corpora import (
    analyze_texts,
    collect_texts,
    counted_baselines,
    prepare_corpus,
    scores_of,
    starts_of,
)
from maquette.families.language_models import Prepared, held_out_loss, show_samples, train_model
from maquette.figures.training import losses
from maquette.huggingface import read_gpt2
from maquette.models.gpt import GPT, heads_for
from maquette.models.gpt2 import GPT2
from maquette.recipes.gpt.report import show_network
from maquette.recipes.gpt.settings import WIDTH_A_LAYER, Settings
from maquette.runs import Run
from maquette.settings import UserError
from maquette.steps import Fitted, Framing, Scores


@dataclass(frozen=True, kw_only=True)
class Learnt(Fitted):
    """The loss before training, where a network was given, and what was written on the way: [step, text] each."""

    before: float | None
    samples: list[list[Any]]


def frame(settings: Settings) -> Framing:
    return Framing(
        question="Which token comes next?",
        inputs=f"up to {settings.context} tokens of text",
        outputs="the probability of each token of the vocabulary to come next",
        score="bits_per_byte",
    )


def collect(settings: Settings, run: Run) -> Texts:
    return collect_texts(settings.data, settings.field, run)


def analyze(texts: Texts, settings: Settings, run: Run) -> dict[str, Any]:
    return analyze_texts(texts, run)


def process(texts: Texts, settings: Settings, run: Run) -> Prepared:
    given, tokenizer = beginning(settings.init, run)
    if given:
        run.say(f"The tokenizer is that of {settings.init}.")
    corpus = prepare_corpus(
        texts,
        run,
        tokenizer=tokenizer or settings.tokenizer,
        vocabulary=settings.vocabulary,
        test_share=settings.test_share,
        seed=settings.seed,
    )
    context = min(settings.context, given.context if given else settings.context)
    if context > len(corpus.train) // 4:
        context = max(2, len(corpus.train) // 4)
        run.warn(f"The text is short: the network looks back on {context} tokens, not on {settings.context}.")
    run.fact("Context", context, "tokens")
    processing = {"tokenizer": corpus.tokenizer.state(), "context": context}
    return Prepared(corpus, given, processing, starts_of(corpus, 4))


def beginning(init: str | None, run: Run) -> tuple[GPT | GPT2 | None, Tokenizer | None]:
    """Network and tokenizer to start from, of a run or of a folder of Hugging Face's; neither if `init` names none."""
    if init is None:
        return None, None
    if "init" in run.needed:
        other = run.needed["init"]
        return other.model, load_tokenizer(other.processing["tokenizer"])
    folder = Path(init).expanduser()
    if not folder.is_dir():
        raise UserError(f"--init {init}: there is no such folder.")
    return read_gpt2(folder)


def build(prepared: Prepared, settings: Settings) -> GPT | GPT2:
    if prepared.given is not None:
        return prepared.given
    width = settings.width or WIDTH_A_LAYER * settings.depth
    heads = settings.heads or heads_for(width)
    if width % heads or width // heads % 2:
        raise UserError(
            f"--heads {heads} does not part the width {width} into equal, even pieces; try {heads_for(width)}."
        )
    vocabulary, context = len(prepared.corpus.tokenizer.vocabulary), prepared.processing["context"]
    sizes = {"vocabulary": vocabulary, "context": context, "depth": settings.depth, "width": width, "heads": heads}
    return GPT2(**sizes, dropout=settings.dropout) if settings.network == "gpt2" else GPT(**sizes)


def train(model: GPT | GPT2, prepared: Prepared, settings: Settings, run: Run) -> Learnt:
    corpus, context = prepared.corpus, prepared.processing["context"]
    before = None
    if prepared.given is not None and run.is_main:
        before = held_out_loss(model.to(run.device), corpus.test.take(0, len(corpus.test)), context)
    samples = train_model(
        model,
        corpus,
        run,
        context=context,
        steps=settings.steps,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        optimizer=settings.optimizer,
        shard=settings.shard,
        prompt=prepared.examples[0],
    )
    return Learnt(before=before, samples=samples)


def score(model: GPT | GPT2, prepared: Prepared, fitted: Learnt, settings: Settings, run: Run) -> Scores:
    corpus, prompt = prepared.corpus, prepared.examples[0]
    loss = held_out_loss(model, corpus.test.take(0, len(corpus.test)), prepared.processing["context"])
    baselines = counted_baselines(corpus)
    if fitted.before is not None:
        baselines["before fine-tuning"] = scores_of(fitted.before, corpus)
    run.picture(
        "losses",
        losses(run.metrics(), {"loss": "training", "valid_loss": "test part"}, quantity="nats a token"),
        "Cross entropy",
        "The curve of the test part is measured on a sample from all over it; nothing is chosen by it.",
    )
    show_samples(fitted.samples, prompt, run)
    with run.section("predict"):
        show_network(model.to("cpu"), corpus, prompt, run)
    return Scores(scores_of(loss, corpus), baselines, {"loss": "nats a token", "bits_per_byte": "bits"})
