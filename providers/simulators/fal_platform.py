"""The simulated fal's platform API: models, prices, what was billed, and the list of requests.

Shapes are those of the vendor's OpenAPI description of 2026-08-21; the page of the list is in the cursor.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from providers.simulators.fal_models import ENDPOINTS
from providers.simulators.fal_queue import FalFaults, Job, Queue
from providers.simulators.ledger import Ledger

DAY_SECONDS = 86_400.0
MOST_ENDPOINTS = 50


class Refused(Exception):
    """A call that is not taken: status, body and headers of the answer."""

    def __init__(self, status: int, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(status))
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


class Platform:
    """Everything below ``/v1/models``."""

    def __init__(
        self,
        queue: Queue,
        ledger: Ledger,
        dials: Callable[[], FalFaults],
        clock: Callable[[], float],
        account: Callable[[Request], str],
    ) -> None:
        """`account` gives whose key a request carries, or raises Refused."""
        self._queue = queue
        self._ledger = ledger
        self._dials = dials
        self._clock = clock
        self._account = account

    async def models(self, _: Request) -> ASGIApp:
        models = [{"endpoint_id": name, "metadata": {"status": "active"}} for name in ENDPOINTS]
        return JSONResponse({"models": models, "next_cursor": None, "has_more": False})

    async def pricing(self, request: Request) -> ASGIApp:
        prices = [
            {
                "endpoint_id": name,
                "unit_price": float(ENDPOINTS[name].unit_price),
                "unit": ENDPOINTS[name].unit,
                "currency": "USD",
            }
            for name in _wanted(request)
        ]
        return JSONResponse({"prices": prices, "next_cursor": None, "has_more": False})

    async def billing_events(self, request: Request) -> ASGIApp:
        wanted = request.query_params.get("request_id")
        events = [
            {
                "request_id": bill.batch_id,
                "endpoint_id": bill.model,
                "timestamp": iso(bill.at),
                "output_units": float(bill.price / ENDPOINTS[bill.model].unit_price),
                "unit_price": float(ENDPOINTS[bill.model].unit_price),
                "percent_discount": None,
                "cost_subtotal": float(bill.price),
                "cost_discount": 0,
                "cost_total": float(bill.price),
                "cost_estimate_nano_usd": int(bill.price * 1_000_000_000),
            }
            for bill in self._ledger.billed
            if wanted in (None, bill.batch_id)
        ]
        return JSONResponse({"billing_events": events, "next_cursor": None, "has_more": False})

    async def by_endpoint(self, request: Request) -> ASGIApp:
        """What has started; what waits in the queue is not in it (its times are required fields)."""
        if self._dials().list_forbidden:
            words = {"type": "authorization_error", "message": "This key may not read requests"}
            raise Refused(403, {"error": words})
        now, query, wanted = self._clock(), request.query_params, _wanted(request)
        account = self._account(request)
        start = _seconds(query.get("start")) or now - DAY_SECONDS
        shown = [
            job
            for job in self._queue.all(now)
            if job.endpoint in wanted
            and job.account == account
            and job.started is not None
            and job.started + self._dials().list_delay <= now
            and job.created >= start
        ]
        shown.sort(key=lambda job: job.ended or now, reverse=True)
        try:
            limit = int(query.get("limit", "50"))
            page = int(base64.b64decode(query.get("cursor", "MQ==")))
        except ValueError:
            raise _unreadable("limit or cursor") from None
        if not 1 <= limit <= 100:
            raise _unreadable("limit")
        more = len(shown) > page * limit
        expand = "payloads" in query.get("expand", "")
        items = [self._listed(job, expand) for job in shown[(page - 1) * limit : page * limit]]
        cursor = base64.b64encode(str(page + 1).encode()).decode() if more else None
        return JSONResponse({"items": items, "next_cursor": cursor, "has_more": more})

    def _listed(self, job: Job, expand: bool) -> dict[str, Any]:
        assert job.started is not None
        status = None if job.ended is None else job.failed.status if job.failed else 200
        item: dict[str, Any] = {
            "request_id": job.id,
            "endpoint_id": job.endpoint,
            "sent_at": iso(job.created),
            "started_at": iso(job.started),
            "ended_at": None if job.ended is None else iso(job.ended),
            "status_code": status,
            "duration": None if job.ended is None else job.ended - job.created,
        }
        if expand and job.store_io and self._dials().payloads_kept:
            item["json_input"] = job.body
        return item


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _seconds(stamp: str | None) -> float | None:
    if stamp is None:
        return None
    try:
        return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()
    except ValueError:
        raise _unreadable("start") from None


def _unreadable(what: str) -> Refused:
    return Refused(400, {"error": {"type": "validation_error", "message": f"Invalid {what}"}})


def _wanted(request: Request) -> list[str]:
    """The endpoints asked about, repeated or separated by commas. Raises Refused."""
    named = [
        name for value in request.query_params.getlist("endpoint_id") for name in value.split(",") if name
    ]
    if not 1 <= len(named) <= MOST_ENDPOINTS:
        raise _unreadable("endpoint_id")
    unknown = [name for name in named if name not in ENDPOINTS]
    if unknown:
        words = {"type": "not_found", "message": f"Endpoint not found: {unknown[0]}"}
        raise Refused(404, {"error": words})
    return named
