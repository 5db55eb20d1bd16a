"""What word vectors are used for: neighbours, analogies, similarity, the odd one out, the vectors, words on axes."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from maquette.methods.projections import principal_components
from maquette.methods.word_vectors import odd_one, unit
from maquette.recipes.word2vec.data import space_of, vector_of
from maquette.recipes.word2vec.settings import NearestOptions, ProjectOptions
from maquette.settings import Options, UserError
from maquette.trained import Trained


def words_of(text: str, count: int | None = None, fewest: int = 1) -> list[str]:
    """The words of a text, parted by blanks or commas; refused where there are not as many as asked for."""
    words = text.replace(",", " ").split()
    if len(words) < fewest or (count is not None and len(words) != count):
        many = str(count) if count is not None else f"at least {fewest}"
        raise UserError(f"{text[:60]!r} holds {len(words)} words; this use takes {many}.")
    return words


def neighbours(trained: Trained, inputs: Iterable[str], options: NearestOptions) -> Iterator[pd.DataFrame]:
    """The nearest words of each word, with cosines and how often they occur."""
    space, rows = space_of(trained.model, trained.processing), []
    for text in inputs:
        for word in words_of(text):
            own = [space.places[word.lower()]] if word.lower() in space.places else []
            found = space.nearest(vector_of(word, space, trained.model), options.count, own)
            for rank, (place, value) in enumerate(found, 1):
                rows.append((word, rank, space.words[place], value, int(space.counts[place])))
    yield pd.DataFrame(rows, columns=["word", "rank", "neighbour", "cosine", "times"])


def analogy(trained: Trained, inputs: Iterable[str], options: NearestOptions) -> Iterator[pd.DataFrame]:
    """What is to the third word as the second is to the first: the nearest to b - a + c, but for the three."""
    space, rows = space_of(trained.model, trained.processing), []
    for text in inputs:
        words = words_of(text, 3)
        direction = space.analogy(*(vector_of(word, space, trained.model) for word in words))
        own = [space.places[word.lower()] for word in words if word.lower() in space.places]
        for rank, (place, value) in enumerate(space.nearest(direction, options.count, own), 1):
            rows.append((text, rank, space.words[place], value))
    yield pd.DataFrame(rows, columns=["question", "rank", "answer", "cosine"])


def similarity(trained: Trained, inputs: Iterable[str], options: Options) -> Iterator[pd.DataFrame]:
    """The cosine of every two words of each text."""
    space, rows = space_of(trained.model, trained.processing), []
    for text in inputs:
        words = words_of(text, fewest=2)
        vectors = unit(np.stack([vector_of(word, space, trained.model) for word in words]))
        for a in range(len(words)):
            for b in range(a + 1, len(words)):
                rows.append((words[a], words[b], float(vectors[a] @ vectors[b])))
    yield pd.DataFrame(rows, columns=["first", "second", "cosine"])


def odd(trained: Trained, inputs: Iterable[str], options: Options) -> Iterator[pd.DataFrame]:
    """Which word of each text is least like the others."""
    space, rows = space_of(trained.model, trained.processing), []
    for number, text in enumerate(inputs, 1):
        words = words_of(text, fewest=3)
        place, cosines = odd_one(np.stack([vector_of(word, space, trained.model) for word in words]))
        rows += [(number, word, float(cosines[at]), at == place) for at, word in enumerate(words)]
    yield pd.DataFrame(rows, columns=["text", "word", "cosine_to_all", "is_odd"])


def vectors(trained: Trained, inputs: Iterable[str], options: Options) -> Iterator[pd.DataFrame]:
    """The numbers of each word."""
    space = space_of(trained.model, trained.processing)
    words = [word for text in inputs for word in words_of(text)]
    made = np.stack([vector_of(word, space, trained.model) for word in words])
    frame = pd.DataFrame(made, columns=[f"vector_{place}" for place in range(1, made.shape[1] + 1)])
    frame.insert(0, "word", words)
    yield frame


def project(trained: Trained, inputs: Iterable[str], options: ProjectOptions) -> Iterator[pd.DataFrame]:
    """How far each word lies along axes, each from one word to another: the cosine with their difference.

    Without axes, along the two directions in which all words vary most.
    """
    space = space_of(trained.model, trained.processing)
    axes: dict[str, np.ndarray] = {}
    if options.axes is None:
        directions = principal_components(space.unit, 2).directions
        axes = {f"component_{place}": direction for place, direction in enumerate(directions, 1)}
    for axis in filter(None, (each.strip() for each in (options.axes or "").split(","))):
        ends = axis.split(":")
        if len(ends) != 2 or not all(end.strip() for end in ends):
            raise UserError(f"--axes {axis!r} is no axis; it is from one word to another, such as man:woman.")
        start, end = (unit(vector_of(each.strip(), space, trained.model)) for each in ends)
        if not (end - start).any():
            raise UserError(f"--axes {axis}: both ends are the same; name two words.")
        axes[axis] = unit(end - start)
    if not axes:
        raise UserError("--axes is empty; name one such as man:woman.")
    words = [word for text in inputs for word in words_of(text)]
    made = unit(np.stack([vector_of(word, space, trained.model) for word in words]))
    yield pd.DataFrame({"word": words, **{name: made @ direction for name, direction in axes.items()}})
