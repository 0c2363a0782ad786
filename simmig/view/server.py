"""The page at an address of this machine alone."""

from __future__ import annotations

import signal
import socket
import threading
import webbrowser
from typing import TYPE_CHECKING

from simmig.errors import InputError

if TYPE_CHECKING:
    from starlette.applications import Starlette

HOST = "127.0.0.1"


def listen(port: int | None) -> socket.socket:
    """Return a socket that listens on this machine only, at a free port if none is given; InputError if it is taken."""
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((HOST, port or 0))
        taken.listen()
    except OSError as error:
        taken.close()
        raise InputError(
            f"--port {port}: cannot be used ({error.strerror}); expected a free port; without --port one is found"
        ) from None
    return taken


def make_app(page: str) -> Starlette:
    """Return the application that answers with the page, and only to who asks this machine by its own name.

    Without that check a page from elsewhere could make its own name mean this machine and read the run.
    Raises InputError if Starlette is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.middleware import Middleware
        from starlette.middleware.trustedhost import TrustedHostMiddleware
        from starlette.requests import Request
        from starlette.responses import HTMLResponse
        from starlette.routing import Route
    except ModuleNotFoundError as error:
        raise InputError(_missing(error)) from None
    headers = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}

    async def answer(_: Request) -> HTMLResponse:
        return HTMLResponse(page, headers=headers)

    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"], www_redirect=False)
    return Starlette(routes=[Route("/", answer)], middleware=[hosts])


def serve(page: str, port: int | None, *, opens_browser: bool) -> None:
    """Show the page until Ctrl-C; prints its address."""
    try:
        import uvicorn
    except ModuleNotFoundError as error:
        raise InputError(_missing(error)) from None
    with listen(port) as taken:
        address = f"http://{HOST}:{taken.getsockname()[1]}/"
        app = make_app(page)
        print(f"replay    {address} (Ctrl-C ends it)", flush=True)
        if opens_browser:
            # A browser that starts slowly must not hold up the first answer.
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
        # The server answers what it has begun and then raises the signal again, which must not end the process.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            server.run(sockets=[taken])
        except KeyboardInterrupt:  # how a page is meant to end
            return


def _missing(error: ModuleNotFoundError) -> str:
    return f"simmig view: needs {error.name} (pip install 'simmig[web]'); --export FILE.html writes the page without it"
