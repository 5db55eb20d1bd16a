"""Pictures in and out: arrays, PIL images, files and folders, and answers under the names of theirs."""

import numpy as np
import OpenImageIO as oiio
import pytest
import tifffile
from PIL import Image
from support import save_picture, some_picture, write_exr

from maquette.data.pictures.files import Picture, read_picture
from maquette.families.settings import PictureOptions
from maquette.media import Asked, in_batches, pictures
from maquette.settings import UserError


def quiet(note: str) -> None:
    raise AssertionError(note)


@pytest.mark.parametrize(
    ("given", "is_one"),
    [
        (np.zeros((4, 5)), True),
        (np.zeros((4, 5, 1)), True),
        (np.zeros((4, 5, 3)), True),
        (np.zeros((4, 5, 4)), True),
        (np.zeros((7, 4, 5)), False),
        (np.zeros((7, 4, 5, 3)), False),
        (Image.new("RGB", (5, 4)), True),
        ("picture.png", True),
        ("PICTURE.JPG", True),
        ("pictures.zip", False),
    ],
)
def test_one_or_many(given, is_one, tmp_path):
    assert pictures.accepts(given) and pictures.is_one(given) is is_one
    assert pictures.accepts(tmp_path) and not pictures.is_one(tmp_path)
    assert not pictures.accepts("a sentence") and not pictures.accepts("table.csv")


def test_arrays_images_and_files_are_read_alike(tmp_path):
    array = save_picture(tmp_path / "a.png", some_picture(6, 8))
    (from_file,) = pictures.read([str(tmp_path / "a.png")], quiet)
    (from_image,) = pictures.read([Image.fromarray(array)], quiet)
    (from_array,) = pictures.read([array], quiet)
    for picture in (from_file, from_image, from_array):
        assert picture.pixels.dtype == np.float32
        assert picture.pixels == pytest.approx(array / 255, abs=1e-6)
    assert (from_file.name, from_array.name, from_array.file) == ("a.png", "", None)


def test_what_cannot_be_read_is_said_and_left_out(tmp_path):
    for name in ("1.png", "2.png", "3.png"):
        save_picture(tmp_path / "in" / name)
    whole = (tmp_path / "in" / "2.png").read_bytes()
    (tmp_path / "in" / "2.png").write_bytes(whole[: len(whole) // 2])
    said: list[str] = []
    assert [picture.name for picture in pictures.read([tmp_path / "in"], said.append)] == ["1.png", "3.png"]
    assert any("2.png" in note for note in said)
    with pytest.raises(UserError, match=r"2\.png"):
        list(pictures.read([tmp_path / "in" / "2.png"], said.append))


def darker(given: list[str], say=quiet):
    return (picture.answered(picture.pixels / 2) for picture in pictures.read(given, say))


def test_a_file_is_answered_with_a_file_and_a_folder_with_a_folder(tmp_path):
    save_picture(tmp_path / "in" / "x" / "1.png"), save_picture(tmp_path / "in" / "2.png")
    one, folder = tmp_path / "in" / "2.png", tmp_path / "in"
    made = pictures.write(darker([str(one)]), None, Asked(tmp_path, one), quiet)
    assert made == tmp_path / "in" / "2-predicted.png"
    assert read_picture(made).pixels == pytest.approx(read_picture(one).pixels / 2, abs=0.51 / 255)
    with pytest.raises(UserError, match="there already"):
        pictures.write(darker([str(one)]), None, Asked(tmp_path, one), quiet)
    made.unlink()
    made = pictures.write(darker([str(folder)]), None, Asked(tmp_path, folder), quiet)
    assert made == tmp_path / "in-predicted"
    assert sorted(path.relative_to(made).as_posix() for path in made.rglob("*.png")) == ["2.png", "x/1.png"]
    with pytest.raises(UserError, match="the input"):
        pictures.write(darker([str(folder)]), folder, Asked(tmp_path, folder), quiet)
    with pytest.raises(UserError, match="is a file"):
        pictures.write(darker([str(folder)]), one, Asked(tmp_path, folder), quiet)


def test_pictures_made_from_something_else_are_numbered_or_named(tmp_path):
    pixels = np.full((2, 2, 3), 0.5, np.float32)
    table = tmp_path / "latents.csv"
    made = pictures.write(iter([Picture(pixels)] * 2), tmp_path / "out", Asked(tmp_path, table), quiet)
    assert sorted(path.name for path in made.glob("*.png")) == ["00001.png", "00002.png"]
    with pytest.raises(UserError, match="not an empty folder"):
        pictures.write(iter([Picture(pixels)] * 2), made, Asked(tmp_path, table), quiet)
    named = [Picture(pixels, name="a/1.jpg"), Picture(pixels, name="b.png")]
    made = pictures.write(iter(named), tmp_path / "named", Asked(tmp_path, table), quiet)
    assert sorted(path.relative_to(made).as_posix() for path in made.rglob("*.png")) == ["a/1.png", "b.png"]
    with pytest.raises(UserError, match="twice"):
        pictures.write(iter([named[0]] * 2), tmp_path / "twice", Asked(tmp_path, table), quiet)
    with pytest.raises(UserError, match="outside"):
        pictures.write(
            iter([Picture(pixels, name="../x.png"), named[0]]), tmp_path / "no", Asked(tmp_path, table), quiet
        )
    assert not any((tmp_path / name).exists() for name in ("x.png", "twice", "no"))  # nothing half done stays
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="its folder is not there"):
        pictures.write(iter([Picture(pixels)] * 2), tmp_path / "file" / "in", Asked(tmp_path, None), quiet)
    assert pictures.write(iter([Picture(pixels)]), tmp_path / "one.png", Asked(tmp_path, table), quiet).is_file()
    with pytest.raises(UserError, match="nothing to write"):
        pictures.write(iter([]), tmp_path / "none", Asked(tmp_path, table), quiet)


def test_the_same_pictures_are_kept_in_the_same_folder():
    bytes_, floats = some_picture(3, 4), np.random.default_rng(0).random((3, 4, 3), np.float32)
    kept = pictures.keep([bytes_, floats])
    assert pictures.keep([bytes_, floats]) == kept != pictures.keep([floats, bytes_])
    assert [path.name for path in sorted(kept.iterdir())] == ["000000.png", "000001.tif"]
    assert read_picture(kept / "000001.tif").pixels == pytest.approx(floats, abs=0)


def test_batches():
    assert list(in_batches(iter(range(5)), 2)) == [[0, 1], [2, 3], [4]]
    assert list(in_batches([], 2)) == []


def save_frames(path, frames: int = 3):
    images = [Image.fromarray(some_picture(12, 16)) for _ in range(frames)]
    path.parent.mkdir(parents=True, exist_ok=True)
    images[0].save(path, save_all=True, append_images=images[1:])


def test_pages_are_numbered_and_what_cannot_be_written_becomes_png(tmp_path):
    folder = tmp_path / "in"
    save_frames(folder / "a.gif"), save_frames(folder / "b.tif"), save_frames(folder / "x" / "c.gif")
    save_picture(folder / "a.png"), save_picture(folder / "z.pbm", some_picture(6, 8, 1))
    said: list[str] = []
    asked = Asked(tmp_path, folder)
    made = pictures.write(darker([str(folder)], said.append), tmp_path / "first", asked, said.append)
    names = ["a.gif.png", "a.png", "b.tif", "x/c.png", "z.png"]
    assert sorted(path.relative_to(made).as_posix() for path in made.rglob("*.*[fg]")) == names
    assert said == [
        "Only the first picture of 3 files is read: a.gif (3 frames), b.tif (3 pages), x/c.gif (3 frames).",
        "With --pages all the others are read, too.",
        ".gif cannot be written: .png instead for a.gif, x/c.gif.",
        ".pbm cannot be written: .png instead for z.pbm.",
    ]
    said.clear()
    every = pictures.read([str(folder / "b.tif")], said.append, PictureOptions(pages="all"))
    made = pictures.write(every, tmp_path / "all", Asked(tmp_path, folder / "b.tif"), said.append)
    assert sorted(path.name for path in made.glob("*.tif")) == ["b-001.tif", "b-002.tif", "b-003.tif"] and not said
    every = pictures.read([str(folder / "b.tif")], quiet, PictureOptions(pages="all"))
    with pytest.raises(UserError, match="names one file"):
        pictures.write(every, tmp_path / "all.tif", Asked(tmp_path, folder / "b.tif"), quiet)
    made = pictures.write(darker([str(folder / "a.gif")], said.append), None, Asked(tmp_path, folder / "a.gif"), quiet)
    assert made.name == "a-predicted.png"


def test_a_picture_too_large_for_its_kind_becomes_png_and_the_rest_goes_on(tmp_path):
    wide = Picture(np.zeros((1, 20_000, 3), np.float32), name="a.webp", file=tmp_path / "a.webp")
    small = Picture(np.zeros((2, 2, 3), np.float32), name="b.webp", file=tmp_path / "b.webp")
    said: list[str] = []
    made = pictures.write(iter([wide, small]), tmp_path / "out", Asked(tmp_path, tmp_path), said.append)
    assert sorted(path.name for path in made.glob("*.*p*")) == ["a.png", "b.webp"]
    assert len(said) == 1 and "a.webp cannot be written" in said[0] and said[0].endswith("It is written as a.png.")


def test_counts_come_back_as_counts_from_files_and_arrays(tmp_path):
    counts = np.random.default_rng(0).integers(100, 9000, (20, 30)).astype(np.float32)
    said: list[str] = []
    tifffile.imwrite(tmp_path / "a.tif", counts)
    (picture,) = pictures.read([tmp_path / "a.tif"], said.append)
    assert picture.pixels.max() <= 1 and len(said) == 1 and "counts" in said[0]
    np.testing.assert_allclose(pictures.plain(iter([picture]), True)[..., 0], counts, atol=0.01)
    (picture,) = pictures.read([counts], quiet)
    assert picture.pixels.max() <= 1
    np.testing.assert_allclose(pictures.plain(iter([picture]), True)[..., 0], counts, atol=0.01)
    with pytest.raises(UserError, match="neither light nor counts"):
        list(pictures.read([counts * 1e30], quiet))


def test_layers_of_openexr_go_along_or_are_named_and_nan_is_said(tmp_path):
    planes = np.random.default_rng(0).random((6, 5, 4), np.float32)
    planes[5] = 1000 * planes[5]
    planes[0, 0, 0] = np.nan
    names = ("R", "G", "B", "A", "N.X", "Z")
    source = tmp_path / "a.exr"
    write_exr(source, dict(zip(names, planes, strict=True)), "float", x=3, y=2, full_width=20, full_height=10)
    said: list[str] = []
    made = pictures.write(darker([str(source)], said.append), tmp_path / "b.exr", Asked(tmp_path, source), said.append)
    assert said == [
        "Only colours and alpha of 1 file are used, not the other channels: a.exr (Z, N.X).",
        "Numbers that are not finite were read as 0 in a.exr.",
    ]
    file = oiio.ImageInput.open(str(made))
    spec, numbers = file.spec(), file.read_image("float")
    assert (spec.x, spec.y, spec.full_width, spec.full_height) == (3, 2, 20, 10)
    assert set(spec.channelnames) == set(names)
    for name, plane in list(zip(names, planes, strict=True))[3:]:
        np.testing.assert_array_equal(numbers[..., spec.channelnames.index(name)], plane)
    np.testing.assert_allclose(numbers[..., spec.channelnames.index("G")], planes[1] / 2)
    pictures.write(darker([str(source)], said.append), tmp_path / "b.png", Asked(tmp_path, source), said.append)
    assert said[-1] == "a.exr: Z, N.X did not go along; only .exr holds them."


def test_pictures_that_answer_no_file_may_go_into_a_grid(tmp_path):
    made = [Picture(np.full((3, 4, 1), number / 10, np.float32)) for number in range(6)]
    out = pictures.write(iter(made), tmp_path / "grid.png", Asked(tmp_path), quiet)
    whole = read_picture(out).pixels
    assert whole.shape == (2 * 5 - 2, 3 * 6 - 2, 1)
    assert whole[5 + 1, 6 + 1, 0] == pytest.approx(0.4, abs=0.51 / 255) and whole[3, 0, 0] == 1
    folder = pictures.write(iter(made), tmp_path / "folder", Asked(tmp_path), quiet)
    assert sorted(path.name for path in folder.glob("*.png")) == [f"{number:05d}.png" for number in range(1, 7)]
    other = Picture(np.zeros((5, 4, 1), np.float32))
    with pytest.raises(UserError, match="4 x 3 and 4 x 5"):
        pictures.write(iter([made[0], other]), tmp_path / "two.png", Asked(tmp_path), quiet)
    assert not (tmp_path / "two.png").exists()


def test_an_ending_that_is_mistyped_names_no_folder(tmp_path):
    made = [Picture(np.zeros((3, 4, 1), np.float32))] * 2
    for ending, meant in ((".jpgg", ".jpg"), (".pngs", ".png"), (".tif_", ".tif")):
        with pytest.raises(UserError, match=f"{ending} is no ending of pictures; did you mean {meant}?"):
            pictures.write(iter(made), tmp_path / f"grid{ending}", Asked(tmp_path), quiet)
    for name in ("samples.v2", "of.2026", "plain"):
        assert (pictures.write(iter(made), tmp_path / name, Asked(tmp_path), quiet) / "00001.png").exists()


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.int64, np.uint32, np.float16, np.float32])
def test_arrays_of_counts_of_any_type_are_scaled_and_give_counts_back(kind, tmp_path):
    array = np.random.default_rng(0).integers(0, 4000, (20, 30)).astype(kind)
    (picture,) = pictures.read([array], quiet)
    assert 0.9 < picture.pixels.max() <= 1 and picture.counts == (0, 4095)
    back = pictures.plain([picture.answered(picture.pixels.copy())], True)
    np.testing.assert_allclose(back[..., 0], array, atol=0.01)
    written = pictures.write([picture], tmp_path / "a.tif", Asked(None), quiet)
    np.testing.assert_allclose(read_picture(written).numbers()[..., 0], array, atol=0.01)
    kept = pictures.keep([array] * 2)
    (again, _) = pictures.read([kept], lambda note: None)
    np.testing.assert_allclose(again.numbers()[..., 0], array, atol=0.01)


def test_arrays_with_a_sign_may_be_ordinary_pictures(tmp_path):
    array = some_picture(6, 8)
    (plain,) = pictures.read([array], quiet)
    (signed,) = pictures.read([array.astype(np.int64)], quiet)
    np.testing.assert_allclose(signed.pixels, plain.pixels, atol=1e-6)
    with pytest.raises(UserError, match="fit neither light nor counts"):
        pictures.of_array(np.full((4, 5), 2**40))
