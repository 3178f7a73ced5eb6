"""The life of one batch at the simulated OpenAI: validated, worked through, delivered out of order.

    validating -> failed
    validating -> in_progress -> finalizing -> completed
    in_progress -> expired                        (window closed; finished lines are delivered and billed)
    validating | in_progress | finalizing -> cancelling -> cancelled    (likewise)

A batch is never answered at once: it is shown as ``validating`` at least once to whoever asks (unless nobody
asked for as long as the whole batch takes), and its lines then fall due evenly over ``batch_seconds``.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
import uuid
from array import array
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from providers.simulators.openai_batch_input import Inspection, Limits, inspect_input
from providers.simulators.openai_errors import Refused
from providers.simulators.openai_files import Shelf, StoredFile
from providers.simulators.openai_images import Studio, available, read_ask, server_error
from providers.simulators.server import Simulator

log = logging.getLogger(__name__)

WINDOW_SECONDS = 86_400
"""The completion window "24h"."""
FINALIZING_SHARE = 0.1
"""The last part of `batch_seconds`, when results are written together."""
CHUNK = 8
"""Lines executed between two looks at whether the batch was cancelled."""

TURN_SECONDS = 0.5
"""After this long at one batch the others get a turn."""

TERMINAL = frozenset({"completed", "failed", "expired", "cancelled"})
ENDPOINTS = ("/v1/images/generations", "/v1/images/edits")

Resolve = Callable[[list[Any]], None]
"""Checks the reference images of an edit; raises Refused."""


class Batch:
    """One batch. `advance` does what is due; everything else reads."""

    def __init__(
        self,
        desk: BatchDesk,
        number: int,
        wanted: dict[str, Any],
        input_file: StoredFile,
        output_life_seconds: int | None,
    ) -> None:
        simulator = desk.simulator
        self.id = f"batch_{uuid.uuid4().hex}"
        self.status = "validating"
        self.created_at = simulator.clock()
        self.metadata: dict[str, str] | None = wanted.get("metadata")
        self.endpoint: str = wanted["endpoint"]
        self._desk, self._number, self._input = desk, number, input_file
        # Its own name for the bytes: the file may be deleted or expire while the batch runs.
        self._input_path = desk.shelf.new_path()
        self._input_path.hardlink_to(input_file.path)
        self._output_life_seconds = output_life_seconds
        self._shown = False
        self._times: dict[str, float] = {}
        self._lines = Inspection()
        self._order: array[int] = array("L")
        self._executed = self._completed = self._failed = 0
        self._usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
        self._files: dict[str, StoredFile | None] = {"output": None, "error": None}
        self._paths = {"output": desk.shelf.new_path(), "error": desk.shelf.new_path()}
        self._state = threading.Lock()
        self._working = threading.Lock()
        throw = simulator.dice.share("stuck", number)
        stuck = simulator.faults.stuck_batch
        self._stuck = throw < stuck if stuck < 1 else number == int(stuck)
        self._missing: frozenset[int] = frozenset()
        self._doubled: frozenset[int] = frozenset()
        self._strays: frozenset[int] = frozenset()

    # --- what callers see ---

    @property
    def waiting_tokens(self) -> int:
        """Prompt tokens this batch holds in the queue."""
        return self._lines.prompt_tokens if self.status in ("in_progress", "finalizing") else 0

    def show(self) -> None:
        """Somebody has been shown this batch."""
        self._shown = True

    def as_json(self) -> dict[str, Any]:
        """The batch object, with null where nothing is known yet, as the service has it."""
        with self._state:
            times = {
                name: int(self._times[name]) if name in self._times else None
                for name in (
                    "in_progress_at", "finalizing_at", "completed_at", "failed_at", "expired_at",
                    "cancelling_at", "cancelled_at",
                )
            }  # fmt: skip
            output, error = self._files["output"], self._files["error"]
            return {
                "id": self.id,
                "object": "batch",
                "endpoint": self.endpoint,
                "model": self._lines.model,
                "errors": {"object": "list", "data": self._lines.errors} if self._lines.errors else None,
                "input_file_id": self._input.id,
                "completion_window": "24h",
                "status": self.status,
                "output_file_id": output.id if output else None,
                "error_file_id": error.id if error else None,
                "created_at": int(self.created_at),
                "expires_at": int(self.created_at) + WINDOW_SECONDS,
                **times,
                "request_counts": {
                    "total": len(self._order),
                    "completed": self._completed,
                    "failed": self._failed,
                },
                "usage": {
                    **self._usage,
                    "input_tokens_details": {"cached_tokens": 0},
                    "output_tokens_details": {"reasoning_tokens": 0},
                },
                "metadata": self.metadata,
            }

    def cancel(self) -> None:
        """Stop after the lines already begun. Raises Refused when it is over already."""
        with self._state:
            if self.status in TERMINAL:
                # Not documented; the status is our guess.
                raise Refused(400, f"Cannot cancel a batch with status '{self.status}'.")
            if self.status != "cancelling":
                self._become("cancelling")

    # --- what time does ---

    def advance(self, patience_seconds: float = TURN_SECONDS) -> None:
        """Do what is due while the patience lasts; gives way when another thread is at it for longer."""
        if not self._working.acquire(timeout=patience_seconds):
            return
        enough = time.monotonic() + patience_seconds
        try:
            if self.status == "validating":
                self._validate_if_due()
            if self.status == "in_progress":
                self._work_if_due(enough)
            if self.status == "finalizing" and self._since("in_progress_at") >= self._faults.batch_seconds:
                self._finish("completed")
            if (
                self.status == "cancelling"
                and self._since("cancelling_at") >= self._faults.cancelling_seconds
            ):
                self._finish("cancelled")
        finally:
            self._working.release()

    @property
    def _faults(self) -> Any:
        return self._desk.simulator.faults

    def _now(self) -> float:
        return self._desk.simulator.clock()

    def _since(self, event: str) -> float:
        return self._now() - self._times[event]

    def _become(self, status: str) -> None:
        self.status = status
        self._times[f"{status}_at"] = self._now()
        if status in TERMINAL:
            self._desk.over(self.id, status)

    def _become_unless_cancelling(self, status: str) -> None:
        with self._state:
            if self.status != "cancelling":
                self._become(status)

    def _validate_if_due(self) -> None:
        age = self._now() - self.created_at
        due = self._faults.validating_seconds
        if age < due or not (self._shown or age >= due + self._faults.batch_seconds):
            return
        found = self._desk.inspect(self._input_path, self.endpoint)
        if not found.errors:
            self._prepare(found)
        with self._state:
            self._lines = found
            if self.status != "cancelling":
                self._become("failed" if found.errors else "in_progress")

    def _prepare(self, found: Inspection) -> None:
        number, dice = len(found.offsets), self._desk.simulator.dice
        order = list(range(number))
        random.Random(f"{self._faults.seed}|{self._number}").shuffle(order)
        if number > 1 and order == sorted(order):
            order.reverse()
        self._order = array("L", order)
        self._missing = dice.chosen("missing_lines", number, str(self._number))
        self._doubled = dice.chosen("duplicate_lines", number, str(self._number))
        self._strays = dice.chosen("unknown_lines", number, str(self._number))

    def _work_if_due(self, enough: float) -> None:
        total, seconds = len(self._order), self._faults.batch_seconds
        stop = total
        if self._stuck:
            stop = total // 2
        if self._faults.expire_after_fraction:
            stop = min(stop, int(total * self._faults.expire_after_fraction))
        window_closed = self._now() - self.created_at >= WINDOW_SECONDS
        working = seconds * (1 - FINALIZING_SHARE)
        share = 1.0 if working <= 0 else min(1.0, self._since("in_progress_at") / working)
        due = min(stop, int(total * share))
        while self._executed < due and self.status == "in_progress":
            if self._desk.simulator.stopping or time.monotonic() > enough:
                return
            self._execute(self._order[self._executed : min(due, self._executed + CHUNK)])
        if self._executed == total:
            self._become_unless_cancelling("finalizing")
        elif window_closed or (
            self._faults.expire_after_fraction
            and self._executed >= stop
            and self._since("in_progress_at") >= seconds
            and not self._stuck
        ):
            self._finish("expired")

    def _execute(self, lines: Iterable[int]) -> None:
        chosen = list(lines)
        answers = list(self._desk.simulator.in_parallel(self._answer, chosen))
        for line, (answer, usage) in zip(chosen, answers, strict=True):
            good = usage is not None
            with self._state:
                self._executed += 1
                self._completed += good
                self._failed += not good
                for name in self._usage:
                    self._usage[name] += usage[name] if usage else 0
            self._deliver("output" if good else "error", line, answer)

    def _answer(self, line: int) -> tuple[dict[str, Any], dict[str, int] | None]:
        """One result line, and its usage when it went well."""
        request = self._read(line)
        try:
            body = self._desk.execute(request["body"], self.endpoint, request["custom_id"], self.id)
        except Refused as refusal:
            if refusal.code == "request_timeout":
                return self._unexecuted(request["custom_id"], refusal.code, "The request timed out."), None
            return self._executed_line(request["custom_id"], refusal.status, refusal.body()), None
        except Exception:
            # Our own fault; without an answer the line would be executed, and billed, once more.
            log.exception("the openai simulator failed at line %s of %s", line + 1, self.id)
            return self._executed_line(request["custom_id"], 500, server_error().body()), None
        return self._executed_line(request["custom_id"], 200, body), body["usage"]

    def _read(self, line: int) -> dict[str, Any]:
        with self._input_path.open("rb") as file:
            file.seek(self._lines.offsets[line])
            request: dict[str, Any] = json.loads(file.readline())
        return request

    def _executed_line(self, custom_id: str, status: int, body: dict[str, Any]) -> dict[str, Any]:
        """The shape of a line that reached a model, well or not (openai/openai-openapi issue 302)."""
        return {
            "id": f"batch_req_{uuid.uuid4().hex}",
            "custom_id": custom_id,
            "response": {"status_code": status, "request_id": uuid.uuid4().hex, "body": body},
            "error": None,
        }

    def _unexecuted(self, custom_id: str, code: str, message: str) -> dict[str, Any]:
        """The shape of a line that never ran."""
        return {
            "id": f"batch_req_{uuid.uuid4().hex}",
            "custom_id": custom_id,
            "response": None,
            "error": {"code": code, "message": message},
        }

    def _deliver(self, where: str, line: int, answer: dict[str, Any]) -> None:
        """Append to a result file, as the line-loss dials allow."""
        copies = 0 if line in self._missing else 2 if line in self._doubled else 1
        with self._paths[where].open("ab") as file:
            for _ in range(copies):
                file.write(json.dumps(answer).encode() + b"\n")
            if line in self._strays:
                stray = {**answer, "custom_id": f"nobody-sent-{self._number}-{line}"}
                file.write(json.dumps(stray).encode() + b"\n")

    def _finish(self, status: str) -> None:
        """Say what became of the lines left over, put the files on the shelf, and be done."""
        code, message = {
            "expired": (
                "batch_expired",
                "This request could not be executed before the completion window expired.",
            ),
            "cancelled": ("batch_cancelled", "This request was cancelled before it could be executed."),
        }.get(status, ("", ""))
        if code:
            for line in self._order[self._executed :]:
                self._deliver("error", line, self._unexecuted(self._read(line)["custom_id"], code, message))
        for name, path in self._paths.items():
            # An empty file stands for lines that were executed and lost; no file means none were executed.
            if path.exists():
                self._files[name] = self._desk.shelf.put(
                    path, f"{self.id}_{name}.jsonl", "batch_output", self._now(), self._output_life_seconds
                )
        self._input_path.unlink(missing_ok=True)
        with self._state:
            self._become(status)


class BatchDesk:
    """Every batch of the account, and what they need to be worked on."""

    def __init__(
        self,
        simulator: Simulator,
        shelf: Shelf,
        studio: Studio,
        limits: Limits,
        resolve: Resolve,
        over: Callable[[str, str], None],
    ) -> None:
        """`over` hears of each batch that has ended: its id and status."""
        self.simulator = simulator
        self.over = over
        self.shelf = shelf
        self._studio, self._limits, self._resolve = studio, limits, resolve
        self._batches: dict[str, Batch] = {}
        self._lock = threading.Lock()

    def create(
        self, number: int, wanted: dict[str, Any], input_file: StoredFile, output_life_seconds: int | None
    ) -> Batch:
        batch = Batch(self, number, wanted, input_file, output_life_seconds)
        with self._lock:
            self._batches[batch.id] = batch
        return batch

    def get(self, batch_id: str) -> Batch | None:
        with self._lock:
            return self._batches.get(batch_id)

    def all(self) -> list[Batch]:
        """Newest first."""
        with self._lock:
            return list(self._batches.values())[::-1]

    def tick(self) -> None:
        """Do what is due in every batch, oldest first."""
        for batch in self.all()[::-1]:
            if batch.status not in TERMINAL and not self.simulator.stopping:
                batch.advance()

    def inspect(self, path: Path, endpoint: str) -> Inspection:
        """The vendor's validation of an input file, with the account's own limits."""
        now, faults = self.simulator.clock(), self.simulator.faults
        found = inspect_input(path, endpoint, lambda model: available(model, now) is not None, self._limits)
        if found.errors:
            return found
        if faults.quota:
            found.blame("billing_hard_limit_reached", "Billing hard limit has been reached.")
        waiting = sum(batch.waiting_tokens for batch in self.all())
        if faults.enqueued_token_limit and waiting + found.prompt_tokens > faults.enqueued_token_limit:
            found.blame(
                "token_limit_exceeded",
                f"Enqueued token limit reached for {found.model} in organization org-sim. Limit: "
                f"{faults.enqueued_token_limit} enqueued tokens. Please try again once some in_progress "
                "batches have been completed.",
            )
        return found

    def execute(self, body: dict[str, Any], endpoint: str, custom_id: str, batch_id: str) -> dict[str, Any]:
        """One line's answer. Raises Refused."""
        edit = endpoint == "/v1/images/edits"
        if edit:
            self._resolve([body.get("images"), body.get("mask")])
        ask = read_ask(
            body, self.simulator.clock(), edit=edit, preview=self.simulator.faults.transparent_preview
        )
        return self._studio.execute(ask, "batch", custom_id, batch_id)
