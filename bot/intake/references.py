"""Reference pictures named in a cell: which addresses and file names we are willing to follow.

Only the words are judged here, without asking the network: an address that names this machine or a private
network is refused, so that a sheet cannot make the bot (or a provider) fetch from inside. Whoever fetches
must still check what a name resolves to.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from urllib.parse import SplitResult, urlsplit

from bot.intake.records import quoted

MAX_REFERENCES = 16
"""The most any model of the catalogue takes."""

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif")
"""Endings of file names that can be given with a sheet."""

MAX_ADDRESS_CHARACTERS = 2_000
"""What browsers and vendors take."""

_INSIDE = (
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "private",
    "home.arpa",
    "test",
    "invalid",
    "onion",
)
"""Endings of names that mean the inside of some network."""

_SEPARATORS = re.compile(r"[;,]?\s+|;(?=https?:)|[;,]$", re.IGNORECASE)
_FILE_SEPARATORS = re.compile(r"[;,]")


def read_references(cell: str) -> tuple[str, ...] | str:
    """The references in a cell, or one sentence saying what is wrong with one of them."""
    found: list[str] = []
    for word in filter(None, _SEPARATORS.split(cell.strip())):
        # Addresses may hold commas and semicolons; file names we accept do not
        found += [word] if "://" in word else filter(None, _FILE_SEPARATORS.split(word))
    if len(found) > MAX_REFERENCES:
        return (
            f"The reference cell names {len(found)} pictures; take some away, {MAX_REFERENCES} are allowed."
        )
    for word in found:
        problem = _problem(word)
        if problem:
            return problem
    return tuple(dict.fromkeys(found))


def _problem(word: str) -> str | None:
    scheme = re.match(r"([a-z][a-z0-9+.-]*):", word, re.IGNORECASE)
    if not scheme:
        return _file_problem(word)
    if scheme[1].lower() != "https" or not word[len(scheme[0]) :].startswith("//"):
        return (
            f"The reference {quoted(word)} begins with {scheme[0]}; "
            "use an address that begins with https://, or the name of a file given with the sheet."
        )
    if len(word) > MAX_ADDRESS_CHARACTERS:
        return f"The reference {quoted(word)} has {len(word):,} characters; use an address under 2,000."
    try:
        parts = urlsplit(word)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return f"The reference {quoted(word)} is not an address that can be read; check it."
    return _address_problem(word, parts, host)


def _address_problem(word: str, parts: SplitResult, host: str) -> str | None:
    if "@" in parts.netloc:
        return f"The reference {quoted(word)} carries a name or password; use an address without one."
    if not host or "\\" in word or not word.isprintable():
        return f"The reference {quoted(word)} is not an address that can be read; check it."
    if _is_inside(host):
        return (
            f"The reference {quoted(word)} points inside a private network; "
            "use a public https:// address, or the name of a file given with the sheet."
        )
    return None


def _is_inside(host: str) -> bool:
    """Whether the host is an address or name that the public internet does not have."""
    # Full-width digits and ideographic stops become plain ones on the wire
    plain = unicodedata.normalize("NFKC", host).lower().replace("。", ".").rstrip(".")
    if ":" in plain:
        return not _is_public(plain.split("%")[0])
    last = plain.rpartition(".")[2]
    if "." not in plain or not re.fullmatch(r"[\w.-]+", plain):
        return True
    if last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last):
        # 127.1, 0177.0.0.1 and 0x7f.0.0.1 are addresses too, to some resolvers
        return not _is_public(plain)
    return any(plain.endswith("." + ending) for ending in _INSIDE)


def _is_public(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        # Every way to wrap an IPv4 address; nobody names a picture like that
        wrapped = parsed.ipv4_mapped or parsed.sixtofour or parsed.teredo
        if wrapped or int(parsed) >> 32 in (0, 0x64_FF9B << 64):
            return False
    return parsed.is_global and not parsed.is_multicast


def _file_problem(word: str) -> str | None:
    if "/" in word or "\\" in word or word.startswith("."):
        return (
            f"The reference {quoted(word)} is a path; "
            "use an address that begins with https://, or the bare name of a file given with the sheet."
        )
    if not word.lower().endswith(PICTURES) or len(word) > 255 or not word.isprintable():
        return (
            f"The reference {quoted(word)} is not the name of a picture; "
            f"use one that ends with {', '.join(PICTURES)}, or an https:// address."
        )
    return None
