"""What CLIP is used for: pictures found by words, sorted by words, compared with words, and the numbers of either."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch

from maquette.families.blocks import Block, heading, picture, say, table, warn
from maquette.families.captions import Wording, checked_words, embed_texts, load_wording
from maquette.families.galleries import embedded, likeliest
from maquette.figures.captions import found_pictures
from maquette.media.captions import Gallery, Mixed
from maquette.recipes.clip.settings import ClassifyOptions, SearchOptions
from maquette.settings import Options, UserError
from maquette.trained import Trained, checksum

IN_A_ROW = 8  # pictures of a search
TEXTS = 1000  # texts turned to numbers together


def search(trained: Trained, inputs: Mixed, options: SearchOptions) -> Iterator[Block]:
    """For each text the pictures that are nearest to it, shown and in a table."""
    words, wording = checked_words(inputs.words), load_wording(trained.processing)
    hits = likeliest(inputs.pictures, asked(trained, wording, words), trained.model, key_of(trained), options.most)
    if not hits.seen:
        raise UserError("None of the pictures could be read to the end.")
    yield say(f"{hits.seen:,} pictures, the nearest to each text first, by the cosine of their numbers.")
    yield from (warn(note) for note in notes(wording, words))
    for word, numbers, likeness in zip(words, hits.numbers, hits.similarities, strict=True):
        yield heading(word)
        names = [named(inputs.pictures, number) for number in numbers]
        shown = dict(inputs.pictures.some(numbers.tolist()))
        kept = [place for place, number in enumerate(numbers) if number in shown]
        lines = [kept[start : start + IN_A_ROW] for start in range(0, len(kept), IN_A_ROW)]
        yield picture(
            found_pictures(
                [("", [thumbnail(shown[numbers[place]].pixels) for place in line]) for line in lines],
                captions=[[f"{likeness[place]:.2f} {names[place]}" for place in line] for line in lines],
            ),
            "",
        )
        rows = [
            (place + 1, name, round(float(value), 4))
            for place, (name, value) in enumerate(zip(names, likeness, strict=True))
        ]
        yield table("", ("rank", "file", "similarity"), rows)


def classify(trained: Trained, inputs: Mixed, options: ClassifyOptions) -> Iterator[pd.DataFrame]:
    """A row for each picture: `class`, `probability`, and `probability_<word>` for each word."""
    if "{}" not in options.prompt:
        raise UserError(
            f"--prompt {options.prompt!r} has no {{}}, where the words go; write it as 'a picture of a {{}}'."
        )
    words, wording = checked_words(inputs.words), load_wording(trained.processing)
    if len(words) < 2:
        raise UserError(f"There is nothing to choose from but {words[0]!r}; give two words or more.")
    prompts = [options.prompt.replace("{}", word) for word in words]
    meant = asked(trained, wording, prompts)
    scale, said = float(trained.model.scale), notes(wording, prompts)
    for some in embedded(inputs.pictures, trained.model, key_of(trained)):
        logits = torch.from_numpy(some.embeddings @ meant.T).double() * scale
        probabilities = logits.softmax(1).numpy()
        best = probabilities.argmax(1)
        columns: dict[str, Any] = {"class": [words[at] for at in best], "probability": probabilities.max(1)}
        columns |= {f"probability_{word}": probabilities[:, at] for at, word in enumerate(words)}
        yield with_files(pd.DataFrame(columns), inputs.pictures, some.numbers, said)


def similarity(trained: Trained, inputs: Mixed, options: Options) -> Iterator[pd.DataFrame]:
    """A row for each picture, a column for each text: the cosine of their numbers."""
    words, wording = checked_words(inputs.words), load_wording(trained.processing)
    meant, said = asked(trained, wording, words), notes(wording, words)
    columns = [f"text {word}" if word == "file" else word for word in words]
    for some in embedded(inputs.pictures, trained.model, key_of(trained)):
        cosines = pd.DataFrame(some.embeddings @ meant.T, columns=columns)
        yield with_files(cosines, inputs.pictures, some.numbers, said)


def embed(trained: Trained, inputs: Mixed, options: Options) -> Iterator[pd.DataFrame]:
    """A row for each text, then for each picture: `text` and `file` as far as there are such, `number_1` and so on."""
    wording, gallery = load_wording(trained.processing), inputs.pictures
    words = checked_words(inputs.words)
    for start in range(0, len(words), TEXTS):
        some = words[start : start + TEXTS]
        frame = numbered(asked(trained, wording, some))
        frame.insert(0, "text", some)
        if gallery.files:
            frame.insert(1, "file", "")
        frame.attrs["notes"] = notes(wording, some)
        yield frame
    for seen in embedded(gallery, trained.model, key_of(trained)):
        frame = with_files(numbered(seen.embeddings), gallery, seen.numbers, [])
        if words:
            frame.insert(0, "text", "")
        yield frame


def asked(trained: Trained, wording: Wording, words: list[str]) -> np.ndarray:
    """The numbers of texts, (W, D)."""
    return embed_texts(trained.model, wording.encode(words)).numpy()


def notes(wording: Wording, words: list[str]) -> list[str]:
    return wording.doubts(words, "what is found by it")


def numbered(embeddings: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(embeddings, columns=[f"number_{at + 1}" for at in range(embeddings.shape[1])])


def with_files(frame: pd.DataFrame, gallery: Gallery, numbers: list[int], said: list[str]) -> pd.DataFrame:
    if gallery.files:
        frame.insert(0, "file", [gallery.name(number) for number in numbers])
    frame.attrs["notes"] = said
    return frame


def named(gallery: Gallery, number: int) -> str:
    return gallery.name(number) or f"picture {number + 1}"


def key_of(trained: Trained) -> str:
    """What names the index of a run: another training has another."""
    return checksum(trained.folder)


def thumbnail(pixels: np.ndarray, most: int = 160) -> np.ndarray:
    """A picture (H, W, C) with no side much above `most` pixels, by taking every so-manieth."""
    step = max(1, min(pixels.shape[:2]) // most)
    return np.clip(pixels[::step, ::step], 0, 1)
