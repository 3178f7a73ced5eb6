"""What the store promises, on SQLite in a folder and on a real PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from bot.runtime import Context
from providers.base import Lane
from storage.each import Outcome
from storage.engine import StoreError, migrate, only_scheduler, open_engine
from storage.moves import Packed
from storage.records import Incident, Submission
from storage.states import ItemEvent, ItemState, JobState, StaleTransitionError, SubmissionState
from storage.tables import METADATA
from storage.unfetched import Unfetched
from tests.parts import START, make_context, planned, run_to_end, sheet, started


@pytest.fixture
def ctx(url: str | None, tmp_path: Path) -> Iterator[Context]:
    """A context on either database."""
    with make_context(tmp_path / "data", url=url) as context:
        yield context


def two_rows(tmp_path: Path) -> Path:
    return sheet(tmp_path, [{"prompt": "a red mug"}, {"prompt": "a blue mug"}])


def packed(ctx: Context, job_id: str, numbers: list[int], name: str = "s1") -> Submission:
    submission = Submission(
        id=name, job_id=job_id, provider="sketch", model="sketch", lane="batch", grp="g",
        state=SubmissionState.PREPARED, payload_key="k", count=len(numbers), byte_size=1, created_at=START,
    )  # fmt: skip
    items = ctx.queries.items_by_number(job_id, numbers)
    packed_items = [Packed(i.number, i.sends + 1, Decimal("0.05")) for i in items]
    ctx.store.pack([(submission, packed_items)], START)
    return submission


def test_a_whole_job_runs_on_either_database(ctx: Context, tmp_path: Path) -> None:
    rows = [{"sku": f"S{n}", "prompt": f"mug {n % 3}"} for n in range(5)]
    job = run_to_end(ctx, started(ctx, sheet(tmp_path, rows), lane=Lane.LIVE), real_pause=0.02)
    assert job.state is JobState.FINISHED
    ledger = ctx.queries.ledger(job.id)
    assert ledger.holds
    assert ledger.count(ItemState.STORED) == 5
    assert ledger.made == 3


def test_of_eight_threads_that_move_one_item_exactly_one_succeeds(ctx: Context, tmp_path: Path) -> None:
    job = started(ctx, two_rows(tmp_path))
    item = next(ctx.queries.items(job.id))
    won: list[int] = []
    lost: list[int] = []

    def move(n: int) -> None:
        try:
            ctx.store.move_item(item, ItemEvent.FAIL, START, note=str(n))
            won.append(n)
        except StaleTransitionError:
            lost.append(n)

    threads = [threading.Thread(target=move, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 7)
    moves = [e for e in ctx.queries.events(job.id) if e.subject_id == "1" and e.event == "fail"]
    assert len(moves) == 1, "history has what happened, once"


def test_packing_an_item_that_has_moved_writes_nothing_at_all(ctx: Context, tmp_path: Path) -> None:
    job = started(ctx, two_rows(tmp_path))
    packed(ctx, job.id, [1])
    with pytest.raises(StaleTransitionError):
        packed(ctx, job.id, [1, 2], "s2")
    assert ctx.queries.submission("s2") is None
    assert ctx.queries.counts(job.id) == {ItemState.SENDING: 1, ItemState.WAITING: 1}
    assert ctx.queries.ledger(job.id).attempts == 1


def test_an_answer_counts_once_however_often_it_is_read(ctx: Context, tmp_path: Path) -> None:
    job = started(ctx, two_rows(tmp_path))
    sent = packed(ctx, job.id, [1, 2])
    ctx.store.send(sent, START, START)
    ctx.store.accept(sent, {"id": "b1", "data": {}}, START, START)
    made = Outcome(1, 1, ItemEvent.MAKE, "made", billed="yes", cost=Decimal("0.0265"))
    assert ctx.store.settle(sent, [made, made], START) == 1
    assert ctx.store.settle(sent, [made], START) == 0
    ledger = ctx.queries.ledger(job.id)
    assert ledger.settled_usd == Decimal("0.0265")
    assert ledger.reserved_usd == Decimal("0.05"), "the other attempt is still reserved"
    assert (ledger.made, ledger.open_attempts, ledger.overpaid) == (1, 1, [])


def test_waking_brings_forward_the_polls_of_those_handles_alone(ctx: Context, tmp_path: Path) -> None:
    job = started(ctx, two_rows(tmp_path))
    soon, late = START + timedelta(minutes=1), START + timedelta(hours=1)
    for number, due_at in ((1, late), (2, soon)):
        sent = packed(ctx, job.id, [number], f"s{number}")
        ctx.store.send(sent, START, START)
        ctx.store.accept(sent, {"id": f"b{number}", "data": {"id": "b9"}}, START, due_at)

    def due() -> list[datetime | None]:
        return [submission.due_at for submission in ctx.queries.submissions(job.id)]

    assert ctx.store.wake("sketch", ["b9", "b10", "%", "b1'--"], soon) == 0
    assert ctx.store.wake("sketch", [], soon) == 0
    assert ctx.store.wake("another", ["b1"], soon) == 0
    assert due() == [late, soon]
    assert ctx.store.wake("sketch", ["b1", "b2"], soon) == 1, "the other is due already"
    assert due() == [soon, soon]
    ctx.store.end(ctx.queries.submissions(job.id)[0], START)
    assert ctx.store.wake("sketch", ["b1"], START) == 0, "what is over is not asked about"


def test_fractions_of_a_cent_add_up_exactly(ctx: Context, tmp_path: Path) -> None:
    job = started(ctx, two_rows(tmp_path))
    sent = packed(ctx, job.id, [1, 2])
    ctx.store.send(sent, START, START)
    ctx.store.accept(sent, {"id": "b1", "data": {}}, START, START)
    cost = Decimal("0.000000001")
    outcomes = [Outcome(n, 1, ItemEvent.MAKE, "made", billed="yes", cost=cost) for n in (1, 2)]
    ctx.store.settle(sent, outcomes, START)
    assert ctx.queries.ledger(job.id).settled_usd == Decimal("0.000000002")


def test_a_job_that_was_sent_cannot_be_dropped(ctx: Context, tmp_path: Path) -> None:
    job = started(ctx, two_rows(tmp_path))
    packed(ctx, job.id, [1])
    with pytest.raises(StaleTransitionError, match="kept"):
        ctx.store.drop_job(job.id)
    other = planned(ctx, two_rows(tmp_path))
    ctx.store.drop_job(other.id)
    assert ctx.queries.job(other.id) is None
    assert list(ctx.queries.items(other.id)) == []


def test_cancelling_stops_what_has_not_left_and_says_it_was_not_sent(ctx: Context, tmp_path: Path) -> None:
    job = started(ctx, two_rows(tmp_path))
    packed(ctx, job.id, [1])
    assert ctx.store.cancel_job(job.id, START) == 2
    assert ctx.queries.counts(job.id) == {ItemState.CANCELLED: 2}
    assert [a.outcome for a in ctx.queries.attempts(job.id)] == ["not_sent"]


def test_what_was_not_sent_is_taken_apart_and_goes_another_way(ctx: Context, tmp_path: Path) -> None:
    job = started(ctx, two_rows(tmp_path))
    submission = packed(ctx, job.id, [1])
    assert ctx.store.withdraw(submission, START, "paused") == 1
    assert ctx.queries.counts(job.id) == {ItemState.WAITING: 2}
    assert [(a.outcome, a.billed, a.cost) for a in ctx.queries.attempts(job.id)] == [("not_sent", "no", 0)]
    later = START + timedelta(hours=1)
    values = {"provider": "other", "model": "m", "quoted_high": Decimal("0.5")}
    assert ctx.store.reroute(job.id, [1, 2], "sketch", later, "sketch is paused", **values) == 2
    sent, unsent = ctx.queries.items(job.id)
    assert (sent.provider, sent.due_at) == ("other", later), "what had its turn goes at once"
    assert (unsent.provider, unsent.due_at) == ("other", START), "what had none keeps its time"
    told = [
        (e.subject_id, e.from_state, e.to_state) for e in ctx.queries.events(job.id) if e.event == "reroute"
    ]
    assert told == [("1", "waiting", "waiting"), ("2", "waiting", "waiting")]
    assert ctx.store.reroute(job.id, [1, 2], "sketch", later, "again", **values) == 0
    assert ctx.queries.most_it_may_cost(job.id) == Decimal("1.0")


def test_what_is_being_sent_is_not_taken_apart(ctx: Context, tmp_path: Path) -> None:
    job = started(ctx, two_rows(tmp_path))
    submission = packed(ctx, job.id, [1, 2])
    ctx.store.send(submission, START, START)
    with pytest.raises(StaleTransitionError):
        ctx.store.withdraw(submission, START, "paused")
    assert ctx.store.reroute(job.id, [1, 2], "sketch", START, "paused", provider="other") == 0
    assert ctx.queries.counts(job.id) == {ItemState.SENDING: 2}


def test_how_providers_do_is_read_from_what_happened(ctx: Context, tmp_path: Path) -> None:
    job = started(ctx, two_rows(tmp_path))
    submission = packed(ctx, job.id, [1, 2])
    assert ctx.queries.probing("sketch", START, ["timeout"]).prepared == 1
    ctx.store.send(submission, START, START)
    ctx.store.hold(submission, START, START, "no", kind="timeout")
    assert ctx.queries.turned_away(START, ["timeout"]) == {"sketch": (1, 1)}
    assert ctx.queries.turned_away(START, ["auth"]) == {}
    assert ctx.queries.probing("sketch", START, ["timeout"]).held == 1
    ctx.store.send(submission, START, START)
    ctx.store.accept(submission, {"id": "h", "data": {}}, START, START)
    failed = Outcome(1, 1, ItemEvent.FAIL, "server_error", billed="no")
    made = Outcome(2, 1, ItemEvent.MAKE, "made", billed="yes", cost=Decimal("0.07"))
    ctx.store.settle(submission, [failed], START)
    ctx.store.settle(submission, [made], START + timedelta(seconds=1))
    answers = ctx.queries.recent_answers(START, ["made", "server_error"], 10)
    assert [(name, outcome) for name, outcome, _ in answers] == [
        ("sketch", "made"),
        ("sketch", "server_error"),
    ]
    assert ctx.queries.recent_answers(START + timedelta(seconds=2), ["made"], 10) == []
    probing = ctx.queries.probing("sketch", START, ["timeout"])
    assert (probing.under_way, probing.accepted, probing.outcomes) == (1, 1, {"made": 1, "server_error": 1})
    assert ctx.queries.most_it_may_cost(job.id) == Decimal("0.07")


def test_times_come_back_aware_and_in_utc(ctx: Context, tmp_path: Path) -> None:
    job = planned(ctx, two_rows(tmp_path))
    found = ctx.queries.job(job.id)
    assert found is not None
    assert found.created_at == START
    assert found.created_at.utcoffset() == timedelta(0)
    with pytest.raises(Exception, match="aware UTC"):
        ctx.notices.pause("p", "quota", "r", datetime(2026, 1, 1), START)  # noqa: DTZ001


def test_an_inbox_key_is_received_once(ctx: Context) -> None:
    assert ctx.mail.receive("k", "sheet", {"a": 1}, START)
    assert not ctx.mail.receive("k", "sheet", {"a": 2}, START)
    (entry,) = ctx.mail.due_inbox(START)
    assert entry.payload == {"a": 1}
    ctx.mail.inbox_later(entry, START + timedelta(seconds=5), "not ready")
    assert ctx.mail.due_inbox(START) == []
    (entry,) = ctx.mail.due_inbox(START + timedelta(seconds=5))
    assert entry.tries == 1
    ctx.mail.inbox_done(entry)
    assert ctx.mail.due_inbox(START + timedelta(days=1)) == []


def test_an_incident_is_opened_once_and_closed_once(ctx: Context) -> None:
    incident = Incident("k", "success-rate", "warning", "headline", ["a"], START)
    assert ctx.notices.open_incident(incident)
    assert not ctx.notices.open_incident(incident)
    assert ctx.notices.close_incident("k", START)
    assert not ctx.notices.close_incident("k", START)
    assert not ctx.notices.open_incident(incident), "a closed incident is not told again"


def test_the_migrations_make_exactly_the_tables_of_the_models(ctx: Context) -> None:
    with ctx.queries._engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    assert not [d for d in differences if not isinstance(d, list)], differences


def test_a_state_nobody_knows_is_refused_by_the_database(ctx: Context, tmp_path: Path) -> None:
    job = planned(ctx, two_rows(tmp_path))
    with pytest.raises(Exception, match="state"), ctx.queries._engine.begin() as connection:
        connection.execute(text("UPDATE item SET state = 'lost' WHERE job_id = :job"), {"job": job.id})


def test_one_process_at_a_time_runs_the_schedule(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'x.db'}")
    taken = pytest.raises(StoreError, match="Another imgbatch")
    with only_scheduler(engine, tmp_path / "lock"), taken, only_scheduler(engine, tmp_path / "lock"):
        pass
    with only_scheduler(engine, tmp_path / "lock"):
        pass
    engine.dispose()


def test_one_process_at_a_time_on_postgresql_too(postgres: str, tmp_path: Path) -> None:
    engine = open_engine(postgres)
    taken = pytest.raises(StoreError, match="Another imgbatch")
    with only_scheduler(engine, tmp_path / "lock"), taken, only_scheduler(engine, tmp_path / "lock"):
        pass
    with only_scheduler(engine, tmp_path / "lock"):
        pass
    engine.dispose()


def test_an_address_that_cannot_work_is_one_sentence() -> None:
    with pytest.raises(StoreError, match="use sqlite or postgresql"):
        open_engine("mysql://localhost/x")
    with pytest.raises(StoreError, match="cannot be used"):
        open_engine("not an address")


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'x.db'}")
    migrate(engine, tmp_path / "lock")
    migrate(engine, tmp_path / "lock")
    engine.dispose()


def test_a_full_sync_is_asked_of_sqlite(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'x.db'}")
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
    engine.dispose()


def test_a_store_of_a_newer_program_is_left_alone_with_a_sentence(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'x.db'}")
    migrate(engine, tmp_path / "lock")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="made by a newer imgbatch"):
        migrate(engine, tmp_path / "lock")
    engine.dispose()


def test_a_short_pause_does_not_take_the_place_of_an_outage_and_only_the_pause_seen_ends(
    ctx: Context,
) -> None:
    soon, late = START + timedelta(seconds=2), START + timedelta(minutes=10)
    assert ctx.notices.pause("p", "rate_limited", "slow down", START, soon)
    seen = ctx.notices.pauses()["p"]
    assert not ctx.notices.pause("p", "outage", "nothing comes back", START, late)
    assert not ctx.notices.resume(seen), "an outage was found since it was read"
    assert not ctx.notices.pause("p", "rate_limited", "slow down", START, soon, yields_to={"outage"})
    outage = ctx.notices.pauses()["p"]
    assert (outage.kind, outage.reason, outage.until) == ("outage", "nothing comes back", late)
    assert ctx.notices.resume(outage)
    assert not ctx.notices.resume(outage)


def test_a_picture_that_fails_as_before_says_nothing_new_of_its_provider(
    ctx: Context, tmp_path: Path
) -> None:
    job = started(ctx, two_rows(tmp_path))
    outcomes = [("server_error", "server_error"), ("server_error", "timeout")]
    for send in (1, 2):
        at = START + timedelta(seconds=send)
        submission = packed(ctx, job.id, [1, 2], f"s{send}")
        ctx.store.send(submission, at, at)
        ctx.store.accept(submission, {"id": "h", "data": {}}, at, at)
        failed = [
            Outcome(item, send, ItemEvent.RETRY, said[send - 1], billed="no", values={"due_at": at})
            for item, said in enumerate(outcomes, 1)
        ]
        ctx.store.settle(submission, failed, at)
    answers = ctx.queries.recent_answers(START, ["made", "server_error", "timeout"], 10)
    assert sorted(outcome for _, outcome, _ in answers) == ["server_error", "server_error", "timeout"]


def test_what_is_made_and_not_fetched_is_known_with_its_end(ctx: Context, tmp_path: Path) -> None:
    job = started(ctx, two_rows(tmp_path))
    submission = packed(ctx, job.id, [1, 2])
    ctx.store.send(submission, START, START)
    ctx.store.accept(submission, {"id": "h", "data": {}}, START, START)
    assert ctx.queries.unfetched() == []
    ended, over = START + timedelta(minutes=1), START + timedelta(days=1)
    ctx.store.note_progress(submission, START, ended_at=ended, results_expire_at=over)
    assert ctx.queries.unfetched() == [Unfetched(job.id, "sketch", "sketch", 2, ended, over)]
    here = {"master_key": "k", "locator": None}
    there = {"master_key": None, "locator": "https://pictures.example/2"}
    made = [Outcome(n, 1, ItemEvent.MAKE, "made", values=values) for n, values in ((1, here), (2, there))]
    ctx.store.settle(submission, made, ended)
    ctx.store.end(submission, ended, completed=2, failed=0)
    assert ctx.queries.unfetched() == [Unfetched(job.id, "sketch", "sketch", 1, ended, over)]
    assert ctx.queries.unfetched(job.id) == ctx.queries.unfetched()
    assert ctx.queries.unfetched("another") == []
