"""Google's Gemini API on loopback: the vendor's own client talks to it unchanged.

    with GeminiSimulator(faults=["error_rate=0.1"]) as simulator:
        options = google.genai.types.HttpOptions(base_url=simulator.base_url)
        client = google.genai.Client(api_key=simulator.key, http_options=options)

What models take and cost is in `gemini_models`, the words in a prompt that provoke something in
`gemini_studio`, the life of a batch in `gemini_batches`, the dials in `gemini_faults` and `faults`.
`simulator.billed` and ``GET /_sim/ledger`` say what was paid for. Both API versions are served. Streaming,
Imagen's `:predict` (gone from this API), chat and webhooks are not there.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from providers.simulators.faults import Faults
from providers.simulators.gemini_batches import BatchDesk
from providers.simulators.gemini_errors import (
    Refused,
    bad_key,
    credits_gone,
    day_used_up,
    invalid,
    no_key,
    no_such_model,
    rate_limited,
)
from providers.simulators.gemini_faults import GeminiFaults
from providers.simulators.gemini_files import GRANULE, MAX_FILE_BYTES, Shelf, Upload
from providers.simulators.gemini_models import MODELS, available, read_ask
from providers.simulators.gemini_studio import Studio, internal
from providers.simulators.server import CutShort, Endpoint, NoReply, Simulator

KEY_PREFIX = "AIza-sim"
"""Keys that start so are good; all others are refused, so that a real key is never accepted by mistake."""
VERSIONS = ("v1beta", "v1")
POLL_PATIENCE_SECONDS = 0.3
"""How long a poll helps along a batch that has work due before it answers."""

log = logging.getLogger(__name__)


class GeminiSimulator(Simulator):
    """The Gemini project "sim" on loopback."""

    vendor = "gemini"
    key = f"{KEY_PREFIX}-0123456789"
    """A key it accepts."""

    def __init__(
        self,
        port: int = 0,
        faults: Faults | Iterable[str] = (),
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(port, _with_own_dials(faults), clock=clock)
        self._recent_calls: deque[float] = deque()

    @property
    def dials(self) -> GeminiFaults:
        """The dials, with Gemini's own."""
        assert isinstance(self.faults, GeminiFaults)
        return self.faults

    @property
    def base_url(self) -> str:
        """What the vendor's client takes as `base_url`; the version comes behind it."""
        return self.url

    def tick(self) -> None:
        self._desk.tick()

    def routes(self) -> list[BaseRoute]:
        self._shelf = Shelf(self.folder)
        self._studio = Studio(self, lambda: self.dials)
        self._desk = BatchDesk(self, self._shelf, self._studio)
        routes: list[BaseRoute] = []
        for version in VERSIONS:
            endpoints: list[tuple[str, str, Endpoint]] = [
                ("POST", f"/{version}/models/{{model}}:generateContent", self._generate),
                ("POST", f"/{version}/models/{{model}}:batchGenerateContent", self._create_batch),
                ("GET", f"/{version}/models", self._models),
                ("GET", f"/{version}/models/{{model}}", self._model),
                ("POST", f"/upload/{version}/files", self._upload),
                ("GET", f"/{version}/files", self._list_files),
                ("GET", f"/{version}/files/{{file}}:download", self._download),
                ("GET", f"/download/{version}/files/{{file}}:download", self._download),
                ("GET", f"/{version}/files/{{file}}", self._file),
                ("DELETE", f"/{version}/files/{{file}}", self._delete_file),
                ("GET", f"/{version}/batches", self._list_batches),
                ("GET", f"/{version}/batches/{{batch}}", self._batch),
                ("DELETE", f"/{version}/batches/{{batch}}", self._delete_batch),
                ("POST", f"/{version}/batches/{{batch}}:cancel", self._cancel_batch),
            ]
            routes += [
                Route(path, self._guarded(endpoint), methods=[method]) for method, path, endpoint in endpoints
            ]
        methods = ["GET", "POST", "DELETE", "PUT", "PATCH"]
        return [*routes, Route("/{path:path}", self._guarded(self._nowhere), methods=methods)]

    # --- around every endpoint ---

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint behind the key check, with errors in the vendor's envelope."""

        async def answer(request: Request) -> ASGIApp:
            try:
                self._check_key(request)
                return await endpoint(request)
            except Refused as refusal:
                return JSONResponse(refusal.body(), refusal.status)
            except ClientDisconnect:
                return NoReply()
            except Exception:
                log.exception("the gemini simulator failed at %s", request.url.path)
                return JSONResponse(internal().body(), 500)

        return answer

    def _check_key(self, request: Request) -> None:
        if "upload_id" in request.query_params:
            return  # the pieces of an upload come without a key
        key = request.headers.get("x-goog-api-key") or request.query_params.get("key")
        if not key:
            raise no_key()
        if not key.startswith(KEY_PREFIX) or self.dials.auth:
            raise bad_key()

    async def _nowhere(self, request: Request) -> ASGIApp:
        raise Refused("NOT_FOUND", f"The requested URL {request.url.path} was not found on this server.")

    def _check_money(self) -> None:
        if self.dials.no_credit:
            raise credits_gone()
        if self.dials.quota:
            raise day_used_up()

    # --- pictures now ---

    async def _generate(self, request: Request) -> ASGIApp:
        self._admit_live_call()
        model, now = request.path_params["model"], self.clock()
        if available(model, now) is None:
            raise no_such_model(model, _version(request), "generateContent")
        body = await _json(request)
        ask = await self.in_thread(read_ask, body, model, now, lambda name: self._shelf.usable(name, now))
        wait = self.dials.latency + self.dials.latency_jitter * self.dice.again("latency")
        if wait > 0:
            await asyncio.sleep(wait)
        (answer,) = await self.in_thread(
            lambda: list(self.in_parallel(lambda wanted: self._studio.execute(wanted, "live"), [ask]))
        )
        if self.dials.take("lost_reply_live"):
            return NoReply()
        return JSONResponse(answer)

    def _admit_live_call(self) -> None:
        """Account and pace, before anything is read. Raises Refused."""
        self._check_money()
        now, pace = self.clock(), self.dials.requests_per_minute
        while self._recent_calls and now - self._recent_calls[0] >= 60:
            self._recent_calls.popleft()
        if pace and len(self._recent_calls) >= pace:
            raise rate_limited(max(0.001, 60 - (now - self._recent_calls[0])))
        if self.dice.again("rate limit") < self.dials.rate_limit_rate:
            raise rate_limited(self.dials.retry_after)
        self._recent_calls.append(now)

    # --- files ---

    async def _upload(self, request: Request) -> ASGIApp:
        if "upload_id" in request.query_params:
            return await self._take_piece(request)
        command = request.headers.get("x-goog-upload-command", "")
        if request.headers.get("x-goog-upload-protocol") != "resumable" or command != "start":
            raise invalid("This simulator takes resumable uploads only.")
        body = await _json(request, empty={})
        file = body.get("file") or {}
        size = request.headers.get("x-goog-upload-header-content-length")
        if size and int(size) > MAX_FILE_BYTES:
            raise invalid(f"The file has {size} bytes; at most {MAX_FILE_BYTES} are taken.")
        upload_id = self._shelf.begin(
            str(file.get("displayName") or file.get("display_name") or ""),
            request.headers.get("x-goog-upload-header-content-type", "application/octet-stream"),
            int(size) if size else None,
        )
        query = f"upload_id={upload_id}&upload_protocol=resumable"
        headers = {
            "x-goog-upload-url": f"{self.url}{request.url.path}?{query}",
            "x-goog-upload-status": "active",
            "x-goog-upload-chunk-granularity": str(GRANULE),
        }
        return Response(headers=headers)

    async def _take_piece(self, request: Request) -> ASGIApp:
        """A piece of an upload, or the question how far it is."""
        upload = self._shelf.upload(request.query_params["upload_id"])
        commands = {part.strip() for part in request.headers.get("x-goog-upload-command", "").split(",")}
        piece = await request.body()
        if "query" in commands:
            return self._upload_reply(upload)
        if not commands <= {"upload", "finalize"} or not commands:
            raise invalid(f"Unknown upload command: {', '.join(sorted(commands))}")
        if self.dials.half_uploads and self.dials.take("half_uploads"):
            piece = piece[: len(piece) // 2 // GRANULE * GRANULE]
            self._shelf.receive(upload, _offset(request), piece, last=False)
            return NoReply()
        if "upload" in commands:
            last = "finalize" in commands
            await self.in_thread(lambda: self._shelf.receive(upload, _offset(request), piece, last=last))
        if "finalize" in commands:
            await self.in_thread(self._shelf.finish, upload, self.clock(), self.dials.processing_seconds)
        if self.dials.take("lost_reply_upload"):
            return NoReply()
        return self._upload_reply(upload)

    def _upload_reply(self, upload: Upload) -> Response:
        status = "active" if upload.file is None else "final"
        headers = {"x-goog-upload-status": status, "x-goog-upload-size-received": str(upload.received)}
        if upload.file is None:
            return Response(headers=headers)
        return JSONResponse({"file": upload.file.as_json(self.url, self.clock())}, headers=headers)

    async def _list_files(self, request: Request) -> ASGIApp:
        now = self.clock()
        files = [file.as_json(self.url, now) for file in self._shelf.all(now)]
        return JSONResponse(_page(request, "files", files, 10, 100))

    async def _file(self, request: Request) -> ASGIApp:
        now = self.clock()
        return JSONResponse(
            self._shelf.get(f"files/{request.path_params['file']}", now).as_json(self.url, now)
        )

    async def _delete_file(self, request: Request) -> ASGIApp:
        self._shelf.delete(f"files/{request.path_params['file']}", self.clock())
        return JSONResponse({})

    async def _download(self, request: Request) -> ASGIApp:
        file = self._shelf.get(f"files/{request.path_params['file']}", self.clock())
        if not file.generated:
            raise invalid("Uploaded files cannot be downloaded.")
        if request.query_params.get("alt") != "media":
            raise invalid("Only alt=media is served here.")
        response = FileResponse(file.path, media_type=file.mime_type)
        return CutShort(response) if self.dials.take("cut_connection") else response

    # --- batches ---

    async def _create_batch(self, request: Request) -> ASGIApp:
        self._check_money()
        body = await _json(request)
        model, version = request.path_params["model"], _version(request)
        batch = await self.in_thread(self._desk.create, body, model, version)
        if self.dials.take("lost_reply_after_create"):
            return NoReply()
        return JSONResponse(batch.as_json())

    async def _list_batches(self, request: Request) -> ASGIApp:
        batches = self._desk.all()
        shown = _page(request, "operations", [batch.as_json(listed=True) for batch in batches], 10, 100)
        for batch in batches:
            batch.show()
        return JSONResponse(shown)

    async def _batch(self, request: Request) -> ASGIApp:
        batch = self._desk.get(f"batches/{request.path_params['batch']}")
        await self.in_thread(batch.advance, POLL_PATIENCE_SECONDS)
        shown = await self.in_thread(batch.as_json)
        batch.show()
        return JSONResponse(shown)

    async def _delete_batch(self, request: Request) -> ASGIApp:
        self._desk.delete(f"batches/{request.path_params['batch']}")
        return JSONResponse({})

    async def _cancel_batch(self, request: Request) -> ASGIApp:
        self._desk.get(f"batches/{request.path_params['batch']}").cancel()
        return JSONResponse({})

    # --- models ---

    async def _models(self, request: Request) -> ASGIApp:
        now = self.clock()
        models = [_model_json(name) for name in MODELS if available(name, now)]
        return JSONResponse(_page(request, "models", models, 50, 1_000))

    async def _model(self, request: Request) -> ASGIApp:
        name = request.path_params["model"]
        if available(name, self.clock()) is None:
            raise no_such_model(name, _version(request), "getModel")
        return JSONResponse(_model_json(name))


def _with_own_dials(faults: Faults | Iterable[str]) -> GeminiFaults:
    dials = GeminiFaults()
    if isinstance(faults, GeminiFaults):
        return faults
    if isinstance(faults, Faults):
        dials.update(vars(faults))
        return dials
    parsed = GeminiFaults.parse(faults)
    assert isinstance(parsed, GeminiFaults)
    return parsed


def _model_json(name: str) -> dict[str, Any]:
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": MODELS[name].title,
        "inputTokenLimit": 65_536,
        "outputTokenLimit": 32_768,
        "supportedGenerationMethods": ["generateContent", "countTokens", "batchGenerateContent"],
    }


def _version(request: Request) -> str:
    return request.url.path.split("/")[1]


def _offset(request: Request) -> int:
    text = request.headers.get("x-goog-upload-offset", "")
    if not text.isdigit():
        raise invalid("X-Goog-Upload-Offset is missing or no number.")
    return int(text)


async def _json(request: Request, empty: dict[str, Any] | None = None) -> dict[str, Any]:
    content = await request.body()
    if not content and empty is not None:
        return empty
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise invalid("Invalid JSON payload received.")
    return body


def _page(request: Request, name: str, items: list[dict[str, Any]], usual: int, most: int) -> dict[str, Any]:
    """One page of a list; an empty list is left out, as proto3 JSON does."""
    size = request.query_params.get("pageSize", str(usual))
    token = request.query_params.get("pageToken", "0")
    if not size.isdigit() or not token.isdigit():
        raise invalid("Invalid page size or page token.")
    start, number = int(token), min(int(size) or usual, most)
    page: dict[str, Any] = {name: items[start : start + number]} if items[start:] else {}
    return page | ({"nextPageToken": str(start + number)} if items[start + number :] else {})
