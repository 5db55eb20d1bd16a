"""Captioned pictures in every form that people have them in: matched, split by picture, refused where none are."""

import json
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from maquette.data.pictures.captions import (
    caption_of,
    open_captions,
    read_captioned,
    split_captioned,
)
from maquette.settings import UserError

NAMES = [f"{number:03d}.png" for number in range(14)]
TEXTS = {name: f"a thing of kind {chr(97 + number)}, seen" for number, name in enumerate(NAMES)}


def make(folder, names=NAMES, below=""):
    (folder / below).mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        pixels = np.full((20, 24, 3), 10 * number, np.uint8)
        Image.fromarray(pixels).save(folder / below / name)
    return folder


def texts_of(path, **options):
    found = open_captions(path, **options)
    return {name.rsplit("/", 1)[-1]: texts for name, texts in zip(found.images.names, found.texts, strict=True)}


def csv(folder):
    rows = [f"{name},{number},one {TEXTS[name]!r}" for number, name in enumerate(NAMES)]
    more = [f'images/{name},{number},"two, {name}"' for number, name in enumerate(NAMES)]
    (folder / "captions.csv").write_text("\n".join(["image,likes,caption", *rows, *more]))


def sidecars(folder):
    for name in NAMES:
        (folder / "images" / name).with_suffix(".txt").write_text(f"{TEXTS[name]}\n\nand so on {name}\n")


def coco(folder):
    (folder / "annotations").mkdir()
    images = [{"id": 7 * number, "file_name": name} for number, name in enumerate(NAMES)]
    notes = [{"image_id": 7 * number, "caption": TEXTS[name]} for number, name in enumerate(NAMES)]
    value = json.dumps({"images": images, "annotations": notes})
    (folder / "annotations" / "captions_train2017.json").write_text(value)
    (folder / "annotations" / "instances_train2017.json").write_text(
        json.dumps({"images": images, "annotations": [{"image_id": 0, "bbox": []}]})
    )


def karpathy(folder):
    images = [
        {
            "filename": name,
            "split": "test" if name > "010.png" else "train",
            "sentences": [{"raw": TEXTS[name]}, {"raw": "x " + name}],
        }
        for name in NAMES
    ]
    (folder / "dataset_mine.json").write_text(json.dumps({"dataset": "mine", "images": images}))


def tokens(folder):
    (folder / "Flickr8k.token.txt").write_text(
        "".join(f"{name}#{n}\t{TEXTS[name]} {n} .\n" for name in NAMES for n in range(3))
    )


def metadata(folder):
    lines = [json.dumps({"file_name": name, "text": TEXTS[name]}) for name in NAMES]
    (folder / "images" / "metadata.jsonl").write_text("\n".join(lines))


def numbered(folder):
    rows = [f"{name}\t{TEXTS[name]}\tsecond {name}" for name in NAMES]
    (folder / "all.tsv").write_text("\n".join(["file\tcaption_1\tcaption_2", *rows]))


FORMS = {csv: 2, sidecars: 2, coco: 1, karpathy: 2, tokens: 3, metadata: 1, numbered: 2}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_captions_are_found_in_files(form, packed, tmp_path):
    folder = make(tmp_path / "set", below="images")
    form(folder)
    if packed:
        with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, path.relative_to(folder))
        folder = tmp_path / "set.zip"
    found = texts_of(folder)
    assert list(found) == NAMES and all(len(texts) == FORMS[form] for texts in found.values())
    assert all(TEXTS[name] in found[name][0] for name in NAMES)
    parts = open_captions(folder).parts
    assert parts == (
        ["train"] * 11 + ["test"] * 3 if form is karpathy else ["train"] * 14 if form is coco else [""] * 14
    )


def test_names_of_pictures_and_of_folders_are_captions(tmp_path):
    names = [
        f"{colour}_{animal}-jumping_{n}.png"
        for n in range(2)
        for colour in ("red", "blue")
        for animal in ("fox", "ape")
    ]
    make(tmp_path / "named", names)
    assert texts_of(tmp_path / "named")["red_fox-jumping_0.png"] == ["red fox jumping"]
    for kind in ("big_cat", "dog"):
        make(tmp_path / "classes", ["100_ab12.png", "IMG_7.png"], below=kind)
    found = open_captions(tmp_path / "classes")
    assert found.texts == [["big cat"], ["big cat"], ["dog"], ["dog"]] and "folders" in found.form
    said = {
        "RedFox.png": "Red Fox",
        "IMG_2041.jpg": "",
        "DSC 12.jpg": "",
        "8f3a_n.jpg": "",
        "a/old tree (3).png": "old tree",
    }
    assert {name: caption_of(name) for name in said} == said


def test_shards_of_webdataset_stay_inside_of_their_folder(tmp_path):
    make(tmp_path / "loose")
    with tarfile.open(tmp_path / "shard-000.tar", "w") as archive:
        for name in NAMES:
            archive.add(tmp_path / "loose" / name, name)
            text = tmp_path / "caption.txt"
            text.write_text(TEXTS[name])
            archive.add(text, name.replace(".png", ".txt"))
        archive.add(tmp_path / "loose" / NAMES[0], "../outside.png")
    found = texts_of(tmp_path / "shard-000.tar")
    assert found == {name: [TEXTS[name]] for name in NAMES}
    assert not (tmp_path.parent / "outside.png").exists()


def test_what_belongs_to_nothing_is_named(tmp_path):
    folder = make(tmp_path)
    lines = [f"{name},{TEXTS[name]!r}" for name in NAMES[:12]] + ["gone.png,a thing that left"]
    (folder / "captions.csv").write_text("\n".join(["image,caption", *lines]))
    found = open_captions(folder)
    said = " ".join(found.notes)
    assert len(found.texts) == 12 and "gone.png" in said and "012.png, 013.png" in said and "2 pictures without" in said


def test_what_cannot_teach_is_refused_in_a_sentence(tmp_path):
    folder = make(tmp_path)
    with pytest.raises(UserError, match="14 pictures and no captions"):
        open_captions(folder)
    (folder / "captions.csv").write_text(
        "image,caption,score\n" + "".join(f"{name},the same,{n}.5\n" for n, name in enumerate(NAMES))
    )
    with pytest.raises(UserError, match="same caption, 'the same'"):
        open_captions(folder)
    with pytest.raises(UserError, match=r"'score' of captions\.csv holds numbers, such as 0\.5"):
        open_captions(folder, column="score")
    with pytest.raises(UserError, match="no column 'captoin'; did you mean caption"):
        open_captions(folder, column="captoin")
    (folder / "captions.csv").write_text("image,score\n" + "".join(f"{name},{n}.5\n" for n, name in enumerate(NAMES)))
    with pytest.raises(UserError, match=r"no column of words beside them, only score \(0.5\)"):
        open_captions(folder)


def test_pictures_are_squares_on_white_and_an_array_is_read_as_it_is(tmp_path):
    folder = make(tmp_path / "a")
    clear = np.zeros((10, 10, 4), np.uint8)
    clear[:, :5] = (200, 100, 0, 255)
    Image.fromarray(clear).save(folder / "000.png")
    (folder / "captions.jsonl").write_text("\n".join(json.dumps({"file_name": n, "text": TEXTS[n]}) for n in NAMES))
    small = read_captioned(open_captions(folder), 10)
    assert small.pixels.shape == (14, 10, 10, 3)
    assert (small.pixels[0, :, :5] == (200, 100, 0)).all() and (small.pixels[0, :, 5:] == 255).all()
    (tmp_path / "b").mkdir()
    np.save(tmp_path / "b" / "pictures.npy", small.pixels)
    (tmp_path / "b" / "captions.jsonl").write_text((folder / "captions.jsonl").read_text())
    again = read_captioned(open_captions(tmp_path / "b"), 10)
    np.testing.assert_array_equal(again.pixels, small.pixels)
    assert again.texts == small.texts
    np.save(tmp_path / "b" / "pictures.npy", small.pixels.astype(np.float32))
    with pytest.raises(UserError, match="float32"):
        open_captions(tmp_path / "b")


def test_parts_are_whole_pictures_and_the_publisher_s_where_there_are_some():
    parts, told = split_captioned([""] * 100, 3, 0.1, 0.2)
    assert [len(each) for each in parts] == [70, 10, 20] and "whole pictures" in told
    assert sorted(np.concatenate(parts)) == list(range(100))
    given = ["test"] * 5 + ["train"] * 15 + [""] * 5
    parts, told = split_captioned(given, 0, 0.1, 0.2)
    assert list(parts[2]) == [0, 1, 2, 3, 4] and len(parts[1]) == 2 and "publisher" in told
    parts, _ = split_captioned(["valid"] * 5 + ["train"] * 5, 0, 0.2, 0.2)
    assert list(parts[2]) == [0, 1, 2, 3, 4] and len(parts[1]) == 1
