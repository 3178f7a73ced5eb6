"""The buttons on a job's messages, and the one that opens the form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.intake.decision import AGREE, ANEW, GO_ON, PAUSE, RESUME, REUSE, RUSH, START
from bot.runtime import Context
from bot.slack import answers, cards, reach, schedules, verbs, views
from bot.slack import blocks as b
from bot.slack.listeners.parts import open_form, where_of
from bot.slack.reach import Where
from bot.slack.verbs import Wish
from bot.slack.wire import wire_of
from storage.records import Job

WISHES: Mapping[str, Callable[[str, str, str], Wish]] = {
    cards.START: lambda job, person, lane: Wish(START, job, person, lane=lane or None),
    cards.START_OTHER: lambda job, person, lane: Wish(START, job, person, lane=lane or None),
    cards.SAMPLE: lambda job, person, size: Wish(START, job, person, sample=int(size or 0)),
    cards.AGREE: lambda job, person, ask: Wish(AGREE, job, person, ask=ask),
    cards.GO_ON: lambda job, person, _: Wish(GO_ON, job, person),
    cards.PAUSE: lambda job, person, _: Wish(PAUSE, job, person),
    cards.RESUME: lambda job, person, _: Wish(RESUME, job, person),
    cards.RUSH: lambda job, person, _: Wish(RUSH, job, person),
    cards.REUSE: lambda job, person, _: Wish(REUSE, job, person),
    cards.ANEW: lambda job, person, _: Wish(ANEW, job, person),
    cards.CANCEL: lambda job, person, _: Wish(verbs.CANCEL, job, person),
    cards.RETRY: lambda job, person, _: Wish(verbs.RETRY, job, person),
}
"""By action id: what a button means, from the job, the person, and what the button carries beside."""


def register(app: App, ctx: Context) -> None:
    def decided(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Written down and acknowledged; the card shows what came of it."""
        where, now = where_of(body), ctx.clock()
        job_id, rest = cards.read_carried(str(action["value"]))
        job = answers.find_job(ctx, job_id, where.team)
        if job is None:
            refused: str | None = answers.no_such_job(job_id)
        else:
            wish = WISHES[action["action_id"]](job.id, where.person, rest)
            refused = verbs.forbidden(ctx, wire_of(client), wish.verb, where, now)
            refused = refused or verbs.objection(ctx, wish, job)
            refused = refused or verbs.receive(ctx, wish, job, where, str(action["action_ts"]), now)
        ack()
        if refused is not None:
            reach.answer(wire_of(client), where, reach.sentence(refused), now, paced=False)

    for action_id in WISHES:
        app.action(action_id)(decided)

    @app.action(cards.DETAILS)
    def details(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        where, now = where_of(body), ctx.clock()
        job = _job(ctx, where, action)
        ack()
        if job is None:
            said = reach.sentence(answers.no_such_job(str(action["value"])))
            reach.answer(wire_of(client), where, said, now, paced=False)
            return
        again = b.actions("again", schedules.ask_button(job))
        view = views.details(job.id, [*answers.details(ctx, job, now), again])
        wire_of(client).call("views.open", now, paced=False, trigger_id=body["trigger_id"], view=view)

    @app.action(answers.OPEN_FORM)
    def form(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        open_form(ctx, client, str(body["trigger_id"]), where_of(body))
        ack()


def _job(ctx: Context, where: Where, action: dict[str, Any]) -> Job | None:
    """The job a button is about. Its value can be forged, so it is looked up like any name."""
    return answers.find_job(ctx, cards.read_carried(str(action.get("value") or ""))[0], where.team)
