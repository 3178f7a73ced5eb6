"""A loopback server that answers by script, or stands between an adapter and a vendor and spoils things.

Knows no vendor: what can go wrong on a wire is the same for all of them.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it arrived; `number` counts from 0."""

    number: int
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What to send. `forward`: only after the vendor has carried the request out (and its answer is lost)."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    forward: bool = False
    cut_at: int | None = None
    """Close the connection after this many bytes of the body; negative: before the status line."""
    hang: bool = False
    """Say nothing until the caller gives up."""


NOTHING = Answer(cut_at=-1)
LOST = Answer(cut_at=-1, forward=True)
SILENT = Answer(hang=True)
SILENT_AFTER = Answer(hang=True, forward=True)

Spoil = Callable[[Asked], Answer | None]
"""The answer to give instead of the vendor's, or None to let it through."""


class Meddler:
    """Use as a context manager. Without `upstream`, `spoil` must answer everything."""

    def __init__(self, spoil: Spoil, upstream: str = "") -> None:
        self.spoil = spoil
        self.requests: list[Asked] = []
        self._upstream = urlsplit(upstream)
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        meddler = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement

            def setup(self) -> None:
                super().setup()
                meddler._sockets.add(self.connection)

            def finish(self) -> None:
                meddler._sockets.discard(self.connection)
                super().finish()

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                meddler._serve(self)

            do_POST = do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815  # names the library asks for

        class Server(ThreadingHTTPServer):
            daemon_threads = False  # so that closing waits for them

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # connections break here on purpose

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{self._upstream.path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._server.shutdown()
        for open_one in list(self._sockets):
            with contextlib.suppress(OSError):
                open_one.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        self._thread.join()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        asked = self._asked(handler)
        answer = self.spoil(asked)
        if answer is None or answer.forward:
            real = self._forward(asked)
            answer = answer or real
        if answer.hang:
            self._done.wait(30)
        if answer.hang or (answer.cut_at is not None and answer.cut_at < 0):
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if "content-length" not in answer.headers:
            handler.send_header("content-length", str(len(answer.body)))
        handler.end_headers()
        handler.wfile.write(answer.body[: answer.cut_at])
        handler.wfile.flush()
        if answer.cut_at is not None:
            handler.close_connection = True

    def _asked(self, handler: BaseHTTPRequestHandler) -> Asked:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(handler.rfile.readline(), 16):
                body += handler.rfile.read(size)
                handler.rfile.readline()
            handler.rfile.readline()
        else:
            body = handler.rfile.read(int(headers.get("content-length", "0")))
        with self._lock:
            asked = Asked(len(self.requests), handler.command, handler.path, headers, body)
            self.requests.append(asked)
        return asked

    def _forward(self, asked: Asked) -> Answer:
        there = http.client.HTTPConnection(self._upstream.hostname or "", self._upstream.port, timeout=20)
        try:
            headers = {k: v for k, v in asked.headers.items() if k not in ("host", "connection")}
            there.request(asked.method, asked.path, asked.body, headers)
            reply = there.getresponse()
            kept = {
                name.lower(): value
                for name, value in reply.getheaders()
                if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server")
            }
            return Answer(reply.status, reply.read(), kept)
        finally:
            there.close()
