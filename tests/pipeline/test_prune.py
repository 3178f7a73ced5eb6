"""What is let go of, when, and what never is; killed in between nothing is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.config import Settings
from bot.intake.exporting import ExportWish
from bot.letting_go import due_now
from bot.pipeline import reuse
from bot.pipeline.audit import audit
from bot.pipeline.packing import pack
from bot.pipeline.prune import RULE, prune, used
from bot.pipeline.redo import Again, redo
from bot.policy import Keep, Policy
from bot.runtime import Context
from providers.base import Lane
from storage.blobs import FolderBlobs
from storage.records import Item, Job
from storage.reviews import Pick
from storage.shelved import Export, ExportState
from storage.states import ItemState, ReviewEvent, ReviewState
from tests.parts import QUICK, TestClock, make_context, planned, run_to_end, sheet, started
from tests.storage.test_store import ctx as stores  # noqa: F401  fixtures

PROMPTS = ("a red mug", "a blue mug", "a green mug", "a white mug", "a red mug")
DAY = 86_400


@contextmanager
def store(folder: Path, clock: TestClock | None = None, **keep: Any) -> Iterator[Context]:
    policy = replace(QUICK, keep=replace(Keep(), **keep))
    with make_context(folder, policy=policy, clock=clock or TestClock()) as ctx:
        yield ctx


def finished(ctx: Context, folder: Path, *prompts: str) -> Job:
    job = started(ctx, sheet(folder, [{"prompt": p} for p in prompts or PROMPTS]), lane=Lane.LIVE)
    return run_to_end(ctx, job, real_pause=0.01)


def decide(ctx: Context, job: Job, event: ReviewEvent, *numbers: int) -> None:
    for number in numbers:
        assert ctx.reviews.decide(job.id, Pick([(number, number)]), event, "ana", ctx.clock()).moved == 1


def item(ctx: Context, job: Job, number: int) -> Item:
    found = ctx.queries.item(job.id, number)
    assert found is not None
    return found


def later(ctx: Context, days: float) -> None:
    assert isinstance(ctx.clock, TestClock)
    ctx.clock.move(days * DAY)


def through(ctx: Context) -> int:
    """The tick until it has nothing to do."""
    number = 0
    while done := prune(ctx, ctx.clock()):
        number += done
    return number


def there(ctx: Context, key: str | None) -> bool:
    try:
        return key is not None and ctx.blobs.size(key) > 0
    except FileNotFoundError:
        return False


def test_by_default_only_what_was_rejected_and_what_was_sent_goes(tmp_path: Path) -> None:
    with store(tmp_path) as ctx:
        job = finished(ctx, tmp_path)
        decide(ctx, job, ReviewEvent.APPROVE, 1)
        decide(ctx, job, ReviewEvent.REJECT, 2)
        rejected, payloads = item(ctx, job, 2), ctx.queries.payloads(job.id)
        assert payloads
        later(ctx, 29)
        assert through(ctx) == 0
        later(ctx, 2)
        assert through(ctx) == len(payloads)
        assert not any(there(ctx, key) for key in payloads)
        later(ctx, 60)
        assert through(ctx) == 1
        assert item(ctx, job, 2).master_key is None
        assert not there(ctx, rejected.master_key)
        assert there(ctx, item(ctx, job, 2).rendition_key)
        later(ctx, 90)
        assert through(ctx) == 1
        assert not item(ctx, job, 2).kept
        assert not there(ctx, rejected.rendition_key)
        for number in (1, 3, 4, 5):
            assert there(ctx, item(ctx, job, number).master_key), "approved, or nobody has looked at it"
            assert there(ctx, item(ctx, job, number).rendition_key)
        assert audit(ctx, job)["holds"]
        notes = [event.note for event in ctx.queries.events(job.id) if event.event == "prune"]
        assert notes == [
            f"payloads: {len(payloads)}",
            "originals of rejected or replaced pictures: 1",
            "web files of rejected or replaced pictures: 1",
        ]


def test_approved_and_unreviewed_pictures_go_when_the_operator_says_so(tmp_path: Path) -> None:
    keep = {"approved": timedelta(days=10), "unreviewed": timedelta(days=20)}
    with store(tmp_path, **keep) as ctx:
        job = finished(ctx, tmp_path)
        decide(ctx, job, ReviewEvent.APPROVE, 2)
        later(ctx, 9)
        decide(ctx, job, ReviewEvent.APPROVE, 3)
        later(ctx, 2)
        through(ctx)
        assert [n for n in range(1, 6) if not item(ctx, job, n).kept] == [2], "3 was approved two days ago"
        later(ctx, 10)
        through(ctx)
        assert not any(item(ctx, job, n).kept for n in range(1, 6))
        assert not any("/web/" in key or "/master/" in key for key, _ in ctx.blobs.listed())


def test_files_that_a_duplicate_still_has_stay(tmp_path: Path) -> None:
    with store(tmp_path) as ctx:
        job = finished(ctx, tmp_path)
        decide(ctx, job, ReviewEvent.REJECT, 1)
        decide(ctx, job, ReviewEvent.APPROVE, 5)
        later(ctx, 200)
        through(ctx)
        assert not item(ctx, job, 1).kept
        assert there(ctx, item(ctx, job, 5).master_key)
        assert there(ctx, item(ctx, job, 5).rendition_key)


def test_a_living_job_an_export_under_way_and_what_is_to_be_copied_are_left_alone(tmp_path: Path) -> None:
    with store(tmp_path, approved=timedelta(days=1)) as ctx:
        job = finished(ctx, tmp_path)
        decide(ctx, job, ReviewEvent.APPROVE, 1, 2)
        decide(ctx, job, ReviewEvent.REJECT, 3)
        plan = planned(ctx, sheet(tmp_path, [{"prompt": PROMPTS[0]}]), lane=Lane.LIVE)
        assert reuse.take(ctx, plan, ctx.clock(), "ana").reused == 1
        wish = ExportWish().to_json() | {"to": "slack"}
        ctx.shelf.ask_export(Export("e1", job.id, "ana", wish, ExportState.ASKED, (), ctx.clock()))
        later(ctx, 400)
        assert through(ctx) == 0, "an export is under way"
        assert pack(ctx, ctx.clock()) == 1
        (export,) = ctx.shelf.exports(job.id)
        assert export.state is ExportState.READY
        later(ctx, 2)
        redo(ctx, job, [Again(item(ctx, job, 4))], "ana", ctx.clock())
        assert through(ctx) == 0, "the job lives again"
        run_to_end(ctx, job, real_pause=0.01)
        later(ctx, 2)
        through(ctx)
        assert there(ctx, export.parts[0]["key"]), "it was packed a few days ago, and perhaps not told yet"
        assert item(ctx, job, 1).kept, "another job is about to copy it"
        assert not item(ctx, job, 2).kept
        ctx.store.cancel_job(plan.id, ctx.clock(), "ana")
        later(ctx, 2)
        through(ctx)
        assert not item(ctx, job, 1).kept


class Dies(FolderBlobs):
    """The process ends when it is about to delete a file, or when it has."""

    def __init__(self, folder: Path, *, after: bool) -> None:
        super().__init__(folder)
        self.after = after

    def delete(self, key: str) -> None:
        if self.after:
            super().delete(key)
        raise KeyboardInterrupt


@pytest.mark.parametrize("after", [False, True])
def test_killed_while_deleting_the_next_run_sweeps_up(tmp_path: Path, after: bool) -> None:
    clock = TestClock()
    with store(tmp_path, clock) as ctx:
        job = finished(ctx, tmp_path)
        decide(ctx, job, ReviewEvent.REJECT, 2, 3)
        keys = [item(ctx, job, n).master_key for n in (2, 3)]
        payloads = ctx.queries.payloads(job.id)
        later(ctx, 100)
        with pytest.raises(KeyboardInterrupt):
            prune(replace(ctx, blobs=Dies(tmp_path / "blobs", after=after)), clock())
        assert set(ctx.queries.trash(10)) == set(keys)
        assert item(ctx, job, 2).master_key is None, "nobody reads what may be gone"
    with store(tmp_path, clock) as ctx:
        through(ctx)
        assert ctx.queries.trash(10) == []
        assert not any(there(ctx, key) for key in (*keys, *payloads))


def test_what_no_row_names_goes_and_what_one_names_stays(tmp_path: Path) -> None:
    with store(tmp_path) as ctx:
        job = finished(ctx, tmp_path)
        loose = (
            "master/000001-9.png",
            "gallery/preview-1.jpg",
            "payload/lost.jsonl",
            "export/x-1.zip",
        )
        for name in loose:
            ctx.blobs.put(f"{job.id}/{name}", b"old")
        ctx.blobs.put(f"{job.id}/told/summary.json", b"{}")
        later(ctx, 200)
        through(ctx)
        left = {key.removeprefix(f"{job.id}/") for key, _ in ctx.blobs.listed(f"{job.id}/")}
        assert not left & set(loose)
        assert {"told/summary.json", "sheet/sheet.csv"} <= left
        assert all(there(ctx, item(ctx, job, n).master_key) for n in range(1, 6))


def test_above_the_disk_budget_the_oldest_go_sooner_and_what_must_stay_is_told(tmp_path: Path) -> None:
    with store(tmp_path, disk_bytes=1) as ctx:
        old = finished(ctx, tmp_path)
        decide(ctx, old, ReviewEvent.REJECT, 2)
        later(ctx, 0.5)
        through(ctx)
        assert item(ctx, old, 2).kept, "people are at work with it"
        later(ctx, 1)
        through(ctx)
        assert not item(ctx, old, 2).kept
        assert item(ctx, old, 1).kept
        (told,) = ctx.notices.incidents(open_only=True)
        assert told.rule == RULE
        assert list(told.details) == ["Kept for good: approved and unreviewed pictures."]
        later(ctx, 0.2)
        through(ctx)
        assert len(ctx.notices.incidents()) == 1, "told once"
        roomy = replace(ctx, policy=replace(ctx.policy, keep=replace(ctx.policy.keep, disk_bytes=10**9)))
        later(ctx, 0.2)
        assert prune(roomy, ctx.clock()) == 0
        assert not ctx.notices.incidents(open_only=True)


def test_no_more_goes_than_the_budget_asks_for(tmp_path: Path) -> None:
    with store(tmp_path) as ctx:
        first, second = finished(ctx, tmp_path), finished(ctx, tmp_path)
        for job in (first, second):
            decide(ctx, job, ReviewEvent.REJECT, 1, 2, 3, 4, 5)
        later(ctx, 3)
        budget = used(ctx) - 10
        tight = replace(ctx, policy=replace(ctx.policy, keep=replace(ctx.policy.keep, disk_bytes=budget)))
        through(tight)
        assert not item(ctx, first, 1).kept
        assert item(ctx, second, 1).kept, "there is room for it"
        assert not ctx.notices.incidents()


def test_moves_of_old_pictures_go_and_what_people_decided_stays(tmp_path: Path) -> None:
    with store(tmp_path, history=timedelta(days=30)) as ctx:
        job = finished(ctx, tmp_path)
        decide(ctx, job, ReviewEvent.APPROVE, 1)
        before = audit(ctx, job)["decisions"]
        later(ctx, 31)
        found = due_now(ctx)
        assert found["history"] > 10
        through(ctx)
        left = {event.subject for event in ctx.queries.events(job.id)}
        assert left == {"job", "review"}
        proof = audit(ctx, job)
        assert (proof["holds"], proof["decisions"]) == (True, before)


def test_what_is_no_longer_kept_is_neither_approved_exported_nor_reused_and_can_be_redone(
    tmp_path: Path,
) -> None:
    with store(tmp_path, unreviewed=timedelta(days=1), approved=timedelta(days=1)) as ctx:
        job = finished(ctx, tmp_path)
        decide(ctx, job, ReviewEvent.APPROVE, 2)
        later(ctx, 3)
        through(ctx)
        assert ctx.reviews.decide(job.id, Pick([(1, 9)]), ReviewEvent.APPROVE, "ana", ctx.clock()).moved == 0
        wish = ExportWish(which="all").to_json() | {"to": "slack"}
        ctx.shelf.ask_export(Export("e1", job.id, "ana", wish, ExportState.ASKED, (), ctx.clock()))
        pack(ctx, ctx.clock())
        (export,) = ctx.shelf.exports(job.id)
        assert (export.state, "no longer kept" in export.note) == (ExportState.FAILED, True)
        plan = planned(ctx, sheet(tmp_path, [{"prompt": PROMPTS[1]}]), lane=Lane.LIVE)
        assert reuse.offer(ctx, plan).number == 0
        (new,) = redo(ctx, job, [Again(item(ctx, job, 1))], "ana", ctx.clock()).added
        run_to_end(ctx, job, real_pause=0.01)
        made = item(ctx, job, new.number)
        assert (made.state, made.kept, made.review) == (ItemState.STORED, True, ReviewState.UNREVIEWED)


def test_what_is_due_is_said_beforehand_and_nothing_is_touched(tmp_path: Path) -> None:
    with store(tmp_path) as ctx:
        job = finished(ctx, tmp_path)
        decide(ctx, job, ReviewEvent.REJECT, 2, 3)
        later(ctx, 100)
        found = due_now(ctx)
        payloads = ctx.queries.payloads(job.id)
        assert {name: number for name, (number, _) in found["files"].items()} == {
            "originals: rejected or replaced": 2,
            "payloads": len(payloads),
        }
        assert found["used_bytes"] == used(ctx)
        assert item(ctx, job, 2).master_key is not None


def test_either_database_lets_go(stores: Context, tmp_path: Path) -> None:  # noqa: F811
    keep = Keep(approved=timedelta(days=1), history=timedelta(days=1))
    ctx = replace(stores, policy=replace(stores.policy, keep=keep))
    job = finished(ctx, tmp_path)
    decide(ctx, job, ReviewEvent.APPROVE, 2)
    later(ctx, 40)
    assert through(ctx) > 3
    assert [n for n in range(1, 6) if not item(ctx, job, n).kept] == [2]


def test_settings_become_rules() -> None:
    keep = Policy.of(Settings()).keep
    assert (keep.approved, keep.masters, keep.disk_bytes) == (None, timedelta(days=90), None)
    told = {
        "imgbatch_keep_masters_days": 0,
        "imgbatch_keep_approved_days": 400,
        "imgbatch_disk_budget_gb": 1.5,
    }
    keep = Policy.of(Settings.model_validate(told)).keep
    assert (keep.approved, keep.masters, keep.disk_bytes) == (timedelta(days=400), None, 1_500_000_000)
