"""Cameras from Python and from files."""

import json

import numpy as np
import pytest

from maquette.graphics.cameras import Camera, described
from maquette.media import Asked, cameras
from maquette.settings import UserError

CAMERA = Camera(64, 48, 50.0, 50.0, 32.0, 24.0, np.eye(3), np.array([0.0, 0.0, 4.0]))


def test_cameras_come_from_files_and_go_to_files(tmp_path):
    out = cameras.write(iter([CAMERA, CAMERA.resized(8, 6)]), tmp_path / "both.json", Asked(tmp_path), print)
    found = list(cameras.read([out, CAMERA], print))
    assert [described(camera) for camera in found] == [described(c) for c in (CAMERA, CAMERA.resized(8, 6), CAMERA)]
    (tmp_path / "one.json").write_text(json.dumps(described(CAMERA)))
    assert len(list(cameras.read([str(tmp_path / "one.json")], print))) == 1
    assert cameras.accepts(CAMERA) and cameras.accepts("views.json") and not cameras.accepts("views.png")
    assert cameras.plain(iter([CAMERA]), True) is CAMERA and cameras.plain(iter([CAMERA]), False) == [CAMERA]


@pytest.mark.parametrize("content", [[1], [{"width": 3}], {"cameras": []}, {**described(CAMERA), "rotation": "up"}])
def test_what_is_no_camera_is_told_what_one_is(content, tmp_path):
    (tmp_path / "odd.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"odd\.json holds no cameras; each is an object with width, height"):
        list(cameras.read([tmp_path / "odd.json"], print))
    with pytest.raises(UserError, match="seen by a Camera"):
        list(cameras.read([3], print))
