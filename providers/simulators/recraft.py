"""Recraft's API on loopback: the client its documentation shows (OpenAI's) talks to it unchanged.

    with RecraftSimulator(faults=["latency=8"]) as simulator:
        client = openai.OpenAI(base_url=simulator.base_url, api_key=simulator.key)

What it accepts and refuses is in `recraft_models`, with the words in a prompt that provoke something.
`simulator.billed` and ``GET /_sim/ledger`` say what was paid for. Edits (image to image, vectorise, upscale
and the like), explore and style references are not there.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from providers.drawing import draw
from providers.simulators.faults import Faults
from providers.simulators.ledger import Billed
from providers.simulators.recraft_models import (
    DEFAULT_MODEL,
    MODELS,
    STYLE_UNITS,
    UNITS_PER_USD,
    V3_STYLES,
    Ask,
    Refused,
    drawing,
    invalid,
    read_ask,
)
from providers.simulators.server import CutShort, Endpoint, NoReply, Simulator

KEY_PREFIX = "sim-recraft"
"""Tokens that start so are good; all others are refused, so that a real one is never accepted by mistake."""
MOST_STYLE_IMAGES = 5
ENDINGS = {"image/png": "png", "image/webp": "webp", "image/svg+xml": "svg"}

log = logging.getLogger(__name__)


@dataclass
class RecraftFaults(Faults):
    """Shared dials keep their meaning; those about batches turn nothing here. `quota` empties the balance."""

    units: int = 100_000
    """Units bought before the simulator started; a picture takes some, and without them none is made."""
    requests_per_second: int = 5
    """Calls for pictures allowed in a second before real 429s begin; 0 allows any number."""
    images_per_minute: int = 100
    """Pictures allowed in a minute before real 429s begin; 0 allows any number."""
    url_seconds: float = 86_400.0
    """How long a picture can be fetched from its address."""
    text_errors: bool = False
    """Errors come as plain text: the vendor's pages disagree on it."""
    missing_pictures: int = 0
    """This many calls are executed and billed, and their answer holds no picture."""
    broken_vectors: int = 0
    """This many vector pictures end in the middle."""


class RecraftSimulator(Simulator):
    """The Recraft account "sim" on loopback."""

    vendor = "recraft"
    key = f"{KEY_PREFIX}-0123456789"
    """A token it accepts."""
    faults: RecraftFaults

    def __init__(
        self,
        port: int = 0,
        faults: RecraftFaults | Iterable[str] = (),
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        dials = faults if isinstance(faults, RecraftFaults) else RecraftFaults.parse(faults)
        super().__init__(port, dials, clock=clock)
        self._lock = threading.Lock()
        self._spent = 0
        self._seen: set[str] = set()
        self._drawn: Counter[str] = Counter()
        self._calls: deque[float] = deque()
        self._pictures: deque[float] = deque()
        self._styles: dict[str, dict[str, Any]] = {}
        self._files: dict[str, tuple[Path, str, float]] = {}

    @property
    def base_url(self) -> str:
        """What a client takes as `base_url`."""
        return f"{self.url}/v1"

    @property
    def units(self) -> int:
        """What is left of the balance."""
        return 0 if self.faults.quota else self.faults.units - self._spent

    def tick(self) -> None:
        """Forget the pictures whose day is over."""
        oldest = self.clock() - self.faults.url_seconds
        with self._lock:
            over = [name for name, (_, _, made) in self._files.items() if made < oldest]
            gone = [self._files.pop(name)[0] for name in over]
        for path in gone:
            path.unlink(missing_ok=True)

    def routes(self) -> list[BaseRoute]:
        routes: list[tuple[str, str, Endpoint]] = [
            ("POST", "/v1/images/generations", self._generate),
            ("POST", "/v1/images/generations/{kind}", self._generate),
            ("GET", "/v1/users/me", self._user),
            ("GET", "/v1/models", self._models),
            ("GET", "/v1/styles", self._list_styles),
            ("POST", "/v1/styles", self._create_style),
            ("GET", "/v1/styles/basic", self._basic_styles),
            ("GET", "/v1/styles/{style_id}", self._style),
            ("DELETE", "/v1/styles/{style_id}", self._delete_style),
        ]
        everything = ["GET", "POST", "DELETE", "PUT", "PATCH"]
        return [
            # Pictures are public; so are these two.
            Route("/files/{name}", self._file, methods=["GET"]),
            Route("/ping", _pong, methods=["GET"]),
            Route("/status", _status, methods=["GET"]),
            *(Route(path, self._guarded(endpoint), methods=[method]) for method, path, endpoint in routes),
            Route("/{path:path}", self._guarded(_nowhere), methods=everything),
        ]

    # --- around every endpoint ---

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint behind the token check, with errors in the vendor's form and its header."""

        async def answer(request: Request) -> ASGIApp:
            try:
                self._check_key(request)
                response = await endpoint(request)
            except Refused as refusal:
                response = self._error(refusal)
            except ClientDisconnect:
                return NoReply()
            except HTTPException as error:  # a form that is none
                response = self._error(Refused(error.status_code, "invalid_request_parameter", error.detail))
            except Exception:
                log.exception("the recraft simulator failed at %s", request.url.path)
                failure = Refused(500, "internal_error", "The simulator itself failed; see its log.")
                response = self._error(failure)
            if isinstance(response, Response):
                response.headers["x-recraft-requestid"] = str(uuid.uuid4())
            return response

        return answer

    def _error(self, refusal: Refused) -> Response:
        if self.faults.text_errors or not refusal.code:
            return PlainTextResponse(refusal.message, refusal.status)
        return JSONResponse({"code": refusal.code, "message": refusal.message}, refusal.status)

    def _check_key(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.startswith(KEY_PREFIX) or self.faults.auth:
            raise Refused(401, "", "request unauthorized")

    # --- pictures ---

    async def _generate(self, request: Request) -> ASGIApp:
        kind = request.path_params.get("kind", "")
        if kind not in ("", "raster", "vector"):
            raise Refused(404, "", "404 page not found")
        if request.query_params.get("billing", "api") not in ("api", "subscription"):
            raise invalid("billing should be one of api, subscription")
        self._keep_pace(self._calls, 1, self.faults.requests_per_second, 1)
        if self.dice.again("rate limit") < self.faults.rate_limit_rate:
            raise _too_many()
        ask = read_ask(await _read_body(request), kind, frozenset(self._styles))
        self._keep_pace(self._pictures, ask.n, self.faults.images_per_minute, 60)
        if self.units < ask.n * ask.model.units:
            # The real status and words are not published.
            raise Refused(402, "insufficient_units", "Not enough API units on the balance")
        wait = self.faults.latency + self.faults.latency_jitter * self.dice.again("latency")
        if wait > 0:
            await asyncio.sleep(wait)
        answer = await self.in_thread(self._execute, ask)
        if self.faults.take("lost_reply_live"):
            return NoReply()
        return JSONResponse(answer)

    def _keep_pace(self, recent: deque[float], number: int, most: int, seconds: float) -> None:
        """Raises Refused when `number` more in the last `seconds` would be too many; nothing counts then."""
        now = self.clock()
        while recent and now - recent[0] >= seconds:
            recent.popleft()
        if most and len(recent) + number > most:
            raise _too_many()
        recent.extend([now] * number)

    def _execute(self, ask: Ask) -> dict[str, Any]:
        """The vendor's answer to one call, billed. Raises Refused; then nothing is billed."""
        self._judge(ask)
        number = ask.n - (ask.n > 1 and self.faults.take("short_answers"))
        seeds = [self._seed(ask) for _ in range(number)]
        pictures = list(self.in_parallel(lambda seed: self._picture(ask, seed), seeds))
        now, price = self.clock(), Decimal(ask.model.units) / UNITS_PER_USD
        units = number * ask.model.units
        with self._lock:
            self._spent += units
        for _ in pictures:
            bill = Billed("live", None, None, ask.prompt, ask.name, ask.size, "", price, now)
            self.ledger.bill(bill)
        if self.faults.take("missing_pictures"):
            pictures = []
        data = [self._entry(ask, picture, now) for picture in pictures]
        return {"created": int(now), "credits": units, "data": data}

    def _entry(self, ask: Ask, picture: bytes, now: float) -> dict[str, Any]:
        name = str(uuid.uuid4())
        if ask.b64:
            return {"image_id": name, "b64_json": base64.b64encode(picture).decode()}
        path = self.folder / name
        path.write_bytes(picture)
        with self._lock:
            self._files[name] = (path, ask.media_type, now)
        return {"image_id": name, "url": f"{self.url}/files/{name}.{ENDINGS[ask.media_type]}"}

    def _judge(self, ask: Ask) -> None:
        """Moderation, then passing trouble, by words and by the dice."""
        prompt, faults, dice = ask.prompt.lower(), self.faults, self.dice
        if (
            "moderated" in prompt
            or "gore" in prompt
            or dice.share("refusal", ask.prompt) < faults.refusal_rate
        ):
            raise Refused(400, "prompt_moderated", "Your prompt was rejected by content moderation")
        if "[down]" in prompt or ("[flaky]" in prompt and self._first_sight(prompt)):
            raise _server_error()
        if "[timeout]" in prompt and self._first_sight(prompt):
            raise Refused(408, "request_timeout", "request timed out")
        throw = dice.again("error", ask.prompt)
        if throw < faults.error_rate:
            unavailable = Refused(503, "service_unavailable", "service is temporarily unavailable")
            raise (_server_error(), unavailable, _too_many())[int(throw / faults.error_rate * 3)]

    def _first_sight(self, prompt: str) -> bool:
        with self._lock:
            new = prompt not in self._seen
            self._seen.add(prompt)
        return new

    def _seed(self, ask: Ask) -> int:
        """The one asked for, else another each time the same is asked."""
        with self._lock:
            self._drawn[ask.prompt] += 1
            return ask.seed if ask.seed is not None else self._drawn[ask.prompt] + self.faults.seed

    def _picture(self, ask: Ask, seed: int) -> bytes:
        if ask.model.vector:
            svg = drawing(ask.prompt, ask.width, ask.height, seed)
            return svg[: len(svg) // 2] if self.faults.take("broken_vectors") else svg
        side = self.faults.picture_px
        label = f"{ask.name} (simulated)"
        width, height = side or ask.width, side or ask.height
        return draw(ask.prompt, width, height, seed=seed, media_type=ask.media_type, label=label)

    async def _file(self, request: Request) -> ASGIApp:
        """A picture, to anybody, until its day is over."""
        await self.in_thread(self.tick)
        found = self._files.get(request.path_params["name"].partition(".")[0])
        if found is None:
            return PlainTextResponse("404 page not found", 404)
        response = FileResponse(found[0], media_type=found[1])
        return CutShort(response) if self.faults.take("cut_connection") else response

    # --- account, models, styles ---

    async def _user(self, _: Request) -> ASGIApp:
        name = str(uuid.uuid5(uuid.NAMESPACE_URL, self.key))
        return JSONResponse({"id": name, "name": "sim", "email": "sim@example.com", "credits": self.units})

    async def _models(self, _: Request) -> ASGIApp:
        models = [
            {
                "id": name,
                "name": model.name,
                "created": 1_795_000_000,
                "input_modalities": ["text"],
                "output_modalities": ["vector" if model.vector else "image"],
                "pricing": {"image": str(Decimal(model.units) / UNITS_PER_USD)},
            }
            for name, model in MODELS.items()
        ]
        return JSONResponse({"data": models})

    async def _create_style(self, request: Request) -> ASGIApp:
        if request.headers.get("content-type", "").startswith("application/json"):
            body = await _read_body(request)
            images, style = body.get("image_urls") or [], body.get("style", "any")
        else:
            async with request.form() as form:
                images = [part for _, part in form.multi_items() if isinstance(part, UploadFile)]
                style = form.get("style", "any")
        if not isinstance(images, list) or not 1 <= len(images) <= MOST_STYLE_IMAGES:
            raise invalid(f"number of images should be in [1, {MOST_STYLE_IMAGES}]")
        if style not in V3_STYLES:
            raise invalid(f"style should be one of {', '.join(V3_STYLES)}")
        style_id = str(uuid.uuid4())
        created = datetime.fromtimestamp(self.clock(), UTC).isoformat()
        made = {"id": style_id, "style": style, "creation_time": created, "is_private": True}
        with self._lock:
            self._styles[style_id] = made
            self._spent += STYLE_UNITS
        return JSONResponse({**made, "credits": STYLE_UNITS})

    async def _list_styles(self, _: Request) -> ASGIApp:
        return JSONResponse({"styles": list(self._styles.values())})

    async def _basic_styles(self, _: Request) -> ASGIApp:
        styles = [
            {"style_id": str(uuid.uuid5(uuid.NAMESPACE_URL, name)), "style": name, "model": "recraftv3"}
            for name in V3_STYLES
        ]
        return JSONResponse({"styles": styles})

    async def _style(self, request: Request) -> ASGIApp:
        return JSONResponse(self._known_style(request))

    async def _delete_style(self, request: Request) -> ASGIApp:
        del self._styles[self._known_style(request)["id"]]
        return Response(status_code=204)

    def _known_style(self, request: Request) -> dict[str, Any]:
        found = self._styles.get(request.path_params["style_id"])
        if found is None:
            raise Refused(404, "style_not_found", "style not found")
        return found


async def _nowhere(_: Request) -> ASGIApp:
    raise Refused(404, "", "404 page not found")


async def _pong(_: Request) -> ASGIApp:
    return PlainTextResponse("pong")


async def _status(_: Request) -> ASGIApp:
    return JSONResponse({"service": True, "generation": True})


def _server_error() -> Refused:
    return Refused(500, "internal_error", "internal server error")


def _too_many() -> Refused:
    """No Retry-After comes with it."""
    return Refused(429, "rate_limit_exceeded", "rate limit exceeded, try again later")


async def _read_body(request: Request) -> dict[str, Any]:
    """The JSON object, or the plain fields of a form with its numbers read."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form() as form:
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
        return {
            name: int(value) if value.isdigit() and name != "prompt" else value
            for name, value in fields.items()
        }
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise invalid("the body is not a JSON object")
    return {"model": DEFAULT_MODEL, **body}
