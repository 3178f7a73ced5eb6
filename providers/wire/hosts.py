"""Calls to full addresses a vendor gave, with the key for the vendor's own hosts and for nobody else.

Asynchronous APIs answer a submission with the addresses to ask next, often on another host than the one it
was sent to. They are to be used as they are; the key may go there only if the host is the vendor's.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from providers.base import FailureKind, TellOperator
from providers.wire.client import Patience, Reply, Wire

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_PATH = re.compile(r"/[!-~]*")


class Hosts:
    """One vendor's hosts. Safe to use from many threads.

    An address is trusted with the key when it has the same origin as `base_url`, or is https on one of
    `domains` or below it. `domains` is None where there is no key: then every https address will do.
    """

    def __init__(
        self,
        *,
        title: str,
        base_url: str,
        domains: tuple[str, ...] | None,
        headers: Mapping[str, str],
        secrets: tuple[str, ...] = (),
        patience: Patience | None = None,
    ) -> None:
        """Raises TellOperator for a base URL or key that cannot be one."""

        def open_wire(url: str) -> Wire:
            return Wire(title=title, base_url=url, headers=headers, secrets=secrets, patience=patience)

        self._open = open_wire
        self._domains = domains
        self._title = title
        self.base = open_wire(base_url)
        """Calls to the configured address, by path."""
        split = _split(base_url)
        self._base_origin = split[0] if split else None
        self._wires: dict[str, Wire] = {}
        self._lock = threading.Lock()

    def trusts(self, url: str) -> bool:
        """Whether the key may be sent to this address."""
        split = _split(url)
        if split is None:
            return False
        origin, _ = split
        host = urlsplit(origin).hostname or ""
        if origin == self._base_origin:
            return True
        if self._domains is None:
            return origin.startswith("https://")
        below = any(host == domain or host.endswith(f".{domain}") for domain in self._domains)
        return below and origin == f"https://{host}:443"

    def call(self, method: str, url: str, **how: Any) -> Reply:
        """`Wire.call` on a full address, used exactly as it was given.

        Raises what that raises, and TellOperator for an address the key must not go to.
        """
        split = _split(url)
        if split is None or not self.trusts(url):
            raise TellOperator(
                f"{self._title} named an address that is not its own, where the key must not go",
                kind=FailureKind.AUTH,
            )
        origin, path = split
        with self._lock:
            wire = self._wires.get(origin)
            if wire is None:
                wire = self._wires[origin] = self._open(origin)
        return wire.call(method, path, **how)

    def safe(self, words: str, *also: str) -> str:
        """See `Wire.safe`."""
        return self.base.safe(words, *also)

    def close(self) -> None:
        self.base.close()
        with self._lock:
            wires = list(self._wires.values())
        for wire in wires:
            wire.close()


def _split(url: str) -> tuple[str, str] | None:
    """Origin (with its port) and the rest of an address; None for one that could be read in two ways."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return None
    host = (parts.hostname or "").lower()
    rest = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if port is None or parts.username is not None or not _HOST.fullmatch(host) or not _PATH.fullmatch(rest):
        return None
    # Whatever else stood between the scheme and the path would be read differently by somebody.
    written = parts.netloc.lower()
    if written not in (host, f"{host}:{port}"):
        return None
    return f"{parts.scheme}://{host}:{port}", rest
