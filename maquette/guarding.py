"""A viewer's server that answers its own page only: host, origin and a secret in the address are checked.

viser accepts websockets of any origin, and lets any page that has one ask for a public tunnel; neither passes here.
"""

import hmac
import http
import io
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from typing import Any

import viser
import websockets.asyncio.server
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

LOCAL = ("localhost", "127.0.0.1", "[::1]")


class GuardedServer(viser.ViserServer):
    """A server whose address ends with a secret; `address` is what to open."""

    def __init__(self, host: str, port: int, label: str):
        self.secret, self.listens_at = secrets.token_urlsafe(16), host
        # viser prints an address without the secret, which leads nowhere
        with guarded(self.secret, None if host == "0.0.0.0" else {*LOCAL, host}), redirect_stdout(io.StringIO()):
            super().__init__(host=host, port=port, label=label, verbose=False)

    @property
    def address(self) -> str:
        host = "localhost" if self.listens_at in ("127.0.0.1", "0.0.0.0") else self.listens_at
        return f"http://{host}:{self.get_port()}/{self.secret}/"

    def request_share_url(self, verbose: bool = True) -> None:
        """Nothing: a scene is not made public by a page."""


@contextmanager
def guarded(secret: str, hosts: set[str] | None) -> Iterator[None]:
    """Within the block, servers of websockets are made with a check before whatever they were to answer."""
    serve = websockets.asyncio.server.serve

    def guarded_serve(*arguments: Any, process_request: Any = None, **options: Any) -> Any:
        checked = partial(check, secret, hosts, process_request)
        return serve(*arguments, process_request=checked, **options)

    websockets.asyncio.server.serve = guarded_serve  # type: ignore[assignment, misc]
    try:
        yield
    finally:
        websockets.asyncio.server.serve = serve  # type: ignore[misc]


def check(
    secret: str, hosts: set[str] | None, answer: Any, connection: ServerConnection, request: Request
) -> Response | None:
    """The answer to a request that comes from the page itself; a refusal to any other.

    `hosts` are the names, without port, that the server goes by; any, where None.
    """
    host, origin, upgrade = (only_one(request, name) for name in ("Host", "Origin", "Upgrade"))
    start = f"/{secret}"
    path = request.path.partition("?")[0]
    is_known = hmac.compare_digest(path[: len(start)].encode(), start.encode()) and path[len(start) :][:1] in ("", "/")
    is_here = host is not None and (hosts is None or host.rpartition(":")[0] in hosts)
    is_page = upgrade is not None and upgrade.lower() != "websocket"
    is_own = is_page or origin == f"http://{host}"
    if not (is_known and is_here and is_own):
        return Response(
            http.HTTPStatus.FORBIDDEN, "Forbidden", Headers(), b"Open the whole address that was printed.\n"
        )
    request.path = request.path[len(start) :] or "/"
    made: Response | None = answer(connection, request) if answer is not None else None
    return made


def only_one(request: Request, name: str) -> str | None:
    """A header of the request, "" where it is not there; None where it is there twice, which no browser sends."""
    found = request.headers.get_all(name)
    return found[0] if len(found) == 1 else None if found else ""
