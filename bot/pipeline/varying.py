"""What a job's prompts are made of: its template, and the columns that vary in it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from bot.intake.columns import variables_of
from bot.intake.template import TemplateError, compile_template
from storage.records import Job

COLUMNS = 12
"""Columns of a sheet looked at."""


def template_of(job: Job) -> str:
    """Its words, however they are spaced; empty where every row brings its own prompt."""
    return " ".join(str(job.spec.get("template") or "").split())


def columns_of(job: Job) -> Sequence[tuple[str, str]]:
    """Variable and column of those that the prompts are made of; of all where that cannot be told."""
    mapping = tuple(sorted((job.spec.get("mapping") or {}).items()))
    return _columns(job.spec.get("template") or "", tuple(job.columns), mapping)


@lru_cache(maxsize=1024)  # reading a template takes a millisecond, and many jobs have the same
def _columns(
    template: str, columns: tuple[str, ...], mapping: tuple[tuple[str, str], ...]
) -> Sequence[tuple[str, str]]:
    known, meant = variables_of(columns), dict(mapping)
    names = list(known)
    if template:
        try:
            names = sorted(compile_template(template, columns, meant).variables)
        except TemplateError:
            meant = {}
    found = [(name, meant.get(name) or known.get(name, "")) for name in names]
    return tuple((name, column) for name, column in found if column in columns)[:COLUMNS]
