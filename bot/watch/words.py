"""Figures as a person writes them: shares, money, times, counts. Never kinder than the truth."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from math import floor


def percent(share: float) -> str:
    """`0.96` as `96.0%`, cut and not rounded, so that 94.96% never reads as 95.0%."""
    # The tiny addend undoes binary noise: 0.29 * 1000 is 290.00000000000006 or 289.99999999999994.
    return f"{floor(share * 1000 + 1e-6) / 10:.1f}%"


def whole_percent(share: float) -> str:
    """A threshold: `0.98` as `98%`, `0.975` as `97.5%`."""
    return f"{round(share * 100, 2):g}%"


def money(usd: Decimal | None) -> str:
    """A sum: `Decimal("3.84")` as `$3.84`, `0.069` as `$0.07`; two digits that count below a cent; `unknown`
    for None.
    """
    return _dollars(usd, Decimal("0.01"))


def money_range(low: Decimal, high: Decimal) -> str:
    """`$1.20 to $1.50`; one sum where both read the same."""
    least, most = money(low), money(high)
    return most if least == most else f"{least} to {most}"


def unit_price(usd: Decimal | None) -> str:
    """The price of one picture: as `money`, but with two digits that count below ten cents, since small
    differences are multiplied by thousands: `$0.034`.
    """
    return _dollars(usd, Decimal("0.1"))


def _dollars(usd: Decimal | None, cents_from: Decimal) -> str:
    if usd is None:
        return "unknown"
    sign, size = ("-" if usd < 0 else ""), abs(usd)
    if size and size < Decimal("0.0001"):
        return f"under {sign}$0.0001"
    places = 2 if size >= cents_from or not size else 1 - size.adjusted()
    rounded = size.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    text = f"{rounded:,}"
    while places > 2 and text.endswith("0"):
        text, places = text[:-1], places - 1
    return f"{sign}${text}"


def duration(time: timedelta) -> str:
    """The two largest units: `2 h 5 min`, `3 d 4 h`, `40 s`; days only from two days on."""
    seconds = max(0, round(time.total_seconds()))
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    for place, (unit, length) in enumerate(units):
        if seconds >= (2 * length if unit == "d" else length):
            text = f"{seconds // length} {unit}"
            if place + 1 < len(units):
                smaller, smaller_length = units[place + 1]
                rest = seconds % length // smaller_length
                if rest and smaller != "s":
                    text += f" {rest} {smaller}"
            return text
    return "0 s"


def count(number: int, one: str, many: str = "") -> str:
    """`1 picture`, `2 pictures`, `1,000 pictures`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def ended(sentence: str) -> str:
    """With a full stop, where nothing ends it yet."""
    return sentence if sentence.endswith((".", "?", "!", "”", "…")) else f"{sentence}."


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
