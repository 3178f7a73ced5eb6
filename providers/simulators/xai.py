"""xAI's image API on loopback, in its REST form.

    with XAISimulator(faults=["batch_seconds=1"]) as simulator:
        client = openai.OpenAI(base_url=simulator.base_url, api_key=simulator.key)

What it accepts and refuses is in `xai_images`, with the words in a prompt that provoke something; the life
of a batch is in `xai_batches`, the dials are in `faults` and `xai_words`. The vendor's own client speaks
gRPC: the tests put a bridge before this server. Chat, video, public links and `storage_options` are not
there.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import shutil
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, BinaryIO

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from providers.simulators.faults import Faults
from providers.simulators.server import CutShort, Endpoint, NoReply, Simulator
from providers.simulators.xai_asked import (
    json_object,
    paged,
    read_limit,
    read_request,
    read_token,
    write_token,
)
from providers.simulators.xai_batches import Batch, BatchDesk, Done
from providers.simulators.xai_images import MAX_PROMPT_CHARACTERS, MODELS, Studio, find_model, read_ask
from providers.simulators.xai_shelf import MAX_FILE_BYTES, Gallery, Shelf, StoredFile, read_life
from providers.simulators.xai_words import Refused, XAIFaults, out_of_credits, rate_limited

KEY_PREFIX = "xai-sim"
"""Keys that start so are good; all others are refused, so that a real key is never accepted by mistake."""
MAX_ADD_BYTES = 25_000_000
POLL_PATIENCE_SECONDS = 0.3
"""How long a poll helps along a batch that has work due before it answers."""
DEFAULT_PAGE = 100

log = logging.getLogger(__name__)


class XAISimulator(Simulator):
    """The xAI team "sim" on loopback."""

    vendor = "xai"
    key = f"{KEY_PREFIX}-0123456789"
    """A key it accepts."""

    def __init__(
        self,
        port: int = 0,
        faults: Faults | Iterable[str] = (),
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(port, faults if isinstance(faults, Faults) else XAIFaults.parse(faults), clock=clock)
        self._recent_calls: deque[float] = deque()
        self._recent_creates: deque[float] = deque()

    @property
    def base_url(self) -> str:
        """What an adapter or OpenAI's client takes as `base_url`."""
        return f"{self.url}/v1"

    @property
    def dials(self) -> XAIFaults:
        assert isinstance(self.faults, XAIFaults), "xAI's simulator takes XAIFaults"
        return self.faults

    def tick(self) -> None:
        self._desk.tick()

    def routes(self) -> list[BaseRoute]:
        self._shelf, self._gallery = Shelf(self.folder), Gallery(self.folder)
        self._studio = Studio(self, lambda: self.dials)
        self._desk = BatchDesk(self, lambda: self.dials, self._studio, self._gallery.keep, self._file_bytes)
        routes: list[tuple[str, str, Endpoint]] = [
            ("POST", "/images/generations", self._generate),
            ("POST", "/images/edits", self._edit),
            ("GET", "/image-generation-models", self._models),
            ("GET", "/image-generation-models/{model}", self._model),
            ("POST", "/files", self._upload),
            ("GET", "/files", self._list_files),
            ("GET", "/files/{file_id}", self._file),
            ("DELETE", "/files/{file_id}", self._delete_file),
            ("GET", "/files/{file_id}/content", self._content),
            ("POST", "/batches", self._create_batch),
            ("GET", "/batches", self._list_batches),
            ("POST", "/batches/{batch_id}:cancel", self._cancel_batch),
            ("GET", "/batches/{batch_id}", self._batch),
            ("POST", "/batches/{batch_id}/requests", self._add_requests),
            ("GET", "/batches/{batch_id}/requests", self._list_requests),
            ("GET", "/batches/{batch_id}/results", self._results),
        ]
        self._known = [Route(f"/v1{path}", self._guarded(what), methods=[way]) for way, path, what in routes]
        return [
            *self._known,
            Route("/imgen/xai-tmp-imgen-{name}.jpeg", self._picture, methods=["GET"]),
            Route(
                "/{path:path}",
                self._guarded(self._nowhere),
                methods=["GET", "POST", "DELETE", "PUT", "PATCH"],
            ),
        ]

    # --- around every endpoint ---

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint behind the key check, with errors in the vendor's envelope."""

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
                log.exception("the xai simulator failed at %s", request.url.path)
                failure = Refused(500, "The simulator itself failed; see its log.")
                response = JSONResponse(failure.body(), 500)
            if isinstance(response, Response):
                response.headers["x-request-id"] = str(uuid.uuid4())
                response.headers["x-zero-data-retention"] = "false"
            return response

        return answer

    def _check_key(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise Refused(401, "No API key was provided: send it as a bearer token.")
        if not key.startswith(KEY_PREFIX) or self.faults.auth:
            # A wrong key is a 400 there, and only a missing one a 401.
            shown = f"{key[:2]}***{key[-2:]}" if len(key) > 8 else "***"
            raise Refused(
                400,
                f"Incorrect API key provided: {shown}. You can obtain an API key from https://console.x.ai.",
            )

    async def _nowhere(self, request: Request) -> ASGIApp:
        known = any(route.path_regex.match(request.url.path) for route in self._known)
        raise Refused(405 if known else 404, f"{request.method} {request.url.path} is not there.")

    # --- pictures now ---

    async def _generate(self, request: Request) -> ASGIApp:
        return await self._draw_now(request, edit=False)

    async def _edit(self, request: Request) -> ASGIApp:
        return await self._draw_now(request, edit=True)

    async def _draw_now(self, request: Request, *, edit: bool) -> ASGIApp:
        body = await json_object(request)
        self._admit_live_call()
        ask = await self.in_thread(lambda: read_ask(body, edit=edit, file=self._file_bytes))
        wait = self.faults.latency + self.faults.latency_jitter * self.dice.again("latency")
        if wait > 0:
            await asyncio.sleep(wait)
        painted = await self.in_thread(
            lambda: next(iter(self.in_parallel(lambda wanted: self._studio.execute(wanted, "live"), [ask])))
        )
        kept = [None if one is None else self._gallery.keep(one) for one in painted.pictures]
        done = Done(tuple(kept), ask.as_base64, painted.model, painted.ticks)
        if self.faults.take("lost_reply_live"):
            return NoReply()
        return JSONResponse(await self.in_thread(self._answer, done))

    def _admit_live_call(self) -> None:
        """Account and pace. Raises Refused."""
        if self.faults.quota:
            raise out_of_credits()
        now, pace = self.clock(), self.faults.requests_per_minute
        while self._recent_calls and now - self._recent_calls[0] >= 60:
            self._recent_calls.popleft()
        if pace and len(self._recent_calls) >= pace:
            raise rate_limited(60 - (now - self._recent_calls[0]))
        if self.dice.again("rate limit") < self.faults.rate_limit_rate:
            raise rate_limited(self.faults.retry_after)
        self._recent_calls.append(now)

    def _answer(self, done: Done) -> dict[str, Any]:
        """The answer to one executed call, its links signed now."""
        data: list[dict[str, Any]] = []
        for name in done.pictures:
            if name is None:
                data.append({"respect_moderation": False})
                continue
            shown: dict[str, Any] = {"mime_type": "image/jpeg", "respect_moderation": True}
            if done.as_base64:
                shown["b64_json"] = base64.b64encode(self._gallery.read(name)).decode()
            else:
                shown["url"] = self._gallery.link(self.url, name, self.clock() + self.dials.url_seconds)
            data.append(shown)
        return {"data": data, "model": done.model, "usage": {"cost_in_usd_ticks": done.ticks}}

    async def _picture(self, request: Request) -> ASGIApp:
        """A picture behind its link; whoever has the link needs no key."""
        query = request.query_params
        path = self._gallery.find(
            request.path_params["name"], query.get("Expires", ""), query.get("Signature", ""), self.clock()
        )
        if path is None or self.faults.take("dead_links"):
            return Response("Not Found", 404)
        response = FileResponse(path, media_type="image/jpeg")
        return CutShort(response) if self.faults.take("cut_connection") else response

    # --- files ---

    async def _upload(self, request: Request) -> ASGIApp:
        async with request.form() as form:
            parts = [name for name, _ in form.multi_items()]
            upload = form.get("file")
            if not isinstance(upload, UploadFile):
                raise Refused(400, "Missing file part.")
            if "expires_after" in parts and parts.index("expires_after") > parts.index("file"):
                raise Refused(400, "expires_after must come before the file.")
            if (upload.size or 0) > MAX_FILE_BYTES:
                raise Refused(413, f"The file exceeds {MAX_FILE_BYTES} bytes.")
            life = read_life(form.get("expires_after"))
            purpose = str(form.get("purpose") or "")
            file = await self.in_thread(self._keep, upload.file, upload.filename or "file", purpose, life)
        return JSONResponse(file.as_json())

    def _keep(self, upload: BinaryIO, filename: str, purpose: str, life_seconds: int | None) -> StoredFile:
        path = self._shelf.new_path()
        with path.open("wb") as file:
            shutil.copyfileobj(upload, file, 1024 * 1024)
        return self._shelf.put(path, filename, purpose, self.clock(), life_seconds)

    def _file_bytes(self, file_id: str) -> bytes:
        return self._shelf.get(file_id, self.clock()).path.read_bytes()

    async def _list_files(self, request: Request) -> ASGIApp:
        shown, token = paged(request, self.dials.page_most, self._shelf.all(self.clock()))
        return JSONResponse({"data": [file.as_json() for file in shown], "pagination_token": token})

    async def _file(self, request: Request) -> ASGIApp:
        return JSONResponse(self._shelf.get(request.path_params["file_id"], self.clock()).as_json())

    async def _delete_file(self, request: Request) -> ASGIApp:
        file_id = request.path_params["file_id"]
        self._shelf.delete(file_id, self.clock())
        return JSONResponse({"id": file_id, "deleted": True})

    async def _content(self, request: Request) -> ASGIApp:
        return FileResponse(self._shelf.get(request.path_params["file_id"], self.clock()).path)

    # --- batches ---

    async def _create_batch(self, request: Request) -> ASGIApp:
        body = await json_object(request)
        name, file_id = body.get("name"), body.get("input_file_id")
        if not isinstance(name, str) or not isinstance(file_id, str | None):
            raise Refused(422, "Failed to deserialize the JSON body: missing field `name`")
        if self.faults.quota:
            raise out_of_credits()
        self._admit_create()
        file = self._shelf.get(file_id, self.clock()) if file_id is not None else None
        batch = self._desk.create(self.ledger.created(), name, (file.id, file.path) if file else None)
        if self.faults.take("lost_reply_after_create"):
            return NoReply()
        return JSONResponse(batch.as_json(self._when))

    def _admit_create(self) -> None:
        now, most = self.clock(), self.dials.creates_per_second
        while self._recent_creates and now - self._recent_creates[0] >= 1:
            self._recent_creates.popleft()
        if most and len(self._recent_creates) >= most:
            raise rate_limited(1)
        self._recent_creates.append(now)

    async def _list_batches(self, request: Request) -> ASGIApp:
        shown, token = paged(request, self.dials.page_most, self._desk.all())
        return JSONResponse(
            {"batches": [batch.as_json(self._when) for batch in shown], "pagination_token": token}
        )

    async def _batch(self, request: Request) -> ASGIApp:
        batch = self._desk.get(request.path_params["batch_id"])
        await self.in_thread(batch.advance, POLL_PATIENCE_SECONDS)
        return JSONResponse(batch.as_json(self._when))

    async def _cancel_batch(self, request: Request) -> ASGIApp:
        batch = self._desk.get(request.path_params["batch_id"])
        batch.cancel()
        return JSONResponse(batch.as_json(self._when))

    async def _add_requests(self, request: Request) -> ASGIApp:
        if len(await request.body()) > MAX_ADD_BYTES:
            raise Refused(413, f"One call may add {MAX_ADD_BYTES} bytes.")
        given = (await json_object(request)).get("batch_requests")
        if not isinstance(given, list) or not given:
            raise Refused(422, "Failed to deserialize the JSON body: missing field `batch_requests`")
        batch = self._desk.get(request.path_params["batch_id"])
        await self.in_thread(batch.add, [read_request(one) for one in given])
        return JSONResponse({})

    async def _list_requests(self, request: Request) -> ASGIApp:
        batch = self._desk.get(request.path_params["batch_id"])
        shown, token = paged(request, self.dials.page_most, batch.lines(self._when))
        return JSONResponse({"batch_request_metadata": shown, "pagination_token": token})

    async def _results(self, request: Request) -> ASGIApp:
        batch = self._desk.get(request.path_params["batch_id"])
        response = JSONResponse(await self.in_thread(self._result_page, request, batch))
        return CutShort(response) if self.faults.take("cut_connection") else response

    def _result_page(self, request: Request, batch: Batch) -> dict[str, Any]:
        answered = batch.answered()
        # The token names the last row shown: more rows may have come in between since.
        after = read_token(request.query_params.get("pagination_token"))
        left = [one for one in answered if one[0] > after]
        most = read_limit(request, self.dials.page_most)
        last = left[most - 1][0] if len(left) > most else ""
        shown = [one for one in left if not last or one[0] <= last]
        return {
            "results": [self._row(name, done) for name, done in shown],
            "pagination_token": write_token(last) if last else None,
        }

    def _row(self, name: str, done: Done) -> dict[str, Any]:
        spelled = self.dials.grpc_spelling
        if done.error:
            # A bare string in every live answer seen, a google.rpc.Status in the SDK's messages.
            result: dict[str, Any] = {"error": done.error if spelled else done.error["message"]}
        else:
            word = "image_response" if spelled else "image_generation"
            result = {"response": {word: self._answer(done)}}
        return {"batch_request_id": name, "batch_result": result}

    # --- models ---

    async def _models(self, _: Request) -> ASGIApp:
        return JSONResponse({"models": [_model_json(name) for name in MODELS]})

    async def _model(self, request: Request) -> ASGIApp:
        found = find_model(request.path_params["model"])
        if found is None:
            raise Refused(404, f"The model {request.path_params['model']} was not found.")
        return JSONResponse(_model_json(found[0]))

    # --- spelling ---

    def _when(self, moment: float) -> str:
        """Live answers give bare dates, the SDK's messages points in time."""
        at = datetime.fromtimestamp(moment, UTC)
        return at.isoformat() if self.dials.grpc_spelling else at.date().isoformat()


def _model_json(name: str) -> dict[str, Any]:
    model = MODELS[name]
    return {
        "id": name,
        "object": "model",
        "owned_by": "xai",
        "created": model.created,
        "version": "1.0",
        "aliases": list(model.aliases),
        "input_modalities": ["text", "image"],
        "output_modalities": ["image"],
        "image_price": int(min(model.cents.values()) * 10**8),
        "max_prompt_length": MAX_PROMPT_CHARACTERS,
    }
