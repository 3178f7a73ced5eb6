"""The App Home: what one person wants to know without asking, and brought up to date while they look."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from slack_sdk import WebClient

from bot.intake.preset import Defaults
from bot.pipeline.costs import spent, today
from bot.runtime import Context
from bot.slack import answers, cards, presets, schedules, views
from bot.slack import blocks as b
from bot.slack import words as w
from bot.slack.blocks import Block
from bot.slack.reach import Where
from bot.slack.rights import Right, refusal
from bot.slack.wire import Gone, Later, SlackTrouble, Unfit, Wire, wire_of
from bot.watch.costs import sum_line
from bot.watch.words import count, money
from storage.costs import Whose
from storage.records import Job
from storage.shelved import Preset
from storage.states import ItemState, JobState, ReviewState

log = logging.getLogger(__name__)

PAGE = "home_page"
"""Action id of the buttons that turn the pages; the value is the page."""

JOBS_SHOWN = 8
REVIEWS_SHOWN = 6
LINES_SHOWN = 5
"""Presets, schedules and alerts."""

LOOKED_AT = 100
"""Newest ended jobs among which those to review are looked for."""

ALERTS_SINCE = timedelta(days=7)

OPEN_FOR = timedelta(hours=12)
"""So long after it was opened a Home is kept up to date; opening it again begins anew."""

REST = timedelta(seconds=15)
"""Between two drawings for one person while something moves."""

SLOW_REST = timedelta(minutes=2)
"""The same while no job moves: presets, schedules and alerts may have changed."""

AT_A_TIME = 10
"""Homes looked at in one tick."""

SCOPE = "home"
"""Under which it is remembered who has it open."""


def drawn(ctx: Context, wire: Wire, team: str, person: str, page: int, now: datetime) -> list[Block]:
    """The whole Home."""
    body: list[Block] = [b.header("Image batches"), b.actions("home", answers.form_button())]
    for part in (
        _to_review(ctx, wire, team, person, now),
        _mine(ctx, wire, person, page, now),
        _money(ctx, wire, team, person, now),
        _alerts(ctx, person, now),
        _schedules(ctx, team, person, now),
        _presets(ctx, team, person),
    ):
        body += [b.divider(), *part] if part else []
    body.append(b.divider())
    body.append(
        b.context("`/imgbatch help` says what else I can do. Or drop a sheet anywhere and mention me.")
    )
    return body


# --- jobs ----------------------------------------------------------------------------------------------


def _mine(ctx: Context, wire: Wire, person: str, page: int, now: datetime) -> list[Block]:
    found = list(ctx.queries.jobs_of(person, JOBS_SHOWN + 1, page * JOBS_SHOWN))
    body: list[Block] = [b.header("Your batches")]
    if not found:
        said = "None yet. Press *New image batch*, or drop a sheet into a channel and mention me."
        return [*body, b.section(said)]
    for job in found[:JOBS_SHOWN]:
        body.append(_job(ctx, wire, job, now))
    turns = []
    if page:
        turns.append(b.button("Newer", PAGE, str(page - 1)))
    if len(found) > JOBS_SHOWN:
        turns.append(b.button("Older", PAGE, str(page + 1)))
    return [*body, b.actions("home-pages", *turns)] if turns else body


def _job(ctx: Context, wire: Wire, job: Job, now: datetime) -> Block:
    counts = ctx.reviews.standing(job.id)
    lines = [f"*{b.escaped(job.title, 100)}*", w.standing(job, counts)]
    if job.started_at is not None and job.finished_at is None and job.items:
        share = counts.get(ItemState.STORED, 0) / job.items
        lines[1] = f"{b.bar(share)} {int(share * 100)}%\n{lines[1]}"
    link = _link(ctx, wire, job, now)
    lines.append(f"`{job.id}`, {w.when(job.created_at, now)}{f', {link}' if link else ''}")
    block = b.section("\n".join(lines))
    block["accessory"] = b.button("Details", cards.DETAILS, job.id)
    return block


def _link(ctx: Context, wire: Wire, job: Job, now: datetime) -> str:
    """To the job's thread; to its channel where Slack gives no link."""
    thread = ctx.mail.thread(job.id)
    if thread is None:
        return ""
    place = f"<#{thread.channel}>" if thread.channel.startswith(("C", "G")) else ""
    if thread.ts is None:
        return place
    scope = f"link:{job.id}"
    known = ctx.shelf.recall(scope, thread.ts)
    if known is None:
        try:
            found = wire.call(
                "chat.getPermalink", now, paced=False, channel=thread.channel, message_ts=thread.ts
            )
        except SlackTrouble:
            return place
        ctx.shelf.remember(scope, thread.ts, str(found["permalink"]), now)
        known = (found["permalink"], now)
    return f"<{known[0]}|open the thread>"


def _to_review(ctx: Context, wire: Wire, team: str, person: str, now: datetime) -> list[Block]:
    """Samples and finished batches with pictures nobody has judged: the person's own, and those of channels
    whose preset names them.
    """
    rooms = {
        preset.channel
        for preset in ctx.shelf.presets(team)
        if person in Defaults.of_json(preset.body).approvers
    }
    lines: list[str] = []
    more = 0
    for job in ctx.queries.jobs([JobState.PILOT_REVIEW, JobState.FINISHED], limit=LOOKED_AT):
        thread = ctx.mail.thread(job.id)
        mine = job.requested_by == person or (thread is not None and thread.channel in rooms)
        left = ctx.reviews.counts(job.id).get(ReviewState.UNREVIEWED, 0) if mine else 0
        if left and len(lines) == REVIEWS_SHOWN:
            more += 1
        elif left:
            place = f" in <#{thread.channel}>" if thread and thread.channel.startswith(("C", "G")) else ""
            what = "the sample" if job.state is JobState.PILOT_REVIEW else count(left, "picture")
            link = _link(ctx, wire, job, now)
            lines.append(
                f"• *{b.escaped(job.title, 100)}*{place}: {what} to look at{f', {link}' if link else ''}"
            )
    if not lines:
        return []
    if more:
        lines.append(f"… and {more} more")
    return [b.header("Waiting for your review"), b.section("\n".join(lines))]


# --- money and trouble ---------------------------------------------------------------------------------


def _money(ctx: Context, wire: Wire, team: str, person: str, now: datetime) -> list[Block]:
    texts = [f"*You*\n{sum_line(spent(ctx, Whose(person=person), now))}"]
    if refusal(ctx, wire, Right.ADMIN, Where(team, "", person), now) is None:
        texts.append(f"*Everybody*\n{sum_line(spent(ctx, Whose(), now))}")
    body = [b.header(f"Spent in {today(now):%B} (UTC)"), b.fields(texts)]
    limits = []
    if ctx.policy.budget_usd is not None:
        limits.append(f"A batch may cost {money(ctx.policy.budget_usd)} at most.")
    if ctx.policy.approval_usd is not None:
        limits.append(f"Above {money(ctx.policy.approval_usd)} a second person must agree.")
    return [*body, b.context(" ".join(limits))] if limits else body


def _alerts(ctx: Context, person: str, now: datetime) -> list[Block]:
    """Of the person's jobs, and those that are about no job."""
    lines = []
    for incident in ctx.queries.recent_incidents(now - ALERTS_SINCE, 50):
        job = ctx.queries.job(incident.job_id) if incident.job_id else None
        if incident.job_id is None or (job is not None and job.requested_by == person):
            about = f" ({job.title})" if job and job.title not in incident.headline else ""
            over = " – over" if incident.closed_at else ""
            lines.append(f"{incident.headline}{b.cut(about, 80)}{over}")
    if not lines:
        return []
    return [
        b.header("Alerts of the last days"),
        b.words("\n".join(f"• {line}" for line in lines[:LINES_SHOWN])),
    ]


# --- what is saved -------------------------------------------------------------------------------------


def _schedules(ctx: Context, team: str, person: str, now: datetime) -> list[Block]:
    mine = [one for one in ctx.shelf.schedules(team) if one.person == person]
    if not mine:
        return []
    body: list[Block] = [b.header("Your schedules")]
    body += [block for one in mine[:LINES_SHOWN] for block in schedules.lines(one, now)]
    if len(mine) > LINES_SHOWN:
        body.append(b.context(f"… and {len(mine) - LINES_SHOWN} more: `/imgbatch schedules`"))
    return body


def _presets(ctx: Context, team: str, person: str) -> list[Block]:
    """Those of the channels in which the person has batches."""
    rooms = {
        thread.channel
        for job in ctx.queries.jobs_of(person, 50)
        if (thread := ctx.mail.thread(job.id)) is not None
    }
    found: Sequence[Preset] = [preset for preset in ctx.shelf.presets(team) if preset.channel in rooms]
    if not found:
        return []
    body: list[Block] = [b.header("Presets")]
    for preset in found[:LINES_SHOWN]:
        said = presets.said_of(Defaults.of_json(preset.body))
        place = f" in <#{preset.channel}>" if preset.channel.startswith(("C", "G")) else ""
        block = b.section(f"*{preset.name}*{place}\n{b.escaped(said, 300)}")
        block["accessory"] = presets.edit_button(preset.name, channel=preset.channel)
        body.append(block)
    return body


# --- kept up to date -----------------------------------------------------------------------------------


def show(ctx: Context, wire: Wire, team: str, person: str, page: int, now: datetime) -> None:
    """Publish it, and remember that it is open. Raises SlackTrouble."""
    body = drawn(ctx, wire, team, person, page, now)
    wire.call("views.publish", now, paced=False, user_id=person, view=views.home(body))
    kept = {
        "page": page,
        "opened": now.isoformat(),
        "digest": _digest(body),
        "event": ctx.queries.last_event(),
    }
    ctx.shelf.remember(SCOPE, f"{team}/{person}", kept, now)


def refresh(ctx: Context, client: WebClient, now: datetime) -> int:
    """Draw again the open Homes of which something has changed; how many. Called by a tick."""
    wire, event = wire_of(client), ctx.queries.last_event()
    done = 0
    for name, at in ctx.shelf.recalled(SCOPE).items():
        known = ctx.shelf.recall(SCOPE, name) if now - at >= REST else None
        if known is None:
            continue
        kept = known[0]
        if now - datetime.fromisoformat(kept["opened"]) > OPEN_FOR:
            ctx.shelf.forget(SCOPE, name)
            continue
        if now - at < (REST if kept["event"] != event else SLOW_REST):
            continue
        if done >= AT_A_TIME:
            break
        try:
            _refresh(ctx, wire, name, kept, event, now)
        except Later:
            break
        except (Gone, Unfit) as problem:
            log.info("the Home of %s is left alone: %s", name, problem)
            ctx.shelf.forget(SCOPE, name)
        done += 1
    return done


def _refresh(ctx: Context, wire: Wire, name: str, kept: dict[str, Any], event: int, now: datetime) -> None:
    team, _, person = name.partition("/")
    body = drawn(ctx, wire, team, person, int(kept["page"]), now)
    digest = _digest(body)
    if digest != kept["digest"]:
        wire.call("views.publish", now, spare=5, user_id=person, view=views.home(body))
    ctx.shelf.remember(SCOPE, name, {**kept, "digest": digest, "event": event}, now)


def _digest(body: Sequence[Block]) -> str:
    said = json.dumps(list(body), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(said.encode(errors="replace")).hexdigest()[:16]
