"""Pictures and words given together are told apart; pairs from Python become files to train from."""

import numpy as np
from PIL import Image

from maquette.data.pictures.captions import open_captions
from maquette.media import captions
from maquette.media.captions import Gallery

PIXELS = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


def test_pictures_and_words_are_told_apart(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "b.png")
    (tmp_path / "words.txt").write_text("a cat\na dog\n")
    said = []
    mixed = captions.read([str(tmp_path), "a cat on a mat", PIXELS, str(tmp_path / "words.txt")], said.append)
    assert mixed.words == ["a cat on a mat", "a cat\na dog\n"]
    gallery = mixed.pictures
    assert len(gallery) == 2 and gallery.files == 1
    assert [gallery.name(at) for at in (0, 1)] == ["b.png", ""]
    assert gallery.key(1) is None and "b.png" in gallery.key(0)
    for number, picture in gallery.some([0, 1]):
        assert (np.rint(picture.pixels * 255) == PIXELS).all(), number
    assert captions.is_one("a cat") and captions.is_one(PIXELS) and not captions.is_one(str(tmp_path))


def test_a_word_that_is_a_folder_here_is_told(tmp_path, monkeypatch):
    for name in ("red", "blue"):
        (tmp_path / name).mkdir()
        Image.fromarray(PIXELS).save(tmp_path / name / "a.png")
    monkeypatch.chdir(tmp_path)
    said = []
    assert captions.read(["./red", "blue", "a green square"], said.append).words == ["a green square"]
    assert said == ["blue is read as the folder of that name; put it into a .txt file if the word is meant."]


def test_a_key_changes_with_the_file(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    before = Gallery([str(tmp_path)], print).key(0)
    assert Gallery([str(tmp_path)], print).key(0) == before
    Image.fromarray(PIXELS[:, ::-1].repeat(2, 0)).save(tmp_path / "a.png")
    assert Gallery([str(tmp_path)], print).key(0) != before


def test_pairs_are_kept_as_files_once():
    pairs = [(PIXELS + number, ["one", f"two {number}"] if number else "only") for number in range(3)]
    folder = captions.keep(pairs)
    assert captions.keep(pairs) == folder
    found = open_captions(folder)
    assert found.texts == [["only"], ["one", "two 1"], ["one", "two 2"]]
    for at in range(3):
        np.testing.assert_array_equal(np.rint(found.images.picture(at).pixels * 255), PIXELS + at)
