"""What a person asked for, as plain values: the job's options, and one wish per picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from providers.base import Lane, Size

CHEAPEST = "cheapest"
"""In a route: the lowest price goes first, whatever the order of the names."""


@dataclass(frozen=True, slots=True)
class JobSpec:
    """The options of a job, as asked; None where the person left the choice to the program."""

    template: str | None = None
    """Jinja2 text with the sheet's columns as variables; None when every row brings its own `prompt`."""
    provider: str | None = None
    model: str | None = None
    size: Size | None = None
    """Size of the picture to deliver. What is generated follows from it (`ModelCard.fit`)."""
    quality: str | None = None
    background: str | None = None
    variants: int = 1
    """Pictures for each prompt."""
    lane: Lane = Lane.BATCH
    budget_usd: Decimal | None = None
    """The job is refused when its highest price passes this."""
    deadline: str | None = None
    """When the pictures are wanted, as it was written; read by `bot.intake.deadline`."""
    zone: str = "UTC"
    """The time zone, by its IANA name, of times that are written without one: that of whoever asked."""
    rush: bool = False
    """What is not made in time for the deadline goes to the live lane: the extra cost is approved."""
    pilot: int | None = None
    """Make so many pictures first, as a sample a person looks at; None: nobody asked for one beforehand."""
    title: str = ""
    route: tuple[str, ...] = ()
    """Providers in the order wanted: each picture is made by the first that can make it and works. With the
    word `cheapest` among them, by the one that asks least for it; with that word alone, of all there are.
    """
    off_peak: bool = False
    """Nothing is sent before the operator's off-peak hours begin."""
    chunk: int | None = None
    """At most so many pictures a submission: fewer than the vendor takes, for a job that is often refused."""
    mapping: Mapping[str, str] = field(default_factory=dict)
    """Template variable -> the column it means, where their names differ; an empty text leaves it blank."""
    prefix: str = ""
    """Words in front of every prompt, such as a brand's style; see `dressed`."""
    suffix: str = ""
    """Words behind every prompt."""
    delivery: str | None = None
    """Name of the set of web files to make of each picture; None: one file as the operator set it up."""
    quality_gate: bool | None = None
    """Whether pictures are judged before people see them; None: as the operator set it up."""
    ground: str | None = None
    """A colour the border of every picture must have, such as `white` or `#f4f4f4`; judged, not asked for."""
    quorum: int | None = None
    """How many different people must approve a picture; None: as many as the channel asks for, or one."""
    review_by: str | None = None
    """Until when the pictures shall be reviewed, as written (`bot.intake.deadline`); None: no date."""
    reuse: Literal["approved"] | None = None
    """Pictures of the same request that were approved in earlier jobs are copied; None: all are made."""


def dressed(prompt: str, spec: JobSpec) -> str:
    """The prompt with the job's own words around it, which is what the model is asked."""
    return " ".join(part for part in (spec.prefix.strip(), prompt, spec.suffix.strip()) if part)


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A good line of the sheet."""

    number: int
    """1 for the first data row."""
    line: int
    """The line of the file where the row begins, as an editor shows it (the header is usually line 1)."""
    cells: Mapping[str, str]
    """By column name as written in the header, every column present."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that cannot be used, and why."""

    number: int
    line: int
    cells: Mapping[str, str]
    problem: str
    """One sentence: what is wrong and what to do. Does not repeat the line number."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One picture a row asks for."""

    row: int
    key: str
    """The row's `sku` or `id`, or `row-N`; used in file names, not necessarily unique."""
    variant: int
    """1, 2, ... within the row, over choices and variants together."""
    prompt: str
    provider: str | None = None
    model: str | None = None
    size: Size | None = None
    quality: str | None = None
    background: str | None = None
    references: tuple[str, ...] = ()
    """Addresses (https://...), or names of files given with the sheet."""
    alt_text: str = ""
    choice: Mapping[str, str] = field(default_factory=dict)
    """Which word was chosen in each choice list, for naming and comparison."""
