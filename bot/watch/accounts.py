"""An audit in words: its money, and who decided what. Pure; for the terminal and for Slack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.watch.words import count

WHOSE: Mapping[str, str] = {
    "vendor": "by the vendor's own word",
    "table": "by the price table",
    "unrecorded": "settled before that was kept",
}


def money_lines(found: Mapping[str, Any]) -> list[str]:
    """Quoted, reserved, settled on whose word, and what copies saved; USD with four decimals."""
    low, high = found["quoted_low_usd"], found["quoted_usd"]
    quoted = "unknown" if high is None else _usd(high) if low == high else f"{_usd(low)} to {_usd(high)}"
    whose = [f"{_usd(usd)} {WHOSE[name]}" for name, usd in found["settled_by"].items() if usd]
    lines = [
        f"quoted: {quoted}",
        f"reserved: {_usd(found['reserved_usd'])}",
        f"settled: {_usd(found['settled_usd'])}" + (f" ({', '.join(whose)})" if whose else ""),
    ]
    if found["perhaps_usd"] or found["unpriced_attempts"]:
        sure = _usd(found["perhaps_usd"])
        lines.append(f"unknown: {count(found['unpriced_attempts'], 'attempt')}, {sure} at list price")
    if found["duplicates_stored"]:
        copies = count(found["duplicates_stored"], "duplicate")
        lines.append(_saved(found["saved_usd"], copies, found["saved_unpriced"]))
    if found["reused_stored"]:
        copies = f"{count(found['reused_stored'], 'picture')} reused from earlier jobs"
        lines.append(_saved(found["reuse_saved_usd"], copies, found["reuse_saved_unpriced"]))
    return lines


def _saved(usd: float, by: str, unpriced: int) -> str:
    of = f"; the price of {unpriced:,} is unknown" if unpriced else ""
    return f"saved: {_usd(usd)} by {by}{of}"


def failure_lines(found: Mapping[str, Any]) -> list[str]:
    """Refusals and failures, one line for each kind: “server error: 3 billed, 1 not, 2 unknown”."""
    return [
        f"{kind.replace('_', ' ')}: billed {billed['yes']:,}, not billed {billed['no']:,}, "
        f"unknown {billed['unknown']:,}"
        for kind, billed in found["failures"].items()
    ]


def decision_lines(found: Mapping[str, Any], person: Callable[[str], str] = str) -> Sequence[str]:
    """“23 Nov 09:02 UTC ana approved 12 pictures”, oldest first. `person` turns an id into a name."""
    lines = []
    for decision in found["decisions"]:
        at = datetime.fromisoformat(decision["at"])
        what = decision["did"]
        if decision["pictures"] is not None:
            what += f" {count(decision['pictures'], 'picture')}"
        if decision["usd"] is not None:
            what += f" of up to {_usd(decision['usd'])}"
        lines.append(f"{at.day} {at:%b %H:%M} UTC {person(decision['person'])} {what}")
    return lines


def _usd(amount: float) -> str:
    return f"${amount:,.4f}"
