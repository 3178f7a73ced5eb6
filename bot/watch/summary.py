"""What a person would write when a job is done. Plain sentences, no chat markup."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.watch.alerts import AlertRules, advice_lines, reason_lines
from bot.watch.facts import JobFacts, Quality, Quote
from bot.watch.rates import Tally, Timing
from bot.watch.words import count, duration, listed, money, money_range, percent, unit_price, whole_percent


@dataclass(frozen=True, slots=True)
class Summary:
    """A finished (or still running) job in words; each field stands by itself, empty when it has nothing."""

    headline: str
    reasons: tuple[str, ...] = ()
    """One for each kind of failure, largest first."""
    what_to_do: tuple[str, ...] = ()
    """One for each kind of failure, with who can act."""
    others: str = ""
    """What is not a failure: cancelled, still to come."""
    cost: str = ""
    time: str = ""
    compared: str = ""
    """With the last job of the same kind."""
    duplicates: str = ""
    retries: str = ""
    quality: str = ""
    """What the quality gate found in pictures that were made."""

    @property
    def lines(self) -> tuple[str, ...]:
        """Everything below the headline, in reading order, without empty lines."""
        made = (self.quality, self.cost, self.time, self.compared, self.duplicates, self.retries)
        middle = (*self.reasons, self.others, *made)
        return tuple(line for line in (*middle, *self.what_to_do) if line)


def summarise(facts: JobFacts, now: datetime, rules: AlertRules | None = None) -> Summary:
    """The job in words, as it stands at `now`."""
    rules = rules or AlertRules()
    return Summary(
        headline=_headline(facts.tally, rules),
        reasons=reason_lines(facts.failures, rules),
        what_to_do=advice_lines(facts.failures, rules),
        others=_others(facts.tally),
        cost=_cost(facts.tally, facts.quote),
        time=_time(facts.timing, now, facts.tally.finished),
        duplicates=_duplicates(facts.tally),
        retries=_retries(facts.tally),
        quality=_quality(facts.quality),
    )


def _headline(tally: Tally, rules: AlertRules) -> str:
    """“96 of 100 pictures are ready (96.0%, target 98%)”; the rate is of what is settled."""
    if not tally.wanted:
        return "Cancelled: no picture is wanted any more"
    are = "is" if tally.wanted == 1 else "are"
    ready = f"{tally.stored:,} of {count(tally.wanted, 'picture')} {are} ready"
    rate = tally.success_rate
    if rate is None:
        return ready
    if tally.stored == tally.wanted:
        return f"The picture {are} ready" if tally.wanted == 1 else f"All {tally.wanted:,} pictures are ready"
    so_far = "" if tally.finished else " so far"
    target = f", target {whole_percent(rules.success_target)}" if rate < rules.success_target else ""
    return f"{ready} ({percent(rate)}{so_far}{target})"


def _others(tally: Tally) -> str:
    words = []
    if tally.in_flight:
        words.append(f"{tally.in_flight:,} still to come")
    if tally.cancelled:
        words.append(f"{tally.cancelled:,} cancelled")
    if tally.in_doubt:
        words.append(f"{tally.in_doubt:,} in doubt (sent, reply lost, perhaps billed)")
    text = listed(words)
    return f"{text}." if text else ""


def _cost(tally: Tally, quote: Quote | None) -> str:
    """Spending against the quote, and per picture; an unknown is called unknown, never $0."""
    if tally.spent_usd is None:
        spent = "Cost unknown: at least one price or charge is not known"
        return f"{spent}{_quoted(quote)}."
    each = tally.cost_per_image_usd
    per_image = f", {unit_price(each)} a picture" if each is not None else ""
    against = _against(tally.spent_usd, quote)
    if tally.unpriced:
        unsaid = f"; what {count(tally.unpriced, 'attempt')} cost is not known"
        return f"Cost at least {money(tally.spent_usd)}{per_image}{against}{unsaid}."
    return f"Cost {money(tally.spent_usd)}{per_image}{against}."


def _quoted(quote: Quote | None) -> str:
    if quote is None or (quote.low_usd is None and quote.high_usd is None):
        return ""
    if quote.low_usd is None or quote.high_usd is None:
        return f" (quoted {money(quote.high_usd if quote.high_usd is not None else quote.low_usd)})"
    return f" (quoted {money_range(quote.low_usd, quote.high_usd)})"


def _against(spent: Decimal, quote: Quote | None) -> str:
    if quote is not None and quote.high_usd is not None and spent > quote.high_usd:
        return f", {money(spent - quote.high_usd)} over the highest quoted ({money(quote.high_usd)})"
    return _quoted(quote)


def _time(timing: Timing, now: datetime, finished: bool) -> str:
    """How long it took against what was expected."""
    took = f"{'Took' if finished else 'Running for'} {duration(timing.elapsed(now))}"
    if timing.window is None:
        return f"{took}."
    over = timing.overrun(now)
    judged = f"{duration(over)} longer than" if over > timedelta() else "within the"
    return f"{took}, {judged} {'the ' if over > timedelta() else ''}{duration(timing.window)} expected."


def _quality(quality: Quality) -> str:
    """“3 flagged by the quality gate: 2 nearly one colour, 1 looks like another row.”"""
    said = []
    if quality.flagged:
        found = ", ".join(f"{number:,} {words}" for words, number in quality.found)
        said.append(f"{quality.flagged:,} flagged by the quality gate: {found}.")
    if quality.again:
        again = count(quality.again, "picture was", "pictures were")
        why = "for it" if said else "because the quality gate found fault"
        said.append(f"{again} made again {why}.")
    return " ".join(said)


def _duplicates(tally: Tally) -> str:
    said = []
    if tally.duplicates and tally.finished:  # before that not all of them are copied
        about = f", which saved {money(tally.duplicates_usd)}" if tally.duplicates_usd else ""
        copied = count(tally.duplicates, "duplicate was", "duplicates were")
        said.append(f"{copied} copied instead of made again{about}.")
    if tally.reused:
        about = f", which saved {money(tally.reused_usd)}" if tally.reused_usd else ""
        copied = count(tally.reused, "picture was", "pictures were")
        said.append(f"{copied} reused from earlier jobs{about}.")
    return " ".join(said)


def _retries(tally: Tally) -> str:
    if not tally.retries:
        return ""
    rate = tally.first_pass_rate
    first = f"; {percent(rate)} came out at the first try" if rate is not None else ""
    return f"{count(tally.retries, 'retry', 'retries')}{first}."
