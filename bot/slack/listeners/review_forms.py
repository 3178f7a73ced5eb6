"""The forms of a review: opened at once, and written down when they are submitted."""

from __future__ import annotations

from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.intake.options import CommandError
from bot.intake.verdicts import Say, parse_pictures
from bot.pipeline.redo import CannotRedoError
from bot.runtime import Context
from bot.slack import answers, reach, review, review_forms, review_page, reviewing, verdict_words
from bot.slack import fields as f
from bot.slack.listeners.parts import Json, person_of, team_of, where_of
from bot.slack.listeners.review import read_carried
from bot.slack.reach import Where
from bot.slack.wire import wire_of
from storage.records import Item, Job


def register(app: App, ctx: Context) -> None:
    _openings(app, ctx)
    _submissions(app, ctx)


def _openings(app: App, ctx: Context) -> None:
    def about_one(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Open the form for a version, or say why not. The trigger lives three seconds: nothing slow here."""
        job_id, number, seen = read_carried(action)
        where, now = where_of(body), ctx.clock()
        found = _version(ctx, job_id, number, where)
        ack()
        if found is None:
            _tell(ctx, client, where, answers.no_such_job(job_id))
            return
        job, item = found
        if item.review != seen:
            _tell(ctx, client, where, verdict_words.late(ctx, item, now), marked=True)
            review.touch(ctx, job.id, now)
            return
        try:
            if action["action_id"] == review_page.REJECT:
                view = review_forms.reject_form(ctx, job, item, where)
            else:
                view = review_forms.redo_form(ctx, job, item, where, now)
        except CannotRedoError as problem:
            _tell(ctx, client, where, str(problem))
            return
        wire_of(client).call("views.open", now, paced=False, trigger_id=body["trigger_id"], view=view)

    app.action(review_page.REJECT)(about_one)
    app.action(review_page.REDO)(about_one)

    @app.action(review_page.MANY)
    def many(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        where = where_of(body)
        job = answers.find_job(ctx, str(action["value"]), where.team)
        ack()
        if job is not None:
            view = review_forms.many_form(ctx, job, where)
            wire_of(client).call(
                "views.open", ctx.clock(), paced=False, trigger_id=body["trigger_id"], view=view
            )

    @app.action(review_forms.PICTURES)
    def typed(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """The count below the field follows what is typed."""
        ack()
        view = body["view"]
        given = review_forms.read_kept(view)
        job = answers.find_job(ctx, str(given.get("job")), team_of(body))
        if job is not None:
            again = review_forms.many_form(ctx, job, Where.of(given["where"]), action.get("value"))
            wire_of(client).call(
                "views.update", ctx.clock(), paced=False, view_id=view["id"], hash=view["hash"], view=again
            )


def _submissions(app: App, ctx: Context) -> None:
    @app.view(review_forms.REJECT)
    def rejected(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        values = f.filled(view)
        if values.get("reason") == "Other" and not values.get("note"):
            ack(response_action="errors", errors={"note": "Say in a few words what is wrong."})
            return
        given = {"do": "reject", "reason": values.get("reason"), "note": values.get("note")}
        _submitted(ctx, body, view, given)
        ack()

    @app.view(review_forms.REDO)
    def redone(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        values = f.filled(view)
        _submitted(ctx, body, view, {"do": "redo", "prompt": values["prompt"], "lane": values.get("lane")})
        ack()

    @app.view(review_forms.MANY)
    def many_done(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        values = f.filled(view)
        pictures = str(values.get(review_forms.PICTURES) or "")
        try:
            parse_pictures(pictures)
        except CommandError as problem:
            ack(response_action="errors", errors={review_forms.PICTURES: str(problem)[:200]})
            return
        given = {"do": "many", "say": values["say"], "pictures": pictures}
        words = values.get("words") if values["say"] == Say.REJECT else ""
        _submitted(ctx, body, view, {**given, "words": words})
        ack()


def _submitted(ctx: Context, body: Json, view: Json, given: dict[str, Any]) -> None:
    kept = review_forms.read_kept(view)
    # Who and which workspace come from Slack's envelope, not from what the view brings back.
    opened = Where.of(kept["where"])
    where = Where(team_of(body), opened.channel, person_of(body), opened.thread)
    about: dict[str, Any] = {name: kept[name] for name in ("job", "item", "seen") if name in kept}
    reviewing.receive(ctx, f"form:{view['id']}", {**about, **given}, where, ctx.clock())


def _version(ctx: Context, job_id: str, number: int, where: Where) -> tuple[Job, Item] | None:
    """What a button is about. Its value can be forged, so it is looked up like any name."""
    job = answers.find_job(ctx, job_id, where.team)
    item = ctx.queries.item(job_id, number) if job else None
    return None if job is None or item is None else (job, item)


def _tell(ctx: Context, client: WebClient, where: Where, said: str, *, marked: bool = False) -> None:
    message = reviewing.spoken(said) if marked else reach.sentence(said)
    reach.answer(wire_of(client), where, message, ctx.clock(), paced=False)
