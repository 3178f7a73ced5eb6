"""The presets of a channel: saved options that fill what nobody says."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.intake import command as c
from bot.intake.options import Changes, CommandError
from bot.intake.preset import DEFAULT, Defaults, filled, read_defaults
from bot.runtime import Context
from bot.slack import blocks as b
from bot.slack import reach
from bot.slack.blocks import Block, Message
from bot.slack.reach import Where
from bot.slack.rights import Right, refusal
from bot.slack.wire import Wire
from bot.watch.words import money
from providers.base import Lane
from storage.shelved import Preset

EDIT = "preset_edit"
"""Action id of the buttons that open a preset's form. The value is channel/name: without a name it is a new
one, without a channel it is that of the button.
"""


WHEN = {Lane.BATCH: "made later, cheaper", Lane.LIVE: "made now"}


def fill(ctx: Context, where: Where, changes: Changes, template: str | None) -> tuple[Changes, str | None]:
    """What was said, then the named preset's, then the channel's default.

    Raises CommandError for a name that the channel does not have.
    """
    found = [ctx.shelf.preset(where.team, where.channel, DEFAULT)]
    if changes.preset is not None:
        named = ctx.shelf.preset(where.team, where.channel, changes.preset)
        if named is None:
            raise CommandError(no_such(ctx, where, changes.preset))
        found.insert(0, named)
    for preset in found:
        if preset is None:
            continue
        defaults = Defaults.of_json(preset.body)
        changes = filled(changes, replace(defaults.changes, quorum=defaults.quorum))
        template = template or defaults.template
    return changes, template


def no_such(ctx: Context, where: Where, name: str) -> str:
    names = [preset.name for preset in ctx.shelf.presets(where.team, where.channel)]
    close = difflib.get_close_matches(name, names, 1, 0.6)
    if close:
        return f"There is no preset “{name}” in this channel; did you mean {close[0]}?"
    listed = (
        f"it has {', '.join(names)}." if names else "it has none yet; “help presets” says how to save one."
    )
    return f"There is no preset “{name}” in this channel; {listed}"


def answer(ctx: Context, wire: Wire, asked: c.Presets, where: Where, now: datetime) -> Message:
    """What `preset …` does or says."""
    match asked.action:
        case "list":
            return listed(ctx, where)
        case "show":
            return shown(ctx, where, asked.name)
    refused = refusal(ctx, wire, Right.ADMIN, where, now)
    if refused is not None:
        return reach.sentence(refused)
    if asked.action == "drop":
        gone = ctx.shelf.drop_preset(where.team, where.channel, asked.name)
        return reach.sentence(
            f"The preset “{asked.name}” is gone." if gone else no_such(ctx, where, asked.name)
        )
    if not asked.text:
        said = f"What shall the preset {f'“{asked.name}” ' if asked.name else ''}hold?"
        return b.message(
            b.escaped(said), [b.words(said), b.actions("preset", edit_button(asked.name, "Fill it in"))]
        )
    try:
        name, defaults = read_defaults(asked.text)
    except CommandError as problem:
        return reach.sentence(str(problem))
    keep(ctx, where, name, defaults, now)
    return shown(ctx, where, name, saved=True)


def keep(ctx: Context, where: Where, name: str, defaults: Defaults, now: datetime) -> None:
    """Save it, in the place of one of the same name."""
    ctx.shelf.keep_preset(Preset(where.team, where.channel, name, defaults.to_json(), where.person, now))


def listed(ctx: Context, where: Where) -> Message:
    """The channel's presets, each with a button."""
    found = ctx.shelf.presets(where.team, where.channel)
    if not found:
        said = "This channel has no presets yet. The one called “default” fills what nobody says."
        return b.message(said, [b.section(said), b.actions("preset", edit_button("", "New preset"))])
    body: list[Block] = [b.header("Presets of this channel")]
    for preset in found[:20]:
        body.append(b.words(f"{preset.name}: {said_of(Defaults.of_json(preset.body))}"))
        body[-1]["accessory"] = edit_button(preset.name)
    body.append(b.actions("preset", edit_button("", "New preset")))
    return b.message(f"Presets: {', '.join(preset.name for preset in found)}.", body)


def shown(ctx: Context, where: Where, name: str, *, saved: bool = False) -> Message:
    """One preset in full."""
    preset = ctx.shelf.preset(where.team, where.channel, name)
    if preset is None:
        return reach.sentence(no_such(ctx, where, name))
    defaults = Defaults.of_json(preset.body)
    head = f"The preset “{name}” is saved." if saved else f"Preset “{name}”"
    use = "It is used where nobody says otherwise." if name == DEFAULT else f"Use it with preset={name}."
    body = [b.words(f"{head}\nIt holds: {said_of(defaults)}.")]
    if defaults.template:
        body.append(b.words(f"Template: {defaults.template[:600]}"))
    if defaults.approvers:
        people = " ".join(mention(who) for who in defaults.approvers)
        body.append(b.context(f"Reviewed by {people}"))
    body.append(b.small(use))
    body.append(b.actions("preset", edit_button(name)))
    return b.message(b.escaped(f"{head} {use}"), body)


def place_of(view: Mapping[str, Any]) -> tuple[Where, str]:
    """The channel a preset's form is about, and the name the preset had; empty for a new one."""
    kept = json.loads(view["private_metadata"])
    return Where(kept["team"], kept["channel"], ""), str(kept["name"])


def mention(who: str) -> str:
    """A person or a group, for mrkdwn."""
    return f"<!subteam^{who}>" if who.startswith("S") else b.person(who)


def edit_button(name: str, text: str = "Edit", channel: str = "") -> Block:
    return b.button(text, EDIT, f"{channel}/{name}")


def said_of(defaults: Defaults) -> str:
    """A preset in one line."""
    changes = defaults.changes
    parts = [changes.model or changes.provider or " then ".join(changes.route or ()) or ""]
    parts.append(str(changes.size) if changes.size else "")
    parts.append(f"quality {changes.quality}" if changes.quality else "")
    parts.append(f"{changes.variants} pictures per prompt" if changes.variants else "")
    parts.append("made overnight" if changes.off_peak else WHEN[changes.lane] if changes.lane else "")
    parts.append(f"delivery {changes.delivery}" if changes.delivery else "")
    parts.append(f"budget {money(changes.budget_usd)}" if changes.budget_usd else "")
    parts.append(f"prompts begin “{b.cut(changes.prefix, 60)}”" if changes.prefix else "")
    parts.append(f"prompts end “{b.cut(changes.suffix, 60)}”" if changes.suffix else "")
    parts.append("a template" if defaults.template else "")
    if defaults.approvers:
        parts.append(f"{len(defaults.approvers)} to review")
    parts.append(f"{defaults.quorum} must approve" if defaults.quorum else "")
    if defaults.approval_usd is not None:
        parts.append(f"a second person's word above {money(defaults.approval_usd)}")
    return ", ".join(part for part in parts if part) or "nothing yet"
