"""Sketch: a provider that draws on this machine. It needs no account, costs nothing and never fails.

The batch lane keeps the payload in a folder and draws when the results are read, so that memory does not grow
with the submission; what was accepted survives a restart. The same request always gives the same bytes.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

from providers.base import (
    Answered,
    Billed,
    EncodedLine,
    Failure,
    FailureKind,
    Gone,
    Handle,
    ImageRequest,
    ItemResult,
    Lane,
    Made,
    NoLookup,
    Outgoing,
    Phase,
    Picture,
    Progress,
    Reference,
    Refused,
)
from providers.catalogue import ModelCard
from providers.drawing import draw
from providers.wire import jsonl
from providers.wire.errors import redact
from providers.wire.shapes import Unreadable, count, parse_object, text

GROUP = "sketch"
LIFETIME = timedelta(days=30)
"""How long a payload is kept where the model's card does not say."""

log = logging.getLogger(__name__)


class Sketch:
    """The adapter; see `providers.base.Provider` for what each method promises."""

    name = "sketch"

    def __init__(
        self, models: Mapping[str, ModelCard], *, folder: Path, clock: Callable[[], datetime]
    ) -> None:
        """`folder` keeps the payloads of batches; it is made when the first one comes."""
        self.models = models
        self._folder = folder
        self._clock = clock

    def encode(self, request: ImageRequest, lane: Lane) -> EncodedLine:
        """One line with everything that decides the picture. Raises Refused for what cannot be drawn."""
        card = self.models.get(request.model)
        if card is None or lane not in card.lanes:
            raise _unsayable(f"sketch has no model “{request.model}” in the {lane.value} lane")
        if len(request.prompt) > card.prompt_limit:
            raise _unsayable(
                f"the prompt has {len(request.prompt):,} characters, at most {card.prompt_limit:,}"
            )
        if request.size not in card.sizes and not (card.size_rule and card.size_rule.allows(request.size)):
            raise _unsayable(f"sketch cannot draw {request.size} pictures")
        if request.quality is not None and request.quality not in card.qualities:
            raise _unsayable(f"sketch has no quality “{request.quality}”")
        if len(request.references) > card.references:
            raise _unsayable(f"sketch looks at {card.references} reference pictures at most")
        if request.background == "transparent" and not card.transparency:
            raise _unsayable("sketch cannot draw a transparent background")
        line: dict[str, Any] = {
            "custom_id": request.key,
            "prompt": request.prompt,
            "width": request.size.width,
            "height": request.size.height,
            "seed": _seed(request.seed or 0, request.references),
        }
        if request.background == "transparent":
            line["transparent"] = True
        try:
            return EncodedLine(GROUP, jsonl.encode(line))
        except ValueError:
            raise _unsayable("the prompt holds characters that are not Unicode text") from None

    def submit(self, outgoing: Outgoing) -> Handle | Answered:
        """A batch is kept in the folder, a live call drawn at once."""
        if outgoing.lane is Lane.LIVE:
            with outgoing.open() as payload:
                return Answered(tuple(_drawn(jsonl.split(payload))))
        self._folder.mkdir(parents=True, exist_ok=True)
        self._forget_old()
        kept = self._path(outgoing.tag)
        arriving = kept.with_suffix(".part")
        with outgoing.open() as payload, arriving.open("wb") as copy:
            shutil.copyfileobj(payload, copy)
            copy.flush()
            os.fsync(copy.fileno())
        now = self._clock().timestamp()
        os.utime(arriving, (now, now))  # ours, not the disk's: it says when the results expire
        arriving.replace(kept)
        return _handle(outgoing)

    def find(self, outgoing: Outgoing, since: datetime) -> Handle | None:
        """The kept batch with this tag; `since` is not needed. Raises NoLookup for live calls."""
        del since
        if outgoing.lane is Lane.LIVE:
            raise NoLookup("sketch keeps no list of live calls")
        return _handle(outgoing) if self._path(outgoing.tag).exists() else None

    def poll(self, handle: Handle) -> Progress:
        """Always ENDED: drawing waits for the reader of the results. Raises Gone for one not kept here."""
        total = int(handle.data.get("count", "0"))
        try:
            accepted = datetime.fromtimestamp(self._path(handle.id).stat().st_mtime, UTC)
        except FileNotFoundError:
            raise Gone("This sketch submission is not kept here any more") from None
        expires = accepted + self._lifetime()
        return Progress(Phase.ENDED, total=total, completed=total, results_expire_at=expires)

    def results(self, handle: Handle) -> Iterator[ItemResult]:
        """Draws one picture after another. Raises Gone."""
        try:
            payload = self._path(handle.id).open("rb")
        except FileNotFoundError:
            raise Gone("This sketch submission is not kept here any more") from None
        with payload:
            seen: set[str] = set()
            for result in _drawn(jsonl.split(payload)):
                if result.key not in seen:
                    seen.add(result.key)
                    yield result

    def fetch(self, locator: str) -> bytes:
        """Sketch gives bytes, never a locator. Raises Gone."""
        del locator
        raise Gone("sketch hands out no links")

    def cancel(self, handle: Handle) -> None:
        """Nothing to stop: a batch has ended as soon as it was accepted."""

    def check(self) -> str:
        return "Sketch draws on this machine and needs no account"

    def close(self) -> None:
        """Nothing is held open."""

    def _path(self, tag: str) -> Path:
        return self._folder / f"{quote(tag, safe='')}.jsonl"

    def _lifetime(self) -> timedelta:
        return max((card.result_lifetime for card in self.models.values()), default=LIFETIME)

    def _forget_old(self) -> None:
        oldest = (self._clock() - self._lifetime()).timestamp()
        for kept in self._folder.glob("*.jsonl"):
            if kept.stat().st_mtime < oldest:
                kept.unlink(missing_ok=True)


def _drawn(lines: Iterator[jsonl.Line]) -> Iterator[ItemResult]:
    for line in lines:
        try:
            wish = parse_object(line.content)
        except Unreadable as problem:
            log.warning("Skipped in a sketch payload: line %d is %s", line.number, problem)
            continue
        yield ItemResult(text(wish.get("custom_id")), _picture(wish))


def _picture(wish: Mapping[str, Any]) -> Made | Failure:
    width, height, seed = (count(wish.get(name)) for name in ("width", "height", "seed"))
    try:
        transparent = wish.get("transparent") is True
        content = draw(text(wish.get("prompt")), width, height, seed=seed, transparent=transparent)
    except ValueError as problem:
        return Failure(FailureKind.MALFORMED_REQUEST, "", redact(str(problem)), Billed.NO)
    return Made((Picture(content=content),), Decimal(0))


def _seed(wanted: int, references: tuple[Reference, ...]) -> int:
    """The wanted seed, changed by what the reference pictures are: other pictures, another sketch."""
    if not references:
        return abs(wanted)
    digest = hashlib.sha256(str(wanted).encode())
    for reference in references:
        digest.update(reference.content or (reference.url or "").encode())
    return int.from_bytes(digest.digest()[:6], "big")


def _handle(outgoing: Outgoing) -> Handle:
    return Handle(outgoing.tag, {"count": str(outgoing.count)})


def _unsayable(words: str) -> Refused:
    return Refused(Failure(FailureKind.MALFORMED_REQUEST, "", redact(words), Billed.NO))
