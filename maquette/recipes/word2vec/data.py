"""What vectors of words are learnt from and judged by: sentences, rows, pairs kept back, people's judgements."""

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maquette.data.cache import cache_folder
from maquette.data.sets.fetching import get
from maquette.data.text.documents import Texts
from maquette.data.text.sentences import FORMAT, Lexicon, Sentences, read_sentences
from maquette.data.text.word_tests import ANALOGIES, SIMILARITY, Judged, read_analogies, read_judged
from maquette.huggingface import TokenTable
from maquette.measures.words import spearman, told_apart
from maquette.methods.word_vectors import Space, pieces_of, word_rows
from maquette.models.word_vectors import WordVectors
from maquette.progress import Progress
from maquette.runs import Run
from maquette.settings import UserError, nearest

BUCKETS = 100_000  # rows that pieces of words share
MOST_PAIRS = 200_000  # of held-out words and their neighbours that are scored
TESTS = "word_vectors"


@dataclass(frozen=True)
class Words:
    """The words that are kept, and the sentences of both parts."""

    lexicon: Lexicon
    train: Sentences
    test: Sentences


def collect_words(texts: Texts, run: Run, **how: Any) -> Words:
    """The sentences of a text, made once and kept in the cache; by the first of several processes."""
    told: list[Any] = [None]
    if run.is_main:
        try:
            folder = words_folder(texts, how)
            with closing(Progress("reading", "byte")) as progress:
                read_sentences(texts, folder, progress=progress.update, **how)
            told = [folder]
        except UserError as error:
            told = [error]
    if run.processes > 1:
        torch.distributed.broadcast_object_list(told, src=0)
    if isinstance(told[0], UserError):
        raise told[0]
    lexicon, parts = read_sentences(texts, told[0], **how)
    return Words(lexicon, parts["train"], parts["test"])


def words_folder(texts: Texts, how: dict[str, Any]) -> Path:
    """Where the sentences are kept: in the cache, or in a temporary folder where that cannot be written."""
    facts: list[Any] = [FORMAT, how]
    for entry in texts.entries:
        place = str(entry.path.resolve()), entry.member, texts.fields.get(entry)
        facts.append([*place, entry.size, entry.path.stat().st_mtime_ns])
    name = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    for folder in (cache_folder() / "sentences" / name, Path(tempfile.gettempdir()) / "maquette-sentences" / name):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    raise UserError(f"{cache_folder()} cannot be written; set MAQUETTE_CACHE to a folder that can.")


# -- rows of words -----------------------------------------------------------------------------------------------------


def space_of(model: WordVectors, processing: dict[str, Any]) -> Space:
    words = processing["words"]
    rows = word_rows(model.inputs.detach().numpy(), words, model.buckets)
    return Space(words, rows, np.asarray(processing["counts"]))


def vector_of(word: str, space: Space, model: WordVectors) -> np.ndarray:
    """The vector of a word; one that was never seen is made of its pieces, or refused where there are none."""
    word = word.lower().replace("\u2019", "'")
    if word in space.places:
        return space.vectors[space.places[word]]
    pieces = pieces_of(word, model.buckets) if model.buckets else []
    if not pieces:
        way = "" if model.buckets else "; runs with --subwords have vectors for any word"
        raise UserError(f"The word {word!r} was not learnt{nearest(word, space.words[:20_000])}{way}.")
    return model.inputs.detach().numpy()[[model.vocabulary + piece for piece in pieces]].mean(0)


# -- scores ------------------------------------------------------------------------------------------------------------


def rows_of(table: TokenTable, words: Sequence[str]) -> Tensor:
    """The embeddings of words (N, width): of a word in pieces their mean; of what cannot be written noughts."""
    made = torch.zeros(len(words), table.vectors.shape[1])
    for place, word in enumerate(words):
        tokens = [token for token in table.tokenizer.encode(word).tolist() if token != table.unknown]
        if tokens:
            made[place] = table.vectors[tokens].mean(0)
    return made


@dataclass(frozen=True)
class Pairs:
    """Words of the held-out text: what stood near, the word itself, and one drawn in its place; each (N,)."""

    near: np.ndarray
    word: np.ndarray
    drawn: np.ndarray


def held_out_pairs(test: Sentences, window: int, seed: int) -> Pairs:
    """Pairs of the test part, at most 200,000, drawn by the seed; the other word is drawn from the same text."""
    g = np.random.default_rng([seed, 5])
    words, sentence = np.asarray(test.words), test.number_of_each()
    if len(words) < 2:
        raise UserError("The test part has no two words side by side that are kept; give more text.")
    centre = g.integers(len(words), size=2 * MOST_PAIRS)
    other = centre + g.integers(1, window + 1, size=len(centre)) * g.choice([-1, 1], size=len(centre))
    good = (other >= 0) & (other < len(words))
    good[good] = sentence[centre[good]] == sentence[other[good]]
    centre, other = centre[good][:MOST_PAIRS], other[good][:MOST_PAIRS]
    if not len(centre):
        raise UserError("No two words of the test part stand within one sentence; give text with longer sentences.")
    drawn = words[g.integers(len(words), size=len(centre))]  # as often as in text: frequency alone tells nothing
    return Pairs(words[other], words[centre], drawn)


def auroc(left: np.ndarray, right: np.ndarray, pairs: Pairs) -> float:
    """How often a word goes better with what stood near it than a drawn one: products of left and right (V, D)."""
    known = len(left)
    kept = (pairs.near < known) & (pairs.word < known) & (pairs.drawn < known)
    near = left[pairs.near[kept]]
    true, drawn = (np.einsum("nd,nd->n", near, right[which[kept]]) for which in (pairs.word, pairs.drawn))
    return told_apart(true, drawn)


def by_frequency(counts: np.ndarray, pairs: Pairs) -> float:
    return told_apart(counts[pairs.word].astype(float), counts[pairs.drawn].astype(float))


@dataclass(frozen=True)
class Judgements:
    """What people said: pairs by the score's name, and analogies by section."""

    pairs: dict[str, list[Judged]]
    analogies: dict[str, list[tuple[str, str, str, str]]]


def find_judgements() -> Judgements | None:
    """The tests of similarity and analogy, or nothing where they cannot be had."""
    try:
        folder = get(TESTS).path
    except UserError:
        return None
    pairs = {name: read_judged(folder / file) for name, file in SIMILARITY.items()}
    return Judgements(pairs, read_analogies(folder / ANALOGIES))


def compared(space: Space, judged: list[Judged]) -> tuple[np.ndarray, np.ndarray]:
    """Cosines of vectors and people's scores of the pairs that both words were learnt of."""
    known = [each for each in judged if each.first in space.places and each.second in space.places]
    first, second = ([space.places[getattr(each, name)] for each in known] for name in ("first", "second"))
    cosines = np.einsum("nd,nd->n", space.unit[first], space.unit[second]) if known else np.empty(0)
    return cosines, np.array([each.score for each in known])


def judged_scores(space: Space, judgements: Judgements) -> dict[str, float]:
    """Spearman's correlation with people and the share of pairs that were learnt; the share of analogies answered."""
    scores: dict[str, float] = {}
    for name, judged in judgements.pairs.items():
        cosines, people = compared(space, judged)
        scores |= {name: spearman(cosines, people), f"{name}_coverage": len(people) / len(judged)}
    by_section = answered(space, judgements)
    right, known, asked = (sum(row[place] for row in by_section.values()) for place in range(3))
    return {**scores, "analogies": right / max(1, known), "analogies_coverage": known / max(1, asked)}


def answered(space: Space, judgements: Judgements) -> dict[str, tuple[int, int, int]]:
    """By section: analogies answered rightly, those whose words were all learnt, and all."""
    found = {}
    for section, questions in judgements.analogies.items():
        known = [q for q in questions if all(word in space.places for word in q)]
        places = np.array([[space.places[word] for word in q] for q in known], np.int64).reshape(-1, 4)
        right = int((space.analogies(places[:, :3]) == places[:, 3]).sum()) if known else 0
        found[section] = (right, len(known), len(questions))
    return found
