"""The life of one batch at the simulated Gemini, as an Operation shows it.

    PENDING -> FAILED                  (`failed_batches`; the reason is in the operation's `error`)
    PENDING -> RUNNING -> SUCCEEDED
    PENDING | RUNNING -> EXPIRED       (48 hours, or `expire_after_fraction`: nothing to read)
    PENDING | RUNNING -> CANCELLED     (nothing to read, unless `cancelled_delivers`)

A batch is never answered at once: it is shown as PENDING at least once to whoever asks, and its lines then
fall due evenly over ``batch_seconds``. What was drawn is billed, also where nothing is handed out; whether
the service does so is not documented, and this is the reading that costs a careless caller most.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
import uuid
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from providers.simulators.gemini_errors import Refused, invalid, no_such_model
from providers.simulators.gemini_faults import GeminiFaults
from providers.simulators.gemini_files import Shelf, timestamp
from providers.simulators.gemini_models import available, check_fields, read_ask, text_tokens
from providers.simulators.gemini_studio import Studio, internal
from providers.simulators.server import Simulator

log = logging.getLogger(__name__)

WINDOW_SECONDS = 48 * 3_600
OPEN_BATCHES = 100
CHUNK = 8
"""Lines executed between two looks at whether the batch was cancelled."""
TURN_SECONDS = 0.5
"""After this long at one batch the others get a turn."""
TERMINAL = frozenset({"SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"})
OPERATION_TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch"


class Batch:
    """One batch. `advance` does what is due; everything else reads."""

    def __init__(
        self,
        desk: BatchDesk,
        number: int,
        wanted: dict[str, Any],
        model: str,
        lines: Path,
        offsets: array[int],
        tokens: int,
    ) -> None:
        self.name = f"batches/{uuid.uuid4().hex}{number % 10_000:04}"
        self.state = "PENDING"
        self.created_at = self.updated_at = desk.simulator.clock()
        self.ended_at: float | None = None
        self.inline = "requests" in wanted["inputConfig"]
        self.tokens = tokens
        self._desk, self._number, self._wanted, self._model = desk, number, wanted, model
        self._lines, self._offsets, self._answers = lines, offsets, desk.shelf.new_path()
        self._order = self._work_order()
        self._shown = self._cancelling = False
        self._cancelled_at = 0.0
        self._begun_at = 0.0
        self._executed = self._good = self._bad = 0
        self._output = ""
        self._error: dict[str, Any] | None = None
        self._working = threading.Lock()
        dice, dials = desk.simulator.dice, desk.dials
        throw = dice.share("stuck", number)
        self._stuck = throw < dials.stuck_batch if dials.stuck_batch < 1 else number == int(dials.stuck_batch)
        self._fails = dials.take("failed_batches")
        self._missing = dice.chosen("missing_lines", len(offsets), str(number))
        self._doubled = dice.chosen("duplicate_lines", len(offsets), str(number))
        self._strays = dice.chosen("unknown_lines", len(offsets), str(number))

    # --- what callers see ---

    def show(self) -> None:
        """Somebody has been shown this batch."""
        self._shown = True

    def as_json(self, *, listed: bool = False) -> dict[str, Any]:
        """The operation; answers sent inline stand in it twice, but not in a list. Raises Refused (503)."""
        stats = {
            "requestCount": len(self._offsets),
            "successfulRequestCount": self._good,
            "failedRequestCount": self._bad,
            "pendingRequestCount": len(self._offsets) - self._executed,
        }
        prefix = "JOB_STATE_" if self._desk.dials.job_states else "BATCH_STATE_"
        metadata: dict[str, Any] = {
            "@type": OPERATION_TYPE,
            "name": self.name,
            "model": f"models/{self._model}",
            "displayName": self._wanted["displayName"],
            "state": f"{prefix}{self.state}",
            "createTime": timestamp(self.created_at),
            "updateTime": timestamp(self.updated_at),
            "batchStats": {name: str(number) for name, number in stats.items() if number},
            "priority": str(self._wanted.get("priority", 0)),
        }
        if not self.inline:
            metadata["inputConfig"] = {"fileName": self._wanted["inputConfig"]["fileName"]}
        if self.ended_at is not None:
            metadata["endTime"] = timestamp(self.ended_at)
        operation: dict[str, Any] = {"name": self.name, "metadata": metadata}
        if self.state in TERMINAL:
            operation["done"] = True
        if self._error:
            operation["error"] = self._error
        elif self._output and not (listed and self.inline):
            output = self._inlined() if self.inline else {"responsesFile": self._output}
            metadata["output"] = output
            operation["response"] = {"@type": f"{OPERATION_TYPE}Output", **output}
        return operation

    def _inlined(self) -> dict[str, Any]:
        limit = self._desk.dials.inline_read_limit
        if limit and 2 * self._answers.stat().st_size > limit:
            raise Refused("UNAVAILABLE", "The service is currently unavailable.")
        answers = []
        with self._answers.open("rb") as file:
            for line in file:
                answer = json.loads(line)
                key = answer.pop("key", None)
                answers.append(answer | ({"metadata": {"key": key}} if key else {}))
        return {"inlinedResponses": {"inlinedResponses": answers}}

    def cancel(self) -> None:
        """Stop after the lines already begun; once it is over this does nothing."""
        if self.state not in TERMINAL and not self._cancelling:
            self._cancelling, self._cancelled_at = True, self._now()

    # --- what time does ---

    def advance(self, patience_seconds: float = TURN_SECONDS) -> None:
        """Do what is due while the patience lasts; gives way when another thread is at it for longer."""
        if not self._working.acquire(timeout=patience_seconds):
            return
        enough = time.monotonic() + patience_seconds
        try:
            self._step(enough)
        finally:
            self._working.release()

    def _step(self, enough: float) -> None:
        dials, now = self._desk.dials, self._now()
        if self._cancelling:
            if now - self._cancelled_at >= dials.cancelling_seconds and self.state not in TERMINAL:
                self._end("CANCELLED")
            return
        age = now - self.created_at
        waited = age >= dials.validating_seconds and (
            self._shown or age >= dials.validating_seconds + dials.batch_seconds
        )
        if self.state == "PENDING" and waited:
            if self._fails:
                self._end("FAILED", internal())
                return
            self.state, self._begun_at, self.updated_at = "RUNNING", now, now
        if self.state == "RUNNING":
            self._work(enough)
        if self.state not in TERMINAL and age >= WINDOW_SECONDS:
            self._end("EXPIRED")

    def _work(self, enough: float) -> None:
        total, dials = len(self._order), self._desk.dials
        running = self._now() - self._begun_at
        stop = total // 2 if self._stuck else total
        if dials.expire_after_fraction:
            stop = min(stop, int(total * dials.expire_after_fraction))
        share = 1.0 if dials.batch_seconds <= 0 else min(1.0, running / dials.batch_seconds)
        due = min(stop, int(total * share))
        while self._executed < due and not self._cancelling:
            if self._desk.simulator.stopping or time.monotonic() > enough:
                return
            self._execute(self._order[self._executed : min(due, self._executed + CHUNK)])
        if self._executed == total:
            self._end("SUCCEEDED")
        elif dials.expire_after_fraction and share >= 1 and self._executed >= stop and not self._stuck:
            self._end("EXPIRED")

    def _execute(self, lines: Iterable[int]) -> None:
        chosen = list(lines)
        answers = list(self._desk.simulator.in_parallel(self._answer, chosen))
        with self._answers.open("ab") as file:
            for line, answer in zip(chosen, answers, strict=True):
                good = "response" in answer  # blocked ones included
                self._executed += 1
                self._good += good
                self._bad += not good
                self._deliver(file, line, answer)
        self.updated_at = self._now()

    def _deliver(self, file: Any, line: int, answer: dict[str, Any]) -> None:
        """Write one answer, as the dials allow."""
        written = answer
        if self._desk.dials.keyless_errors and "error" in answer:
            written = answer["error"]
        for _ in range(0 if line in self._missing else 2 if line in self._doubled else 1):
            file.write(json.dumps(written).encode() + b"\n")
        if line in self._strays:
            stray = {**answer, "key": f"nobody-sent-{self._number}-{line}"}
            file.write(json.dumps(stray).encode() + b"\n")

    def _answer(self, line: int) -> dict[str, Any]:
        """One line of results."""
        with self._lines.open("rb") as file:
            file.seek(self._offsets[line])
            request = json.loads(file.readline())
        named = {"key": request["key"]} if "key" in request else {}
        try:
            answer = self._desk.execute(request["request"], self._model, request.get("key"), self.name)
        except Refused as refusal:
            return {**named, "error": refusal.as_status()}
        except Exception:
            # Our own fault; without an answer the line would be executed, and billed, once more.
            log.exception("the gemini simulator failed at line %s of %s", line + 1, self.name)
            return {**named, "error": internal().as_status()}
        return {**named, "response": answer}

    def _work_order(self) -> array[int]:
        """The order of the lines, which is that of the answers: the one they were sent in."""
        order = list(range(len(self._offsets)))
        if self._desk.dials.shuffled:
            random.Random(f"{self._desk.dials.seed}|{self._number}").shuffle(order)
            if len(order) > 1 and order == sorted(order):
                order.reverse()
        return array("L", order)

    def _now(self) -> float:
        return self._desk.simulator.clock()

    def _end(self, state: str, reason: Refused | None = None) -> None:
        """Put the answers on the shelf, if they are handed out, and be done."""
        now = self._now()
        if state == "CANCELLED":
            reason = Refused("CANCELLED", "The operation was cancelled.", status=499)
        delivers = state == "SUCCEEDED" or (state == "CANCELLED" and self._desk.dials.cancelled_delivers)
        if delivers and self._executed:
            self._answers.touch()
            # Its name is longer than those of uploads may be (seen in the vendor's cookbook).
            self._output = f"files/batch-{self.name.removeprefix('batches/')}"
            self._desk.shelf.put(self._output, self._answers, "", "application/jsonl", now)
            reason = None
        if reason:
            self._error = reason.as_status()
        self._lines.unlink(missing_ok=True)
        self.ended_at = self.updated_at = now
        self.state = state


class BatchDesk:
    """Every batch of the project, and what they need to be worked on."""

    def __init__(self, simulator: Simulator, shelf: Shelf, studio: Studio) -> None:
        self.simulator = simulator
        self.shelf = shelf
        self._studio = studio
        self._batches: dict[str, Batch] = {}
        self._lock = threading.Lock()

    @property
    def dials(self) -> GeminiFaults:
        assert isinstance(self.simulator.faults, GeminiFaults)
        return self.simulator.faults

    def create(self, body: Any, model: str, version: str) -> Batch:
        """A new batch, its input checked line by line. Raises Refused."""
        now = self.simulator.clock()
        if available(model, now) is None:
            raise no_such_model(model, version, "batchGenerateContent")
        wanted = _wanted(body)
        if sum(batch.state not in TERMINAL for batch in self.all()) >= OPEN_BATCHES:
            raise Refused("RESOURCE_EXHAUSTED", f"The project has {OPEN_BATCHES} batches at work already.")
        lines = self._lines_of(wanted, now)
        try:
            offsets, tokens = _inspect(lines)
            self._check_queue(tokens)
        except Refused:
            lines.unlink()
            raise
        batch = Batch(self, self.simulator.ledger.created(), wanted, model, lines, offsets, tokens)
        with self._lock:
            self._batches[batch.name] = batch
        return batch

    def _check_queue(self, tokens: int) -> None:
        waiting = sum(batch.tokens for batch in self.all() if batch.state not in TERMINAL)
        if self.dials.enqueued_token_limit and waiting + tokens > self.dials.enqueued_token_limit:
            raise Refused("RESOURCE_EXHAUSTED", "Too many tokens are enqueued for this model.")

    def _lines_of(self, wanted: dict[str, Any], now: float) -> Path:
        """The input as a file of its own: the uploaded one may expire while the batch runs."""
        source, path = wanted["inputConfig"], self.shelf.new_path()
        if "fileName" in source:
            path.hardlink_to(self.shelf.usable(source["fileName"], now).path)
            return path
        with path.open("w", encoding="utf-8") as file:
            for entry in source["requests"].get("requests", ()):
                key = (entry.get("metadata") or {}).get("key")
                line = {"request": entry.get("request"), **({"key": key} if key else {})}
                file.write(json.dumps(line) + "\n")
        return path

    def get(self, name: str) -> Batch:
        """The batch. Raises Refused (404)."""
        with self._lock:
            found = self._batches.get(name)
        if found is None:
            raise Refused("NOT_FOUND", f"Requested entity was not found: {name}.")
        return found

    def delete(self, name: str) -> None:
        """Forget a batch; like the reference says, that does not stop it."""
        self.get(name)
        with self._lock:
            self._batches.pop(name)

    def all(self) -> list[Batch]:
        """Newest first."""
        with self._lock:
            return list(self._batches.values())[::-1]

    def tick(self) -> None:
        """Do what is due in every batch, oldest first."""
        for batch in self.all()[::-1]:
            if batch.state not in TERMINAL and not self.simulator.stopping:
                batch.advance()

    def execute(self, request: Any, model: str, key: str | None, batch_name: str) -> dict[str, Any]:
        """One line's answer. Raises Refused."""
        now = self.simulator.clock()
        ask = read_ask(request, model, now, lambda name: self.shelf.usable(name, now))
        return self._studio.execute(ask, "batch", key, batch_name)


def _wanted(body: Any) -> dict[str, Any]:
    """The batch of a create call. Raises Refused."""
    batch = body.get("batch") if isinstance(body, dict) else None
    if not isinstance(batch, dict):
        raise invalid("* BatchGenerateContentRequest.batch: batch is required")
    batch = {name.replace("display_name", "displayName"): value for name, value in batch.items()}
    source = batch.get("inputConfig") or batch.get("input_config") or {}
    source = {name.replace("file_name", "fileName"): value for name, value in source.items()}
    if ("fileName" in source) == ("requests" in source):
        raise invalid("* InputConfig: one of file_name or requests must be set")
    # The reference calls the display name required; the SDK sends none unless it is given one.
    return {**batch, "displayName": str(batch.get("displayName", "")), "inputConfig": source}


def _inspect(path: Path) -> tuple[array[int], int]:
    """Where the lines begin, and the tokens of their words. Raises Refused for the first that is wrong."""
    offsets, offset, tokens = array("Q"), 0, 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if raw.strip():
                offsets.append(offset)
                tokens += _inspect_line(raw, number)
            offset += len(raw)
    if not offsets:
        raise invalid("The input file is empty.")
    return offsets, tokens


def _inspect_line(raw: bytes, number: int) -> int:
    try:
        line = json.loads(raw)
        if not isinstance(line, dict) or not line.keys() <= {"key", "request", "metadata"}:
            raise invalid("no such field, or no object")
        request = check_fields(line.get("request"))
    except ValueError:
        raise invalid(f"Error on line {number}: invalid JSON, near column 1") from None
    except Refused as refusal:
        raise invalid(f"Error on line {number}: {refusal.message}") from None
    return sum(text_tokens(str(part.get("text", ""))) for c in request["contents"] for part in c["parts"])
