"""Pairs for recipes: split without leaks, batched by length without loss, shared between processes, written back."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from maquette.data.text.pairs import Pairs
from maquette.families.pairs import (
    IGNORED,
    Ends,
    PairBatches,
    Part,
    batch_of,
    cut_by_length,
    decoded,
    encoded,
    held_out_loss,
    shared_subwords,
    split_pairs,
    written,
)
from maquette.models.encoder_decoder import EncoderDecoder
from maquette.settings import UserError

ENDS = Ends(0, 0, 0)


class Process:
    """What batches ask of a run."""

    device = torch.device("cpu")

    class settings:
        seed = 5

    def __init__(self, rank=0, processes=1):
        self.rank, self.processes = rank, processes


def some_pairs(count, path="pairs", parts=None):
    sources = [f"text {number % (count - 3)}" for number in range(count)]
    targets = [f"Text {number}" for number in range(count)]
    return Pairs(path, ("en", "de"), sources, targets, parts or [""] * count)


def some_tokens(count=60):
    g = np.random.default_rng(0)
    return [[g.integers(1, 9, g.integers(1, 12)).astype(np.int32) for _ in range(count)] for _ in range(2)]


def test_a_source_is_in_one_part_only():
    material = split_pairs(some_pairs(100), 0.2, seed=1)
    assert not set(material.train.sources) & set(material.test.sources)
    assert len(material.train) + len(material.test) == 100 and 20 <= len(material.test) <= 22
    assert split_pairs(some_pairs(100), 0.2, seed=1).test == material.test
    assert split_pairs(some_pairs(100), 0.2, seed=2).test != material.test


def test_parts_that_the_files_name():
    parts = ["train"] * 80 + ["valid"] * 10 + ["test"] * 10
    material = split_pairs(some_pairs(100, parts=parts), 0.2, seed=1)
    assert [len(part) for part in material.parts.values()] == [80, 10, 10] and material.watched is not material.test
    material = split_pairs(some_pairs(100, parts=["train"] * 80 + ["valid"] * 20), 0.2, seed=1)
    assert len(material.test) == 20 and material.watched is material.test
    assert "part for validation serves as the test part" in material.notes[0]


def test_pairs_seen_in_training_are_told():
    pairs = some_pairs(100, parts=["train"] * 80 + ["test"] * 20)
    pairs.sources[90], pairs.targets[90] = pairs.sources[3], pairs.targets[3]
    assert split_pairs(pairs, 0.2, seed=1).notes == [
        "1 pair of the test part is in the training part too, word for word: the scores count what was seen."
    ]


def test_a_corpus_of_one_sentence():
    pairs = Pairs("a.tsv", ("en", "de"), ["A dog."] * 50, ["Ein Hund."] * 50, [""] * 50)
    with pytest.raises(UserError, match=r"a\.tsv holds 1 different text to learn from; at least 10 are needed"):
        split_pairs(pairs, 0.1, seed=0)


def test_batches_hold_every_pair_once_a_round():
    sources, targets = some_tokens()
    batches = PairBatches(sources, targets, 50, ENDS, Process())
    seen, rounds = [], []
    for _ in range(2):
        found = []
        for _ in range(len(batches)):
            batch = next(batches)
            assert batch.source.numel() <= 50 and batch.inputs.numel() <= 50
            said = batch.targets != IGNORED
            assert int(said.sum()) == batches.total and batches.weight == pytest.approx(1 / batches.total)
            mask = torch.ones_like(batch.source, dtype=torch.bool) if batch.mask is None else batch.mask
            for row in range(len(batch.source)):
                source, target = batch.source[row][mask[row]].tolist(), batch.targets[row][said[row]].tolist()
                assert target[-1] == 0 and batch.inputs[row][said[row]].tolist() == [0, *target[:-1]]
                found.append((source, target[:-1]))
        rounds.append(found)
        seen.append(sorted(found))
    assert seen[0] == seen[1] == sorted((s.tolist(), t.tolist()) for s, t in zip(sources, targets, strict=True))
    assert rounds[0] != rounds[1]


def test_batches_go_on_where_they_were():
    tokens = some_tokens()
    one, other = (PairBatches(*tokens, 60, ENDS, Process()) for _ in range(2))
    for stop in (3, len(one), len(one) + 2):
        while stop:
            next(one)
            stop -= 1
        other.load_state_dict(one.state_dict())
        for _ in range(4):
            a, b = next(one), next(other)
            assert torch.equal(a.source, b.source) and torch.equal(a.targets, b.targets)


def test_tokens_drawn_anew_each_round():
    sources, targets = some_tokens()

    def redraw(generator):
        more = int(torch.randint(1, 5, (), generator=generator))
        return [np.append(row, [1] * more) for row in sources], targets

    one, other = (PairBatches(sources, targets, 60, ENDS, Process(), redraw) for _ in range(2))
    lengths = set()
    for _ in range(4):
        next(one)
        lengths.add(sum(map(len, one.sources)))
        other.load_state_dict(one.state_dict())
        while one.position:
            a, b = next(one), next(other)
            assert torch.equal(a.source, b.source) and torch.equal(a.targets, b.targets)
    assert len(lengths) > 1


def test_processes_share_a_batch():
    """The mean over processes of their weighted sums is the mean over the tokens of the whole batch."""
    tokens = some_tokens()
    whole, *shares = (PairBatches(*tokens, 60, ENDS, Process(*each)) for each in ((0, 1), (0, 2), (1, 2)))
    for _ in range(2 * len(whole)):
        batch, parts = next(whole), [next(share) for share in shares]
        expected = batch.targets[batch.targets != IGNORED].double().sum() / whole.total
        sums = [p.targets[p.targets != IGNORED].double().sum() for p in parts]
        found = sum(s * share.weight for s, share in zip(sums, shares, strict=True)) / 2
        assert float(found) == pytest.approx(float(expected))


def test_cut_by_length():
    rows = [np.zeros(n, np.int32) for n in (1, 2, 2, 3, 9, 30)]
    assert cut_by_length(rows, rows, 12) == [(0, 3), (3, 4), (4, 5), (5, 6)], "the end counts too"
    assert cut_by_length([], [], 12) == []


def model_of(vocabulary):
    torch.manual_seed(1)
    made = EncoderDecoder(vocabulary=vocabulary, context=32, depth=1, width=16, heads=2).eval()
    for weight in made.parameters():
        torch.nn.init.normal_(weight, std=0.4)
    return made


def test_the_loss_of_a_part_is_the_mean_over_its_tokens():
    sources, targets = some_tokens(30)
    model, total, count = model_of(9), 0.0, 0
    with torch.no_grad():
        for source, target in zip(sources, targets, strict=True):
            batch = batch_of([source], [target], ENDS)
            logits = model(batch.source, batch.inputs)[0]
            total += float(functional.cross_entropy(logits, batch.targets[0], reduction="sum"))
            count += len(target) + 1
    assert held_out_loss(model, sources, targets, ENDS, tokens=40) == pytest.approx(total / count, abs=1e-5)


@pytest.mark.parametrize("beams", [1, 3])
def test_writing_many_is_writing_each(beams):
    sources = [*some_tokens(20)[0], np.zeros(0, np.int32)]
    model = model_of(9)
    together = written(model, sources, ENDS, beams=beams)
    alone = [written(model, [source], ENDS, beams=beams)[0] for source in sources]
    assert [[o.tokens for o in found] for found in together] == [[o.tokens for o in found] for found in alone]
    assert all(len(o.tokens) <= 2 * len(s) + 10 for s, found in zip(sources, together, strict=True) for o in found)


def test_subwords_of_both_sides():
    part = Part(["A small dog runs."] * 3, ["Ein kleiner Hund läuft."] * 3)
    material = split_pairs(some_pairs(100), 0.1, seed=0)
    tokenizer = shared_subwords(type(material)(("en", "de"), {**material.parts, "train": part}), 300)
    assert {"Ġdog", "ĠHund"} <= set(tokenizer.vocabulary), "words are the same at the start and within"
    for text in ("dog", "Ein Hund runs.", "naïve  Ωμέγα"):
        (tokens,) = encoded(tokenizer, [text], 99)
        assert decoded(tokenizer, tokens.tolist()) == text
    assert len(encoded(tokenizer, ["dog " * 50], 7)[0]) == 7
    part = Part(
        ["#Person1#: Is <unk> in [city]?\n#Person2#: No (#Person1# knows)."] * 9, ["#Person1# asks #Person2#."] * 9
    )
    named = type(material)(("a", "b"), {**material.parts, "train": part})
    whole, parted = (shared_subwords(named, 400, placeholders=each) for each in (True, False))
    assert {"#Person1#", "Ġ#Person1#", "Ġ<unk>", "Ġ[city]"} <= set(whole.vocabulary)
    assert not any("Person1#" in token for token in parted.vocabulary)
    for text in (*part.sources[:1], "#1 a#b #x ## #Person1#:#Person2#'s <a b> x<y>z [", "  two\n\n lines \t"):
        assert whole.decode(whole.encode(text)) == text
        assert whole.decode(encoded(whole, [text], 999)[0]) == f" {text}"
