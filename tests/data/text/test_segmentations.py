"""BPE dropout: without it the tokenizer's own cut; with it other cuts of the same text, the same for a seed."""

import numpy as np
import torch

from maquette.data.text.segmentations import WAYS, Segmentations
from maquette.data.text.vocabularies import train_tokenizer

TEXTS = [" the widest newest lowest", " lower and newer, the widest of all", "", " the newest ones: naïve"]
TOKENIZER = train_tokenizer("bpe", TEXTS * 3, 300)


def test_without_dropout_it_is_the_tokenizer():
    drawn = Segmentations(TOKENIZER, TEXTS, 0.0, 0).draw(torch.Generator())
    for mine, expected in zip(drawn, TOKENIZER.encode_batch(TEXTS), strict=True):
        assert mine.tolist() == expected.tolist()


def test_with_dropout_it_is_the_same_text_in_other_pieces():
    made, generator = Segmentations(TOKENIZER, TEXTS, 0.3, 0), torch.Generator().manual_seed(1)
    draws = [made.draw(generator) for _ in range(6)]
    for drawn in draws:
        assert [TOKENIZER.decode(each) for each in drawn] == TEXTS
    assert len({tuple(drawn[1].tolist()) for drawn in draws}) > 1
    again = Segmentations(TOKENIZER, TEXTS, 0.3, 0).draw(torch.Generator().manual_seed(1))
    assert all(np.array_equal(a, b) for a, b in zip(again, draws[0], strict=True))


def test_all_merges_left_out_leave_letters():
    made = Segmentations(TOKENIZER, TEXTS, 1.0, 0)
    assert made.lengths.max() == max(len(part) for text in TEXTS for part in TOKENIZER.parts(text))
    assert len(made.lengths) % WAYS == 0
