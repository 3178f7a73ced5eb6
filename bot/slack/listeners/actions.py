"""The buttons: Start, Cancel, Retry failed, Details, and the one that opens the form."""

from __future__ import annotations

from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.runtime import Context
from bot.slack import answers, cards, reach, verbs, views
from bot.slack.listeners.parts import open_form, where_of
from bot.slack.wire import wire_of
from storage.records import Job

VERBS = {cards.START: verbs.START, cards.CANCEL: verbs.CANCEL, cards.RETRY: verbs.RETRY}


def register(app: App, ctx: Context) -> None:
    def decided(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Written down and acknowledged; the card shows what came of it."""
        where, now = where_of(body), ctx.clock()
        job = _job(ctx, body, action)
        verb = VERBS[action["action_id"]]
        refused = answers.no_such_job(str(action["value"])) if job is None else None
        if job is not None:
            refused = verbs.objection(ctx, verb, job)
        if job is not None and refused is None:
            verbs.receive(ctx, verb, job, where, str(action["action_ts"]), now)
        ack()
        if refused is not None:
            reach.answer(wire_of(client), where, reach.sentence(refused), now, paced=False)

    for action_id in VERBS:
        app.action(action_id)(decided)

    @app.action(cards.DETAILS)
    def details(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        job, now = _job(ctx, body, action), ctx.clock()
        ack()
        if job is None:
            said = reach.sentence(answers.no_such_job(str(action["value"])))
            reach.answer(wire_of(client), where_of(body), said, now, paced=False)
            return
        view = views.details(job.id, answers.details(ctx, job, now))
        wire_of(client).call("views.open", now, paced=False, trigger_id=body["trigger_id"], view=view)

    @app.action(answers.OPEN_FORM)
    def form(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        open_form(ctx, client, str(body["trigger_id"]), where_of(body))
        ack()


def _job(ctx: Context, body: dict[str, Any], action: dict[str, Any]) -> Job | None:
    """The job a button is about. Its value can be forged, so it is looked up like any name."""
    return answers.find_job(ctx, str(action.get("value") or ""), where_of(body).team)
