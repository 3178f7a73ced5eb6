"""`/imgbatch`: answered in the acknowledgement itself, by opening the form, or, what takes time, later."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.intake import command as c
from bot.intake.verdicts import parse_verdict
from bot.runtime import Context
from bot.slack import answers, inbox, reach, reviewing, verbs
from bot.slack import blocks as b
from bot.slack.blocks import Message
from bot.slack.listeners.parts import open_form, where_of
from bot.slack.reach import Where
from bot.slack.replies import reply
from bot.slack.wire import Wire, wire_of

COMMAND = "/imgbatch"


def register(app: App, ctx: Context) -> None:
    @app.command(COMMAND)
    def imgbatch(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        text = str(body.get("text") or "")
        refused = _about_pictures(ctx, text, where_of(body))
        if refused is not None:
            ack(text=refused) if refused else ack()
            return
        parsed = c.parse_command(text)
        if isinstance(parsed, c.New | c.Run):
            refused = _open(ctx, client, body, parsed)
            ack(text=refused) if refused else ack()
            return
        if isinstance(parsed, c.Costs | c.Stats):
            _later(ctx, text, where_of(body))
            ack()
            return
        said = _answer(ctx, wire_of(client), parsed, where_of(body))
        ack(text=said.text, blocks=list(said.blocks))


def _about_pictures(ctx: Context, text: str, where: Where) -> str | None:
    """Written down for the inbox tick, which answers; why not, as a sentence; None for other words."""
    try:
        verdict = parse_verdict(text)
    except c.CommandError as problem:
        return b.escaped(str(problem))
    if verdict is None:
        return None
    # A command has no id of its own that may be written down, and Slack sends each only once.
    given = {"do": "say", "job": verdict.job, "text": text}
    reviewing.receive(ctx, f"command:{ctx.new_id(12)}", given, where, ctx.clock())
    return ""


def _later(ctx: Context, text: str, where: Where) -> None:
    """Written down for the inbox tick: figures of a large month take longer than an acknowledgement may."""
    if where.channel.startswith("D"):
        where = replace(where, channel="")  # perhaps a talk between two people, where I cannot answer
    name = ctx.new_id(12)
    message = {"text": text, "ts": name, "files": []}
    inbox.receive_message(ctx, f"command:{name}", message, where, ctx.clock())


def _open(ctx: Context, client: WebClient, body: dict[str, Any], parsed: c.New | c.Run) -> str:
    """Open the form; why not, as a sentence."""
    trigger, where = str(body["trigger_id"]), where_of(body)
    try:
        open_form(ctx, client, trigger, where, changes=parsed.changes, template=parsed.template)
    except c.CommandError as problem:
        return b.escaped(str(problem))
    return ""


def _answer(ctx: Context, wire: Wire, parsed: c.Command, where: Where) -> Message:
    if isinstance(parsed, c.Cancel | c.Retry | c.Decision):
        return _decide(ctx, wire, verbs.wish_of(parsed, where.person), where)
    # A command has no id of its own that may be written down, and Slack sends each only once.
    said = reply(ctx, wire, parsed, where, ctx.clock(), f"command-{ctx.new_id(12)}")
    return said or answers.help_on(None)


def _decide(ctx: Context, wire: Wire, wish: verbs.Wish, where: Where) -> Message:
    job = answers.find_job(ctx, wish.job, where.team)
    if job is None:
        return reach.sentence(answers.no_such_job(wish.job))
    now = ctx.clock()
    # A command has no id of its own that may be written down, and Slack sends each only once.
    refused = (
        verbs.forbidden(ctx, wire, wish.verb, where, now)
        or verbs.objection(ctx, wish, job)
        or verbs.receive(ctx, wish, job, where, ctx.new_id(12), now)
    )
    return reach.sentence(refused or f"Job {job.id} {verbs.SOON[wish.verb]}; its card shows how it goes.")
