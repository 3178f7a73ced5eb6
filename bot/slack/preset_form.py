"""The form of a preset: drawn from what it holds, and read back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bot.imaging.presets import PRESETS
from bot.intake.options import (
    MAX_BRAND_CHARACTERS,
    Changes,
    check_brand,
    check_name,
)
from bot.intake.preset import DEFAULT, Defaults
from bot.intake.rows import MAX_VARIANTS, check_size
from bot.intake.template import TemplateError, compile_template
from bot.slack import blocks as b
from bot.slack import fields as f
from bot.slack import limits
from bot.slack.draft import OFF_PEAK
from bot.slack.fields import FormError, Values, View
from bot.slack.form import SIZES
from bot.slack.form_reading import read_usd
from bot.slack.reach import Where
from providers.base import Lane
from providers.catalogue import ModelCard

CALLBACK = "preset_form"

MOST_VOTES = 9
"""As the option `quorum` has it."""


def preset_form(where: Where, name: str, held: Defaults, cards: Sequence[ModelCard]) -> View:
    """A new preset, or one that is there."""
    body = [
        f.field(
            "name",
            "Name",
            f.text(name or None, "packshots", most=30),
            hint=f"The preset called “{DEFAULT}” is used without being named.",
            optional=False,
        ),
        *_making(held.changes, cards),
        *_wording(held),
        *_amounts(held.changes),
        *_agreeing(held),
    ]
    groups = [who for who in held.approvers if who.startswith("S")]
    if groups:
        said = " ".join(f"<!subteam^{group}>" for group in groups)
        body.append(b.context(f"The groups {said} review as well; the command sets them."))
    kept = json.dumps({"team": where.team, "channel": where.channel, "name": name, "groups": groups})
    return f.modal(CALLBACK, "Edit preset" if name else "New preset", body, submit="Save", kept=kept)


def _making(changes: Changes, cards: Sequence[ModelCard]) -> list[b.Block]:
    """Who makes the pictures, in which size, and when."""
    return [
        f.field("model", "Model", _models(cards, changes)),
        f.field("size", "Size", f.text(str(changes.size or ""), "1024x1024", most=40), hint=_sizes()),
        f.field("lane", "Price or speed", _lane(changes)),
    ]


def _wording(held: Defaults) -> list[b.Block]:
    """What every prompt is made of."""
    front, behind = "Clean studio look, soft daylight.", "No text, no people."
    prefix = f.text(held.changes.prefix, front, most=MAX_BRAND_CHARACTERS, lines=True)
    suffix = f.text(held.changes.suffix, behind, most=MAX_BRAND_CHARACTERS, lines=True)
    never = "What shall never be in a picture fits here: models take no list of forbidden words."
    template = f.text(held.template, most=limits.INPUT_CHARACTERS, lines=True)
    return [
        f.field("prefix", "Words in front of every prompt", prefix, hint="Your brand's style, said once."),
        f.field("suffix", "Words behind every prompt", suffix, hint=never),
        f.field("template", "Prompt template", template),
    ]


def _amounts(changes: Changes) -> list[b.Block]:
    """How well and how often each is made, what for, and for how much at most."""
    variants = f.number(_str(changes.variants), least="1", most=str(MAX_VARIANTS))
    budget = f.number(_str(changes.budget_usd), least="0.01", decimal=True)
    return [
        f.field("quality", "Quality", f.text(changes.quality, "high", most=30)),
        f.field("variants", "Pictures per prompt", variants),
        f.field("delivery", "Web files for", _deliveries(changes)),
        f.field("budget", "Budget of a batch in US dollars", budget),
    ]


def _agreeing(held: Defaults) -> list[b.Block]:
    """Who must agree to prices and pictures."""
    approval = f.number(_str(held.approval_usd), least="0.01", decimal=True)
    only = f"This, and from which price a second person must agree, count in the preset “{DEFAULT}”."
    quorum = f.number(_str(held.quorum), least="1", most=str(MOST_VOTES))
    return [
        f.field("approval", "A second person must agree above, in US dollars", approval),
        f.field("approvers", "Who reviews the pictures", _people(held.approvers), hint=only),
        f.field("quorum", "How many must approve", quorum),
    ]


def _str(value: object) -> str:
    return "" if value is None else str(value)


def _sizes() -> str:
    return f"Width x height, such as {', '.join(list(SIZES)[:3])}."


def _models(cards: Sequence[ModelCard], changes: Changes) -> b.Block:
    options = [
        f.option(f"{card.provider}: {card.title or card.id}", f"{card.provider}/{card.id}") for card in cards
    ]
    said = f"{changes.provider or ''}/{changes.model or ''}"
    chosen = next((one["value"] for one in options if one["value"] == said), None)
    if chosen is None and (changes.model or changes.provider or changes.route):
        own = changes.model or changes.provider or ", ".join(changes.route or ())
        options.insert(0, f.option(own, f"own:{own}"))
        chosen = f"own:{own}"[: limits.OPTION_VALUE]
    return f.choice(options or [f.option("No model is set up", "none")], chosen)


def _lane(changes: Changes) -> b.Block:
    options = [
        f.option("Later, cheaper", Lane.BATCH.value),
        f.option("Now", Lane.LIVE.value),
        f.option("Overnight, cheaper", OFF_PEAK),
    ]
    chosen = OFF_PEAK if changes.off_peak else changes.lane.value if changes.lane else None
    return f.choice(options, chosen)


def _deliveries(changes: Changes) -> b.Block:
    options = [f.option(f"{one.name} ({one.size}, {one.format})", one.name) for one in PRESETS.values()]
    if changes.delivery and changes.delivery not in PRESETS:
        options.append(f.option(changes.delivery, changes.delivery))
    return f.choice(options, changes.delivery)


def _people(approvers: Sequence[str]) -> b.Block:
    element: b.Block = {"type": "multi_users_select"}
    people = [who for who in approvers if not who.startswith("S")]
    return element | ({"initial_users": people} if people else {})


def read_preset(view: dict[str, Any], before: Defaults) -> tuple[Where, str, str, Defaults]:
    """Where it belongs, the name it had and has, and what it holds. Raises FormError.

    What the form does not show is kept as it was `before`.
    """
    kept = json.loads(view["private_metadata"])
    values, errors = f.filled(view), dict[str, str]()

    def read(field: str, reader: Any) -> Any:
        said = values.get(field)
        if not isinstance(said, str) or not said:
            return None
        try:
            return reader(said)
        except ValueError as problem:
            errors[field] = f"{str(problem).rstrip('.')}."
            return None

    name = read("name", check_name) or ""
    template = read("template", str)
    if template:
        try:
            compile_template(template)
        except TemplateError as problem:
            errors["template"] = str(problem)
    budget, approval = read("budget", read_usd), read("approval", read_usd)
    changes = replace(
        before.changes,
        **_maker(values, before.changes),
        **_when(values),
        size=read("size", check_size),
        prefix=read("prefix", check_brand),
        suffix=read("suffix", check_brand),
        quality=read("quality", str.lower),
        variants=read("variants", int),
        delivery=read("delivery", str),
        budget_usd=budget,
    )
    people = values.get("approvers") or []
    held = Defaults(changes, template, (*people, *kept["groups"]), approval, read("quorum", int))
    if not errors and held == Defaults():
        errors["name"] = "Fill in at least one field; an empty preset does nothing."
    if errors:
        raise FormError(errors)
    return Where(kept["team"], kept["channel"], ""), kept["name"], name, held


def _maker(values: Values, before: Changes) -> dict[str, Any]:
    said = values.get("model")
    if not isinstance(said, str) or said == "none":
        return {"provider": None, "model": None, "route": None}
    if said.startswith("own:"):
        return {"provider": before.provider, "model": before.model, "route": before.route}
    provider, _, model = said.partition("/")
    return {"provider": provider, "model": model, "route": None}


def _when(values: Values) -> dict[str, Any]:
    said = values.get("lane")
    if not isinstance(said, str) or not said:
        return {"lane": None, "off_peak": None}
    if said == OFF_PEAK:
        return {"lane": Lane.BATCH, "off_peak": True}
    return {"lane": Lane(said), "off_peak": None}
