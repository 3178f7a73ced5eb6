"""Waiting items become submissions: payload kept, intent written. Nothing is sent here."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from bot.logs import about
from bot.pipeline.budget import stop_unaffordable
from bot.pipeline.plan import Chunk, call_of
from bot.pipeline.room import Room
from bot.runtime import Context
from bot.tracing import doing
from providers.base import ImageRequest, Lane, Reference, Refused, Size
from storage.moves import Packed
from storage.records import Item, Job, Submission
from storage.states import SENDING_JOBS, ItemEvent, ItemState, SubmissionState

log = logging.getLogger(__name__)

PAGE = 500
"""Items looked at together; bounds memory."""


def assemble(ctx: Context, now: datetime) -> int:
    """Pack every due item of every running job; how many submissions were prepared."""
    prepared = 0
    for job in ctx.queries.jobs(SENDING_JOBS):
        with doing("assemble", job=job.id) as step:
            packed = _assemble_job(ctx, job, now)
            if packed:
                step.note(submissions=packed)
            prepared += packed
    return prepared


@dataclass(slots=True)
class _Open:
    """A submission being filled."""

    submission_id: str
    payload_key: str
    file: BinaryIO
    keep: ExitStack
    chunk: Chunk
    first: Item
    group: str
    packed: list[Packed] = field(default_factory=list)
    byte_size: int = 0


class _Packing:
    """One pass over a job's due items: the submissions being filled, and those that are full."""

    def __init__(self, ctx: Context, job: Job, now: datetime) -> None:
        self._ctx = ctx
        self._job = job
        self._now = now
        self._filling: dict[tuple[object, ...], _Open] = {}
        self._full: list[_Open] = []

    def add(self, item: Item, group: str, line: bytes, most: int | None) -> None:
        """Add one line to the submission of its kind, beginning a new one where it does not fit.

        `most`: how many items this one may travel with, itself included; only those of the same mind do.
        """
        card = self._ctx.providers[item.provider].models[item.model]
        self._end_calls(item.row)
        kind = (item.provider, item.model, item.lane, group, most, *call_of(item, card))
        out = card.expected_output_bytes(Size.parse(item.made_size))
        tokens = card.input_tokens(item.prompt, len(item.references or ()))
        into = self._filling.get(kind)
        if into is None or not into.chunk.add(len(line), out, tokens):
            if into is not None:
                self._full.append(self._filling.pop(kind))
            into = self._filling[kind] = self._begin(item, group, most)
            into.chunk.add(len(line), out, tokens)
        into.file.write(line)
        into.byte_size += len(line)
        into.packed.append(Packed(item.number, item.sends + 1, item.quoted_high))
        if into.chunk.full:
            self._full.append(self._filling.pop(kind))

    def _begin(self, item: Item, group: str, most: int | None) -> _Open:
        ctx, job = self._ctx, self._job
        submission_id = f"{job.id}-{ctx.new_id(6)}"
        payload_key = f"{job.id}/payload/{submission_id}.jsonl"
        keep = ExitStack()
        file = keep.enter_context(ctx.blobs.writing(payload_key))
        card = ctx.providers[item.provider].models[item.model]
        asked = job.spec.get("chunk")
        smallest = min((n for n in (asked, most) if n is not None), default=None)
        chunk = Chunk(card, Lane(item.lane), ctx.policy, smallest)
        return _Open(submission_id, payload_key, file, keep, chunk, item, group)

    def _end_calls(self, row: int) -> None:
        """Live calls of an earlier row get no more pictures: files open at once stay few."""
        over = [
            k for k, into in self._filling.items() if into.first.lane == Lane.LIVE and into.first.row != row
        ]
        self._full += [self._filling.pop(kind) for kind in over]

    def prepare(self, *, last: bool = False) -> int:
        """Payloads kept, then intents written, all in one transaction; how many. The last time, of what is
        not full as well.
        """
        if last:
            self._full += self._filling.values()
            self._filling.clear()
        for filled in self._full:
            filled.keep.close()
        if self._full:
            pairs = [(_submission(filled, self._now), filled.packed) for filled in self._full]
            self._ctx.store.pack(pairs, self._now)
            for submission, _ in pairs:
                _trace(submission)
        prepared = len(self._full)
        self._full.clear()
        return prepared

    def close(self) -> None:
        """Let go of what was not prepared."""
        for left in (*self._filling.values(), *self._full):
            left.keep.close()


def _assemble_job(ctx: Context, job: Job, now: datetime) -> int:
    """One pass over the job's due items. A crash leaves at most payload files nobody refers to."""
    prepared = 0
    room, packing = Room(ctx, now), _Packing(ctx, job, now)
    try:
        for page in _pages(ctx, job, now):
            taken = [item for item in page if room.take(item)]
            halves = _halves(ctx, taken)
            for item in stop_unaffordable(ctx, job, taken, now):
                with about(row=item.row, item=item.number, provider=item.provider):
                    line = _encode(ctx, item, now)
                if line is not None:
                    packing.add(item, *line, halves.get(item.submission_id or ""))
            prepared += packing.prepare()
            if not taken:
                break  # no provider has room: the next tick looks again
        prepared += packing.prepare(last=True)
    finally:
        packing.close()
    return prepared


def _pages(ctx: Context, job: Job, now: datetime) -> Iterator[Sequence[Item]]:
    after = 0
    while page := ctx.queries.due_items(job.id, ItemState.WAITING, now, PAGE, after):
        yield page
        after = page[-1].number


def _halves(ctx: Context, items: Sequence[Item]) -> Mapping[str, int]:
    """By submission whose results could not be had: half of it. What it held travels with no more from then
    on, so that what cannot be fetched gets smaller each time, down to one.
    """
    sizes = ctx.queries.lost_sizes({item.submission_id for item in items if item.submission_id})
    return {submission_id: max(1, size // 2) for submission_id, size in sizes.items()}


def _encode(ctx: Context, item: Item, now: datetime) -> tuple[str, bytes] | None:
    """Group and line; None when the request cannot be said, which ends the item before it costs anything."""
    provider = ctx.providers[item.provider]
    request = ImageRequest(
        key=key_of(item.job_id, item.number, item.sends + 1),
        model=item.model,
        prompt=item.prompt,
        size=Size.parse(item.made_size),
        quality=item.quality,
        background=item.background,
        references=tuple(_reference(ctx, name) for name in item.references or ()),
    )
    try:
        encoded = provider.encode(request, Lane(item.lane))
    except Refused as problem:
        failure = problem.failure
        log.info("it cannot be said to %s: %s %s", item.model, failure.kind.value, failure.code)
        ctx.store.move_item(
            item, ItemEvent.FAIL, now, note=failure.message,
            failure_kind=failure.kind.value, failure_code=failure.code, reason=failure.message,
        )  # fmt: skip
        return None
    return encoded.group, encoded.line + b"\n"


def _reference(ctx: Context, name: str) -> Reference:
    if not name.startswith("blob:"):
        return Reference(url=name)
    key = name.removeprefix("blob:")
    media_type = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp"}
    return Reference(
        content=ctx.blobs.read(key), media_type=media_type.get(key.rpartition(".")[2], "image/png")
    )


def _submission(filled: _Open, now: datetime) -> Submission:
    item = filled.first
    return Submission(
        id=filled.submission_id,
        job_id=item.job_id,
        provider=item.provider,
        model=item.model,
        lane=item.lane,
        grp=filled.group,
        state=SubmissionState.PREPARED,
        payload_key=filled.payload_key,
        count=len(filled.packed),
        byte_size=filled.byte_size,
        tokens=filled.chunk.tokens if item.lane == Lane.BATCH else 0,
        created_at=now,
        due_at=now,
    )


def _trace(submission: Submission) -> None:
    """What is done with a batch, perhaps for days, hangs below this."""
    if submission.lane == Lane.BATCH:
        with doing("pack", submission, first=True) as step:
            step.note(pictures=submission.count, bytes=submission.byte_size)


def key_of(job_id: str, number: int, send: int) -> str:
    """What an item is called at the provider: unique for each sending."""
    return f"{job_id}-{number}-{send}"


def parse_key(key: str) -> tuple[str, int, int] | None:
    """Job, item number and sending of a key of ours; None for anything else."""
    job_id, *numbers = key.rsplit("-", 2)
    if len(numbers) != 2 or not all(part.isdecimal() for part in numbers):
        return None
    return job_id, int(numbers[0]), int(numbers[1])
