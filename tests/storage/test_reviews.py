"""What the store promises about reviews and versions, on SQLite in a folder and on a real PostgreSQL."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.runtime import Context
from storage.pictures import Shown
from storage.records import Item
from storage.reviews import Decision, Pick, Undone
from storage.states import ItemEvent, ItemState, JobState, ReviewEvent, ReviewState, StaleTransitionError
from tests.parts import START, make_context, planned, run_to_end, sheet, started
from tests.storage.test_store import ctx  # noqa: F401  fixtures

APPROVE, REJECT = ReviewEvent.APPROVE, ReviewEvent.REJECT
UNREVIEWED, APPROVED, REJECTED = ReviewState.UNREVIEWED, ReviewState.APPROVED, ReviewState.REJECTED


def made(ctx: Context, tmp_path: Path, rows: int) -> str:  # noqa: F811
    """A finished job of so many pictures, its items stored without the trouble of making them."""
    job = planned(ctx, sheet(tmp_path, [{"prompt": f"mug {n}"} for n in range(rows)]))
    with ctx.reviews._writer.transaction() as c:
        stored = "state = 'stored', model = 'sketch', master_key = 'm', rendition_key = 'w'"
        c.execute(text(f"UPDATE item SET {stored} WHERE job_id = :j"), {"j": job.id})
        c.execute(text("UPDATE job SET state = 'finished' WHERE id = :j"), {"j": job.id})
    return job.id


def later(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def review(ctx: Context, job: str) -> list[ReviewState]:  # noqa: F811
    return [item.review for item in ctx.reviews.current(job)]


def versions_of(ctx: Context, job: str, first: int) -> Sequence[tuple[int, ItemState, ReviewState]]:  # noqa: F811
    return [(v.version, v.state, v.review) for v in ctx.reviews.versions(job, first)]


def test_a_decision_is_written_with_who_and_when(ctx: Context, tmp_path: Path) -> None:  # noqa: F811
    job = made(ctx, tmp_path, 3)
    done = ctx.reviews.decide(job, Pick([(2, 2)]), REJECT, "ben", START, reason="crop", note="too tight")
    assert done == Decision(voted=1, moved=1)
    (item,) = ctx.reviews.picked(job, [(2, 2)])
    assert (item.review, item.reviewed_by, item.reviewed_at) == (REJECTED, "ben", START)
    assert (item.review_reason, item.review_note) == ("crop", "too tight")
    (event,) = [e for e in ctx.queries.events(job) if e.subject == "review"]
    assert (event.subject_id, event.event, event.from_state, event.to_state) == (
        "2", "reject", "unreviewed", "rejected",
    )  # fmt: skip
    assert (event.person, event.note) == ("ben", "crop")
    assert ctx.reviews.counts(job) == {UNREVIEWED: 2, REJECTED: 1}


def test_of_two_who_decide_at_once_one_wins(ctx: Context, tmp_path: Path) -> None:  # noqa: F811
    job = made(ctx, tmp_path, 40)
    done: dict[str, list[Decision]] = {"ana": [], "ben": []}

    def work(person: str, event: ReviewEvent) -> None:
        for number in range(1, 41):
            pick = Pick(version=number, seen={UNREVIEWED})
            done[person].append(ctx.reviews.decide(job, pick, event, person, START))

    threads = [
        threading.Thread(target=work, args=("ana", APPROVE)),
        threading.Thread(target=work, args=("ben", REJECT)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, item in enumerate(ctx.reviews.current(job)):
        ana, ben = done["ana"][number].moved, done["ben"][number].moved
        assert ana + ben == 1
        assert item.reviewed_by == ("ana" if ana else "ben")
    assert len([e for e in ctx.queries.events(job) if e.subject == "review"]) == 40
    assert len(ctx.reviews.votes(job, range(1, 41))) == 40


def test_a_quorum_needs_different_people_and_one_no_is_enough(ctx: Context, tmp_path: Path) -> None:  # noqa: F811
    job = made(ctx, tmp_path, 2)
    first = Pick(version=1)
    assert ctx.reviews.decide(job, first, APPROVE, "ana", START, quorum=2) == Decision(1, 0)
    assert ctx.reviews.decide(job, first, APPROVE, "ana", later(1), quorum=2) == Decision(1, 0)
    assert review(ctx, job)[0] is UNREVIEWED
    assert ctx.reviews.decide(job, first, APPROVE, "ben", later(2), quorum=2) == Decision(1, 1)
    assert review(ctx, job)[0] is APPROVED
    assert {v.person for v in ctx.reviews.votes(job, [1])} == {"ana", "ben"}
    ctx.reviews.undo(job, first, "ben", later(3), quorum=2)
    assert review(ctx, job)[0] is UNREVIEWED
    assert [v.person for v in ctx.reviews.votes(job, [1])] == ["ana"]
    assert ctx.reviews.decide(job, Pick(version=2), REJECT, "ben", START, quorum=2) == Decision(1, 1)


def test_a_batch_of_thousands_is_a_few_statements(tmp_path: Path) -> None:
    with make_context(tmp_path / "data") as ctx:  # noqa: F811
        job = made(ctx, tmp_path, 3000)
        done = ctx.reviews.decide(job, Pick([(1, 6), (8, 11), (13, 3000)]), APPROVE, "ana", START)
        assert done == Decision(2998, 2998)
        wide = Pick([(1, 3000)], seen={UNREVIEWED})
        assert ctx.reviews.decide(job, wide, REJECT, "ben", later(1)) == Decision(2, 2)
        assert len(ctx.reviews.undo(job, None, "ana", later(2)).decided) == 2998
        assert ctx.reviews.counts(job) == {UNREVIEWED: 2998, REJECTED: 2}
        assert ctx.reviews.undo(job, None, "ana", later(3)) == Undone()


def test_undo_takes_back_the_last_decision_and_an_approver_anybodys(ctx: Context, tmp_path: Path) -> None:  # noqa: F811
    job = made(ctx, tmp_path, 4)
    ctx.reviews.decide(job, Pick([(1, 2)]), APPROVE, "ana", START)
    ctx.reviews.decide(job, Pick([(3, 3)]), REJECT, "ana", later(1), reason="crop")
    assert ctx.reviews.undo(job, None, "ana", later(2)) == Undone((3,))
    (third,) = ctx.reviews.picked(job, [(3, 3)])
    assert (third.review, third.reviewed_by, third.review_reason) == (UNREVIEWED, None, None)
    assert ctx.reviews.undo(job, Pick([(2, 2)]), "ben", later(3)) == Undone((2,))
    assert review(ctx, job) == [APPROVED, UNREVIEWED, UNREVIEWED, UNREVIEWED]
    assert ctx.reviews.undo(job, None, "ben", later(4)) == Undone()


def test_what_was_asked_once_is_taken_back_once(ctx: Context, tmp_path: Path) -> None:  # noqa: F811
    job = made(ctx, tmp_path, 2)
    ctx.reviews.decide(job, Pick(version=1), APPROVE, "ana", START)
    ctx.reviews.decide(job, Pick(version=2), APPROVE, "ana", later(1))
    assert ctx.reviews.undo(job, None, "ana", later(2), once="entry 7").decided == (2,)
    assert ctx.reviews.undo(job, None, "ana", later(3), once="entry 7").decided == ()
    assert review(ctx, job) == [APPROVED, UNREVIEWED]


def again(ctx: Context, job: str, number: int, prompt: str = "a better mug") -> Sequence[Item]:  # noqa: F811
    seen = ctx.queries.item(job, number)
    assert seen is not None
    new = replace(
        seen, prompt=prompt, sends=0, attempts=0, review=UNREVIEWED, master_key=None, rendition_key=None,
        reviewed_by=None, reviewed_at=None, submission_id=None, cost=None, locator=None,
    )  # fmt: skip
    return ctx.reviews.add_versions(job, [(seen, new)], "ana", START)


def test_a_redo_is_a_new_item_and_the_old_one_is_kept(ctx: Context, tmp_path: Path) -> None:  # noqa: F811
    job = made(ctx, tmp_path, 3)
    (new,) = again(ctx, job, 2)
    assert (new.number, new.version, new.first, new.state) == (4, 2, 2, ItemState.WAITING)
    assert ctx.queries.job(job).state is JobState.RUNNING  # type: ignore[union-attr]
    assert versions_of(ctx, job, 2) == [
        (1, ItemState.STORED, ReviewState.REPLACED),
        (2, ItemState.WAITING, UNREVIEWED),
    ]
    shown = ctx.reviews.after(job, Shown(), 0, 10)
    assert [(item.first, item.version) for item in shown] == [(1, 1), (2, 1), (3, 1)]
    assert ctx.reviews.standing(job) == {ItemState.STORED: 2, ItemState.WAITING: 1}
    assert again(ctx, job, 2) == []
    assert len(ctx.reviews.versions(job, 2)) == 2


def test_two_who_redo_at_once_make_one_version(ctx: Context, tmp_path: Path) -> None:  # noqa: F811
    job = made(ctx, tmp_path, 20)
    added: list[Item] = []

    def work() -> None:
        for number in range(1, 21):
            added.extend(again(ctx, job, number))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(item.first for item in added) == dict.fromkeys(range(1, 21), 1)
    numbers = [item.number for item in ctx.queries.items(job)]
    assert numbers == list(range(1, 41))


def test_what_comes_to_nothing_gives_the_earlier_one_back(ctx: Context, tmp_path: Path) -> None:  # noqa: F811
    job = made(ctx, tmp_path, 2)
    (new,) = again(ctx, job, 1)
    assert ctx.reviews.restore(job, START) == []
    ctx.store.move_item(new, ItemEvent.FAIL, START)
    assert ctx.reviews.restore(job, later(1)) == [1]
    assert versions_of(ctx, job, 1) == [
        (1, ItemState.STORED, UNREVIEWED),
        (2, ItemState.FAILED, ReviewState.REPLACED),
    ]
    assert ctx.reviews.restore(job, later(2)) == []
    (third,) = again(ctx, job, 1)
    assert third.version == 3


def test_an_earlier_version_can_be_preferred(ctx: Context, tmp_path: Path) -> None:  # noqa: F811
    job = made(ctx, tmp_path, 2)
    (new,) = again(ctx, job, 1)
    assert not ctx.reviews.prefer(job, 1, "ana", START)
    with ctx.reviews._writer.transaction() as c:
        c.execute(text("UPDATE item SET state = 'stored' WHERE number = :n"), {"n": new.number})
    assert [item.version for item in ctx.reviews.current(job)] == [2, 1]
    assert ctx.reviews.prefer(job, 1, "ana", START)
    assert not ctx.reviews.prefer(job, 1, "ana", START)
    assert [item.version for item in ctx.reviews.current(job)] == [1, 1]
    assert [item.version for item in ctx.reviews.after(job, Shown(), 0, 9)] == [1, 1]


def test_a_redo_that_was_not_sent_is_taken_back(ctx: Context, tmp_path: Path) -> None:  # noqa: F811
    job = made(ctx, tmp_path, 2)
    again(ctx, job, 1)
    assert ctx.reviews.withdraw(job, "ben", later(1)) == []
    assert ctx.reviews.undo(job, None, "ana", later(1)) == Undone(withdrawn=(1,))
    assert [v[1:] for v in versions_of(ctx, job, 1)] == [
        (ItemState.STORED, UNREVIEWED),
        (ItemState.CANCELLED, ReviewState.REPLACED),
    ]


def test_no_version_is_added_to_a_job_that_is_being_cancelled(ctx: Context, tmp_path: Path) -> None:  # noqa: F811
    job = made(ctx, tmp_path, 2)
    with ctx.reviews._writer.transaction() as c:
        c.execute(text("UPDATE job SET state = 'cancelling'"))
    with pytest.raises(StaleTransitionError, match="cancelling"):
        again(ctx, job, 1)
    assert len(ctx.reviews.versions(job, 1)) == 1
    assert review(ctx, job) == [UNREVIEWED, UNREVIEWED]


def test_pages_keep_their_order_and_filters_say_what_they_say(ctx: Context, tmp_path: Path) -> None:  # noqa: F811
    job = made(ctx, tmp_path, 30)
    ctx.reviews.decide(job, Pick([(1, 10)]), APPROVE, "ana", START)
    with ctx.reviews._writer.transaction() as c:
        c.execute(text("UPDATE item SET state = 'refused' WHERE number IN (12, 13)"))
        c.execute(text("UPDATE item SET flags = '[\"blank\"]' WHERE number = 14"))
        c.execute(text("UPDATE item SET flags = '[]' WHERE number = 15"))
    todo = Shown(review=UNREVIEWED)
    assert [i.first for i in ctx.reviews.after(job, todo, 0, 3)] == [11, 14, 15]
    assert [i.first for i in ctx.reviews.after(job, todo, 15, 3)] == [16, 17, 18]
    assert [i.first for i in ctx.reviews.before(job, todo, 16, 2)] == [14, 15]
    assert ctx.reviews.rank(job, todo, 16) == 3
    assert [i.first for i in ctx.reviews.after(job, Shown(failed=True), 0, 9)] == [12, 13]
    assert [i.first for i in ctx.reviews.after(job, Shown(flagged=True), 0, 9)] == [14]
    assert ctx.reviews.how_many(job, Shown(model="sketch")) == 28
    assert ctx.reviews.how_many(job, Shown(model="other")) == 0


def test_a_redone_picture_is_made_for_real(tmp_path: Path) -> None:
    with make_context(tmp_path / "data") as ctx:  # noqa: F811
        job = started(ctx, sheet(tmp_path, [{"prompt": "a mug"}, {"prompt": "a bag"}]))
        run_to_end(ctx, job)
        (new,) = again(ctx, job.id, 2, "a red bag")
        run_to_end(ctx, job)
        assert versions_of(ctx, job.id, 2) == [
            (1, ItemState.STORED, ReviewState.REPLACED),
            (2, ItemState.STORED, UNREVIEWED),
        ]
        kept = [v.rendition_key for v in ctx.reviews.versions(job.id, 2)]
        assert len(set(kept)) == 2
        assert all(ctx.blobs.size(key or "") > 0 for key in kept)
        assert ctx.queries.ledger(job.id).made == 3
        assert ctx.reviews.asked_for(job.id, None)
        assert [v.number for v in ctx.reviews.remade(job.id)] == [new.number]
