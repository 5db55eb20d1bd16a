"""Words as vectors beside gensim, on the same twelve books with the same settings: seconds, and people's judgement."""

import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Row, last_json, run_process

HOW = {"vector_size": 100, "window": 5, "negative": 5, "sample": 1e-3, "epochs": 5}
ROUNDS = 3  # of both, in turn
WORKERS = 2


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        done = last_json(run_process([sys.executable, "-m", __name__, "prepare", str(folder)]))
        found: dict[str, list[dict]] = {"ours": [], "peer": []}
        peer = ["benchmarks.peers.gensim_words", str(folder / "text.txt"), str(folder / "peer.vec"), str(WORKERS)]
        for round_ in range(ROUNDS):
            for which, command in (("ours", [__name__, "train", str(folder)]), ("peer", [*peer, json.dumps(HOW)])):
                made = last_json(run_process([sys.executable, "-m", *command]))
                print(f"  round {round_ + 1}: {which} {made['seconds']:.1f} s", file=sys.stderr, flush=True)
                found[which].append(made)
        ours, theirs = (scores_of(folder / f"{which}.vec") for which in ("ours", "peer"))
    seconds = {which: sorted(each["seconds"] for each in rows)[ROUNDS // 2] for which, rows in found.items()}
    speed = {which: done["words"] * HOW["epochs"] / taken for which, taken in seconds.items()}
    note = f"{speed['ours']:,.0f} words/s beside {speed['peer']:,.0f}; {WORKERS} threads each, median of {ROUNDS}"
    rows = [Row("word2vec on 12 books beside gensim", seconds["ours"], seconds["peer"], "s", 0.5, note)]
    for score in ("men", "wordsim", "simlex", "analogies"):
        if score in ours:
            rows.append(Row(f"its mistakes in {score}", 1 - ours[score], 1 - theirs[score], "", 1.03, "1 - score"))
    return rows


def prepare(folder: Path) -> None:
    """The sentences that both learn from, as ours reads them, a line each."""
    from maquette.data.sets.fetching import find
    from maquette.data.text.documents import open_texts
    from maquette.data.text.sentences import read_sentences

    texts = open_texts(find("classic_books").path, None)
    lexicon, parts = read_sentences(texts, folder / "words", fewest=5, most=10**6, phrases=0.0, test_share=0.0, seed=0)
    train = parts["train"]
    with (folder / "text.txt").open("w", encoding="utf-8") as file:
        for first, last in zip(train.starts[:-1], train.starts[1:], strict=True):
            file.write(" ".join(lexicon.words[word] for word in train.words[first:last]) + "\n")
    print(json.dumps({"words": len(train.words)}))


def train(folder: Path) -> None:
    """Ours: the same settings; the first call of the kernel, which loads it, is not timed."""
    import numpy as np
    import torch

    from maquette.data.sets.fetching import find
    from maquette.data.text.documents import open_texts
    from maquette.data.text.sentences import read_sentences
    from maquette.data.text.vector_files import write_vectors
    from maquette.methods.word_training import SHARDS, WordTrainer
    from maquette.methods.word_vectors import bags_of
    from maquette.recipes.word2vec.recipe import round_of, stretches_of

    texts = open_texts(find("classic_books").path, None)
    lexicon, parts = read_sentences(texts, folder / "words", fewest=5, most=10**6, phrases=0.0, test_share=0.0, seed=0)
    sentences, count = parts["train"], len(lexicon.words)
    torch.manual_seed(0)
    inputs = (torch.rand(count, HOW["vector_size"]) - 0.5) / HOW["vector_size"]
    trainer = WordTrainer(
        inputs, torch.zeros_like(inputs), lexicon.counts, bags_of(lexicon.words, 0), window=HOW["window"],
        negatives=HOW["negative"], threshold=HOW["sample"], is_cbow=False, is_exact=True, threads=WORKERS,
    )  # fmt: skip
    words, bounds = np.asarray(sentences.words), stretches_of(sentences.starts)
    rounds = -(-(len(bounds) - 1) // SHARDS)
    trainer.round(
        [each._replace(order=each.order[:1]) for each in round_of(words, sentences.starts, bounds, 0, 0, 0)], 0
    )
    began = time.perf_counter()
    for number in range(rounds * HOW["epochs"]):
        given = round_of(words, sentences.starts, bounds, number // rounds, number % rounds, 0)
        trainer.round(given, 0.025 * (1 - number / (rounds * HOW["epochs"])))
    seconds = time.perf_counter() - began
    outputs = torch.empty_like(inputs)
    trainer.into(inputs, outputs)
    write_vectors(folder / "ours.vec", lexicon.words, inputs.numpy())
    print(json.dumps({"seconds": seconds}))


def scores_of(path: Path) -> dict[str, float]:
    import numpy as np

    from maquette.data.text.vector_files import read_vectors
    from maquette.methods.word_vectors import Space
    from maquette.recipes.word2vec.data import find_judgements, judged_scores

    judgements = find_judgements()
    if judgements is None:
        return {}
    words, rows = read_vectors(path)
    scores = judged_scores(Space(words, rows, np.ones(len(words))), judgements)
    print(f"  {path.stem}: " + ", ".join(f"{name} {value:.3f}" for name, value in scores.items()), file=sys.stderr)
    return scores


if __name__ == "__main__":
    {"prepare": prepare, "train": train}[sys.argv[1]](Path(sys.argv[2]))
