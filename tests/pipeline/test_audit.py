"""The audit of a job: money on whose word, failures billed or not, what was saved, and who decided."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from sqlalchemy import text

from bot.pipeline.attend import facts, tally
from bot.pipeline.audit import audit
from bot.pipeline.start import start
from bot.watch.accounts import decision_lines, failure_lines, money_lines
from bot.watch.summary import summarise
from providers.base import Billed, Failure, FailureKind, Lane
from storage.reviews import Pick
from storage.shelved import Permit
from storage.states import ReviewEvent
from tests.parts import START, TestClock, make_context, planned, run_to_end, sheet
from tests.priced import PaidSketch


def test_an_audit_says_whose_word_the_money_is_and_who_decided(tmp_path: Path) -> None:
    clock = TestClock()
    provider = PaidSketch(tmp_path, clock, "0.10")
    with make_context(tmp_path, {"sketch": provider}, clock=clock) as ctx:
        prompts = ("one", "two", "three", "four", "one")
        job = planned(ctx, sheet(tmp_path, [{"prompt": p} for p in prompts]), lane=Lane.LIVE)
        ctx.shelf.permit(Permit(job.id, "U2", START, Decimal("0.40")))
        start(ctx, job, START, person="U1")
        before = audit(ctx, job)
        assert (before["reserved_usd"], before["settled_usd"]) == (0.4, 0.0)
        provider.failures += [
            Failure(FailureKind.CONTENT_POLICY, "moderation", "no", Billed.YES, cost_usd=Decimal("0.02")),
            Failure(FailureKind.SERVER_ERROR, "500", "oops", Billed.UNKNOWN),
            Failure(FailureKind.SERVER_ERROR, "500", "oops", Billed.NO),
        ]
        job = run_to_end(ctx, job, real_pause=0.02)
        ctx.reviews.decide(job.id, Pick([(1, 9)]), ReviewEvent.APPROVE, "U3", clock())
        found = audit(ctx, job)
        assert found["holds"], found["exceptions"]
        assert found["reserved_usd"] == 0
        assert found["failures"] == {
            "content_policy": {"yes": 1, "no": 0, "unknown": 0},
            "server_error": {"yes": 0, "no": 1, "unknown": 1},
        }
        assert found["settled_by"] == {"vendor": 0.02, "table": 0.3, "unrecorded": 0.0}
        assert (found["settled_usd"], found["perhaps_usd"], found["unpriced_attempts"]) == (0.32, 0.1, 1)
        stored = found["duplicates_stored"]
        assert found["saved_usd"] == float(Decimal("0.10") * stored)
        assert found["remarks"] == ["$0.1000 at list price may have been billed: the provider does not say"]
        said = [line.split(" UTC ")[1] for line in decision_lines(found)]
        approved = found["stored"]
        assert said == [
            "U2 agreed to its cost of up to $0.4000",
            "U1 started it",
            f"U3 approved {approved} pictures",
        ]
        assert (
            "settled: $0.3200 ($0.0200 by the vendor's own word, $0.3000 by the price table)"
            in money_lines(found)
        )
        assert "content policy: billed 1, not billed 0, unknown 0" in failure_lines(found)


def test_a_picture_dearer_than_quoted_is_named(tmp_path: Path) -> None:
    clock = TestClock()
    provider = PaidSketch(tmp_path, clock, "0.10")
    provider.says = Decimal("0.13")
    with make_context(tmp_path, {"sketch": provider}, clock=clock) as ctx:
        job = planned(ctx, sheet(tmp_path, [{"prompt": "one"}]), lane=Lane.LIVE)
        start(ctx, job, START)
        found = audit(ctx, run_to_end(ctx, job, real_pause=0.02))
        assert found["holds"]
        assert found["remarks"] == [
            "item 1 cost $0.1300, quoted $0.1000 at most",
            "$0.0300 more were settled than quoted at most: retries, or other prices",
        ]


def test_books_that_do_not_agree_are_an_exception(tmp_path: Path) -> None:
    clock = TestClock()
    with make_context(tmp_path, {"sketch": PaidSketch(tmp_path, clock, "0.10")}, clock=clock) as ctx:
        job = planned(ctx, sheet(tmp_path, [{"prompt": "one"}]), lane=Lane.LIVE)
        start(ctx, job, START)
        job = run_to_end(ctx, job, real_pause=0.02)
        with ctx.queries._engine.begin() as connection:
            connection.execute(text("UPDATE attempt SET cost = cost + 1000000"))
        found = audit(ctx, job)
        assert not found["holds"]
        assert found["exceptions"] == ["the pictures cost $0.1 and the attempts $0.101"]


def test_a_duplicate_whose_original_was_refused_saved_nothing(tmp_path: Path) -> None:
    clock = TestClock()
    provider = PaidSketch(tmp_path, clock, "0.10")
    with make_context(tmp_path, {"sketch": provider}, clock=clock) as ctx:
        prompts = ("one", "two", "one", "one", "one", "two")
        job = planned(ctx, sheet(tmp_path, [{"prompt": p} for p in prompts]), lane=Lane.BATCH)
        start(ctx, job, START)
        provider.failures.append(Failure(FailureKind.CONTENT_POLICY, "moderation", "no", Billed.NO))
        job = run_to_end(ctx, job)
        counted = tally(ctx, job)
        assert (counted.stored, counted.refused) == (2, 4)
        assert (counted.duplicates, counted.duplicates_usd) == (1, Decimal("0.10"))
        assert counted.refusal_rate == 4 / 5
        found = audit(ctx, job)
        assert (found["duplicates_stored"], found["saved_usd"]) == (1, 0.1)
        summary = summarise(facts(ctx, job), clock(), ctx.policy.rules)
        assert summary.duplicates == "1 duplicate was copied instead of made again, which saved $0.10."
