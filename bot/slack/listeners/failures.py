"""The page of what failed, opened at once, its buttons, and the form for other words."""

from __future__ import annotations

from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.runtime import Context
from bot.slack import answers, cards, failure_page, failures, reach, verbs
from bot.slack import fields as f
from bot.slack.failure_page import Kept
from bot.slack.listeners.parts import Json, person_of, team_of, where_of
from bot.slack.opening import replace_view
from bot.slack.reach import Where
from bot.slack.telling import Desk
from bot.slack.verbs import Wish
from bot.slack.wire import wire_of
from storage.records import Job


def register(app: App, ctx: Context) -> None:
    _page(app, ctx)
    _form(app, ctx)


def _page(app: App, ctx: Context) -> None:
    @app.action(cards.FAILED)
    def opened(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        where, now = where_of(body), ctx.clock()
        job_id = cards.read_carried(str(action["value"]))[0]
        job = answers.find_job(ctx, job_id, where.team)
        ack()
        if job is None:
            said = reach.sentence(answers.no_such_job(job_id))
            reach.answer(wire_of(client), where, said, now, paced=False)
            return
        view = failures.page(ctx, job, where, now)
        wire_of(client).call("views.open", now, paced=False, trigger_id=body["trigger_id"], view=view)

    @app.action(failure_page.AGAIN)
    def again(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        job, where = _about(ctx, body)
        if job is not None:
            wish = Wish(verbs.RETRY, job.id, where.person, which=str(action["value"]))
            refused = _received(ctx, client, wish, job, where, _click(body))
            soon = "That is written down; the job's card and thread show what comes of it."
        ack()
        if job is not None:
            _show(ctx, client, body, job, where, str(action["value"]), refused or soon)

    @app.action(failure_page.SHEET)
    def sheet(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        job, where = _about(ctx, body)
        if job is not None:
            desk, kind = Desk(ctx, wire_of(client), ctx.clock()), str(action["value"])
            said = failures.ask_sheet(desk, job, kind, where, f"sheet-{_click(body)}-{kind}")
        ack()
        if job is not None:
            _show(ctx, client, body, job, where, kind, said)


def _form(app: App, ctx: Context) -> None:
    @app.action(failure_page.REWORD)
    def reword(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        job, where = _about(ctx, body)
        ack()
        if job is None:
            return
        kept = Kept(job.id, where, str(action["value"]))
        view = failures.form(ctx, job, kept, ctx.clock())
        if view is None:
            _show(ctx, client, body, job, where, kept.kind, "There is nothing of that kind any more.")
            return
        wire_of(client).call("views.push", ctx.clock(), paced=False, trigger_id=body["trigger_id"], view=view)

    @app.view(failure_page.FORM)
    def reworded(ack: Ack, body: dict[str, Any], view: dict[str, Any], client: WebClient) -> None:
        job, where = _about(ctx, body)
        if job is None:
            ack()
            return
        now, kept = ctx.clock(), Kept.of(view)
        wish = failures.wish_in(ctx, job, where, f.filled(view))
        following = failures.form(ctx, job, kept, now)
        errors = failures.objections(ctx, job, wish, now)
        if not errors and (wish.prompts or following is None):
            refused = failures.NOTHING_CHANGED
            if wish.prompts:
                refused = _received(ctx, client, wish, job, where, f"{view['id']}-{kept.after}") or ""
            errors = {failure_page.first_field(view): refused} if refused else {}
        if errors:
            ack(response_action="errors", errors=errors)
        elif following is not None:
            ack(response_action="update", view=following)
        else:
            ack(response_action="clear")


def _received(ctx: Context, client: WebClient, wish: Wish, job: Job, where: Where, click: str) -> str | None:
    """Write down what somebody decides here; why not, as a sentence."""
    now = ctx.clock()
    return (
        verbs.forbidden(ctx, wire_of(client), wish.verb, where, now)
        or verbs.objection(ctx, wish, job)
        or verbs.receive(ctx, wish, job, where, click, now)
    )


def _click(body: Json) -> str:
    """The view as it was pressed: a second click before it was drawn again is the same."""
    return f"{body['view']['id']}-{body['view']['hash']}"


def _about(ctx: Context, body: Json) -> tuple[Job | None, Where]:
    """The job a view is about. Who and which workspace come from Slack's envelope, not from the view."""
    kept = Kept.of(body["view"])
    where = Where(team_of(body), kept.where.channel, person_of(body), kept.where.thread)
    return answers.find_job(ctx, kept.job, where.team), where


def _show(ctx: Context, client: WebClient, body: Json, job: Job, where: Where, kind: str, said: str) -> None:
    """Draw the page again, with what came of a button of this group."""
    view = failures.page(ctx, job, where, ctx.clock(), about=kind, said=said)
    replace_view(wire_of(client), body["view"]["id"], body["view"]["hash"], view, ctx.clock())
