"""What the report shows of a summariser: scores beside plain ways, examples, what is copied, lengths."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from maquette.data.text.pairs import Pairs
from maquette.families.pairs import Part
from maquette.figures.training import overlaid
from maquette.measures.rouge import with_interval, words_of
from maquette.recipes.summarise import figures
from maquette.runs import Run

SHOWN = 2  # examples of each kind
LONGEST = 900  # letters of a text that a table shows
RUNS = (1, 2, 3, 4)  # words in a row that are looked for in the text
LOOKED_AT = 2_000  # pairs of which the analysis counts what is copied


def show_pairs(pairs: Pairs, run: Run) -> dict[str, float]:
    """How much shorter summaries are, and how much of them stands in their texts."""
    rows = np.unique(np.linspace(0, len(pairs) - 1, min(len(pairs), LOOKED_AT)).astype(int))
    sources, targets = [pairs.sources[row] for row in rows], [pairs.targets[row] for row in rows]
    words = [np.array([len(words_of(text)) for text in side]) for side in (sources, targets)]
    copied = shares_copied(sources, targets)
    numbers = {
        "words of a text for one of its summary": float(words[0].sum() / max(1, words[1].sum())),
        **{f"share of a summary's {name} that stand in the text": share for name, share in named(copied).items()},
    }
    for name, value in numbers.items():
        run.fact(name[0].upper() + name[1:], f"{value:.0%}" if name.startswith("share") else round(value, 1))
    return numbers


def named(copied: Sequence[float]) -> dict[str, float]:
    return dict(zip(("words", "pairs of words", "threes of words"), copied, strict=False))


def shares_copied(sources: Sequence[str], summaries: Sequence[str]) -> list[float]:
    """Of all runs of 1, 2, 3 and 4 words of summaries, the part that stands in their texts."""
    hits, counts = np.zeros(len(RUNS)), np.zeros(len(RUNS))
    for source, summary in zip(sources, summaries, strict=True):
        read, said = words_of(source), words_of(summary)
        for place, length in enumerate(RUNS):
            known = set(zip(*(read[at:] for at in range(length)), strict=False))
            runs = list(zip(*(said[at:] for at in range(length)), strict=False))
            hits[place] += sum(each in known for each in runs)
            counts[place] += len(runs)
    return (hits / np.maximum(counts, 1)).tolist()


def show_scores(found: Mapping[str, Mapping[str, np.ndarray]], seed: int, run: Run) -> None:
    """ROUGE of the network ("") and of other ways to summarise, with intervals."""
    names = [name or "this network" for name in found]
    kinds = list(next(iter(found.values())))
    intervals = {kind: [with_interval(each[kind], seed) for each in found.values()] for kind in kinds}
    drawn = {kind: values for kind, values in intervals.items() if kind != "rougeLsum"}
    run.picture(
        "rouge",
        figures.scores(names, drawn),
        "ROUGE beside ways that need no network",
        "Points are means over the test texts, bars hold 95 % of the means that other such texts would give.",
    )
    rows = [
        [name, *(f"{values[at][0]:.1f} ({values[at][1]:.1f} to {values[at][2]:.1f})" for values in intervals.values())]
        for at, name in enumerate(names)
    ]
    run.table("ROUGE in numbers", pd.DataFrame(rows, columns=["summaries", *kinds]))


def show_trials(trials: Sequence[Sequence[Any]], tried: Part, run: Run) -> None:
    """ROUGE as training went on, and what became of one summary."""
    if len(trials) < 2:
        return
    steps, *scores, said = zip(*trials, strict=True)
    lines = zip(("rouge1", "rouge2", "rougeL"), scores, strict=True)
    run.picture(
        "over_training",
        overlaid({name: (np.array(steps), np.array(values)) for name, values in lines}, "step", "F-measure, of 100"),
        "Summaries as training went on",
        f"Of {len(tried)} held-out texts, taking the likeliest token each time. Nothing is chosen by it.",
    )
    run.table(
        "What became of one summary",
        pd.DataFrame({"step": steps, "summary": said}),
        f"People wrote: {tried.targets[0]}",
    )


def show_examples(
    judged: Part, made: Sequence[str], others: Mapping[str, Sequence[str]], scores: Mapping[str, np.ndarray], run: Run
) -> None:
    """Texts with summaries by people and by the network, before and after; the best, ordinary and worst by ROUGE-L."""
    order = np.argsort(-scores["rougeL"], kind="stable").tolist()
    middle = max(0, len(order) // 2 - SHOWN // 2)
    shown: set[int] = set()
    for words, rows in (
        ("The best", order[:SHOWN]),
        ("From the middle", order[middle : middle + SHOWN]),
        ("The worst", order[-SHOWN:]),
    ):
        for row in rows:
            if row in shown:
                continue
            shown.add(row)
            said = [
                ("text", shortened(judged.sources[row])),
                ("people", judged.targets[row]),
                ("this network", made[row]),
            ]
            if "before fine-tuning" in others:
                said.append(("before fine-tuning", others["before fine-tuning"][row]))
            run.table(
                f"{words} by ROUGE-L: {scores['rougeL'][row]:.1f}", pd.DataFrame(said, columns=["whose", "words"])
            )


def shortened(text: str) -> str:
    text = " / ".join(text.splitlines())
    return text if len(text) <= LONGEST else f"{text[:LONGEST].rsplit(' ', 1)[0]} …"


def show_copying(judged: Part, made: Sequence[str], run: Run) -> None:
    """How much is taken over from the text word for word."""
    runs = np.array(RUNS, np.float64)
    lines = {
        name: (runs, 100 * np.array(shares_copied(judged.sources, texts)))
        for name, texts in (("people", judged.targets), ("this network", made))
    }
    run.picture(
        "copied",
        overlaid(lines, "words in a row", "% that stand in the text"),
        "What is taken over word for word",
        "Of all runs of so many words of the summaries, the part that stands in the text itself. Who copies whole "
        "sentences is near 100 everywhere; who makes things up is below people.",
    )


def show_word_counts(judged: Part, made: Sequence[str], run: Run) -> None:
    """How long the summaries are."""
    counts = {
        name: np.array([len(text.split()) for text in texts])
        for name, texts in (("people", judged.targets), ("this network", made))
    }
    run.picture("word_counts", figures.lengths(counts), "How long the summaries are", "")
