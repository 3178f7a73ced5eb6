"""HTTP to one vendor: the only module that knows httpx.

Measured with httpx 0.28.1 on two cores: its pool scans every connection for every request, so 200 threads on
one client cost 10 ms of CPU a request (71 requests/s), on ten clients with 20 connections each 1 ms (574/s).
`Wire` therefore spreads calls over shards, and opens another shard only when the ones before it are full.
"""

from __future__ import annotations

import ipaddress
import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

import httpx
from pydantic import SecretStr

from providers.base import AskAgain, FailureKind, Gone, MaybeAccepted, ProviderError, TellOperator
from providers.wire import pictures, shapes
from providers.wire.errors import redact

CONNECTIONS_PER_SHARD = 20
MOST_SHARDS = 15
KEEP_IDLE_SECONDS = 5.0
"""Idle connections are dropped early: a create sent into one the server just closed is a lost reply."""

REPLY_LIMIT = 8 * 1024 * 1024
"""Longest plain reply read, in bytes; a list of 100 batches takes about 100 kB."""
PICTURE_LIMIT = 64 * 1024 * 1024
"""Longest reply that carries a picture."""
PIECE = 256 * 1024

TRIES_WITHOUT_PROGRESS = 4
"""How often a cut download is taken up again before it is given back to the caller."""
MOST_TRIES = 50
MOST_REDIRECTS = 3

_NEVER_SENT = (
    httpx.ConnectError,  # name resolution and TLS included
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call may take."""

    connect_seconds: float = 10
    write_seconds: float = 60
    """Longest pause while sending."""
    read_seconds: float = 60
    """Longest silence while receiving."""
    making_seconds: float = 300
    """Longest silence while a picture is made; high quality takes two minutes, and giving up costs money."""
    reply_seconds: float = 900
    """Longest time for a whole reply, so that a server dripping bytes cannot hold a thread for ever."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whatever the status."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    too_long: bool = False
    """The body was longer than the limit and was not read; `body` is empty."""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def parsed(self) -> Mapping[str, Any]:
        """The JSON object in the body. Raises shapes.Unreadable."""
        return shapes.parse_object(self.body)

    def fields(self) -> Mapping[str, Any]:
        """The JSON object in the body, or an empty one where there is none to be read."""
        try:
            return self.parsed()
        except shapes.Unreadable:
            return {}


def bare_key(key: SecretStr | str) -> str:
    """The key itself, without the blanks that pasting leaves around it."""
    return (key.get_secret_value() if isinstance(key, SecretStr) else key).strip()


class Shards:
    """Clients of `CONNECTIONS_PER_SHARD` connections each, made when needed and filled one after another."""

    def __init__(self, make: Callable[[], httpx.Client], most: int = MOST_SHARDS) -> None:
        self._make = make
        self._most = most
        self._clients: list[httpx.Client] = []
        self._busy: list[int] = []
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def borrow(self) -> Iterator[httpx.Client]:
        """A client with a free connection, or the least busy one where all are full."""
        with self._lock:
            if self._closed:
                raise AskAgain("The connection to the provider has been closed")
            place = self._place()
            self._busy[place] += 1
            client = self._clients[place]
        try:
            yield client
        finally:
            with self._lock:
                self._busy[place] -= 1

    def _place(self) -> int:
        for place, busy in enumerate(self._busy):
            if busy < CONNECTIONS_PER_SHARD:
                return place
        if len(self._clients) < self._most:
            self._clients.append(self._make())
            self._busy.append(0)
            return len(self._clients) - 1
        return min(range(len(self._busy)), key=self._busy.__getitem__)

    def __len__(self) -> int:
        return len(self._clients)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            clients, self._clients, self._busy = self._clients, [], [0] * len(self._busy)
        for client in clients:
            client.close()


class Wire:
    """Calls to one vendor's API. Safe to use from many threads.

    `headers` carry the key and go to the vendor's own address only; redirects are never followed with them.
    `secrets` are kept out of what `safe` gives back.
    """

    def __init__(
        self,
        *,
        title: str,
        base_url: str,
        headers: Mapping[str, str] | None = None,
        secrets: tuple[str, ...] = (),
        patience: Patience | None = None,
        shards: int = MOST_SHARDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises TellOperator for an address that is none, or a key that cannot stand in a header."""
        self.title = title
        self._base = base_url.rstrip("/")
        parts = urlsplit(self._base)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise TellOperator(
                f"The address of {title} must begin with https:// or http://", kind=FailureKind.AUTH
            )
        self._headers = {name: value.strip() for name, value in (headers or {}).items()}
        if not all(value.isascii() and value.isprintable() for value in self._headers.values()):
            # Left to the HTTP library, its error would quote the key.
            raise TellOperator(
                f"The key for {title} contains characters no key has; paste it again", kind=FailureKind.AUTH
            )
        self._secrets = tuple(SecretStr(secret) for secret in secrets)
        self._patience = patience or Patience()
        self._monotonic = monotonic
        self._loopback = is_loopback(parts.hostname)
        self._tls: ssl.SSLContext | None = None
        self._shards = Shards(self._client, shards)

    def safe(self, words: str, *also: str) -> str:
        """The words as they may be shown and logged: without secrets, nor any of `also` (a prompt)."""
        return redact(words, (*(secret.get_secret_value() for secret in self._secrets), *also))

    def _client(self) -> httpx.Client:
        # At INFO httpx writes a line per call with the full address, signatures of picture links included.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._tls = (
            self._tls or httpx.create_ssl_context()
        )  # reading the certificates takes 20 ms; once is enough
        return httpx.Client(
            verify=self._tls,
            follow_redirects=False,
            trust_env=not self._loopback,  # a proxy meant for the internet has no business on loopback
            limits=httpx.Limits(
                max_connections=CONNECTIONS_PER_SHARD,
                max_keepalive_connections=CONNECTIONS_PER_SHARD,
                keepalive_expiry=KEEP_IDLE_SECONDS,
            ),
        )

    def _timeout(self, read_seconds: float | None) -> httpx.Timeout:
        patience = self._patience
        return httpx.Timeout(
            connect=patience.connect_seconds,
            read=read_seconds or patience.read_seconds,
            write=patience.write_seconds,
            pool=None,  # waiting for a free connection is no fault of the vendor's
        )

    def call(
        self,
        method: str,
        path: str,
        *,
        creates: bool = False,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        file: tuple[str, BinaryIO, str] | None = None,
        making: bool = False,
        limit: int = REPLY_LIMIT,
    ) -> Reply:
        """One request, sent once; its reply whatever the status. `content` is JSON, `file` is streamed.

        `headers` go with this request alone, in place of the usual ones of the same name (lower case).
        Raises AskAgain when the connection never opened, or when the call may be repeated freely; where it
        `creates` something and may have arrived, MaybeAccepted. `making` allows for the time a picture takes.
        """
        read_seconds = self._patience.making_seconds if making else None
        sent = {**self._headers, "accept": "application/json"}
        if content is not None:
            sent["content-type"] = "application/json"
        sent.update(headers or {})
        try:
            with (
                self._shards.borrow() as client,
                client.stream(
                    method,
                    self._base + path,
                    headers=sent,
                    params=query,
                    content=content,
                    data=form,
                    files={"file": file} if file else None,
                    timeout=self._timeout(read_seconds),
                ) as response,
            ):
                return self._reply(response, limit)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as fault:
            raise self._fault(fault, creates) from None  # the cause's text may quote what was sent

    def _reply(self, response: httpx.Response, limit: int) -> Reply:
        headers = {name.lower(): value for name, value in response.headers.items()}
        body = self._read(response, limit)
        return Reply(response.status_code, headers, body or b"", too_long=body is None)

    def _read(self, response: httpx.Response, limit: int) -> bytes | None:
        """The whole body, or None when it is longer than the limit."""
        until = self._monotonic() + self._patience.reply_seconds
        pieces, size = [], 0
        for piece in response.iter_bytes(PIECE):
            size += len(piece)
            if size > limit:
                return None
            if self._monotonic() > until:
                raise httpx.ReadTimeout("the reply took too long", request=response.request)
            pieces.append(piece)
        return b"".join(pieces)

    def _fault(self, fault: Exception, creates: bool) -> ProviderError:
        what = type(fault).__name__
        if isinstance(fault, _NEVER_SENT):
            return AskAgain(f"{self.title} could not be reached ({what})")
        kind = FailureKind.TIMEOUT if isinstance(fault, httpx.TimeoutException) else FailureKind.SERVER_ERROR
        if creates:
            return MaybeAccepted(f"The reply of {self.title} was lost ({what}); the call may have arrived")
        return AskAgain(f"The reply of {self.title} was lost ({what})", kind=kind)

    def download(self, path: str, refusal: Callable[[Reply], ProviderError]) -> Iterator[bytes]:
        """The bytes of a file in pieces, never the whole; a cut connection is taken up where it broke.

        Raises what `refusal` makes of a reply that is none of the file's, or AskAgain when the cuts go on.
        """
        position, stuck = 0, 0
        for _ in range(MOST_TRIES):
            before = position
            try:
                for piece in self._pieces(path, position, refusal):
                    position += len(piece)
                    yield piece
            except (httpx.HTTPError, httpx.StreamError) as fault:
                stuck = 0 if position > before else stuck + 1
                if stuck >= TRIES_WITHOUT_PROGRESS:
                    raise self._fault(fault, creates=False) from None
            else:
                return
        raise AskAgain(f"{self.title} cut the download {MOST_TRIES} times")

    def _pieces(self, path: str, position: int, refusal: Callable[[Reply], ProviderError]) -> Iterator[bytes]:
        """The file from `position` on, whether or not the server knows ranges."""
        # Positions count bytes as they travel, so they must not be compressed on the way.
        headers = {**self._headers, "accept-encoding": "identity"}
        if position:
            headers["range"] = f"bytes={position}-"
        with (
            self._shards.borrow() as client,
            client.stream("GET", self._base + path, headers=headers, timeout=self._timeout(None)) as response,
        ):
            if position and response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                return  # there is nothing behind what we have: only the end was cut
            if not response.is_success:
                raise refusal(self._reply(response, REPLY_LIMIT))
            skip = position
            if response.status_code == httpx.codes.PARTIAL_CONTENT:
                if not response.headers.get("content-range", "").startswith(f"bytes {position}-"):
                    raise AskAgain(f"{self.title} answered with another part of the file than asked for")
                skip = 0
            for piece in response.iter_bytes(PIECE):
                if skip < len(piece):
                    yield piece[skip:]
                skip = max(0, skip - len(piece))

    def fetch_picture(self, url: str, limit: int = PICTURE_LIMIT) -> bytes:
        """The picture behind an address a vendor gave. The key is sent to the vendor's own address only.

        Raises Gone (403, 404, 410: links expire; an address that is not https; larger than the limit) or
        AskAgain (anything else, a page instead of a picture included).
        """
        for _ in range(MOST_REDIRECTS + 1):
            reply = self._get(url, limit)
            if reply.status in (301, 302, 303, 307, 308) and "location" in reply.headers:
                url = urljoin(url, reply.headers["location"])
                continue
            if reply.too_long:
                raise Gone(f"The picture at {self.title} is larger than {limit // 1024**2} MiB")
            if reply.status in (403, 404, 410):
                raise Gone(f"The picture is no longer at {self.title} ({reply.status})")
            if not reply.ok:
                raise AskAgain(f"{self.title} did not hand out the picture ({reply.status})")
            try:
                pictures.media_type(reply.body)
            except pictures.NoPicture as problem:
                raise AskAgain(
                    f"{self.title} handed out something else: {problem}", kind=FailureKind.UNKNOWN
                ) from None
            return reply.body
        raise AskAgain(f"The picture's address at {self.title} leads from one to the next")

    def _get(self, url: str, limit: int) -> Reply:
        parts = urlsplit(url)
        own = (parts.scheme, parts.netloc) == urlsplit(self._base)[:2]
        local = self._loopback and is_loopback(parts.hostname or "")
        if parts.scheme != "https" and not own and not local:
            raise Gone(f"{self.title} named an address that is not https")
        try:
            with (
                self._shards.borrow() as client,
                client.stream(
                    "GET", url, headers=self._headers if own else {}, timeout=self._timeout(None)
                ) as response,
            ):
                return self._reply(response, limit)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as fault:
            raise self._fault(fault, creates=False) from None

    @property
    def shards(self) -> int:
        """How many shards are open now."""
        return len(self._shards)

    def close(self) -> None:
        self._shards.close()


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
