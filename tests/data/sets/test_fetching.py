"""Named data sets: found, refused, made here; never from the network."""

import gzip
import hashlib
import http.server
import os
import threading
from pathlib import Path

import pandas as pd
import pytest

from maquette.data.pictures.folders import open_images
from maquette.data.sets import fetching, standins
from maquette.data.sets.catalogue import SOURCES, Source
from maquette.data.sets.fetching import find, get, resolve
from maquette.data.tables.reading import read_table
from maquette.settings import UserError

SHARED = os.environ.get("MAQUETTE_DATA", "")


def test_own_folder_comes_first_and_its_checksum_counts(tmp_path, monkeypatch):
    monkeypatch.setenv("MAQUETTE_DATA", str(tmp_path))
    made = find("iris").path.read_bytes()
    (tmp_path / "iris").mkdir()
    (tmp_path / "iris" / "iris.csv").write_bytes(made)
    assert find("iris").origin == "MAQUETTE_DATA"
    (tmp_path / "iris" / "iris.csv").write_bytes(made + b"x")
    with pytest.raises(UserError, match="is not the file it should be"):
        find("iris")


def test_a_damaged_cache_is_not_used(tmp_path):
    (tmp_path / "cache" / "california_housing").mkdir(parents=True)
    (tmp_path / "cache" / "california_housing" / "housing.csv").write_text("longitude\n1\n")
    assert find("california_housing").origin == "embedded"


def test_no_answer_gives_a_note_and_no_partial_file(tmp_path, monkeypatch):
    monkeypatch.delenv("MAQUETTE_OFFLINE")
    source = SOURCES["california_housing"]
    nobody = {"housing.csv": ("http://127.0.0.1:9/housing.csv", source.files["housing.csv"][1])}
    monkeypatch.setitem(SOURCES, source.name, Source(**{**vars(source), "files": nobody}))
    found = find("california_housing")
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
    source = SOURCES["california_housing"]
    address = f"http://127.0.0.1:{server.server_port}/housing.csv"
    for known, origins in ((hashlib.sha256(content).hexdigest(), ["download", "cache"]), ("0" * 64, ["embedded"])):
        files = {"housing.csv": (address, known)}
        monkeypatch.setitem(SOURCES, source.name, Source(**{**vars(source), "files": files}))
        assert [find(source.name).origin for _ in origins] == origins
    server.shutdown()
    folder = tmp_path / "cache" / source.name
    assert {path.name for path in folder.iterdir()} == {"housing.csv", "simulated_housing.csv"}


def test_a_cache_that_cannot_be_written_does_not_matter(tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setattr(fetching.tempfile, "gettempdir", lambda: str(tmp_path / "else"))
    assert find("gravity").path.is_file()


def test_resolve_takes_paths_names_and_nothing(tmp_path):
    path = tmp_path / "my.csv"
    path.write_text("a,b\n1,2\n")
    assert resolve(str(path), "iris").path == path
    assert resolve(str(tmp_path), "iris").origin == "path"
    assert resolve(None, "iris").path.name == "iris.csv"
    assert resolve("gravity", "iris").path.name == "gravity.csv"
    with pytest.raises(UserError, match="--data is empty"):
        resolve("", "iris")
    with pytest.raises(UserError, match=r"did you mean california_housing\?"):
        resolve("california_house", "iris")
    with pytest.raises(UserError, match="no data set of that name"):
        resolve("/no/such/thing.csv", "iris")


def test_the_denoising_sets_are_never_downloaded_and_photographs_stand_in(tmp_path, monkeypatch):
    monkeypatch.delenv("MAQUETTE_OFFLINE")
    found = find("denoise")
    assert "may not be passed on" in found.note and found.licence == SOURCES["photographs"].licence
    assert len(open_images(found.path)) >= 10
    monkeypatch.setenv("MAQUETTE_DATA", str(tmp_path))
    for name in ("Train400", "BSD68", "Set12"):
        (tmp_path / "denoise" / name).mkdir(parents=True)
    assert "lacks Set5" in find("denoise").note
    with pytest.raises(UserError, match=r"lacks Set5\); put Train400, BSD68, Set12, Set5 into"):
        get("denoise")
    (tmp_path / "denoise" / "Set5").mkdir()
    assert get("denoise").path == tmp_path / "denoise" and get("denoise").sha256 == ""


def two_files(monkeypatch, address: str = "") -> dict[str, bytes]:
    """A set of two gzipped files in place of MNIST's four, with an empty stand-in."""
    monkeypatch.setattr(standins, "letters_as_idx", lambda folder: folder.mkdir())
    contents = {"a.gz": b"first" * 99, "b.gz": b"second" * 99}
    files = {name: (f"{address}{name}", hashlib.sha256(content).hexdigest()) for name, content in contents.items()}
    source = SOURCES["mnist"]
    monkeypatch.setitem(SOURCES, "mnist", Source(**{**vars(source), "files": files}))
    return contents


def test_gzipped_files_are_known_by_their_contents(tmp_path, monkeypatch):
    contents = two_files(monkeypatch)
    monkeypatch.setenv("MAQUETTE_DATA", str(tmp_path))
    (tmp_path / "mnist").mkdir()
    checksums = set()
    for level in (1, 9):
        for name, content in contents.items():
            (tmp_path / "mnist" / name).write_bytes(gzip.compress(content, level, mtime=level))
        found = find("mnist")
        assert found.path == tmp_path / "mnist" and found.origin == "MAQUETTE_DATA"
        checksums.add(found.sha256)
    assert len(checksums) == 1 and len(checksums.pop()) == 64
    for bad in (gzip.compress(b"other"), b"not packed", gzip.compress(contents["b.gz"])[:-9]):
        (tmp_path / "mnist" / "b.gz").write_bytes(bad)
        with pytest.raises(UserError, match=r"b\.gz is not the file it should be"):
            find("mnist")


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
    found = find("mnist")
    assert found.origin == "embedded" and "does not answer" in found.note  # b.gz is not there
    served["b.gz"] = b"damaged"
    assert "another checksum" in find("mnist").note
    served["b.gz"] = gzip.compress(contents["b.gz"], 1)
    served.pop("a.gz")  # it was kept
    found = find("mnist")
    assert found.origin == "download" and found.path == tmp_path / "cache" / "mnist" and "downloaded" in found.note
    again = find("mnist")
    assert again.origin == "cache" and again.sha256 == found.sha256
    server.shutdown()
    kept = {path.name for path in found.path.iterdir() if path.is_file()}
    assert kept == {"a.gz", "b.gz"}


@pytest.mark.skipif(not (Path(SHARED) / "california_housing").is_dir() or not SHARED, reason="needs $MAQUETTE_DATA")
def test_the_real_census(monkeypatch):
    monkeypatch.setenv("MAQUETTE_DATA", SHARED)
    found = find("california_housing")
    assert found.origin == "MAQUETTE_DATA" and not found.note
    frame = read_table(found.path).frame
    assert frame.shape == (20_640, 10) and frame["total_bedrooms"].isna().sum() == 207
    assert frame["ocean_proximity"].value_counts()["INLAND"] == 6_551
    pd.testing.assert_frame_equal(frame, pd.read_csv(found.path).astype(frame.dtypes))


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "denoise"])
def test_the_real_pictures(name, monkeypatch):
    shared = Path(SHARED or Path(__file__).parents[3] / ".." / "shared" / "data")
    if not (shared / name).is_dir():
        pytest.skip(f"needs $MAQUETTE_DATA/{name}")
    monkeypatch.setenv("MAQUETTE_DATA", str(shared))
    found = find(name)
    assert found.origin == "MAQUETTE_DATA" and not found.note and found.path == shared / name
