"""Handing a payload to Gemini's file store, in pieces that can be taken up again; and the keys it holds.

Facts: the resumable protocol as ai.google.dev (files, batch) shows it and as the vendor's SDK 3.4.0 speaks it
on the wire, read in 2026-11. A file starts nothing and costs nothing, so everything here may be repeated.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit

from providers.base import AskAgain, FailureKind, Outgoing, ProviderError
from providers.wire import jsonl
from providers.wire.client import Reply, Wire
from providers.wire.shapes import Unreadable, mapping, text

MEDIA_TYPE = "application/jsonl"
"""The guide's samples say `jsonl` as well; both are taken there."""
PIECE = 8 * 1024 * 1024
"""Bytes sent at once, as the SDK does; all but the last must be multiples of 256 KiB."""
TRIES_WITHOUT_PROGRESS = 4

_KEY = re.compile(rb'\{"key":"([A-Za-z0-9_-]{1,64})"')


class Refusal(Protocol):
    """What the adapter makes of a call that was not taken."""

    def __call__(self, reply: Reply, what: str, *, creates: bool) -> ProviderError: ...


def upload(wire: Wire, root: str, version: str, outgoing: Outgoing, refusal: Refusal) -> str:
    """The name of the file the payload has become (`files/...`).

    A piece whose reply is lost is sent again from where the vendor says it broke off. Raises AskAgain when
    that goes on, and what `refusal` makes of an answer that is a no.
    """
    path = _begin(wire, root, version, outgoing, refusal)
    with outgoing.open() as payload:
        for offset, piece, last in _pieces(payload, outgoing.byte_size):
            reply = _bring_through(wire, path, offset, piece, last=last, refusal=refusal)
    return _file_name(reply)


def _begin(wire: Wire, root: str, version: str, outgoing: Outgoing, refusal: Refusal) -> str:
    """Where the pieces go, as a path under our own address."""
    reply = wire.call(
        "POST",
        f"/upload/{version}/files",
        content=jsonl.encode({"file": {"displayName": f"{outgoing.tag}.jsonl"}}),
        headers={
            "x-goog-upload-protocol": "resumable",
            "x-goog-upload-command": "start",
            "x-goog-upload-header-content-length": str(outgoing.byte_size),
            "x-goog-upload-header-content-type": MEDIA_TYPE,
        },
    )
    if not reply.ok:
        raise refusal(reply, "the payload", creates=False)
    # Only path and query are kept, as in the SDK: the key stays with the address it was set for.
    parts = urlsplit(reply.headers.get("x-goog-upload-url", ""))
    path = parts.path.removeprefix(urlsplit(root).path)
    if not path.startswith("/"):
        raise AskAgain("Gemini does not say where the payload is to go")
    return f"{path}?{parts.query}" if parts.query else path


def _pieces(payload: BinaryIO, size: int) -> Iterator[tuple[int, bytes, bool]]:
    """The payload in pieces: where each begins, its bytes, and whether it is the last."""
    offset = 0
    while True:
        piece = payload.read(PIECE)
        last = offset + len(piece) >= size or len(piece) < PIECE
        yield offset, piece, last
        if last:
            return
        offset += len(piece)


def _bring_through(
    wire: Wire, path: str, offset: int, piece: bytes, *, last: bool, refusal: Refusal
) -> Reply:
    """Send one piece until it has arrived; the vendor's reply to it."""
    stuck = 0
    while stuck < TRIES_WITHOUT_PROGRESS:
        reply = _send(wire, path, offset, piece, last=last)
        if reply is not None and reply.ok:
            return reply
        if reply is not None and reply.status < 500:
            raise refusal(reply, "the payload", creates=False)
        reply, received = _ask(wire, path, refusal)
        if received is None:
            return reply  # it is final: what broke was the answer
        if not offset <= received <= offset + len(piece):
            raise AskAgain("Gemini has lost what it had of the payload")
        stuck = stuck + 1 if received == offset else 0
        piece, offset = piece[received - offset :], received
        if not piece and not last:
            return reply
    raise AskAgain("Gemini does not take the payload; the connection breaks every time")


def _send(wire: Wire, path: str, offset: int, piece: bytes, *, last: bool) -> Reply | None:
    """One try; None where the connection broke."""
    headers = {
        "x-goog-upload-command": "upload, finalize" if last else "upload",
        "x-goog-upload-offset": str(offset),
        "content-type": MEDIA_TYPE,
    }
    try:
        return wire.call("POST", path, content=piece, headers=headers, making=last)
    except AskAgain:
        return None


def _ask(wire: Wire, path: str, refusal: Refusal) -> tuple[Reply, int | None]:
    """How many bytes have arrived; None when the file is complete."""
    reply = wire.call("POST", path, headers={"x-goog-upload-command": "query"})
    if not reply.ok:
        raise refusal(reply, "the payload", creates=False)
    if reply.headers.get("x-goog-upload-status") == "final":
        return reply, None
    received = reply.headers.get("x-goog-upload-size-received", "")
    if not received.isdigit():
        raise AskAgain("Gemini does not say how much of the payload it has")
    return reply, int(received)


def _file_name(reply: Reply) -> str:
    try:
        file = mapping(reply.parsed().get("file"))
    except Unreadable:
        file = {}
    name = text(file.get("name"))
    if not re.fullmatch(r"files/[\w.-]+", name):
        raise AskAgain("Gemini took the payload without naming it")
    if file.get("state") == "FAILED":
        raise AskAgain("Gemini could not store the payload", kind=FailureKind.SERVER_ERROR)
    return name


# --- keys -----------------------------------------------------------------------------------------------


def pack_keys(outgoing: Outgoing) -> str:
    """The keys of a payload in their order, small enough for a handle (about three bytes a key)."""
    keys = []
    with outgoing.open() as payload:
        for line in jsonl.split(iter(lambda: payload.read(PIECE), b"")):
            found = _KEY.match(line.content)
            if found is None:
                return ""
            keys.append(found[1])
    return base64.b64encode(zlib.compress(b"\n".join(keys), 9)).decode()


def unpack_keys(packed: str) -> list[str]:
    """What `pack_keys` packed; empty for anything else."""
    try:
        return zlib.decompress(base64.b64decode(packed, validate=True)).decode().split("\n") if packed else []
    except (binascii.Error, ValueError, zlib.error):
        return []


def notes(outgoing: Outgoing) -> Mapping[str, str]:
    """What the handle of this submission remembers: the same after `submit` and after `find`."""
    return {"model": outgoing.model, "keys": pack_keys(outgoing)}
