"""What is saved here and names a model that is gone, or soon will: found before a batch is refused for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from bot.config import Settings
from bot.doctor.finding import Finding, State
from bot.runtime import now
from providers import catalogue
from providers.catalogue import CatalogueError, ModelCard
from storage.engine import StoreError, newest_form, open_engine, present_form
from storage.shelf import Shelf
from storage.writer import Writer


def saved_models(settings: Settings) -> Iterator[Finding]:
    """The models of presets and schedules, whoever made them. Changes nothing."""
    own = [settings.imgbatch_catalogue] if settings.imgbatch_catalogue else []
    try:
        cards = [card for models in catalogue.load(*own).values() for card in models.values()]
    except CatalogueError as problem:
        yield Finding("models", State.WRONG, f"{problem}.")
        return
    saved = _saved(settings)
    told = 0
    for what, body, advice in saved:
        for card in _named(body, cards):
            ending = _ending(card, now().date())
            if ending:
                told += 1
                yield Finding("models", State.WARNING, f"{what} names {card.id}, which {ending}. {advice}")
    if saved and not told:
        yield Finding("models", State.GOOD, "No preset or schedule names a model that is gone, or soon will.")


def _saved(settings: Settings) -> Sequence[tuple[str, Mapping[str, Any], str]]:
    """What it is, what it holds, and what to do; nothing where there are no tables of this program yet."""
    if settings.imgbatch_database_url is None and not (settings.imgbatch_data / "imgbatch.db").exists():
        return []
    try:
        engine = open_engine(settings.database_url)
    except StoreError:
        return []  # the look at the database says so
    try:
        if present_form(engine) != newest_form():
            return []
        presets, schedules = Shelf(engine, Writer(engine)).everywhere()
    except StoreError:
        return []
    finally:
        engine.dispose()
    save, again = "Save it with another model.", "End it, and schedule a batch with another model."
    found = [(f"The preset “{one.name}” of {one.channel}", _options(one.body), save) for one in presets]
    found += [(f"The schedule {one.id} (“{one.title}”, {one.channel})", one.spec, again) for one in schedules]
    return found


def _options(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """A preset's options stand beside its template and approvers."""
    changes = body.get("changes")
    return changes if isinstance(changes, Mapping) else {}


def _named(options: Mapping[str, Any], cards: Sequence[ModelCard]) -> Iterator[ModelCard]:
    names = [name.strip() for name in str(options.get("model") or "").split(",")]
    provider = options.get("provider")
    for card in cards:
        if card.id in names and provider in (None, "", card.provider):
            yield card


def _ending(card: ModelCard, today: date) -> str:
    """“was shut down on 2026-12-01; gpt-image-2 follows it”; empty where it goes on."""
    follows = f"; {card.successor} follows it" if card.successor else ""
    if card.retired(today):
        return f"was shut down on {card.shutdown}{follows}"
    return f"will be shut down on {card.shutdown}{follows}" if card.retiring(today) else ""
