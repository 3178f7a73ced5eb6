"""OpenAI's image API on loopback: the vendor's own client talks to it unchanged.

    with OpenAISimulator(faults=["error_rate=0.1"]) as simulator:
        client = openai.OpenAI(base_url=simulator.base_url, api_key=simulator.key)

What it accepts and refuses is in `openai_images`, with the words in a prompt that provoke something; the life
of a batch is in `openai_batches`, the dials are in `faults`. `simulator.billed` and ``GET /_sim/ledger`` say
what was paid for. When a batch is over a signed webhook goes to `webhook_url`, if that is set. Streaming of
partial images, variations and the administration of webhooks are not there.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from providers.simulators import openai_hooks
from providers.simulators.faults import Faults
from providers.simulators.openai_batch_input import Limits
from providers.simulators.openai_batches import ENDPOINTS, BatchDesk
from providers.simulators.openai_errors import (
    Refused,
    invalid,
    no_such_batch,
    no_such_file,
    unknown_parameter,
)
from providers.simulators.openai_files import (
    MAX_FILE_BYTES,
    Shelf,
    StoredFile,
    check_upload,
    longer,
    page,
    read_life,
)
from providers.simulators.openai_images import MODELS, Ask, Studio, available, rate_limited, read_ask
from providers.simulators.openai_references import check_json_references, read_form
from providers.simulators.server import CutShort, Endpoint, NoReply, Simulator

KEY_PREFIX = "sk-sim"
"""Keys that start so are good; all others are refused, so that a real key is never accepted by mistake."""
CREATES_PER_HOUR = 2_000
SHOWN_REQUESTS_LIMIT = 500
"""What the rate headers claim when no dial sets a limit."""
POLL_PATIENCE_SECONDS = 0.3
"""How long a poll helps along a batch that has work due before it answers."""
METADATA_PAIRS, METADATA_KEY_CHARACTERS, METADATA_VALUE_CHARACTERS = 16, 64, 512
CREATE_FIELDS = frozenset(
    {"input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after"}
)

log = logging.getLogger(__name__)


class OpenAISimulator(Simulator):
    """The OpenAI account "sim" on loopback."""

    vendor = "openai"
    key = f"{KEY_PREFIX}-0123456789"
    """A key it accepts."""
    webhook_secret = openai_hooks.SECRET
    """What webhooks are signed with."""
    webhook_url: str = ""
    """The one endpoint of the project, on loopback; empty for none."""

    def __init__(
        self,
        port: int = 0,
        faults: Faults | Iterable[str] = (),
        *,
        clock: Callable[[], float] = time.time,
        limits: Limits | None = None,
    ) -> None:
        super().__init__(port, faults, clock=clock)
        self._limits = limits or Limits()
        self._calls = 0
        self._recent_calls: deque[float] = deque()
        self._recent_creates: deque[float] = deque()

    @property
    def base_url(self) -> str:
        """What the vendor's client takes as `base_url`."""
        return f"{self.url}/v1"

    def tick(self) -> None:
        self._desk.tick()

    def _tell(self, batch_id: str, status: str) -> None:
        if self.webhook_url:
            self.courier.send(self.webhook_url, openai_hooks.event(batch_id, status, self.clock))

    def routes(self) -> list[BaseRoute]:
        self._shelf = Shelf(self.folder)
        self._studio = Studio(self)
        self._desk = BatchDesk(
            self,
            self._shelf,
            self._studio,
            self._limits,
            lambda parts: check_json_references(parts[0], parts[1], self._shelf, self.clock()),
            self._tell,
        )
        routes: list[tuple[str, str, Endpoint]] = [
            ("POST", "/images/generations", self._generate),
            ("POST", "/images/edits", self._edit),
            ("POST", "/files", self._upload),
            ("GET", "/files", self._list_files),
            ("GET", "/files/{file_id}", self._file),
            ("DELETE", "/files/{file_id}", self._delete_file),
            ("GET", "/files/{file_id}/content", self._content),
            ("POST", "/batches", self._create_batch),
            ("GET", "/batches", self._list_batches),
            ("GET", "/batches/{batch_id}", self._batch),
            ("POST", "/batches/{batch_id}/cancel", self._cancel_batch),
            ("GET", "/models", self._models),
            ("GET", "/models/{model}", self._model),
        ]
        return [
            *(
                Route(f"/v1{path}", self._guarded(endpoint), methods=[method])
                for method, path, endpoint in routes
            ),
            Route(
                "/{path:path}",
                self._guarded(self._nowhere),
                methods=["GET", "POST", "DELETE", "PUT", "PATCH"],
            ),
        ]

    # --- around every endpoint ---

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint behind the key check, with errors in the vendor's envelope and its headers."""

        async def answer(request: Request) -> ASGIApp:
            try:
                self._check_key(request)
                response = await endpoint(request)
            except Refused as refusal:
                response = JSONResponse(refusal.body(), refusal.status, headers=refusal.headers)
            except ClientDisconnect:
                return NoReply()
            except HTTPException as error:  # a form that is none
                response = JSONResponse(Refused(error.status_code, error.detail).body(), error.status_code)
            except Exception:
                log.exception("the openai simulator failed at %s", request.url.path)
                failure = Refused(
                    500, "The simulator itself failed; see its log.", "server_error", type="server_error"
                )
                response = JSONResponse(failure.body(), 500)
            if isinstance(response, Response):
                self._add_headers(request, response)
            return response

        return answer

    def _check_key(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise Refused(401, "You didn't provide an API key.", "invalid_api_key")
        if not key.startswith(KEY_PREFIX) or self.faults.auth:
            shown = f"{key[:6]}***{key[-2:]}" if len(key) > 12 else "***"
            raise Refused(401, f"Incorrect API key provided: {shown}.", "invalid_api_key")

    def _add_headers(self, request: Request, response: Response) -> None:
        response.headers["x-request-id"] = f"req_{uuid.uuid4().hex}"
        response.headers["openai-version"] = "2020-10-01"
        if request.url.path.startswith("/v1/images/"):
            limit = self.faults.requests_per_minute or SHOWN_REQUESTS_LIMIT
            response.headers["x-ratelimit-limit-requests"] = str(limit)
            response.headers["x-ratelimit-remaining-requests"] = str(max(0, limit - len(self._recent_calls)))
            response.headers["x-ratelimit-reset-requests"] = f"{60 / limit:.3g}s"

    async def _nowhere(self, request: Request) -> ASGIApp:
        raise Refused(404, f"Invalid URL ({request.method} {request.url.path})")

    # --- pictures now ---

    async def _generate(self, request: Request) -> ASGIApp:
        self._admit_live_call()
        return await self._draw_now(await _json_object(request), edit=False)

    async def _edit(self, request: Request) -> ASGIApp:
        self._admit_live_call()
        if request.headers.get("content-type", "").startswith("application/json"):
            body = await _json_object(request)
            await self.in_thread(
                check_json_references, body.get("images"), body.get("mask"), self._shelf, self.clock()
            )
        else:
            async with request.form() as form:
                body = await self.in_thread(read_form, form)
        return await self._draw_now(body, edit=True)

    def _admit_live_call(self) -> None:
        """Account and pace, before anything is read. Raises Refused."""
        if self.faults.quota:
            raise Refused(
                429,
                "You exceeded your current quota, please check your plan and billing details.",
                "credit_balance_exhausted",
                type="insufficient_quota",
            )
        now, pace = self.clock(), self.faults.requests_per_minute
        while self._recent_calls and now - self._recent_calls[0] >= 60:
            self._recent_calls.popleft()
        if pace and len(self._recent_calls) >= pace:
            raise rate_limited(max(0.001, 60 - (now - self._recent_calls[0])))
        if self.dice.again("rate limit") < self.faults.rate_limit_rate:
            raise rate_limited(self.faults.retry_after)
        self._recent_calls.append(now)

    async def _draw_now(self, body: dict[str, Any], *, edit: bool) -> ASGIApp:
        ask = read_ask(body, self.clock(), edit=edit, preview=self.faults.transparent_preview)
        if 0 < self.faults.concurrent_calls <= self._calls:
            raise rate_limited(self.faults.retry_after)
        self._calls += 1
        try:
            await asyncio.sleep(self.faults.latency + self.faults.latency_jitter * self.dice.again("latency"))
            answer = await self.in_thread(self._execute, ask)
        finally:
            self._calls -= 1
        return NoReply() if self.faults.take("lost_reply_live") else JSONResponse(answer)

    def _execute(self, ask: Ask) -> dict[str, Any]:
        (answer,) = self.in_parallel(lambda wanted: self._studio.execute(wanted, "live"), [ask])
        return answer

    # --- files ---

    async def _upload(self, request: Request) -> ASGIApp:
        async with request.form() as form:
            upload = form.get("file")
            if not isinstance(upload, UploadFile):
                raise Refused(
                    400, "Missing required parameter: 'file'.", "missing_required_parameter", param="file"
                )
            if (upload.size or 0) > MAX_FILE_BYTES:
                raise Refused(413, f"File is too large; the maximum is {MAX_FILE_BYTES} bytes.", param="file")
            purpose = check_upload(form.get("purpose"), upload.filename)
            life = read_life(
                form.get("expires_after[anchor]"), form.get("expires_after[seconds]"), "expires_after"
            )
            file = await self.in_thread(self._keep, upload.file, upload.filename or "file", purpose, life)
        return JSONResponse(file.as_json())

    def _keep(self, upload: BinaryIO, filename: str, purpose: str, life_seconds: int | None) -> StoredFile:
        path = self._shelf.new_path()
        with path.open("wb") as file:
            shutil.copyfileobj(upload, file, 1024 * 1024)
        return self._shelf.put(path, filename, purpose, self.clock(), life_seconds)

    async def _list_files(self, request: Request) -> ASGIApp:
        files, wanted = self._shelf.all(self.clock()), request.query_params.get("purpose")
        files = [file for file in files if wanted in (None, file.purpose)]
        if request.query_params.get("order") == "asc":
            files.reverse()
        return JSONResponse(page(files, request.query_params.get("after"), _limit(request, 10_000, 10_000)))

    async def _file(self, request: Request) -> ASGIApp:
        return JSONResponse(self._shelf.get(request.path_params["file_id"], self.clock()).as_json())

    async def _delete_file(self, request: Request) -> ASGIApp:
        file_id = request.path_params["file_id"]
        self._shelf.delete(file_id, self.clock())
        return JSONResponse({"id": file_id, "object": "file", "deleted": True})

    async def _content(self, request: Request) -> ASGIApp:
        file = self._shelf.get(request.path_params["file_id"], self.clock())
        response = FileResponse(file.path, media_type="application/octet-stream", filename=file.filename)
        if file.purpose != "batch_output":
            return response
        if await self.in_thread(longer, file.path, self.faults.largest_results):
            raise no_such_file(file.id)
        if await self.in_thread(longer, file.path, self.faults.longest_download):
            return NoReply()
        if self.faults.take("cut_connection"):
            return CutShort(response)
        return response

    # --- batches ---

    async def _create_batch(self, request: Request) -> ASGIApp:
        body = await _json_object(request)
        life = _check_batch(body)
        try:
            file = self._shelf.get(str(body["input_file_id"]), self.clock())
        except Refused as missing:
            # Whether the service says 400 or 404 here is not documented.
            raise Refused(400, missing.message, param="input_file_id") from None
        if file.purpose != "batch":
            raise invalid(
                "input_file_id", f"File '{file.id}' has purpose '{file.purpose}'; expected 'batch'."
            )
        now = self.clock()
        while self._recent_creates and now - self._recent_creates[0] >= 3_600:
            self._recent_creates.popleft()
        if len(self._recent_creates) >= CREATES_PER_HOUR:
            raise rate_limited(3_600 - (now - self._recent_creates[0]))
        self._recent_creates.append(now)
        batch = self._desk.create(self.ledger.created(), body, file, life)
        if self.faults.take("lost_reply_after_create"):
            return NoReply()
        return JSONResponse(batch.as_json())

    async def _list_batches(self, request: Request) -> ASGIApp:
        shown = page(self._desk.all(), request.query_params.get("after"), _limit(request, 20, 100))
        for entry in shown["data"]:
            if batch := self._desk.get(entry["id"]):
                batch.show()
        return JSONResponse(shown)

    async def _batch(self, request: Request) -> ASGIApp:
        batch = self._desk.get(request.path_params["batch_id"])
        if batch is None:
            raise no_such_batch(request.path_params["batch_id"])
        await self.in_thread(batch.advance, POLL_PATIENCE_SECONDS)
        shown = batch.as_json()
        batch.show()
        return JSONResponse(shown)

    async def _cancel_batch(self, request: Request) -> ASGIApp:
        batch = self._desk.get(request.path_params["batch_id"])
        if batch is None:
            raise no_such_batch(request.path_params["batch_id"])
        batch.cancel()
        return JSONResponse(batch.as_json())

    # --- models ---

    async def _models(self, _: Request) -> ASGIApp:
        now = self.clock()
        return JSONResponse(
            {"object": "list", "data": [_model_json(name) for name in MODELS if available(name, now)]}
        )

    async def _model(self, request: Request) -> ASGIApp:
        name = request.path_params["model"]
        if available(name, self.clock()) is None:
            raise Refused(404, f"The model '{name}' does not exist", "model_not_found", param="model")
        return JSONResponse(_model_json(name))


def _model_json(name: str) -> dict[str, Any]:
    model = MODELS[name]
    return {
        "id": name,
        "object": "model",
        "created": model.created,
        "owned_by": "system",
        "shutdown_date": model.shutdown_date,
    }


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(400, "We could not parse the JSON body of your request.")
    return body


def _limit(request: Request, default: int, most: int) -> int:
    text = request.query_params.get("limit", str(default))
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise invalid(
            "limit", f"Invalid 'limit': expected a value between 1 and {most}, but got {text} instead."
        )
    return int(text)


def _check_batch(body: dict[str, Any]) -> int | None:
    """The life of the output files, when the vendor would take this create. Raises Refused."""
    for name in body.keys() - CREATE_FIELDS:
        raise unknown_parameter(name)
    for name in ("input_file_id", "endpoint", "completion_window"):
        if not isinstance(body.get(name), str):
            raise Refused(
                400, f"Missing required parameter: '{name}'.", "missing_required_parameter", param=name
            )
    if body["endpoint"] not in ENDPOINTS:
        raise invalid(
            "endpoint", f"Invalid value: '{body['endpoint']}'. This simulator draws: {', '.join(ENDPOINTS)}."
        )
    if body["completion_window"] != "24h":
        raise invalid(
            "completion_window", f"Invalid value: '{body['completion_window']}'. Supported values are: '24h'."
        )
    metadata = body.get("metadata")
    if metadata is not None:
        _check_metadata(metadata)
    life = body.get("output_expires_after") or {}
    return read_life(life.get("anchor"), life.get("seconds"), "output_expires_after")


def _check_metadata(metadata: object) -> None:
    if not isinstance(metadata, dict) or len(metadata) > METADATA_PAIRS:
        raise invalid(
            "metadata", f"Invalid 'metadata': expected an object with at most {METADATA_PAIRS} pairs."
        )
    for key, value in metadata.items():
        if len(key) > METADATA_KEY_CHARACTERS:
            raise invalid("metadata", f"Invalid 'metadata': a key is longer than {METADATA_KEY_CHARACTERS}.")
        if not isinstance(value, str) or len(value) > METADATA_VALUE_CHARACTERS:
            raise invalid(
                f"metadata.{key}",
                f"Invalid 'metadata.{key}': expected at most {METADATA_VALUE_CHARACTERS} characters.",
            )
