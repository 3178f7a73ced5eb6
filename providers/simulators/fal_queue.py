"""The life of a request in the simulated fal's queue, and how much of it happens at once.

IN_QUEUE, IN_PROGRESS, COMPLETED, and nothing else: a failed or cancelled request is COMPLETED as well, with
`error` and `error_type`. What happens is worked out in the order of time whenever somebody looks, so that a
clock that jumps gives the same as one that runs.
"""

from __future__ import annotations

import heapq
import itertools
import re
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from providers.simulators.fal_models import ENDPOINTS, Ask, Failed, broken, invalid, read_ask
from providers.simulators.faults import Dice, Faults
from providers.simulators.ledger import Billed, Ledger

CANCELLED = "client_cancelled"


@dataclass
class FalFaults(Faults):
    """The shared dials and fal's own."""

    concurrency: int = 2
    """Requests of one account that run at once; the others wait in the queue and are never refused."""
    cancel_stops_running: bool = True
    """Whether a cancel stops a request that runs; else it finishes and is billed."""
    payloads_kept: bool = True
    """Whether the list of requests tells their inputs."""
    list_forbidden: bool = False
    """The key may not read the list of requests: 403."""
    list_delay: float = 0.0
    """Seconds between a request's start and its being in the list."""
    file_life: float = 7 * 86_400.0
    """Seconds a file can be had where the request asked for nothing else."""
    payload_life: float = 30 * 86_400.0
    """Seconds a result can be had after its request ended."""
    result_error: int = 0
    """This many results of good requests answer 500 for once."""


@dataclass(eq=False)
class Job:
    """One request."""

    id: str
    endpoint: str
    account: str
    body: Mapping[str, Any]
    created: float
    start_by: float | None
    store_io: bool
    webhook: str
    """Where to tell that it is over; empty for nowhere."""
    file_life: float
    started: float | None = None
    ends: float | None = None
    ended: float | None = None
    cancelled: bool = False
    ask: Ask | None = None
    failed: Failed | None = None
    blackened: bool = False
    files: list[str] = field(default_factory=list)

    @property
    def status(self) -> str:
        if self.ended is not None:
            return "COMPLETED"
        return "IN_QUEUE" if self.started is None else "IN_PROGRESS"


class Queue:
    """Every request of every account. Safe to use from many threads."""

    def __init__(
        self,
        faults: Callable[[], FalFaults],
        dice: Dice,
        ledger: Ledger,
        file_exists: Callable[[str], bool],
        keep_picture: Callable[[Job, int], str],
        over: Callable[[Job], None],
    ) -> None:
        """`over` hears of each request that has ended."""
        self._faults = faults
        self._dice = dice
        self._ledger = ledger
        self._file_exists = file_exists
        self._keep_picture = keep_picture
        self._over = over
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._waiting: dict[str, deque[Job]] = {}
        self._running: Counter[str] = Counter()
        self._due: list[tuple[float, int, Job]] = []
        self._order = itertools.count()
        self._seen: set[str] = set()

    def add(self, job: Job, now: float) -> None:
        with self._lock:
            self.advance(now)
            self._jobs[job.id] = job
            self._waiting.setdefault(job.account, deque()).append(job)
            if job.start_by is not None:
                heapq.heappush(self._due, (job.start_by, next(self._order), job))
            self._start(now)

    def get(self, request_id: str, now: float) -> Job | None:
        with self._lock:
            self.advance(now)
            job = self._jobs.get(request_id)
            if job and job.ended is not None and now - job.ended > self._faults().payload_life:
                return None
            return job

    def all(self, now: float) -> list[Job]:
        with self._lock:
            self.advance(now)
            return list(self._jobs.values())

    def place(self, job: Job) -> int:
        """How many wait before it."""
        with self._lock:
            line = self._waiting.get(job.account, deque())
            return line.index(job) if job in line else 0

    def cancel(self, job: Job, now: float) -> bool:
        """Whether there was anything left to stop."""
        with self._lock:
            self.advance(now)
            if job.ended is not None:
                return False
            if job.started is None:
                self._waiting[job.account].remove(job)
                self._end(job, now, _cancelled())
            elif self._faults().cancel_stops_running:
                job.cancelled = True
                self._ends(job, now)
                self.advance(now)
            return True

    def advance(self, now: float) -> None:
        """Let everything happen that is due by now, in the order of time."""
        with self._lock:
            while self._due and self._due[0][0] <= now:
                at, _, job = heapq.heappop(self._due)
                if job.ended is not None:
                    continue
                if job.started is None:  # its time to start by
                    self._waiting[job.account].remove(job)
                    self._end(job, at, _too_late())
                elif job.ends == at:
                    self._running[job.account] -= 1
                    self._finish(job, at)
                    self._start(at)
            self._start(now)

    def _start(self, now: float) -> None:
        faults = self._faults()
        for account, line in self._waiting.items():
            while line and self._running[account] < max(1, faults.concurrency):
                job = line.popleft()
                takes = faults.latency + faults.latency_jitter * self._dice.again("latency")
                job.started = now
                self._ends(job, now + takes)
                self._running[account] += 1

    def _ends(self, job: Job, at: float) -> None:
        job.ends = at
        heapq.heappush(self._due, (at, next(self._order), job))

    def _finish(self, job: Job, at: float) -> None:
        if job.cancelled:
            self._end(job, at, _cancelled())
            return
        try:
            job.ask = read_ask(ENDPOINTS[job.endpoint], job.body, self._file_exists)
            self._judge(job, job.ask)
            self._stumble(job.ask)
        except Failed as failure:
            self._end(job, at, failure)
            return
        self._end(job, at, None)
        self._bill(job, job.ask, at)
        self._tell(job)

    def _end(self, job: Job, at: float, failure: Failed | None) -> None:
        job.ended, job.failed = at, failure
        if failure is not None:
            self._tell(job)

    def _tell(self, job: Job) -> None:
        if job.webhook:
            self._over(job)

    def _bill(self, job: Job, ask: Ask, at: float) -> None:
        endpoint = ENDPOINTS[job.endpoint]
        price = endpoint.unit_price * endpoint.units(ask.width, ask.height)
        for place in range(ask.number):
            job.files.append(self._keep_picture(job, place))
            size = f"{ask.width}x{ask.height}"
            self._ledger.bill(Billed("live", None, job.id, ask.prompt, job.endpoint, size, "", price, at))

    def _judge(self, job: Job, ask: Ask) -> None:
        """Moderation: what a word or the dice condemn stays condemned."""
        late = re.search(r"\bgore\b", ask.prompt, re.IGNORECASE) is not None
        if late and ENDPOINTS[job.endpoint].many_pictures:
            job.blackened = True
            return
        by_word = re.search(r"\bmoderated\b", ask.prompt, re.IGNORECASE) is not None
        if late or by_word or self._dice.share("refusal", ask.prompt) < self._faults().refusal_rate:
            raise invalid(
                "content_policy_violation",
                "prompt",
                "The content could not be processed because it was flagged by a content checker.",
                {"prompt": ask.prompt},
            )
        if "[nothing]" in ask.prompt.lower():
            raise invalid("no_media_generated", "prompt", "No media was generated.", {"prompt": ask.prompt})

    def _stumble(self, ask: Ask) -> None:
        prompt = ask.prompt.lower()
        if "[down]" in prompt:
            raise broken(500, "internal_server_error", "Internal server error", x_fal_retryable="true")
        if "[flaky]" in prompt and self._first_sight(prompt):
            raise broken(503, "runner_disconnected", "Runner disconnected", x_fal_needs_retry="1")
        if "[timeout]" in prompt and self._first_sight(prompt):
            raise broken(504, "generation_timeout", "Generation took too long")
        throw, rate = self._dice.again("error", ask.prompt), self._faults().error_rate
        if throw < rate:
            status, error_type = ((500, "runner_server_error"), (503, "runner_connection_error"))[
                int(throw / rate * 2)
            ]
            raise broken(status, error_type, "The runner failed")

    def _first_sight(self, prompt: str) -> bool:
        new = prompt not in self._seen
        self._seen.add(prompt)
        return new


def _cancelled() -> Failed:
    # What a cancelled request answers is not documented; this code with 499 is in the list of errors.
    return broken(499, CANCELLED, "Client cancelled the request")


def _too_late() -> Failed:
    return broken(
        504, "request_timeout", "Request timed out before it started", x_fal_request_timeout_type="user"
    )
