"""When to speak up, what to say, and what to do about it. Facts in, alerts out; nothing is sent here.

An alert's `key` names the incident, not the moment: as long as the same thing is wrong the same key
comes back, so the caller tells a key once (`news`) and says when it is over (`recovered`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.watch.advice import Who, advice
from bot.watch.facts import FailureGroup, JobFacts, PausedProvider
from bot.watch.words import count, duration, listed, money, percent, whole_percent
from providers.base import FailureKind


class Rule(StrEnum):
    """What an alert is about."""

    SUCCESS_RATE = "success-rate"
    OVERDUE = "overdue"
    REFUSALS = "refusals"
    PROVIDER_PAUSED = "provider-paused"
    EXPIRING = "expiring"
    DEADLINE = "deadline"
    REROUTED = "rerouted"
    LOST_RESULTS = "lost-results"


class Severity(StrEnum):
    """How much it hurries."""

    WARNING = "warning"
    """Look at it today."""
    CRITICAL = "critical"
    """Money or pictures are being lost until somebody acts."""


@dataclass(frozen=True, slots=True)
class AlertRules:
    """The thresholds."""

    success_target: float = 0.98
    """What a job should reach; below it the summary says so."""
    success_alert: float = 0.95
    """Below it somebody is told."""
    minimum_sample: int = 20
    """Settled items before a running job's rates are judged; a finished job's always are."""
    refusal_alert: float = 0.05
    """A refusal rate above this is a spike, unless it is usual."""
    refusal_factor: float = 3.0
    """Where the usual rate is known: times the usual rate that make a spike."""
    overdue_factor: float = 1.0
    """Shares of the expected window after which a job is overdue."""
    expiry_warning: timedelta = timedelta(minutes=30)
    """Unfetched results that vanish within this time are worth waking somebody."""
    examples: int = 3
    """Rows named for each reason."""
    reasons: int = 4
    """Kinds of failure named, largest first."""

    def __post_init__(self) -> None:
        if not 0 < self.success_alert <= self.success_target <= 1:
            raise ValueError(
                f"success_alert {self.success_alert} and success_target {self.success_target}: "
                "the alert must not be above the target, and both are shares from 0 to 1"
            )
        if self.minimum_sample < 1:
            raise ValueError(f"minimum_sample is {self.minimum_sample}; use at least 1")


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person should know now."""

    rule: Rule
    key: str
    """The same for the same incident, however often it is found."""
    severity: Severity
    headline: str
    details: tuple[str, ...] = ()
    what_to_do: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recovery:
    """An incident that is over."""

    key: str
    headline: str


def job_alerts(
    facts: JobFacts, now: datetime, rules: AlertRules | None = None, open_keys: Collection[str] = ()
) -> list[Alert]:
    """What is wrong with one job at this moment, most pressing first.

    `open_keys` are the incidents already told: a rate that hovers around its threshold stays one
    incident until it is clearly better (see the rules' own functions).
    """
    rules = rules or AlertRules()
    found = [
        *_expiring(facts, now, rules),
        _lost(facts),
        _success_rate(facts, rules, open_keys),
        _refusals(facts, rules, open_keys),
        _deadline(facts, now),
        _overdue(facts, now, rules),
    ]
    return [alert for alert in found if alert]


def provider_alerts(paused: Iterable[PausedProvider], now: datetime) -> list[Alert]:
    """One alert for each provider that waits for a person, however many jobs wait for it."""
    return [_paused(provider, now) for provider in paused]


def news(open_keys: Collection[str], found: Iterable[Alert]) -> list[Alert]:
    """The alerts that have not been told yet."""
    return [alert for alert in found if alert.key not in open_keys]


def recovered(open_alerts: Iterable[tuple[str, str]], found: Iterable[Alert]) -> list[Recovery]:
    """The told incidents, as (key, headline), that are no longer found.

    Pass only incidents of the jobs and providers `found` was made from: what was not looked at is not over.
    """
    still = {alert.key for alert in found}
    return [Recovery(key, f"Over: {headline}") for key, headline in open_alerts if key not in still]


def reason_lines(failures: Iterable[FailureGroup], rules: AlertRules) -> tuple[str, ...]:
    """One line for each kind of failure, largest first, with rows as examples and their messages."""
    groups = sorted((group for group in failures if group.count), key=lambda group: -group.count)
    lines = [_reason_line(group, rules.examples) for group in groups[: rules.reasons]]
    rest = sum(group.count for group in groups[rules.reasons :])
    if rest:
        lines.append(f"{count(rest, 'picture')} for other reasons.")
    return tuple(lines)


def advice_lines(failures: Iterable[FailureGroup], rules: AlertRules) -> tuple[str, ...]:
    """What to do about each kind of failure, in the order of `reason_lines`, with who can do it."""
    groups = sorted((group for group in failures if group.count), key=lambda group: -group.count)
    lines = []
    for group in groups[: rules.reasons]:
        words = advice(group.kind)
        operator = "For the operator: " if words.who is Who.OPERATOR else ""
        lines.append(f"{words.short}: {operator}{words.what_to_do}")
    return tuple(lines)


def _reason_line(group: FailureGroup, most: int) -> str:
    line = f"{count(group.count, 'picture')}: {advice(group.kind).cause}"
    shown = group.examples[:most]
    if shown:
        rows = ", ".join(f"line {example.line} ({example.key})" for example in shown)
        more = " …" if group.count > len(shown) else ""
        line += f" – {rows}{more}"
        message = next(
            (" ".join(example.message.split()) for example in shown if example.message.strip()), ""
        )
        if message:
            line += f" – “{message[:160]}”"
    return line + "."


def _success_rate(facts: JobFacts, rules: AlertRules, open_keys: Collection[str]) -> Alert | None:
    """Success under `success_alert`.

    A running job is judged from `minimum_sample` settled items on; a finished one whatever its size. Once
    told, the incident of a running job lasts until the rate is back at `success_target`.
    """
    tally, key = facts.tally, f"{Rule.SUCCESS_RATE}:{facts.job}"
    rate = tally.success_rate
    if rate is None or not tally.missed:
        return None
    if not tally.finished and tally.settled < rules.minimum_sample:
        return None
    told = key in open_keys and not tally.finished
    if rate >= (rules.success_target if told else rules.success_alert):
        return None
    so_far = "" if tally.finished else " so far"
    return Alert(
        Rule.SUCCESS_RATE,
        key,
        Severity.CRITICAL if rate < 0.5 else Severity.WARNING,
        f"{facts.title}: {tally.stored:,} of {count(tally.settled, 'picture')}{so_far} came out "
        f"({percent(rate)}, alert under {whole_percent(rules.success_alert)})",
        reason_lines(facts.failures, rules) + _doubt_lines(tally.in_doubt),
        advice_lines(facts.failures, rules),
    )


def _doubt_lines(in_doubt: int) -> tuple[str, ...]:
    if not in_doubt:
        return ()
    return (
        f"{count(in_doubt, 'picture')}: sent, but the reply was lost and the provider cannot look it up.",
    )


def _refusals(facts: JobFacts, rules: AlertRules, open_keys: Collection[str]) -> Alert | None:
    """A refusal rate above max(`refusal_alert`, `refusal_factor` x usual), with the sample that needs.

    Needs `minimum_sample` settled items, finished or not: one refusal in ten is bad luck, not a spike, and
    the success rate speaks for small jobs. Once told it lasts until the rate is at half the threshold.
    """
    tally, key = facts.tally, f"{Rule.REFUSALS}:{facts.job}"
    rate = tally.refusal_rate
    if rate is None or tally.settled - tally.duplicates < rules.minimum_sample:
        return None
    threshold = max(rules.refusal_alert, rules.refusal_factor * (facts.usual_refusal_rate or 0))
    told = key in open_keys and not tally.finished
    if rate <= (threshold / 2 if told else threshold):
        return None
    usual = (
        f"usually {percent(facts.usual_refusal_rate)}"
        if facts.usual_refusal_rate is not None
        else f"alert over {whole_percent(threshold)}"
    )
    refused = [group for group in facts.failures if group.kind is FailureKind.CONTENT_POLICY]
    return Alert(
        Rule.REFUSALS,
        key,
        Severity.WARNING,
        f"{facts.title}: content rules refused {count(tally.refused, 'picture')} "
        f"of {tally.settled - tally.duplicates:,} ({percent(rate)}, {usual})",
        reason_lines(refused, rules),
        (
            "Look for words the refused rows share; often one word in the template is the cause. Cancel what "
            "still runs if the template has to change.",
        ),
    )


def _overdue(facts: JobFacts, now: datetime, rules: AlertRules) -> Alert | None:
    """Still running after `overdue_factor` x the window its plan promised."""
    timing, tally = facts.timing, facts.tally
    share = timing.share_of_window(now)
    if tally.finished or timing.ended_at or share is None or share <= rules.overdue_factor:
        return None
    assert timing.window is not None, "a share of the window needs a window"
    return Alert(
        Rule.OVERDUE,
        f"{Rule.OVERDUE}:{facts.job}",
        Severity.WARNING,
        f"{facts.title}: {duration(timing.overrun(now))} past its expected time, "
        f"{count(tally.in_flight, 'picture')} still to come",
        (f"Expected within {duration(timing.window)}, running for {duration(timing.elapsed(now))}.",),
        (
            "Nothing is lost: finished pictures keep arriving. If it is urgent, send the rest through the "
            "live lane, or cancel it; what is already made is still delivered and billed.",
        ),
    )


def _deadline(facts: JobFacts, now: datetime) -> Alert | None:
    """The deadline has passed, or cannot be kept unless somebody acts now; one incident for each."""
    deadline, tally = facts.deadline, facts.tally
    if deadline is None or tally.finished or facts.timing.ended_at:
        return None
    key, when = f"{Rule.DEADLINE}:{facts.job}", f"{deadline.at:%a %d %b %H:%M} UTC"
    left = count(tally.in_flight, "picture")
    if now >= deadline.at:
        said = f"{facts.title}: its deadline, {when}, has passed with {left} still to come"
        go_on = "Nothing is lost: they keep arriving. Cancel what is of no use any more."
        return Alert(Rule.DEADLINE, f"{key}:passed", Severity.WARNING, said, (), (go_on,))
    if now >= deadline.rush_at and deadline.waits:
        act = "Let it go on, or cancel it: it waits for a person."
    elif now >= deadline.rush_at and deadline.movable and not deadline.approved:
        act = (
            "Approve the live lane for what the batch lane has not made: the whole job then costs "
            f"{money(deadline.live_usd)} at most. Or do nothing, and it comes when it comes."
            if deadline.live_usd is not None
            else "Approve the live lane, whose price is not known, or do nothing, and it comes when it comes."
        )
    elif now + deadline.needs > deadline.at:
        act = "Nothing makes it faster: expect it later, or cancel what is of no use any more."
    else:
        return None
    return Alert(
        Rule.DEADLINE,
        key,
        Severity.WARNING,
        f"{facts.title}: will miss its deadline, {when}, with {left} still to come",
        (f"The live lane would need about {duration(deadline.needs)} for them.",),
        (act,),
    )


def _expiring(facts: JobFacts, now: datetime, rules: AlertRules) -> list[Alert]:
    """Unfetched results that vanish within `expiry_warning`; one alert for each submission."""
    alerts = []
    for results in facts.expiring:
        left = results.expires_at - now
        if not results.items or left > rules.expiry_warning:
            continue
        when = f"in {duration(left)}" if left > timedelta() else "now: their time is over"
        alerts.append(
            Alert(
                Rule.EXPIRING,
                f"{Rule.EXPIRING}:{results.submission}",
                Severity.CRITICAL,
                f"{facts.title}: {count(results.items, 'paid picture')} at {results.provider} vanish {when}",
                (f"Submission {results.submission}, kept there until {results.expires_at:%d %b %H:%M} UTC.",),
                (
                    "For the operator: check that this machine reaches the provider and has free disk space; "
                    "fetching goes on by itself until the results are gone.",
                ),
            )
        )
    return alerts


def _lost(facts: JobFacts) -> Alert | None:
    """Results that could not be had; one alert for the job: what is asked for again may be lost again."""
    if not facts.lost:
        return None
    pictures = sum(lost.items for lost in facts.lost)
    providers = listed(sorted({lost.provider for lost in facts.lost}))
    return Alert(
        Rule.LOST_RESULTS,
        f"{Rule.LOST_RESULTS}:{facts.job}",
        Severity.CRITICAL,
        f"{facts.title}: the results of {count(pictures, 'picture')} could not be had from {providers}",
        (
            "They may have been made and billed. They are asked for again in submissions of half the size, "
            f"as often as the attempts allow. Last said: “{facts.lost[-1].said[:200]}”",
        ),
        (
            "For the operator: check that this machine reaches the provider and has free disk space. If it "
            "happens again, start such jobs with smaller submissions (`chunk=500`).",
        ),
    )


def provider_key(provider: str, since: datetime) -> str:
    """The key of a pause's incident: each pause is one."""
    return f"{Rule.PROVIDER_PAUSED}:{provider}@{since:%Y%m%dT%H%M%S}"


def _paused(paused: PausedProvider, now: datetime) -> Alert:
    words = advice(paused.kind)
    waiting = f"{count(paused.waiting, 'picture')} waiting, " if paused.waiting else ""
    said, cause, what_to_do = "The provider said", words.cause, words.what_to_do
    if paused.kind in (FailureKind.SERVER_ERROR, FailureKind.TIMEOUT):
        said, cause = "Seen", "it does not do its work at present"
        what_to_do = "Look at the provider's status page. It is tried again by itself, with a few pictures."
    return Alert(
        Rule.PROVIDER_PAUSED,
        provider_key(paused.provider, paused.since),
        Severity.CRITICAL,
        f"{paused.provider} is paused: {cause}",
        (f"{waiting}paused for {duration(now - paused.since)}. {said}: “{paused.message[:200]}”",),
        (
            f"For the operator: {what_to_do}",
            "Nothing is lost meanwhile; the rows wait, or go to the next provider of their job's route.",
        ),
    )
