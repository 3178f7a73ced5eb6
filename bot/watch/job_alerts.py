"""What is wrong with one job: too few pictures, too late, refused, lost, about to vanish. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from bot.watch.alerts import Alert, AlertRules, Rule, Severity, wanted
from bot.watch.facts import JobFacts
from bot.watch.gist import gist
from bot.watch.rate_alerts import rate_alerts
from bot.watch.words import count, duration, listed, money


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
        *rate_alerts(facts, rules, open_keys),
        _deadline(facts, now),
        _overdue(facts, now, rules),
    ]
    return wanted([alert for alert in found if alert], rules)


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
        (
            f"Expected within {duration(timing.window)}, running for {duration(timing.elapsed(now))}.",
            *_slower(facts),
        ),
        (
            "Nothing is lost: finished pictures keep arriving. If it is urgent, send the rest through the "
            "live lane, or cancel it; what is already made is still delivered and billed.",
        ),
    )


def _slower(facts: JobFacts) -> tuple[str, ...]:
    if facts.slower is None:
        return ()
    each, usual = duration(facts.slower.each), duration(facts.slower.usual)
    return (f"A picture takes {each} at the provider; in earlier batches of this model it took {usual}.",)


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
    """Unfetched results that vanish within `expiry_warning`, or that have used up half of their time where
    that is less; one alert for each provider of the job.
    """
    alerts = []
    for results in facts.expiring:
        left = results.expires_at - now
        if not results.items or left > min(rules.expiry_warning, results.lasts / 2):
            continue
        when = f"in {duration(left)}" if left > timedelta() else "now: their time is over"
        alerts.append(
            Alert(
                Rule.EXPIRING,
                f"{Rule.EXPIRING}:{facts.job}/{results.provider}",
                Severity.CRITICAL,
                f"{facts.title}: {count(results.items, 'paid picture')} at {results.provider} vanish {when}",
                (f"The first of them is kept there until {results.expires_at:%d %b %H:%M} UTC.",),
                (
                    "For the operator: check that this machine reaches the provider, and the address "
                    "where its pictures lie, and has free disk space; fetching goes on until they are gone.",
                ),
            )
        )
    return alerts


def _lost(facts: JobFacts) -> Alert | None:
    """Results that could not be had; one alert for the job: what is asked for again may be lost again."""
    if not facts.lost:
        return None
    # What is asked for again may be lost again, so pictures of several submissions do not add up.
    of = (
        count(facts.lost[0].items, "picture")
        if len(facts.lost) == 1
        else count(len(facts.lost), "submission")
    )
    providers = listed(sorted({lost.provider for lost in facts.lost}))
    return Alert(
        Rule.LOST_RESULTS,
        f"{Rule.LOST_RESULTS}:{facts.job}",
        Severity.CRITICAL,
        f"{facts.title}: the results of {of} could not be had from {providers}",
        (
            "They may have been made and billed. They are asked for again in submissions of half the size, "
            f"as often as the attempts allow. Last said: “{gist(facts.lost[-1].said)}”",
        ),
        (
            "For the operator: check that this machine reaches the provider and has free disk space. If it "
            "happens again, start such jobs with smaller submissions (`chunk=500`).",
        ),
    )
