"""The modals: the form of a new batch, and the details of a job."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from bot.intake.options import MAX_BUDGET_USD, Changes
from bot.intake.rows import MAX_VARIANTS, check_size
from bot.intake.spec import JobSpec
from bot.intake.template import TemplateError, compile_template
from bot.runtime import Context
from bot.slack import blocks as b
from bot.slack import files, limits
from bot.slack import words as w
from bot.slack.blocks import Block
from bot.slack.files import Sheet
from providers.base import Lane
from providers.catalogue import ModelCard

NEW = "batch_form"
"""Callback id of the form."""

View = dict[str, Any]

EXAMPLE = "Studio photo of {{ name }} in {{ color }}, white background"


@dataclass(frozen=True, slots=True)
class Origin:
    """What the form was opened on: kept in the view, so it holds ids only."""

    sheet: Sheet | None = None
    """A file somebody posted; its address is asked for again when it is needed."""
    channel: str = ""
    """Where the batch is posted; empty when the form asks."""
    thread: str | None = None

    def to_json(self) -> str:
        sheet = (
            {"id": self.sheet.id, "name": self.sheet.name, "size": self.sheet.size} if self.sheet else None
        )
        return json.dumps({"sheet": sheet, "channel": self.channel, "thread": self.thread})

    @classmethod
    def read(cls, text: str) -> Origin:
        given = json.loads(text or "{}")
        sheet = files.sheet_of(given["sheet"]) if given.get("sheet") else None
        return cls(sheet, given.get("channel") or "", given.get("thread"))


def new_batch(
    ctx: Context,
    today: date,
    origin: Origin,
    changes: Changes | None = None,
    template: str | None = None,
) -> View:
    """The form, filled in with what is known already."""
    changes = changes or Changes()
    cards = offered(ctx, today)
    body = [
        _sheet(origin),
        _template(template),
        _model(cards, changes),
        _text(
            "size",
            "Size",
            changes.size,
            "1024x1024",
            "Width x height in pixels. A column “size” goes before it; left empty, the model decides.",
        ),
        _quality(cards, changes),
        _number("variants", "Pictures per prompt", changes.variants or 1, MAX_VARIANTS),
        _lane(changes),
        _budget(changes),
    ]
    if not origin.channel:
        body.append(_channel())
    return {
        "type": "modal",
        "callback_id": NEW,
        "private_metadata": origin.to_json(),
        "title": b.plain("New image batch", limits.VIEW_TITLE),
        "submit": b.plain("Plan it", limits.VIEW_TITLE),
        "close": b.plain("Cancel", limits.VIEW_TITLE),
        "blocks": body,
    }


def offered(ctx: Context, today: date) -> list[ModelCard]:
    """The models that can be chosen, the default one first."""
    cards = [
        card
        for provider in ctx.providers.values()
        for card in provider.models.values()
        if not card.retired(today)
    ]
    favourite = ctx.policy.default_provider
    return sorted(cards, key=lambda card: card.provider != favourite)[: limits.OPTIONS]


def _input(block_id: str, label: str, element: Block, *, hint: str = "", optional: bool = True) -> Block:
    made: Block = {
        "type": "input",
        "block_id": block_id,
        "label": b.plain(label, 100),
        "element": {**element, "action_id": block_id},
        "optional": optional,
    }
    if hint:
        made["hint"] = b.plain(hint, 150)
    return made


def _sheet(origin: Origin) -> Block:
    if origin.sheet is not None:
        return {"type": "section", "block_id": "given", "text": b.plain(f"Sheet: {origin.sheet.name}")}
    element = {"type": "file_input", "filetypes": ["csv", "tsv", "xlsx"], "max_files": 1}
    hint = "A CSV, TSV or XLSX file up to 10 MB, one product a row."
    return _input("sheet", "Sheet", element, hint=hint, optional=False)


def _template(template: str | None) -> Block:
    element: Block = {
        "type": "plain_text_input",
        "multiline": True,
        "max_length": limits.INPUT_CHARACTERS,
        "placeholder": b.plain(EXAMPLE, limits.PLACEHOLDER),
    }
    if template:
        element["initial_value"] = template[: limits.INPUT_CHARACTERS]
    hint = "{{ name }} is filled in from the column “name” of each row. Not needed with a column “prompt”."
    return _input("template", "Prompt template", element, hint=hint)


def _model(cards: Sequence[ModelCard], changes: Changes) -> Block:
    groups = []
    options: dict[tuple[str, str], Block] = {}
    for name in dict.fromkeys(card.provider for card in cards):
        mine = [card for card in cards if card.provider == name]
        for card in mine:
            text = f"{card.id}: {w.each(card)}"
            value = f"{card.provider}/{card.id}"[: limits.OPTION_VALUE]
            options[card.provider, card.id] = {"text": b.plain(text, limits.OPTION_TEXT), "value": value}
        group = [options[card.provider, card.id] for card in mine]
        groups.append({"label": b.plain(name, limits.OPTION_TEXT), "options": group})
    chosen = next((card for card in cards if _meant(card, changes)), cards[0] if cards else None)
    if chosen is None:
        nothing = {"text": b.plain("No model is set up", limits.OPTION_TEXT), "value": "none"}
        return _input("model", "Model", {"type": "static_select", "options": [nothing]}, optional=False)
    element = {
        "type": "static_select",
        "option_groups": groups,
        "initial_option": options[chosen.provider, chosen.id],
    }
    hint = "Price of one picture in its usual size; the plan shows the whole price before anything is spent."
    return _input("model", "Model", element, hint=hint, optional=False)


def _meant(card: ModelCard, changes: Changes) -> bool:
    return changes.model in (None, card.id) and changes.provider in (None, card.provider)


def _text(block_id: str, label: str, value: object, placeholder: str, hint: str) -> Block:
    element: Block = {
        "type": "plain_text_input",
        "max_length": 40,
        "placeholder": b.plain(placeholder, limits.PLACEHOLDER),
    }
    if value is not None:
        element["initial_value"] = str(value)
    return _input(block_id, label, element, hint=hint)


def _quality(cards: Iterable[ModelCard], changes: Changes) -> Block:
    names = list(dict.fromkeys(name for card in cards for name in card.qualities))
    options = [_option("As the model does it", "default"), *(_option(name, name) for name in names[:50])]
    chosen = next((o for o in options if o["value"] == changes.quality), options[0])
    element = {"type": "static_select", "options": options, "initial_option": chosen}
    return _input("quality", "Quality", element)


def _option(text: str, value: str, description: str = "") -> Block:
    made: Block = {"text": b.plain(text, limits.OPTION_TEXT), "value": value[: limits.OPTION_VALUE]}
    if description:
        made["description"] = b.plain(description, limits.OPTION_TEXT)
    return made


def _number(block_id: str, label: str, value: int, most: int) -> Block:
    element = {
        "type": "number_input",
        "is_decimal_allowed": False,
        "min_value": "1",
        "max_value": str(most),
        "initial_value": str(value),
    }
    return _input(block_id, label, element, optional=False)


def _lane(changes: Changes) -> Block:
    options = [_option(lane.value.capitalize(), lane.value, w.LANES[lane]) for lane in Lane]
    chosen = next((o for o in options if changes.lane and o["value"] == changes.lane.value), options[0])
    element = {"type": "radio_buttons", "options": options, "initial_option": chosen}
    return _input("lane", "Price or speed", element, optional=False)


def _budget(changes: Changes) -> Block:
    element: Block = {"type": "number_input", "is_decimal_allowed": True, "min_value": "0.01"}
    if changes.budget_usd is not None:
        element["initial_value"] = str(changes.budget_usd)
    hint = "The batch is refused if it may cost more."
    return _input("budget", "Budget in US dollars", element, hint=hint)


def _channel() -> Block:
    element = {
        "type": "conversations_select",
        "default_to_current_conversation": True,
        "filter": {"include": ["public", "private", "im"], "exclude_bot_users": False},
    }
    hint = "The plan, the progress and the pictures are posted there. I must be a member."
    return _input("channel", "Post in", element, hint=hint, optional=False)


# --- reading it ----------------------------------------------------------------------------------------


class FormError(ValueError):
    """Fields that need another look: sentences by block id."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = {block: b.cut(text, limits.FIELD_ERROR) for block, text in errors.items()}


@dataclass(frozen=True, slots=True)
class Form:
    """The form as filled in, checked as far as that goes without the sheet's content."""

    sheet: Sheet
    spec: JobSpec
    channel: str
    thread: str | None


def read_form(view: Mapping[str, Any]) -> Form:
    """Raises FormError with a sentence for each field that is wrong."""
    state = {block: entry.get(block) or {} for block, entry in view["state"]["values"].items()}
    origin = Origin.read(view.get("private_metadata") or "")
    errors: dict[str, str] = {}
    sheet = origin.sheet or _given_sheet(state.get("sheet", {}), errors)
    template = (state.get("template", {}).get("value") or "").strip() or None
    if template:
        try:
            compile_template(template)
        except TemplateError as problem:
            errors["template"] = str(problem)
    size = None
    if text := (state.get("size", {}).get("value") or "").strip():
        try:
            size = check_size(text)
        except ValueError as problem:
            errors["size"] = str(problem)
    provider, _, model = _chosen(state, "model").partition("/")
    if not model:
        errors["model"] = "No model is set up; please tell whoever set imgbatch up."
    quality = _chosen(state, "quality")
    budget = _read_budget(state.get("budget", {}).get("value"), errors)
    if errors or sheet is None:
        raise FormError(errors)
    spec = JobSpec(
        template=template,
        provider=provider,
        model=model,
        size=size,
        quality=None if quality in ("", "default") else quality,
        variants=int(state["variants"].get("value") or 1),
        lane=Lane(_chosen(state, "lane") or Lane.BATCH),
        budget_usd=budget,
    )
    channel = origin.channel or str(state["channel"].get("selected_conversation") or "")
    return Form(sheet, spec, channel, origin.thread)


def _given_sheet(entry: Mapping[str, Any], errors: dict[str, str]) -> Sheet | None:
    given = entry.get("files") or []
    if not given:
        errors["sheet"] = "Add a sheet."
        return None
    sheet = files.sheet_of(given[0])
    if sheet.name and files.ending(sheet.name) not in files.SHEETS:
        errors["sheet"] = f"{sheet.name} is not a sheet; add a CSV, TSV or XLSX file."
    elif sheet.size > limits.FORM_FILE_BYTES:
        errors["sheet"] = (
            f"{sheet.name} is larger than 10 MB; drop it into the channel and mention me instead."
        )
    return sheet


def _chosen(state: Mapping[str, Any], block: str) -> str:
    return str((state.get(block, {}).get("selected_option") or {}).get("value") or "")


def _read_budget(value: str | None, errors: dict[str, str]) -> Decimal | None:
    if not value:
        return None
    try:
        budget = Decimal(value)
    except InvalidOperation:
        errors["budget"] = f"“{value}” is not an amount; write US dollars, like 25 or 12.50."
        return None
    if not 0 < budget <= MAX_BUDGET_USD:
        errors["budget"] = f"A budget is more than $0 and at most ${MAX_BUDGET_USD:,}."
    return budget


# --- details -------------------------------------------------------------------------------------------


def details(job_id: str, body: Sequence[Block]) -> View:
    """A job in rows and dollars, to look at."""
    return {
        "type": "modal",
        "callback_id": "job_details",
        "title": b.plain(f"Job {job_id}", limits.VIEW_TITLE),
        "close": b.plain("Close", limits.VIEW_TITLE),
        "blocks": list(body)[: limits.VIEW_BLOCKS],
    }


def home(body: Sequence[Block]) -> View:
    """The App Home."""
    return {"type": "home", "blocks": list(body)[: limits.VIEW_BLOCKS]}
