"""The life of one batch at the simulated xAI: no status, only counters.

    file:  (all zero while it is read) -> pending -> success | error | cancelled
           or cancelled as a whole by xAI, all zero, when one line of the file is wrong
    added: pending from the moment of being added; more may be added at any time

Lines fall due evenly over ``batch_seconds`` in an order of chance; results can be read while others are
pending, sorted by their ids. What is pending at a cancel or at expiry is cancelled.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
import uuid
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from providers.simulators.server import Simulator
from providers.simulators.xai_batch_input import EDITS, read_file
from providers.simulators.xai_images import Studio, read_ask
from providers.simulators.xai_words import Refused, XAIFaults, server_error

log = logging.getLogger(__name__)

LIFE_SECONDS = 30 * 86_400
"""A batch's `expire_time` lies this far ahead (seen live, 2026-08)."""
CHUNK = 8
"""Lines executed between two looks at whether the batch was cancelled."""
TURN_SECONDS = 0.5
"""After this long at one batch the others get a turn."""

PENDING, SUCCEEDED, FAILED, CANCELLED = range(4)
STATES = ("pending", "succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class Done:
    """What became of one line."""

    pictures: tuple[str | None, ...] = ()
    """Names in the gallery; None for one held back."""
    as_base64: bool = False
    model: str = ""
    ticks: int = 0
    error: Mapping[str, Any] | None = None
    at: float = 0.0


class Batch:
    """One batch. `advance` does what is due; everything else reads or takes orders."""

    def __init__(self, desk: BatchDesk, number: int, name: str, input_file: tuple[str, Path] | None) -> None:
        self.id = f"batch_{uuid.uuid4()}"
        self.name = name
        self.created_at = desk.simulator.clock()
        self.expires_at = self.created_at + LIFE_SECONDS
        self.input_file_id = input_file[0] if input_file else None
        self._desk, self._number = desk, number
        self._path = desk.simulator.folder / uuid.uuid4().hex
        if input_file:
            self._path.hardlink_to(input_file[1])  # the file may be deleted while the batch runs
        else:
            self._path.touch()
        self._reading = input_file is not None
        self._ids: list[str] = []
        self._offsets: array[int] = array("Q")
        self._states = bytearray()
        self._done: dict[int, Done] = {}
        self._order: list[int] = []
        self._executed = 0
        self._begun = self.created_at
        self._cancelled_at: float | None = None
        self._message: str | None = None
        self._reviving: list[int] = []
        self._sorted: list[tuple[str, Done]] | None = None
        self._state = threading.RLock()
        self._working = threading.Lock()
        throw, stuck = desk.simulator.dice.share("stuck", number), desk.faults.stuck_batch
        self._stuck = throw < stuck if stuck < 1 else number == int(stuck)

    # --- what callers see ---

    @property
    def over(self) -> bool:
        """Nothing more will happen to it by itself."""
        with self._state:
            idle = self._executed == len(self._order) or self._cancelled_at is not None
            return not self._reading and idle and not self._reviving

    @property
    def counters(self) -> dict[str, int]:
        with self._state:
            return {
                "num_requests": len(self._states),
                "num_pending": self._states.count(PENDING),
                "num_success": self._states.count(SUCCEEDED),
                "num_error": self._states.count(FAILED),
                "num_cancelled": self._states.count(CANCELLED),
            }

    def as_json(self, when: Callable[[float], str]) -> dict[str, Any]:
        """The batch object; `when` writes points in time."""
        with self._state:
            done = list(self._done.values())
            shown: dict[str, Any] = {
                "batch_id": self.id,
                "name": self.name,
                "create_time": when(self.created_at),
                "expire_time": when(self.expires_at),
                "create_api_key_id": "key-sim",
                "cancel_time": when(self._cancelled_at) if self._cancelled_at is not None else None,
                "cancel_by_xai_message": self._message,
                "state": self.counters,
            }
        total = sum(one.ticks for one in done)
        if done:
            shown["cost_breakdown"] = {
                "total_cost_usd_ticks": total,
                "endpoint_costs": [
                    {
                        "endpoint": "xai_api.Image/GenerateImage",
                        "cost_usd_ticks": total,
                        "request_count": len(done),
                    }
                ],
            }
        if self.input_file_id:
            shown["input_file_id"] = self.input_file_id
        return shown

    def answered(self) -> list[tuple[str, Done]]:
        """Every line that has an answer, sorted by its id; with what the line-loss dials make of it."""
        dice = self._desk.simulator.dice
        with self._state:
            if self._sorted is not None:
                return self._sorted
            total = len(self._ids)
            done = [(self._ids[line], line, self._done[line]) for line in self._done]
        missing, doubled, strays = (
            dice.chosen(f"{name}_lines", total, str(self._number))
            for name in ("missing", "duplicate", "unknown")
        )
        found = []
        for name, line, one in sorted(done, key=lambda entry: entry[0]):
            copies = 0 if line in missing else 2 if line in doubled else 1
            found += [(name, one)] * copies
            found += [(f"{name}-nobody-sent", one)] * (line in strays)
        with self._state:
            if len(self._done) == total and not self._reviving:
                self._sorted = found  # nothing changes any more, and sorting for every page is slow
        return found

    def lines(self, when: Callable[[float], str]) -> list[dict[str, Any]]:
        """Metadata of each request, in the order they came."""
        with self._state:
            return [
                {
                    "batch_request_id": name,
                    "endpoint": "xai_api.Image/GenerateImage",
                    "model": self._done[line].model if line in self._done else "",
                    "state": STATES[self._states[line]],
                    "create_time": when(self.created_at),
                    "finish_time": when(self._done[line].at) if line in self._done else None,
                }
                for line, name in enumerate(self._ids)
            ]

    # --- orders ---

    def add(self, requests: list[tuple[str, str, dict[str, Any]]]) -> None:
        """Take more requests (id, endpoint, body), all or none. Raises Refused."""
        with self._state:
            if self.input_file_id:
                raise Refused(412, "Cannot add inline requests to a file-based batch.")
            if self._cancelled_at is not None:
                raise Refused(403, "Cannot add requests to a cancelled batch.")
            names = [name for name, _, _ in requests]
            for name in names:
                if name in self._ids or names.count(name) > 1:
                    raise Refused(412, f"batch_request_id '{name}' content differs from originally submitted")
            with self._path.open("ab") as file:
                for name, url, body in requests:
                    self._offsets.append(file.tell())
                    file.write(json.dumps({"custom_id": name, "url": url, "body": body}).encode() + b"\n")
            first = len(self._ids)
            self._take(names)
            self._order += range(first, len(self._ids))
            self._begun = self._now()

    def cancel(self) -> None:
        """Cancel what is pending. A second time, or after the end, it changes nothing but the date."""
        with self._state:
            if self._cancelled_at is None:
                self._cancelled_at = self._now()
            pending = [line for line, state in enumerate(self._states) if state == PENDING]
            if self._desk.faults.cancel_reverts:
                self._reviving = pending
            self._drop(pending, "Batch cancelled")

    # --- what time does ---

    def advance(self, patience_seconds: float = TURN_SECONDS) -> None:
        """Do what is due while the patience lasts; gives way when another thread is at it for longer."""
        if not self._working.acquire(timeout=patience_seconds):
            return
        enough = time.monotonic() + patience_seconds
        try:
            if self._reading:
                self._read_if_due()
            elif self._cancelled_at is None:
                self._work_if_due(enough)
            elif self._reviving and self._now() - self._cancelled_at >= self._desk.faults.cancelling_seconds:
                self._execute([n for n in self._reviving if self._states[n] == CANCELLED])
                self._reviving = []
        finally:
            self._working.release()

    def _now(self) -> float:
        return self._desk.simulator.clock()

    def _take(self, names: list[str]) -> None:
        self._sorted = None
        self._ids += names
        self._states += bytes(len(names))

    def _drop(self, lines: list[int], words: str) -> None:
        for line in lines:
            self._states[line] = CANCELLED
            self._done[line] = Done(error={"code": 1, "message": words}, at=self._now())

    def _read_if_due(self) -> None:
        if self._cancelled_at is not None:
            self._reading = False
            return
        if self._now() - self.created_at < self._desk.faults.validating_seconds:
            return
        names, offsets, wrong = read_file(self._path)
        with self._state:
            self._reading = False
            if wrong:
                self._cancelled_at = self._now()
                self._message = f"JSONL file validation failed: {wrong}"
                return
            self._offsets = offsets
            self._take(names)
            self._order = list(range(len(names)))
            random.Random(f"{self._desk.faults.seed}|{self._number}").shuffle(self._order)
            self._begun = self._now()

    def _work_if_due(self, enough: float) -> None:
        faults, total = self._desk.faults, len(self._order)
        stop = total // 2 if self._stuck else total
        if faults.expire_after_fraction:
            stop = min(stop, int(total * faults.expire_after_fraction))
        age = self._now() - self._begun
        share = 1.0 if faults.batch_seconds <= 0 else min(1.0, age / faults.batch_seconds)
        due = min(stop, int(total * share))
        while self._executed < due and self._cancelled_at is None:
            if self._desk.simulator.stopping or time.monotonic() > enough:
                return
            chosen = self._order[self._executed : min(due, self._executed + CHUNK)]
            self._execute(chosen)
            self._executed += len(chosen)
        early = faults.expire_after_fraction and self._executed >= stop and share >= 1 and not self._stuck
        if early and self._executed < total:
            self.expires_at = min(self.expires_at, self._now())
        if self._now() >= self.expires_at:
            with self._state:
                self._drop([n for n, state in enumerate(self._states) if state == PENDING], "Batch expired")
                self._executed = total

    def _execute(self, lines: list[int]) -> None:
        simulator = self._desk.simulator
        for line, done in zip(lines, simulator.in_parallel(self._answer, lines), strict=True):
            with self._state:
                self._sorted = None
                self._states[line] = FAILED if done.error else SUCCEEDED
                self._done[line] = done

    def _answer(self, line: int) -> Done:
        with self._path.open("rb") as file:
            file.seek(self._offsets[line])
            request = json.loads(file.readline())
        try:
            return self._desk.execute(
                request["body"], request["custom_id"], self.id, edit=request["url"] == EDITS
            )
        except Refused as refusal:
            return _failed(refusal, self._now())
        except Exception:
            # Our own fault; without an answer the line would be executed, and billed, once more.
            log.exception("the xai simulator failed at line %s of %s", line + 1, self.id)
            return _failed(server_error(), self._now())


def _failed(refusal: Refused, now: float) -> Done:
    grpc = {400: 3, 401: 16, 403: 7, 404: 5, 422: 3, 429: 8, 503: 14, 504: 4}.get(refusal.status, 13)
    return Done(error={"code": grpc, "message": refusal.message}, ticks=refusal.ticks or 0, at=now)


class BatchDesk:
    """Every batch of the team, and what they need to be worked on."""

    def __init__(
        self,
        simulator: Simulator,
        faults: Callable[[], XAIFaults],
        studio: Studio,
        keep: Callable[[bytes], str],
        file: Callable[[str], bytes],
    ) -> None:
        """`keep` puts a picture away and names it; `file` reads a stored file, or raises Refused."""
        self.simulator = simulator
        self._faults, self._studio, self._keep, self._file = faults, studio, keep, file
        self._batches: dict[str, Batch] = {}
        self._lock = threading.Lock()

    @property
    def faults(self) -> XAIFaults:
        return self._faults()

    def create(self, number: int, name: str, input_file: tuple[str, Path] | None) -> Batch:
        batch = Batch(self, number, name, input_file)
        with self._lock:
            self._batches[batch.id] = batch
        return batch

    def get(self, batch_id: str) -> Batch:
        """The batch. Raises Refused when nobody knows it."""
        with self._lock:
            found = self._batches.get(batch_id)
        if found is None:
            raise Refused(404, f"Batch {batch_id} not found.")
        return found

    def all(self) -> list[Batch]:
        """Newest first."""
        with self._lock:
            return list(self._batches.values())[::-1]

    def tick(self) -> None:
        """Do what is due in every batch, oldest first."""
        for batch in self.all()[::-1]:
            if not batch.over and not self.simulator.stopping:
                batch.advance()

    def execute(self, body: Mapping[str, Any], custom_id: str, batch_id: str, *, edit: bool) -> Done:
        """One line's answer. Raises Refused."""
        ask = read_ask(body, edit=edit, file=self._file)
        painted = self._studio.execute(ask, "batch", custom_id, batch_id)
        return Done(
            pictures=tuple(None if one is None else self._keep(one) for one in painted.pictures),
            as_base64=ask.as_base64,
            model=painted.model,
            ticks=painted.ticks,
            at=self.simulator.clock(),
        )
