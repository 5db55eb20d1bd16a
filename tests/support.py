"""Tables and pictures that several tests use."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from maquette.data.sets.sentences import sentence

RANDOM = np.random.default_rng(1)


def sound_svg(draw: Callable[[], Figure], path: Path) -> str:
    """The saved figure's text, after a look at it: it is XML, an svg, and the same bytes when drawn again."""
    from maquette.figures.style import save, svg_text

    text = save(draw(), path).read_text(encoding="utf-8")
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert text == svg_text(draw(), path.name)
    return text


def make_houses(rows: int, seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    area = generator.uniform(30, 200, rows).round(1)
    town = generator.choice(["Köln", "Paris", "Oslo"], rows)
    garden = generator.random(rows) < 0.5
    price = 2_000 * area + 50_000 * (town == "Paris") + 30_000 * garden + generator.normal(0, 5_000, rows)
    frame = pd.DataFrame(
        {
            "id": [f"house-{number:05d}" for number in range(rows)],
            "area_m2": area,
            "town": town,
            "garden": np.where(garden, "yes", "no"),
            "built": pd.Timestamp("1950-01-01") + pd.to_timedelta(generator.integers(0, 25_000, rows), unit="D"),
            "price": price.round(2),
        }
    )
    frame.loc[generator.random(rows) < 0.1, "area_m2"] = np.nan
    return frame


def make_captions(folder: Path, count: int) -> None:
    """Such pictures with a file of captions, two of each."""
    make_photographs(folder, count)
    lines = ["file,caption"]
    for path in sorted(folder.rglob("*.png")):
        name = path.relative_to(folder).as_posix()
        lines += [
            f"{name},{path.parent.name} of kind {int(path.stem) % 7}",
            f"{name},picture {path.stem} of {path.parent.name}",
        ]
    (folder / "captions.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def make_photographs(folder: Path, count: int, size: int = 48, seed: int = 0) -> None:
    """Colour pictures of stripes and of spots, each in a folder of its own, as PNG; other seeds give other pictures."""
    from PIL import Image

    generator = np.random.default_rng([seed, 7])
    y, x = np.mgrid[:size, :size] / size
    for number in range(count):
        turn, phase, waves = generator.uniform(0, np.pi), generator.uniform(0, 6), generator.uniform(2, 6)
        across, along = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        name = "spots" if number % 2 else "stripes"
        light = np.sin(6 * waves * across + phase) * (np.sin(6 * waves * along) if number % 2 else 1)
        colours = generator.uniform(0, 1, (2, 3))
        part = 0.5 + 0.5 * light[..., None]
        pixels = colours[0] * part + colours[1] * (1 - part)
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.round(pixels * 255).astype(np.uint8)).save(folder / name / f"{number:03d}.png")


def write_exr(path: Path, channels: dict[str, np.ndarray], kind: str = "half", **attributes: object) -> None:
    """An OpenEXR file of these channels."""
    import OpenImageIO as oiio

    first = next(iter(channels.values()))
    spec = oiio.ImageSpec(first.shape[1], first.shape[0], len(channels), kind)
    spec.channelnames = tuple(channels)
    for name, value in attributes.items():
        if hasattr(spec, name):
            setattr(spec, name, value)
        else:
            spec.attribute(name, value)
    file = oiio.ImageOutput.create("openexr")
    assert file.open(str(path), spec), file.geterror()
    assert file.write_image(np.stack(list(channels.values()), 2).astype(np.float32)), file.geterror()
    file.close()


def some_picture(height: int = 20, width: int = 30, channels: int = 3) -> np.ndarray:
    """Noise, another one each time, (height, width, channels) uint8."""
    return RANDOM.integers(0, 256, (height, width, channels), dtype=np.uint8)


def save_picture(path: Path, array: np.ndarray | None = None) -> np.ndarray:
    """The picture, or some picture, saved by Pillow in a folder that is made where it is not there."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    array = some_picture() if array is None else array
    Image.fromarray(array[..., 0] if array.shape[2] == 1 else array).save(path)
    return array


def make_book(folder: Path, letters: int = 10_000, seed: int = 0) -> None:
    """Two files of sentences drawn from a small grammar, each of about so many letters."""
    generator = np.random.default_rng([seed, 3])
    subjects = "the man,the old woman,a small dog,the king of the north,every child,nobody,the meerkat,my brother"
    verbs = "went to,looked at,never saw,talked about,was afraid of,fell in love with,ran away from,dreamt of"
    objects = "the river,the house on the hill,a watermelon,the dark forest,his mother,the last train,the sea,London"
    ends = [".", ".", ".", "!", "?", ", and that was all.", "; it was late.", " again and again."]
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("first.txt", "second.txt"):
        lines: list[str] = []
        length = 0
        while length < letters:
            words = [generator.choice(part.split(",")) for part in (subjects, verbs, objects)]
            sentence = " ".join(words) + generator.choice(ends)
            lines.append(sentence[0].upper() + sentence[1:] + "\n" * int(generator.choice([1, 1, 1, 2])))
            length += len(lines[-1])
        (folder / name).write_text("".join(lines), encoding="utf-8", newline="\n")


def make_pairs(folder: Path, count: int = 80, seed: int = 0) -> None:
    """Sentences in English and in the invented language, one a line in two files."""
    folder.mkdir(parents=True)
    g = np.random.default_rng(seed)
    for language, lines in zip(("en", "inv"), zip(*(sentence(g) for _ in range(count)), strict=True), strict=True):
        (folder / f"pairs.{language}").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def make_letters(folder: Path, count: int, signs: str, size: int) -> None:
    """Drawn letters as PNG files, a folder for each sign."""
    from PIL import Image

    from maquette.data.sets.letters import letters

    made = letters(0, count, signs, size)
    for number, (pixels, label) in enumerate(zip(made.pixels, made.labels, strict=True)):
        path = folder / made.classes[label] / f"{number:03d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels[..., 0]).save(path)


def random_gpt2(vocabulary: int = 60, context: int = 32, width: int = 32, layers: int = 2, heads: int = 4) -> tuple:
    """A small GPT-2 of transformers with large random weights, and ours with the same; both in evaluation mode."""
    import tempfile

    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    from maquette.huggingface import load_weights, read_weights
    from maquette.models import GPT2

    torch.manual_seed(vocabulary + context)
    names = {"n_embd": width, "n_layer": layers, "n_head": heads, "n_positions": context}
    theirs = GPT2LMHeadModel(GPT2Config(vocab_size=vocabulary, bos_token_id=0, eos_token_id=0, **names)).eval()
    for weight in theirs.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    ours = GPT2(vocabulary=vocabulary, context=context, depth=layers, width=width, heads=heads)
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        load_weights(ours, read_weights(Path(folder)), Path(folder))
    return theirs, ours.eval()


def bert_folder(folder: Path, more: tuple[str, ...] = ()) -> tuple:
    """A small BERT as transformers saves it, with the word pieces of the course's sentence; and the pieces."""
    import torch
    from transformers import BertConfig, BertModel

    pieces = ["Me", "##er", "##kat", "##s", "are", "small", ",", "social", "and", "always", "ready"]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pieces, "for", "adventures", *more]
    torch.manual_seed(4)
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    theirs = BertModel(BertConfig(vocab_size=len(words), **small))
    theirs.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    return theirs, words
