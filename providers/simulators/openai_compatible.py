"""A plain server that speaks OpenAI's Images API, as LocalAI, vLLM-Omni and SGLang do, on loopback.

    with CompatibleSimulator(faults=["links=on"]) as simulator:
        client = openai.OpenAI(base_url=simulator.base_url, api_key="none")

It shares the drawing, the moderation and the trouble (words in a prompt: see `openai_images`) with the
simulated OpenAI, but has no files and no batches, asks for no key unless told to, and answers as plainly as
its dials say. Edits are not there: such servers take them as forms alone.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from providers.simulators.faults import Faults
from providers.simulators.openai_errors import Refused, invalid
from providers.simulators.openai_images import Ask, Studio, rate_limited
from providers.simulators.server import CutShort, Endpoint, NoReply, Simulator

KEY_PREFIX = "sim-local"
"""Keys that start so are good where one is asked for."""
MODELS = ("qwen-image", "z-image-turbo", "stable-diffusion-xl")
"""What it lists; a call without a model gets the first."""
MIN_SIDE_PX, MAX_SIDE_PX, SIDE_STEP_PX = 64, 2048, 16
MOST_PICTURES = 10

log = logging.getLogger(__name__)


@dataclass
class CompatibleFaults(Faults):
    """Shared dials keep their meaning; those about batches and files turn nothing here."""

    keyed: bool = False
    """A key is asked for, as a gateway does."""
    links: bool = False
    """Pictures come as links, whatever was asked for."""
    paths: bool = False
    """Links are paths on the server itself."""
    data_urls: bool = False
    """Base64 comes as a data URL."""
    usage: bool = False
    """Answers carry token counts, as a gateway's do."""
    detail_errors: bool = False
    """Errors come as FastAPI's `{detail}` (vLLM-Omni, SGLang)."""
    text_errors: bool = False
    """Errors come as plain text."""
    error_in_success: bool = False
    """Refusals come with a status of 200, as some gateways send them."""
    no_list: bool = False
    """There is no list of models."""


class CompatibleSimulator(Simulator):
    """A server of one's own on loopback."""

    vendor = "openai_compatible"
    key = f"{KEY_PREFIX}-0123456789"
    """A key it accepts; it needs none unless `keyed`."""
    faults: CompatibleFaults

    def __init__(
        self,
        port: int = 0,
        faults: CompatibleFaults | Iterable[str] = (),
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        dials = faults if isinstance(faults, CompatibleFaults) else CompatibleFaults.parse(faults)
        super().__init__(port, dials, clock=clock)
        self._lock = threading.Lock()
        self._recent: list[float] = []
        self._files: dict[str, bytes] = {}

    @property
    def base_url(self) -> str:
        """What a client takes as `base_url`."""
        return f"{self.url}/v1"

    def routes(self) -> list[BaseRoute]:
        self._studio = Studio(self)
        everything = ["GET", "POST", "DELETE", "PUT", "PATCH"]
        return [
            Route("/v1/images/generations", self._guarded(self._draw), methods=["POST"]),
            Route("/v1/models", self._guarded(self._models), methods=["GET"]),
            Route("/generated-images/{name}", self._file, methods=["GET"]),
            Route("/{path:path}", self._guarded(self._nowhere), methods=everything),
        ]

    # --- around every endpoint ---

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint behind the key check, with errors in whichever form the dials say."""

        async def answer(request: Request) -> ASGIApp:
            try:
                self._check_key(request)
                return await endpoint(request)
            except Refused as refusal:
                return self._refusal(refusal)
            except ClientDisconnect:
                return NoReply()
            except Exception:
                log.exception("the openai_compatible simulator failed at %s", request.url.path)
                return PlainTextResponse("Internal Server Error", 500)

        return answer

    def _check_key(self, request: Request) -> None:
        if not self.faults.keyed and not self.faults.auth:
            return
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.startswith(KEY_PREFIX) or self.faults.auth:
            raise Refused(401, "Unauthorized", "invalid_api_key")

    def _refusal(self, refusal: Refused) -> Response:
        status, headers = refusal.status, refusal.headers
        if self.faults.text_errors:
            return PlainTextResponse(refusal.message, status, headers=headers)
        if self.faults.detail_errors:
            detail: Any = refusal.message
            if status == 400 and refusal.param:
                # FastAPI repeats what was sent.
                place = ["body", refusal.param]
                detail = [
                    {"type": "value_error", "loc": place, "msg": refusal.message, "input": "what was sent"}
                ]
                status = 422
            return JSONResponse({"detail": detail}, status, headers=headers)
        body = refusal.body()
        body["error"]["code"] = refusal.code or status  # LocalAI's is the status, a number
        return JSONResponse(body, 200 if self.faults.error_in_success else status, headers=headers)

    async def _nowhere(self, _: Request) -> ASGIApp:
        raise Refused(404, "Not Found")

    # --- pictures ---

    async def _draw(self, request: Request) -> ASGIApp:
        self._keep_pace()
        body = await _json_object(request)
        ask = _read_ask(body)
        wait = self.faults.latency + self.faults.latency_jitter * self.dice.again("latency")
        if wait > 0:
            await asyncio.sleep(wait)
        answer = await self.in_thread(self._execute, ask)
        if self.faults.take("lost_reply_live"):
            return NoReply()
        pictures = [entry["b64_json"] for entry in answer["data"]]
        shown: dict[str, Any] = {"created": answer["created"], "id": uuid.uuid4().hex}
        shown["data"] = [self._entry(picture, body.get("response_format")) for picture in pictures]
        if self.faults.usage:
            shown["usage"] = answer["usage"]
        return JSONResponse(shown)

    def _keep_pace(self) -> None:
        """Money and pace, as a gateway minds them. Raises Refused."""
        if self.faults.quota:
            raise Refused(402, "Insufficient credits", "insufficient_quota", type="insufficient_quota")
        now, pace = self.clock(), self.faults.requests_per_minute
        self._recent = [at for at in self._recent if now - at < 60]
        if pace and len(self._recent) >= pace:
            raise rate_limited(max(0.001, 60 - (now - self._recent[0])))
        if self.dice.again("rate limit") < self.faults.rate_limit_rate:
            raise rate_limited(self.faults.retry_after)
        self._recent.append(now)

    def _execute(self, ask: Ask) -> dict[str, Any]:
        (answer,) = self.in_parallel(lambda wanted: self._studio.execute(wanted, "live"), [ask])
        return answer

    def _entry(self, picture: str, response_format: object) -> dict[str, Any]:
        if self.faults.links or self.faults.paths or response_format == "url":
            name = f"b64{uuid.uuid4().hex}.png"
            with self._lock:
                self._files[name] = base64.b64decode(picture)
            return {"url": f"{'' if self.faults.paths else self.url}/generated-images/{name}"}
        return {"b64_json": f"data:image/png;base64,{picture}" if self.faults.data_urls else picture}

    async def _file(self, request: Request) -> ASGIApp:
        """A picture, to anybody, for as long as the server runs."""
        content = self._files.get(request.path_params["name"])
        if content is None:
            return PlainTextResponse("Not Found", 404)
        response = Response(content, media_type="image/png")
        return CutShort(response) if self.faults.take("cut_connection") else response

    async def _models(self, _: Request) -> ASGIApp:
        if self.faults.no_list:
            raise Refused(404, "Not Found")
        return JSONResponse({"object": "list", "data": [{"id": name, "object": "model"} for name in MODELS]})


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(400, "There was an error parsing the body", param="body")
    return body


def _read_ask(body: Mapping[str, Any]) -> Ask:
    """The call as understood; fields it does not know are none of its business. Raises Refused."""
    model = body.get("model") or MODELS[0]
    if model not in MODELS:
        raise Refused(404, f"The model `{model}` does not exist.", "model_not_found", param="model")
    prompt, count = body.get("prompt"), body.get("n", 1)
    if not isinstance(prompt, str) or not prompt:
        raise invalid("prompt", "Field required")
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_PICTURES:
        raise invalid("n", f"Input should be from 1 to {MOST_PICTURES}")
    found = re.fullmatch(r"(\d{1,4})x(\d{1,4})", str(body.get("size") or "1024x1024"))
    sides = [int(side) for side in found.groups()] if found else [0]
    if not all(MIN_SIDE_PX <= side <= MAX_SIDE_PX and side % SIDE_STEP_PX == 0 for side in sides):
        raise invalid("size", f"sides should be multiples of {SIDE_STEP_PX} up to {MAX_SIDE_PX}")
    width, height = sides
    return Ask(prompt, model, count, width, height, "low", False, "png", 100, 0)
