"""The shortcuts: “New image batch” from anywhere, and “Run as image batch” on a message with a sheet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.runtime import Context
from bot.slack import files, reach
from bot.slack.listeners.parts import open_form, where_of
from bot.slack.wire import wire_of

NEW, FROM_MESSAGE = "batch_new", "batch_from_message"
"""Callback ids, as in the manifest."""


def register(app: App, ctx: Context) -> None:
    @app.global_shortcut(NEW)
    def new(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        open_form(ctx, client, str(body["trigger_id"]), where_of(body))
        ack()

    @app.message_shortcut(FROM_MESSAGE)
    def from_message(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        message = body["message"]
        sheets = [files.sheet_of(given) for given in message.get("files") or []]
        sheets = [sheet for sheet in sheets if not sheet.name or files.ending(sheet.name) in files.SHEETS]
        if len(sheets) == 1:
            thread = str(message.get("thread_ts") or message["ts"])
            where = replace(where_of(body), thread=thread)
            open_form(ctx, client, str(body["trigger_id"]), where, sheet=sheets[0])
            ack()
            return
        ack()
        said = "That message has several sheets; a batch is made of one."
        if not sheets:
            said = "That message has no sheet; use this on one with a CSV, TSV or XLSX file."
        reach.answer(wire_of(client), where_of(body), reach.sentence(said), ctx.clock(), paced=False)
