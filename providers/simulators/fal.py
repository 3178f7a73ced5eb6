"""fal's queue, platform and storage on loopback: the vendor's own client talks to it unchanged.

    with FalSimulator(faults=["concurrency=10"]) as simulator:
        provider = Fal(models, api_key=simulator.key, base_url=simulator.base_url, clock=clock)

The real addresses (queue.fal.run, api.fal.ai, rest.fal.ai, v3.fal.media) are one here: the queue at the
root, the platform below ``/v1``, storage below ``/storage``, files below ``/files``. What endpoints accept,
cost and trip over is in `fal_models`, the life of a request in `fal_queue` with fal's own dials. Webhooks are
signed as fal's are and go through `tunnel`. Not there: the stream of states, synchronous calls at fal.run,
uploads in parts.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from providers.simulators.fal_files import Files
from providers.simulators.fal_models import ENDPOINTS
from providers.simulators.fal_platform import Platform, Refused, iso
from providers.simulators.fal_queue import FalFaults, Job, Queue
from providers.simulators.faults import Faults
from providers.simulators.server import CutShort, Endpoint, NoReply, Simulator

if TYPE_CHECKING:
    from providers.simulators.fal_hooks import Signer

KEY_ID = "sim-key"
"""Keys of such an id are good; all others are refused, so that a real key is never accepted by mistake."""

log = logging.getLogger(__name__)


class FalSimulator(Simulator):
    """A new fal account on loopback: two requests at once."""

    vendor = "fal"
    key = f"{KEY_ID}:sim-secret-0123456789"
    """A key it accepts."""
    tunnel: str = ""
    """Where the public https addresses that requests name as their webhook lead to on this machine, as
    ``http://127.0.0.1:port``; empty: nowhere, and no webhook is sent."""

    def __init__(
        self,
        port: int = 0,
        faults: Faults | Iterable[str] = (),
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        dials = faults if isinstance(faults, Faults) else FalFaults.parse(faults)
        super().__init__(port, dials, clock=clock)

    @property
    def base_url(self) -> str:
        """What the adapter takes as `base_url`."""
        return self.url

    @property
    def dials(self) -> FalFaults:
        return cast(FalFaults, self.faults)

    def tick(self) -> None:
        self._queue.advance(self.clock())

    def routes(self) -> list[BaseRoute]:
        self._files = Files(self.folder, lambda: self.faults.picture_px)
        self._queue = Queue(
            lambda: self.dials,
            self.dice,
            self.ledger,
            self._file_exists,
            self._files.keep_picture,
            self._tell,
        )
        platform = Platform(self._queue, self.ledger, lambda: self.dials, self.clock, self._check_key)
        request = "/{owner}/{alias}/requests/{request_id}"
        routes: list[tuple[str, str, Endpoint]] = [
            ("GET", "/v1/models", self._platform(platform.models)),
            ("GET", "/v1/models/pricing", self._platform(platform.pricing)),
            ("GET", "/v1/models/billing-events", self._platform(platform.billing_events)),
            ("GET", "/v1/models/requests/by-endpoint", self._platform(platform.by_endpoint)),
            ("GET", "/.well-known/jwks.json", self._open(self._public_keys)),
            ("POST", "/storage/auth/token", self._guarded(self._token)),
            ("POST", "/storage/upload/initiate", self._guarded(self._initiate)),
            ("PUT", "/storage/put/{token}", self._open(self._put)),
            ("POST", "/files/upload", self._open(self._upload)),
            ("GET", "/files/{name:path}", self._open(self._file)),
            ("GET", f"{request}/status", self._guarded(self._status)),
            ("GET", request, self._guarded(self._result)),
            ("PUT", f"{request}/cancel", self._guarded(self._cancel)),
            ("POST", "/{endpoint:path}", self._guarded(self._submit)),
        ]
        return [Route(path, endpoint, methods=[method]) for method, path, endpoint in routes]

    # --- around every endpoint ---

    def _open(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint without a key check, with refusals as answers."""

        async def answer(request: Request) -> ASGIApp:
            try:
                return await endpoint(request)
            except Refused as refusal:
                return JSONResponse(refusal.body, refusal.status, headers=refusal.headers)
            except ClientDisconnect:
                return NoReply()
            except Exception:
                log.exception("the fal simulator failed at %s", request.url.path)
                return JSONResponse({"detail": "The simulator itself failed; see its log."}, 500)

        return answer

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        async def checked(request: Request) -> ASGIApp:
            self._check_key(request)
            return await endpoint(request)

        return self._open(checked)

    def _platform(self, endpoint: Endpoint) -> Endpoint:
        """The platform API wraps its errors in an object of its own."""

        async def wrapped(request: Request) -> ASGIApp:
            try:
                self._check_key(request)
            except Refused as refusal:
                words = {"type": "authorization_error", "message": refusal.body["detail"]}
                raise Refused(refusal.status, {"error": words}) from None
            return await endpoint(request)

        return self._open(wrapped)

    def _check_key(self, request: Request) -> str:
        """The account. Raises Refused with the texts seen on the real thing."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        key_id, colon, secret = key.partition(":")
        if scheme.lower() != "key" or not colon or not secret:
            words = "Invalid Key Authorization header format. Expected '<key_id>:<key_secret>'."
            raise Refused(401, {"detail": words})
        if not key_id.startswith(KEY_ID) or self.faults.auth:
            raise Refused(401, {"detail": "No user found for Key ID and Secret"})
        return key_id

    # --- the queue ---

    async def _submit(self, request: Request) -> ASGIApp:
        account, endpoint = self._check_key(request), request.path_params["endpoint"]
        if endpoint not in ENDPOINTS:
            app = "/".join(endpoint.split("/")[1:2]) or endpoint
            raise Refused(404, {"detail": f'Application "{app}" not found'})
        if self.faults.quota:
            words = (
                "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."
            )
            raise Refused(403, {"detail": words})
        if self.dice.again("rate limit") < self.faults.rate_limit_rate:
            body = {"detail": "Too many requests", "error_type": "concurrent_requests_limit"}
            raise Refused(429, body, {"retry-after": str(max(1, round(self.faults.retry_after)))})
        job = self._job(request, account, endpoint, await _json_object(request))
        self._queue.add(job, self.clock())
        self.ledger.created()
        if self.faults.take("lost_reply_live"):
            return NoReply()
        place = self._queue.place(job)
        named = {"status": "IN_QUEUE", "request_id": job.id, **_urls(request, job), "queue_position": place}
        return JSONResponse(named, headers={"x-fal-request-id": job.id})

    def _job(self, request: Request, account: str, endpoint: str, body: dict[str, Any]) -> Job:
        now, headers = self.clock(), request.headers
        try:
            wait = float(headers.get("x-fal-request-timeout", "inf"))
            wish = json.loads(headers.get("x-fal-object-lifecycle-preference", "{}"))
            life = float(wish.get("expiration_duration_seconds") or self.dials.file_life)
        except (ValueError, AttributeError, TypeError):
            raise Refused(400, {"detail": "A header cannot be read", "error_type": "bad_request"}) from None
        return Job(
            id=str(uuid.uuid4()),
            endpoint=endpoint,
            account=account,
            body=body,
            created=now,
            start_by=now + wait if wait != float("inf") else None,
            store_io=headers.get("x-fal-store-io") != "0",
            webhook=request.query_params.get("fal_webhook", ""),
            file_life=life,
        )

    def _known(self, request: Request, gone: dict[str, Any]) -> Job:
        """The job of these addresses, if it is this account's. Raises Refused."""
        found = self._queue.get(request.path_params["request_id"], self.clock())
        owner = f"{request.path_params['owner']}/{request.path_params['alias']}"
        if found is None or found.account != self._check_key(request) or _owner(found.endpoint) != owner:
            raise Refused(404, gone)
        return found

    async def _status(self, request: Request) -> ASGIApp:
        job = self._known(request, {"status": "NOT_FOUND"})
        said: dict[str, Any] = {"status": job.status, "request_id": job.id, **_urls(request, job)}
        if job.status == "IN_QUEUE":
            said["queue_position"] = self._queue.place(job)
        else:
            logs = request.query_params.get("logs", "").lower() in ("1", "true")
            stamp = iso(job.started or job.created)
            line = {"message": "drawing", "level": "INFO", "source": "USER", "timestamp": stamp}
            said["logs"] = [line] if logs else None
        if job.ended is not None:
            said["metrics"] = {"inference_time": job.ended - job.started} if job.started else {}
        if job.failed is not None:
            said["error"] = f"Invalid status code: {job.failed.status}"
            said["error_type"] = job.failed.error_type
        status = 200 if job.ended is not None else 202
        return JSONResponse(said, status, headers={"x-fal-request-id": job.id})

    async def _result(self, request: Request) -> ASGIApp:
        job = self._known(request, {"detail": "Request not found"})
        headers = {"x-fal-request-id": job.id}
        if job.ended is None:
            raise Refused(400, {"detail": "Request is still in progress"}, headers)
        if job.failed is not None:
            failed = job.failed
            return JSONResponse(failed.body, failed.status, headers={**headers, **failed.headers})
        if self.faults.take("result_error"):
            raise Refused(500, {"detail": "Internal Server Error"})
        if job.ask is None:
            raise Refused(404, {"detail": "Request not found"}, headers)
        units = ENDPOINTS[job.endpoint].units(job.ask.width, job.ask.height) * job.ask.number
        output = await self.in_thread(self._output, _origin(request), job)
        return JSONResponse(output, headers={**headers, "x-fal-billable-units": f"{units:f}"})

    def _output(self, origin: str, job: Job) -> dict[str, Any]:
        ask, endpoint = job.ask, ENDPOINTS[job.endpoint]
        assert ask is not None
        images: list[dict[str, Any]] = []
        for name in job.files:
            file = self._files.get(name, self.clock())
            inline = ask.inline and file is not None
            url = self._files.inline(file) if inline and file else f"{origin}/files/{name}"
            images.append({"url": url, "content_type": ask.media_type})
            if endpoint.many_pictures:
                images[-1].update(width=ask.width, height=ask.height)
        output: dict[str, Any] = {"images": images, "seed": ask.seed or abs(hash(job.id)) % 2**31}
        if endpoint.many_pictures:
            output |= {
                "has_nsfw_concepts": [job.blackened] * len(images),
                "prompt": ask.prompt,
                "timings": {"inference": (job.ended or 0) - (job.started or 0)},
            }
        return output

    async def _cancel(self, request: Request) -> ASGIApp:
        job = self._known(request, {"status": "NOT_FOUND"})
        if self._queue.cancel(job, self.clock()):
            return JSONResponse({"status": "CANCELLATION_REQUESTED"}, 202)
        return JSONResponse({"status": "ALREADY_COMPLETED"}, 400)

    # --- webhooks ---

    @cached_property
    def signer(self) -> Signer:
        """What signs webhooks."""
        from providers.simulators.fal_hooks import Signer  # brings cryptography, which only this needs

        return Signer()

    async def _public_keys(self, _: Request) -> ASGIApp:
        return JSONResponse(self.signer.published())

    def _tell(self, job: Job) -> None:
        from providers.simulators.fal_hooks import through

        url = through(self.tunnel, job.webhook)
        if url is not None:
            letter = self.signer.about(job.id, job.account, self.clock, lambda: self._told(job))
            self.courier.send(url, letter)

    def _told(self, job: Job) -> dict[str, Any]:
        if job.failed is None:
            return {"status": "OK", "payload": self._output(self.url, job)}
        return {
            "status": "ERROR",
            "error": f"Invalid status code: {job.failed.status}",
            "payload": job.failed.body,
        }

    # --- storage ---

    async def _token(self, request: Request) -> ASGIApp:
        expires = datetime.fromtimestamp(self.clock() + 3_600, UTC).isoformat()
        token = {"token": f"cdn-{KEY_ID}", "token_type": "Bearer", "expires_at": expires}
        return JSONResponse({**token, "base_url": _origin(request)})

    async def _initiate(self, request: Request) -> ASGIApp:
        body = await _json_object(request)
        name, kind = body.get("file_name"), body.get("content_type")
        if not isinstance(name, str) or not isinstance(kind, str):
            raise Refused(422, {"detail": "file_name and content_type are required"})
        token, kept = self._files.grant(name, kind, self.clock())
        origin = _origin(request)
        return JSONResponse(
            {"upload_url": f"{origin}/storage/put/{token}", "file_url": f"{origin}/files/{kept}"}
        )

    async def _put(self, request: Request) -> ASGIApp:
        token, kind = request.path_params["token"], request.headers.get("content-type", "")
        if "authorization" in request.headers:
            raise Refused(400, {"detail": "A granted address takes no key"})
        content = await request.body()
        file = self._files.take(token, content, kind, self.clock(), self.dials.file_life)
        if file is None:
            raise Refused(403, {"detail": "This upload was not granted"})
        return Response(status_code=200)

    async def _upload(self, request: Request) -> ASGIApp:
        if request.headers.get("authorization") != f"Bearer cdn-{KEY_ID}":
            raise Refused(401, {"detail": "Invalid token"})
        kind = request.headers.get("content-type", "application/octet-stream")
        token, _ = self._files.grant(request.headers.get("x-fal-file-name", "file"), kind, self.clock())
        content = await request.body()
        file = self._files.take(token, content, kind, self.clock(), self.dials.file_life)
        assert file is not None
        return JSONResponse({"access_url": f"{_origin(request)}/files/{file.name}"})

    async def _file(self, request: Request) -> ASGIApp:
        file = self._files.get(request.path_params["name"], self.clock())
        if file is None:
            raise Refused(404, {"detail": "Not Found"})
        content = await self.in_thread(self._files.content, file)
        response = Response(content, media_type=file.media_type)
        return CutShort(response) if self.faults.take("cut_connection") else response

    def _file_exists(self, url: str) -> bool:
        """Whether a reference picture can be read: ours if it is there, others if they look public."""
        parts = urlsplit(url)
        if parts.path.startswith("/files/") and parts.hostname in ("127.0.0.1", "localhost"):
            return self._files.get(parts.path.removeprefix("/files/"), self.clock()) is not None
        return parts.scheme == "https" and not (parts.hostname or "").endswith(".invalid")


def _origin(request: Request) -> str:
    return f"{request.url.scheme}://{request.headers.get('host', '')}"


def _owner(endpoint: str) -> str:
    """The part of an endpoint that its requests' addresses keep."""
    return "/".join(endpoint.split("/")[:2])


def _urls(request: Request, job: Job) -> dict[str, str]:
    own = f"{_origin(request)}/{_owner(job.endpoint)}/requests/{job.id}"
    return {"response_url": own, "status_url": f"{own}/status", "cancel_url": f"{own}/cancel"}


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(422, {"detail": [{"loc": ["body"], "msg": "Invalid JSON", "type": "value_error"}]})
    return body
