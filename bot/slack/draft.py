"""A form of a new batch as far as it is filled in: opened, closed and opened again without losing a word."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bot.intake.glance import Glance
from bot.intake.options import Changes
from bot.runtime import Context
from bot.slack import fields as f
from bot.slack import files, limits
from bot.slack.fields import Value, Values
from bot.slack.files import Sheet
from providers.base import Lane

MAPPED = "map_"
"""Begins the names of the fields that say which column a variable means."""

OFF_PEAK = "off_peak"
"""The third way beside the lanes: the cheap one, in the operator's quiet hours."""

SHEET, TEMPLATE, MODEL, CHANNEL = "sheet", "template", "model", "channel"


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person has said so far, and what is known of their sheet."""

    id: str
    """Tells this opening of the form from another one of the same person."""
    team: str = ""
    values: Values = field(default_factory=dict)
    """Plain values by field, those that are not shown among them."""
    sheet: Sheet | None = None
    """A file at Slack; its address is asked for again when it is needed."""
    glance: Glance | None = None
    here: str = ""
    """The channel whose presets are used."""
    thread: str | None = None
    """Where the batch is posted, if it was asked for on a message; the channel is fixed then."""
    more: bool = False
    """The further options are shown."""
    turn: int = 0
    """How often fields were filled in anew: their ids carry it, else Slack would keep what stood in them."""
    kept_at: str = ""
    """When it was put aside, in seconds; empty: it is new."""

    @property
    def fixed(self) -> bool:
        """Whether the channel cannot be chosen."""
        return self.thread is not None

    def text(self, name: str) -> str:
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    def several(self, name: str) -> list[str]:
        value = self.values.get(name)
        return list(value) if isinstance(value, list) else []

    def with_values(self, values: Mapping[str, Value]) -> Draft:
        return replace(self, values={**self.values, **values})

    def anew(self, values: Mapping[str, Value]) -> Draft:
        """The same with values that take the place of what stands in the fields."""
        return replace(self, values={**self.values, **values}, turn=self.turn + 1)

    # --- at rest ---------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "team": self.team,
            "values": {name: value for name, value in self.values.items() if value},
            "sheet": {"id": self.sheet.id, "name": self.sheet.name, "size": self.sheet.size}
            if self.sheet
            else None,
            "glance": self.glance.to_json() if self.glance else None,
            "here": self.here,
            "thread": self.thread,
            "more": self.more,
            "turn": self.turn,
            "kept_at": self.kept_at,
        }

    @classmethod
    def of_json(cls, given: Mapping[str, Any]) -> Draft:
        return cls(
            str(given["id"]),
            str(given.get("team") or ""),
            dict(given.get("values") or {}),
            files.sheet_of(given["sheet"]) if given.get("sheet") else None,
            Glance.of_json(given["glance"]) if given.get("glance") else None,
            str(given.get("here") or ""),
            given.get("thread"),
            bool(given.get("more")),
            int(given.get("turn") or 0),
            str(given.get("kept_at") or ""),
        )

    # --- in a view -------------------------------------------------------------------------------

    def kept_in_view(self, shown: set[str]) -> str | None:
        """What the view itself must carry: ids, and the values of fields it does not show. None when that
        does not fit.
        """
        body = replace(self, values={n: v for n, v in self.values.items() if n not in shown}, glance=None)
        said = json.dumps({k: v for k, v in body.to_json().items() if v}, ensure_ascii=False)
        return said if len(said) <= limits.VIEW_KEPT else None

    @classmethod
    def in_view(cls, ctx: Context, view: Mapping[str, Any], person: str) -> Draft:
        """The draft a view stands for, with what is filled in there now."""
        kept = cls.of_json(json.loads(view["private_metadata"]))
        put_aside = ctx.shelf.draft(kept.team, person)
        if put_aside is not None and put_aside.get("id") == kept.id:
            # The view does not know what came with an earlier submission, or was said in the second step
            whole = cls.of_json(put_aside)
            kept = kept.with_values(whole.values)
            if whole.sheet is not None and (kept.sheet is None or whole.sheet.id == kept.sheet.id):
                kept = replace(kept, sheet=whole.sheet, glance=whole.glance)
        return kept.with_values(f.filled(view))

    def keep(self, ctx: Context, person: str, now: datetime) -> None:
        """Put it aside, if there is something in it worth keeping."""
        if self.text(TEMPLATE) or self.sheet is not None:
            aside = replace(self, kept_at=str(int(now.timestamp())))
            ctx.shelf.keep_draft(self.team, person, aside.to_json(), now)


def values_of(changes: Changes, template: str | None) -> dict[str, Value]:
    """The fields as these options fill them in; silent ones are left out."""
    said: dict[str, Value] = {
        "template": template,
        "size": str(changes.size) if changes.size else None,
        "quality": changes.quality,
        "variants": str(changes.variants) if changes.variants else None,
        "budget": str(changes.budget_usd) if changes.budget_usd is not None else None,
        "title": changes.title,
        "route": ", ".join(changes.route) if changes.route else None,
        "background": changes.background,
        "prefix": changes.prefix,
        "suffix": changes.suffix,
        "delivery": changes.delivery,
        "pilot": str(changes.pilot) if changes.pilot else None,
        "deadline": changes.deadline,
        "quorum": str(changes.quorum) if changes.quorum else None,
        "review_by": changes.review_by,
        "rush": ["rush"] if changes.rush else None,
        "reuse": ["approved"] if changes.reuse else None,
        "preset": changes.preset,
    }
    if changes.lane is not None or changes.off_peak:
        said["lane"] = (
            OFF_PEAK
            if changes.off_peak and changes.lane is not Lane.LIVE
            else str(changes.lane or Lane.BATCH)
        )
    if changes.model or changes.provider:
        names = changes.model.split(",") if changes.model else [""]
        said["model"] = [f"{changes.provider or ''}/{name}" for name in names]
    return {name: value for name, value in said.items() if value}
