"""Whether pictures show what words say: by the checker of shapes, and by a CLIP that had no part in them."""

import numpy as np
import pytest
import torch

from maquette.data.sets.shape_set import captioned_shapes
from maquette.families.captions import learn_wording, part_of
from maquette.families.judging_words import attribute_table, interval, prompts_of, right_in, shuffled
from maquette.families.pairing import taught_judge


@pytest.fixture(scope="module")
def parts():
    made = captioned_shapes(seed=3, train=500, test=100)
    texts = [[each] if isinstance(each, str) else each for each in made.texts]
    wording = learn_wording([text for each in texts[:500] for text in each], 400)
    return wording, part_of(made.pixels[:500], texts[:500], wording), part_of(made.pixels[500:], texts[500:], wording)


def test_real_pictures_are_right_and_wrong_words_are_not(parts):
    prompts = prompts_of(parts[2], 120)
    assert len(prompts) == 120 and prompts.is_unseen.sum() == 60
    assert right_in(prompts.pictures, prompts)["all"].mean() > 0.97
    wrong = shuffled(prompts, np.random.default_rng(0))
    assert all(a != b for a, b in zip(wrong.texts, prompts.texts, strict=True))
    assert sorted(wrong.texts) == sorted(prompts.texts)
    right = right_in(wrong.pictures, wrong)
    assert right["all"].mean() < 0.05 and right["shape"].mean() < 0.35 and right["colour"].mean() < 0.35
    table = attribute_table({"real": (right_in(prompts.pictures, prompts), prompts), "wrong": (right, wrong)})
    assert list(table["combination"]) == ["seen", "unseen"] * 2 and (table["all"] <= table["shape"] + 1e-9).all()


def test_prompts_that_are_no_scenes_have_no_exact_judge(parts):
    part = part_of(np.zeros((5, 8, 8, 3), np.uint8), [[f"thing {n}"] for n in range(5)], parts[0])
    prompts = prompts_of(part, 3)
    assert prompts.scenes is None and len(prompts) == 3 and not prompts.is_unseen.any()


@pytest.mark.slow
def test_a_judge_ranks_own_captions_first_and_leaves_chance_alone(parts):
    wording, train, test = parts
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    judge = taught_judge(train, wording, 32, seed=0, steps=120)
    assert torch.equal(torch.rand(3), expected)
    prompts = prompts_of(test, 60)
    ranks = judge.ranks(prompts.pictures, prompts.texts, test.captions)
    assert ranks.shape == (60,) and ranks.min() >= 1 and ranks.max() <= 100
    assert ranks.mean() < 25 < 40 < judge.ranks(prompts.pictures, shuffled(prompts, np.random.default_rng(0)).texts,
                                                test.captions).mean()  # fmt: skip
    assert judge.ranks(prompts.pictures[:3], ["a", "b", "c"], ["a", "b", "c", "c"]).max() <= 3
    again = taught_judge(train, wording, 32, seed=0, steps=5)
    same = taught_judge(train, wording, 32, seed=0, steps=5)
    assert torch.equal(again.clip.pictures.linear.weight, same.clip.pictures.linear.weight)
    assert interval(np.array([0.0, 1.0] * 50)) == pytest.approx(1.96 * 0.5 / 10)
