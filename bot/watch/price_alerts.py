"""What pictures of a model cost against the price table and against earlier jobs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from bot.watch.alerts import Alert, AlertRules, Bars, Rule, Severity
from bot.watch.chances import Usual, drift, usual
from bot.watch.words import count, unit_price, whole_percent

SHOWN = 8
"""Earlier jobs drawn in the chart."""


@dataclass(frozen=True, slots=True)
class Charged:
    """What pictures of one model and lane were charged lately, and what the price table says of them."""

    provider: str
    model: str
    lane: str
    pictures: int
    cost_usd: Decimal
    listed_usd: Decimal
    """The most the price table allows for these pictures."""
    past: Sequence[float] = ()
    """cost / listed of earlier jobs of this model and lane, newest first."""

    @property
    def against_list(self) -> float:
        return float(self.cost_usd / self.listed_usd) if self.listed_usd else 1.0

    @property
    def each_usd(self) -> Decimal:
        return self.cost_usd / self.pictures

    @property
    def listed_each_usd(self) -> Decimal:
        return self.listed_usd / self.pictures

    @property
    def way(self) -> str:
        return f"{self.provider}/{self.model}/{self.lane}"


def enough(found: Charged, rules: AlertRules) -> bool:
    """Whether these pictures are enough to say something of their price."""
    return found.pictures >= rules.cost_sample and found.listed_usd > 0


def usual_price(found: Charged, rules: AlertRules) -> Usual | None:
    """What earlier jobs were charged, as a share of the price table; None with too few of them."""
    return usual(found.past[: rules.history], rules.history_least)


def off_by(found: Charged, rules: AlertRules, *, told: bool = False) -> float | None:
    """How far pictures are from their price, as a share; None where the price holds, or nobody can tell.

    cost / listed - 1 where that is above `cost_drift`: more than the most the table allows. Else the distance
    from the median of earlier jobs, where it is beyond `cost_drift` and three robust spreads. Once told, half
    of `cost_drift` is enough to be off.
    """
    if not enough(found, rules):
        return None
    share = rules.cost_drift / (2 if told else 1)
    over = found.against_list - 1
    # The addend undoes binary noise: 1.1 - 1 is 0.10000000000000009.
    if over > share + 1e-9:
        return over
    known = usual_price(found, rules)
    return drift(found.against_list, known, share) if known else None


def price_key(way: str) -> str:
    """What the incident of a model's price is about."""
    return f"{Rule.COST_DRIFT}:{way}"


def price_alert(found: Charged, rules: AlertRules, *, told: bool = False) -> Alert | None:
    """Pictures cost other than listed, or than usual; the price table is not believed until they do not."""
    off = off_by(found, rules, told=told)
    if off is None:
        return None
    over = found.against_list - 1
    changed = f"{abs(off) * 100:.0f}% {'more' if off > 0 else 'less'}"
    each = unit_price(found.each_usd)
    said = (
        f"{changed} than listed: {each}, listed {unit_price(found.listed_each_usd)} at most"
        if over == off
        else f"{changed} than they did before: {each} each"
    )
    return Alert(
        Rule.COST_DRIFT,
        price_key(found.way),
        Severity.CRITICAL if off >= 0.5 else Severity.WARNING,
        f"{found.provider}/{found.model} ({found.lane}): pictures cost {said}",
        (
            f"Seen in {count(found.pictures, 'picture')} that are made now or were made lately; alert from "
            f"{whole_percent(rules.cost_drift)} on.",
            "The price table of this model is suspended: quotes say that the price is not confirmed, name "
            "the one that was seen, and reckon with it where it is higher.",
        ),
        (
            "For the operator: compare with the provider's price page and invoice. If the price has changed, "
            "put it into the file that IMGBATCH_CATALOGUE names and restart; quotes are confirmed then.",
        ),
        again=True,
        chart=_course(found, rules),
    )


def _course(found: Charged, rules: AlertRules) -> Bars | None:
    past = list(reversed(found.past[: min(rules.history, SHOWN)]))
    if not past:
        return None
    bars = [(f"{len(past) - place} before", ratio) for place, ratio in enumerate(past)]
    return Bars(
        f"{found.provider}/{found.model}: cost against the price table",
        f"Earlier batches, newest last, and now ({found.lane} lane)",
        (*bars, ("now", found.against_list)),
        line=1.0 + rules.cost_drift,
        line_says=f"listed + {whole_percent(rules.cost_drift)}",
        percent=True,
    )
