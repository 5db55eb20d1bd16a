"""A scene in the browser: cameras there and back, what is drawn when, and scenes that still train."""

import math
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from maquette import viewing
from maquette.checkpoints import load_model, load_state
from maquette.cli import main
from maquette.data.sets.turntable import write_turntable
from maquette.graphics.cameras import camera_at, camera_from
from maquette.settings import UserError


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("view")
    write_turntable(folder / "clay", size=32, count=8, points=200)
    flags = ["--preset", "small", "--steps", "20", "--out", str(folder / "run")]
    assert main(["run", "splat", "--data", str(folder / "clay"), *flags]) == 0
    return folder / "run"


def test_cameras_go_to_the_browser_and_back():
    camera = camera_at(
        np.array([1.0, 2, 3]), np.array([0.2, 0, 0.5]), np.array([0, 0, 1]), width=64, height=48, focal=70
    )
    position, turn, fov = viewing.pose_of(camera)
    visitor = SimpleNamespace(position=position, wxyz=turn, fov=fov, aspect=64 / 48)
    back = viewing.camera_of(visitor, 64)
    assert (back.width, back.height) == (64, 48)
    for name in ("fx", "fy", "cx", "cy", "rotation", "translation"):
        np.testing.assert_allclose(getattr(back, name), getattr(camera, name), atol=1e-9)
    tall = viewing.camera_of(SimpleNamespace(position=position, wxyz=turn, fov=math.pi / 2, aspect=0.5), 100)
    assert (tall.width, tall.height, tall.fy) == (50, 100, pytest.approx(50))


def test_pictures_are_small_while_the_camera_moves_and_sharp_when_it_rests():
    visitor = viewing.Visitor(side=400)
    assert visitor.next_side("here", 1000, 0.0) == 400
    assert visitor.next_side("there", 1000, 0.1) == 400
    assert visitor.next_side("there", 1000, 0.2) is None, "it may move again at once"
    assert visitor.next_side("there", 1000, 0.4) == 1000
    assert visitor.next_side("there", 1000, 9.0) is None, "it stands there already"
    visitor.took(1.0)
    assert visitor.side == 200
    for _ in range(40):
        visitor.took(0.001)
    assert visitor.side == viewing.LARGEST


def test_a_run_is_shown_while_it_trains_and_when_it_is_done(run, tmp_path):
    import shutil

    training = tmp_path / "run"
    shutil.copytree(run, training)
    for name in ("model.json", "model.safetensors", "scores.json"):
        (training / name).unlink()
    live = viewing.Live(training)
    done = load_model(run)
    assert len(live.cameras) == 7
    np.testing.assert_array_equal(live.model.rows(), done.rows())  # the last checkpoint is made when training ends
    assert live.model.looks == done.looks
    assert not live.refresh(), "nothing new"
    for name in ("model.json", "model.safetensors"):
        shutil.copy(run / name, training / name)
    assert live.refresh() and not live.refresh()
    (training / "model.json").unlink()
    (training / "checkpoint" / "state.json").unlink()
    with pytest.raises(UserError, match="no scene yet"):
        viewing.Live(training)


def test_visitors_get_what_is_drawn(run):
    """The server is real; the visitor is not: a browser's camera is all that is needed of it."""
    viser = pytest.importorskip("viser")
    live, sent = viewing.Live(run), []
    position, turn, fov = viewing.pose_of(live.cameras[0])
    camera = SimpleNamespace(position=position, wxyz=turn, fov=fov, aspect=1.0, image_width=200, image_height=200)
    scene = SimpleNamespace(set_background_image=lambda picture, **_: sent.append(picture))
    server = viser.ViserServer(host="127.0.0.1", port=8765, verbose=False)
    server.get_clients = lambda: {0: SimpleNamespace(camera=camera, scene=scene)}
    end = time.monotonic() + 60
    thread = threading.Thread(
        target=viewing.serve, args=(server, live, lambda: len(sent) > 1 or time.monotonic() > end)
    )
    thread.start()
    thread.join(90)
    server.stop()
    assert [picture.shape for picture in sent] == [(200, 200, 3)] * 2, "one while moving, one at rest"
    expected = live.draw(viewing.camera_of(camera, 200)).picture.transpose(1, 2, 0)
    np.testing.assert_allclose(sent[-1] / 255, expected.clip(0, 1), atol=0.51 / 255)
    world = camera_from(load_state(run, "processing")["cameras"][0]).resized(200, 200)
    np.testing.assert_allclose(live.model.draw(world)[0], expected, atol=1e-3)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["nowhere"], "nowhere"),
        (["nowhere.ply"], "There is no scene nowhere.ply"),
        (["{run}", "--port", "0"], "--port 0"),
        (["{run}", "--port", "x"], "--port"),
    ],
)
def test_bad_input_gets_one_sentence(flags, words, run, capsys):
    assert main(["view", *[flag.format(run=run) for flag in flags]]) == 2
    found = capsys.readouterr().err
    assert words in found and found.count("\n") == 1


def test_only_scenes_are_shown(tmp_path, capsys):
    assert main(["run", "line", "--preset", "small", "--out", str(tmp_path / "line")]) == 0
    assert main(["view", str(tmp_path / "line")]) == 2
    assert "no run of splat" in capsys.readouterr().err
