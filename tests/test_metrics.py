"""`/metrics`: true to the data store, well formed, bounded, and without anybody's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain
from prometheus_client.samples import Sample
from sqlalchemy import text

from bot.metered import CALLS, Metered
from bot.metered import OUTCOMES as OUTCOMES_OF_A_CALL
from bot.meters import PROCESS
from bot.metrics import Metrics
from bot.pipeline.rounds import one_round
from bot.runtime import Context
from bot.store_metrics import OUTCOMES, Answers
from providers.base import (
    AskAgain,
    Failure,
    FailureKind,
    Gone,
    Handle,
    ItemResult,
    Made,
    MaybeAccepted,
    NoLookup,
    Refused,
    TellOperator,
)
from providers.sketch import Sketch
from tests.parts import START, TestClock, make_context, planned, run_to_end, sheet, started

OF_SLACK = ("ok", "rate_limited", "later", "in_doubt", "gone", "unfit")

ROWS = [{"prompt": "a red shoe"}, {"prompt": "a blue shoe"}, {"prompt": "a green shoe"}]

Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(said: str) -> Iterator[Sample]:
    for family in plain(said):
        yield from family.samples


def told(metrics: Metrics) -> str:
    said, content_type = metrics("")
    assert content_type.startswith("text/plain")
    return said.decode()


def value(said: str, name: str, **labels: str) -> float:
    """The sum over all series of that name with these labels."""
    found = [s.value for s in samples(said) if s.name == name and labels.items() <= s.labels.items()]
    assert found, f"{name}{labels} is not told"
    return sum(found)


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[Context]:
    with make_context(tmp_path / "data") as ctx:
        ctx.pulse.expect({"poll": timedelta(minutes=5)}, ctx.clock())
        yield ctx


def work(ctx: Context, tmp_path: Path, rows: list[dict[str, str]] = ROWS) -> str:
    job = started(ctx, sheet(tmp_path, rows))
    run_to_end(ctx, job)
    return job.id


def test_what_was_made_and_what_it_cost_are_those_of_the_data_store(ctx: Context, tmp_path: Path) -> None:
    metrics = Metrics(ctx, tmp_path)
    assert value(told(metrics), "imgbatch_jobs") == 0
    work(ctx, tmp_path)
    said = told(metrics)
    with ctx.vitals._reading() as c:
        made = c.execute(text("SELECT count(*) FROM attempt WHERE outcome = 'made'")).scalar_one()
        spent = c.execute(text("SELECT sum(cost) FROM attempt")).scalar_one()
    assert value(said, "imgbatch_answers_total", outcome="made") == made == 3
    assert value(said, "imgbatch_spend_usd_total", provider="sketch") == pytest.approx(spent / 1e9)
    assert value(said, "imgbatch_jobs", state="finished") == 1
    assert value(said, "imgbatch_items") == 0
    assert value(said, "imgbatch_answers_total", outcome="content_policy") == 0


def test_what_is_under_way_has_its_place_and_its_age(ctx: Context, tmp_path: Path) -> None:
    metrics = Metrics(ctx, tmp_path)
    assert isinstance(ctx.clock, TestClock)
    planned(ctx, sheet(tmp_path, [{"prompt": "later"}], "later.csv"))
    started(ctx, sheet(tmp_path, ROWS))
    ctx.clock.move(90)
    said = told(metrics)
    assert value(said, "imgbatch_items", state="waiting", provider="sketch", lane="batch") == 3
    assert value(said, "imgbatch_oldest_item_age_seconds", state="waiting") == 90
    assert value(said, "imgbatch_jobs", state="planned") == 1
    one_round(ctx, ctx.clock())
    ctx.clock.move(30)
    said = told(metrics)
    assert value(said, "imgbatch_items", state="waiting") == 0
    assert value(said, "imgbatch_items", state="in_flight") == 3
    assert value(said, "imgbatch_submissions", state="open", provider="sketch") == 1
    assert value(said, "imgbatch_oldest_item_age_seconds", state="in_flight") == 30
    # Seen before the first answer, so that the first answers are seen as growth.
    assert value(said, "imgbatch_answers_total", provider="sketch", outcome="made") == 0


def test_what_may_not_be_sent_yet_does_not_age(ctx: Context, tmp_path: Path) -> None:
    metrics = Metrics(ctx, tmp_path)
    assert isinstance(ctx.clock, TestClock)
    job = started(ctx, sheet(tmp_path, ROWS))
    ctx.store.pause_job(job.id, ctx.clock(), "ana")
    ctx.clock.move(3600)
    assert "imgbatch_oldest_item_age_seconds{" not in told(metrics)
    ctx.store.resume_job(job.id, ctx.clock(), "ana")
    assert value(told(metrics), "imgbatch_oldest_item_age_seconds", state="waiting") == 3600


def test_the_margin_of_results_that_will_vanish(ctx: Context, tmp_path: Path) -> None:
    metrics = Metrics(ctx, tmp_path)
    job = started(ctx, sheet(tmp_path, ROWS))
    one_round(ctx, ctx.clock())
    (submission,) = ctx.queries.submissions(job.id)
    soon = ctx.clock() + timedelta(hours=3)
    ended = ctx.clock() - timedelta(minutes=2)
    ctx.store.note_progress(submission, ctx.clock(), ended_at=ended, results_expire_at=soon)
    assert value(told(metrics), "imgbatch_results_expiry_margin_seconds", provider="sketch") == 3 * 3600


def test_what_nobody_prices_is_told_apart_from_what_may_not_have_been_billed(
    ctx: Context, tmp_path: Path
) -> None:
    work(ctx, tmp_path)
    with ctx.vitals._engine.begin() as c:
        c.execute(text("UPDATE attempt SET cost = NULL, billed = 'yes' WHERE item = 1"))
        failed = (
            "UPDATE attempt SET cost = NULL, outcome = 'server_error', billed = :billed WHERE item = :item"
        )
        c.execute(text(failed), [{"item": 2, "billed": "unknown"}, {"item": 3, "billed": "no"}])
    said = told(Metrics(ctx, tmp_path))
    assert value(said, "imgbatch_unpriced_answers_total", outcome="made") == 1
    assert value(said, "imgbatch_unpriced_answers_total", outcome="server_error") == 1
    assert value(said, "imgbatch_unpriced_answers_total") == 2
    assert value(said, "imgbatch_answers_total", outcome="server_error") == 2


def test_a_restart_loses_and_repeats_nothing(tmp_path: Path) -> None:
    clock = TestClock()
    with make_context(tmp_path / "data", clock=clock) as ctx:
        work(ctx, tmp_path)
        before = told(Metrics(ctx, tmp_path))
    with make_context(tmp_path / "data", clock=clock) as ctx:
        after = told(Metrics(ctx, tmp_path))
    for name in ("imgbatch_answers_total", "imgbatch_spend_usd_total", "imgbatch_jobs"):
        assert value(after, name) == value(before, name)


def test_counters_begin_anew_with_the_month(ctx: Context, tmp_path: Path) -> None:
    metrics = Metrics(ctx, tmp_path)
    assert isinstance(ctx.clock, TestClock)
    work(ctx, tmp_path)
    assert value(told(metrics), "imgbatch_answers_total") == 3
    ctx.clock.at = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
    assert value(told(metrics), "imgbatch_answers_total") == 3
    ctx.clock.at = datetime(2026, 12, 1, tzinfo=UTC)
    assert "imgbatch_answers_total{" not in told(metrics)
    work(ctx, tmp_path, [{"prompt": "another shoe"}])
    assert value(told(metrics), "imgbatch_answers_total") == 1


def test_no_counter_falls_where_history_is_thrown_away(ctx: Context, tmp_path: Path) -> None:
    metrics = Metrics(ctx, tmp_path)
    work(ctx, tmp_path)
    before = told(metrics)
    with ctx.vitals._engine.begin() as c:
        c.execute(text("DELETE FROM attempt WHERE item = 1"))
    after = told(metrics)
    assert value(after, "imgbatch_answers_total") == value(before, "imgbatch_answers_total") == 3
    assert value(after, "imgbatch_spend_usd_total") == value(before, "imgbatch_spend_usd_total")


def test_however_often_it_is_read_each_answer_counts_once(ctx: Context, tmp_path: Path) -> None:
    answers = Answers(ctx)
    job_id = work(ctx, tmp_path)
    with ctx.vitals._engine.begin() as c:
        submission = c.execute(text("SELECT submission_id FROM attempt LIMIT 1")).scalar_one()
        hours = [
            {"send": 10 + n, "at": (START + timedelta(hours=n / 2)).replace(tzinfo=None)} for n in range(240)
        ]
        c.execute(
            text(
                "INSERT INTO attempt (job_id, item, send, submission_id, sent_at, answered_at, outcome, "
                "code, message, billed, cost, priced_by) VALUES "
                f"('{job_id}', 1, :send, '{submission}', :at, :at, 'made', '', '', 'yes', {10**9}, 'table')"
            ),
            hours,
        )
    first = 3
    for n in range(241):
        now = START + timedelta(hours=n / 2)
        ((_, found),) = answers.since_the_first(now).items()
        assert found["made"].count == first + 240  # all are in the data store, dated as they are
        assert found["made"].usd == Decimal(240)


def test_models_and_providers_that_nobody_knows_are_other(ctx: Context, tmp_path: Path) -> None:
    work(ctx, tmp_path)
    work(ctx, tmp_path, [{"prompt": "a hat"}])
    with ctx.vitals._engine.begin() as c:
        ids = c.execute(text("SELECT id FROM submission ORDER BY created_at")).scalars().all()
        c.execute(text("UPDATE submission SET model = 'gone-1' WHERE id = :id"), {"id": ids[0]})
        c.execute(text("UPDATE submission SET provider = 'gone', model = 'x' WHERE id = :id"), {"id": ids[1]})
        c.execute(text("UPDATE attempt SET outcome = 'odd' WHERE submission_id = :id"), {"id": ids[1]})
    said = told(Metrics(ctx, tmp_path))
    assert value(said, "imgbatch_answers_total", provider="sketch", model="other", outcome="made") == 3
    assert value(said, "imgbatch_answers_total", provider="other", model="other", outcome="other") == 1
    assert 'model="gone' not in said
    assert 'provider="gone' not in said
    assert "odd" not in said


def test_backlogs_pauses_and_alerts(ctx: Context, tmp_path: Path) -> None:
    metrics = Metrics(ctx, tmp_path)
    assert isinstance(ctx.clock, TestClock)
    now = ctx.clock()
    ctx.mail.receive("e1", "message", {"job": "x"}, now)
    ctx.notices.pause("sketch", "auth", "the key is wrong", now, now + timedelta(hours=1))
    ctx.clock.move(45)
    said = told(metrics)
    assert value(said, "imgbatch_inbox_entries_pending") == 1
    assert value(said, "imgbatch_inbox_oldest_entry_age_seconds") == 45
    assert value(said, "imgbatch_announcements_pending") == 0
    assert value(said, "imgbatch_provider_paused", provider="sketch", kind="auth") == 1
    assert value(said, "imgbatch_incidents_open", rule="provider-paused") == 0
    one_round(ctx, ctx.clock())
    assert value(told(metrics), "imgbatch_incidents_open", rule="provider-paused") == 1
    assert "the key is wrong" not in said


def test_ticks_writer_and_disk(ctx: Context, tmp_path: Path) -> None:
    metrics = Metrics(ctx, tmp_path)
    assert isinstance(ctx.clock, TestClock)
    for seconds, well in ((0.02, True), (3, True), (700, False)):
        ctx.pulse.began("poll", ctx.clock())
        ctx.clock.move(seconds)
        if well:
            ctx.pulse.succeeded("poll", ctx.clock())
        else:
            ctx.pulse.failed("poll", ctx.clock(), "here", "OSError")
    said = told(metrics)
    assert value(said, "imgbatch_tick_duration_seconds_count", tick="poll") == 3
    assert value(said, "imgbatch_tick_duration_seconds_bucket", tick="poll", le="0.05") == 1
    assert value(said, "imgbatch_tick_duration_seconds_bucket", tick="poll", le="5.0") == 2
    assert value(said, "imgbatch_tick_duration_seconds_bucket", tick="poll", le="+Inf") == 3
    assert value(said, "imgbatch_tick_duration_seconds_sum") == pytest.approx(703.02)
    assert value(said, "imgbatch_tick_failures_total", tick="poll") == 1
    assert value(said, "imgbatch_tick_stuck", tick="poll") == 1
    last = value(said, "imgbatch_tick_last_success_timestamp_seconds", tick="poll")
    assert last == pytest.approx((START + timedelta(seconds=3.02)).timestamp())
    before = value(said, "imgbatch_writer_transactions_total")
    ctx.mail.receive("e1", "message", {}, ctx.clock())
    assert value(told(metrics), "imgbatch_writer_transactions_total") == before + 1
    assert 0 < value(said, "imgbatch_disk_free_bytes") < value(said, "imgbatch_disk_size_bytes")
    assert value(said, "imgbatch_ready", check="disk") == 1
    assert value(said, "imgbatch_ready", check="ticks") == 0


def test_without_a_database_the_rest_is_told(ctx: Context, tmp_path: Path) -> None:
    metrics = Metrics(ctx, tmp_path)
    assert value(told(metrics), "imgbatch_database_up") == 1
    ctx.vitals._engine.dispose()
    for leftover in ("imgbatch.db", "imgbatch.db-wal", "imgbatch.db-shm"):
        (tmp_path / "data" / leftover).unlink(missing_ok=True)
    (tmp_path / "data" / "imgbatch.db").write_bytes(b"no database at all " * 400)
    said = told(metrics)
    assert value(said, "imgbatch_database_up") == 0
    assert value(said, "imgbatch_ready", check="database") == 0
    assert value(said, "imgbatch_disk_free_bytes") > 0


def test_names_units_and_help_follow_the_conventions(ctx: Context, tmp_path: Path) -> None:
    metrics = Metrics(ctx, tmp_path)
    work(ctx, tmp_path)
    families = {family.name: family for family in plain(told(metrics))}
    ours = {name: family for name, family in families.items() if name.startswith("imgbatch_")}
    assert len(ours) > 25
    for name, family in ours.items():
        assert re.fullmatch(r"imgbatch_[a-z]+(_[a-z]+)*", name), name
        assert family.documentation.endswith("."), name
        assert family.type in ("counter", "gauge", "histogram"), name
        assert not name.endswith(("_ms", "_minutes", "_mb", "_count", "_total", "_sum")), name
        assert family.type == "histogram" or "duration" not in name, name
    text_of, content_type = metrics("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert {family.name for family in open_metrics(text_of.decode())} >= set(ours)


def test_labels_are_bounded_and_say_nothing_of_people(ctx: Context, tmp_path: Path) -> None:
    job_id = work(ctx, tmp_path, [{"prompt": f"secret campaign number {n}"} for n in range(20)])
    said = told(Metrics(ctx, tmp_path))
    labels: dict[str, set[str]] = {}
    for sample in samples(said):
        for name, what in sample.labels.items():
            labels.setdefault(name, set()).add(what)
    assert set(labels) <= {
        "state", "provider", "model", "lane", "outcome", "kind", "rule", "check", "tick", "le", "call",
        "method", "version",
    }  # fmt: skip
    assert labels["outcome"] <= {*OUTCOMES, *OUTCOMES_OF_A_CALL, *OF_SLACK, "other"}
    for words in ("secret", "campaign", "tester", "sheet.csv", job_id):
        assert words not in said


# --- calls to providers ----------------------------------------------------------------------------------


class Slow(Sketch):
    """Each call takes as long as the test says, and fails as it says."""

    clock = 0.0
    problem: Exception | None = None

    def poll(self, handle: Handle) -> object:  # type: ignore[override]
        Slow.clock += 2
        if self.problem:
            raise self.problem
        return None

    def results(self, handle: Handle) -> Iterator[ItemResult]:
        for key in ("a", "b"):
            Slow.clock += 3
            yield ItemResult(key, Made(()))
        if self.problem:
            raise self.problem


def counted(name: str, **labels: str) -> float:
    return PROCESS.get_sample_value(name, {"provider": "sketch", **labels}) or 0.0


FAILURES = [
    (AskAgain("no", kind=FailureKind.RATE_LIMITED), "rate_limited"),
    (Refused(Failure(FailureKind.RATE_LIMITED)), "rate_limited"),
    (Refused(Failure(FailureKind.CONTENT_POLICY)), "refused"),
    (AskAgain("no"), "again"),
    (MaybeAccepted("no"), "lost"),
    (TellOperator("no", kind=FailureKind.AUTH), "operator"),
    (Gone("no"), "gone"),
    (NoLookup("no"), "no_lookup"),
    (RuntimeError("no"), "error"),
]


@pytest.mark.parametrize(("problem", "outcome"), FAILURES)
def test_what_came_of_a_call_is_counted_and_raised(
    ctx: Context, tmp_path: Path, problem: Exception, outcome: str
) -> None:
    slow = Slow(ctx.providers["sketch"].models, folder=tmp_path, clock=ctx.clock)
    slow.problem = problem
    metered = Metered(slow, monotonic=lambda: Slow.clock)
    before = counted("imgbatch_provider_calls_total", call="poll", outcome=outcome)
    seconds = counted("imgbatch_provider_call_duration_seconds_sum", call="poll")
    with pytest.raises(type(problem)) as raised:
        metered.poll(Handle("x"))
    assert raised.value is problem
    assert counted("imgbatch_provider_calls_total", call="poll", outcome=outcome) == before + 1
    assert counted("imgbatch_provider_call_duration_seconds_sum", call="poll") == seconds + 2


def test_every_outcome_is_told_before_it_comes_so_that_the_first_is_seen_as_growth(
    ctx: Context, tmp_path: Path
) -> None:
    class Newcomer(Sketch):
        name = "newcomer"

    Metered(Newcomer(ctx.providers["sketch"].models, folder=tmp_path, clock=ctx.clock))
    for call in CALLS:
        for outcome in OUTCOMES_OF_A_CALL:
            labels = {"provider": "newcomer", "call": call, "outcome": outcome}
            assert PROCESS.get_sample_value("imgbatch_provider_calls_total", labels) == 0


def test_reading_results_counts_the_time_the_provider_took_alone(ctx: Context, tmp_path: Path) -> None:
    slow = Slow(ctx.providers["sketch"].models, folder=tmp_path, clock=ctx.clock)
    metered = Metered(slow, monotonic=lambda: Slow.clock)
    before = counted("imgbatch_provider_call_duration_seconds_sum", call="results")
    for _ in metered.results(Handle("x")):
        Slow.clock += 1000  # we render
    assert counted("imgbatch_provider_call_duration_seconds_sum", call="results") == before + 6
    slow.problem = AskAgain("cut")
    with pytest.raises(AskAgain):
        list(metered.results(Handle("x")))
    assert counted("imgbatch_provider_calls_total", call="results", outcome="again") == 1
