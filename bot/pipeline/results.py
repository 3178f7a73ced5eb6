"""The person's own sheet with what became of each row, made so that it can be edited and returned."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from bot.imaging.quality import Flag
from bot.intake.columns import identifier
from bot.intake.outgoing import Cell, plain, writing_table
from bot.runtime import Context
from storage.records import Item, Job, Row, Vote
from storage.sheets import Spent
from storage.states import ItemState, ReviewState

JOB_COLUMN, ROW_COLUMN = "imgbatch_job", "imgbatch_row"
"""By which a returned sheet is recognised, however it was sorted or renamed."""

RESULT_COLUMNS = (
    "status",
    "reason",
    "review",
    "version",
    "attempts",
    "cost_usd",
    "approved_by",
    "review_reason",
    "file",
    "flags",
)
"""Added after the person's own columns and the two above; a clash gets `imgbatch_` in front."""

BAD_ROW = "bad_row"
"""Status of a row that could not be used."""

PAGE = 500
"""Rows whose pictures are read together."""

Names = Callable[[str], str]
"""What a person is called, by id."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row with everything that became of it."""

    row: Row
    items: Sequence[Item]
    """All versions, oldest first."""
    spent: Spent
    votes: Sequence[Vote]

    @property
    def current(self) -> Sequence[Item]:
        """The version that counts of each picture, made or not."""
        return [item for item in self.items if item.review is not ReviewState.REPLACED]

    @property
    def kept(self) -> Sequence[Item]:
        """The version of each picture whose file stands for it, while another may be in the making."""
        best: dict[int, Item] = {}
        for item in self.items:
            known = best.get(item.first)
            if item.state is ItemState.STORED and (known is None or known.review is ReviewState.REPLACED):
                best[item.first] = item
        return list(best.values())


def results_name(job: Job) -> str:
    """`results.csv`, or `results.xlsx` where a workbook was handed in."""
    return f"results.{kind_of(job)}"


def kind_of(job: Job) -> str:
    return "xlsx" if job.sheet_name.lower().endswith(".xlsx") else "csv"


def own_columns(job: Job) -> tuple[str, ...]:
    """The person's columns: those of the sheet, without ours where it was one of ours itself."""
    return tuple(name for name in job.columns if identifier(name) not in (JOB_COLUMN, ROW_COLUMN))


def added_columns(job: Job) -> tuple[str, ...]:
    """What ours are called in this job's sheet, in their order."""
    named = (name if name not in job.columns else f"imgbatch_{name}" for name in RESULT_COLUMNS)
    return (JOB_COLUMN, ROW_COLUMN, *named)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows, and how."""

    only: Callable[[Line], bool] = lambda _line: True
    prompts: bool = False
    """With a `prompt` column to reword, where the sheet has none."""
    names: Names = lambda person: person


def write_results(ctx: Context, job: Job, file: BinaryIO, wanted: Wanted | None = None) -> int:
    """One line per row in the sheet's order, the person's own columns first; how many lines.

    A row with several pictures has them in its one line, separated by “; ”. The costs add up to what `audit`
    says.
    """
    wanted = wanted or Wanted()
    own = own_columns(job)
    extra = ("prompt",) if wanted.prompts and not has_prompts(job) else ()
    files = FileNames.of(ctx, job)
    lines = 0
    with writing_table(file, kind_of(job)) as table:
        table.row([*own, *extra, *added_columns(job)])
        for line in lines_of(ctx, job):
            if not wanted.only(line):
                continue
            cells = [line.row.cells.get(column, "") for column in own]
            prompt = [_prompt(job, line)] if extra else []
            table.row([*cells, *prompt, job.id, line.row.number, *_fate(line, files, wanted.names)])
            lines += 1
    return lines


def has_prompts(job: Job) -> bool:
    return any(identifier(name) == "prompt" for name in job.columns)


def _prompt(job: Job, line: Line) -> str:
    """What the row asks for, without the job's own words around it; empty where its pictures differ in it."""
    prompts = {item.prompt for item in line.current}
    if len(prompts) != 1:
        return ""
    (prompt,) = prompts
    prefix, suffix = str(job.spec.get("prefix") or "").strip(), str(job.spec.get("suffix") or "").strip()
    return prompt.removeprefix(prefix).removesuffix(suffix).strip()


def lines_of(ctx: Context, job: Job) -> Iterator[Line]:
    """Every row in the sheet's order, a page of rows in memory."""
    rows = ctx.queries.rows(job.id)
    while page := list(islice(rows, PAGE)):
        numbers = [row.number for row in page]
        items = ctx.queries.items_by_row(job.id, numbers)
        spent = ctx.queries.spent_by_row(job.id, numbers)
        approved = [
            item.number for some in items.values() for item in some if item.review is ReviewState.APPROVED
        ]
        votes: dict[int, list[Vote]] = {}
        for vote in ctx.reviews.votes(job.id, approved):
            votes.setdefault(vote.item, []).append(vote)
        for row in page:
            mine = items.get(row.number, ())
            cast = [vote for item in mine for vote in votes.get(item.number, ())]
            yield Line(row, mine, spent.get(row.number, Spent()), cast)


def _fate(line: Line, files: FileNames, names: Names) -> tuple[Cell, ...]:
    """As `RESULT_COLUMNS`."""
    if line.row.problem is not None:
        return (BAD_ROW, line.row.problem, "", "", 0, cost(line.spent), "", "", "", "")
    current = line.current
    stored = [item for item in current if item.state is ItemState.STORED]
    approvers = [vote.person for vote in line.votes if vote.verdict is ReviewState.APPROVED]
    return (
        _each(item.state.value for item in current),
        _each(_reason(item) for item in current),
        _each(item.review.value for item in stored),
        _each(str(item.version) for item in current),
        sum(item.attempts for item in line.items),
        cost(line.spent),
        _each(names(person) for person in approvers),
        _each(_why(item) for item in current),
        "; ".join(files.of_item(item) for item in line.kept),
        _each(Flag.read(flag).words for item in stored for flag in item.flags or ()),
    )


def _each(words: Iterator[str | None]) -> str:
    """Each once, in order."""
    return "; ".join(dict.fromkeys(word for word in words if word))


def _reason(item: Item) -> str | None:
    return f"reused from job {item.reused_job}" if item.reused_job else item.reason


def _why(item: Item) -> str:
    if item.review is not ReviewState.REJECTED:
        return ""
    reason, note = item.review_reason or "", item.review_note or ""
    return reason if not note or note.lower() == reason.lower() else f"{reason}: {note}".removeprefix(": ")


def cost(spent: Spent) -> Cell:
    """What is known of it; in words where nothing is, since an unknown price is not $0."""
    if not spent.unpriced:
        return spent.usd
    return f"at least {plain(spent.usd)}" if spent.usd else "unknown"


@dataclass(frozen=True, slots=True)
class FileNames:
    """What the web files of a job are called: `SKU.webp`, `SKU-2.webp` for a row's second picture.

    Where two rows share a key, or a key cannot be a file name as it is, the row's number is added, so that
    no file hides another; where several models made the job, the model's name is.
    """

    shared: frozenset[str]
    """Keys, in lower case, that more than one row has."""
    compares: bool
    """Whether several models made the job."""

    @classmethod
    def of(cls, ctx: Context, job: Job) -> FileNames:
        models = (job.plan or {}).get("models", {})
        return cls(frozenset(ctx.queries.shared_keys(job.id)), len(models) > 1)

    def of_item(self, item: Item) -> str:
        stem = re.sub(r"[^\w.-]+", "-", item.key).strip("-.")[:80]
        if stem != item.key or stem.lower() in self.shared:
            stem = f"{stem}-row{item.row}" if stem else f"row{item.row}"
        if self.compares:
            stem += "-" + re.sub(r"[^\w.-]+", "-", item.model)
        extension = (item.rendition_key or "x.webp").rpartition(".")[2]
        return f"{stem}-{item.variant}.{extension}" if item.variant > 1 else f"{stem}.{extension}"
