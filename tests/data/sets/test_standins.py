"""What stands in for data sets that cannot be had, and sets that are made here."""

import numpy as np
import pytest
from skimage import data
from sklearn.datasets import load_iris, load_sample_image

from maquette.data.pictures.folders import open_images
from maquette.data.pictures.small import small_images
from maquette.data.sets.catalogue import SOURCES
from maquette.data.sets.fetching import find, get
from maquette.data.tables.columns import coordinates, leaks_of
from maquette.data.tables.reading import read_table
from maquette.methods.eliza_reading import read_script
from maquette.settings import UserError


def test_iris_is_what_scikit_learn_ships():
    found = find("iris")
    frame = read_table(found.path).frame
    bunch = load_iris()
    np.testing.assert_array_equal(frame.iloc[:, :4], bunch.data)
    assert frame["species"].tolist() == bunch.target_names[bunch.target].tolist()
    assert found.origin == "embedded" and not found.note
    assert found.sha256 == SOURCES["iris"].files["iris.csv"][1]
    assert get("iris") == found


def test_gravity_is_the_nine_points_of_the_course():
    frame = read_table(find("gravity").path).frame
    assert frame["distance_m"].tolist() == [0, 5, 5.4, 20, 25, 31, 34, 45, 10]
    assert frame["time_s"].tolist() == [0, 1, 1, 2, 2.5, 2.6, 2.7, 3, 1.5]


def test_the_stand_in_looks_like_the_census_and_says_that_it_is_none():
    found = find("california_housing")
    assert found.origin == "embedded" and "simulated" in found.note and "MAQUETTE_OFFLINE" in found.note
    assert found.path.name.startswith("simulated")
    table = read_table(found.path)
    frame = table.frame
    assert list(frame) == [
        "longitude", "latitude", "housing_median_age", "total_rooms", "total_bedrooms", "population", "households",
        "median_income", "median_house_value", "ocean_proximity",
    ]  # fmt: skip
    assert len(frame) == 20_640 and frame["total_bedrooms"].isna().sum() == 207 and frame.isna().sum().sum() == 207
    assert frame["median_house_value"].max() == 500_001 and frame["median_house_value"].min() >= 14_999
    assert 0.02 < (frame["median_house_value"] == 500_001).mean() < 0.08
    assert set(frame["ocean_proximity"]) == {"<1H OCEAN", "INLAND", "NEAR OCEAN", "NEAR BAY", "ISLAND"}
    assert 0.5 < frame["median_income"].corr(frame["median_house_value"]) < 0.85
    by_sea = frame.groupby("ocean_proximity")["median_house_value"].mean()
    assert by_sea["INLAND"] < 0.7 * by_sea["NEAR OCEAN"]
    assert coordinates(table) == ("longitude", "latitude")
    assert leaks_of(table, "median_house_value", "regression") == []
    assert find("california_housing").sha256 == found.sha256
    with pytest.raises(UserError, match="cannot be had"):
        get("california_housing")


def test_digits_stand_in_is_letters_read_like_the_digits():
    found = find("mnist")
    assert found.origin == "embedded" and "letters" in found.note and found.licence == "Apache-2.0" and found.sha256
    small = small_images(found.path, name=found.name)
    assert small.pixels.shape == (12_000, 28, 28, 1) and small.classes == list("ABCDEFGHIJ")
    assert small.test.tolist() == list(range(10_000, 12_000)) and np.bincount(small.labels).tolist() == [1_200] * 10
    assert find("mnist") == found
    assert find("fashion_mnist").note and find("fashion_mnist").sha256 == found.sha256
    assert not [path for path in found.path.parent.iterdir() if path.name.startswith(".")]
    with pytest.raises(UserError, match=r"put train-images-idx3-ubyte\.gz, .* into \$MAQUETTE_DATA/mnist/"):
        get("mnist")


def test_photographs_are_those_of_scikit_image_and_scikit_learn():
    found = find("photographs")
    assert found.origin == "embedded" and not found.note and get("photographs") == found
    images = open_images(found.path)
    assert {"astronaut.png", "camera.png", "coffee.png", "china.png", "flower.png"} <= set(images.names)
    assert len(images) >= 10 and not images.left_out
    truth = {"astronaut": data.astronaut(), "camera": data.camera(), "china": load_sample_image("china.jpg")}
    for name, array in truth.items():
        pixels = images.read(images.names.index(f"{name}.png"))
        assert np.abs(pixels - array.reshape(pixels.shape) / 255).max() < (0.02 if name == "china" else 1e-6)


def test_scripts_of_eliza_are_scripts():
    for name, is_standin in (("eliza", True), ("eliza_course", False)):
        found = find(name)
        script = read_script(found.path.read_text(encoding="utf-8"), name)
        assert found.origin == "embedded" and bool(found.note) == is_standin and found.licence == "Apache-2.0"
        assert script.memory is not None and not script.notes
        assert script.is_capital == is_standin
    with pytest.raises(UserError, match="eliza cannot be had"):
        get("eliza")


def test_people_s_judgements_are_not_made_up():
    assert not list(find("word_vectors").path.iterdir())
    with pytest.raises(UserError, match="word_vectors cannot be had"):
        get("word_vectors")
