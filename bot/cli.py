"""The command line: reads what was typed, calls one function, says what went wrong in one sentence.

Exit status: 0 well, 1 a job that ended below its target (or a check that failed), 2 wrong use, 130 stopped.
Everything heavy is imported where it is used, so that `--help` is quick.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.terminal import fail
from bot.typed import (
    BackgroundOption,
    BudgetOption,
    ChunkOption,
    DeadlineOption,
    LaneOption,
    ModelOption,
    OffPeakOption,
    ProviderOption,
    QualityOption,
    ReuseOption,
    RushOption,
    Sheet,
    SizeOption,
    TemplateOption,
    VariantsOption,
    wanted_of,
)
from providers.base import Lane

app = typer.Typer(
    name="imgbatch",
    epilog="To begin: `imgbatch demo`; or `imgbatch plan products.csv -t 'Photo of {{ name }}'`, which "
    "spends nothing. Settings and all else: docs/operating.md.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

JobArgument = Annotated[str, typer.Argument(help="The job's id.", show_default=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on standard output.")]


def main() -> None:
    """The `imgbatch` command."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as problem:
        # Broad on purpose: a person gets a sentence even for what nobody foresaw, an engineer the rest.
        if os.environ.get("IMGBATCH_LOG", "").lower() == "debug":
            raise
        typer.echo(
            f"imgbatch: something unforeseen went wrong ({type(problem).__name__}: {problem}). Nothing that "
            "was paid for is lost; run the command again, or set IMGBATCH_LOG=debug to see where.",
            err=True,
        )
        sys.exit(1)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"imgbatch {version('imgbatch')}")
        raise typer.Exit


@app.callback()
def imgbatch(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Product and campaign pictures by the thousand, from a sheet and a prompt template."""


@app.command()
def run(
    sheet: Sheet,
    template: TemplateOption = None,
    provider: ProviderOption = None,
    model: ModelOption = None,
    size: SizeOption = None,
    quality: QualityOption = None,
    background: BackgroundOption = None,
    variants: VariantsOption = 1,
    lane: LaneOption = Lane.BATCH,
    budget: BudgetOption = None,
    off_peak: OffPeakOption = False,
    chunk: ChunkOption = None,
    deadline: DeadlineOption = None,
    rush: RushOption = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the pictures; default pictures/JOB.")] = None,
    pilot: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Make so many as a sample first, show it, and ask.")
    ] = None,
    reuse: ReuseOption = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Start without asking.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Do not start if any row is bad.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Begin anew though the same job is unfinished.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make the pictures of a sheet, and write them with results.csv.

    Shows the plan and asks before it starts. Stopped half way, the same command goes on where it was;
    nothing is paid twice.
    """
    from bot.run import RunOptions, run_sheet

    wanted = wanted_of(
        sheet, template, provider, model, size, quality, background, variants, lane, budget, off_peak, chunk,
        deadline, rush, pilot, reuse=reuse,
    )  # fmt: skip
    options = RunOptions(
        out=out, ask=not yes and sys.stdin.isatty(), yes=yes, strict=strict, again=again, as_json=as_json
    )
    raise typer.Exit(_guarded(run_sheet, wanted, options))


@app.command()
def plan(
    sheet: Sheet,
    template: TemplateOption = None,
    provider: ProviderOption = None,
    model: ModelOption = None,
    size: SizeOption = None,
    quality: QualityOption = None,
    background: BackgroundOption = None,
    variants: VariantsOption = 1,
    lane: LaneOption = Lane.BATCH,
    budget: BudgetOption = None,
    off_peak: OffPeakOption = False,
    chunk: ChunkOption = None,
    deadline: DeadlineOption = None,
    rush: RushOption = False,
    reuse: ReuseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Say what a job would do and cost. Sends nothing, spends nothing, keeps nothing."""
    from bot.plans import show_plan

    wanted = wanted_of(
        sheet, template, provider, model, size, quality, background, variants, lane, budget, off_peak, chunk,
        deadline, rush, reuse=reuse,
    )  # fmt: skip
    raise typer.Exit(_guarded(show_plan, wanted, as_json))


@app.command()
def pause(job: JobArgument) -> None:
    """Send nothing more of a job for now.

    What is at the provider is awaited and kept.
    """
    _steer("pause", job)


@app.command()
def resume(job: JobArgument) -> None:
    """Let a paused job go on."""
    _steer("resume", job)


@app.command()
def cancel(job: JobArgument) -> None:
    """End a job; what is made is kept.

    What has not been sent is not made; what is at the provider is awaited, since it is paid for.
    """
    _steer("cancel", job)


@app.command()
def rush(job: JobArgument) -> None:
    """Pay the live lane for what would miss a job's deadline."""
    _steer("rush", job)


def _steer(verb: str, job: str) -> None:
    from bot.steer import steer

    raise typer.Exit(_guarded(steer, verb, job))


@app.command()
def audit(job: JobArgument, as_json: JsonOption = False) -> None:
    """Show a job's ledger: is every row accounted for?

    Exit status 1 when something does not add up.
    """
    from bot.listing import show_audit

    raise typer.Exit(_guarded(show_audit, job, as_json))


@app.command()
def cost(
    whose: Annotated[str, typer.Argument(help="all, me (what was started here), or a channel's id.")] = "all",
    month: Annotated[str, typer.Option(help="2026-10, october or last; this month without it.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Say what a month's jobs cost, by model.

    In all, per picture and per approved picture; and what is left of the budgets.
    """
    from bot.reckon import show_costs

    raise typer.Exit(_guarded(show_costs, whose, month, as_json))


@app.command()
def stats(
    whose: Annotated[str, typer.Argument(help="all, me (what was started here), or a channel's id.")] = "all",
    days: Annotated[int, typer.Option(min=1, max=366, help="Of how many days.")] = 30,
    as_json: JsonOption = False,
) -> None:
    """Say how well the last days' jobs went, by model.

    Success, refusals, retries, time, what an approved picture cost.
    """
    from bot.reckon import show_stats

    raise typer.Exit(_guarded(show_stats, whose, days, as_json))


@app.command()
def failures(job: JobArgument, as_json: JsonOption = False) -> None:
    """Show what of a job failed, and who can act.

    With what was paid for it, and the lines of the sheet.
    """
    from bot.what_failed import show_failures

    raise typer.Exit(_guarded(show_failures, job, as_json))


@app.command()
def export(
    job: JobArgument,
    everything: Annotated[bool, typer.Option("--all", help="Also what nobody has approved.")] = False,
    preset: Annotated[str, typer.Option(help="Delivery presets, e.g. shopify,story or 800x600.webp.")] = "",
    name: Annotated[str, typer.Option(help="Pattern of the file names: {sku}_{variant}_{w}x{h}.")] = "",
    out: Annotated[str | None, typer.Option(help="A folder, or s3://bucket/prefix.")] = None,
    archives: Annotated[bool, typer.Option("--zip", help="As ZIP archives in the folder.")] = False,
) -> None:
    """Take away a job's approved pictures with a manifest.

    Made and named as shops and feeds want them.
    """
    from bot.take_away import export as take_away

    raise typer.Exit(_guarded(take_away, job, out, everything, archives, preset, name))


@app.command()
def jobs(as_json: JsonOption = False) -> None:
    """List the jobs of this data store, newest first."""
    from bot.listing import show_jobs

    raise typer.Exit(_guarded(show_jobs, as_json))


@app.command()
def models(as_json: JsonOption = False) -> None:
    """List every known model: lanes, sizes, prices, shutdown dates."""
    from bot.listing import show_models

    raise typer.Exit(_guarded(show_models, as_json))


@app.command()
def serve() -> None:
    """Run the bot in Slack, until stopped."""
    from bot.serve import serve_forever

    raise typer.Exit(_guarded(serve_forever))


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Say what is set up, what is wrong, and what to do.

    Changes nothing. Exit status 1 when something is wrong.
    """
    from bot.doctor.examine import examine

    raise typer.Exit(_guarded(examine, as_json))


@app.command()
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Let go of files and history that need not be kept.

    By the rules in the settings (IMGBATCH_KEEP_...). A running bot does so by itself.
    """
    from bot.letting_go import show_or_prune

    raise typer.Exit(_guarded(lambda: show_or_prune(dry_run=dry_run, as_json=as_json)))


person = typer.Typer(help="Hand out, or erase, what is stored about a person.", no_args_is_help=True)
app.add_typer(person, name="person")

UserArgument = Annotated[str, typer.Argument(help="The person's id, U… in Slack.", show_default=False)]


@person.command("export")
def person_export(
    user: UserArgument,
    out: Annotated[Path | None, typer.Option(help="The file to write; default USER.json.")] = None,
) -> None:
    """Write everything that is stored about a person, as JSON."""
    from bot.persons import export_person

    raise typer.Exit(_guarded(export_person, user, out))


@person.command("erase")
def person_erase(
    user: UserArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Erase without asking.")] = False,
) -> None:
    """Put another name in a person's place, everywhere.

    One that says nothing, and the same each time. Sums and decisions stay.
    """
    from bot.persons import erase_person

    raise typer.Exit(_guarded(lambda: erase_person(user, yes=yes)))


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Run the example, print a summary and stop.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the workspace's page.")] = 8765,
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its data.")] = Path("demo-data"),
) -> None:
    """Run the example here: a small Slack, no account.

    The workspace and the provider are stand-ins on this machine; the bot is the real one.
    """
    from bot.demo import run_demo

    raise typer.Exit(_guarded(run_demo, once, port, folder))


@app.command()
def simulate(
    vendor: Annotated[str, typer.Argument(help="Whose API, e.g. openai.", show_default=False)],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    fault: Annotated[
        list[str] | None, typer.Option(help="A fault dial, NAME=VALUE; may be repeated.")
    ] = None,
) -> None:
    """Run one vendor's stand-in here, until stopped."""
    from bot.demo import run_simulator

    raise typer.Exit(_guarded(run_simulator, vendor, port, fault or []))


def _guarded(function: Any, *arguments: Any) -> int:
    """Run it; turn every foreseen mistake into one sentence and the right exit status."""
    from bot.config import SettingsError
    from bot.pipeline.create import CannotCreateError
    from bot.pipeline.plan import PlanError
    from providers.base import ProviderError
    from providers.catalogue import CatalogueError
    from storage.engine import StoreError

    try:
        status = function(*arguments)
    except CannotCreateError as problem:
        for sentence in problem.problems[:-1]:
            typer.echo(f"imgbatch: {sentence}", err=True)
        fail(problem.problems[-1])
    except (SettingsError, StoreError, CatalogueError, PlanError) as problem:
        fail(str(problem))
    except ProviderError as problem:
        fail(str(problem), 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that closing it says nothing more
        raise typer.Exit(1) from None
    except OSError as problem:
        where = f" ({problem.filename})" if problem.filename else ""
        fail(f"{problem.strerror or problem}{where}", 1)
    return int(status)


if __name__ == "__main__":
    main()
