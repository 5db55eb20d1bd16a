"""What a trained classifier of pictures says of others."""

from collections.abc import Iterable, Iterator

import pandas as pd

from maquette.data.pictures.files import Picture
from maquette.families.classifiers import answers
from maquette.families.settings import PictureOptions
from maquette.trained import Trained


def classify(trained: Trained, inputs: Iterable[Picture], options: PictureOptions) -> Iterator[pd.DataFrame]:
    """A row for each picture: `class`, `probability`, `next_class`, `next_probability`, `probability_<class>`."""
    return answers(trained.model, trained.processing, inputs)
