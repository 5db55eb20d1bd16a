"""Named data sets: found, refused, made here; never from the network."""

import gzip
import hashlib
import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from skimage import data
from sklearn.datasets import load_iris, load_sample_image

from maquette.data.pictures.folders import open_images, small_images
from maquette.data.sets import sources, standins
from maquette.data.tables.columns import coordinates, warnings_of
from maquette.data.tables.reading import read_table
from maquette.settings import UserError

SHARED = os.environ.get("MAQUETTE_DATA", "")


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    monkeypatch.setenv("MAQUETTE_OFFLINE", "1")
    monkeypatch.setenv("MAQUETTE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MAQUETTE_DATA", raising=False)


def test_iris_is_what_scikit_learn_ships():
    found = sources.find("iris")
    frame = read_table(found.path).frame
    bunch = load_iris()
    np.testing.assert_array_equal(frame.iloc[:, :4], bunch.data)
    assert frame["species"].tolist() == bunch.target_names[bunch.target].tolist()
    assert found.origin == "embedded" and not found.note
    assert found.sha256 == sources.SOURCES["iris"].files["iris.csv"][1]
    assert sources.get("iris") == found


def test_gravity_is_the_nine_points_of_the_course():
    frame = read_table(sources.find("gravity").path).frame
    assert frame["distance_m"].tolist() == [0, 5, 5.4, 20, 25, 31, 34, 45, 10]
    assert frame["time_s"].tolist() == [0, 1, 1, 2, 2.5, 2.6, 2.7, 3, 1.5]


def test_the_stand_in_looks_like_the_census_and_says_that_it_is_none():
    found = sources.find("california_housing")
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
    assert not any("away" in warning for warning in warnings_of(table, "median_house_value", "regression"))
    assert sources.find("california_housing").sha256 == found.sha256
    with pytest.raises(UserError, match="cannot be had"):
        sources.get("california_housing")


def test_own_folder_comes_first_and_its_checksum_counts(tmp_path, monkeypatch):
    monkeypatch.setenv("MAQUETTE_DATA", str(tmp_path))
    made = sources.find("iris").path.read_bytes()
    (tmp_path / "iris").mkdir()
    (tmp_path / "iris" / "iris.csv").write_bytes(made)
    assert sources.find("iris").origin == "MAQUETTE_DATA"
    (tmp_path / "iris" / "iris.csv").write_bytes(made + b"x")
    with pytest.raises(UserError, match="is not the file it should be"):
        sources.find("iris")


def test_a_damaged_cache_is_not_used(tmp_path):
    (tmp_path / "cache" / "california_housing").mkdir(parents=True)
    (tmp_path / "cache" / "california_housing" / "housing.csv").write_text("longitude\n1\n")
    assert sources.find("california_housing").origin == "embedded"


def test_no_answer_gives_a_note_and_no_partial_file(tmp_path, monkeypatch):
    monkeypatch.delenv("MAQUETTE_OFFLINE")
    source = sources.SOURCES["california_housing"]
    nobody = {"housing.csv": ("http://127.0.0.1:9/housing.csv", source.files["housing.csv"][1])}
    monkeypatch.setitem(sources.SOURCES, source.name, sources.Source(**{**vars(source), "files": nobody}))
    found = sources.find("california_housing")
    assert found.origin == "embedded" and "does not answer" in found.note and "\n" not in found.note
    assert [path.name for path in (tmp_path / "cache" / source.name).iterdir()] == ["simulated_housing.csv"]


def test_a_download_is_checked_kept_and_found_again(tmp_path, monkeypatch):
    monkeypatch.delenv("MAQUETTE_OFFLINE")
    content = b"a,b\n1,2\n3,4\n"

    class Serve(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Serve)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    source = sources.SOURCES["california_housing"]
    address = f"http://127.0.0.1:{server.server_port}/housing.csv"
    for known, origins in ((hashlib.sha256(content).hexdigest(), ["download", "cache"]), ("0" * 64, ["embedded"])):
        files = {"housing.csv": (address, known)}
        monkeypatch.setitem(sources.SOURCES, source.name, sources.Source(**{**vars(source), "files": files}))
        assert [sources.find(source.name).origin for _ in origins] == origins
    server.shutdown()
    folder = tmp_path / "cache" / source.name
    assert {path.name for path in folder.iterdir()} == {"housing.csv", "simulated_housing.csv"}


def test_a_cache_that_cannot_be_written_does_not_matter(tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setattr(sources.tempfile, "gettempdir", lambda: str(tmp_path / "else"))
    assert sources.find("gravity").path.is_file()


def test_resolve_takes_paths_names_and_nothing(tmp_path):
    path = tmp_path / "my.csv"
    path.write_text("a,b\n1,2\n")
    assert sources.resolve(str(path), "iris").path == path
    assert sources.resolve(str(tmp_path), "iris").origin == "path"
    assert sources.resolve(None, "iris").path.name == "iris.csv"
    assert sources.resolve("gravity", "iris").path.name == "gravity.csv"
    with pytest.raises(UserError, match=r"did you mean california_housing\?"):
        sources.resolve("california_house", "iris")
    with pytest.raises(UserError, match="no data set of that name"):
        sources.resolve("/no/such/thing.csv", "iris")


def test_every_source_tells_all(tmp_path):
    for name, source in sources.SOURCES.items():
        assert source.name == name and source.licence and source.description and source.example
        assert bool(source.standin) != source.is_embedded


def test_digits_stand_in_is_letters_read_like_the_digits():
    found = sources.find("mnist")
    assert found.origin == "embedded" and "letters" in found.note and found.licence == "Apache-2.0" and found.sha256
    small = small_images(found)
    assert small.pixels.shape == (12_000, 28, 28, 1) and small.classes == list("ABCDEFGHIJ")
    assert small.test.tolist() == list(range(10_000, 12_000)) and np.bincount(small.labels).tolist() == [1_200] * 10
    assert sources.find("mnist") == found
    assert sources.find("fashion_mnist").note and sources.find("fashion_mnist").sha256 == found.sha256
    assert not [path for path in found.path.parent.iterdir() if path.name.startswith(".")]
    with pytest.raises(UserError, match=r"put train-images-idx3-ubyte\.gz, .* into \$MAQUETTE_DATA/mnist/"):
        sources.get("mnist")


def test_photographs_are_those_of_scikit_image_and_scikit_learn():
    found = sources.find("photographs")
    assert found.origin == "embedded" and not found.note and sources.get("photographs") == found
    images = open_images(found.path)
    assert {"astronaut.png", "camera.png", "coffee.png", "china.png", "flower.png"} <= set(images.names)
    assert len(images) >= 10 and not images.left_out
    truth = {"astronaut": data.astronaut(), "camera": data.camera(), "china": load_sample_image("china.jpg")}
    for name, array in truth.items():
        pixels = images.read(images.names.index(f"{name}.png"))
        assert np.abs(pixels - array.reshape(pixels.shape) / 255).max() < (0.02 if name == "china" else 1e-6)


def test_the_denoising_sets_are_never_downloaded_and_photographs_stand_in(tmp_path, monkeypatch):
    monkeypatch.delenv("MAQUETTE_OFFLINE")
    found = sources.find("denoise")
    assert "may not be passed on" in found.note and found.licence == sources.SOURCES["photographs"].licence
    assert len(open_images(found.path)) >= 10
    monkeypatch.setenv("MAQUETTE_DATA", str(tmp_path))
    for name in ("Train400", "BSD68", "Set12"):
        (tmp_path / "denoise" / name).mkdir(parents=True)
    assert "lacks Set5" in sources.find("denoise").note
    with pytest.raises(UserError, match=r"lacks Set5\); put Train400, BSD68, Set12, Set5 into"):
        sources.get("denoise")
    (tmp_path / "denoise" / "Set5").mkdir()
    assert sources.get("denoise").path == tmp_path / "denoise" and sources.get("denoise").sha256 == ""


def two_files(monkeypatch, address: str = "") -> dict[str, bytes]:
    """A set of two gzipped files in place of MNIST's four, with an empty stand-in."""
    monkeypatch.setattr(standins, "letters_as_idx", lambda folder: folder.mkdir())
    contents = {"a.gz": b"first" * 99, "b.gz": b"second" * 99}
    files = {name: (f"{address}{name}", hashlib.sha256(content).hexdigest()) for name, content in contents.items()}
    source = sources.SOURCES["mnist"]
    monkeypatch.setitem(sources.SOURCES, "mnist", sources.Source(**{**vars(source), "files": files}))
    return contents


def test_gzipped_files_are_known_by_their_contents(tmp_path, monkeypatch):
    contents = two_files(monkeypatch)
    monkeypatch.setenv("MAQUETTE_DATA", str(tmp_path))
    (tmp_path / "mnist").mkdir()
    checksums = set()
    for level in (1, 9):
        for name, content in contents.items():
            (tmp_path / "mnist" / name).write_bytes(gzip.compress(content, level, mtime=level))
        found = sources.find("mnist")
        assert found.path == tmp_path / "mnist" and found.origin == "MAQUETTE_DATA"
        checksums.add(found.sha256)
    assert len(checksums) == 1 and len(checksums.pop()) == 64
    for bad in (gzip.compress(b"other"), b"not packed", gzip.compress(contents["b.gz"])[:-9]):
        (tmp_path / "mnist" / "b.gz").write_bytes(bad)
        with pytest.raises(UserError, match=r"b\.gz is not the file it should be"):
            sources.find("mnist")


def test_several_files_are_downloaded_checked_and_found_again(tmp_path, monkeypatch):
    monkeypatch.delenv("MAQUETTE_OFFLINE")
    served: dict[str, bytes] = {}

    class Serve(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content = served.get(self.path[1:])
            self.send_response(200 if content else 404)
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Serve)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    contents = two_files(monkeypatch, f"http://127.0.0.1:{server.server_port}/")
    served["a.gz"] = gzip.compress(contents["a.gz"])
    found = sources.find("mnist")
    assert found.origin == "embedded" and "does not answer" in found.note  # b.gz is not there
    served["b.gz"] = b"damaged"
    assert "another checksum" in sources.find("mnist").note
    served["b.gz"] = gzip.compress(contents["b.gz"], 1)
    served.pop("a.gz")  # it was kept
    found = sources.find("mnist")
    assert found.origin == "download" and found.path == tmp_path / "cache" / "mnist" and "downloaded" in found.note
    again = sources.find("mnist")
    assert again.origin == "cache" and again.sha256 == found.sha256
    server.shutdown()
    kept = {path.name for path in found.path.iterdir() if path.is_file()}
    assert kept == {"a.gz", "b.gz"}


def test_the_list_loads_nothing_heavy():
    heavy = "OpenImageIO", "skimage", "pandas", "numpy", "pooch", "torch", "sklearn", "pyarrow"
    code = f"import sys, maquette.data.sets.sources; print([m for m in {heavy!r} if m in sys.modules])"
    root = Path(sources.__file__).parents[2]
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.skipif(not (Path(SHARED) / "california_housing").is_dir() or not SHARED, reason="needs $MAQUETTE_DATA")
def test_the_real_census(monkeypatch):
    monkeypatch.setenv("MAQUETTE_DATA", SHARED)
    found = sources.find("california_housing")
    assert found.origin == "MAQUETTE_DATA" and not found.note
    frame = read_table(found.path).frame
    assert frame.shape == (20_640, 10) and frame["total_bedrooms"].isna().sum() == 207
    assert frame["ocean_proximity"].value_counts()["INLAND"] == 6_551
    pd.testing.assert_frame_equal(frame, pd.read_csv(found.path).astype(frame.dtypes))


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "denoise"])
def test_the_real_pictures(name, monkeypatch):
    shared = Path(SHARED or Path(__file__).parents[2] / ".." / "shared" / "data")
    if not (shared / name).is_dir():
        pytest.skip(f"needs $MAQUETTE_DATA/{name}")
    monkeypatch.setenv("MAQUETTE_DATA", str(shared))
    found = sources.find(name)
    assert found.origin == "MAQUETTE_DATA" and not found.note and found.path == shared / name
