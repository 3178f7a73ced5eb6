"""The rules the program decides by, as the settings ask for them: values without a place or a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from decimal import Decimal

from bot.config import Settings, SettingsError, amounts, split
from bot.imaging.renditions import RenderPolicy
from bot.watch import rules as rule_file
from bot.watch.alerts import AlertRules


@dataclass(frozen=True, slots=True)
class Roles:
    """Who may do what, by user group (`@handle` or `S...`) and person (`U...`); empty: every member."""

    starters: tuple[str, ...] = ()
    spenders: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    admins: tuple[str, ...] = ()
    """They may do what all the others may."""
    guests: bool = False
    channels: tuple[str, ...] = ()
    """The only channels to work in; empty: all."""


@dataclass(frozen=True, slots=True)
class MonthlyBudgets:
    """What may be spent in a calendar month (UTC), in USD, where an admin has not said otherwise."""

    month: Decimal | None = None
    """All jobs together; None: no limit, likewise below."""
    channel: Decimal | None = None
    """The jobs of each channel."""
    person: Decimal | None = None
    """The jobs each person asks for."""
    providers: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Keep:
    """How long things are kept after their job has ended; None: for good."""

    approved: timedelta | None = None
    unreviewed: timedelta | None = None
    masters: timedelta | None = timedelta(days=90)
    """Of rejected and replaced pictures."""
    renditions: timedelta | None = timedelta(days=180)
    """Theirs, and what was drawn of a job's pictures to show them."""
    payloads: timedelta | None = timedelta(days=30)
    slack: timedelta | None = None
    history: timedelta | None = None
    disk_bytes: int | None = None
    """What all blobs may take; above it the oldest go sooner, of what may go at all."""

    @classmethod
    def of(cls, settings: Settings) -> Keep:
        """The rules these settings ask for."""

        def days(number: int) -> timedelta | None:
            return timedelta(days=number) if number else None

        disk = settings.imgbatch_disk_budget_gb
        return cls(
            approved=days(settings.imgbatch_keep_approved_days),
            unreviewed=days(settings.imgbatch_keep_unreviewed_days),
            masters=days(settings.imgbatch_keep_masters_days),
            renditions=days(settings.imgbatch_keep_renditions_days),
            payloads=days(settings.imgbatch_keep_payloads_days),
            slack=days(settings.imgbatch_keep_slack_days),
            history=days(settings.imgbatch_keep_history_days),
            disk_bytes=None if disk is None else int(disk * 10**9),
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules the stages decide by."""

    attempts: int = 3
    """How often one item may be tried."""
    quality_gate: bool = True
    """Whether pictures are judged before people see them, where a job does not say it itself."""
    quality_retries: int = 1
    """How often a picture the gate found fault with is made again before it is shown with a flag."""
    poll_most: timedelta = timedelta(minutes=5)
    """Longest wait between two polls of one submission."""
    poll_least: timedelta = timedelta(seconds=15)
    """Shortest wait, right after sending and near the expiry of results."""
    look_up_after: timedelta = timedelta(seconds=30)
    """A lost submission is looked up this long after it was sent: lists lag behind creations."""
    retry_first: timedelta = timedelta(seconds=20)
    retry_most: timedelta = timedelta(hours=1)
    results_patience: timedelta = timedelta(hours=6)
    """How long results that a provider says are ready, and does not hand out, are asked for."""
    pause: timedelta = timedelta(minutes=10)
    """How long a provider that needs a person is left alone before it is tried again."""
    breaker_floor: float = 0.5
    """A provider of whose recent answers fewer than this share were pictures is left alone for `pause`."""
    breaker_samples: int = 20
    """So many answers, at least, before that is judged; twice as many of the newest are looked at."""
    breaker_tries: int = 5
    """Turned away so often in a row, one submission is enough to leave the provider alone."""
    off_peak_from: time = time(2)
    """UTC."""
    off_peak_until: time = time(8)
    chunk_items: int | None = None
    """Fewer items a submission than the vendor allows, for jobs that are often refused."""
    budget_usd: Decimal | None = None
    """For each job."""
    budgets: MonthlyBudgets = field(default_factory=MonthlyBudgets)
    approval_usd: Decimal | None = None
    """A job that may cost more is started only when a second person agrees."""
    export_part_bytes: int = 100_000_000
    """Of one archive; Slack takes files of up to 1 GB."""
    default_provider: str | None = None
    render: RenderPolicy = field(default_factory=RenderPolicy)
    rules: AlertRules = field(default_factory=AlertRules)
    roles: Roles = field(default_factory=Roles)
    keep: Keep = field(default_factory=Keep)

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """The rules these settings ask for."""
        poll = timedelta(seconds=settings.imgbatch_poll_seconds)
        return cls(
            attempts=settings.imgbatch_attempts,
            quality_gate=settings.imgbatch_quality_gate,
            quality_retries=settings.imgbatch_quality_retries,
            poll_most=poll,
            poll_least=min(poll, timedelta(seconds=15)),
            look_up_after=timedelta(seconds=settings.imgbatch_look_up_seconds),
            retry_first=timedelta(seconds=settings.imgbatch_retry_seconds),
            off_peak_from=settings.imgbatch_off_peak_from,
            off_peak_until=settings.imgbatch_off_peak_until,
            chunk_items=settings.imgbatch_chunk_rows,
            budget_usd=settings.imgbatch_budget_usd,
            budgets=MonthlyBudgets(
                month=settings.imgbatch_budget_month_usd,
                channel=settings.imgbatch_budget_channel_usd,
                person=settings.imgbatch_budget_person_usd,
                providers=amounts(settings.imgbatch_budget_providers),
            ),
            approval_usd=settings.imgbatch_approval_usd,
            export_part_bytes=settings.imgbatch_export_part_mb * 1_000_000,
            default_provider=settings.imgbatch_provider,
            render=RenderPolicy(
                format=settings.imgbatch_format,  # type: ignore[arg-type]  # checked by Settings
                quality=settings.imgbatch_quality,
                fit=settings.imgbatch_fit,  # type: ignore[arg-type]
                disclosure=settings.imgbatch_disclosure,
            ),
            rules=_rules(settings),
            roles=Roles(
                starters=split(settings.imgbatch_starters),
                spenders=split(settings.imgbatch_spenders),
                approvers=split(settings.imgbatch_approvers),
                admins=split(settings.imgbatch_admins),
                guests=settings.imgbatch_guests,
                channels=split(settings.imgbatch_channels),
            ),
            keep=Keep.of(settings),
        )


def _rules(settings: Settings) -> AlertRules:
    """Raises SettingsError."""
    try:
        rules = AlertRules(
            success_target=settings.imgbatch_target_rate, success_alert=settings.imgbatch_alert_rate
        )
        file = settings.imgbatch_alert_rules
        return rule_file.load(file, rules) if file is not None else rules
    except ValueError as problem:
        raise SettingsError(f"IMGBATCH_ALERT_RULES: {problem}") from None
