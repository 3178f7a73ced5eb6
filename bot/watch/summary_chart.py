"""One picture of how a job went: what came of its pictures, how long it took, what it cost.

Slack shows pictures of a message 360 px wide, and phones no wider: everything is drawn at three times that,
and no letter is smaller than 12 px there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from PIL import ImageDraw

from bot.imaging.lettering import fit, length, write
from bot.watch.facts import JobFacts, Quote
from bot.watch.rates import Tally
from bot.watch.shapes import DOT, GREY, INK, OUTCOMES, TRACK, Shapes, places, png
from bot.watch.words import count, duration, money, money_range, percent, unit_price

_WIDTH: Final = 1080
_LEFT: Final = 48
_RIGHT: Final = _WIDTH - _LEFT
_SMALL, _TEXT, _LARGE, _HUGE = 36, 40, 56, 84
"""Sizes of letters: 12, 13, 19 and 28 px at 360 px."""

_GOOD, _BAD, _MONEY, _QUOTED = "#2f9e6e", "#cb4b42", "#4a7fb5", "#cfe0f2"
_GOOD_INK, _BAD_INK = "#237a55", "#a8201a"

_OUTCOME, _LEGEND, _LEGEND_STEP = 140, 344, 56
"""From the top: the section of outcomes, the first line of its legend, and the next."""
_SECTION: Final = 180
"""Height of a section with a value and a bar."""


def summary_chart(facts: JobFacts, now: datetime, *, target: float = 0.98) -> bytes:
    """A PNG of the job as it stands at `now`; `target` is the success rate aimed at."""
    tally = facts.tally
    shown = [(word, colour, getattr(tally, name)) for name, word, colour in OUTCOMES if getattr(tally, name)]
    legend = places([_legend(word, number) for word, _, number in shown], _LEFT, _RIGHT, _SMALL)
    time_at = _LEGEND + _LEGEND_STEP * (legend[-1][1] + 1 if legend else 1) + 24
    cost_at = time_at + (_SECTION if facts.timing.window else _SECTION - 70)
    shapes = Shapes(_WIDTH, _height(cost_at, tally, facts.quote))

    parts = [(colour, number) for _, colour, number in shown]
    shapes.bar(_LEFT, _OUTCOME + 96, _RIGHT - _LEFT, 48, parts)
    for (x, line), (_, colour, _) in zip(legend, shown, strict=True):
        shapes.dot(x + 13, _LEGEND + _LEGEND_STEP * line - 13, 13, colour)
    _time_bar(shapes, time_at, facts, now)
    _cost_bar(shapes, cost_at, tally, facts.quote)
    image, pen = shapes.finished()

    write(pen, (_LEFT, 72), fit(facts.title, _TEXT, _RIGHT - _LEFT), _TEXT, INK, bold=True)
    _outcome_words(pen, tally, target)
    for (x, line), (word, _, number) in zip(legend, shown, strict=True):
        write(pen, (x + DOT, _LEGEND + _LEGEND_STEP * line), _legend(word, number), _SMALL, INK)
    window = facts.timing.window
    note = f"{duration(window)} promised" if window else ""
    late = facts.timing.overrun(now) > timedelta()
    _words(pen, time_at, "Time", duration(facts.timing.elapsed(now)), note, _BAD_INK if late else INK)
    _words(pen, cost_at, "Cost", _spent(tally), _each(tally), INK)
    write(pen, (_RIGHT, cost_at + _SECTION), _quoted(facts.quote), _SMALL, GREY, align="right")
    return png(image)


def _height(cost_at: int, tally: Tally, quote: Quote | None) -> int:
    if not _priced(tally, quote):
        return cost_at + 110
    return cost_at + _SECTION + (36 if _quoted(quote) else -16)


def summary_alt(facts: JobFacts, now: datetime) -> str:
    """What the picture shows, for whoever does not see it."""
    tally = facts.tally
    rate = tally.success_rate
    said = [f"{tally.stored:,} of {count(tally.wanted, 'picture')} ready"]
    said[0] += f" ({percent(rate)})" if rate is not None else ""
    said += [
        _legend(word, getattr(tally, name))
        for name, word, _ in OUTCOMES
        if name != "stored" and getattr(tally, name)
    ]
    window = facts.timing.window
    promised = f", {duration(window)} promised" if window else ""
    parts = [
        ", ".join(said),
        f"took {duration(facts.timing.elapsed(now))}{promised}",
        ", ".join(part for part in (f"cost {_spent(tally)}", _each(tally), _quoted(facts.quote)) if part),
    ]
    return f"Chart of {facts.title}: {'; '.join(parts)}."


# --- outcomes ------------------------------------------------------------------------------------------


def _outcome_words(pen: ImageDraw.ImageDraw, tally: Tally, target: float) -> None:
    rate = tally.success_rate
    verdict = "–" if rate is None else "100%" if rate == 1 else percent(rate)
    ink = GREY if rate is None else _GOOD_INK if rate >= target else _BAD_INK
    write(pen, (_LEFT, _OUTCOME + 66), verdict, _HUGE, ink, bold=True)
    write(pen, (_LEFT + length(verdict, _HUGE) + 22, _OUTCOME + 66), "came out", _TEXT, GREY)
    ready = f"{tally.stored:,} of {tally.wanted:,}"
    write(pen, (_RIGHT, _OUTCOME + 66), ready, _TEXT, INK, align="right")


def _legend(word: str, number: int) -> str:
    return f"{number:,} {word}"


# --- time and money --------------------------------------------------------------------------------------


def _words(pen: ImageDraw.ImageDraw, top: float, name: str, value: str, note: str, ink: str) -> None:
    """The line above a bar: what, how much, and at the right what was said beforehand."""
    write(pen, (_LEFT, top + 62), name, _TEXT, GREY)
    begin = _LEFT + 130
    write(pen, (begin, top + 62), value, _LARGE, ink, bold=True)
    room = _RIGHT - begin - length(value, _LARGE) - 40
    write(pen, (_RIGHT, top + 62), fit(note, _SMALL, room), _SMALL, GREY, align="right")


def _time_bar(shapes: Shapes, top: float, facts: JobFacts, now: datetime) -> None:
    """The time taken, against what was promised: red from there on. Nothing where nothing was promised."""
    if facts.timing.window is None:
        return
    took = facts.timing.elapsed(now).total_seconds()
    window = facts.timing.window.total_seconds()
    over = max(took - window, 0)
    _bar(shapes, top, [(_GOOD, took - over), (_BAD, over), (TRACK, max(window - took, 0))])


def _cost_bar(shapes: Shapes, top: float, tally: Tally, quote: Quote | None) -> None:
    """The money spent, against the range that was quoted: light where the quote reaches, red beyond it."""
    if not _priced(tally, quote):
        return
    spent = tally.spent_usd or Decimal(0)
    high = quote.high_usd if quote and quote.high_usd is not None else spent
    low = quote.low_usd if quote and quote.low_usd is not None else high
    over = max(spent - high, Decimal(0))
    parts = [
        (_MONEY, float(spent - over)),
        (_BAD, float(over)),
        (TRACK, float(max(low - spent, Decimal(0)))),
        (_QUOTED, float(high - max(spent, low)) if spent < high else 0.0),
    ]
    _bar(shapes, top, parts)


def _bar(shapes: Shapes, top: float, parts: Sequence[tuple[str, float]]) -> None:
    total = sum(share for _, share in parts)
    if total <= 0:
        parts, total = [(TRACK, 1.0)], 1.0
    # Shares, since the bar divides in whole numbers
    whole = [(colour, round(100_000 * share / total)) for colour, share in parts if share > 0]
    shapes.bar(_LEFT, top + 92, _RIGHT - _LEFT, 30, whole)


def _priced(tally: Tally, quote: Quote | None) -> bool:
    """Whether there is money to draw: something known was spent or quoted."""
    return bool(tally.spent_usd or (quote and quote.high_usd))


def _spent(tally: Tally) -> str:
    if tally.spent_usd is None:
        return "unknown"
    return f"{'at least ' if tally.unpriced else ''}{money(tally.spent_usd)}"


def _each(tally: Tally) -> str:
    each = tally.cost_per_image_usd
    return f"{unit_price(each)} a picture" if each else ""


def _quoted(quote: Quote | None) -> str:
    if quote is None or quote.low_usd is None or not quote.high_usd:
        return ""
    return f"quoted {money_range(quote.low_usd, quote.high_usd)}"
