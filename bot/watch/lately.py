"""What the newest batches of a model cost and took, beside the price table and the batches before. Pure.

Judged by what raises the alerts (`price_alerts`, `time_alerts`), read also where nothing is alarming.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bot.watch.alerts import AlertRules
from bot.watch.chances import Usual
from bot.watch.price_alerts import Charged, enough, usual_price
from bot.watch.time_alerts import Slowness
from bot.watch.words import count, duration, unit_price
from providers.base import Lane


@dataclass(frozen=True, slots=True)
class Lately:
    """One model and lane; each figure is None where there is too little to say."""

    lane: str
    price: Charged | None
    """Of enough pictures to judge."""
    usual: Usual | None
    """Price against the table in the batches before; None also where the price is."""
    times: Slowness | None

    @property
    def price_against_list(self) -> float | None:
        """1.1: a tenth more than the most that the price table allows."""
        return self.price.against_list if self.price is not None else None

    @property
    def price_against_usual(self) -> float | None:
        """1.1: a tenth more than the batches before, in the middle."""
        if self.price is None or self.usual is None or self.usual.middle <= 0:
            return None
        return self.price.against_list / self.usual.middle

    @property
    def time_against_usual(self) -> float | None:
        """1.1: the newest batches took a tenth longer than those before, both in the middle."""
        if self.times is None or self.times.known.middle <= 0:
            return None
        return self.times.each / self.times.known.middle


def lately(lane: str, price: Charged, times: Slowness | None, rules: AlertRules) -> Lately:
    """What may be said of them."""
    if not enough(price, rules):
        return Lately(lane, None, None, times)
    return Lately(lane, price, usual_price(price, rules), times)


def lately_lines(found: Sequence[Lately]) -> list[str]:
    """One sentence for each lane that something is known of.

    “Lately, in the batch lane: $0.04 a picture, as listed and as in the 20 batches before; 12 min a
    submission, 20% longer than in the 40 batches before.”
    """
    said = [(one.lane, [part for part in (_price(one), _time(one)) if part]) for one in found]
    return [f"Lately, in the {lane} lane: {'; '.join(parts)}." for lane, parts in said if parts]


def lately_json(found: Sequence[Lately]) -> list[dict[str, Any]]:
    """For programs: by lane; null where there is too little to say."""
    return [
        {
            "lane": one.lane,
            "usd_each": float(one.price.each_usd) if one.price is not None else None,
            "price_against_list": one.price_against_list,
            "price_against_usual": one.price_against_usual,
            "seconds_each": one.times.each if one.times is not None else None,
            "time_against_usual": one.time_against_usual,
        }
        for one in found
    ]


def _price(found: Lately) -> str:
    if found.price is None:
        return ""
    listed = _off(found.price.against_list, "more than", "less than", "as")
    said = f"{unit_price(found.price.each_usd)} a picture, {listed} listed"
    off = found.price_against_usual
    if off is None or found.usual is None:
        return said
    return f"{said} and {_off(off, 'more than', 'less than', 'as')} {_before(found.usual)}"


def _time(found: Lately) -> str:
    off = found.time_against_usual
    if off is None or found.times is None:
        return ""
    each = found.times.each
    time = duration(timedelta(seconds=each)) if each >= 10 else f"{each:.2g} s"
    said = f"{time} a {'call' if found.lane == Lane.LIVE else 'submission'}"
    return f"{said}, {_off(off, 'longer than', 'shorter than', 'as')} {_before(found.times.known)}"


def _off(ratio: float, more: str, less: str, same: str) -> str:
    """“3% more than”; `same` where that is no whole percent."""
    share = round(abs(ratio - 1) * 100)
    return f"{share}% {more if ratio > 1 else less}" if share else same


def _before(known: Usual) -> str:
    return f"in the {count(known.samples, 'batch', 'batches')} before"
