"""The contrastive loss of CLIP (Radford et al. 2021, figure 3), also where several texts belong to one picture.

B pairs, D numbers of an embedding.
"""

import torch
from torch import Tensor
from torch.nn import functional

ABSENT = -1e4  # in place of the logit of a wrong text where there is none


def contrastive_loss(
    pictures: Tensor, texts: Tensor, scale: Tensor, groups: Tensor | None = None, wrong: Tensor | None = None
) -> Tensor:
    """The cross entropy of a batch of pairs, the mean of both ways: which text is whose, and which picture is whose.

    logits = scale pictures texts';  loss = (H(target, softmax over texts) + H(target', softmax over pictures)) / 2.
    pictures, texts (B, D) of length 1, those of a row a pair. Without `groups` the target is the diagonal. With it,
    (B,), rows of one number have equal texts: each of them is as right as the others (Khosla et al. 2020, equation 2,
    with the mean inside of the logarithm's sum as a uniform target). wrong (B, D): one more text for each picture, to
    be told from its own; 0 where there is none.
    """
    logits = scale * pictures @ texts.T
    of_pictures = logits
    if wrong is not None:
        more = (scale * (pictures * wrong).sum(1)).masked_fill(~wrong.any(1), ABSENT)
        of_pictures = torch.cat([logits, more[:, None]], 1)
    if groups is None:
        diagonal = torch.arange(len(logits), device=logits.device)
        return (functional.cross_entropy(of_pictures, diagonal) + functional.cross_entropy(logits.T, diagonal)) / 2
    same = (groups[:, None] == groups[None]).to(logits.dtype)
    target = same / same.sum(1, keepdim=True)  # the same by rows as by columns: `same` is symmetric
    padded = functional.pad(target, (0, of_pictures.shape[1] - len(logits)))
    return (functional.cross_entropy(of_pictures, padded) + functional.cross_entropy(logits.T, target)) / 2


def gathered(mine: Tensor, rows: int, rank: int, processes: int) -> Tensor:
    """The embeddings of a whole batch of `rows`, (rows, D), of which this process made every `processes`-th.

    Only its own carry a gradient. A process for which the batch has no row adds none.
    """
    if processes == 1:
        return mine
    own = torch.arange(rank, rows, processes, device=mine.device)
    whole = mine.new_zeros(rows, mine.shape[1])
    whole[own] = mine.detach()[: len(own)]
    torch.distributed.all_reduce(whole)
    return whole.index_copy(0, own, mine[: len(own)])


def shared_scale(scale: Tensor, processes: int) -> Tensor:
    """The same value, with a `processes`-th of the gradient: every process works out the whole of it."""
    return scale if processes == 1 else scale.detach() + (scale - scale.detach()) / processes
