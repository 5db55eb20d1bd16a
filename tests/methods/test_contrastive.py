"""The contrastive loss against the formula of open_clip, a closed form, and finite differences."""

import math

import pytest
import torch
from torch.nn import functional

from maquette.methods.contrastive import contrastive_loss, gathered, shared_scale


def embeddings(count=12, numbers=5, seed=0):
    chance = torch.Generator().manual_seed(seed)
    drawn = torch.randn(2, count, numbers, generator=chance, dtype=torch.float64)
    return functional.normalize(drawn, dim=-1).unbind()


def test_it_is_open_clip_s_loss():
    """open_clip.loss.ClipLoss, v2: (cross_entropy(s a b', labels) + cross_entropy(s b a', labels)) / 2."""
    a, b = embeddings()
    for scale in (1.0, 1 / 0.07, 100.0):
        labels = torch.arange(len(a))
        images, texts = scale * a @ b.T, scale * b @ a.T
        expected = (functional.cross_entropy(images, labels) + functional.cross_entropy(texts, labels)) / 2
        assert float(contrastive_loss(a, b, torch.tensor(scale, dtype=torch.float64))) == pytest.approx(
            float(expected), abs=1e-12
        )


def test_alone_or_without_a_clue_it_is_the_log_of_the_number():
    a, _ = embeddings(6)
    same = a[:1].expand(6, -1)
    assert float(contrastive_loss(same, same, torch.tensor(50.0))) == pytest.approx(math.log(6))
    eye = torch.eye(4, dtype=torch.float64)
    s = 3.0
    closed = -s + math.log(math.exp(s) + 3)  # 1 on the diagonal, 0 elsewhere
    assert float(contrastive_loss(eye, eye, torch.tensor(s))) == pytest.approx(closed)


def test_equal_captions_share_the_target():
    a, b = embeddings(5)
    b = b.clone()
    b[3] = b[1]
    groups, scale = torch.tensor([7, 4, 9, 4, 0]), torch.tensor(6.0)
    logits = 6.0 * a @ b.T
    by_rows, by_columns = logits.log_softmax(1), logits.log_softmax(0)
    loss = 0.0
    for row in range(5):
        its = [other for other in range(5) if groups[other] == groups[row]]
        loss -= sum(float(by_rows[row, other]) for other in its) / len(its) / 10
        loss -= sum(float(by_columns[other, row]) for other in its) / len(its) / 10
    assert float(contrastive_loss(a, b, scale, groups)) == pytest.approx(loss)
    alone = torch.arange(5)
    assert float(contrastive_loss(a, b, scale, alone)) == pytest.approx(float(contrastive_loss(a, b, scale)))


@pytest.mark.parametrize("groups", [None, torch.tensor([0, 1, 1, 2, 3])], ids=["own", "equal"])
def test_a_wrong_text_is_one_more_to_tell_a_picture_s_own_from(groups):
    a, b = embeddings(5)
    wrong, scale = embeddings(5, seed=1)[0].clone(), torch.tensor(6.0, dtype=torch.float64)
    wrong[2:4] = 0  # those have none
    plain = float(contrastive_loss(a, b, scale, groups))
    assert float(contrastive_loss(a, b, scale, groups, torch.zeros_like(wrong))) == pytest.approx(plain)
    more = 0.0  # only the logarithms of the sums over texts grow
    for row in (0, 1, 4):
        known = (6.0 * a[row] @ b.T).exp().sum()
        more += float((1 + (6.0 * a[row] @ wrong[row]).exp() / known).log()) / 10
    assert float(contrastive_loss(a, b, scale, groups, wrong)) == pytest.approx(plain + more)


@pytest.mark.parametrize("has_wrong", [False, True])
@pytest.mark.parametrize("groups", [None, torch.tensor([0, 1, 1, 2, 3, 3])], ids=["own", "equal"])
def test_its_gradient_is_that_of_finite_differences(groups, has_wrong):
    a, b = (each.clone().requires_grad_() for each in embeddings(6, 4))
    scale = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    wrong = [embeddings(6, 4, seed=1)[0].clone().requires_grad_()] if has_wrong else []

    def loss(a, b, scale, *wrong):
        return contrastive_loss(a, b, scale, groups, *wrong)

    assert torch.autograd.gradcheck(loss, (a, b, scale, *wrong))


class Others:
    """Stands in for the other processes: adds what they would put into the sum."""

    def __init__(self, whole):
        self.whole, self.calls = whole, 0

    def all_reduce(self, tensor):
        tensor.copy_(torch.where(tensor == 0, self.whole[self.calls % len(self.whole)], tensor))
        self.calls += 1


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_processes_together_have_the_gradient_of_one(processes, monkeypatch):
    """Each works out the whole loss with a gradient for its own rows; what they average is one process's gradient."""
    a, b = embeddings(7, 4)
    scale = torch.tensor(4.0, dtype=torch.float64)
    whole = [each.clone().requires_grad_() for each in (a, b, scale)]
    contrastive_loss(*whole).backward()
    mean = [torch.zeros_like(each) for each in whole]
    for rank in range(processes):
        monkeypatch.setattr(torch.distributed, "all_reduce", Others([a, b]).all_reduce)
        mine = [each[rank::processes].clone().requires_grad_() for each in (a, b)]
        factor = scale.clone().requires_grad_()
        both = [gathered(each, 7, rank, processes) for each in mine]
        loss = contrastive_loss(*both, shared_scale(factor, processes))
        (loss * processes).backward()
        for place, each in enumerate(mine):
            mean[place][rank::processes] += each.grad / processes
        mean[2] += factor.grad / processes
    for made, expected in zip(mean, whole, strict=True):
        torch.testing.assert_close(made, expected.grad)
