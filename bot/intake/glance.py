"""A sheet at a glance: its columns and its first good row, and what a template makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.intake.columns import ROLES, identifier, key_of
from bot.intake.records import SheetError
from bot.intake.sheet import open_sheet
from bot.intake.spec import JobSpec, SheetRow, dressed
from bot.intake.template import TemplateError, compile_template

LOOKED_AT = 50
"""Lines in which a good row is looked for."""

SHOWN_CHARACTERS = 500
"""Of a cell, kept for the preview."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What a form can show of a sheet without reading all of it."""

    columns: tuple[str, ...]
    row: Mapping[str, str]
    """The first good row's cells; empty when there is none near the top."""
    line: int = 0
    """Where that row stands."""
    problem: str | None = None
    """Why the sheet cannot be used, as a sentence; there is nothing else then."""

    @property
    def key(self) -> str | None:
        """The column that names the rows and their files, if there is one."""
        return key_of(self.columns)

    def to_json(self) -> dict[str, Any]:
        return {
            "columns": list(self.columns),
            "row": dict(self.row),
            "line": self.line,
            "problem": self.problem,
        }

    @classmethod
    def of_json(cls, given: Mapping[str, Any]) -> Glance:
        return cls(tuple(given["columns"]), dict(given["row"]), int(given["line"]), given.get("problem"))


@dataclass(frozen=True, slots=True)
class Preview:
    """What the model would be asked for the first row, or what is in the way."""

    prompt: str | None = None
    prompts: int = 1
    """How many prompts each row makes (choices multiply)."""
    problem: str | None = None
    missing: tuple[str, ...] = ()
    """Template variables without a column."""


def look(path: Path, name: str) -> Glance:
    """Open a sheet and read its first good row. A sheet that cannot be used is told, not raised."""
    try:
        sheet = open_sheet(path, name=name)
        for number, row in enumerate(sheet.rows()):
            if isinstance(row, SheetRow):
                cells = {column: cell[:SHOWN_CHARACTERS] for column, cell in row.cells.items()}
                return Glance(sheet.columns, cells, row.line)
            if number >= LOOKED_AT:
                break
    except SheetError as problem:
        return Glance((), {}, problem=str(problem))
    return Glance(sheet.columns, {})


def preview(glance: Glance, spec: JobSpec) -> Preview:
    """The prompt of the first row as the job would ask it."""
    own = next((c for c in glance.columns if identifier(c) in ROLES["prompt"] and glance.row.get(c)), None)
    if own is not None:
        return Preview(dressed(glance.row[own], spec))
    if not spec.template:
        return Preview(problem="Write a template, or give the sheet a column “prompt”.")
    try:
        template = compile_template(spec.template)
        missing = tuple(name for name in template.missing(glance.columns) if name not in spec.mapping)
        if missing:
            return Preview(missing=missing, problem=_unmatched(missing))
        if not glance.row:
            return Preview(problem="No usable row was found near the top of the sheet.")
        prompt = template.for_columns(glance.columns, spec.mapping).render(glance.row)
    except TemplateError as problem:
        return Preview(problem=str(problem))
    if not prompt:
        return Preview(problem="The prompt of the first row is empty; fill in the cells the template uses.")
    return Preview(dressed(prompt, spec), template.expansions)


def _unmatched(missing: tuple[str, ...]) -> str:
    names = ", ".join(f"{{{{ {name} }}}}" for name in missing)
    return f"The sheet has no column for {names}; choose which column is meant."
