"""Word vectors: gradients by finite differences, the kernel against the plain step, what is asked of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maquette.kernels.word_vectors import add_changes, logistic_table, train_sentences
from maquette.methods.word_training import Stretch, WordTrainer
from maquette.methods.word_vectors import (
    Space,
    alias_table,
    bags_of,
    keeping,
    logistic,
    odd_one,
    parts_of_changes,
    pieces_of,
    window_loss,
    window_step,
)

WORDS, WIDTH = 9, 8


def rows(seed: int, count: int = WORDS) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.7, (count, WIDTH))


@pytest.mark.parametrize("is_cbow", [False, True])
@pytest.mark.parametrize("bags", [[[0], [1], [2], [1]], [[0, 7], [1, 8, 7]]])
def test_a_step_goes_down_the_loss_as_finite_differences_say(is_cbow, bags):
    inputs, outputs, drawn, rate, h = rows(1), rows(2), [3, 4, 5, 4, 3], 1e-3, 1e-5
    into, out = window_step(inputs, outputs, bags, drawn, rate, is_cbow)

    def slope(which: int, at: tuple[int, int]) -> float:
        values = []
        for sign in (1, -1):
            pair = [inputs.copy(), outputs.copy()]
            pair[which][at] += sign * h
            values.append(window_loss(*pair, bags, drawn, is_cbow))
        return (values[0] - values[1]) / (2 * h)

    for at in np.ndindex(outputs.shape):
        assert out[at] - outputs[at] == pytest.approx(-rate * slope(1, at), abs=1e-9)
    means = len(bags) if is_cbow else 1  # each row of a mean takes the whole step of the mean
    for row, column in np.ndindex(inputs.shape):
        sizes = {len(bag) for bag in bags if row in bag}
        whole = -rate * slope(0, (row, column)) * means
        if len(sizes) <= 1:
            assert into[row, column] - inputs[row, column] == pytest.approx(whole * (sizes or {1}).pop(), abs=1e-9)


def trained(inputs, outputs, words, *, window, negatives, is_cbow, bags=None, rate=0.1, seed=5):
    """One sentence by the kernel, nothing left out; and the draws that it made, by its own generator."""
    bags = bags or bags_of(["w"] * len(outputs), 0)
    chances, aliases = np.ones(len(outputs), np.float32), np.arange(len(outputs), dtype=np.int32)
    into, out = inputs.astype(np.float32), outputs.astype(np.float32)
    sentence = np.array(words, np.int32), np.array([0, len(words)], np.int64), np.zeros(1, np.int64)
    everything = np.full(len(outputs), 2, np.float32)
    train_sentences(
        *sentence, everything, chances, aliases, *bags, into, out, window, negatives, np.float32(rate),
        np.array([seed], np.uint64), is_cbow, logistic_table(),
    )  # fmt: skip
    return into, out


class Chance:
    """The kernel's generator, plainly: xorshift of 64 bits (Marsaglia 2003)."""

    def __init__(self, seed: int):
        self.state = seed

    def __call__(self) -> int:
        for shift, left in ((13, True), (7, False), (17, True)):
            self.state ^= (self.state << shift if left else self.state >> shift) & (2**64 - 1)
        return self.state


@pytest.mark.slow
@pytest.mark.parametrize("is_cbow", [False, True])
def test_a_step_is_gensim_s_step(is_cbow, monkeypatch):
    """Its input is the context's vector, its target the centre's; its logistic function is a coarse table."""

    def tabled(x: np.ndarray) -> np.ndarray:
        place = ((x + 6) * 83).astype(int)  # of 1,000 from -6 to 6, by a whole number of places for 1
        return logistic((place / 500 - 1) * 6)

    monkeypatch.setattr("maquette.methods.word_vectors.logistic", tabled)
    word2vec = pytest.importorskip("gensim.models.word2vec")
    words, rate = ["a", "b", "c"], np.float32(0.3)
    model = word2vec.Word2Vec(vector_size=WIDTH, min_count=1, negative=1, sample=0, window=1, workers=1, sg=not is_cbow)
    model.build_vocab([[*words, "d"]])
    model.prepare_weights()
    inputs, outputs = (rows(seed, 4).astype(np.float32) for seed in (1, 2))
    model.wv.vectors, model.syn1neg = inputs.copy(), outputs.copy()
    places = [model.wv.key_to_index[word] for word in words]
    drawn = model.wv.key_to_index["d"]
    model.cum_table = np.where(np.arange(4) < drawn, 0, 2**31 - 1).astype(np.uint32)  # it draws d, always
    work = [np.zeros(WIDTH, np.float32) for _ in range(2)]
    if is_cbow:
        word2vec.train_batch_cbow(model, [words], rate, *work, False)
    else:
        word2vec.train_batch_sg(model, [words], rate, work[0], False)
    for at, centre in enumerate(places):
        near = [[place] for place in (*places[max(0, at - 1) : at], *places[at + 1 : at + 2])]
        if is_cbow:
            inputs, outputs = window_step(inputs, outputs, near, [centre, drawn], rate, True)
        else:  # it draws anew for each word near by
            for each in near:
                inputs, outputs = window_step(inputs, outputs, [each], [centre, drawn], rate, False)
    assert abs(inputs - rows(1, 4)).max() > 0.05
    assert model.wv.vectors == pytest.approx(inputs, abs=1e-6)
    assert model.syn1neg == pytest.approx(outputs, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("is_cbow", [False, True])
@pytest.mark.parametrize("negatives", [1, 2, 5])
@pytest.mark.parametrize("has_pieces", [False, True])
def test_the_kernel_does_what_the_plain_step_does(is_cbow, negatives, has_pieces):
    words, window, rate = [0, 3, 1, 3, 2, 5, 4, 0, 7], 3, 0.1
    inputs, outputs = rows(3, 12).astype(np.float32), rows(4).astype(np.float32)
    bags = bags_of(["w"] * WORDS, 0)
    if has_pieces:
        three = np.array([[w, 9 + w % 3, 9 + (w + 1) % 3] for w in range(WORDS)], np.int32)
        bags = np.arange(0, 3 * WORDS + 1, 3), three.ravel()
    into, out = trained(
        inputs, outputs, words, window=window, negatives=negatives, is_cbow=is_cbow, bags=bags, rate=rate
    )
    chance, expected = Chance(5), (inputs.astype(np.float64), outputs.astype(np.float64))
    for _ in words:
        chance()
    for centre, word in enumerate(words):
        reach = 1 + (chance() >> 33) % window
        near = [words[at] for at in range(max(0, centre - reach), min(len(words), centre + reach + 1)) if at != centre]
        drawn = [word, *((chance() >> 33) % WORDS for _ in range(negatives))]
        rows_of = [bags[1][bags[0][w] : bags[0][w + 1]].tolist() for w in near]
        expected = window_step(*expected, rows_of, drawn, rate, is_cbow)
    np.testing.assert_allclose(into, expected[0], atol=2e-5)
    np.testing.assert_allclose(out, expected[1], atol=2e-5)


def trainer(threads: int = 1, **more):
    import torch

    g = torch.Generator().manual_seed(1)
    inputs, outputs = torch.rand(20, 10, generator=g) - 0.5, torch.zeros(20, 10)
    how = {"window": 3, "negatives": 3, "threshold": 0.0, "is_cbow": False, "is_exact": True} | more
    return WordTrainer(inputs, outputs, np.arange(20, 0, -1), bags_of(["w"] * 20, 0), threads=threads, **how)


def stretches(seed: int) -> list[Stretch]:
    g = np.random.default_rng(seed)
    made = []
    for _ in range(4):
        words, starts = g.integers(20, size=60).astype(np.int32), np.arange(0, 61, 12)
        words.flags.writeable = starts.flags.writeable = False
        made.append(Stretch(words, starts, g.permutation(5), int(g.integers(1, 2**63))))
    return made


@pytest.mark.slow
def test_the_result_does_not_depend_on_threads_and_comes_back_from_its_state():
    one, four, again = trainer(1), trainer(4), trainer(2)
    for each in (one, four):
        for seed in range(3):
            each.round(stretches(seed), 0.05)
    first = trainer(1)
    first.round(stretches(0), 0.05)
    again.load_state_dict(first.state_dict())
    for seed in (1, 2):
        again.round(stretches(seed), 0.05)
    for other in (four, again):
        assert all((a == b).all() for a, b in zip(one.base, other.base, strict=True))


def test_changes_of_all_shards_are_added():
    base, copies = np.zeros((3, 8), np.float32), np.zeros((2, 3, 8), np.float32)
    copies[0, 1], copies[1, 1], copies[1, 2] = 1, 2, 5
    add_changes(base, copies, np.array([1, 1, 0.5], np.float32), 0, 3)
    assert base[:, 0].tolist() == [0, 3, 2.5] and (copies == base).all()


def test_rare_rows_take_the_sum_and_common_ones_the_mean():
    parts = parts_of_changes(np.array([0, 1e-4, 1, 50]), 4)
    assert parts[[0, 1, 3]] == pytest.approx([1, 1, 0.25], abs=1e-3)
    assert parts[2] == pytest.approx((1 - np.exp(-4)) / (4 * (1 - np.exp(-1))))


@pytest.mark.slow
def test_shards_of_two_processes_add_up_to_those_of_one():
    one = trainer(1)
    one.round(stretches(0), 0.05)
    changes = []
    halves = [trainer(1, shards=range(rank, 4, 2), together=lambda change: changes.append(change)) for rank in range(2)]
    before = [base.copy() for base in halves[0].base]
    for half in halves:
        half.round(stretches(0), 0.05)
    for place in range(2):
        words = 60 * 0.05
        parts = parts_of_changes(one.pushes[place] * words, 4)[:, None]
        total = before[place] + parts * (changes[place].numpy() + changes[place + 2].numpy())
        np.testing.assert_allclose(total, one.base[place], atol=1e-6)


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=30))
def test_alias_tables_have_the_weights_they_are_made_of(weights):
    chances, others = alias_table(np.array(weights, np.float64))
    shares = np.zeros(len(weights))
    for place, (chance, other) in enumerate(zip(chances, others, strict=True)):
        shares[place] += min(chance, 1) / len(weights)
        shares[other] += (1 - min(chance, 1)) / len(weights)
    np.testing.assert_allclose(shares, np.array(weights) / sum(weights), atol=1e-5)


def test_common_words_are_read_less_often():
    counts = np.array([900, 90, 10])
    assert keeping(counts, 0).tolist() == [1, 1, 1]
    assert keeping(counts, 0.01) == pytest.approx([np.sqrt(0.01 / 0.9) + 0.01 / 0.9, np.sqrt(1 / 9) + 1 / 9, 1])


def test_the_table_of_the_logistic_function_is_near_it():
    table, x = logistic_table(), np.linspace(-9.99, 9.99, 4001)
    at = (x + 10) * 64
    entry = at.astype(int)
    got = table[entry] + (at - entry) * (table[entry + 1] - table[entry])
    np.testing.assert_allclose(got, 1 / (1 + np.exp(-x)), atol=4e-6)


def test_neighbours_analogies_and_the_odd_one():
    words = ["man", "woman", "king", "queen", "bread"]
    vectors = np.array([[1, 0, 1], [1, 0, -1], [0, 2, 2], [0, 2, -2], [-3, 0, 0]], np.float32)
    space = Space(words, vectors, np.arange(5, 0, -1))
    a, b, c, d = range(4)
    assert space.analogies(np.array([[a, c, b], [c, a, d]])).tolist() == [d, b]
    assert space.nearest(space.analogy(*vectors[[a, c, b]]), 1, [a, b, c])[0][0] == d
    assert [at for at, _ in space.nearest(vectors[a], 9, [a])] == [2, 1, 3, 4]
    assert odd_one(vectors)[0] == 4


def test_pieces_of_a_word_are_those_of_fasttext():
    """The example of Bojanowski et al. 2017, section 3.2, with all lengths; FNV-1a by its definition."""
    pieces = ["<wh", "whe", "her", "ere", "re>", "<whe", "wher", "here", "ere>", "<wher", "where", "here>"]
    pieces += ["<where", "where>"]
    assert len(pieces_of("where", 2**32)) == len(pieces)
    for piece, found in zip(pieces, pieces_of("where", 2**32), strict=True):
        value = 2166136261
        for byte in piece.encode():
            value = ((value ^ byte) * 16777619) % 2**32
        assert value == found
    assert pieces_of("a", 100) == [] and all(piece < 7 for piece in pieces_of("elephant", 7))
