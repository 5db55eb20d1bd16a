import pytest
import torch
from torch import nn

from maquette.checkpoints import load_model, save_model
from maquette.models import AttackedClassifier, ResNet, SmallCNN, SoftmaxClassifier

MODELS = {
    "softmax": lambda: SoftmaxClassifier(height=20, width=20, channels=3, classes=7),
    "cnn": lambda: SmallCNN(height=20, width=20, channels=3, classes=7, widths=(4, 6)),
    "resnet": lambda: ResNet(channels=3, classes=7, widths=(4, 6), blocks=(1, 2)),
}


def weights_of(model: nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())


def test_numbers_of_weights_by_hand():
    assert weights_of(SoftmaxClassifier(height=28, width=28)) == 7850
    # 32 3x3 kernels, 64 of 32 channels, and one layer from 7 x 7 x 64
    assert weights_of(SmallCNN(height=28, width=28)) == 320 + 18_496 + 31_370
    stages = 9 * (16 + 16 * 32 + 32 * 64) + 2 * (16 + 32 + 64)
    blocks = sum(2 * 9 * width**2 + 4 * width for width in (32, 64))
    assert weights_of(ResNet()) == stages + blocks + 2 * 64 + 650


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_logits_have_their_shape_and_can_be_learnt(name):
    torch.manual_seed(0)
    model, pictures, classes = MODELS[name](), torch.rand(8, 3, 20, 20), torch.arange(8) % 7
    assert model(pictures).shape == (8, 7)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(80):
        loss = nn.functional.cross_entropy(model(pictures), classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.2, "eight pictures should be learnt by heart"


@pytest.mark.parametrize("size", [(8, 8), (9, 31), (64, 48)])
def test_the_residual_network_takes_any_size(size):
    assert ResNet(widths=(4, 4, 4), blocks=(0, 1, 1)).eval()(torch.rand(2, 1, *size)).shape == (2, 10)


def test_the_maximum_before_the_relu_changes_nothing():
    torch.manual_seed(0)
    model, x = SmallCNN(height=8, width=8, widths=(4, 5), classes=3), torch.rand(2, 1, 8, 8)
    inner = x
    for layer in (layer for layer in model.features if isinstance(layer, nn.Conv2d)):
        inner = nn.functional.max_pool2d(layer(inner).relu(), 2)
    torch.testing.assert_close(model(x), model.linear(inner.flatten(1)))


def test_evaluation_does_not_mix_rows():
    torch.manual_seed(0)
    model, pictures = MODELS["resnet"](), torch.rand(6, 3, 20, 20)
    model(pictures)  # running means that are not the first ones
    model.eval()
    torch.testing.assert_close(model(pictures)[:1], model(pictures[:1]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_a_pair_of_classifiers_comes_back_from_disk(name, tmp_path):
    one = MODELS[name]()
    arguments = {key: getattr(one, key) for key in type(one).__init__.__kwdefaults__ or {}}
    arguments |= {key: getattr(one, key) for key in ("height", "width") if hasattr(one, key)}
    model = AttackedClassifier(network=type(one).__name__, arguments=arguments).eval()
    save_model(model, tmp_path)
    back = load_model(tmp_path)
    pictures = torch.rand(3, 3, 20, 20)
    torch.testing.assert_close(back(pictures), model(pictures))
    assert model(pictures).shape == (3, 2, 7)
    torch.testing.assert_close(model(pictures)[:, 0], model.victim(pictures))
