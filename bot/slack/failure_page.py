"""The modal behind “What failed”, and the form behind “Reword”: what came to nothing by who can act, and what
can be done about it. Values in, views out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.pipeline.failures import Example
from bot.pipeline.redo import Redone
from bot.slack import blocks as b
from bot.slack import fields
from bot.slack import words as w
from bot.slack.blocks import Block
from bot.slack.fields import Values, View, choice, field, option, text
from bot.slack.reach import Where
from bot.watch.failing import BAD_ROWS, HEADINGS, IN_DOUBT, Group, name_of, paid, what_to_do
from bot.watch.words import count, money
from providers.base import Lane
from storage.records import Item, Job

PAGE, FORM = "failures_page", "failures_form"
"""Callback ids."""
REWORD, AGAIN, SHEET = "failures_reword", "failures_again", "failures_sheet"
"""Action ids; each button's value is the kind of failure."""

AT_ONCE = 15
"""Prompts in one form; the next follow when it is handed in. More at a time is a sheet's work."""

LANE = "lane"
PROMPT = "p"
"""Begins the name of a prompt's field; the item's number follows."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A group as it stands on the page."""

    group: Group
    examples: Sequence[Example] = ()
    to_agree: bool = False
    """A second person must agree before it is sent again."""
    said: str = ""
    """What came of pressing one of its buttons."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the views give back. Ids only, and looked up again: what comes back can be forged."""

    job: str
    where: Where
    kind: str = ""
    after: int = 0
    """The last item of the forms before this one."""

    def written(self) -> str:
        return json.dumps(
            {"job": self.job, "where": self.where.to_json(), "kind": self.kind, "after": self.after}
        )

    @classmethod
    def of(cls, view: Mapping[str, Any]) -> Kept:
        given = json.loads(view["private_metadata"])
        return cls(given["job"], Where.of(given["where"]), given["kind"], given["after"])


# --- the page ----------------------------------------------------------------------------------------------


def page(
    job: Job, where: Where, shown: Sequence[Shown], now: datetime, *, closed: str = "", said: str = ""
) -> View:
    """Every group with examples and buttons. `closed`: why nothing can be sent now; `said`: what came of a
    button whose group is gone.
    """
    body: list[Block] = [b.alert(said, "info")] if said else []
    body += [b.words(closed)] if closed and shown else []
    body += _body(shown, now, buttons=not closed)
    return fields.modal(
        PAGE, f"What failed in {job.id}", body, kept=Kept(job.id, where).written(), close="Close"
    )


def answer(job: Job, shown: Sequence[Shown], now: datetime, button: Block) -> b.Message:
    """The same groups as a message, for who asked in words; `button` opens the page."""
    body = _body(shown, now, buttons=False)
    if shown:
        body.append(b.actions(f"failures-{job.id}", button))
    said = "; ".join(f"{name_of(one.group)} ({paid(one.group)})" for one in shown if not one.group.retrying)
    heading = f"What failed in {b.escaped(job.title, 150)}"
    return b.message(f"{heading}: {said or 'nothing'}.", [b.header(f"What failed in {job.title}"), *body])


def _body(shown: Sequence[Shown], now: datetime, *, buttons: bool) -> list[Block]:
    if not shown:
        return [b.section("Nothing has failed.")]
    body: list[Block] = []
    who = None
    for one in shown:
        if one.group.who is not who:
            body += [b.divider()] if who is not None else []
            who = one.group.who
            body.append(b.header(HEADINGS[who]))
        body += _group(one, now, buttons=buttons)
    return body


def _group(one: Shown, now: datetime, *, buttons: bool) -> list[Block]:
    group = one.group
    cost = "" if group.kind == BAD_ROWS or group.retrying else f" · {paid(group)}"
    body: list[Block] = [b.section(f"*{name_of(group)}*{cost}\n{_advice(group, now)}")]
    if one.examples:
        body.append(b.small("\n".join(_lines(one))))
    if one.said:  # here, and not above: this is where people look
        body.append(b.alert(one.said, "info"))
    made = _buttons(one) if buttons else []
    return [*body, b.actions(f"failed-{group.kind}", *made)] if made else body


def _lines(one: Shown) -> list[str]:
    """“line 4, A-3; line 6, A-5: the reason”, and how many more."""
    by_reason: dict[str, list[str]] = {}
    for example in one.examples:
        name = f"line {example.line:,}{f', {example.key}' if example.key else ''}"
        by_reason.setdefault(b.cut(example.reason or "no reason given", 160), []).append(name)
    lines = [f"{'; '.join(names)}: {reason}" for reason, names in by_reason.items()]
    rest = one.group.count - len(one.examples)
    return [*lines, f"and {rest:,} more"] if rest > 0 else lines


def _advice(group: Group, now: datetime) -> str:
    if not group.retrying:
        return what_to_do(group)
    if group.next_at is None:
        return "They have been sent again; the provider is at work."
    if group.next_at <= now:
        return "They are about to be sent again."
    return f"The next try is at {w.when(group.next_at, now)}."


def _buttons(one: Shown) -> list[Block]:
    group = one.group
    if group.retrying:
        return []
    made: list[Block] = []
    if group.reworded:
        made.append(b.button("Reword…", REWORD, group.kind, style="primary"))
    if group.again:
        made.append(
            b.button(_again(one), AGAIN, group.kind, confirm=_twice() if group.kind == IN_DOUBT else None)
        )
    style = "primary" if group.kind == BAD_ROWS else None
    made.append(b.button("Get these rows as a sheet", SHEET, group.kind, style=style))
    return made


def _again(one: Shown) -> str:
    """“Send 12 again, up to $0.48”."""
    usd = one.group.again_usd
    price = "price unknown" if usd is None else f"up to {money(usd)}"
    said = f"end {one.group.count:,} again, {price}"
    return f"Ask for approval: s{said}" if one.to_agree else f"S{said}"


def _twice() -> Block:
    return b.confirm(
        "Send them again?",
        "They may be paid already. If they are, each of them is paid twice.",
        "Send again",
        "Leave them",
    )


# --- rewording ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wording:
    """A picture whose prompt can be changed."""

    item: Item
    line: int
    copies: int
    """Others that ask for the same and get its picture."""
    most: int
    """Characters its model takes."""


def form(
    kept: Kept, wordings: Sequence[Wording], prices: Mapping[Lane, Redone], rest: int, left_out: str
) -> View:
    """The prompts of just these, to edit; what stays as it is, is not sent. `prices`: of all, by lane;
    `rest`: how many follow in the next form; `left_out`: a sentence about those that cannot be edited here.
    """
    note = "Only what you change is sent, each as a new version of its picture."
    body: list[Block] = [b.small(f"{note} {left_out}".strip())]
    for one in wordings:
        alike = f" and {count(one.copies, 'row')} alike" if one.copies else ""
        name = b.cut(f"Line {one.line:,} · {one.item.key}{alike}", 100)
        prompt = text(one.item.prompt, most=one.most, lines=True)
        hint = b.cut(one.item.reason or "", 140)
        body.append(field(f"{PROMPT}{one.item.number}", name, prompt, hint=hint, optional=False))
    if prices:
        body.append(_when(prices, wordings))
    if rest:
        body.append(b.small(f"{rest:,} more follow when you hand this in."))
    submit = "Send and go on" if rest else "Send again" if wordings else ""
    return fields.modal(FORM, "Reword", body, submit=submit, kept=kept.written(), close="Close")


def _when(prices: Mapping[Lane, Redone], wordings: Sequence[Wording]) -> Block:
    """Now or later, each with its price; chosen is what the first of them had."""
    spoken = {Lane.LIVE: "Now", Lane.BATCH: "Within hours, cheaper" if len(prices) > 1 else "Within hours"}
    options = [option(f"{spoken[lane]}: {priced.price}", lane.value) for lane, priced in prices.items()]
    many = len(wordings)
    label = "When" if many == 1 else f"When, and for how much if you change all {many}"
    chosen = choice(options, wordings[0].item.lane, kind="radio_buttons")
    return field(LANE, label, chosen, optional=False)


def first_field(view: Mapping[str, Any]) -> str:
    """Where a sentence about the whole form is shown."""
    return next(str(block["block_id"]) for block in view["blocks"] if block["type"] == "input")


def prompts_in(values: Values) -> dict[int, str]:
    """The prompts of a form, by item."""
    return {
        int(name.removeprefix(PROMPT)): str(value or "")
        for name, value in values.items()
        if name.startswith(PROMPT) and name.removeprefix(PROMPT).isdecimal()
    }
