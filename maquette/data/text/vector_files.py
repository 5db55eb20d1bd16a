"""Files of word vectors: `.vec`, lines of a word and its numbers, and `.bin`, the binary form of word2vec."""

from pathlib import Path

import numpy as np

from maquette.files import written_whole
from maquette.settings import UserError

BLANKS = str.maketrans({" ": "_", "\n": "_", "\t": "_"})  # neither form can hold blanks within a word


def write_vectors(path: Path, words: list[str], vectors: np.ndarray) -> None:
    """Words with their vectors (V, D), in the form that the file's ending names."""
    if len({word.translate(BLANKS) for word in words}) < len(words):
        raise UserError("Two words are the same once blanks in them are replaced, so they cannot be written apart.")
    rows = np.ascontiguousarray(vectors, "<f4")
    with written_whole(path) as temporary, temporary.open("wb") as file:
        file.write(f"{len(words)} {rows.shape[1]}\n".encode())
        for word, row in zip(words, rows, strict=True):
            name = word.translate(BLANKS).encode()
            if path.suffix == ".bin":
                file.write(name + b" " + row.tobytes() + b"\n")
            else:
                file.write(name + b" " + " ".join(f"{value:.9g}" for value in row.tolist()).encode() + b"\n")


def read_vectors(path: Path) -> tuple[list[str], np.ndarray]:
    """Words and vectors (V, D) of a file of either form; of `.bin` by its ending. `UserError` where it is damaged."""
    try:
        with path.open("rb") as file:
            count, width = map(int, file.readline().split())
            if path.suffix == ".bin":
                return _binary(file.read(), count, width)
            words, vectors = [], np.empty((count, width), np.float32)
            for place in range(count):
                name, *numbers = file.readline().decode().rstrip("\n").split(" ")
                words.append(name)
                vectors[place] = np.array(numbers[:width], np.float32)
            return words, vectors
    except (ValueError, UnicodeDecodeError, OSError):
        raise UserError(f"{path} is no file of word vectors, or is damaged.") from None


def _binary(data: bytes, count: int, width: int) -> tuple[list[str], np.ndarray]:
    words, vectors, at = [], np.empty((count, width), np.float32), 0
    for place in range(count):
        end = data.index(b" ", at)
        words.append(data[at:end].lstrip(b"\n").decode())
        vectors[place] = np.frombuffer(data, "<f4", width, end + 1)
        at = end + 1 + 4 * width
    return words, vectors
