"""The recipe of recurrent networks: streams, state carried on, what its report measures."""

import json

import numpy as np
import pytest
import torch
from support import make_book

import maquette
from maquette.cli import main
from maquette.families.language_models import streamed_loss
from maquette.methods.remembering import HOLD, recalled
from maquette.models.recurrent import Recurrent
from maquette.recipes.recurrent.recipe import Streams
from maquette.recipes.recurrent.report import learn_to_recall, rivals

SMALL = {"preset": "small", "probe": 0, "steps": 20}


class Numbers:
    """Tokens 0, 1, 2 ... as a file of tokens gives them."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def windows(self, starts, length):
        assert min(starts) >= 0 and max(starts) + length <= self.count
        return np.asarray(starts)[:, None] + np.arange(length)


class Alone:
    rank, processes, device = 0, 1, torch.device("cpu")

    class settings:
        seed = 3


@pytest.mark.parametrize(("count", "context", "rows"), [(1000, 16, 4), (70, 64, 32), (65, 10, 1), (500, 7, 3)])
def test_each_stream_goes_on_where_it_was_until_a_new_round(count, context, rows):
    streams = Streams(Numbers(count), context, rows, Alone)
    before = None
    for number in range(4 * streams.rounds):
        assert streams.is_new == (number % streams.rounds == 0)
        inputs, targets = next(streams)
        assert inputs.shape == targets.shape and torch.equal(inputs[:, 1:], targets[:, :-1])
        if number % streams.rounds:
            assert torch.equal(inputs[:, 0], before)
        before = targets[:, -1]
    state = streams.state_dict()
    expected = [next(streams)[0] for _ in range(streams.rounds + 1)]
    streams.load_state_dict(state)
    assert all(torch.equal(next(streams)[0], one) for one in expected)


def test_processes_share_the_streams_out():
    class Second(Alone):
        rank, processes = 1, 2

    class First(Alone):
        processes = 2

    whole, parts = Streams(Numbers(400), 8, 5, Alone), [Streams(Numbers(400), 8, 5, run) for run in (First, Second)]
    for _ in range(3):
        rows = [next(part)[0] for part in parts]
        mixed = torch.cat(rows)[torch.tensor([0, 3, 1, 4, 2])]
        assert torch.equal(mixed, next(whole)[0])
    assert sum(part.weight for part in parts) / 2 == pytest.approx(1)


def test_held_out_loss_is_that_of_reading_each_stream_from_nothing():
    torch.manual_seed(0)
    model = Recurrent(vocabulary=9, cell="gru", embedded=5, width=6)
    torch.nn.init.normal_(model.head.weight)
    tokens = np.random.default_rng(0).integers(0, 9, 700)
    plain = 0.0
    for start, end in ((0, 350), (350, 699)):
        logits = model(torch.from_numpy(tokens[None, start:end]))[0].log_softmax(-1)
        plain -= float(logits.detach().gather(1, torch.from_numpy(tokens[start + 1 : end + 1, None])).sum())
    assert streamed_loss(model, tokens, context=300) == pytest.approx(plain / 699, rel=1e-5)


@pytest.mark.parametrize("network", ["rnn", "gru"])
def test_every_cell_trains_writes_and_shows_its_gates(network, tmp_path):
    make_book(tmp_path / "book")
    result = maquette.run("recurrent", data=tmp_path / "book", out=tmp_path / "run", network=network, layers=2, **SMALL)
    assert result.scores["bits_per_byte"] < result.baselines["unigram"]["bits_per_byte"] + 1.5
    blocks = json.loads((result.folder / "findings.json").read_text())["sections"]["predict"]
    titles = [block.get("title") for block in blocks]
    assert {"The cell at work", "How far back a gradient comes", "What the past is worth"} <= set(titles)
    said = maquette.open(result.folder).predict("The ", tokens=700)
    assert len(said) > 300


def test_bad_input_is_one_sentence(tmp_path, capsys):
    (tmp_path / "short.txt").write_text("too short")
    assert main(["run", "recurrent", "--data", str(tmp_path / "short.txt"), "--out", str(tmp_path / "run")]) == 2
    assert "needs at least" in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_who_has_gates_learns_to_recall_what_was_just_shown():
    networks = rivals(0, 1)
    assert max(sum(p.numel() for p in each.parameters()) for each in networks.values()) < 1.2 * min(
        sum(p.numel() for p in each.parameters()) for each in networks.values()
    )
    learn_to_recall(networks["lstm"], 1, 250, 0)
    assert recalled(networks["lstm"], 1, 1, 64, 1) > 0.3 > 4 / HOLD
