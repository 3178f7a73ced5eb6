"""How well it goes, in words: what came out, how often it was tried, in what time, for how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.watch.lately import Lately, lately_json
from bot.watch.measures import Measure
from bot.watch.words import count, percent, unit_price


def measure_lines(found: Measure) -> list[str]:
    """One sentence each: success, quality, time, money. What nobody knows yet is left out."""
    return [line for line in (_success(found), _reviewed(found), _time(found), _cost(found)) if line]


def _success(found: Measure) -> str:
    """“98.4% of 1,250 pictures came out. Of 1,100 that were sent 1.2% were refused; 66 retries.”

    What was sent is told where it is not all of them, so that shares of different numbers do not mix.
    """
    if found.success_rate is None:
        return "Nothing has come to its end yet."
    said = f"{percent(found.success_rate)} of {count(found.settled, 'picture')} came out"
    if not found.asked:
        return f"{said}."
    refused = f"{percent(found.refusal_rate)} were refused" if found.refusal_rate else "none was refused"
    if found.asked != found.settled:
        refused = f"of {found.asked:,} that were sent {refused}"
    again = max(0, found.sends - found.asked)
    retries = count(again, "retry", "retries") if again else "no retries"
    return f"{said}. {refused[:1].upper()}{refused[1:]}; {retries}."


def _reviewed(found: Measure) -> str:
    said = []
    if found.approval_rate is not None:
        looked_at = found.approved + found.rejected
        said.append(f"{percent(found.approval_rate)} of the {looked_at:,} reviewed were approved")
    if found.flagged:
        said.append(f"{found.flagged:,} flagged by the quality gate")
    return f"{', '.join(said)}." if said else ""


def _time(found: Measure) -> str:
    """“Jobs took 12% of the promised time, 1 of 8 longer than promised.”"""
    if found.mean_window_share is None:
        return ""
    share = f"{found.mean_window_share * 100:.0f}%" if found.mean_window_share >= 0.01 else "under 1%"
    late = f"{found.late:,} of {found.windows:,} longer than that" if found.late else "none longer"
    return f"Jobs took {share} of the promised time, {late}."


def _cost(found: Measure) -> str:
    """“$0.04 a picture, $0.05 for each that was approved.”"""
    if found.unpriced and not found.cost_usd:
        return "What they cost is not known."
    if not found.cost_usd:
        return ""
    prices = [f"{unit_price(found.cost_per_image_usd)} a picture"] if found.stored else []
    if found.approved:
        prices.append(f"{unit_price(found.cost_per_approved_usd)} for each that was approved")
    return f"{'At least ' if found.unpriced else ''}{', '.join(prices)}." if prices else ""


def stats_json(found: Mapping[str, Measure], lately: Mapping[str, Sequence[Lately]]) -> list[dict[str, Any]]:
    """For programs: by model; null where there is nothing to judge."""
    return [
        {"model": name, **_json(measure), "lately": lately_json(lately.get(name, ()))}
        for name, measure in found.items()
    ]


def _json(found: Measure) -> dict[str, Any]:
    known = not (found.unpriced and not found.cost_usd)
    each, approved = found.cost_per_image_usd, found.cost_per_approved_usd
    return {
        "jobs": found.jobs,
        "pictures": found.settled,
        "stored": found.stored,
        "refused": found.refused,
        "approved": found.approved,
        "rejected": found.rejected,
        "flagged": found.flagged,
        "success_rate": found.success_rate,
        "refusal_rate": found.refusal_rate,
        "approval_rate": found.approval_rate,
        "retries_each": found.retries_each,
        "late_jobs": found.late,
        "mean_share_of_promised_time": found.mean_window_share,
        "usd": float(found.cost_usd) if known else None,
        "usd_each": float(each) if known and each is not None else None,
        "usd_each_approved": float(approved) if known and approved is not None else None,
        "unpriced": found.unpriced,
    }
