"""What a form says, as the options of a job, with a sentence for every field that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from bot.intake.deadline import check_deadline
from bot.intake.glance import Glance, Preview, preview
from bot.intake.options import MAX_BUDGET_USD, check_brand, read_route
from bot.intake.rows import check_size
from bot.intake.spec import CHEAPEST, JobSpec
from bot.intake.template import TemplateError, compile_template
from bot.slack import files, limits
from bot.slack.draft import CHANNEL, MAPPED, MODEL, OFF_PEAK, SHEET, TEMPLATE, Draft
from bot.slack.fields import FormError
from bot.slack.files import Sheet
from bot.slack.form import BLANK, OTHER, name_of
from providers.base import Lane, Size

T = TypeVar("T")


def spec_of(draft: Draft, providers: Mapping[str, Any]) -> JobSpec:
    """The options as filled in, checked as far as that goes without the sheet. Raises FormError."""
    errors: dict[str, str] = {}

    def read(name: str, reader: Callable[[str], T]) -> T | None:
        said = draft.text(name)
        if not said:
            return None
        try:
            return reader(said)
        except ValueError as problem:
            errors[name] = f"{str(problem).rstrip('.')}."
            return None

    template = draft.text(TEMPLATE) or None
    if template:
        try:
            compile_template(template)
        except TemplateError as problem:
            errors[TEMPLATE] = str(problem)
    route = read("route", read_route) or ()
    unknown = [name for name in route if name not in providers and name != CHEAPEST]
    if unknown:
        errors["route"] = f"There is no provider “{unknown[0]}” here; set up are: {', '.join(providers)}."
    provider, model = (None, None) if route else _model(draft, errors)
    quality = draft.text("quality")
    lane = draft.text("lane") or Lane.BATCH.value
    spec = JobSpec(
        template=template,
        provider=provider,
        model=model,
        route=route,
        size=_size(draft, errors),
        quality=None if quality in ("", "default") else quality,
        variants=int(draft.text("variants") or 1),
        lane=Lane.BATCH if lane == OFF_PEAK else Lane(lane),
        off_peak=lane == OFF_PEAK,
        budget_usd=read("budget", read_usd),
        pilot=int(draft.text("pilot")) if draft.text("pilot") else None,
        reuse="approved" if draft.several("reuse") else None,
        delivery=draft.text("delivery") or None,
        deadline=read("deadline", check_deadline),
        rush=bool(draft.several("rush")),
        review_by=read("review_by", check_deadline),
        quorum=int(draft.text("quorum")) if draft.text("quorum") else None,
        prefix=read("prefix", check_brand) or "",
        suffix=read("suffix", check_brand) or "",
        background=draft.text("background") or None,
        title=draft.text("title"),
        mapping=mapping_of(draft),
    )
    if spec.rush and not spec.deadline:
        errors["deadline"] = "Say by when; without that nothing can get late."
    if errors:
        raise FormError(errors)
    return spec


def mapping_of(draft: Draft) -> dict[str, str]:
    """Template variable -> column, as chosen so far."""
    chosen = {name: draft.text(name) for name in draft.values if name.startswith(MAPPED)}
    return {n.removeprefix(MAPPED): "" if v == BLANK else v for n, v in chosen.items() if v}


def _model(draft: Draft, errors: dict[str, str]) -> tuple[str | None, str | None]:
    """The provider they have in common, and the models with commas between them."""
    pairs = [value.partition("/")[::2] for value in draft.several(MODEL) if "/" in value]
    if not pairs:
        errors[MODEL] = "Choose a model; if there is none, please tell whoever set imgbatch up."
        return None, None
    providers = {provider for provider, _ in pairs}
    return (providers.pop() if len(providers) == 1 else None), ",".join(model for _, model in pairs)


def _size(draft: Draft, errors: dict[str, str]) -> Size | None:
    said, name = draft.text("size"), "size"
    if said == OTHER:
        said, name = draft.text("own_size"), "own_size"
    if said in ("", "auto"):
        return None
    try:
        return check_size(said)
    except ValueError as problem:
        errors[name] = f"{str(problem).rstrip('.')}."
        return None


def read_usd(text: str) -> Decimal:
    """An amount of US dollars. Raises ValueError with a sentence."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"“{text}” is not an amount; write US dollars, like 25 or 12.50.") from None
    if not 0 < amount <= MAX_BUDGET_USD:
        raise ValueError(f"It is more than $0 and at most ${MAX_BUDGET_USD:,}.")
    return amount


def lenient(draft: Draft) -> JobSpec:
    """As much of the options as the preview of a prompt needs, right or wrong."""
    return JobSpec(
        template=draft.text(TEMPLATE) or None,
        mapping=mapping_of(draft),
        prefix=draft.text("prefix"),
        suffix=draft.text("suffix"),
    )


def preview_of(draft: Draft) -> Preview | None:
    """What can be shown of the first row now; without a sheet, what is wrong with the template itself."""
    if draft.glance is not None and not draft.glance.problem:
        if not draft.text(TEMPLATE) and "prompt" not in (c.lower() for c in draft.glance.columns):
            return Preview()
        return preview(draft.glance, lenient(draft))
    if draft.glance is None and draft.sheet is None and draft.text(TEMPLATE):
        try:
            compile_template(draft.text(TEMPLATE))
        except TemplateError as problem:
            return Preview(problem=str(problem))
    return None


def sheet_of(view: Mapping[str, Any], draft: Draft) -> Sheet:
    """The sheet: given with this submission, or before. Raises FormError."""
    state = view["state"]["values"]
    entries = [
        one for name, entry in state.items() if name.partition("~")[0] == SHEET for one in entry.values()
    ]
    given = next((one.get("files") or [] for one in entries), [])
    if not given and draft.sheet is not None:
        return draft.sheet
    if not given:
        raise FormError({SHEET: "Add a sheet."})
    sheet = files.sheet_of(given[0])
    if sheet.name and files.ending(sheet.name) not in files.SHEETS:
        raise FormError({SHEET: f"{sheet.name} is not a sheet; add a CSV, TSV or XLSX file."})
    if sheet.size > limits.FORM_FILE_BYTES:
        said = f"{sheet.name} is larger than 10 MB; drop it into the channel and mention me instead."
        raise FormError({SHEET: said})
    return sheet


def objection(glance: Glance, spec: JobSpec) -> tuple[Preview, dict[str, str]]:
    """What the sheet says to the options: a preview, and sentences by field for what is wrong."""
    if glance.problem:
        return Preview(), {SHEET: glance.problem}
    seen = preview(glance, spec)
    return seen, {} if seen.missing or not seen.problem else {TEMPLATE: seen.problem}


def by_block(view: Mapping[str, Any], errors: Mapping[str, str]) -> dict[str, str]:
    """The sentences by the ids the view's fields have now; those of fields it does not show go to the first
    it does.
    """
    ids = {name_of(block): block["block_id"] for block in view["blocks"] if block["type"] == "input"}
    fallback = ids.get(TEMPLATE) or next(iter(ids.values()))
    found: dict[str, str] = {}
    for name, said in errors.items():
        found.setdefault(ids.get(name, fallback), said)
    return found


def posted_in(draft: Draft) -> str:
    """The channel the batch is posted in."""
    return draft.here if draft.fixed else draft.text(CHANNEL)
