"""Words as vectors (Mikolov et al. 2013): skip-gram or CBOW with negative sampling, on text of any size.

A word's vector is learnt by telling the words that stand near it from words drawn at random. Judged on text that was
kept back, and by people's judgements where these can be had, beside counting (positive PMI with SVD) on the same text.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maquette.data.text.documents import Texts
from maquette.families.corpora import analyze_texts, collect_texts
from maquette.huggingface import TokenTable, read_table
from maquette.methods.cooccurrence import counted_vectors
from maquette.methods.word_training import SHARDS, Stretch, WordTrainer
from maquette.methods.word_vectors import bags_of, keeping
from maquette.models.word_vectors import WordVectors
from maquette.recipes.word2vec import report
from maquette.recipes.word2vec.data import (
    BUCKETS,
    Pairs,
    Words,
    auroc,
    by_frequency,
    collect_words,
    find_judgements,
    held_out_pairs,
    judged_scores,
    rows_of,
    space_of,
)
from maquette.recipes.word2vec.settings import Settings
from maquette.runs import Run
from maquette.settings import UserError
from maquette.steps import Fitted, Framing, Scores

STRETCH = 20_000  # words that a shard trains on before changes are added up; less of short texts
FEWEST_ROUNDS = 8  # of an epoch, where the text is short
LOOKED_AT = (0.02, 0.1, 0.3, 1.0)  # of the training, when neighbours are written down
FEWEST_WORDS = 10
LEFT = 1 / 3  # of a short text that is read at least, each time
READ = 50_000_000  # words, over all epochs, where these are not set


@dataclass(frozen=True)
class Prepared:
    """Sentences of both parts, held-out pairs of words, the share of the text above which words are left out, and the
    table of embeddings that was given."""

    words: Words
    pairs: Pairs
    threshold: float
    processing: dict[str, Any]
    examples: list[str]
    given: TokenTable | None = None


@dataclass(frozen=True, kw_only=True)
class Learnt(Fitted):
    """Neighbours of a few words over the training, by how much of it was done; words read a second."""

    history: list[dict[str, Any]]
    speed: float


class History:
    """The same while it grows, kept with the run; `words` and `seconds` count what was read since the first round."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.words, self.seconds = 0, 0.0
        self.loss, self.losses = 0.0, 0

    def add(self, loss: float, losses: int) -> None:
        self.loss, self.losses = self.loss + loss, self.losses + losses

    def mean(self) -> float:
        """The mean of the losses that were added since it was last asked for."""
        mean = self.loss / max(1, self.losses)
        self.loss, self.losses = 0.0, 0
        return mean

    def state_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


def frame(settings: Settings) -> Framing:
    return Framing(
        question="Which words are used alike?",
        inputs="a word",
        outputs=f"{settings.width} numbers",
        score="auroc",
        higher_is_better=True,
    )


def collect(settings: Settings, run: Run) -> Texts:
    return collect_texts(settings.data, settings.field, run)


def analyze(texts: Texts, settings: Settings, run: Run) -> dict[str, Any]:
    return analyze_texts(texts, run)


def process(texts: Texts, settings: Settings, run: Run) -> Prepared:
    given = None if settings.init is None else read_table(Path(settings.init).expanduser())
    words = collect_words(
        texts,
        run,
        fewest=settings.fewest,
        most=settings.vocabulary,
        phrases=settings.phrases,
        test_share=settings.test_share,
        seed=settings.seed,
    )
    lexicon = words.lexicon
    if len(lexicon.words) < FEWEST_WORDS:
        raise UserError(
            f"Of the {lexicon.different:,} words of {texts.path} only {len(lexicon.words)} occur {settings.fewest} "
            "times or more; give more text, or a smaller --fewest."
        )
    if len(words.train) < SHARDS:
        raise UserError(f"{texts.path} has {len(words.train)} sentences to train on; give more text.")
    threshold = threshold_of(lexicon.counts) if settings.subsample is None else settings.subsample
    report.show_words(words, threshold, run)
    pairs = held_out_pairs(words.test, settings.window, settings.seed)
    processing = {"words": lexicon.words, "counts": lexicon.counts}
    if given is not None:
        report.show_table(given, lexicon.words, run)
    return Prepared(words, pairs, threshold, processing, report.probes(lexicon.words)[:3], given)


def threshold_of(counts: np.ndarray) -> float:
    """1e-4 as long as a third of the text is read by that; of short texts, where most words are frequent, more."""
    threshold = 1e-4
    while float(keeping(counts, threshold) @ counts) < LEFT * counts.sum():
        threshold *= 1.25
    return threshold


def epochs_of(words: int) -> int:
    """So many that about 50 million words are read, but at least 5 and at most 100."""
    return min(max(round(READ / words), 5), 100)


def build(prepared: Prepared, settings: Settings) -> WordVectors:
    buckets, words = BUCKETS if settings.subwords else 0, prepared.words.lexicon.words
    if prepared.given is None:
        return WordVectors(vocabulary=len(words), width=settings.width, buckets=buckets)
    model = WordVectors(vocabulary=len(words), width=prepared.given.vectors.shape[1], buckets=buckets)
    model.inputs.data[: len(words)] = rows_of(prepared.given, words)
    return model


def train(model: WordVectors, prepared: Prepared, settings: Settings, run: Run) -> Learnt:
    sentences, lexicon = prepared.words.train, prepared.words.lexicon
    bounds = stretches_of(sentences.starts)
    rounds = -(-(len(bounds) - 1) // SHARDS)
    trainer = WordTrainer(
        model.inputs,
        model.outputs,
        lexicon.counts,
        bags_of(lexicon.words, model.buckets),
        window=settings.window,
        negatives=settings.negatives,
        threshold=prepared.threshold,
        is_cbow=settings.method == "cbow",
        is_exact=settings.exact,
        shards=range(run.rank, SHARDS, run.processes),
        threads=torch.get_num_threads(),
        together=added_up(run) if run.processes > 1 else None,
    )
    history, known = History(), report.probes(lexicon.words)
    run.keep(trainer=trainer, history=history)
    words = np.asarray(sentences.words)
    epochs = settings.epochs or epochs_of(int(lexicon.counts.sum()))
    for step in run.loop(rounds * epochs):
        epoch, place = divmod(step.number - 1, rounds)
        began = time.perf_counter()
        given = round_of(words, sentences.starts, bounds, epoch, place, settings.seed)
        history.add(*trainer.round(given, settings.learning_rate * (1 - step.progress)))
        if step.number > 1:  # the first one also loads what was compiled
            history.seconds += time.perf_counter() - began
            history.words += sum(words_in(each) for each in given)
        done = 1.0 if step.is_last else step.progress
        if step.every(max(1, rounds // 10)):
            run.log(step, loss=history.mean() / (1 + settings.negatives), epoch=step.number / rounds)
        if len(history.rows) < len(LOOKED_AT) and done >= LOOKED_AT[len(history.rows)]:
            trainer.into(model.inputs, model.outputs)
            history.rows.append({"done": done, "words": report.nearest_of(space_of(model, prepared.processing), known)})
    trainer.into(model.inputs, model.outputs)
    return Learnt(history=history.rows, speed=history.words / max(history.seconds, 1e-9))


def words_in(stretch: Stretch) -> int:
    """How many words of text a stretch holds."""
    return int((stretch.starts[stretch.order + 1] - stretch.starts[stretch.order]).sum())


def stretches_of(starts: np.ndarray) -> np.ndarray:
    """The first sentence of each stretch, and one past the last: sentences of about `STRETCH` words together."""
    size = min(STRETCH, max(1, int(starts[-1]) // (SHARDS * FEWEST_ROUNDS)))
    return np.unique([*np.searchsorted(starts, np.arange(0, starts[-1], size)).tolist(), len(starts) - 1])


def round_of(
    words: np.ndarray, starts: np.ndarray, bounds: np.ndarray, epoch: int, place: int, seed: int
) -> list[Stretch]:
    """The stretches of a round, one a shard: each epoch in another order, and so the sentences within them."""
    order = np.random.default_rng([seed, epoch]).permutation(len(bounds) - 1)
    made = []
    for which in order[place * SHARDS : (place + 1) * SHARDS]:
        g = np.random.default_rng([seed, epoch, int(which)])
        sentences = g.permutation(np.arange(bounds[which], bounds[which + 1]))
        made.append(Stretch(words, np.asarray(starts), sentences, int(g.integers(1, 2**63))))
    return made


def added_up(run: Run) -> Callable[[Tensor], None]:
    """What adds up changes over the processes."""

    def together(change: Tensor) -> None:
        there = change.to(run.device)
        torch.distributed.all_reduce(there)
        change.copy_(there)

    return together


def score(model: WordVectors, prepared: Prepared, fitted: Learnt, settings: Settings, run: Run) -> Scores:
    lexicon, pairs = prepared.words.lexicon, prepared.pairs
    space = space_of(model, prepared.processing)
    values = {"auroc": auroc(space.vectors, model.outputs.numpy(), pairs)}
    sentences = prepared.words.train
    left, right = counted_vectors(
        np.asarray(sentences.words),
        sentences.number_of_each(),
        len(lexicon.words),
        width=settings.width,
        window=settings.window,
        seed=settings.seed,
    )
    counting = report.space_of_rows(lexicon, left)
    baselines = {
        "frequency": {"auroc": by_frequency(lexicon.counts, pairs)},
        "PPMI and SVD": {"auroc": auroc(left, right, pairs)},
    }
    if prepared.given is not None:
        before = report.space_of_rows(lexicon, rows_of(prepared.given, lexicon.words).numpy())
    report.show_training(run, fitted.history)
    judgements = find_judgements()
    if judgements is None:
        run.say("Tests of similarity and analogy cannot be had, so people's judgement is not among the scores.")
    else:
        values |= judged_scores(space, judgements)
        baselines["PPMI and SVD"] |= judged_scores(counting, judgements)
        if prepared.given is not None:
            baselines["the table that was given"] = judged_scores(before, judgements)
        report.show_judgements(space, counting, judgements, settings.seed, run)
    report.show_space(space, run)
    with run.section("predict"):
        report.show_analogy(space, settings.analogy, run)
        report.show_axes(space, run)
    return Scores({**values, "words_per_second": fitted.speed}, baselines, {"words_per_second": "words/s"})
