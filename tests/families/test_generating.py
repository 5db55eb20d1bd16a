"""What recipes that make pictures share: data that can teach, chance for each picture, ways between them, films."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from support import save_picture

from maquette.families import generating
from maquette.families.generating import (
    Growth,
    Noise,
    class_number,
    collect_pictures,
    drawn_classes,
    film_of,
    from_unit,
    noise,
    pictures_of,
    prepare_pictures,
    read_unit,
    slerp,
    straight,
    to_unit,
)
from maquette.runs import Run, Step
from maquette.settings import Settings, UserError
from maquette.trained import Trained


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run").mkdir()
    made = Run(tmp_path / "run", Settings(device="cpu"))
    made.begin("collect")
    return made


def make_pictures(folder, count=20, size=16, classes=("cat", "dog")):
    generator = np.random.default_rng(0)
    for number in range(count):
        pixels = generator.integers(0, 256, (size, size, 3), np.uint8)
        save_picture(folder / classes[number % len(classes)] / f"{number}.png", pixels)
    return folder


def test_data_that_cannot_teach_is_refused_in_one_sentence(tmp_path, run):
    few = make_pictures(tmp_path / "few", 15)
    with pytest.raises(UserError, match=r"15 pictures.*at least 16"):
        collect_pictures(str(few), None, None, 0, run)
    for number in range(20):
        save_picture(tmp_path / "same" / f"{number}.png", np.full((16, 16, 3), 7, np.uint8))
    with pytest.raises(UserError, match=r"All 20 pictures .* the same"):
        collect_pictures(str(tmp_path / "same"), None, None, 0, run)
    with pytest.raises(UserError, match="--size 18 is no multiple of 4; take 16 or 20"):
        collect_pictures(str(make_pictures(tmp_path / "enough")), 18, None, 0, run, multiple=4)


def test_pictures_that_were_enlarged_are_said(tmp_path, run):
    images = collect_pictures(str(make_pictures(tmp_path / "small", 20, 16)), 24, None, 0, run)
    assert images.pixels.shape == (20, 24, 24, 3)
    assert any("20 of 20 pictures have a side below 24 pixels" in note for note in images.notes)
    images = collect_pictures(str(tmp_path / "small"), 16, None, 0, run)
    assert images.notes == []


def test_parts_hold_each_class_in_its_share_and_what_making_must_know(tmp_path, run):
    images = collect_pictures(str(make_pictures(tmp_path / "in", 60, 16, ("cat", "cat", "dog"))), 16, None, 0, run)
    parts = prepare_pictures(images, run, valid_share=0.1, test_share=0.2, seed=0)
    assert [len(part) for part in (parts.train, parts.valid, parts.test)] == [42, 6, 12]
    assert parts.test.classes.bincount().tolist() == [8, 4]
    known = parts.processing
    assert known["classes"] == ["cat", "dog"] and known["shares"] == pytest.approx([2 / 3, 1 / 3])
    assert (known["size"], known["channels"]) == (16, 3) and parts.train.pictures.shape == (42, 3, 16, 16)
    trained = Trained(tmp_path, "diffusion", {}, None, known)
    assert class_number(trained, "dog") == 1
    with pytest.raises(UserError, match="no class dgo; did you mean dog"):
        class_number(trained, "dgo")
    with pytest.raises(UserError, match="without classes"):
        class_number(Trained(tmp_path, "diffusion", {}, None, known | {"classes": []}), "dog")


def test_pixels_come_back_from_units_and_pictures_are_read_as_in_training(tmp_path):
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    unit = to_unit(pixels)
    assert (unit.min(), unit.max()) == (-1, 1) and torch.equal(from_unit(unit), pixels)
    assert from_unit(torch.tensor([-3.0, 3.0])).tolist() == [0, 255]
    (picture,) = pictures_of(unit)
    assert picture.pixels.shape == (16, 16, 1) and torch.allclose(
        read_unit([picture], {"size": 16, "channels": 1}), unit
    )


def test_noise_of_a_picture_depends_on_its_seed_and_place_alone():
    many = noise(12, (1, 30, 30), seed=3)
    assert torch.equal(noise(2, (1, 30, 30), seed=3, first=5), many[5:7])
    assert not torch.equal(noise(1, (1, 30, 30), seed=4), many[:1])
    assert kstest(many.flatten().numpy(), "norm").pvalue > 0.01
    draw = Noise(3, seed=3)
    assert torch.equal(draw(1, 30, 30), many[:3]) and not torch.equal(draw(1, 30, 30), many[:3])
    assert torch.isfinite(noise(1, (2,), seed=2**63 - 1)).all()


def test_classes_are_drawn_in_their_shares():
    shares = [0.5, 0.3, 0.2]
    many = drawn_classes(100, shares, seed=1)
    assert many.bincount(minlength=3).tolist() == pytest.approx([50, 30, 20], abs=1)
    assert torch.equal(drawn_classes(10, shares, seed=1, first=20), many[20:30])


def test_the_arc_between_noises_keeps_their_length_and_ends_where_they_are():
    first, last = noise(2, (3, 8, 8), seed=0)
    last = last / last.norm() * first.norm()
    lengths = [float(slerp(first, last, share).norm()) for share in (0.0, 0.25, 0.5, 1.0)]
    assert lengths == pytest.approx([float(first.norm())] * 4, rel=1e-5)
    assert torch.allclose(slerp(first, last, 0.0), first, atol=1e-6) and torch.allclose(
        slerp(first, last, 1.0), last, atol=1e-6
    )
    quarter, half = slerp(first, last, 0.25), slerp(first, last, 0.5)
    assert float((quarter - first).norm()) == pytest.approx(float((half - quarter).norm()), rel=1e-4)
    assert torch.equal(straight(first, last, 0.5), torch.lerp(first, last, 0.5))
    assert torch.allclose(slerp(first, first, 0.3), first)


def steps(count):
    step = Step()
    for number in range(1, count + 1):
        step.number, step.progress, step.is_last = number, (number - 1) / count, number == count
        yield step


def test_growth_sees_the_first_and_the_last_and_goes_on_where_it_was(run):
    def see(growth, step):
        growth.see(step, lambda: torch.full((9, 1, 8, 8), step.number % 256, dtype=torch.uint8))

    whole, first, second = Growth(6), Growth(6), Growth(6)
    for step in steps(200):
        see(whole, step)
        if step.number == 100:
            second.load_state_dict(first.state_dict())
        see(first if step.number < 100 else second, step)
    assert whole.steps == second.steps and len(whole.steps) == 6
    assert whole.steps[0] == 1 and whole.steps[-1] == 200 and whole.steps[1] < 15
    assert all(torch.equal(*pair) for pair in zip(whole.frames, second.frames, strict=True))
    run.begin("train")
    whole.show(run)
    assert (run.folder / "pictures" / "growth.webp").read_bytes()[8:12] == b"WEBP"
    assert (run.folder / "pictures" / "growth.svg").exists()


def test_a_film_is_large_enough_to_be_seen():
    film = film_of(torch.zeros(3, 1, 28, 28, dtype=torch.uint8))
    frames = list(film.frames)
    assert film.count == len(frames) == 3 and frames[0].shape == (280, 280, 3) and film.rate == generating.RATE
