"""Named data sets: found, refused, made here; never from the network."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from maquette.data import sources
from maquette.data.columns import coordinates, warnings_of
from maquette.data.tables import read_table
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
    import hashlib
    import http.server
    import threading

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


def test_the_list_loads_nothing_heavy():
    heavy = "pandas", "numpy", "pooch", "torch", "sklearn", "pyarrow"
    code = f"import sys, maquette.data.sources; print([m for m in {heavy!r} if m in sys.modules])"
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
