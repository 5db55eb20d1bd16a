"""A GPT trained on your own text, from scratch or from another one, that goes on writing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from maquette.families.writing import WritingOptions as Options  # what `predict` takes
from maquette.settings import Settings as BaseSettings
from maquette.settings import UserError, option
from maquette.steps import Framing, Prepared, Scores

if TYPE_CHECKING:
    from maquette.data.text.documents import Texts
    from maquette.runs import Run

WIDTH_A_LAYER = 32  # numbers a token that each layer of `depth` stands for


class Settings(BaseSettings):
    tokenizer: Literal["characters", "words", "bpe", "wordpiece", "unigram"] = option("bpe", "how text becomes tokens")
    vocabulary: int = option(1024, "most tokens that the tokenizer learns", "tokens", ge=8, le=1_000_000)
    field: str | None = option(None, "the field of .jsonl or the column of .csv that holds the text; found if not set")
    init: str | None = option(None, "start from this run of gpt, or this folder of GPT-2 from Hugging Face")
    network: Literal["gpt", "gpt2"] = option("gpt", "as they are built today, or exactly GPT-2")
    depth: int = option(4, "layers; the one dial of size, which also sets the width", ge=1, le=96)
    width: int | None = option(
        None, f"numbers a token; {WIDTH_A_LAYER} times the depth if not set", ge=8, multiple_of=4
    )
    heads: int | None = option(None, "attention heads a layer; of about 32 numbers if not set", ge=1, le=256)
    context: int = option(128, "tokens that the network looks back on", "tokens", ge=4, le=65536)
    dropout: float = option(0.0, "part of the numbers that training leaves out; gpt2 only", ge=0, lt=1)
    steps: int | None = option(None, "steps of training; 2000, or six rounds over a short text, if not set", ge=1)
    batch_size: int = option(8, "windows of text a step", "windows", ge=1)
    learning_rate: float | None = option(None, "size of the steps; 0.02 for muon, 0.001 for adamw", gt=0)
    optimizer: Literal["muon", "adamw"] = option("muon", "momentum made orthogonal, or AdamW")
    shard: bool = option(False, "spread the weights over the processes of torchrun (FSDP2)")
    test_share: float = option(0.1, "part of the text kept for the scores", gt=0, lt=0.9)


PRESETS: dict[str, dict[str, Any]] = {
    "small": {"vocabulary": 300, "depth": 2, "width": 32, "context": 32, "steps": 60, "batch_size": 8},
    "course": {
        "tokenizer": "characters",
        "network": "gpt2",
        "depth": 4,
        "width": 128,
        "heads": 4,
        "context": 64,
        "batch_size": 12,
        "steps": 2000,
        "optimizer": "adamw",
    },
    "full": {
        "vocabulary": 32768,
        "depth": 12,
        "width": 768,
        "context": 1024,
        "batch_size": 512,
        "steps": 20_000,
    },
}


def frame(settings: Settings) -> Framing:
    return Framing(
        question="Which token comes next?",
        inputs=f"up to {settings.context} tokens of text",
        outputs="the probability of each token of the vocabulary to come next",
        score="bits_per_byte",
    )


def collect(settings: Settings, run: Run) -> Texts:
    from maquette.families.corpora import collect_texts

    return collect_texts(settings, run)


def analyze(texts: Texts, settings: Settings, run: Run) -> dict[str, Any]:
    from maquette.families.corpora import analyze_texts

    return analyze_texts(texts, run)


def process(texts: Texts, settings: Settings, run: Run) -> Prepared:
    from maquette.families.corpora import prepare_corpus, starts_of

    given = beginning(settings.init)
    if given:
        run.say(f"The tokenizer is that of {settings.init}.")
    corpus = prepare_corpus(texts, settings, run, tokenizer=given[1] if given else None)
    context = min(settings.context, given[0].context if given else settings.context)
    if context > len(corpus.train) // 4:
        context = max(2, len(corpus.train) // 4)
        run.warn(f"The text is short: the network looks back on {context} tokens, not on {settings.context}.")
    run.fact("Context", context, "tokens")
    processing = {"tokenizer": corpus.tokenizer.state(), "context": context}
    starts = starts_of(texts, corpus.tokenizer, settings, 4)
    return Prepared((corpus, texts, given[0] if given else None), None, corpus, processing, starts)


def beginning(init: str | None) -> tuple[Any, Any] | None:
    """Network and tokenizer to start from, of a run folder or of a folder of Hugging Face's."""
    if init is None:
        return None
    from pathlib import Path

    from maquette.families.corpora import language_model
    from maquette.huggingface import read_gpt2

    folder = Path(init).expanduser()
    if not folder.is_dir():
        raise UserError(f"--init {init}: there is no such folder.")
    if not (folder / "settings.json").exists():
        return read_gpt2(folder)
    if not (folder / "model.json").exists():
        raise UserError(f"--init {init} is a run without a trained network; finish it with: maquette resume {init}")
    found = language_model(folder)
    if found is None:
        raise UserError(f"--init {init} is no run of gpt.")
    return found


def build(prepared: Prepared, settings: Settings) -> Any:
    from maquette.models import GPT, GPT2
    from maquette.models.gpt import heads_for

    corpus, _, given = prepared.train
    if given is not None:
        return given
    width = settings.width or WIDTH_A_LAYER * settings.depth
    heads = settings.heads or heads_for(width)
    if width % heads or width // heads % 2:
        raise UserError(
            f"--heads {heads} does not part the width {width} into equal, even pieces; try {heads_for(width)}."
        )
    common = {
        "vocabulary": len(corpus.tokenizer.vocabulary),
        "context": prepared.processing["context"],
        "depth": settings.depth,
        "width": width,
        "heads": heads,
    }
    return GPT2(**common, dropout=settings.dropout) if settings.network == "gpt2" else GPT(**common)


def train(model: Any, prepared: Prepared, settings: Settings, run: Run) -> Scores:
    from maquette.families import corpora as texts
    from maquette.families.language_models import train_model
    from maquette.figures.training import losses
    from maquette.recipes.gpt.report import show_network

    (corpus, documents, given), context = prepared.train, prepared.processing["context"]
    test = corpus.test.take(0, len(corpus.test))
    before = texts.held_out_loss(model.to(run.device), test, context) if given is not None and run.is_main else None
    samples = train_model(model, corpus, settings, run, context=context, prompt=prepared.examples[0])
    if not run.is_main:
        return Scores({})
    loss = texts.held_out_loss(model, test, context)
    values = texts.scores_of(loss, len(test), corpus.test_bytes)
    baselines = texts.counted_baselines(corpus, documents, settings)
    if before is not None:
        baselines["before fine-tuning"] = texts.scores_of(before, len(test), corpus.test_bytes)
    run.picture(
        "losses",
        losses(run.metrics(), {"loss": "training", "valid_loss": "test part"}, quantity="nats a token"),
        "Cross entropy",
        "The curve of the test part is measured on a sample from all over it; nothing is chosen by it.",
    )
    show_network(model.to("cpu").eval(), corpus, prepared.examples, samples.rows, run)
    return Scores(values, baselines, {"loss": "nats a token", "bits_per_byte": "bits"})


def predict(model: Any, processing: dict[str, Any], inputs: Any, **options: Any) -> Any:
    """What follows a prompt: a text, or a list of `samples` texts above 1; for a list of prompts, a list of answers."""
    from maquette.data.text.tokenizers import load_tokenizer
    from maquette.families.writing import continuations

    chosen = {**Options().model_dump(), **options}
    tokenizer = load_tokenizer(processing["tokenizer"])
    prompts = [inputs] if isinstance(inputs, str) else list(inputs)
    found = [continuations(model, tokenizer, str(prompt), chosen) for prompt in prompts]
    answers = [texts if chosen["samples"] > 1 else texts[0] for texts in found]
    return answers[0] if isinstance(inputs, str) else answers


def stream(
    model: Any, processing: dict[str, Any], prompt: str, notes: list[str], **options: Any
) -> Iterator[list[str]]:
    """The same as it comes, a piece for each continuation at a time."""
    from maquette.data.text.tokenizers import load_tokenizer
    from maquette.families.writing import written

    return written(model, load_tokenizer(processing["tokenizer"]), prompt, {**Options().model_dump(), **options}, notes)


def explain(model: Any, processing: dict[str, Any], prompt: str, **options: Any) -> list[dict[str, Any]]:
    """Blocks of a page on how each token of a continuation was chosen."""
    from maquette.data.text.tokenizers import load_tokenizer
    from maquette.families.writing import explained

    return explained(model, load_tokenizer(processing["tokenizer"]), prompt, {**Options().model_dump(), **options})
