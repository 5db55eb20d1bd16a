"""A scene in the browser: every move of the visitor's camera is answered with a picture that the processor draws."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from scipy.spatial.transform import Rotation

from maquette import serving
from maquette.checkpoints import load_state
from maquette.data.scenes.endings import is_scene_file
from maquette.families.fields import field_drawer_within, field_so_far
from maquette.families.flights import drawer_within, known_cameras, photographers, pictures_of
from maquette.families.settings import Shown
from maquette.graphics import paths
from maquette.graphics.cameras import Camera
from maquette.models import Gaussians
from maquette.models.fields import Field
from maquette.settings import UserError
from maquette.trained import Trained, read_settings

INSTALL = 'pip install "maquette[view]"'
LOOKS_EVERY = 1.0  # seconds between two looks at whether training has gone on
REST = 0.2  # seconds without a move after which the picture is drawn at full size
MOVING_SECONDS = 0.05  # that a picture may take while the camera moves
SMALLEST, LARGEST = 160, 1920  # longer side of a picture in pixels
SHOWN = get_args(Shown)
SCENES = ("splat", "nerf")  # recipes whose runs can be seen


class Live:
    """The newest state of a run of splat or nerf, finished or still training, or of a scene file.

    `draw` draws it, `cameras` are those of the training views, or some around a scene without any, in the world of
    the scene's own numbers, which browsers can hold wherever it lies.
    """

    def __init__(self, path: Path):
        self.path, self._seen = path, None
        self.is_file = is_scene_file(path)
        if self.is_file and not path.exists():
            raise UserError(f"There is no scene {path}.")
        if not self.is_file and read_settings(path)["recipe"] not in SCENES:
            raise UserError(f"{path} is no run of {' or '.join(SCENES)}; view shows scenes.")
        if not self.refresh():
            raise UserError(f"{path} has no scene yet; try again half a minute after training has begun.")
        processing = self._trained.processing
        is_splats = isinstance(self.model, Gaussians)
        known = known_cameras(self.model, processing) if is_splats else photographers(processing)
        self.cameras = [camera.within(self.model.origin, self.model.unit) for camera in known]

    @property
    def model(self) -> Gaussians | Field:
        model: Gaussians | Field = self._trained.model
        return model

    @property
    def told(self) -> str:
        """How large the scene is, in words."""
        if isinstance(self.model, Gaussians):
            return f"{self.model.count:,} Gaussians"
        return f"a field of {sum(weight.numel() for weight in self.model.parameters()):,} weights"

    def refresh(self) -> bool:
        """Take what is new since the last time; whether there was something."""
        found = self.path if self.is_file else self.path / "model.json"
        is_done = found.exists()
        if not is_done:
            found = self.path / "checkpoint" / "state.json"
        try:
            stamp = found, found.stat().st_mtime_ns
            if stamp == self._seen:
                return False
            self._trained = serving.open(self.path).trained if is_done else trained_so_far(self.path)
        except FileNotFoundError:
            return False
        except UserError:
            if is_done:
                raise
            return False  # training replaced the checkpoint while it was being read
        model = self.model
        self.draw = drawer_within(model) if isinstance(model, Gaussians) else field_drawer_within(model)
        self._seen = stamp
        return True


def trained_so_far(folder: Path) -> Trained:
    """A run as its last checkpoint has it."""
    kept, processing = load_state(folder / "checkpoint", "state")["kept"], load_state(folder, "processing")
    record = read_settings(folder)
    settings = record["settings"]
    if record["recipe"] == "nerf":
        return Trained(folder, "nerf", settings, field_so_far(processing["field"], kept), processing)
    if "cloud" not in kept:
        raise UserError(f"{folder} has no Gaussians yet.")
    looks = {"background": tuple(processing["background"]), "is_antialiased": settings["antialiased"]}
    looks |= {name: processing[name] for name in ("origin", "unit") if name in processing}
    model = Gaussians.of_rows(kept["cloud"]["rows"].numpy(), **looks).eval()
    return Trained(folder, "splat", settings, model, processing)


def camera_of(visitor: Any, side: int) -> Camera:
    """A visitor's camera as ours, the longer side of its picture being `side` pixels.

    The visitor's: position (3,), quaternion w x y z from the camera to the world, vertical field of view `fov` in
    radians, and `aspect`, width over height; its axes are ours.
    """
    aspect = float(visitor.aspect)
    width, height = (side, max(1, round(side / aspect))) if aspect >= 1 else (max(1, round(side * aspect)), side)
    focal = height / 2 / np.tan(float(visitor.fov) / 2)
    rotation = Rotation.from_quat(np.asarray(visitor.wxyz, float), scalar_first=True).as_matrix().T
    return Camera(
        width, height, focal, focal, width / 2, height / 2, rotation, -rotation @ np.asarray(visitor.position, float)
    )


def pose_of(camera: Camera) -> tuple[np.ndarray, np.ndarray, float]:
    """Position, quaternion w x y z and vertical field of view of a camera, as `camera_of` takes them."""
    turn = Rotation.from_matrix(camera.rotation.T).as_quat(scalar_first=True)
    return camera.position, turn, 2 * float(np.arctan(camera.height / 2 / camera.fy))


@dataclass
class Visitor:
    """What one browser was shown last, and how large its pictures may be while it moves."""

    shown: Any = None
    moved_at: float = 0.0
    is_sharp: bool = False
    side: int = 480

    def next_side(self, wanted: Any, largest: int, now: float) -> int | None:
        """How large a picture of what is wanted should be drawn now; None where it stands there already."""
        if wanted != self.shown:
            self.shown, self.moved_at, self.is_sharp = wanted, now, False
            return min(self.side, largest)
        if self.is_sharp or now - self.moved_at < REST:
            return None
        self.is_sharp = True
        return largest

    def took(self, seconds: float) -> None:
        """Adapt the size of pictures while moving to what the last of them took."""
        wanted = self.side * float(np.clip(np.sqrt(MOVING_SECONDS / max(seconds, 1e-4)), 0.5, 1.25))
        self.side = int(np.clip(wanted, SMALLEST, LARGEST))


def view(path: Path, host: str, port: int, is_over: Callable[[], bool] = lambda: False) -> None:
    """Serve a scene until it is interrupted; `UserError` where there is none, or viser is not installed."""
    try:
        from maquette.guarding import GuardedServer
    except ImportError:
        raise UserError(f"view needs viser: {INSTALL}") from None
    if not 0 < port < 2**16:
        raise UserError(f"--port {port} is not between 1 and 65535.")
    live = Live(path)
    try:
        server = GuardedServer(host=host, port=port, label=f"Maquette: {path.name}")
    except OSError as error:
        raise UserError(f"Nothing can be served at {host}, port {port}: {error.strerror or error}.") from None
    try:
        print(f"Open {server.address}", flush=True)
        print("End with Ctrl+C.", flush=True)
        serve(server, live, is_over)
    finally:
        server.stop()


def serve(server: Any, live: Live, is_over: Callable[[], bool]) -> None:
    """Draw for all visitors, one after the other, for as long as it is not over."""
    show = server.gui.add_dropdown("Show", SHOWN, initial_value=SHOWN[0])
    place = server.gui.add_slider("Stand at view", min=1, max=len(live.cameras), step=1, initial_value=1)
    told = server.gui.add_markdown("")
    up, spot = paths.common_up(live.cameras), paths.looked_at(live.cameras)
    server.scene.set_up_direction(tuple(up))

    def stand(client: Any, camera: Camera) -> None:
        position, _, fov = pose_of(camera)
        depth = float((spot - position) @ camera.direction) if spot is not None else 1.0
        client.camera.position, client.camera.up_direction, client.camera.fov = position, up, fov
        client.camera.look_at = position + max(depth, 1e-3) * camera.direction

    @server.on_client_connect
    def _(client: Any) -> None:
        stand(client, live.cameras[place.value - 1])

    @place.on_update
    def _(event: Any) -> None:
        if event.client is not None:
            stand(event.client, live.cameras[place.value - 1])

    visitors: dict[int, Visitor] = {}
    looked_at, version = 0.0, 0
    while not is_over():
        now = time.monotonic()
        if now - looked_at > LOOKS_EVERY:
            looked_at, is_new = now, live.refresh()
            version += is_new
            if is_new or not told.content:
                told.content = live.told
        clients = server.get_clients()
        visitors = {number: visitors.get(number, Visitor()) for number in clients}
        drawn = [answer(client, visitors[number], live, show.value, version) for number, client in clients.items()]
        if not any(drawn):
            time.sleep(0.01)


def answer(client: Any, visitor: Visitor, live: Live, show: str, version: int) -> bool:
    """Send a visitor the next picture, if one is due; whether it was."""
    camera = client.camera
    wanted = (*np.round([*camera.position, *camera.wxyz, camera.fov, camera.aspect], 6), show, version)
    largest = min(LARGEST, max(camera.image_width, camera.image_height))
    begun = time.monotonic()
    side = visitor.next_side(wanted, max(largest, SMALLEST), begun)
    if side is None:
        return False
    picture = next(pictures_of(live.draw, [camera_of(camera, side)], show))
    client.scene.set_background_image((picture * 255).round().astype(np.uint8), format="jpeg", jpeg_quality=90)
    if not visitor.is_sharp:
        visitor.took(time.monotonic() - begun)
    return True
