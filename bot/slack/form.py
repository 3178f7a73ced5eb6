"""The form of a new batch, drawn from a draft: the few things every batch needs, the rest behind a button."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from bot.imaging.presets import PRESETS
from bot.intake.glance import Glance, Preview
from bot.intake.mapping import suggest
from bot.intake.options import MAX_BRAND_CHARACTERS, MAX_PILOT, MAX_TITLE_CHARACTERS
from bot.intake.preset import DEFAULT
from bot.intake.rows import MAX_VARIANTS
from bot.runtime import Context
from bot.slack import blocks as b
from bot.slack import fields as f
from bot.slack import limits
from bot.slack import words as w
from bot.slack.blocks import Block
from bot.slack.draft import CHANNEL, MAPPED, MODEL, OFF_PEAK, SHEET, TEMPLATE, Draft
from bot.slack.fields import View
from bot.watch.words import count
from providers.base import Lane
from providers.catalogue import ModelCard

NEW, COLUMNS = "batch_form", "batch_columns"
"""Callback ids of the form, and of its second step, which asks for columns."""

MORE, AFRESH, OTHER_SHEET, AGAIN = "form_more", "form_afresh", "form_other_sheet", "form_again"
"""Action ids of its buttons; the last stands in answers to a form that could not be used."""

EXAMPLE = "Studio photo of {{ name }} in {{ color }}, white background"

BLANK = "(blank)"
"""The choice that leaves a template's variable empty."""

OTHER = "other"
"""The choice of a size that is not listed."""

MODELS = 6
"""Compared at once; more is a wall of pictures and of costs."""

SIZES: Mapping[str, str] = {
    "1024x1024": "Square",
    "1080x1350": "Portrait 4:5, feed",
    "1080x1920": "Tall 9:16, story",
    "1920x1080": "Wide 16:9, banner",
    "1200x630": "Link preview",
    "2048x2048": "Large square, shop",
}
"""Sizes people ask for most, and what for."""


def batch_form(ctx: Context, draft: Draft, today: date, preview: Preview | None) -> View:
    """The form as far as it is filled in. `preview`: what is known of the first row; None: nothing yet."""
    cards = offered(ctx, today)
    body = _first_part(ctx, draft, cards, preview)
    body += _further(draft, cards) if draft.more else [_more_button()]
    body = [_turned(block, draft.turn) for block in body]
    kept = draft.kept_in_view({name_of(block) for block in body if block["type"] == "input"})
    if kept is None:
        return batch_form(ctx, replace(draft, more=True), today, preview)
    view = f.modal(NEW, "New image batch", body, submit="Plan it", kept=kept)
    view["notify_on_close"] = True
    return view


def name_of(block: Block) -> str:
    """The field's own name, without the turn that was put behind it."""
    return str(block.get("block_id", "")).partition("~")[0]


def _turned(block: Block, turn: int) -> Block:
    if block["type"] != "input":
        return block
    block["element"]["action_id"] = f"form_{name_of(block)}"
    if turn and name_of(block) != SHEET:  # an uploaded file cannot be put back
        block["block_id"] = f"{block['block_id']}~{turn}"
    return block


def _first_part(
    ctx: Context, draft: Draft, cards: Sequence[ModelCard], preview: Preview | None
) -> list[Block]:
    body: list[Block] = []
    if draft.kept_at:
        body.append(_kept_line(draft))
    body.append(_sheet(draft))
    if draft.glance is not None and draft.glance.columns:
        body.append(b.small(_columns_line(draft.glance, 400)))
    presets = [preset.name for preset in ctx.shelf.presets(draft.team, draft.here)] if draft.here else []
    if presets:
        body.append(_preset(draft, presets))
    body.append(_template(draft))
    body += preview_blocks(draft, preview)
    body += columns_of(draft, preview)
    body += [_model(cards, draft), *_size(draft), _lane(draft)]
    if not draft.fixed:
        body.append(_channel(draft))
    return body


def _kept_line(draft: Draft) -> Block:
    at = datetime.fromtimestamp(int(draft.kept_at), UTC)
    when = f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{at:%d %b %H:%M} UTC>"
    block = b.section(f"This is what you had filled in, {when}.")
    block["accessory"] = b.button("Start afresh", AFRESH, "afresh")
    return block


def _sheet(draft: Draft) -> Block:
    if draft.sheet is not None:
        block = b.words(f"Sheet: {draft.sheet.name or 'the file of that message'}")
        block["block_id"] = "given"
        if not draft.fixed:
            block["accessory"] = b.button("Another sheet", OTHER_SHEET, draft.sheet.id)
        return block
    element: Block = {"type": "file_input", "filetypes": ["csv", "tsv", "xlsx"], "max_files": 1}
    hint = "A CSV, TSV or XLSX file up to 10 MB, one product a row."
    return f.field(SHEET, "Sheet", element, hint=hint, optional=False)


def _columns_line(glance: Glance, most: int) -> str:
    """The columns, and after which of them the pictures' files are called."""
    if glance.key:
        files = f"Files are called after “{b.cut(glance.key, 60)}”."
    else:
        files = "Files are called row-1, row-2 …; a column “sku” would name them."
    return f"Columns: {b.cut(', '.join(glance.columns), most)}. {files}"


def _preset(draft: Draft, names: Sequence[str]) -> Block:
    options = [f.option(name, name) for name in names if name != DEFAULT]
    options.insert(0, f.option("The channel's default" if DEFAULT in names else "None", DEFAULT))
    element = f.choice(options, draft.text("preset") or DEFAULT)
    return f.field("preset", "Preset", element, hint="Fills the fields below.", optional=False, live=True)


def _template(draft: Draft) -> Block:
    element = f.text(draft.text(TEMPLATE), EXAMPLE, most=limits.INPUT_CHARACTERS, lines=True)
    element["dispatch_action_config"] = {"trigger_actions_on": ["on_character_entered"]}
    hint = "{{ name }} is filled in from the column “name” of each row. Not needed with a column “prompt”."
    return f.field(TEMPLATE, "Prompt template", element, hint=hint, live=True)


# --- the first row --------------------------------------------------------------------------------------


def preview_blocks(draft: Draft, preview: Preview | None) -> list[Block]:
    """The prompt of the first row, or what is in its way."""
    if draft.glance is not None and draft.glance.problem:
        return [b.alert(draft.glance.problem, "error")]
    if preview is None:
        if draft.sheet is not None:
            return [b.small(f"Reading {draft.sheet.name} …")]
        return [b.small("Names that are not columns of your sheet are asked about after “Plan it”.")]
    if preview.missing:
        return [b.alert(preview.problem or "", "warning")]
    if preview.problem:
        return [b.alert(preview.problem, "error")]
    if preview.prompt is None:
        return []
    body = [b.words(f"First prompt: {b.cut(preview.prompt, 700)}")]
    if preview.prompts > 1:
        body.append(b.small(f"The choices make {count(preview.prompts, 'prompt')} of every row."))
    return body


def columns_of(draft: Draft, preview: Preview | None) -> list[Block]:
    """A choice of column for each variable that the sheet does not have, or that was matched before."""
    if draft.glance is None or not draft.glance.columns:
        return []
    asked = [
        name.removeprefix(MAPPED) for name, value in draft.values.items() if name.startswith(MAPPED) and value
    ]
    missing = list(dict.fromkeys([*(preview.missing if preview else ()), *asked]))
    guesses = suggest(missing, draft.glance.columns)
    return [_column(draft, name, guesses.get(name)) for name in missing if len(name) <= 100]


def _column(draft: Draft, variable: str, guess: str | None) -> Block:
    assert draft.glance is not None
    names = [name for name in draft.glance.columns if len(name) <= limits.OPTION_VALUE][: limits.OPTIONS - 1]
    if guess and guess not in names:
        names[-1] = guess
    options = [f.option(name, name, _example(draft, name)) for name in names]
    options.append(f.option("Leave it blank", BLANK))
    chosen = draft.text(MAPPED + variable) or guess
    element = f.choice(options, chosen) | {"placeholder": b.plain("Choose a column", limits.PLACEHOLDER)}
    label = f"Column for {{{{ {variable} }}}}"
    return f.field(MAPPED + variable, label, element, optional=False, live=True)


def _example(draft: Draft, column: str) -> str:
    cell = draft.glance.row.get(column, "") if draft.glance else ""
    return b.cut(cell, limits.OPTION_TEXT) if cell else ""


def columns_form(draft: Draft, preview: Preview) -> View:
    """The second step: which columns are meant, with the draft put aside."""
    said = f"{draft.sheet.name if draft.sheet else 'The sheet'} and your template use different names."
    body = [b.words(said), *columns_of(draft, preview), *preview_blocks(draft, preview)]
    if draft.glance is not None:
        body.append(b.small(_columns_line(draft.glance, 600)))
    body.append(
        b.small("The choice is kept with the batch, so that it is not asked again when you run it again.")
    )
    return f.modal(
        COLUMNS,
        "Check columns",
        [_turned(block, 0) for block in body],
        submit="Plan it",
        kept=draft.id,
        close="Back",
    )


# --- who makes it, and how ------------------------------------------------------------------------------


def offered(ctx: Context, today: date) -> list[ModelCard]:
    """The models that can be chosen, the default provider's first."""
    cards = [
        card
        for provider in ctx.providers.values()
        for card in provider.models.values()
        if not card.retired(today)
    ]
    favourite = ctx.policy.default_provider
    return sorted(cards, key=lambda card: card.provider != favourite)[: limits.OPTIONS]


def chosen_cards(cards: Sequence[ModelCard], draft: Draft) -> list[ModelCard]:
    """The models that are chosen; the first on offer where none is."""
    named = [tuple(value.partition("/")[::2]) for value in draft.several(MODEL)]
    found = []
    for provider, model in named:
        meant = (c for c in cards if provider in ("", c.provider) and model in ("", c.id))
        found += [card for card in meant if card not in found][:1]
    return found or list(cards[:1])


def _value(card: ModelCard) -> str:
    return f"{card.provider}/{card.id}"[: limits.OPTION_VALUE]


def _model(cards: Sequence[ModelCard], draft: Draft) -> Block:
    if not cards:
        nothing = f.option("No model is set up", "none")
        return f.field(MODEL, "Model", f.choice([nothing], None), optional=False)
    groups: dict[str, list[Block]] = {}
    for card in cards:
        said = f"{card.title or card.id}: {w.each(card)}"
        groups.setdefault(card.provider, []).append(f.option(said, _value(card)))
    element = f.grouped(groups, [_value(card) for card in chosen_cards(cards, draft)], most=MODELS)
    hint = "Prices are for one picture in the model's usual size. Several models make every row side by side."
    return f.field(MODEL, "Model", element, hint=hint, optional=False, live=True)


def _size(draft: Draft) -> list[Block]:
    value = draft.text("size")
    options = [f.option("As the model makes it", "auto")]
    options += [f.option(f"{name} ({size})", size) for size, name in SIZES.items()]
    if value not in ("", "auto", OTHER, *SIZES):
        options.append(f.option(value, value))
    options.append(f.option("Another size …", OTHER))
    element = f.choice(options, value or "auto")
    hint = "A row with a size of its own in a column “size” keeps that."
    body = [f.field("size", "Size", element, hint=hint, optional=False, live=True)]
    if value == OTHER:
        own = f.text(draft.text("own_size"), "800x600", most=40)
        body.append(f.field("own_size", "Width x height in pixels", own, optional=False))
    return body


def _lane(draft: Draft) -> Block:
    options = [
        f.option("Later, cheaper", Lane.BATCH.value, "within hours, usually at half the price"),
        f.option("Now", Lane.LIVE.value, w.LANES[Lane.LIVE]),
        f.option("Overnight, cheaper", OFF_PEAK, "sent in the off-peak hours"),
    ]
    element = f.choice(options, draft.text("lane") or Lane.BATCH.value, kind="radio_buttons")
    return f.field("lane", "Price or speed", element, optional=False)


def _channel(draft: Draft) -> Block:
    element: Block = {
        "type": "conversations_select",
        "filter": {"include": ["public", "private", "im"], "exclude_bot_users": False},
    }
    chosen = draft.text(CHANNEL) or draft.here
    element |= {"initial_conversation": chosen} if chosen else {"default_to_current_conversation": True}
    hint = "The plan, the progress and the pictures are posted there. I must be a member."
    return f.field(CHANNEL, "Post in", element, hint=hint, optional=False, live=True)


# --- the rest -------------------------------------------------------------------------------------------


def _more_button() -> Block:
    return b.actions("more", b.button("More options", MORE, "more"))


def _further(draft: Draft, cards: Sequence[ModelCard]) -> list[Block]:
    return [
        b.divider(),
        *_quality(cards, draft),
        *_amounts(draft),
        _delivery(draft),
        *_times(draft),
        *_wording(draft, list(dict.fromkeys(card.provider for card in cards))),
    ]


def _amounts(draft: Draft) -> list[Block]:
    """How many pictures are made, which not, and for how much at most."""
    variants = f.number(draft.text("variants") or "1", least="1", most=str(MAX_VARIANTS))
    pilot = f.number(draft.text("pilot"), least="1", most=str(MAX_PILOT))
    again = [f.option("Copy what was approved here before instead of making it again", "approved")]
    reuse = f.boxes(again, draft.values.get("reuse"))
    budget = f.number(draft.text("budget"), least="0.01", decimal=True)
    first = "So many pictures are made first; the rest waits until somebody has looked at them."
    return [
        f.field("variants", "Pictures per prompt", variants),
        f.field("pilot", "Sample first", pilot, hint=first),
        f.field(
            "reuse", "Approved before", reuse, hint="The plan says how many that are, and what it saves."
        ),
        f.field("budget", "Budget in US dollars", budget, hint="The batch is refused if it may cost more."),
    ]


def _delivery(draft: Draft) -> Block:
    options = [f.option(f"{one.name} ({one.size}, {one.format})", one.name) for one in PRESETS.values()]
    own = draft.text("delivery")
    if own and own not in PRESETS:
        options.append(f.option(own, own))
    return f.field("delivery", "Web files for", f.choice(options, own))


def _times(draft: Draft) -> list[Block]:
    """By when the pictures are wanted, and looked at, and by how many."""
    deadline, review = (
        f.text(draft.text(name), "Friday 17:00", most=60) for name in ("deadline", "review_by")
    )
    rush = [f.option("Make late pictures now, at the full price", "rush")]
    quorum = f.number(draft.text("quorum"), least="1", most="9")
    clock = "A day and a time, on your own clock unless a zone like +02:00 stands behind it."
    return [
        f.field("deadline", "Wanted by", deadline, hint=clock),
        f.field("rush", "If it gets late", f.boxes(rush, draft.values.get("rush"))),
        f.field("review_by", "Reviewed by", review),
        f.field("quorum", "How many must approve each picture", quorum),
    ]


def _wording(draft: Draft, providers: Sequence[str]) -> list[Block]:
    """Who else may make it, what stands around the prompts, and what it is called."""
    brand = MAX_BRAND_CHARACTERS
    route = f.text(draft.text("route"), ", ".join(providers[:3]), most=200)
    first = "Each picture is made by the first that can make it. It takes the place of the model above."
    return [
        f.field("route", "Providers to try, in order", route, hint=first),
        f.field("prefix", "Words in front of every prompt", f.text(draft.text("prefix"), most=brand)),
        f.field("suffix", "Words behind every prompt", f.text(draft.text("suffix"), most=brand)),
        f.field("title", "Name of the batch", f.text(draft.text("title"), most=MAX_TITLE_CHARACTERS)),
    ]


def _quality(cards: Sequence[ModelCard], draft: Draft) -> list[Block]:
    """Only what the chosen models have; nothing where they have none."""
    names = list(dict.fromkeys(name for card in chosen_cards(cards, draft) for name in card.qualities))
    if not names:
        return []
    options = [f.option("As the model does it", "default"), *(f.option(name, name) for name in names)]
    block = f.field("quality", "Quality", f.choice(options, draft.text("quality") or "default"))
    # Other choices are another field to Slack, which would keep the old choice otherwise
    block["block_id"] = f"quality~{'-'.join(names)}"[:200]
    return [block]
