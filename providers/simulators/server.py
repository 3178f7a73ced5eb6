"""The loopback server every simulated vendor is: started in a thread, stopped without a trace."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from providers.simulators.courier import Courier
from providers.simulators.faults import Dice, Faults
from providers.simulators.ledger import Billed, Ledger, Seen

S = TypeVar("S")
T = TypeVar("T")

DRAWING_THREADS = 2
"""Pillow lets go of the interpreter lock for its heavy work; more threads than this only take turns."""
DESK_THREADS = 16
"""Threads for endpoints that wait, for files or for drawing."""
TICK_SECONDS = 0.05
"""How often a simulator looks whether something is due, when nobody asks."""

log = logging.getLogger(__name__)


class PortBusy(Exception):
    """Something else listens on the wanted port: choose another, or 0 for any."""


class Simulator:
    """A vendor's API on loopback. Subclasses give `routes` and, if time moves them, `tick`.

    Use it as a context manager, or call `start` and `stop`. Everything it keeps lies in a temporary folder
    that goes away with it. `clock` gives unix seconds; a test may inject its own, and time then stands still
    between its moves. What is executed (and billed) is written in `ledger`.
    """

    vendor: ClassVar[str]
    key: str = ""
    """A key it accepts; empty for a vendor that asks for none."""

    def __init__(
        self,
        port: int = 0,
        faults: Faults | Iterable[str] = (),
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.faults = faults if isinstance(faults, Faults) else Faults.parse(faults)
        self.dice = Dice(lambda: self.faults)
        self.ledger = Ledger()
        self.courier = Courier(self.vendor)
        self.clock = clock
        self._wanted_port = port
        self._folder: Path | None = None
        self._server: uvicorn.Server | None = None
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._drawing: ThreadPoolExecutor | None = None
        self._desks: ThreadPoolExecutor | None = None
        self._address = ("127.0.0.1", port)

    # --- for subclasses ---

    def routes(self) -> list[BaseRoute]:
        """The vendor's endpoints."""
        raise NotImplementedError

    def tick(self) -> None:
        """Called every `TICK_SECONDS` in a thread of its own."""

    # --- for callers ---

    @property
    def url(self) -> str:
        """``http://127.0.0.1:port``, once started."""
        return f"http://{self._address[0]}:{self._address[1]}"

    @property
    def base_url(self) -> str:
        """What a client takes as the vendor's address."""
        return self.url

    @property
    def billed(self) -> list[Billed]:
        return self.ledger.billed

    @property
    def requests(self) -> list[Seen]:
        return self.ledger.requests

    @property
    def folder(self) -> Path:
        """Where uploads and results lie while the simulator runs."""
        assert self._folder is not None, "the simulator is not running"
        return self._folder

    def start(self) -> Self:
        """Listen and answer; returns when the first request can be made. Raises PortBusy."""
        assert self._server is None, "the simulator is already running"
        listening = self._listen()
        self._address = listening.getsockname()[:2]
        self._folder = Path(tempfile.mkdtemp(prefix=f"imgbatch-{self.vendor}-"))
        self._drawing = ThreadPoolExecutor(DRAWING_THREADS, thread_name_prefix=f"{self.vendor}-drawing")
        self._desks = ThreadPoolExecutor(DESK_THREADS, thread_name_prefix=f"{self.vendor}-desk")
        self._stopping.clear()
        self.courier = Courier(self.vendor)
        self._server = _Server(
            uvicorn.Config(
                _Doors(self, self._application()),
                http=_CuttableProtocol,
                ws="none",
                lifespan="off",
                loop="asyncio",
                access_log=False,
                log_config=None,
                log_level="critical",
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._threads = [
            threading.Thread(
                target=self._serve, args=(listening,), name=f"{self.vendor}-server", daemon=True
            ),
            threading.Thread(target=self._keep_ticking, name=f"{self.vendor}-tick", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        while not self._server.started:
            if not self._threads[0].is_alive():
                self.stop()
                raise RuntimeError(f"the {self.vendor} simulator did not start")
            self._stopping.wait(0.005)
        return self

    def stop(self) -> None:
        """Stop listening, let go of every thread, socket and file. Does nothing when not running."""
        if self._server is None:
            return
        self._stopping.set()
        self.courier.stop()
        self._server.should_exit = True
        for thread in self._threads:
            thread.join()
        for pool in (self._desks, self._drawing):
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._server = self._folder = self._desks = self._drawing = None
        self._threads = []

    @property
    def stopping(self) -> bool:
        """Long work should look at this between pieces and give up."""
        return self._stopping.is_set()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- for the endpoints ---

    async def in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run something slow beside the event loop. Drawing goes on from there to `in_parallel`."""
        assert self._desks is not None
        return await asyncio.get_running_loop().run_in_executor(self._desks, work, *arguments)

    def in_parallel(self, work: Callable[[S], T], items: Iterable[S]) -> Iterable[T]:
        """Run something slow for each item, from a thread that may wait; answers in order."""
        assert self._drawing is not None
        return self._drawing.map(work, items)

    # --- inside ---

    def _listen(self) -> socket.socket:
        # With the protocol named, asyncio switches Nagle's algorithm off; else each answer takes 40 ms.
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", self._wanted_port))
            listening.listen(128)
        except OSError as error:
            listening.close()
            raise PortBusy(
                f"the {self.vendor} simulator cannot have port {self._wanted_port}: {error.strerror}"
            ) from error
        return listening

    def _serve(self, listening: socket.socket) -> None:
        assert self._server is not None
        with listening:
            self._server.run(sockets=[listening])

    def _keep_ticking(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            try:
                self.tick()
            except Exception:
                log.exception("the %s simulator's tick failed", self.vendor)

    def _application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/_sim/faults", self._faults, methods=["GET", "POST"]),
                Route("/_sim/ledger", self._ledger, methods=["GET"]),
                *self.routes(),
            ]
        )

    async def _faults(self, request: Request) -> Response:
        """Read the dials, or turn some: a JSON object of names and values."""
        if request.method == "POST":
            try:
                wanted = await request.json()
                self.faults.update(dict(wanted))
            except (ValueError, TypeError) as error:
                return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(vars(self.faults))

    async def _ledger(self, _: Request) -> Response:
        return JSONResponse(await self.in_thread(self.ledger.as_json))


class _Server(uvicorn.Server):
    """Looks for its end five times as often as usual: tests start and stop many."""

    async def main_loop(self) -> None:
        turns = 0
        while not await self.on_tick(turns):
            turns += 1
            await asyncio.sleep(0.02)


class _CuttableProtocol(H11Protocol):
    """Lets an endpoint reach its own connection, to cut it as a failing network would."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Doors:
    """The outermost layer: notes every request, but for those about the simulator itself."""

    def __init__(self, simulator: Simulator, application: ASGIApp) -> None:
        self._simulator = simulator
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith("/_sim/"):
            self._simulator.ledger.saw(Seen(scope["method"], scope["path"], self._simulator.clock()))
        await self._application(scope, receive, send)


class NoReply:
    """In place of a response: the connection is cut before the first byte."""

    async def __call__(self, scope: Scope, _: Receive, __: Send) -> None:
        scope["state"]["transport"].abort()
        await asyncio.sleep(0.01)  # uvicorn hears of the loss in the next turn of the loop


class CutShort:
    """A response that loses its connection half way through the body."""

    def __init__(self, response: Response) -> None:
        self._response = response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = 0

        async def send_some(message: Message) -> None:
            nonlocal left
            if message["type"] == "http.response.start":
                headers = dict(message["headers"])
                left = int(headers.get(b"content-length", b"2")) // 2
                await send(message)
                return
            body = message.get("body", b"")
            if left > 0:
                await send({**message, "body": body[:left], "more_body": True})
            left -= len(body)
            if left <= 0:
                scope["state"]["transport"].close()
                await asyncio.sleep(0.01)

        await self._response(scope, receive, send_some)


Endpoint = Callable[[Request], Awaitable[ASGIApp]]
"""An endpoint may answer with a response, or with `NoReply` or `CutShort` around one."""
