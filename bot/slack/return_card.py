"""The card of a returned sheet: what it would do and cost, with two buttons; then, what came of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.pipeline.results import ROW_COLUMN
from bot.pipeline.returned import Diff
from bot.slack import blocks as b
from bot.slack.blocks import Block, Message
from bot.watch.words import count, money_range
from storage.records import Job

CONFIRM, DROP = "return_confirm", "return_drop"
"""Action ids; each button's value is `carried`."""

SHOWN_BAD = 8
"""Rows that cannot be used, named on the card."""


@dataclass(frozen=True, slots=True)
class Return:
    """A sheet that was handed in, and how far that has come."""

    id: str
    job_id: str
    key: str
    """Of its blob."""
    name: str
    person: str
    diff: Diff
    state: str = "asked"
    """asked, taken, dropped, or moot: there was nothing left to make."""
    by: str = ""
    """Who decided."""
    moved: bool = False
    """The job has moved on since it was shown first."""

    def closed(self, state: str, by: str) -> Return:
        return replace(self, state=state, by=by)

    def anew(self, diff: Diff) -> Return:
        return replace(self, diff=diff, moved=True)


def carried(back: Return) -> str:
    return f"{back.job_id} {back.id} {back.diff.mark}"


def card(job: Job, back: Return, limits: tuple[str, str]) -> Message:
    """`limits`: why it cannot be confirmed, and who must confirm; empty where nothing stands in the way."""
    diff, (blocked, above) = back.diff, limits
    title = b.escaped(back.name, 100)
    body: list[Block] = [b.section(f":inbox_tray: *{title}* came back from {b.person(back.person)}")]
    if back.moved and back.state == "asked":
        body.append(
            b.section(
                "_The job has moved on since this sheet was compared first; this is how it stands now._"
            )
        )
    body.append(b.section(f"*{in_short(diff)}*"))
    body += [b.section(line) for line in filter(None, [_pictures(diff)])]
    body += _bad(diff)
    body += [b.context(line) for line in [*_left_alone(diff)] if back.state == "asked"][:4]
    if back.state != "asked":
        body.append(b.context(_outcome(back)))
        return b.message(f"{title}: {_outcome(back)}", body)
    if blocked or above:
        body.append(b.section(f":warning: {b.escaped(blocked or above)}"))
    body.append(b.actions(f"return-{back.id}", *_buttons(back, blocked)))
    body.append(b.context(f"Job `{job.id}`. Nothing is made and nothing is spent before somebody confirms."))
    return b.message(f"{title} came back: {in_short(diff)}. It would cost {price(diff)}.", body)


def nothing(job: Job, diff: Diff) -> Message:
    """The answer to a sheet that asks for nothing."""
    said = f"There is nothing to make: {in_short(diff)}."
    body: list[Block] = [b.section(said), *_bad(diff), *[b.context(line) for line in _left_alone(diff)][:4]]
    return b.message(f"{said} (job {job.id})", body)


def in_short(diff: Diff) -> str:
    """“12 changed, 3 new, 5 failed to run again, 480 unchanged; 2 rows cannot be used”."""
    counts = (
        (diff.changed, "changed"),
        (diff.mended, "mended"),
        (diff.new, "new"),
        (diff.again, "failed, to be sent again"),
        (diff.busy, "changed but still being made"),
        (diff.unchanged, "unchanged"),
    )
    said = ", ".join(f"{number:,} {words}" for number, words in counts if number) or "no row that can be used"
    bad = f"; {count(diff.bad_rows, 'row')} cannot be used" if diff.bad_rows else ""
    return f"{said}{bad}"


def _pictures(diff: Diff) -> str:
    copies = count(diff.copied, "picture is", "pictures are")
    copied = f"{copies} copied, not paid again." if diff.copied else ""
    if not diff.pictures:
        return copied
    return f"{count(diff.pictures, 'picture')} to make, for *{price(diff)}*. {copied}".strip()


def price(diff: Diff) -> str:
    """“$0.80”, or what is not known about it."""
    known = money_range(diff.low, diff.high)
    if not diff.unpriced:
        return known
    unknown = f"price unknown for {count(diff.unpriced, 'picture')}"
    return f"at least {known}, {unknown}" if diff.high else "a price that is not known"


def _bad(diff: Diff) -> list[Block]:
    if not diff.bad:
        return []
    lines = [f"• line {bad.line}: {bad.problem}" for bad in diff.bad[:SHOWN_BAD]]
    more = diff.bad_rows - len(lines)
    lines += [f"• and {more:,} more"] if more > 0 else []
    return [b.words("Cannot be used:\n" + "\n".join(b.cut(line, 300) for line in lines))]


def _left_alone(diff: Diff) -> list[str]:
    """What the sheet does not do, one sentence each."""
    said = []
    if diff.gone:
        said.append(
            f"{count(diff.gone, 'row')} of the job {'is' if diff.gone == 1 else 'are'} not in the sheet and "
            "left alone."
        )
    if diff.refused:
        said.append(
            f"{count(diff.refused, 'unchanged row')} refused by content rules: not sent again before "
            "reworded."
        )
    if diff.doubtful:
        doubtful = count(diff.doubtful, "unchanged row")
        said.append(f"{doubtful} in doubt: not sent again, as they may be paid already.")
    if diff.fewer:
        said.append(f"{count(diff.fewer, 'picture')} not asked for any more: kept.")
    if diff.busy:
        said.append("What is being made is not changed; return the sheet again when it is done.")
    return said


def _buttons(back: Return, blocked: str) -> list[Block]:
    drop = b.button("Cancel", DROP, carried(back))
    if blocked:
        return [drop]
    diff = back.diff
    label = "Copy them" if not diff.pictures else f"Make {count(diff.pictures, 'picture')}"
    if diff.pictures and not diff.unpriced:
        label += f" for {money_range(diff.low, diff.high)}"
    return [b.button(label, CONFIRM, carried(back), style="primary"), drop]


def _outcome(back: Return) -> str:
    match back.state:
        case "taken":
            return f"Confirmed by {b.person(back.by)}. Unchanged pictures stay as they are."
        case "dropped":
            return f"Cancelled by {b.person(back.by)}; nothing was made."
        case _:
            return f"There was nothing left to make; rows without {ROW_COLUMN} are in the job already."
