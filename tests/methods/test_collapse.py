"""Variety and heart: by closed forms, and what is told, once, of a training that goes wrong."""

import pytest
import torch

from maquette.methods.collapse import LOOKS, Watch, by_heart, variety


def pictures(count: int, seed: int) -> torch.Tensor:
    return torch.randint(256, (count, 1, 16, 16), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def test_variety_is_one_of_equal_kinds_and_nothing_of_one_picture():
    real = pictures(200, 0)
    assert variety(real.flip(0), real) == 1
    assert variety(pictures(200, 1), real) == pytest.approx(1, abs=0.05)
    assert variety(real[:1].expand(200, -1, -1, -1), real) == 0
    few = real[torch.arange(200) % 10].float() + torch.randn(200, 1, 16, 16, generator=torch.Generator().manual_seed(2))
    assert variety(few, real) < 0.1  # ten pictures again and again, hardly changed
    assert variety(real / 2, real) == pytest.approx(0.5)  # distances halve with the contrast


def test_by_heart_is_the_part_of_the_way_that_held_out_pictures_fall():
    assert by_heart(3.0, 3.0, -1.0) == 0
    assert by_heart(3.0, -1.0, -1.0) == 1
    assert by_heart(3.0, 2.0, -1.0) == 0.25
    assert by_heart(0.05, -1.0, 0.0) == 0  # it cannot tell made from real


def look(watch: Watch, various: float, learnt: float, *, augmented: bool = False, times: int = 20) -> list[str]:
    told = [watch.see(0.4 + place / 40, various, learnt, augmented=augmented) for place in range(times)]
    return [each for each in told if each is not None]


def test_what_goes_wrong_is_said_once_with_advice():
    assert look(Watch(), 0.9, 0.1) == []
    (collapse,) = look(Watch(), 0.1, 0.1)
    assert "10%" in collapse and "--penalty" in collapse
    assert look(Watch(), 0.1, 0.1, times=LOOKS - 1) == []
    (heart,) = look(Watch(), 0.9, 0.9)
    assert "by heart" in heart and "--augment" in heart
    assert "--augment" not in look(Watch(), 0.9, 0.9, augmented=True)[0]
    early = Watch()
    assert all(early.see(place / 100, 0.1, 0.9, augmented=False) is None for place in range(30))


def test_a_watch_goes_on_where_it_stood():
    first, second = Watch(), Watch()
    look(first, 0.1, 0.1, times=LOOKS - 1)
    second.load_state_dict(first.state_dict())
    assert second.see(0.5, 0.1, 0.1, augmented=False) == first.see(0.5, 0.1, 0.1, augmented=False) != None  # noqa: E711
    third = Watch()
    third.load_state_dict(first.state_dict())
    assert third.told == first.told and look(third, 0.1, 0.1) == []


def test_looks_come_at_even_parts_of_the_training():
    watch, due = Watch(moments=10), []
    for step in range(1, 101):
        if watch.is_due(step / 100, step == 100):
            watch.see(step / 100, 1, 0, augmented=False)
            due.append(step)
    assert due == list(range(10, 101, 10))
