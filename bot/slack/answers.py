"""What the bot says when asked: how a job stands, which there are, the proof, help. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.pipeline.attend import facts
from bot.pipeline.audit import ENDS, audit
from bot.runtime import Context
from bot.slack import blocks as b
from bot.slack import reach
from bot.slack import words as w
from bot.slack.blocks import Block, Message
from bot.slack.job_card import card_of
from bot.watch.accounts import decision_lines, failure_lines, money_lines
from bot.watch.summary import summarise
from bot.watch.words import count, money
from storage.records import Job
from storage.states import JobState

LISTED = 10
"""Jobs shown at once; older ones are found by their name."""

LOOKED_AT = 200
"""Newest jobs among which a person's own are looked for."""

KINDS = 8
"""Kinds of failure, and remarks, in an audit; `imgbatch audit JOB` has all."""

DECISIONS = 20
"""Newest decisions in an audit; likewise."""

OPEN_FORM = "open_form"
"""Action id of the button that opens the form where no trigger is at hand."""


def find_job(ctx: Context, name: str, team: str) -> Job | None:
    """The job of this name, if it is told about in this workspace (or nowhere in Slack)."""
    job = ctx.queries.job(name)
    thread = ctx.mail.thread(name) if job else None
    return None if job is None or (thread is not None and thread.team != team) else job


def no_such_job(name: str) -> str:
    return f"There is no job “{name}”; `/imgbatch list` shows yours."


def jobs_of(ctx: Context, person: str) -> list[Job]:
    """A person's newest jobs."""
    mine = (job for job in ctx.queries.jobs(limit=LOOKED_AT) if job.requested_by == person)
    return [job for job in mine if job.state is not JobState.DRAFT][:LISTED]


def status(ctx: Context, name: str | None, person: str, team: str, now: datetime) -> Message:
    """The card of a job, with its buttons; without a name the person's latest."""
    if name is None:
        mine = jobs_of(ctx, person)
        if not mine:
            return none_yet()
        job = mine[0]
    else:
        found = find_job(ctx, name, team)
        if found is None or found.state is JobState.DRAFT:
            return reach.sentence(no_such_job(name))
        job = found
    return card_of(ctx, job, now)


def none_yet() -> Message:
    said = "You have no image batches yet."
    return b.message(said, [b.section(said), b.actions("begin", form_button())])


def form_button() -> Block:
    return b.button("New image batch", OPEN_FORM, "new", style="primary")


def listed(ctx: Context, person: str) -> Message:
    """A person's newest jobs, one line each."""
    mine = jobs_of(ctx, person)
    if not mine:
        return none_yet()
    return b.message(f"Your newest {count(len(mine), 'image batch', 'image batches')}.", job_lines(ctx, mine))


def job_lines(ctx: Context, jobs: list[Job]) -> list[Block]:
    """A title and a line for each, free of markup people wrote."""
    body = []
    for job in jobs:
        standing = w.standing(job, ctx.reviews.standing(job.id))
        thread = ctx.mail.thread(job.id)
        place = f", in <#{thread.channel}>" if thread and thread.channel.startswith(("C", "G")) else ""
        body.append(b.section(f"`{job.id}` *{b.escaped(job.title, 100)}*\n{standing}{place}"))
    return body


def proof(ctx: Context, name: str, team: str) -> Message:
    """The ledger and whether every row is accounted for."""
    job = find_job(ctx, name, team)
    if job is None:
        return reach.sentence(no_such_job(name))
    found = audit(ctx, job)
    verdict = "Every row is accounted for" if found["holds"] else "The numbers do not add up"
    text = f"{verdict} in job {job.id}: {found['requested']:,} pictures requested, {found['stored']:,} ready."
    return b.message(text, [b.header(f"Audit of {job.title}"), b.section(f"*{verdict}.*"), *_ledger(found)])


def _ledger(found: Mapping[str, Any]) -> list[Block]:
    rows = [f"rows of the sheet: {found['rows']:,}, of them bad: {found['bad_rows']:,}"]
    rows.append(f"requested: {found['requested']:,}")
    rows += [f"{name.replace('_', ' ')}: {found[name]:,}" for name in (*ENDS, "in_flight")]
    paid = [
        f"attempts: {found['attempts']:,}, open: {found['open_attempts']:,}",
        f"pictures made: {found['pictures_made']:,}, paid twice: {len(found['paid_twice']):,}",
        *money_lines(found),
    ]
    if found["results_lost"]:
        paid.append(f"pictures whose results were lost: {found['results_lost']:,}")
    body = [b.fields(["*Rows*\n" + "\n".join(rows), "*Money*\n" + "\n".join(paid)])]
    body += [b.words(str(problem)) for problem in found["exceptions"][:5]]
    if failed := failure_lines(found):
        body.append(b.section("*Refusals and failures*\n" + "\n".join(failed[:KINDS])))
    if found["remarks"]:
        body.append(b.words("\n".join(found["remarks"][:KINDS])))
    if decided := decision_lines(found, _name):
        body.append(b.section("*Decisions*\n" + "\n".join(decided[-DECISIONS:])))
    return body


def _name(person: str) -> str:
    """A mention; what was decided at the terminal has a name that is none of Slack's."""
    return b.person(person) if person.startswith(("U", "W")) and person.isupper() else b.escaped(person)


def details(ctx: Context, job: Job, now: datetime) -> list[Block]:
    """A job in full, for the modal behind “Details”."""
    if job.state is JobState.DRAFT:
        return [b.section("The sheet is still being read.")]
    summary = summarise(facts(ctx, job), now, ctx.policy.rules)
    body: list[Block] = [b.header(job.title), b.context(w.STATES[job.state])]
    if job.started_at is not None:
        body.append(b.words(f"{summary.headline}."))
        body += [b.words(line) for line in summary.lines[:20]]
    asked = [f"provider {job.provider}", f"model {job.model}", f"lane {job.lane}", f"sheet {job.sheet_name}"]
    low, high = money(job.quoted_low), money(job.quoted_high)
    asked.append(f"quoted {low}" if low == high else f"quoted {low} to {high}")
    body += [b.small(", ".join(asked)), b.divider(), *_ledger(audit(ctx, job))]
    return body


# --- help ----------------------------------------------------------------------------------------------

_SHORT = """*From a sheet to pictures*
1. Open the form with `/imgbatch new`, or mention me with a CSV or XLSX file and a prompt template beside it.
2. I answer with a plan: how many pictures, what they cost, which rows cannot be used. Nothing is spent yet.
3. Press *Now* or the cheaper button, or have a sample made first. Progress, alerts, the summary and the \
pictures come in the same thread.

`/imgbatch new` · `status [job]` · `list` · `start JOB [now|cheap] [sample 8]` · `go on JOB` · `pause JOB` ·
`resume JOB` · `cancel JOB` · `agree JOB` · `rush JOB` · `reuse JOB` · `failures JOB` · `retry JOB` ·
`audit JOB` · `export JOB` · `help TOPIC`
`approve JOB 1-40 except 7` · `reject JOB 3: wrong colour` · `redo JOB 5, 9` · `undo JOB`
`preset` · `cost` · `stats` · `digest weekly` · `budget` · `schedule JOB daily 07:00` · `schedules`
In a job's thread, mention me with the same words; the job need not be named.
Topics: templates, sheet, options, new, run, start, sample, approval, rush, reuse, status, list, pause, \
cancel, failures, retry, review, audit, cost, stats, digest, budget, presets, schedules."""

_TOPICS: Mapping[str, str] = {
    "templates": "A template is a prompt with columns in double braces: `Studio photo of {{ name }}`. A "
    "choice in single braces makes one picture for each: `{front|side} view`. "
    "`{% if color %}in {{ color }}{% endif %}` leaves out what is empty. "
    "Filters: `upper`, `lower`, `title`, `trim`, `replace`, `default`.",
    "sheet": "A CSV, TSV or XLSX file with a header line and one product a row. Columns called `prompt`, "
    "`sku` or `id`, `size`, `model`, `quality` and `alt_text` are understood; the others are for templates. "
    "Edit the results sheet and drop it back into its thread: what is new, changed or failed is made.",
    "options": "Beside a sheet, write options as `name=value`: `provider`, `model`, `size`, `quality`, "
    "`background`, `variants`, `lane`, `off_peak`, `chunk`, `budget`, `title`. Several providers with commas "
    "are a route: the first that can and works. What is left over is the template.",
    "new": "`/imgbatch new` opens the form. Options and a template behind it are filled in.",
    "run": "Drop a sheet into a channel or a direct message, mention me, and write the template beside it.",
    "status": "`/imgbatch status` shows your latest batch, `/imgbatch status JOB` any other.",
    "list": "`/imgbatch list` shows your newest batches with their names.",
    "start": "`/imgbatch start JOB` starts a plan as it was asked for, `start JOB now` at once and at full "
    "price, `start JOB cheap` in the cheaper lane, within hours. The buttons on the plan do the same.",
    "sample": "`/imgbatch start JOB sample 8` makes eight pictures of different rows first and shows them. "
    "`go on JOB` (or `approve sample JOB`) makes the rest, `stop JOB` ends it there. Without a number the "
    "sample is as large as the job needs.",
    "approval": "A job above the spending limit needs a second person: who starts it asks, and anybody who "
    "may spend that much presses *Agree* in the thread or writes `/imgbatch agree JOB`, but never whoever "
    "asked.",
    "rush": "A job with `deadline=` is made in the cheaper lane. `/imgbatch rush JOB` allows what would come "
    "too late to be made now, at the price the card names; `rush=true` beside the sheet says so beforehand.",
    "reuse": "Where pictures of the same request were approved in an earlier batch of the channel, the plan "
    "offers to reuse them: the button, `/imgbatch reuse JOB` or `reuse=approved` beside the sheet copies "
    "them instead of making them again; `anew JOB` takes that back. They are in the review like all others.",
    "pause": "`/imgbatch pause JOB` sends nothing more until `resume JOB`. What is at the provider still "
    "comes in, because it is paid for.",
    "cancel": "`/imgbatch cancel JOB` stops what was not sent yet. What is made is kept, and what is at the "
    "provider is awaited, because it is paid for.",
    "failures": "`/imgbatch failures JOB` lists what failed by who can act, with what was paid. *What "
    "failed* there and on the job's card opens a page on which you reword what was refused, send the rest "
    "again, or get just these rows as a sheet: mend it and drop it into the job's thread.",
    "retry": "`/imgbatch retry JOB` sends the failed pictures again. Add `refused`, `expired`, `cancelled`, "
    "`in_doubt` or `all` for others, or a kind that `failures` lists, such as `timeout`; those in doubt may "
    "be paid twice.",
    "presets": "A preset is options under a name, for one channel: `/imgbatch preset save packshots "
    'size=1024x1024 lane=batch prefix="Clean studio shot." budget=40`, then `preset=packshots` beside a '
    "sheet or in the form. The one called `default` fills what nobody says. `preset`, `preset show NAME` and "
    "`preset drop NAME` list, show and remove them. `prefix` and `suffix` stand around every prompt; "
    "`approvers=@ana @brand-team` and `approval=100` say who reviews, and from which price on a second "
    "person must agree.",
    "schedules": "`/imgbatch schedule JOB daily 07:00 Europe/Berlin budget=25` runs a job again every day: "
    "by itself as long as a run may cost at most the budget, else it waits for Start. "
    "`weekly mon,thu 07:00`, dates such as `2026-12-01, 2026-12-24 09:00`, and `column publish_date 09:00` "
    "(each row on its own day) work as well. `schedules` lists what is scheduled, `unschedule ID` ends it.",
    "review": "When a batch has ended, its thread has a review with *Approve*, *Reject* and *Redo* below "
    "each picture. In words, in the thread: `@imgbatch approve 1-40 except 7, 12`, `reject 3: wrong colour`, "
    "`redo 5, 9`, `redo 5: new prompt`, `approve all`, `undo`. A range is for what nobody has decided about; "
    "a picture named by itself is decided anew. Elsewhere name the job: `/imgbatch approve JOB 1-40`. Beside "
    'the sheet, `quorum=2` asks for two people and `review_by="Friday 17:00"` sets a date.',
    "budget": "`/imgbatch budget` says what is left of this month's budgets (UTC) here: spent, and reserved "
    "for what has been started. An admin changes them: `budget month 2000`, `budget channel 500`, "
    "`budget person @ana 100`, `budget provider NAME 800`; `off` instead of an amount goes back to the "
    "setting. A job whose price nobody knows is started under a budget only after `budget allow JOB`.",
    "cost": "`/imgbatch cost` says what this channel's batches cost this month (in a direct message: yours), "
    "by model, per picture and per approved picture, and what is left of the budget. `cost me`, `cost "
    "#channel` (for its members and admins), `cost month` (everybody, for admins); `cost me october`, `cost "
    "last month`.",
    "stats": "`/imgbatch stats` says how this channel's batches of the last 30 days went, by model: how many "
    "pictures came out, were refused or tried again, the time against what was promised, and what an "
    "approved picture cost. `stats 7` takes another number of days; `stats me`, `stats all` other batches.",
    "digest": "`/imgbatch digest weekly fri 16:00` (or `daily 09:00`) posts here what came of this channel's "
    "batches: how many came out, what they cost beside the time before, reviews, what waits for whom. "
    "Without a time it is 9:00, without a day Monday, in your time zone unless one is named (`digest zone "
    "Europe/Berlin` changes it). Where nothing has happened nothing is posted. `digest` shows it, `digest "
    "off` ends it; who may save presets may.",
    "export": "`/imgbatch export JOB` packs the approved pictures as a ZIP in the job's thread, with a "
    "manifest; `export JOB all` takes those nobody has approved as well. `preset=shopify,story` makes the "
    'files these channels take, `name="{sku}_{variant}_{w}x{h}"` names them (with `/` for folders). The '
    "button *Export…* on the job's card asks for all of it.",
    "audit": "`/imgbatch audit JOB` proves that every row and every dollar is accounted for, on whose "
    "word, and says who started, agreed to and approved what.",
}


def help_on(topic: str | None) -> Message:
    """How it works, or how one thing works."""
    text = _TOPICS.get(topic or "", _SHORT)
    return b.message("How imgbatch works.", [b.section(text)])
