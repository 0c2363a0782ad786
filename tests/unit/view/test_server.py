"""The page at an address: for this machine only, and only by its own name."""

import asyncio
import socket

import pytest

from simmig.errors import InputError
from simmig.view.server import HOST, listen, make_app


def ask(app, host, path="/", method="GET"):
    """Status, headers and body that the application answers with."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": [(b"host", host.encode())], "client": (HOST, 5), "server": (HOST, 80),
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(message.get("body", b"") for message in sent[1:])


@pytest.mark.parametrize("host", ["127.0.0.1:8123", "localhost:8123"])
def test_the_page_is_answered(host):
    status, headers, body = ask(make_app("<p>ü</p>"), host)
    assert status == 200
    assert body == "<p>ü</p>".encode()
    assert headers[b"content-type"] == b"text/html; charset=utf-8"
    assert headers[b"x-content-type-options"] == b"nosniff"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", ""])
def test_who_asks_by_another_name_gets_nothing(host):
    status, _, body = ask(make_app("secret"), host)
    assert status == 400
    assert b"secret" not in body


@pytest.mark.parametrize(
    ("path", "method", "status"), [("/x", "GET", 404), ("/../run.json", "GET", 404), ("/", "POST", 405)]
)
def test_there_is_nothing_but_the_page(path, method, status):
    assert ask(make_app("page"), HOST, path, method)[0] == status


def test_it_listens_on_this_machine_only():
    with listen(None) as taken:
        assert taken.getsockname()[0] == "127.0.0.1"
        assert taken.getsockname()[1] > 0
        with socket.create_connection(taken.getsockname(), timeout=5):
            pass


def test_a_port_that_is_taken_is_told():
    with listen(None) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"--port {port}: cannot be used .*without --port one is found"):
            listen(port)
