"""Networks: plain modules with keyword arguments; they know nothing of recipes, files, flags or devices.

Names load on first use, so `import maquette.models` costs nothing.
"""

import importlib
from typing import Any

_HOMES = {
    "AttackedClassifier": "classifiers",
    "Bart": "bart",
    "CLIP": "clip",
    "ConvAutoencoder": "autoencoder",
    "ConvVAE": "variational",
    "CourseCNN": "denoisers",
    "CourseDiscriminator": "gan",
    "CourseGenerator": "gan",
    "DeepNetwork": "deep",
    "DeepNetworks": "deep",
    "DenoisingUNet": "denoising_unet",
    "DenseAutoencoder": "autoencoder",
    "DenseVAE": "variational",
    "Discriminator": "gan",
    "DnCNN": "denoisers",
    "EncoderDecoder": "encoder_decoder",
    "EmbeddingPrior": "prior",
    "FrequencyField": "fields",
    "GPT": "gpt",
    "GPT2": "gpt2",
    "Gaussians": "gaussians",
    "HashField": "fields",
    "Kernels": "kernels",
    "Generator": "gan",
    "MLP": "mlp",
    "Polynomial": "polynomial",
    "Recurrent": "recurrent",
    "ResNet": "classifiers",
    "SmallCNN": "classifiers",
    "SoftmaxClassifier": "classifiers",
    "T5": "t5",
    "TableNetwork": "tabular",
    "UNet": "unet",
    "Unigram": "unigram",
    "WordVectors": "word_vectors",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"maquette.models has no {name}")
    return getattr(importlib.import_module(f"maquette.models.{_HOMES[name]}"), name)
