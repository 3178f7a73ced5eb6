"""What all jobs stand on: providers, the disk, the program's own parts. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from bot.watch.advice import advice
from bot.watch.alerts import Alert, AlertRules, Rule, Severity
from bot.watch.facts import Disk, PausedProvider, StuckTick
from bot.watch.gist import gist
from bot.watch.words import count, duration, listed
from providers.base import FailureKind


def provider_alerts(paused: Iterable[PausedProvider], now: datetime) -> list[Alert]:
    """One alert for each provider that waits for a person, however many jobs wait for it."""
    return [_paused(provider, now) for provider in paused]


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
    lost = [f"{title} {number:,}" for title, number in paused.lost[:5]]
    meanwhile = "Nothing is lost meanwhile; the rows wait" if not lost else "All other rows wait meanwhile"
    return Alert(
        Rule.PROVIDER_PAUSED,
        provider_key(paused.provider, paused.since),
        Severity.CRITICAL,
        f"{paused.provider} is paused: {cause}",
        (
            f"{waiting}paused for {duration(now - paused.since)}. {said}: “{gist(paused.message)}”",
            *((f"Pictures that came to nothing by it, after all tries: {listed(lost)}.",) if lost else ()),
        ),
        (
            f"For the operator: {what_to_do}",
            f"{meanwhile}, or go to the next provider of their job's route.",
        ),
    )


def disk_alert(disk: Disk, rules: AlertRules, *, told: bool = False) -> Alert | None:
    """Less than `disk_free_mb` free; once told, until there is a fifth more than that."""
    free_mb = disk.free / 1e6
    if free_mb >= rules.disk_free_mb * (1.2 if told else 1):
        return None
    urgent = free_mb < rules.disk_free_mb / 5
    share = disk.free / disk.total if disk.total else 0
    return Alert(
        Rule.DISK,
        f"{Rule.DISK}:data",
        Severity.CRITICAL if urgent else Severity.WARNING,
        f"The disk of the data folder is nearly full: {_size(disk.free)} free of {_size(disk.total)} "
        f"({share:.1%}, alert under {_size(rules.disk_free_mb * 1e6)})",
        (
            "Pictures that are paid for cannot be kept when it is full; they stay at the provider until "
            "there is room, or until they vanish there.",
        ),
        (
            f"For the operator: make room on the disk that holds {disk.folder}, or move the folder to "
            "another.",
        ),
        again=True,
    )


def stuck_alerts(stuck: Iterable[StuckTick]) -> list[Alert]:
    """One alert for each of the program's ticks that does not come to a good end any more."""
    return [_stuck(tick) for tick in stuck]


def _stuck(tick: StuckTick) -> Alert:
    what = DOES.get(tick.name, f"does its work ({tick.name})")
    failing = f"It fails each time: {tick.said}." if tick.said else "It does not come to an end."
    return Alert(
        Rule.STUCK,
        f"{Rule.STUCK}:{tick.name}",
        Severity.CRITICAL,
        f"Part of the program stands still: what {what} has not worked for {duration(tick.lasts)}",
        (failing,),
        (
            "For the operator: look into the log for this time. If it hangs, restart the program: nothing is "
            "lost by that.",
        ),
        again=True,
    )


DOES = {
    "rescue": "looks up lost submissions",
    "collect": "fetches and keeps pictures",
    "reroute": "moves pictures to the next provider",
    "deadlines": "keeps deadlines",
    "assemble": "packs pictures for sending",
    "submit": "sends pictures",
    "poll": "asks for results",
    "pilots": "makes samples",
    "finish": "ends batches",
    "attend": "judges batches",
    "oversee": "judges prices, times, the disk and all batches together",
    "pack": "makes exports",
    "prune": "lets old files go",
    "old_files": "takes old files away from Slack",
    "digest": "sends digests",
    "schedule": "starts scheduled batches",
    "home": "draws the Home tab",
    "inbox": "does what people ask",
    "announce": "tells Slack",
}
"""What each tick does, for people."""


def _size(number: float) -> str:
    for unit, length in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if number >= length:
            return f"{number / length:.1f} {unit}"
    return f"{number / 1e3:.0f} kB"
