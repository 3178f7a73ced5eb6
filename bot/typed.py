"""The options that `run` and `plan` share: how they are typed, and the job they ask for.

What reads them is imported where it is used, so that `--help` is quick.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.terminal import fail
from providers.base import Lane

if TYPE_CHECKING:
    from bot.pipeline.create import Wanted

Sheet = Annotated[
    Path, typer.Argument(help="A CSV, TSV or XLSX file, one product a row.", show_default=False)
]
TemplateOption = Annotated[
    str | None, typer.Option("--template", "-t", help="Prompt with {{ column }} in it, or @FILE.")
]
ProviderOption = Annotated[
    str | None,
    typer.Option(
        help="Who makes the pictures, see `imgbatch models`; several with commas: the first that can."
    ),
]
ModelOption = Annotated[str | None, typer.Option(help="Which model; see `imgbatch models`.")]
SizeOption = Annotated[str | None, typer.Option(help="Size to deliver, WIDTHxHEIGHT in pixels.")]
QualityOption = Annotated[str | None, typer.Option(help="The model's quality word, e.g. low, medium, high.")]
BackgroundOption = Annotated[str | None, typer.Option(help="opaque or transparent, where the model can.")]
VariantsOption = Annotated[int, typer.Option(min=1, max=20, help="Pictures for each prompt.")]
LaneOption = Annotated[
    Lane,
    typer.Option(help="batch: half price, hours. live: now.", parser=lambda t: _lane(t), metavar="LANE"),
]
OffPeakOption = Annotated[bool, typer.Option("--off-peak", help="Send nothing before the off-peak hours.")]
ChunkOption = Annotated[
    int | None,
    typer.Option(min=1, help="At most so many pictures a submission; the vendor's limit without it."),
]
DeadlineOption = Annotated[
    str | None,
    typer.Option(help="When the pictures are wanted: “Friday 09:00”, “18:00 +02:00” (else UTC)."),
]
RushOption = Annotated[
    bool, typer.Option("--rush", help="Pay the live lane for what would miss the deadline.")
]
ReuseOption = Annotated[
    bool, typer.Option("--reuse", help="Copy pictures of the same request that were approved before.")
]
BudgetOption = Annotated[str | None, typer.Option(help="Refuse the job if it may cost more, in USD.")]


def wanted_of(
    sheet: Path,
    template: str | None,
    provider: str | None,
    model: str | None,
    size: str | None,
    quality: str | None,
    background: str | None,
    variants: int,
    lane: Lane,
    budget: str | None,
    off_peak: bool,
    chunk: int | None,
    deadline: str | None,
    rush: bool,
    pilot: int | None = None,
    *,
    reuse: bool = False,
) -> Wanted:
    """The job as it was asked for. Ends the program with a sentence where something is wrong."""
    from bot.intake.deadline import check_deadline
    from bot.intake.options import is_route, read_route
    from bot.intake.spec import JobSpec
    from bot.pipeline.create import Wanted
    from providers.base import Size

    if not sheet.is_file():
        fail(f"{sheet} {'is a folder; name a CSV or XLSX file' if sheet.is_dir() else 'does not exist'}")
    try:
        spec = JobSpec(
            template=_template(template),
            provider=None if provider and is_route(provider) else provider,
            route=read_route(provider) if provider and is_route(provider) else (),
            off_peak=off_peak,
            chunk=chunk,
            model=model,
            size=Size.parse(size) if size else None,
            quality=quality,
            background=background,
            variants=variants,
            lane=lane,
            budget_usd=_dollars(budget),
            deadline=check_deadline(deadline) if deadline else None,
            rush=rush,
            reuse="approved" if reuse else None,
            pilot=pilot,
        )
    except ValueError as problem:
        fail(str(problem))
    return Wanted(
        sheet=sheet,
        sheet_name=sheet.name,
        spec=spec,
        requested_by="command line",
        files=lambda name: sheet.parent / Path(name).name,
    )


def _lane(text: str) -> Lane:
    try:
        return Lane(text.lower())
    except ValueError:
        raise typer.BadParameter(f"“{text}” is not a lane; write batch or live.") from None


def _template(text: str | None) -> str | None:
    """The template itself, or the content of the file after an @."""
    if text is None or not text.startswith("@"):
        return text
    path = Path(text[1:])
    try:
        return path.read_text(encoding="utf-8-sig").strip()
    except OSError as problem:
        raise ValueError(
            f"--template names the file {path}, which cannot be read: {problem.strerror}"
        ) from None
    except UnicodeDecodeError:
        raise ValueError(f"--template names the file {path}, which is not UTF-8 text") from None


def _dollars(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        amount = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        raise ValueError(f"--budget is “{text}”; write an amount in USD, like 12.50") from None
    if not amount.is_finite() or amount <= 0:
        raise ValueError(f"--budget is “{text}”; it must be more than zero")
    return amount
