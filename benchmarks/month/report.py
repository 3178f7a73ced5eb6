"""What was made to go wrong against what was told, and what was quoted against the vendors' books."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from benchmarks.month.troubles import REFUSING, Trouble
from benchmarks.month.world import BEGIN, World
from bot.slack.alerts import OPERATORS
from bot.watch.alerts import Rule, subject
from storage.records import Incident, Job
from storage.states import JobState

AFTER = timedelta(hours=1)
"""So long after it was mended, a trouble may still be felt: pauses, retries, batches under way."""
DAY = timedelta(days=1)
WITHIN = Decimal("0.10")
OF_JOB = re.compile(r"J(\d{5})-")


@dataclass
class Found:
    """What became of the troubles."""

    told: list[tuple[Trouble, Incident]] = field(default_factory=list)
    missing: list[Trouble] = field(default_factory=list)
    again: list[Incident] = field(default_factory=list)
    caused: list[Incident] = field(default_factory=list)
    """Told of a trouble by another rule, or of a healthy job that met one."""
    false: list[Incident] = field(default_factory=list)


def met(job: Job, troubles: Iterable[Trouble]) -> bool:
    """Whether a job was started to meet a trouble, or was under way at a vendor that had one."""
    ended = job.finished_at or datetime.max.replace(tzinfo=BEGIN.tzinfo)
    return any(
        job.id in one.jobs
        or (one.vendor == job.provider and job.created_at <= one.until + AFTER and ended >= one.since)
        for one in troubles
    )


def sort_out(world: World, troubles: list[Trouble]) -> Found:
    """Each incident goes to the trouble it tells of."""
    found, left = Found(), list(world.ctx.notices.incidents())
    for trouble in troubles:
        mine = sorted((one for one in left if _tells(one, trouble)), key=lambda one: one.opened_at)
        left = [one for one in left if one not in mine]
        if not mine or trouble.seen is None:
            found.missing.append(trouble)
            continue
        found.told.append((trouble, mine[0]))
        told = [subject(one.key) for one in mine]
        again = [one for place, one in enumerate(mine) if told[place] in told[:place]]
        found.again += again
        found.caused += [one for one in mine[1:] if one not in again]
    for incident in left:
        (found.caused if _caused(world, incident, troubles) else found.false).append(incident)
    return found


def _tells(incident: Incident, trouble: Trouble) -> bool:
    in_time = trouble.since <= incident.opened_at <= trouble.until + AFTER
    return subject(incident.key) in trouble.told_by and in_time


def _caused(world: World, incident: Incident, troubles: list[Trouble]) -> bool:
    if incident.job_id is not None:
        job = world.ctx.queries.job(incident.job_id)
        return job is not None and met(job, troubles)
    if incident.rule == Rule.REFUSALS:
        refusing = [one for one in troubles if one.kind in REFUSING]
        return any(one.since <= incident.opened_at <= one.until + DAY for one in refusing)
    about = subject(incident.key).partition(":")[2].partition("/")[0]
    felt = [one for one in troubles if one.since <= incident.opened_at <= one.until + AFTER]
    return any(about == one.vendor or (about == "all" and len(one.jobs) > 1) for one in felt)


def report(world: World, days: int, troubles: list[Trouble], seconds: float) -> bool:
    """Print the figures; whether all was told once, in time, nothing else was, and the books agree."""
    jobs = world.ctx.queries.jobs()
    healthy = [job for job in jobs if not met(job, troubles)]
    found = sort_out(world, troubles)
    print(
        f"{days} days, {len(jobs):,} jobs, {world.pictures:,} pictures, {len(world.polls):,} polls, "
        f"{seconds:.0f} s"
    )
    good = _jobs(world, jobs, healthy)
    good &= _told(world, troubles, found)
    good &= _slack(world)
    good &= _books(world, healthy)
    print("as it should be" if good else "NOT as it should be")
    return good


def _jobs(world: World, jobs: Iterable[Job], healthy: list[Job]) -> bool:
    states = Counter(job.state for job in jobs)
    made, missed = (sum(ended) for ended in zip(*(world.ended(job) for job in healthy), strict=True))
    print(f"jobs at the end: {', '.join(f'{n:,} {state}' for state, n in sorted(states.items()))}")
    print(
        f"healthy: {len(healthy):,} jobs, {made / (made + missed):.2%} of {made + missed:,} pictures came out"
    )
    return set(states) == {JobState.FINISHED}


def _told(world: World, troubles: list[Trouble], found: Found) -> bool:
    late = []
    lags: dict[str, list[int]] = defaultdict(list)
    for trouble, incident in found.told:
        assert trouble.seen is not None
        lag = world.polls[incident.opened_at] - world.polls[trouble.seen]
        lags[trouble.kind].append(lag)
        if lag > 1:
            late.append(trouble)
    silent = [
        trouble
        for trouble, incident in found.told
        if trouble.says not in " ".join([incident.headline, *incident.details])
    ]
    kinds = Counter(trouble.kind for trouble in troubles)
    print(f"{'trouble':<18}{'made':>6}{'told':>6}  polls after it could be seen")
    for kind, number in kinds.items():
        print(f"{kind:<18}{number:>6}{len(lags[kind]):>6}  {', '.join(map(str, lags[kind]))}")
    print(
        f"told again: {len(found.again)}; later than one poll: {len(late)}; without its words: {len(silent)}"
    )
    print(f"told of the same trouble by another rule, or of other jobs it hit: {_rules(found.caused)}")
    print(f"told without cause: {_rules(found.false)}")
    for trouble in (*found.missing, *late, *silent):
        print(
            f"  not as it should be: {trouble.kind} {trouble.told_by} {trouble.since:%d %b %H:%M}",
            trouble.seen,
        )
    for incident in (*found.again, *found.false):
        print(f"  too many: {incident.key} {incident.opened_at:%d %b %H:%M} {incident.headline}")
    return not (found.missing or late or silent or found.again or found.false)


def _rules(incidents: Iterable[Incident]) -> str:
    counted = Counter(incident.rule for incident in incidents)
    return ", ".join(f"{number} {rule}" for rule, number in counted.most_common()) or "none"


def _slack(world: World) -> bool:
    """One message an incident."""
    posted = []
    cursor = ""
    while True:
        page = world.client.conversations_history(channel=world.channel, limit=200, cursor=cursor)
        posted += [message for message in page["messages"] if message.get("bot_id")]
        cursor = (page.get("response_metadata") or {}).get("next_cursor", "")
        if not cursor:
            break
    told = world.ctx.mail.announcements(OPERATORS)
    incidents = len(world.ctx.notices.incidents())
    print(f"Slack: {incidents} incidents, {len(told)} told, {len(posted)} messages in the channel")
    return {one.ts for one in told.values()} == {one["ts"] for one in posted} and len(posted) == len(told)


def _books(world: World, healthy: list[Job]) -> bool:
    """What the stand-ins' books have for healthy jobs, a picture, against what these were quoted."""
    by_number = {int(job.title.split()[1]): job for job in healthy if _quoted_by_list(world, job)}
    billed: dict[str, list[Decimal]] = defaultdict(list)
    for vendor in world.vendors.values():
        for bill in vendor.books()["billed"]:
            number = OF_JOB.search(bill["prompt"])
            job = by_number.get(int(number[1])) if number else None
            if job is not None:
                billed[job.id].append(Decimal(bill["price"]))
    sums: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0), Decimal(0)])
    for job in by_number.values():
        prices = billed[job.id]
        if job.quoted_low is None or job.quoted_high is None or not prices:
            continue
        share = Decimal(len(prices)) / job.items
        for place, value in enumerate(
            (sum(prices, Decimal(0)), job.quoted_low * share, job.quoted_high * share)
        ):
            sums[job.provider, job.model][place] += value
    off = {way: (invoice / low - 1, invoice / high - 1) for way, (invoice, low, high) in sums.items()}
    worst = sorted(off.items(), key=lambda entry: -max(map(abs, entry[1])))
    wrong = [way for way, (low, high) in off.items() if min(abs(low), abs(high)) > WITHIN or high > WITHIN]
    print(f"books: {len(off)} priced models; furthest from their quotes (lower end, upper end):")
    for (provider, model), (low, high) in worst[:5]:
        print(f"  {provider} {model}: {low:+.1%}, {high:+.1%}")
    for provider, model in wrong:
        print(f"  not within {WITHIN:.0%}: {provider} {model}")
    return not wrong


def _quoted_by_list(world: World, job: Job) -> bool:
    """Not while its price was suspended."""
    earlier = world.ctx.notices.suspensions_of(job.provider, job.model, job.lane)
    return not any(
        one.since <= job.created_at and (one.lifted_at is None or job.created_at < one.lifted_at)
        for one in earlier
    )
