"""Generators and discriminators: the course's by its number of weights and by loops, ours by what it must keep to."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from maquette.models import CourseDiscriminator, CourseGenerator, Discriminator, Generator
from maquette.models.gan import levels_of, patch_of


def count(model: nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())


def test_the_course_s_pair_has_as_many_weights_as_the_notebook_prints():
    """Keras counts the running means and variances, two numbers a channel, among a generator's weights."""
    generator, judge = CourseGenerator(), CourseDiscriminator()
    running = sum(each.running_mean.numel() + each.running_var.numel() for each in generator.norms)
    assert count(generator) + running == 2_330_944 and count(generator) == 2_305_472
    assert count(judge) == 212_865


def transposed(x: torch.Tensor, weight: torch.Tensor, stride: int) -> torch.Tensor:
    """Keras's Conv2DTranspose with "same" padding, picture by picture, by loops: (C, H, W), (C, out, 5, 5)."""
    _, height, width = x.shape
    whole = torch.zeros(weight.shape[1], (height - 1) * stride + 5, (width - 1) * stride + 5)
    for row in range(height):
        for column in range(width):
            patch = torch.einsum("c,cokl->okl", x[:, row, column], weight)
            whole[:, row * stride : row * stride + 5, column * stride : column * stride + 5] += patch
    before = (5 - stride) // 2
    return whole[:, before : before + height * stride, before : before + width * stride]


def test_the_course_s_convolutions_are_keras_s():
    """With "same" padding the odd pixel comes last; its transpose is cut in the same way."""
    torch.manual_seed(0)
    model = CourseGenerator(size=8, latents=3).eval()
    x = torch.randn(2, 3)
    with torch.no_grad():
        y = nn.functional.leaky_relu(model.norms[0](model.dense(x)), 0.3).view(2, 256, 2, 2)
        for number, stride in enumerate((1, 2, 2)):
            y = torch.stack([transposed(each, model.convolutions[number].weight, stride) for each in y])
            y = nn.functional.leaky_relu(model.norms[number + 1](y), 0.3) if number < 2 else y.tanh()
        assert_close(model(x), y, rtol=0, atol=1e-5)
        judge = CourseDiscriminator(size=8).eval()
        picture = torch.zeros(1, 1, 8, 8)
        picture[0, 0, 7, 7] = 1  # seen by the last place alone: padded by one before and two behind, it is row 6 + 2
        first = judge.convolutions[0](nn.functional.pad(picture, (1, 2, 1, 2)))
        assert first.shape == (1, 64, 4, 4)
        assert_close(first[0, :, 3, 3], judge.convolutions[0].weight[:, 0, 2, 2])


@pytest.mark.parametrize(
    ("size", "patch", "levels"), [(8, 2, [4]), (28, 2, [14, 7]), (32, 2, [16, 8]), (64, 4, [16, 8]), (36, 2, [18, 9])]
)
def test_sizes_are_halved_down_to_eight(size, patch, levels):
    assert patch_of(size) == patch and levels_of(size, patch) == levels
    widths = [4] * len(levels)
    generator, judge = (
        Generator(size=size, channels=3, widths=widths, classes=2, latents=4),
        Discriminator(size=size, channels=3, widths=widths, classes=2),
    )
    made = generator(torch.randn(3, 4), torch.tensor([0, 1, 1]))
    assert made.shape == (3, 3, size, size) and float(made.detach().abs().max()) <= 1
    assert judge(made, torch.tensor([0, 1, 1])).shape == (3,)


def test_each_picture_is_judged_by_itself():
    """Both gradients in one pass rest on that."""
    torch.manual_seed(0)
    for judge in (Discriminator(classes=3), CourseDiscriminator().eval()):
        pictures, classes = torch.rand(5, 1, 28, 28), torch.tensor([0, 1, 2, 0, 1])
        alone = torch.cat([judge(pictures[i : i + 1], classes[i : i + 1]) for i in range(5)])
        assert_close(judge(pictures, classes), alone, rtol=0, atol=1e-5)


def test_a_class_changes_what_is_made_and_what_is_said():
    torch.manual_seed(0)
    generator, judge = Generator(classes=2), Discriminator(classes=2)
    latents, zero, one = torch.randn(2, 64), torch.zeros(2, dtype=torch.long), torch.ones(2, dtype=torch.long)
    assert not torch.allclose(generator(latents, zero), generator(latents, one))
    pictures = torch.rand(2, 1, 28, 28)
    assert not torch.allclose(judge(pictures, zero), judge(pictures, one))
