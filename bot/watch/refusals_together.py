"""Refusals of many small batches, each too small to judge: one message for each thing they share. Pure.

That may be a template, a value of a variable, or a model. `lift` looks for the same within one job.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.watch.alerts import Alert, AlertRules, Bars, Rule, Severity
from bot.watch.chances import luck
from bot.watch.lift import LEAST, TIMES
from bot.watch.words import count, listed, percent, whole_percent

ONE_JOB = 0.8
"""Where one batch has this share of the refusals, they are its own affair."""

MOST = 5
"""Causes told of at once."""

NAMED, SHOWN = 5, 8
"""Batches named in words, and in the chart."""


class Kind(StrEnum):
    """What may be shared; of two that say the same, the first is named."""

    TEMPLATE = "template"
    VALUE = "value"
    MODEL = "model"


NARROWER: Mapping[Kind, tuple[Kind, ...]] = {
    Kind.VALUE: (),
    Kind.TEMPLATE: (Kind.VALUE,),
    Kind.MODEL: (Kind.VALUE, Kind.TEMPLATE),
}
"""What may be the cause where something wider is refused as well."""


@dataclass(frozen=True, slots=True)
class Share:
    """Something that pictures of several batches have in common."""

    kind: Kind
    name: str
    """The template's text, the variable, or provider and model."""
    value: str
    """Of the variable; else empty."""
    jobs: Mapping[str, tuple[int, int]]
    """By job: its pictures that have this and have ended, and how many of them were refused."""

    @property
    def key(self) -> str:
        """What an incident about it is about."""
        return share_key(self.kind, self.name, self.value)

    @property
    def of(self) -> int:
        return sum(of for of, _ in self.jobs.values())

    @property
    def refused(self) -> int:
        return sum(refused for _, refused in self.jobs.values())


def share_key(kind: Kind, name: str, value: str = "") -> str:
    """The key of an incident about this. Templates and values may be long: of them it has a digest."""
    if kind is Kind.MODEL:
        return f"{Rule.REFUSALS}:{name}"
    digest = hashlib.sha256(f"{name}\n{value}".encode()).hexdigest()
    return f"{Rule.REFUSALS}:{kind}/{digest[:12]}"


@dataclass(frozen=True, slots=True)
class Pool:
    """Small batches of some time and what they share."""

    titles: Mapping[str, str]
    """By job."""
    jobs: Mapping[str, tuple[int, int]]
    """By job: pictures that have ended, and how many of them were refused."""
    shares: Sequence[Share]


def alerts_together(pool: Pool, rules: AlertRules, told: Collection[str] = ()) -> list[Alert]:
    """One alert for each thing shared that lifts refusals; `told`: keys of the incidents that stand.

    The least likely by chance is named first; its pictures are then left out, and what remains is looked at
    again, so that what refuses one template is not told of its model too. An incident that stands lasts until
    its rate is at half of `refusal_alert`.
    """
    found: list[Alert] = []
    standing = sorted((one for one in pool.shares if one.key in told), key=lambda one: one.key)
    for share in standing:
        rate = share.refused / share.of if share.of else 0.0
        if share.refused >= LEAST and rate > rules.refusal_alert / 2:
            found.append(_alert(share, pool, rules))
            pool = _without(pool, share)
    while len(found) < MOST and (best := _best(pool, rules)) is not None:
        if best.key not in {alert.key for alert in found}:
            found.append(_alert(best, pool, rules))
        pool = _without(pool, best)
    return found


def _best(pool: Pool, rules: AlertRules) -> Share | None:
    """What chance explains least, if chance does not explain it: refused in at least two batches of which
    none has four fifths of it; over `refusal_alert`, of at least `minimum_sample` pictures where it is no
    value (of a value there are few, and chance has its say); at least twice as often as the rest; and
    luck(refused, of, the rest's rate, or what the target allows if that is more) x things looked at < `luck`.
    What something narrower explains is not it, also while that is too small to be told.
    """
    settled = sum(of for of, _ in pool.jobs.values())
    refused = sum(hits for _, hits in pool.jobs.values())
    best: tuple[float, int, Share] | None = None
    for share in pool.shares:
        of, hits = share.of, share.refused
        by_job = [mine for _, mine in share.jobs.values() if mine]
        spread = len(by_job) > 1 and max(by_job) < ONE_JOB * hits
        least = LEAST if share.kind is Kind.VALUE else rules.minimum_sample
        if not spread or of < least or hits < LEAST or hits / of <= rules.refusal_alert:
            continue
        rest_of, rest = settled - of, 0.0
        if rest_of >= rules.minimum_sample:
            rest = max(refused - hits, 1) / rest_of
        if hits / of < TIMES * rest:
            continue
        chance = luck(hits, of, max(rest, 1 - rules.success_target)) * len(pool.shares)
        rank = list(Kind).index(share.kind)
        better = best is None or (chance, rank) < best[:2]
        if chance < rules.luck and better and not _explained(share, pool.shares, rules):
            best = (chance, rank, share)
    return best[2] if best else None


def _explained(share: Share, others: Sequence[Share], rules: AlertRules) -> bool:
    """Whether something narrower is refused at least twice as often as the rest of it, and that rest would
    be no alert.
    """
    for other in others:
        if other.kind not in NARROWER[share.kind]:
            continue
        mine = [numbers for job, numbers in other.jobs.items() if job in share.jobs]
        of, hits = sum(number for number, _ in mine), sum(number for _, number in mine)
        rest_of, rest_hits = share.of - of, share.refused - hits
        if hits < LEAST or rest_of < LEAST or hits / of < TIMES * rest_hits / rest_of:
            continue
        chance = luck(rest_hits, rest_of, 1 - rules.success_target) * len(others)
        if rest_hits / rest_of <= rules.refusal_alert or chance >= rules.luck:
            return True
    return False


def _without(pool: Pool, told: Share) -> Pool:
    """The pool without the pictures of a share. Of other values in the same batches nobody knows how many
    rows have both: those batches are left out of them.
    """

    def rest(share: Share) -> Share:
        jobs = dict(share.jobs)
        for job, (of, hits) in told.jobs.items():
            if job not in jobs:
                continue
            mine = jobs.pop(job)
            if share.kind is not Kind.VALUE:
                jobs[job] = (mine[0] - of, mine[1] - hits)
        return replace(share, jobs=jobs)

    jobs = dict(pool.jobs)
    for job, (of, hits) in told.jobs.items():
        jobs[job] = (jobs[job][0] - of, jobs[job][1] - hits)
    return replace(pool, jobs=jobs, shares=[rest(share) for share in pool.shares if share.key != told.key])


def _alert(share: Share, pool: Pool, rules: AlertRules) -> Alert:
    of, refused = share.of, share.refused
    rest_of = sum(number for number, _ in pool.jobs.values()) - of
    rest = sum(hits for _, hits in pool.jobs.values()) - refused
    usual = (
        f"{percent(rest / rest_of)} of all others"
        if rest_of >= rules.minimum_sample
        else f"alert over {whole_percent(rules.refusal_alert)}"
    )
    worst = sorted(
        ((job, mine, hits) for job, (mine, hits) in share.jobs.items() if hits),
        key=lambda one: (-one[2] / one[1], one[0]),
    )
    named = [f"{pool.titles[job]} ({job}) {hits:,} of {mine:,}" for job, mine, hits in worst[:NAMED]]
    more = f" and {len(worst) - NAMED:,} more" if len(worst) > NAMED else ""
    return Alert(
        Rule.REFUSALS,
        share.key,
        Severity.WARNING,
        f"Small batches with {_said(share)}: content rules refused {count(refused, 'picture')} of {of:,} "
        f"({percent(refused / of)}, {usual})",
        (
            f"Seen in {len(share.jobs):,} batches together. Refused most: "
            f"{', '.join(named) if more else listed(named)}{more}.",
        ),
        (_what_to_do(share),),
        again=True,
        chart=Bars(
            f"Refused in small batches: {_short(share)}",
            "Share of the pictures that content rules refused, by batch",
            tuple((pool.titles[job], hits / mine) for job, mine, hits in worst[:SHOWN]),
            line=rules.refusal_alert,
            line_says=f"alert over {whole_percent(rules.refusal_alert)}",
            percent=True,
        ),
    )


def _said(share: Share) -> str:
    match share.kind:
        case Kind.TEMPLATE:
            return f"the template “{_cut(share.name, 120)}”"
        case Kind.VALUE:
            return f"{share.name} = “{_cut(share.value, 60)}”"
        case Kind.MODEL:
            return f"pictures by {share.name}"


def _short(share: Share) -> str:
    return f"{share.name} = “{share.value}”" if share.kind is Kind.VALUE else share.name


def _what_to_do(share: Share) -> str:
    match share.kind:
        case Kind.TEMPLATE:
            where = "Look for the words in this template that content rules object to, and reword it"
        case Kind.VALUE:
            where = f"Reword what “{_cut(share.value, 60)}” becomes in the prompt, or leave such rows out"
        case Kind.MODEL:
            where = (
                "No template and no value lifts it: see in the failures of these batches what their "
                "prompts share, or take another model"
            )
    return f"{where}, before more such batches are started. Refused rows are not tried again."


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
