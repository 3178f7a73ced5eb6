"""Black Forest Labs' API on loopback.

    with BflSimulator(faults=["latency=2"]) as simulator:
        provider = Bfl(models, api_key=simulator.key, base_url=simulator.base_url, clock=clock)

A task lives in a cluster: it is polled below ``/us1/v1``, as the `polling_url` of the reply says, and nobody
finds it below ``/v1``, so a client that builds the address itself fails. Pictures are at signed addresses
that take no key, allow no other origin and die in ten minutes. What models accept and cost is in
`bfl_models`. Not there: webhooks, finetunes, fill and expand.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, cast

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from providers.drawing import draw
from providers.simulators.bfl_models import FLUX_3, MODELS, Ask, Invalid, read_ask
from providers.simulators.faults import Faults
from providers.simulators.ledger import Billed
from providers.simulators.server import CutShort, Endpoint, NoReply, Simulator

KEY_PREFIX = "bfl-sim"
"""Keys that start so are good; all others are refused, so that a real key is never accepted by mistake."""
CLUSTER = "us1"
KONTEXT_MAX = "flux-kontext-max"

log = logging.getLogger(__name__)


@dataclass
class BflFaults(Faults):
    """The shared dials and this vendor's own."""

    credits: float = 10_000.0
    """What the account has; a task takes its cost when it is accepted."""
    active_tasks: int = 24
    """Tasks an account may have going at once; one more is a 429."""
    active_kontext_max: int = 6
    """The same for `flux-kontext-max` alone."""
    delivery_life: float = 600.0
    """Seconds a picture can be had after its task ended."""
    task_life: float = 86_400.0
    """Seconds a task is remembered after its end. Ours."""
    price_factor: float = 1.0
    """What it charges, as times its list price."""
    untold_cost: bool = False
    """`cost` is null in the replies."""
    moderated_billed: bool = True
    """Whether a task refused by moderation keeps its cost; the vendor does not say."""
    status_in_error: bool = False
    """Final states other than Ready come under HTTP 422 or 404, as some have seen."""
    gateway_error: int = 0
    """This many tasks are accepted, and a 502 is answered."""


@dataclass(eq=False)
class Task:
    """One picture being made."""

    id: str
    account: str
    model: str
    ask: Ask
    created: float
    ends: float
    status: str = "Pending"
    details: dict[str, Any] | None = None
    files: list[str] = field(default_factory=list)


class Refused(Exception):
    """A call that is not taken."""

    def __init__(self, status: int, detail: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(status))
        self.status = status
        self.body = {"detail": detail}
        self.headers = dict(headers or {})


class BflSimulator(Simulator):
    """An account with a hundred dollars on loopback."""

    vendor = "bfl"
    key = f"{KEY_PREFIX}-0123456789"
    """A key it accepts."""

    def __init__(
        self,
        port: int = 0,
        faults: Faults | Iterable[str] = (),
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        dials = faults if isinstance(faults, Faults) else BflFaults.parse(faults)
        super().__init__(port, dials, clock=clock)
        self._lock = threading.RLock()
        self._tasks: dict[str, Task] = {}
        self._deliveries: dict[str, Task] = {}
        self._active: list[Task] = []
        self._seen: set[str] = set()

    @property
    def base_url(self) -> str:
        """What the adapter, and the vendor's client, take as base URL."""
        return self.url

    @property
    def dials(self) -> BflFaults:
        return cast(BflFaults, self.faults)

    def tick(self) -> None:
        self._advance()

    def routes(self) -> list[BaseRoute]:
        routes: list[tuple[str, str, Endpoint]] = [
            ("GET", "/v1/credits", self._guarded(self._credits)),
            ("GET", "/v1/get_result", self._guarded(self._elsewhere)),
            ("GET", f"/{CLUSTER}/v1/get_result", self._guarded(self._poll)),
            ("POST", "/v1/{model}", self._guarded(self._submit)),
            ("GET", f"/delivery/{CLUSTER}/{{name}}", self._open(self._deliver)),
        ]
        return [Route(path, endpoint, methods=[method]) for method, path, endpoint in routes]

    # --- around every endpoint ---

    def _open(self, endpoint: Endpoint) -> Endpoint:
        async def answer(request: Request) -> ASGIApp:
            try:
                return await endpoint(request)
            except Refused as refusal:
                return JSONResponse(refusal.body, refusal.status, headers=refusal.headers)
            except ClientDisconnect:
                return NoReply()
            except Exception:
                log.exception("the bfl simulator failed at %s", request.url.path)
                return JSONResponse({"detail": "The simulator itself failed; see its log."}, 500)

        return answer

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        async def checked(request: Request) -> ASGIApp:
            key = request.headers.get("x-key", "")
            if not key:
                raise Refused(403, "Not authenticated")
            if not key.startswith(KEY_PREFIX) or self.faults.auth:
                raise Refused(403, "Not authenticated - Invalid Authentication")
            return await endpoint(request)

        return self._open(checked)

    # --- tasks ---

    async def _submit(self, request: Request) -> ASGIApp:
        model, account = request.path_params["model"], request.headers["x-key"]
        if model not in MODELS and model != FLUX_3:
            raise Refused(404, "Not Found")
        body = await _json_object(request)
        try:
            ask = await self.in_thread(read_ask, model, body)
        except Invalid as invalid:
            raise Refused(422, invalid.detail) from None
        ask = replace(ask, credits=ask.credits * Decimal(str(self.dials.price_factor)))
        task = self._begin(account, model, ask)
        if self.faults.take("lost_reply_live"):
            return NoReply()
        if self.faults.take("gateway_error"):
            return Response("<html>502 Bad Gateway</html>", 502, media_type="text/html")
        return JSONResponse(self._reply(request, task, body))

    def _begin(self, account: str, model: str, ask: Ask) -> Task:
        """The new task. Raises Refused for an account that may not."""
        faults, now = self.dials, self.clock()
        self._advance()
        with self._lock:
            if self.dice.again("rate limit") < faults.rate_limit_rate:
                raise self._too_many()
            if self.dice.again("error", "submit") < faults.error_rate:
                raise Refused(503, "Service temporarily unavailable")
            if faults.quota or Decimal(str(faults.credits)) < ask.credits:
                raise Refused(402, "Insufficient credits")
            mine = [task for task in self._active if task.account == account]
            same = [task for task in mine if task.model == KONTEXT_MAX == model]
            if len(mine) >= faults.active_tasks or len(same) >= faults.active_kontext_max:
                raise self._too_many()
            faults.credits = float(Decimal(str(faults.credits)) - ask.credits)
            takes = faults.latency + faults.latency_jitter * self.dice.again("latency")
            task = Task(str(uuid.uuid4()), account, model, ask, now, now + takes)
            self._tasks[task.id] = task
            self._active.append(task)
        self.ledger.created()
        return task

    def _too_many(self) -> Refused:
        # Neither the body nor a waiting time is documented.
        return Refused(429, "Too many active tasks")

    def _reply(self, request: Request, task: Task, body: Mapping[str, Any]) -> dict[str, Any]:
        ask = task.ask
        cost = None if self.dials.untold_cost else float(ask.credits)
        quoted = {"cost": cost, "input_mp": ask.input_mp, "output_mp": ask.output_mp}
        if body.get("webhook_url"):
            return {"id": task.id, "status": "Pending", "webhook_url": body["webhook_url"], **quoted}
        url = f"{_origin(request)}/{CLUSTER}/v1/get_result?id={task.id}"
        return {"id": task.id, "polling_url": url, **quoted}

    def _advance(self) -> None:
        """End what is due, in the order of its ends."""
        now = self.clock()
        with self._lock:
            due = sorted((task for task in self._active if task.ends <= now), key=lambda task: task.ends)
            self._active = [task for task in self._active if task.ends > now]
            for task in due:
                self._end(task)

    def _end(self, task: Task) -> None:
        prompt = task.ask.prompt
        condemned = self.dice.share("refusal", prompt) < self.faults.refusal_rate
        if condemned or re.search(r"\bmoderated\b", prompt, re.IGNORECASE):
            task.status = "Request Moderated"
            task.details = {"Moderation Reasons": ["Derivative Works Filter"]}
        elif re.search(r"\bgore\b", prompt, re.IGNORECASE):
            task.status, task.details = "Content Moderated", {"Moderation Reasons": ["Safety Filter"]}
        elif self._stumbles(prompt):
            task.status = "Error"
        else:
            task.status = "Ready"
            self._deliveries[task.id.replace("-", "")] = task
        if task.status == "Ready" or ("Moderated" in task.status and self.dials.moderated_billed):
            self._bill(task)
        else:
            self.dials.credits = float(Decimal(str(self.dials.credits)) + task.ask.credits)

    def _stumbles(self, prompt: str) -> bool:
        prompt = prompt.lower()
        first = prompt not in self._seen
        self._seen.add(prompt)
        chance = self.dice.again("error", prompt) < self.faults.error_rate
        return "[down]" in prompt or ("[flaky]" in prompt and first) or chance

    def _bill(self, task: Task) -> None:
        size, price = f"{task.ask.width}x{task.ask.height}", task.ask.credits / 100
        bill = Billed("live", None, task.id, task.ask.prompt, task.model, size, "", price, task.ends)
        self.ledger.bill(bill)

    async def _elsewhere(self, request: Request) -> ASGIApp:
        """The global address knows no task of a cluster."""
        return _not_found(request.query_params.get("id", ""))

    async def _poll(self, request: Request) -> ASGIApp:
        self._advance()
        task_id, now = request.query_params.get("id"), self.clock()
        if task_id is None:
            detail = [{"type": "missing", "loc": ["query", "id"], "msg": "Field required", "input": None}]
            raise Refused(422, detail)
        task = self._tasks.get(task_id)
        if task is None or task.account != request.headers["x-key"] or now > task.ends + self.dials.task_life:
            return _not_found(task_id)
        said: dict[str, Any] = {
            "id": task.id, "status": task.status, "result": None, "progress": None,
            "details": task.details, "preview": None,
        }  # fmt: skip
        if task.status == "Pending":
            length = task.ends - task.created
            said["progress"] = round((now - task.created) / length, 2) if length else 0.0
            if task.model == FLUX_3:
                said["status"] = "Reasoning" if said["progress"] < 0.5 else "Generating"
        if task.status == "Ready":
            said["result"] = self._result(request, task)
        bad = task.status not in ("Ready", "Pending") and self.dials.status_in_error
        return JSONResponse(said, 422 if bad else 200)

    def _result(self, request: Request, task: Task) -> dict[str, Any]:
        expiry = task.ends + self.dials.delivery_life
        name, extension = task.id.replace("-", ""), task.ask.media_type.partition("/")[2]
        signed = f"se={expiry:.3f}&sig={_signature(name, f'{expiry:.3f}')}"
        return {
            "sample": f"{_origin(request)}/delivery/{CLUSTER}/{name}.{extension}?{signed}",
            "prompt": task.ask.prompt,
            "seed": task.ask.seed if task.ask.seed is not None else int(name[:7], 16),
            "start_time": task.created,
            "end_time": task.ends,
            "duration": task.ends - task.created,
        }

    # --- pictures and money ---

    async def _deliver(self, request: Request) -> ASGIApp:
        if "x-key" in request.headers:
            log.warning("a client of the bfl simulator sends its key to the delivery address")
        name = request.path_params["name"].partition(".")[0]
        expiry, signature = request.query_params.get("se", ""), request.query_params.get("sig", "")
        task = self._deliveries.get(name)
        if task is None or signature != _signature(name, expiry) or self.clock() > float(expiry):
            return Response("<Error><Code>AuthenticationFailed</Code></Error>", 403, media_type="text/xml")
        content = await self.in_thread(self._draw, task)
        response = Response(content, media_type=task.ask.media_type)
        return CutShort(response) if self.faults.take("cut_connection") else response

    def _draw(self, task: Task) -> bytes:
        ask, side = task.ask, self.faults.picture_px
        return draw(
            ask.prompt,
            side or ask.width,
            side or ask.height,
            seed=ask.seed if ask.seed is not None else int(task.id[:7], 16),
            media_type=ask.media_type,
            label=f"{task.model} (simulated)",
        )

    async def _credits(self, _: Request) -> ASGIApp:
        return JSONResponse({"credits": self.dials.credits})


def _origin(request: Request) -> str:
    return f"{request.url.scheme}://{request.headers.get('host', '')}"


def _not_found(task_id: str) -> Response:
    missing = {"id": task_id, "status": "Task not found", "result": None, "progress": None, "details": None}
    return JSONResponse({**missing, "preview": None}, 404)


def _signature(name: str, expiry: str) -> str:
    return hashlib.sha256(f"{name}|{expiry}|simulated".encode()).hexdigest()[:32]


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise Refused(422, [{"type": "json_invalid", "loc": ["body"], "msg": "JSON decode error"}]) from None
    if not isinstance(body, dict):
        detail = {
            "type": "model_attributes_type",
            "loc": ["body"],
            "msg": "Input should be a valid dictionary",
        }
        raise Refused(422, [detail])
    return body
