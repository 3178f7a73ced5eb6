"""Waiting items become submissions: payload kept, intent written. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from bot.pipeline.breaker import PROBES, SPEAKING, Standing, standing
from bot.pipeline.plan import Chunk
from bot.runtime import Context
from providers.base import ImageRequest, Lane, Reference, Refused, Size
from storage.moves import Packed
from storage.records import Item, Job, Submission
from storage.states import SENDING_JOBS, ItemEvent, ItemState, SubmissionState

PAGE = 500
"""Items looked at together; bounds memory."""


def assemble(ctx: Context, now: datetime) -> int:
    """Pack every due item of every running job; how many submissions were prepared."""
    return sum(_assemble_job(ctx, job, now) for job in ctx.queries.jobs(SENDING_JOBS))


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


def _assemble_job(ctx: Context, job: Job, now: datetime) -> int:
    """One pass over the job's due items. A crash leaves at most payload files nobody refers to."""
    filling: dict[tuple[str, ...], _Open] = {}
    full: list[_Open] = []
    prepared = 0
    room = _Room(ctx, now)
    try:
        for page in _pages(ctx, job, now):
            taken = [item for item in page if room.take(item)]
            for item in taken:
                line = _encode(ctx, item, now)
                if line is not None:
                    _fill(ctx, job, item, *line, filling, full)
            prepared += _prepare(ctx, full, now)
            if not taken:
                break  # no provider has room: the next tick looks again
        full += filling.values()
        filling.clear()
        prepared += _prepare(ctx, full, now)
    finally:
        for left in (*filling.values(), *full):
            left.keep.close()
    return prepared


def _fill(
    ctx: Context,
    job: Job,
    item: Item,
    group: str,
    line: bytes,
    filling: dict[tuple[str, ...], _Open],
    full: list[_Open],
) -> None:
    """Add one line to the submission of its kind, beginning a new one where it does not fit."""
    kind = (item.provider, item.model, item.lane, group)
    card = ctx.providers[item.provider].models[item.model]
    out = card.expected_output_bytes(Size.parse(item.made_size))
    into = filling.get(kind)
    if into is None or not into.chunk.add(len(line), out):
        if into is not None:
            full.append(filling.pop(kind))
        into = filling[kind] = _begin(ctx, job, item, group)
        into.chunk.add(len(line), out)
    into.file.write(line)
    into.byte_size += len(line)
    into.packed.append(Packed(item.number, item.sends + 1, item.quoted_high))
    if into.chunk.full:
        full.append(filling.pop(kind))


class _Room:
    """Which items may be packed now: none for a paused provider, a few for one that is tried again, and live
    ones only as fast as they leave.
    """

    def __init__(self, ctx: Context, now: datetime) -> None:
        self._ctx = ctx
        self._pauses = ctx.notices.pauses()
        self._standing = {name: standing(pause, now) for name, pause in self._pauses.items()}
        self._probes_left: dict[str, int] = {}
        self._live_left: dict[str, int] = {}

    def take(self, item: Item) -> bool:
        if item.provider not in self._ctx.providers:
            return False
        match self._standing.get(item.provider, Standing.CLOSED):
            case Standing.OPEN:
                return False
            case Standing.HALF_OPEN:
                return self._probe(item.provider)
            case Standing.CLOSED:
                pass
        if item.lane != Lane.LIVE:
            return True
        if item.provider not in self._live_left:
            card = self._ctx.providers[item.provider].models[item.model]
            waiting = self._ctx.queries.live_calls(item.provider)
            self._live_left[item.provider] = max(0, 4 * card.limits.concurrency - waiting)
        self._live_left[item.provider] -= 1
        return self._live_left[item.provider] >= 0

    def _probe(self, provider: str) -> bool:
        if provider not in self._probes_left:
            out = self._ctx.queries.probing(provider, self._pauses[provider].until, SPEAKING)
            self._probes_left[provider] = 0 if out.prepared or out.under_way else PROBES
        self._probes_left[provider] -= 1
        return self._probes_left[provider] >= 0


def _pages(ctx: Context, job: Job, now: datetime) -> Iterator[Sequence[Item]]:
    after = 0
    while page := ctx.queries.due_items(job.id, ItemState.WAITING, now, PAGE, after):
        yield page
        after = page[-1].number


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


def _begin(ctx: Context, job: Job, item: Item, group: str) -> _Open:
    submission_id = f"{job.id}-{ctx.new_id(6)}"
    payload_key = f"{job.id}/payload/{submission_id}.jsonl"
    keep = ExitStack()
    file = keep.enter_context(ctx.blobs.writing(payload_key))
    card = ctx.providers[item.provider].models[item.model]
    return _Open(
        submission_id, payload_key, file, keep, Chunk(card, Lane(item.lane), ctx.policy), item, group
    )


def _prepare(ctx: Context, full: list[_Open], now: datetime) -> int:
    """Payloads kept, then intents written, all in one transaction; empties the list."""
    for filled in full:
        filled.keep.close()
    if full:
        ctx.store.pack([(_submission(filled, now), filled.packed) for filled in full], now)
    prepared = len(full)
    full.clear()
    return prepared


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
        created_at=now,
        due_at=now,
    )


def key_of(job_id: str, number: int, send: int) -> str:
    """What an item is called at the provider: unique for each sending."""
    return f"{job_id}-{number}-{send}"


def parse_key(key: str) -> tuple[str, int, int] | None:
    """Job, item number and sending of a key of ours; None for anything else."""
    job_id, *numbers = key.rsplit("-", 2)
    if len(numbers) != 2 or not all(part.isdecimal() for part in numbers):
        return None
    return job_id, int(numbers[0]), int(numbers[1])
