"""The review message of a job: a page of pictures with Approve, Reject and Redo below each. Values in, blocks
out. As a carousel of cards where the workspace takes them, else picture by picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.imaging.quality import Flag
from bot.slack import blocks as b
from bot.slack import cards
from bot.slack import words as w
from bot.slack.blocks import Block, Message
from bot.slack.gallery import caption, models_of
from bot.slack.previews import alt_text, preview_key, title_of
from storage.pictures import Shown
from storage.records import Item, Job
from storage.states import ItemState, ReviewState

APPROVE, REJECT, REDO, UNDO = "review_approve", "review_reject", "review_redo", "review_undo"
"""Action ids below a picture; the value is `carried`."""
BACK, ON, PAGE_OK, MANY, FILTER = (
    "review_back", "review_on", "review_page_ok", "review_many", "review_filter",
)  # fmt: skip
"""Action ids below the page; the value is the job's id and where the page stood."""
KEEP = "review_keep"
"""Action id of the button that lets an earlier version count again."""

CARDS, PICTURES = 10, 6
"""Pictures on a page: as many as a carousel holds (docs), or as many as one scrolls through."""

TITLE, SUBTITLE, BODY = 90, 70, 120
"""Characters on a card: ten of them with their alternative texts stay within one message."""

MODELS = 20
"""Models offered as a filter."""

FILTERS: Mapping[str, tuple[str, Shown]] = {
    "unreviewed": ("To review", Shown(review=ReviewState.UNREVIEWED)),
    "approved": ("Approved", Shown(review=ReviewState.APPROVED)),
    "rejected": ("Rejected", Shown(review=ReviewState.REJECTED)),
    "flagged": ("Flagged by the checks", Shown(flagged=True)),
    "failed": ("Not made", Shown(failed=True)),
    "all": ("All", Shown()),
}
"""What a page can be narrowed to: its name in the menu, and the query."""


def shown_by(name: str) -> Shown:
    """The query of a filter's name; “model:…” is a model's pictures."""
    kind, _, model = name.partition(":")
    if kind == "model" and model:
        return Shown(model=model)
    return FILTERS.get(name, FILTERS["all"])[1]


@dataclass(frozen=True, slots=True)
class Tally:
    """Where a review stands."""

    approved: int
    rejected: int
    unreviewed: int
    remaking: int = 0

    @classmethod
    def of(cls, counts: Mapping[ReviewState, int]) -> Tally:
        return cls(
            counts.get(ReviewState.APPROVED, 0),
            counts.get(ReviewState.REJECTED, 0),
            counts.get(ReviewState.UNREVIEWED, 0),
            counts.get(ReviewState.REPLACED, 0),
        )

    @property
    def any(self) -> bool:
        """Whether anybody has said anything."""
        return bool(self.approved or self.rejected or self.remaking)

    @property
    def line(self) -> str:
        """“412 approved, 23 rejected, 65 to review”."""
        said = f"{self.approved:,} approved, {self.rejected:,} rejected, {self.unreviewed:,} to review"
        return f"{said}, {self.remaking:,} being made again" if self.remaking else said


@dataclass(frozen=True, slots=True)
class Page:
    """What the message shows."""

    job: Job
    filter: str
    items: Sequence[Item]
    """The versions that count now of the pictures this page began with."""
    before: int = 0
    """How many of the filter's come before them."""
    behind: int = 0
    """How many come after them."""
    tally: Tally = Tally(0, 0, 0)
    models: Sequence[str] = ()
    approvals: Mapping[int, Sequence[str]] = field(default_factory=dict)
    """Who approved of a version already, by its number, where more people must."""
    quorum: int = 1
    due_at: datetime | None = None


def carried(item: Item) -> str:
    """What a button below a picture says it was about: the version, and how it stood then."""
    return f"{item.job_id} {item.number} {item.review}"


def page_message(page: Page, file_ids: Mapping[str, str], now: datetime, *, cards: bool) -> Message:
    """The whole message. Pictures without a file at Slack are shown by their words."""
    body: list[Block] = [b.header(f"Review: {page.job.title}"), b.section(_heading(page, now))]
    if not page.items:
        body.append(b.context(_nothing(page)))
    elif cards:
        elements = [_card(page, item, file_ids, now) for item in page.items[:CARDS]]
        body.append({"type": "carousel", "elements": elements})
    else:
        for item in page.items[:CARDS]:
            body += _classic(page, item, file_ids, now)
    body.append(_navigation(page))
    body.append(b.context(_hint(page)))
    text = f"Review of {b.escaped(page.job.title, 150)}: {page.tally.line}."
    return b.message(text, body)


def _heading(page: Page, now: datetime) -> str:
    name = FILTERS[page.filter][0] if page.filter in FILTERS else page.filter.partition(":")[2]
    lines = [f"*{page.tally.line[0].upper()}{page.tally.line[1:]}.*"]
    if page.items:
        others = [f"{page.before:,} before"] if page.before else []
        others += [f"{page.behind:,} more after it"] if page.behind else []
        here = [f"{len(page.items):,} on this page", *others]
        lines.append(f"{b.escaped(name, 80)}: {', '.join(here)}")
    if page.due_at is not None and page.tally.unreviewed:
        late = "was due" if page.due_at < now else "due"
        lines.append(f"Review {late} {w.when(page.due_at, now)}")
    return "\n".join(lines)


def _nothing(page: Page) -> str:
    if page.filter == "unreviewed":
        return "Nothing is left to review. :tada:" if page.tally.approved else "Nothing is left to review."
    return "There are no such pictures; choose another view below."


def _hint(page: Page) -> str:
    more = f" {page.quorum} people must approve each picture." if page.quorum > 1 else ""
    return (
        "Or write it in this thread: `@imgbatch approve 1-40 except 7, 12`, `reject 3: wrong colour`, "
        f"`redo 5`, `undo`.{more}"
    )


# --- one picture -----------------------------------------------------------------------------------------


def _card(page: Page, item: Item, file_ids: Mapping[str, str], now: datetime) -> Block:
    card: Block = {
        "type": "card",
        "block_id": _block_id(item),
        "title": b.plain(_sign(item) + title_of(page.job, item), TITLE),
        "body": b.plain(_about(item), BODY),
        "subtext": b.mrkdwn(standing(page, item, now)),
    }
    if models_of(page.job) == 1:
        card["subtitle"] = b.plain(" · ".join(_made_as(item)), SUBTITLE)
    file_id = file_ids.get(preview_key(item))
    if file_id is not None:
        card["hero_image"] = {
            "type": "image", "slack_file": {"id": file_id}, "alt_text": alt_text(item),
        }  # fmt: skip
    actions = buttons_for(item)
    if actions:
        card["actions"] = actions
    return card


def _classic(page: Page, item: Item, file_ids: Mapping[str, str], now: datetime) -> list[Block]:
    file_id = file_ids.get(preview_key(item))
    title = b.cut(_sign(item) + title_of(page.job, item), TITLE)
    shown = b.image(file_id, alt_text(item), title) if file_id else b.words(f"{title}\n{_about(item)}")
    actions = buttons_for(item)
    said: list[Block] = [shown, b.context(standing(page, item, now))]
    return [*said, b.actions(_block_id(item), *actions)] if actions else said


def _block_id(item: Item) -> str:
    """A new one whenever the buttons change, as Slack wants of an updated message (docs, block_id)."""
    return f"picture-{item.number}-{item.review}-{item.state}"


_SIGNS: Mapping[ReviewState, str] = {
    ReviewState.APPROVED: "✅ ",
    ReviewState.REJECTED: "❌ ",
    ReviewState.REPLACED: "🔁 ",
}


def _sign(item: Item) -> str:
    return _SIGNS.get(item.review, "")


def _made_as(item: Item) -> list[str]:
    size = item.size or item.made_size
    return [word for word in (caption(item, with_model=False), item.model, size, item.quality) if word][1:]


def _about(item: Item) -> str:
    return item.alt_text or item.prompt


def standing(page: Page, item: Item, now: datetime) -> str:
    """What is thought of a version, by whom, since when; mrkdwn."""
    if item.state is not ItemState.STORED:
        return _why_not(item)
    if item.review is ReviewState.REPLACED:
        return "Being made again"
    if not item.kept:
        return "No longer kept: let go of when it was old. Redo makes it anew."
    if item.review is ReviewState.UNREVIEWED:
        people = page.approvals.get(item.number, ())
        flags = f"Check: {_flags(item)}" if item.flags else "To review"
        if item.reused_job:
            flags += f" · {reused_words(item)}"
        if not people:
            return flags
        said = ", ".join(b.person(person) for person in people[:3])
        return f"{flags} · {len(people)} of {page.quorum} approved it: {said}"
    who = f" by {b.person(item.reviewed_by)}" if item.reviewed_by else ""
    at = f", {w.when(item.reviewed_at, now)}" if item.reviewed_at else ""
    why = f": {b.escaped(_reasons(item), 60)}" if item.review_reason else ""
    return f"{item.review.value.capitalize()}{who}{at}{why}"


def _reasons(item: Item) -> str:
    """The reason, and the note where it says more."""
    reason, note = item.review_reason or "", item.review_note or ""
    return reason if note.casefold() in ("", reason.casefold()) else f"{reason}, {note}"


def _why_not(item: Item) -> str:
    """Why there is no picture, in our words where it is the prompt that has to change."""
    if item.state is ItemState.REFUSED:
        return "Not made: refused by content rules; reword the prompt"
    why = f": {b.escaped(item.reason, 90)}" if item.reason else ""
    return f"Not made, {item.state.value.replace('_', ' ')}{why}"


def reused_words(item: Item) -> str:
    """“reused from job k7m2qd, approved there by @ana”; mrkdwn."""
    by = f", approved there by {b.person(item.reused_by)}" if item.reused_by else ""
    return f"reused from job `{item.reused_job}`{by}"


def _flags(item: Item) -> str:
    """What the quality gate found, in its words."""
    return b.escaped(", ".join(Flag.read(flag).words for flag in item.flags or ()), 100)


def buttons_for(item: Item) -> list[Block]:
    """At most three, as many as a card takes."""
    value, number = carried(item), f"picture {item.first}"
    redo = _named(b.button("Redo", REDO, value), f"Make {number} again")
    if item.state is not ItemState.STORED:
        return [_named(b.button("Edit and make…", REDO, value, style="primary"), f"Edit {number}")]
    approve = _named(b.button("Approve", APPROVE, value, style="primary"), f"Approve {number}")
    reject = _named(b.button("Reject", REJECT, value), f"Reject {number}")
    undo = _named(b.button("Undo", UNDO, value), f"Take back what was decided about {number}")
    if not item.kept and item.review is not ReviewState.REPLACED:
        return [redo]
    match item.review:
        case ReviewState.REPLACED:
            return []
        case ReviewState.APPROVED:
            return [undo, reject, redo]
        case ReviewState.REJECTED:
            again = {**redo, "style": "primary"}
            return [again, {name: value for name, value in approve.items() if name != "style"}, undo]
        case ReviewState.UNREVIEWED:
            return [approve, reject, redo]


def _named(button: Block, label: str) -> Block:
    """For screen readers, which else say “Approve” ten times (docs, button: accessibility_label, 75)."""
    return {**button, "accessibility_label": b.cut(label, 75)}


# --- below the page --------------------------------------------------------------------------------------


def _navigation(page: Page) -> Block:
    job, items = page.job.id, page.items
    first, last = (items[0].first, items[-1].first) if items else (0, 0)
    elements: list[Block] = []
    if page.before > 0:
        elements.append(b.button("← Previous", BACK, f"{job} {first}"))
    if page.behind > 0:
        elements.append(b.button("Next →", ON, f"{job} {last}"))
    todo = [item for item in items if _to_do(item)]
    if len(todo) > 1:
        numbers = " ".join(str(item.first) for item in todo)
        elements.append(b.button(f"Approve these {len(todo)}", PAGE_OK, f"{job} {numbers}"))
    elements.append(b.button("Approve many…", MANY, job))
    if page.tally.approved and not page.tally.unreviewed:  # nothing is left to do but take them away
        elements.append({**cards.export(page.job), "style": "primary"})
    elements.append(_filters(page))
    # The id changes with the page, so that a menu shows what is chosen and not what was clicked.
    return b.actions(f"review-{job}-{page.filter}-{first}-{len(todo)}"[:255], *elements)


def _to_do(item: Item) -> bool:
    return item.review is ReviewState.UNREVIEWED and item.state is ItemState.STORED


def _filters(page: Page) -> Block:
    options = [_option(name, value) for value, (name, _) in FILTERS.items()]
    if len(page.models) > 1:
        options += [_option(model, f"model:{model}") for model in page.models[:MODELS]]
    menu: Block = {"type": "static_select", "action_id": FILTER, "options": options}
    menu["placeholder"] = b.plain("Show")
    chosen = next((option for option in options if option["value"] == page.filter), None)
    if chosen is not None:
        menu["initial_option"] = chosen
    return menu


def _option(name: str, value: str) -> Block:
    return {"text": b.plain(name, 75), "value": value[:150]}
