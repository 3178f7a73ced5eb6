"""What an alert is, the thresholds, and what all alerts share. Facts in, alerts out; nothing is sent here.

Judged are jobs (`job_alerts`, `rate_alerts`), prices and times (`price_alerts`, `time_alerts`), all pictures
together (`fleet_alerts`), and what all of it stands on (`house_alerts`). An alert's `key` names the incident,
not the moment: as long as the same thing is wrong the same key comes back, so the caller tells a key once
(`news`) and says when it is over (`recovered`). What can happen again, unlike a job, has `again`: each time
is an incident, with the time it was found behind an @.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from bot.watch.advice import Who, advice
from bot.watch.chances import luck
from bot.watch.facts import FailureGroup
from bot.watch.gist import gist
from bot.watch.words import count


class Rule(StrEnum):
    """What an alert is about."""

    SUCCESS_RATE = "success-rate"
    OVERDUE = "overdue"
    REFUSALS = "refusals"
    COST_DRIFT = "cost-drift"
    TIME_DRIFT = "time-drift"
    BURN_RATE = "burn-rate"
    PROVIDER_PAUSED = "provider-paused"
    EXPIRING = "expiring"
    DEADLINE = "deadline"
    REROUTED = "rerouted"
    LOST_RESULTS = "lost-results"
    DISK = "disk"
    STUCK = "stuck"


PAGE = "docs/operating.md"
"""Where each rule has a section that says what to do."""

HEADINGS: Mapping[Rule, str] = {
    Rule.SUCCESS_RATE: "Too few pictures come out",
    Rule.OVERDUE: "A batch takes longer than promised",
    Rule.REFUSALS: "Content rules refuse many pictures",
    Rule.COST_DRIFT: "Pictures cost other than listed",
    Rule.TIME_DRIFT: "A model has become slow",
    Rule.BURN_RATE: "Many batches lose pictures at once",
    Rule.PROVIDER_PAUSED: "A provider is paused",
    Rule.EXPIRING: "Paid pictures are about to vanish",
    Rule.DEADLINE: "A deadline cannot be kept",
    Rule.REROUTED: "A batch goes on at another provider",
    Rule.LOST_RESULTS: "Results could not be had",
    Rule.DISK: "The disk is nearly full",
    Rule.STUCK: "Part of the program stands still",
}
"""The headings of those sections."""


class Severity(StrEnum):
    """How much it hurries."""

    WARNING = "warning"
    """Look at it today."""
    CRITICAL = "critical"
    """Money or pictures are being lost until somebody acts."""


@dataclass(frozen=True, slots=True)
class AlertRules:
    """The thresholds. `bot.watch.rules` reads them from a file."""

    success_target: float = 0.98
    """What a job should reach; below it the summary says so."""
    success_alert: float = 0.95
    """Below it somebody is told."""
    minimum_sample: int = 20
    """Settled items before a running job's rates are judged."""
    luck: float = 0.0002
    """A rate is no alert while a job that keeps the target misses as many at least this often by chance: 1 in
    5,000. 5 of 20 are no luck; one of three may be.
    """
    large_sample: int = 100
    """A finished job of so many pictures is judged by `success_alert` alone."""
    refusal_alert: float = 0.05
    """A refusal rate above this is a spike, unless it is usual."""
    refusal_factor: float = 3.0
    """Where the usual rate is known: times the usual rate that make a spike."""
    refusal_window: timedelta = timedelta(hours=24)
    """Batches of fewer than `large_sample` pictures made within this time are judged together."""
    overdue_factor: float = 1.0
    """Shares of the expected window after which a job is overdue."""
    cost_drift: float = 0.10
    """A price this share away from the list, or from what was usual, is not believed any more."""
    cost_sample: int = 10
    """Pictures of known cost before their price is judged."""
    time_drift: float = 0.5
    """Submissions, or live calls, that take this share longer than usual have become slow."""
    time_batches: int = 4
    """Batches one after another of which each was slow before a model is."""
    time_history: int = 40
    """Earlier batches that say what time is usual: times are spread wider than prices."""
    time_sample: int = 10
    """Pictures in those before their time is judged."""
    history: int = 20
    """Earlier jobs of the same model and lane that say what is usual."""
    history_least: int = 5
    """With fewer nothing is usual."""
    burn_fast: float = 10.0
    """Misses of all jobs within `fast_window`, as times what the target allows, that are an alert; at a
    target of 98% this is 20%.
    """
    burn_slow: float = 3.0
    """Likewise within `slow_window`: 6%."""
    fast_window: timedelta = timedelta(hours=1)
    slow_window: timedelta = timedelta(hours=6)
    burn_sample: int = 50
    """Settled items in a window before it is judged."""
    expiry_warning: timedelta = timedelta(minutes=30)
    """Unfetched results that vanish within this time are worth waking somebody."""
    disk_free_mb: int = 5_000
    """Less free space than this is an alert; less than a fifth of it, an urgent one."""
    off: tuple[str, ...] = ()
    """Rules that are switched off, by name."""
    page: str = PAGE
    """Where people find what to do, rule by rule: a file, or an address (https://) that alerts link to."""
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
        if not 0 < self.luck < 1:
            raise ValueError(f"luck is {self.luck}; use a share between 0 and 1, such as 0.0002")
        unknown = [name for name in self.off if name not in list(Rule)]
        if unknown:
            raise ValueError(f"there is no rule “{unknown[0]}” to switch off; rules are {', '.join(Rule)}")

    def no_luck(self, missed: int, settled: int) -> bool:
        """Whether a process that keeps the target would miss so many more rarely than `luck`."""
        return luck(missed, settled, 1 - self.success_target) < self.luck


@dataclass(frozen=True, slots=True)
class Bars:
    """A small chart: one bar for each figure, and a line that should not be passed."""

    title: str
    subtitle: str
    bars: tuple[tuple[str, float], ...]
    """What each bar is called, and its figure."""
    line: float | None = None
    """0: every bar is one to look at, and no line is drawn."""
    line_says: str = ""
    percent: bool = False
    """Figures are shares."""
    low_is_bad: bool = False
    """Bars below the line are the ones to look at, not those above it."""

    def to_json(self) -> dict[str, Any]:
        """What is kept of it."""
        names = ("title", "subtitle", "line", "line_says", "percent", "low_is_bad")
        return {"bars": [list(bar) for bar in self.bars], **{name: getattr(self, name) for name in names}}

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Bars:
        bars = tuple((str(name), float(figure)) for name, figure in given["bars"])
        return cls(**{**given, "bars": bars})


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
    again: bool = False
    """It can happen again: `key` is its subject, and each time has a key of its own."""
    chart: Bars | None = None


@dataclass(frozen=True, slots=True)
class Recovery:
    """An incident that is over."""

    key: str
    headline: str


def subject(key: str) -> str:
    """What an incident is about, without the time that tells it from the next: what is muted."""
    return key.partition("@")[0]


def wanted(found: Iterable[Alert], rules: AlertRules) -> list[Alert]:
    """Those whose rule is not switched off."""
    return [alert for alert in found if alert.rule not in rules.off]


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
        message = next((said for example in shown if (said := gist(example.message))), "")
        if message:
            line += f" – “{message}”"
    return line + "."
