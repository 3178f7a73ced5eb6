"""What is wrong with one job: too few pictures, too late, refused, lost, about to vanish. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from bot.watch.advice import advice
from bot.watch.alerts import Alert, AlertRules, Bars, Rule, Severity, advice_lines, reason_lines, wanted
from bot.watch.facts import JobFacts, Refusals
from bot.watch.rates import Tally
from bot.watch.words import count, duration, listed, money, percent, whole_percent
from providers.base import FailureKind


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
    return wanted([alert for alert in found if alert], rules)


def _success_rate(facts: JobFacts, rules: AlertRules, open_keys: Collection[str]) -> Alert | None:
    """Success under `success_alert`; in a small or running job, too far under the target for luck as well
    (`AlertRules.no_luck`).

    A running job is judged from `minimum_sample` settled items on. Once told, the incident of a running job
    lasts until the rate is back at `success_target`; that of a finished one stays as long as it is under
    `success_alert`, since that is how it ended. What is luck in a small job is for its summary to say.
    """
    tally, key = facts.tally, f"{Rule.SUCCESS_RATE}:{facts.job}"
    rate, told = tally.success_rate, key in open_keys
    if rate is None or not tally.missed:
        return None
    settled = tally.settled - tally.reused
    if not told and not tally.finished and settled < rules.minimum_sample:
        return None
    if rate >= (rules.success_target if told and not tally.finished else rules.success_alert):
        return None
    large = tally.finished and settled >= rules.large_sample
    if not told and not large and not rules.no_luck(tally.missed, settled):
        return None
    so_far = "" if tally.finished else " so far"
    return Alert(
        Rule.SUCCESS_RATE,
        key,
        Severity.CRITICAL if rate < 0.5 else Severity.WARNING,
        f"{facts.title}: {tally.stored - tally.reused:,} of {count(settled, 'picture')}{so_far} came out "
        f"({percent(rate)}, alert under {whole_percent(rules.success_alert)})",
        _projected(tally) + reason_lines(facts.failures, rules) + _doubt_lines(tally.in_doubt),
        advice_lines(facts.failures, rules),
        chart=_by_reason(facts),
    )


def _by_reason(facts: JobFacts) -> Bars | None:
    groups = sorted((group for group in facts.failures if group.count), key=lambda group: -group.count)
    if not groups:
        return None
    tally = facts.tally
    return Bars(
        f"{facts.title}: what went wrong",
        f"{tally.stored:,} of {count(tally.settled, 'picture')} came out; the others, by reason",
        tuple((advice(group.kind).short, float(group.count)) for group in groups[:6]),
        line=0.0,
    )


def _projected(tally: Tally) -> tuple[str, ...]:
    """Where a running job is going: missed / settled x wanted at the same rate, missed at best."""
    if tally.finished or not tally.settled:
        return ()
    missed = round(tally.missed / tally.settled * tally.wanted)
    line = (
        f"If it goes on like this, {missed:,} of {count(tally.wanted, 'picture')} will be missing; even if "
        f"all the rest come out, {percent(1 - tally.missed / tally.wanted)} is the most it can reach."
    )
    if tally.spent_usd and tally.settled:
        rest = tally.spent_usd / tally.settled * tally.in_flight
        line += f" The rest would cost about {money(rest)}."
    return (line,)


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
    rate, asked = tally.refusal_rate, tally.sent
    if rate is None or asked < rules.minimum_sample:
        return None
    threshold = max(rules.refusal_alert, rules.refusal_factor * (facts.usual_refusal_rate or 0))
    told = key in open_keys
    if rate <= (threshold / 2 if told and not tally.finished else threshold):
        return None
    if not told and not rules.no_luck(tally.refused, asked):
        return None
    usual = (
        f"usually {percent(facts.usual_refusal_rate)}"
        if facts.usual_refusal_rate is not None
        else f"alert over {whole_percent(threshold)}"
    )
    refused = [group for group in facts.failures if group.kind is FailureKind.CONTENT_POLICY]
    found = facts.refusals or Refusals()
    return Alert(
        Rule.REFUSALS,
        key,
        Severity.WARNING,
        f"{facts.title}: content rules refused {count(tally.refused, 'picture')} "
        f"of {asked:,} ({percent(rate)}, {usual})",
        _cause(found) + reason_lines(refused, rules),
        (_reword(found),),
        chart=_by_value(facts.title, found, rate),
    )


def _cause(found: Refusals) -> tuple[str, ...]:
    """What the refused rows share, in words."""
    if found.lift is not None:
        lift = found.lift
        rest = percent(lift.rest_refused / lift.rest_of) if lift.rest_of else "none"
        return (
            f"What lifts it: {lift.column} = “{lift.value[:60]}” was refused {lift.refused:,} of {lift.of:,} "
            f"times, all other rows {lift.rest_refused:,} of {lift.rest_of:,} ({rest}).",
        )
    if found.template:
        others = (
            f" Other templates are refused {percent(found.other_templates)} of the time."
            if found.other_templates is not None
            else ""
        )
        return (f"No value of the sheet lifts it, so look at the template: “{found.template}”.{others}",)
    return ()


def _reword(found: Refusals) -> str:
    if found.lift is not None:
        where = f"Reword what “{found.lift.value[:60]}” becomes in the prompt, or leave those rows out."
    else:
        where = "Look for words the refused rows share; often one word in the template is the cause."
    return f"{where} Cancel what still runs if the template has to change; refused rows are not tried again."


def _by_value(title: str, found: Refusals, rate: float) -> Bars | None:
    if found.lift is None or len(found.values) < 2:
        return None
    return Bars(
        f"{title}: refused by {found.lift.column}",
        "Share of the pictures that content rules refused, by value",
        found.values,
        line=rate,
        line_says="all rows",
        percent=True,
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
            f"as often as the attempts allow. Last said: “{facts.lost[-1].said[:200]}”",
        ),
        (
            "For the operator: check that this machine reaches the provider and has free disk space. If it "
            "happens again, start such jobs with smaller submissions (`chunk=500`).",
        ),
    )
