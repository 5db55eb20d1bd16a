"""Recurrent networks: their equations written out, state carried over, and the compiled reading of a token."""

import pytest
import torch

from maquette.methods.sampling import Sampler, beam_search, generate
from maquette.models.reading import CompiledRecurrent
from maquette.models.recurrent import CELLS, Recurrent

VOCABULARY = 23


def network(cell, layers=1, **sizes):
    torch.manual_seed(3)
    made = Recurrent(vocabulary=VOCABULARY, cell=cell, layers=layers, **{"embedded": 7, "width": 12, **sizes})
    torch.nn.init.normal_(made.head.weight, std=0.4)
    return made.eval()


@pytest.mark.parametrize("cell", CELLS)
def test_the_equations_written_out_are_torch_s(cell):
    model, tokens = network(cell), torch.randint(VOCABULARY, (1, 17), generator=torch.Generator().manual_seed(1))
    opened = model.opened(tokens[0])
    outputs, after = model.run_body(model.embedding(tokens), model.start(1))
    assert torch.allclose(opened["state"], outputs[0], atol=1e-6)
    assert torch.allclose(opened["state"][-1], after[0][0, 0], atol=1e-6)
    if cell == "lstm":
        assert torch.allclose(opened["memory"][-1], after[1][0, 0], atol=1e-6)
        assert torch.allclose(opened["output"] * opened["memory"].tanh(), opened["state"], atol=1e-6)
    gates = [values for name, values in opened.items() if name in ("input", "forget", "output", "reset", "update")]
    assert all(((values > 0) & (values < 1)).all() for values in gates)


@pytest.mark.parametrize("cell", CELLS)
def test_in_pieces_is_the_whole(cell):
    model, tokens = network(cell, layers=2), torch.randint(VOCABULARY, (3, 20))
    whole = model(tokens)
    first, state = model.follow(tokens[:, :8], model.start(3))
    second, _ = model.follow(tokens[:, 8:], state)
    assert torch.allclose(torch.cat([first, second], 1), whole, atol=1e-5)
    memory = model.new_cache(3)
    read = [model.read(tokens[:, place : place + 1], memory) for place in range(20)]
    assert torch.allclose(torch.stack(read, 1), whole, atol=1e-5) and memory.length == 20


@pytest.mark.parametrize("cell", CELLS)
def test_slopes_are_those_of_finite_differences(cell):
    model = network(cell, embedded=3, width=4).double()
    start = tuple(each.double().requires_grad_() for each in model.start(2))
    x = torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *state: model.run_body(x, state)[0], (x, *start))


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 3])
def test_the_compiled_token_is_the_plain_one(cell, layers):
    model = network(cell, layers)
    compiled = CompiledRecurrent(model)
    tokens = torch.randint(VOCABULARY, (2, 12))
    plain, fast = model.new_cache(2), compiled.new_cache(2)
    with torch.no_grad():
        compiled.read(tokens[:, :4], fast), model.read(tokens[:, :4], plain)
        for place in range(4, 12):
            here = tokens[:, place : place + 1]
            assert torch.allclose(compiled.read(here, fast), model.read(here, plain), atol=1e-5)
        fast.reorder(torch.tensor([1, 1])), plain.reorder(torch.tensor([1, 1]))
        assert torch.allclose(compiled.read(tokens[:, :1], fast), model.read(tokens[:, :1], plain), atol=1e-5)


def test_text_of_any_length_is_written_alike_by_both():
    model = network("lstm")

    def drawn(writer):
        choose = Sampler(torch.Generator().manual_seed(5))
        return torch.stack(list(generate(writer, [1, 2, 3], tokens=40, choose=choose, copies=2)))

    assert torch.equal(drawn(model), drawn(CompiledRecurrent(model)))
    found = beam_search(model, [1, 2], tokens=4, beams=40).found[0].tokens
    every = torch.cartesian_prod(*[torch.arange(VOCABULARY)] * 2)
    with torch.no_grad():
        start = torch.tensor([[1, 2]]).expand(len(every), -1)
        read = model(torch.cat([start, every], 1)).log_softmax(-1)
    best = read[:, 1].gather(1, every[:, :1]) + read[:, 2].gather(1, every[:, 1:])
    two = beam_search(model, [1, 2], tokens=2, beams=VOCABULARY**2 // 2).found[0].tokens
    assert two == every[int(best.argmax())].tolist() and len(found) == 4
