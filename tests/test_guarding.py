"""The door of the viewer: only its own page comes in."""

import asyncio
import urllib.error
import urllib.request

import pytest

viser = pytest.importorskip("viser")
websockets = pytest.importorskip("websockets")

from maquette.guarding import GuardedServer  # noqa: E402


@pytest.fixture(scope="module")
def server():
    made = GuardedServer("127.0.0.1", 18473, "test")
    yield made
    made.stop()


def status(address: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def opened(address: str, origin: str | None, host: str | None = None) -> bool:
    """Whether a websocket opens."""

    async def attempt() -> bool:
        from websockets.asyncio.client import connect

        more = {} if host is None else {"additional_headers": {"Host": host}}
        try:
            async with connect(address, origin=origin, subprotocols=[f"viser-v{viser.__version__}"], **more):
                return True
        except websockets.exceptions.InvalidStatus as refused:
            assert refused.response.status_code == 403
            return False

    return asyncio.run(attempt())


def test_the_page_is_had_with_the_whole_address_only(server):
    port = server.get_port()
    assert status(server.address) == 200
    assert status(f"http://127.0.0.1:{port}/") == 403
    assert status(f"http://127.0.0.1:{port}/{server.secret[:-1]}/") == 403
    assert status(f"http://127.0.0.1:{port}/{server.secret}x/") == 403
    assert status(server.address, Host="evil.example") == 403


def test_a_websocket_of_a_foreign_page_or_host_is_refused(server):
    port = server.get_port()
    here = f"ws://localhost:{port}/{server.secret}"
    assert opened(here, f"http://localhost:{port}")
    assert not opened(here, "https://evil.example")
    assert not opened(here, f"http://127.0.0.1:{port}")
    assert not opened(here, None)
    assert not opened(here, f"http://localhost:{port}", f"localhost:{port}"), "two hosts are no browser's"
    assert not opened(f"ws://localhost:{port}", f"http://localhost:{port}")


def test_no_page_can_ask_for_a_public_tunnel(server):
    assert server.request_share_url() is None and server._share_tunnel is None
