"""The modal behind “Export”: which pictures, for which channels, called what, to where."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bot.imaging.file_names import DEFAULT_PATTERN, FIELDS
from bot.imaging.presets import PRESETS
from bot.intake.exporting import ALL, APPROVED, SLACK, STORE, ExportWish, read_pattern
from bot.intake.options import CommandError
from bot.runtime import Context
from bot.slack import blocks as b
from bot.slack import exports, fields
from bot.slack.blocks import Block
from bot.slack.fields import FormError, Value, View, choice, field, option, text
from bot.slack.reach import Where
from storage.records import Job

EXPORT = "export_form"
"""Callback id."""


def form(ctx: Context, job: Job, where: Where) -> View:
    approved, all_of_them = (exports.how_many(ctx, job, which) for which in (APPROVED, ALL))
    which = [option(f"All that are made ({all_of_them:,})", ALL)]
    if approved:
        which.insert(0, option(f"Approved ones ({approved:,})", APPROVED))
    presets = [
        option(
            f"{name}: {one.size} {one.format}",
            name,
            f"at most {one.max_bytes / 1e6:g} MB" if one.max_bytes else "",
        )
        for name, one in PRESETS.items()
    ]
    known = ", ".join(f"{{{name}}}" for name in FIELDS)
    body = [
        *([] if approved else [b.small("Nothing is approved yet.")]),
        field(
            "which",
            "Which pictures",
            choice(which, which[0]["value"], kind="radio_buttons"),
            optional=False,
        ),
        field("presets", "Files for", fields.boxes(presets, []), hint="None: the web files as they are."),
        field(
            "pattern",
            "File names",
            text(None, DEFAULT_PATTERN, most=200),
            hint=f"{known}; / makes folders"[:150],
        ),
        *([_places(ctx)] if ctx.outlet is not None else []),
    ]
    kept = json.dumps({"job": job.id, "where": where.to_json()})
    return fields.modal(EXPORT, f"Export job {job.id}", body, submit="Export", kept=kept)


def _places(ctx: Context) -> Block:
    address = ctx.outlet.address if ctx.outlet else ""
    places = [option(f"Into {address}", STORE), option("A ZIP in the thread", SLACK)]
    return field("to", "Where", choice(places, STORE, kind="radio_buttons"), optional=False)


def read(values: Mapping[str, Value]) -> ExportWish:
    """The wish in a submitted form. Raises FormError."""
    try:
        pattern = read_pattern(str(values.get("pattern") or ""))
    except CommandError as problem:
        raise FormError({"pattern": str(problem)}) from None
    presets: Any = values.get("presets") or ()
    return ExportWish(str(values["which"]), tuple(presets), pattern, str(values.get("to") or ""))


def packed(said: str) -> View:
    """What is shown once it is asked for."""
    return fields.modal(EXPORT, "Export", [b.words(said)], close="Close")
