"""What webhooks of several vendors share: Standard Webhooks signatures, timestamps, and public addresses.

Standard Webhooks (standardwebhooks.com): HMAC-SHA256 over "id.timestamp.body", several signatures while a
secret is replaced. Held against OpenAI's SDK 3.54.0, which refuses what is 300 seconds off either way.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from pydantic import SecretStr

from providers.base import FailureKind, Forged, TellOperator

TOLERANCE = timedelta(minutes=5)
"""How far a message's own time may be from ours; what is older could be one that somebody kept."""
SECRET_PREFIX = "whsec_"  # noqa: S105  # what secrets begin with
SHORTEST_SECRET = 16
"""Bytes; the scheme asks for 24 at least, and a secret cut short in pasting has fewer."""
MOST_SIGNATURES = 10
LONGEST_ID = 256

_SECONDS = re.compile(r"[0-9]{1,12}")
_ID = re.compile(rf"[!-~]{{1,{LONGEST_ID}}}")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_PRIVATE_ENDS = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home", ".corp", ".home.arpa")
"""Names that only mean something inside a network."""


class StandardWebhooks:
    """Checks Standard Webhooks signatures made with one secret."""

    def __init__(self, secret: SecretStr, *, title: str, variable: str) -> None:
        """Raises TellOperator, naming `variable`, for a secret that cannot be one."""
        self._title = title
        written = secret.get_secret_value().strip()
        try:
            key = base64.b64decode(written.removeprefix(SECRET_PREFIX), validate=True)
        except (ValueError, binascii.Error):
            key = b""
        if not written.startswith(SECRET_PREFIX) or len(key) < SHORTEST_SECRET:
            raise TellOperator(
                f"{variable} is not a signing secret of {title}: paste it again, with {SECRET_PREFIX}",
                kind=FailureKind.AUTH,
            )
        self._key = key

    def check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """The message's id, once it is proved. Raises Forged."""
        message_id = headers.get("webhook-id", "")
        timestamp = headers.get("webhook-timestamp", "")
        if not _ID.fullmatch(message_id):
            raise Forged("it has no webhook-id")
        fresh(timestamp, now)
        signed = f"{message_id}.{timestamp}.".encode() + body
        wanted = base64.b64encode(hmac.digest(self._key, signed, hashlib.sha256))
        offered = headers.get("webhook-signature", "").split(" ")[:MOST_SIGNATURES]
        versions = (entry.partition(",") for entry in offered)
        matches = [
            hmac.compare_digest(wanted, signature.encode("utf-8", "replace"))
            for version, _, signature in versions
            if version == "v1"
        ]
        if not any(matches):
            raise Forged("its signature does not fit the secret")
        return message_id


def fresh(timestamp: str, now: datetime) -> None:
    """Raise Forged unless these unix seconds are within the tolerance of now."""
    if not _SECONDS.fullmatch(timestamp):
        raise Forged("it has no timestamp")
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
        raise Forged("its timestamp is more than five minutes off")


def not_public(url: str) -> str | None:
    """Why a vendor could not, or must not, be given this address, as words after “it”; None for a good one.

    Judged by what is written: a name that resolves to a private address is not found out here.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        ours = parts.username is None and not parts.query and not parts.fragment and parts.port != 0
    except ValueError:
        return "is not an address"
    if parts.scheme != "https":
        return "must begin with https://"
    if not ours or not url.isascii() or not url.isprintable() or " " in url:
        return "must be a plain https address, without user, query or fragment"
    try:
        return None if ipaddress.ip_address(host).is_global else "is a private or loopback address"
    except ValueError:
        pass
    private = "." not in host or host.endswith(_PRIVATE_ENDS)
    # A last label of digits is an IP address in one of its odd forms, such as 127.1.
    if private or _NUMERIC_LABEL.fullmatch(host.rpartition(".")[2]):
        return "is a private or loopback address"
    return None if _HOST.fullmatch(host) else "is not an address"
