"""Too few pictures of a job come out, or content rules refuse many: one message for one cause. Pure.

An incident is named by its cause. Where refusals explain why too few come out, the refusals are told, and the
same message says the rate; where something else is missing too many as well, that is an incident of its own.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from bot.watch.advice import advice
from bot.watch.alerts import Alert, AlertRules, Bars, Rule, Severity, advice_lines, reason_lines
from bot.watch.facts import FailureGroup, JobFacts, Refusals
from bot.watch.rates import Tally
from bot.watch.words import count, money, percent, whole_percent
from providers.base import FailureKind


def rate_alerts(facts: JobFacts, rules: AlertRules, open_keys: Collection[str]) -> list[Alert]:
    """The job's success rate, its refusals, or both, as they are to be told.

    Refusals explain the rate where what is missing beside them would be no alert. Then there is one message:
    the one that stands (`open_keys`), else the refusals. It goes on to be the one as long as it stands.
    """
    facts = replace(facts, tally=facts.tally.counting_made())
    few, refused = _success_rate(facts, rules, open_keys), _refusals(facts, rules, open_keys)
    if few is None or refused is None:
        return [alert for alert in (few, refused) if alert is not None]
    stands = {alert.key for alert in (few, refused)} & set(open_keys)
    aside = facts.outages + facts.tally.refused
    if len(stands) == 2 or _too_few(facts.tally, rules, told=False, aside=aside):
        return [few, refused]
    if few.key in stands or refused.key in facts.over:
        return [few]
    return [_with_the_rate(refused, few, facts, rules)]


def _success_rate(facts: JobFacts, rules: AlertRules, open_keys: Collection[str]) -> Alert | None:
    """Success under `success_alert`; in a small or running job, too far under the target for luck as well
    (`AlertRules.no_luck`). What is told of elsewhere opens no incident of the job.

    A running job is judged from `minimum_sample` settled items on. Once told, the incident of a running job
    lasts until the rate is back at `success_target`; that of a finished one stays as long as it is under
    `success_alert`, since that is how it ended. What is luck in a small job is for its summary to say.
    """
    tally, key = facts.tally, f"{Rule.SUCCESS_RATE}:{facts.job}"
    told = key in open_keys
    if Rule.SUCCESS_RATE in rules.off or not _too_few(tally, rules, told=told):
        return None
    aside = facts.outages + facts.refused_alike
    if not told and aside and not _too_few(tally, rules, told=False, aside=aside):
        return None
    rate, found = tally.success_rate or 0.0, facts.refusals
    mostly_refused = found is not None and 2 * tally.refused >= tally.missed
    so_far = "" if tally.finished else " so far"
    return Alert(
        Rule.SUCCESS_RATE,
        key,
        Severity.CRITICAL if rate < 0.5 else Severity.WARNING,
        f"{facts.title}: {_came_out(tally, so_far)}, alert under {whole_percent(rules.success_alert)})",
        (
            *(_cause(found) if found is not None and mostly_refused else ()),
            *_projected(tally),
            *reason_lines(facts.failures, rules),
            *_doubt_lines(tally.in_doubt),
        ),
        _what_to_do(facts, rules) if mostly_refused else advice_lines(facts.failures, rules),
        chart=(_by_value(facts) if mostly_refused else None) or _by_reason(facts),
    )


def _too_few(tally: Tally, rules: AlertRules, *, told: bool, aside: int = 0) -> bool:
    """Whether the success rate is an alert, with so many misses left out of account."""
    settled, missed = tally.settled - tally.reused - aside, tally.missed - aside
    if missed <= 0 or (not told and not tally.finished and settled < rules.minimum_sample):
        return False
    over = rules.success_target if told and not tally.finished else rules.success_alert
    if 1 - missed / settled >= over - 1e-9:  # the addend undoes binary noise
        return False
    large = tally.finished and settled >= rules.large_sample
    return told or large or rules.no_luck(missed, settled)


def _came_out(tally: Tally, so_far: str) -> str:
    settled = tally.settled - tally.reused
    rate = percent(tally.success_rate or 0.0)
    return f"{tally.stored - tally.reused:,} of {count(settled, 'picture')}{so_far} came out ({rate}"


def _by_reason(facts: JobFacts) -> Bars | None:
    groups = sorted((group for group in facts.failures if group.count), key=lambda group: -group.count)
    if not groups:
        return None
    tally = facts.tally
    return Bars(
        f"{facts.title}: what went wrong",
        f"When seen: {tally.stored:,} of {count(tally.settled, 'picture')} came out; the others, by reason",
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


# --- refusals --------------------------------------------------------------------------------------------


def _refusals(facts: JobFacts, rules: AlertRules, open_keys: Collection[str]) -> Alert | None:
    """A refusal rate above max(`refusal_alert`, `refusal_factor` x usual), with the sample that needs.

    Needs `minimum_sample` settled items, finished or not: one refusal in ten is bad luck, not a spike, and
    the success rate speaks for small jobs. Once told it lasts until the rate is at half the threshold.
    """
    tally, key = facts.tally, f"{Rule.REFUSALS}:{facts.job}"
    rate, asked = tally.refusal_rate, tally.sent
    if Rule.REFUSALS in rules.off or rate is None or asked < rules.minimum_sample:
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
        chart=_by_value(facts),
    )


def _with_the_rate(refused: Alert, few: Alert, facts: JobFacts, rules: AlertRules) -> Alert:
    """The refusals, and what the alert about the rate would have said."""
    tally = facts.tally
    so_far = "" if tally.finished else " so far"
    rate = f"{_came_out(tally, so_far)}, alert under {whole_percent(rules.success_alert)})."
    return replace(
        refused,
        severity=few.severity,
        details=(
            *_cause(facts.refusals or Refusals()),
            rate,
            *_projected(tally),
            *reason_lines(facts.failures, rules),
            *_doubt_lines(tally.in_doubt),
        ),
        what_to_do=_what_to_do(facts, rules),
        chart=refused.chart or _by_reason(facts),
    )


def _what_to_do(facts: JobFacts, rules: AlertRules) -> tuple[str, ...]:
    """About the refused rows, then about all others."""
    others: list[FailureGroup] = [
        group for group in facts.failures if group.kind is not FailureKind.CONTENT_POLICY
    ]
    return (_reword(facts.refusals or Refusals()), *advice_lines(others, rules))


def _cause(found: Refusals) -> tuple[str, ...]:
    """What the refused rows share, in words."""
    if found.lift is not None:
        lift = found.lift
        rest = percent(lift.rest_refused / lift.rest_of) if lift.rest_of else "none"
        return (
            f"What they share: {lift.column} = “{lift.value[:60]}” was refused {lift.refused:,} of "
            f"{lift.of:,} times, all other rows {lift.rest_refused:,} of {lift.rest_of:,} ({rest}).",
        )
    if found.template:
        others = (
            f" Other templates are refused {percent(found.other_templates)} of the time."
            if found.other_templates is not None
            else ""
        )
        return (f"No column of the sheet explains it, so look at the template: “{found.template}”.{others}",)
    return ()


def _reword(found: Refusals) -> str:
    if found.lift is not None:
        where = f"Reword what “{found.lift.value[:60]}” becomes in the prompt, or leave those rows out."
    else:
        where = "Look for words the refused rows share; often one word in the template is the cause."
    return f"{where} Cancel what still runs if the template has to change; refused rows are not tried again."


def _by_value(facts: JobFacts) -> Bars | None:
    found, rate = facts.refusals, facts.tally.refusal_rate
    if found is None or found.lift is None or len(found.values) < 2:
        return None
    return Bars(
        f"{facts.title}: refused by {found.lift.column}",
        "Share of the pictures that content rules refused, by value",
        found.values,
        line=rate,
        line_says="all rows",
        percent=True,
    )
