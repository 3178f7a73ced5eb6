"""Pictures approved in earlier jobs: offered, taken when somebody says so, copied; what is gone is told."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

import pytest
from PIL import Image

from bot.intake.options import CommandError, parse_options
from bot.intake.preset import read_defaults
from bot.intake.spec import JobSpec
from bot.pipeline import reuse
from bot.pipeline.attend import tally
from bot.pipeline.audit import audit
from bot.pipeline.budget import bearing
from bot.pipeline.create import PLAN, Wanted, create_job, plan_sheet
from bot.pipeline.pilot import go_on
from bot.pipeline.plan import BudgetError, PlanError
from bot.pipeline.redo import Again, redo
from bot.pipeline.rounds import one_round
from bot.pipeline.start import start
from bot.policy import MonthlyBudgets
from bot.runtime import Context
from bot.watch.accounts import money_lines
from providers.base import Lane
from storage.blobs import FolderBlobs
from storage.records import Job, Thread
from storage.reusing import Place
from storage.reviews import Pick
from storage.states import ItemState, JobState, ReviewEvent, ReviewState, StaleTransitionError
from tests.parts import QUICK, TestClock, ends, make_context, results_of, run_to_end, run_until, sheet
from tests.priced import PaidSketch
from tests.storage.test_store import ctx as stores  # noqa: F401  fixtures

HERE, THERE = Place("T1", "C1"), Place("T1", "C2")
PROMPTS = ("a red mug", "a blue mug", "a green mug", "a white mug")


@contextmanager
def shop(folder: Path, month: str | None = None) -> Iterator[Context]:
    """A store whose pictures cost ten cents."""
    clock = TestClock()
    policy = replace(QUICK, budgets=MonthlyBudgets(month=Decimal(month) if month else None))
    providers = {"sketch": PaidSketch(folder, clock, "0.10")}
    with make_context(folder, providers, policy=policy, clock=clock) as ctx:
        yield ctx


def plan(ctx: Context, folder: Path, *prompts: str, place: Place = HERE, **options: object) -> Job:
    """A planned job of a channel."""
    path = sheet(folder, [{"prompt": prompt} for prompt in prompts])
    spec = replace(JobSpec(template="{{ prompt }}", provider="sketch", lane=Lane.LIVE), **options)  # type: ignore[arg-type]
    job, _ = create_job(ctx, Wanted(path, path.name, spec, "U1", place=place), ctx.clock())
    ctx.mail.open_thread(Thread(job.id, place.team, place.channel, "U1"))
    return job


def again(ctx: Context, job: Job) -> Job:
    found = ctx.queries.job(job.id)
    assert found is not None
    return found


def approve(ctx: Context, job: Job, *numbers: int) -> None:
    for number in numbers:
        pick = Pick([(number, number)])
        assert ctx.reviews.decide(job.id, pick, ReviewEvent.APPROVE, "U9", ctx.clock()).moved == 1


def reopen(ctx: Context, job: Job) -> int:
    """Somebody says “retry”."""
    with bearing(ctx, job, ctx.clock()) as within:
        return ctx.store.send_again(
            job.id, ends(ctx, job, ItemState.FAILED), ctx.clock(), "U1", within=within
        )


def made(ctx: Context, folder: Path, *numbers: int, place: Place = HERE) -> Job:
    """A finished job of the four mugs, of which these are approved."""
    job = plan(ctx, folder, *PROMPTS, place=place)
    start(ctx, job, ctx.clock())
    job = run_to_end(ctx, job, real_pause=0.01)
    approve(ctx, job, *numbers)
    return job


def test_what_was_approved_is_offered_with_its_saving_and_made_anew_unless_somebody_says_so(
    tmp_path: Path,
) -> None:
    with shop(tmp_path) as ctx:
        made(ctx, tmp_path, 1, 3)
        job = plan(ctx, tmp_path, *PROMPTS)
        found = reuse.offer(ctx, job)
        assert (found.number, found.saves[Lane.LIVE]) == (2, Decimal("0.20"))
        start(ctx, job, ctx.clock())
        job = run_to_end(ctx, job, real_pause=0.01)
        assert ctx.queries.ledger(job.id).settled_usd == Decimal("0.40"), "nobody said so"


def test_of_very_many_the_sum_is_taken_as_it_is_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reuse, "MANY", 1)
    with shop(tmp_path) as ctx:
        made(ctx, tmp_path, 1, 3)
        job = plan(ctx, tmp_path, *PROMPTS)
        assert reuse.offer(ctx, job) == reuse.Offer(2, {Lane.LIVE: Decimal("0.20")})
        assert ctx.queries.reusable(job.id, THERE)[0] == 0


def test_a_plan_that_is_not_written_down_knows_what_was_approved(tmp_path: Path) -> None:
    with shop(tmp_path) as ctx:
        before = made(ctx, tmp_path, 1, 3)
        redo(ctx, before, [Again(ctx.queries.items_by_number(before.id, [2])[0])], "U1", ctx.clock())
        run_to_end(ctx, again(ctx, before), real_pause=0.01)
        newest = ctx.reviews.versions(before.id, 2)[-1]
        assert ctx.reviews.decide(
            before.id, Pick(version=newest.number), ReviewEvent.APPROVE, "U9", ctx.clock()
        ).moved
        prompts = (*PROMPTS, "a red mug", "a black mug")
        path = sheet(tmp_path, [{"prompt": prompt} for prompt in prompts])
        spec = JobSpec(template="{{ prompt }}", provider="sketch", lane=Lane.LIVE)
        wanted = Wanted(path, path.name, spec, "U1", place=HERE)

        plan_now, _, offer = plan_sheet(ctx, wanted, ctx.clock())
        assert (offer.number, offer.saves[Lane.LIVE]) == (3, Decimal("0.30"))
        assert (plan_now.reused, plan_now.quote.high) == (0, Decimal("0.50"))
        assert plan_sheet(ctx, replace(wanted, place=THERE), ctx.clock())[2].number == 0
        assert plan_sheet(ctx, replace(wanted, place=None), ctx.clock())[2].number == 3

        reusing = replace(wanted, spec=replace(spec, reuse="approved"))
        beforehand, _, _ = plan_sheet(ctx, reusing, ctx.clock())
        assert (beforehand.reused, beforehand.to_generate) == (3, 2)
        assert beforehand == create_job(ctx, reusing, ctx.clock())[1]
        only_red = replace(reusing, sheet=sheet(tmp_path, [{"prompt": "a black mug"}], "black.csv"))
        assert "None of these pictures were approved here before: all are made." in (
            plan_sheet(ctx, only_red, ctx.clock())[0].warnings
        )
        assert len(ctx.queries.jobs()) == 2, "a plan keeps nothing"


def test_pictures_made_after_references_are_known_beforehand_too(tmp_path: Path) -> None:
    with shop(tmp_path) as ctx:
        Image.new("RGB", (8, 8), "red").save(tmp_path / "mug.png")
        path = sheet(tmp_path, [{"prompt": "a mug", "reference": "mug.png"}])
        spec = JobSpec(template="{{ prompt }}", provider="sketch", lane=Lane.LIVE)
        wanted = Wanted(path, path.name, spec, "U1", files=lambda name: tmp_path / name)
        job, _ = create_job(ctx, wanted, ctx.clock())
        assert [item.references for item in ctx.queries.items(job.id)] != [None]
        start(ctx, job, ctx.clock())
        approve(ctx, run_to_end(ctx, job, real_pause=0.01), 1)
        assert plan_sheet(ctx, wanted, ctx.clock())[2].number == 1


def test_what_is_taken_costs_nothing_and_is_looked_at_again(tmp_path: Path) -> None:
    with shop(tmp_path) as ctx:
        before = made(ctx, tmp_path, 1, 3)
        job = plan(ctx, tmp_path, *PROMPTS, "a red mug")
        plan_now = reuse.take(ctx, job, ctx.clock(), "U1")
        assert (plan_now.reused, plan_now.to_generate, plan_now.duplicates) == (2, 2, 1)
        assert plan_now.quote.high == Decimal("0.20")
        job = again(ctx, job)
        assert job.quoted_high == Decimal("0.20")
        start(ctx, job, ctx.clock(), person="U1")
        job = run_to_end(ctx, job, real_pause=0.01)
        items = {item.number: item for item in ctx.queries.items(job.id)}
        assert {item.state for item in items.values()} == {ItemState.STORED}
        assert {item.review for item in items.values()} == {ReviewState.UNREVIEWED}
        assert [n for n, item in items.items() if item.reused_job] == [1, 3]
        one = items[1]
        assert (one.reused_job, one.reused_item, one.reused_by, one.sends) == (before.id, 1, "U9", 0)
        source = ctx.queries.item(before.id, 1)
        assert source is not None
        assert one.master_key is not None
        assert source.master_key is not None
        assert one.master_key != source.master_key
        assert ctx.blobs.read(one.master_key) == ctx.blobs.read(source.master_key)
        assert one.rendition_key is not None
        assert ctx.blobs.size(one.rendition_key) > 0
        assert items[5].master_key == one.master_key, "a duplicate of what is reused is a copy of it"
        reasons = [line["reason"] for line in results_of(ctx, job)]
        assert reasons == [f"reused from job {before.id}", "", f"reused from job {before.id}", "", ""]
        found = audit(ctx, job)
        assert found["holds"], found["exceptions"]
        assert (found["pictures_made"], found["settled_usd"]) == (2, 0.2)
        assert (found["reused_stored"], found["reuse_saved_usd"], found["saved_usd"]) == (2, 0.2, 0.1)
        assert "saved: $0.2000 by 2 pictures reused from earlier jobs" in money_lines(found)
        seen = tally(ctx, job)
        assert (seen.stored, seen.reused, seen.success_rate, seen.sent) == (5, 2, 1.0, 2)
        assert seen.cost_per_image_usd == Decimal("0.20") / 3


def test_what_is_reused_is_no_success_of_the_job(tmp_path: Path) -> None:
    with shop(tmp_path) as ctx:
        made(ctx, tmp_path, 1, 2, 3, 4)
        job = plan(ctx, tmp_path, *PROMPTS)
        assert reuse.take(ctx, job, ctx.clock(), "U1").to_generate == 0
        start(ctx, again(ctx, job), ctx.clock())
        job = run_to_end(ctx, job)
        seen = tally(ctx, job)
        assert (seen.stored, seen.success_rate, seen.first_pass_rate) == (4, None, None)
        assert (job.quoted_high, seen.spent_usd) == (0, 0)


def test_only_what_is_approved_kept_and_of_the_same_channel_is_offered(tmp_path: Path) -> None:
    with shop(tmp_path) as ctx:
        made(ctx, tmp_path, 1, place=THERE)
        before = made(ctx, tmp_path, 2, 3)
        ctx.reviews.decide(before.id, Pick([(4, 4)]), ReviewEvent.REJECT, "U9", ctx.clock())
        ctx.reviews.undo(before.id, Pick([(3, 3)]), "U9", ctx.clock())
        job = plan(ctx, tmp_path, *PROMPTS)
        assert [one.number for one in ctx.queries.approved_before(job.id, HERE)] == [2]
        assert [one.number for one in ctx.queries.approved_before(job.id, THERE)] == [1]
        assert [one.number for one in ctx.queries.approved_before(job.id, Place("T2", "C1"))] == []
        assert [one.number for one in ctx.queries.approved_before(job.id, None)] == [1, 2]
        (source,) = ctx.queries.approved_before(job.id, HERE)
        ctx.blobs.delete(source.master_key)
        assert reuse.offer(ctx, job).number == 0


def test_a_new_version_in_the_same_words_counts_and_one_in_others_does_not(tmp_path: Path) -> None:
    with shop(tmp_path) as ctx:
        before = made(ctx, tmp_path)
        one, two = (ctx.queries.item(before.id, number) for number in (1, 2))
        assert one is not None
        assert two is not None
        redo(ctx, before, [Again(one), Again(two, "a blue cup")], "U1", ctx.clock())
        run_to_end(ctx, before, real_pause=0.01)
        approve(ctx, before, 1, 2)
        job = plan(ctx, tmp_path, *PROMPTS)
        (found,) = ctx.queries.approved_before(job.id, HERE)
        assert (found.number, found.item) == (1, 5)
        # and a redo of a reused picture is the job's own
        reuse.take(ctx, job, ctx.clock(), "U1")
        start(ctx, again(ctx, job), ctx.clock())
        run_to_end(ctx, job, real_pause=0.01)
        reused = ctx.queries.item(job.id, 1)
        assert reused is not None
        (new,) = redo(ctx, job, [Again(reused)], "U1", ctx.clock()).added
        assert (new.reused_job, new.reused_by, new.state) == (None, None, ItemState.WAITING)


def test_a_choice_can_be_taken_back_until_the_start(tmp_path: Path) -> None:
    with shop(tmp_path) as ctx:
        made(ctx, tmp_path, 1, 2)
        job = plan(ctx, tmp_path, *PROMPTS)
        whole = PLAN.validate_python(job.plan)
        reuse.take(ctx, job, ctx.clock(), "U1")
        back = reuse.make_anew(ctx, again(ctx, job), ctx.clock(), "U2")
        assert back == whole
        assert not any(item.reused_job for item in ctx.queries.items(job.id))
        job = again(ctx, job)
        start(ctx, job, ctx.clock())
        with pytest.raises(StaleTransitionError):
            ctx.store.choose_reuse(job.id, [], ctx.clock())
        said = [(line["person"], line["did"]) for line in audit(ctx, job)["decisions"]]
        assert ("U1", "chose to reuse approved pictures") in said
        assert ("U2", "chose to make every picture anew") in said


def test_what_goes_between_plan_and_start_is_asked_about_and_not_made_in_silence(tmp_path: Path) -> None:
    with shop(tmp_path) as ctx:
        before = made(ctx, tmp_path, 1, 2)
        job = plan(ctx, tmp_path, *PROMPTS)
        reuse.take(ctx, job, ctx.clock(), "U1")
        source = ctx.queries.item(before.id, 1)
        assert source is not None
        assert source.master_key is not None
        ctx.blobs.delete(source.master_key)
        with pytest.raises(PlanError, match="1 picture to be reused"):
            start(ctx, again(ctx, job), ctx.clock())
        job = again(ctx, job)
        assert (job.state, job.quoted_high) == (JobState.PLANNED, Decimal("0.30"))
        ctx.reviews.undo(before.id, Pick([(2, 2)]), "U9", ctx.clock())
        with pytest.raises(PlanError, match="1 picture to be reused"):
            start(ctx, job, ctx.clock())
        start(ctx, again(ctx, job), ctx.clock())
        assert again(ctx, job).quoted_high == Decimal("0.40")


def test_another_approval_of_the_same_takes_the_place_of_one_that_is_gone(tmp_path: Path) -> None:
    with shop(tmp_path) as ctx:
        first = made(ctx, tmp_path, 1)
        ctx.clock.move(60)  # type: ignore[attr-defined]
        second = made(ctx, tmp_path, 1)
        job = plan(ctx, tmp_path, *PROMPTS)
        reuse.take(ctx, job, ctx.clock(), "U1")
        source = ctx.queries.item(second.id, 1)
        assert source is not None
        assert source.master_key is not None
        assert [one.reused_job for one in ctx.queries.items(job.id, limit=1)] == [second.id], "the newest"
        ctx.blobs.delete(source.master_key)
        start(ctx, again(ctx, job), ctx.clock())
        assert [one.reused_job for one in ctx.queries.items(job.id, limit=1)] == [first.id]


def test_what_is_gone_after_the_start_fails_and_is_made_when_asked_within_the_budget(tmp_path: Path) -> None:
    with shop(tmp_path, month="0.80") as ctx:
        before = made(ctx, tmp_path, 1)
        job = plan(ctx, tmp_path, *PROMPTS)
        reuse.take(ctx, job, ctx.clock(), "U1")
        start(ctx, again(ctx, job), ctx.clock())
        source = ctx.queries.item(before.id, 1)
        assert source is not None
        assert source.master_key is not None
        ctx.blobs.delete(source.master_key)
        job = run_to_end(ctx, job, real_pause=0.01)
        lost = ctx.queries.item(job.id, 1)
        assert lost is not None
        assert (lost.state, lost.failure_code, lost.reused_job) == (ItemState.FAILED, "not_kept", None)
        assert "“retry” makes it anew" in (lost.reason or "")
        assert ctx.queries.ledger(job.id).settled_usd == Decimal("0.30")
        ctx.reviews.decide(before.id, Pick([(2, 4)]), ReviewEvent.APPROVE, "U9", ctx.clock())
        dear = plan(ctx, tmp_path, "a brass mug")
        start(ctx, dear, ctx.clock())  # 0.70 are spent, and now 0.10 reserved
        with pytest.raises(BudgetError, match="left of the budget"):
            reopen(ctx, job)
        ctx.store.cancel_job(dear.id, ctx.clock(), "U1")
        assert reopen(ctx, job) == 1
        run_to_end(ctx, job, real_pause=0.01)
        assert audit(ctx, again(ctx, job))["holds"]
        assert ctx.queries.ledger(job.id).settled_usd == Decimal("0.40")


def test_a_cancelled_copy_is_copied_when_it_is_asked_for_again(tmp_path: Path) -> None:
    with shop(tmp_path) as ctx:
        made(ctx, tmp_path, 1)
        job = plan(ctx, tmp_path, *PROMPTS)
        reuse.take(ctx, job, ctx.clock(), "U1")
        start(ctx, again(ctx, job), ctx.clock())
        ctx.store.cancel_job(job.id, ctx.clock(), "U1")
        job = run_to_end(ctx, job)
        assert ctx.store.send_again(job.id, ends(ctx, job, ItemState.CANCELLED), ctx.clock(), "U1") == 4
        run_to_end(ctx, job, real_pause=0.01)
        first = ctx.queries.item(job.id, 1)
        assert first is not None
        assert (first.state, first.sends) == (ItemState.STORED, 0)


def test_reuse_that_was_typed_is_planned_so_and_keeps_a_budget_that_all_would_not(tmp_path: Path) -> None:
    with shop(tmp_path) as ctx:
        made(ctx, tmp_path, 1, 2)
        with pytest.raises(ValueError, match="over the budget"):
            plan(ctx, tmp_path, *PROMPTS, budget_usd=Decimal("0.25"))
        job = plan(ctx, tmp_path, *PROMPTS, budget_usd=Decimal("0.25"), reuse="approved")
        assert (job.state, job.quoted_high) == (JobState.PLANNED, Decimal("0.20"))
        with pytest.raises(ValueError, match="over the budget"):
            plan(ctx, tmp_path, *PROMPTS, budget_usd=Decimal("0.15"), reuse="approved")
        assert [known.id for known in ctx.queries.jobs([JobState.PLANNED])] == [job.id], "nothing is left"
        start(ctx, job, ctx.clock())
        run_to_end(ctx, job, real_pause=0.01)
        assert ctx.queries.ledger(job.id).settled_usd == Decimal("0.20")
        none = plan(ctx, tmp_path, "a brass mug", reuse="approved")
        warnings = PLAN.validate_python(none.plan).warnings
        assert "None of these pictures were approved here before: all are made." in warnings


def test_a_sample_is_of_what_is_made_and_the_rest_brings_the_copies(tmp_path: Path) -> None:
    with shop(tmp_path) as ctx:
        made(ctx, tmp_path, 1, 2)
        job = plan(ctx, tmp_path, *PROMPTS)
        reuse.take(ctx, job, ctx.clock(), "U1")
        start(ctx, again(ctx, job), ctx.clock(), pilot=1)
        run_until(ctx, lambda: again(ctx, job).state is JobState.PILOT_REVIEW)
        states = {item.number: item.state for item in ctx.queries.items(job.id)}
        assert (states[1], states[2]) == (ItemState.PLANNED, ItemState.PLANNED)
        assert ctx.queries.to_be_started(job.id)[:3] == (3, Decimal("0.10"), Decimal("0.10"))
        assert ctx.queries.most_it_may_cost(job.id) == Decimal("0.20")
        go_on(ctx, job, ctx.clock(), "U1")
        run_to_end(ctx, job, real_pause=0.01)
        assert ctx.queries.ledger(job.id).settled_usd == Decimal("0.20")


class Dies(FolderBlobs):
    """The process ends as soon as it has kept a file of this kind."""

    def __init__(self, folder: Path, kind: str) -> None:
        super().__init__(folder)
        self.kind = kind

    @contextmanager
    def writing(self, key: str) -> Iterator[BinaryIO]:
        with super().writing(key) as file:
            yield file
        if f"/{self.kind}/" in key:
            raise KeyboardInterrupt


@pytest.mark.parametrize("kind", ["master", "web"])
def test_killed_while_copying_it_is_copied_once_and_paid_never(tmp_path: Path, kind: str) -> None:
    with shop(tmp_path) as ctx:
        made(ctx, tmp_path, 1, 2, 3, 4)
        job = plan(ctx, tmp_path, *PROMPTS)
        reuse.take(ctx, job, ctx.clock(), "U1")
        start(ctx, again(ctx, job), ctx.clock())
        dying = replace(ctx, blobs=Dies(tmp_path / "blobs", kind))
        with pytest.raises(KeyboardInterrupt):
            one_round(dying, ctx.clock())
    with shop(tmp_path) as ctx:
        run_to_end(ctx, job)
        proof = audit(ctx, again(ctx, job))
        assert (proof["holds"], proof["stored"], proof["settled_usd"]) == (True, 4, 0)


def test_all_of_it_is_the_same_in_either_database(stores: Context, tmp_path: Path) -> None:  # noqa: F811
    ctx = stores
    spec = JobSpec(template="{{ prompt }}", provider="sketch", lane=Lane.LIVE)
    path = sheet(tmp_path, [{"prompt": prompt} for prompt in PROMPTS])
    first, _ = create_job(ctx, Wanted(path, path.name, spec, "U1"), ctx.clock())
    start(ctx, first, ctx.clock())
    run_to_end(ctx, first, real_pause=0.01)
    approve(ctx, first, 2)
    assert plan_sheet(ctx, Wanted(path, path.name, spec, "U1"), ctx.clock())[2].number == 1
    job, _ = create_job(ctx, Wanted(path, path.name, spec, "U1"), ctx.clock())
    assert reuse.offer(ctx, job).number == 1
    assert reuse.take(ctx, job, ctx.clock(), "U1").reused == 1
    assert [number for number, _ in ctx.queries.sources(job.id, 0, 9)] == [2]
    start(ctx, again(ctx, job), ctx.clock())
    run_to_end(ctx, job, real_pause=0.01)
    assert ctx.queries.sources(job.id, 0, 9) == []
    assert ctx.queries.reused(job.id)[0] == 1


def test_reuse_is_read_from_words_and_never_kept_in_a_preset() -> None:
    changes, template = parse_options("reuse=approved A {{ color }} mug")
    assert (changes.reuse, template) == ("approved", "A {{ color }} mug")
    with pytest.raises(CommandError, match="write reuse=approved"):
        parse_options("reuse=everything")
    with pytest.raises(CommandError, match="decided for each batch"):
        read_defaults("packshots reuse=approved size=64x64")


def test_the_file_of_a_copy_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    with pytest.raises(FileNotFoundError), blobs.writing("a/master/1") as ours:
        ours.write(io.BytesIO(blobs.read("b/master/1")).read())
    with pytest.raises(FileNotFoundError):
        blobs.size("a/master/1")
