"""Files of word vectors come back to the last bit, in both forms."""

import numpy as np
import pytest

from maquette.data.text.vector_files import read_vectors, write_vectors
from maquette.settings import UserError

WORDS = ["the", "über", "new york", "x\u00a0y", "1"]


@pytest.mark.parametrize("ending", [".vec", ".bin"])
def test_round_trip(ending, tmp_path):
    rows = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    rows[0, 0], rows[1, 1] = 1e-38, -3.4e38
    write_vectors(tmp_path / f"a{ending}", WORDS, rows)
    words, read = read_vectors(tmp_path / f"a{ending}")
    assert words == ["the", "über", "new_york", "x\u00a0y", "1"] and np.array_equal(read, rows)
    assert (tmp_path / f"a{ending}").read_bytes().startswith(b"5 7\nthe ")


def test_binary_form_is_word2vec_s(tmp_path):
    write_vectors(tmp_path / "a.bin", ["hi"], np.array([[1.0, -2.0]]))
    assert (tmp_path / "a.bin").read_bytes() == b"1 2\nhi " + np.array([1, -2], "<f4").tobytes() + b"\n"
    (tmp_path / "b.bin").write_bytes((tmp_path / "a.bin").read_bytes()[:-1])  # some programs write no line ends
    assert read_vectors(tmp_path / "b.bin")[0] == ["hi"]


@pytest.mark.parametrize("data", [b"", b"no numbers\n", b"2 2\na 1 2\n", b"1 2\na 1 x\n"])
def test_damaged_files_are_refused(data, tmp_path):
    (tmp_path / "a.vec").write_bytes(data)
    with pytest.raises(UserError, match="no file of word vectors"):
        read_vectors(tmp_path / "a.vec")


def test_words_that_would_be_one_are_refused(tmp_path):
    with pytest.raises(UserError, match="same once blanks"):
        write_vectors(tmp_path / "a.vec", ["a b", "a_b"], np.zeros((2, 1)))


def test_gensim_reads_what_is_written(tmp_path):
    models = pytest.importorskip("gensim.models")
    rows = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    for ending in (".vec", ".bin"):
        write_vectors(tmp_path / f"a{ending}", [*WORDS[:2], "a", "b"], rows)
        read = models.KeyedVectors.load_word2vec_format(str(tmp_path / f"a{ending}"), binary=ending == ".bin")
        assert np.array_equal(read.vectors, rows) and read.index_to_key == [*WORDS[:2], "a", "b"]
