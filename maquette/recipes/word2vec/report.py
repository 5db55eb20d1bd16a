"""What the report shows of word vectors: the words, neighbours over the training, tests, a map, an analogy, axes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from maquette.data.text.sentences import Lexicon
from maquette.data.text.tokenizers import readable
from maquette.figures.text import token_map
from maquette.figures.training import losses
from maquette.huggingface import TokenTable
from maquette.measures.words import resampled_spearman, spearman
from maquette.methods.projections import neighbours_kept
from maquette.methods.word_vectors import Space, keeping, unit
from maquette.recipes.word2vec import figures
from maquette.recipes.word2vec.data import Judgements, Words, answered, compared
from maquette.runs import Run
from maquette.settings import nearest

FAMILIAR = ("king", "woman", "river", "good", "three", "night", "said", "city")  # asked for neighbours, where known
PROBED = 6
MAPPED = 260  # words of the map
SKIPPED = 60  # commonest words, mostly of grammar, that the map leaves out
TOLD = 10
SENTENCE = "Meerkats are small, social, and always ready for adventures"  # the course's
SHOWN = 6  # numbers of each embedding that are printed
AXES = {
    "royalty": (("man", "king"), ("woman", "queen"), ("boy", "prince"), ("girl", "princess")),
    "masculinity": (("woman", "man"), ("she", "he"), ("girl", "boy"), ("mother", "father")),
    "femininity": (("man", "woman"), ("he", "she"), ("boy", "girl"), ("father", "mother")),
    "age": (("young", "old"), ("boy", "man"), ("girl", "woman"), ("child", "father")),
}
ON_AXES = ("king", "queen", "woman", "princess", "man", "child")


def probes(words: Sequence[str]) -> list[str]:
    """A few words to look at: familiar ones that were learnt, else common ones."""
    known = set(words)
    found = [word for word in FAMILIAR if word in known]
    return [*found, *(word for word in words[20::7] if word not in found)][:PROBED] or list(words[:PROBED])


def space_of_rows(lexicon: Lexicon, rows: np.ndarray) -> Space:
    """The words of the first rows with these as vectors."""
    return Space(lexicon.words[: len(rows)], rows, lexicon.counts[: len(rows)])


def show_words(words: Words, subsample: float, run: Run) -> None:
    lexicon, train = words.lexicon, words.train
    kept = int(lexicon.counts.sum())
    run.fact("Vocabulary", len(lexicon.words), "words")
    run.fact("Different words", lexicon.different)
    run.fact("Training words", kept)
    run.fact("Training sentences", len(train))
    run.fact("Test words", len(words.test.words))
    run.say(
        f"Words are taken in small letters. The {lexicon.different - len(lexicon.words):,} that are too rare make up "
        f"{1 - kept / max(1, lexicon.seen):.1%} of the text and are left out."
    )
    if lexicon.undecodable:
        run.warn(f"{lexicon.undecodable:,} bytes are no text in their file's encoding.")
    chances = keeping(lexicon.counts, subsample)
    if subsample:
        run.formula("chance that a word is read = min(1, sqrt(t / f) + t / f),  f: its share of the text")
        rows = [
            {"word": lexicon.words[at], "times": int(lexicon.counts[at]), "read": f"{chances[at]:.1%}"}
            for at in np.unique(np.geomspace(1, len(chances), 12).astype(int) - 1)
        ]
        read = float(chances @ lexicon.counts) / kept
        run.table("How often words are read", pd.DataFrame(rows), f"Of the whole text {read:.0%} is read each time.")


def show_table(table: TokenTable, words: Sequence[str], run: Run) -> None:
    """From a sentence to tokens, their numbers in the list and their embeddings; and the table on a map."""
    vectors, tokenizer = table.vectors.numpy(), table.tokenizer
    run.fact("Embeddings given", f"{len(vectors):,} tokens of {vectors.shape[1]:,} numbers")
    tokens = tokenizer.encode(SENTENCE).tolist()
    shown = vectors[:, :SHOWN].round(3)
    columns = ["token", "number", *(f"x{place}" for place in range(1, shown.shape[1] + 1)), "length"]
    rows = [
        [readable(tokenizer, token), token, *shown[token].tolist(), round(float(np.linalg.norm(vectors[token])), 3)]
        for token in tokens
    ]
    run.table(
        "Tokens, their numbers, their embeddings",
        pd.DataFrame(rows, columns=columns),
        f"Of {SENTENCE!r}, as the course prints it: the first {shown.shape[1]} numbers of {vectors.shape[1]:,} each.",
    )
    places = {name: number for number, name in enumerate(tokenizer.vocabulary)}
    known = [word for word in words if word in places]
    run.say(
        f"{len(known):,} of the {len(words):,} words of this text are tokens of their own; others begin as the mean "
        "of their pieces."
    )
    first = min(SKIPPED, len(known) // 4)
    some = known[first : first + MAPPED]
    if len(some) >= 5:
        run.picture(
            "given",
            token_map(neighbours_kept(np.ascontiguousarray(unit(vectors[[places[word] for word in some]]))), some),
            "The given embeddings on a map",
            "t-SNE of common words of this text, before anything is learnt from it.",
        )


def nearest_of(space: Space, words: Sequence[str], count: int = 5) -> dict[str, list[str]]:
    """The neighbours of some words."""
    return {
        word: [space.words[at] for at, _ in space.nearest(space.vectors[place], count, [place])]
        for word, place in ((word, space.places[word]) for word in words if word in space.places)
    }


def show_training(run: Run, history: Sequence[Mapping[str, Any]]) -> None:
    run.picture(
        "losses",
        losses(run.metrics(), {"loss": "training"}, over="epoch", quantity="nats a word compared"),
        "Loss over the training",
        "ln 2 = 0.693 is what a vector of zeros has.",
    )
    rows = [
        {"word": word, **{f"after {row['done']:.0%}": ", ".join(row["words"].get(word, [])) for row in history}}
        for word in (history[-1]["words"] if history else {})
    ]
    if rows:
        run.table("Neighbours over the training", pd.DataFrame(rows), "The five words whose vectors point most alike.")


def show_judgements(space: Space, counting: Space, judgements: Judgements, seed: int, run: Run) -> None:
    """Similarity beside people's, with intervals, and analogies by section."""
    rows, panels = [], {}
    for name, judged in judgements.pairs.items():
        cosines, people = compared(space, judged)
        if len(people) < 3:
            continue
        low, high = resampled_spearman(cosines, people, seed)
        other = compared(counting, judged)
        rows.append(
            {
                "test": name,
                "pairs": len(judged),
                "learnt": f"{len(people) / len(judged):.0%}",
                "Spearman": round(spearman(cosines, people), 3),
                "95 %": f"{low:.3f} to {high:.3f}",
                "PPMI and SVD": round(spearman(*other), 3),
            }
        )
        panels[name] = (cosines, people, spearman(cosines, people))
    if rows:
        run.table("Similarity", pd.DataFrame(rows), "Rank correlation of cosines with people's scores.")
        run.picture("similarity", figures.beside_people(panels), "Cosines beside people's scores")
    sections = [
        {"section": name, "questions": asked, "learnt": known, "right": right, "share": right / known}
        for name, (right, known, asked) in answered(space, judgements).items()
        if known
    ]
    if sections:
        run.table("Analogies", pd.DataFrame(sections), "a is to b as c is to ?: nearest to b - a + c, but for a, b, c.")


def show_space(space: Space, run: Run) -> None:
    """What frequency does to length, and a map."""
    sizes = np.linalg.norm(space.vectors, axis=1)
    run.picture(
        "lengths",
        figures.lengths(space.counts, sizes, space.words),
        "What frequency does to length",
        "Rare words were pushed less often; the commonest stand near everything. So angles are compared, not lengths.",
    )
    first = min(SKIPPED, len(space.words) // 4)
    some = slice(first, first + MAPPED)
    if len(space.words[some]) >= 5:
        places = neighbours_kept(space.unit[some])
        run.picture(
            "map",
            token_map(places, space.words[some]),
            "A map of common words",
            "t-SNE: what is near here is near there; distances between far words mean nothing.",
        )


def show_analogy(space: Space, analogy: str, run: Run) -> None:
    """king - man + woman with all its steps and ranks."""
    words = analogy.lower().split()
    missing = [word for word in words if word not in space.places]
    if missing:
        near = nearest(missing[0], space.words[:20_000])
        run.say(f"--analogy {analogy}: {', '.join(missing)} not learnt from this text{near}, so it is not drawn.")
        return
    a, b, c = (space.places[word] for word in words)
    first, second, third = (unit(space.vectors[at]) for at in (a, b, c))
    steps = {
        words[1]: second,
        f"{words[1]} - {words[0]}": second - first,
        f"{words[1]} - {words[0]} + {words[2]}": second - first + third,
    }
    rows = []
    for name, direction in steps.items():
        found = space.nearest(direction, 6)
        rows.append({"step": name, "nearest": ", ".join(f"{space.words[at]} {value:.2f}" for at, value in found)})
    run.table(f"{words[1]} - {words[0]} + {words[2]}", pd.DataFrame(rows), "Nearest words with their cosines.")
    best = space.nearest(second - first + third, TOLD, [a, b, c])
    ranked = [
        {"rank": rank, "word": space.words[at], "cosine": round(value, 3), "times": int(space.counts[at])}
        for rank, (at, value) in enumerate(best, 1)
    ]
    run.table(
        f"{words[0]} is to {words[1]} as {words[2]} is to",
        pd.DataFrame(ranked),
        "The three words themselves do not count.",
    )
    answer = best[0][0]
    run.picture(
        "parallelogram",
        figures.parallelogram(space.unit[[a, b, c, answer]], [*words, space.words[answer]]),
        "The analogy in a plane",
        "The plane in which the four words vary most. Were the differences the same, the arrows would be parallel.",
    )


def axis_of(space: Space, pairs: Sequence[tuple[str, str]]) -> np.ndarray | None:
    """The mean direction from the first to the second words of pairs; nothing where none was learnt."""
    known = [pair for pair in pairs if all(word in space.places for word in pair)]
    if not known:
        return None
    return unit(np.mean([space.unit[space.places[b]] - space.unit[space.places[a]] for a, b in known], axis=0))


def show_axes(space: Space, run: Run) -> None:
    """The deck's table of King, Queen, Woman and Princess, by axes learnt from this text."""
    axes = {name: direction for name, pairs in AXES.items() if (direction := axis_of(space, pairs)) is not None}
    words = [word for word in ON_AXES if word in space.places]
    if not axes or len(words) < 2:
        return
    along = space.unit @ np.stack(list(axes.values())).T
    places = [space.places[word] for word in words]
    shares = np.stack([(along < along[place]).mean(0) for place in places])
    run.picture(
        "axes",
        figures.on_axes(shares, words, list(axes)),
        "Words by learnt axes",
        "An axis is the mean difference of a few pairs, such as from man to king; the number is the share of all words "
        "that lie further back on it. The course's table gives king .99, .99, .05 and .7.",
    )
