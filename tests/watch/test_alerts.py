"""When the watch speaks up, what it says, and that one incident is told once."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bot.watch.advice import ADVICE, Who, advice
from bot.watch.alerts import AlertRules, Rule, Severity, news, recovered
from bot.watch.facts import Example, ExpiringResults, FailureGroup, JobFacts, PausedProvider
from bot.watch.house_alerts import provider_alerts
from bot.watch.job_alerts import job_alerts
from bot.watch.rates import Tally, Timing
from providers.base import FailureKind

START = datetime(2026, 11, 2, 8, tzinfo=UTC)
NOW = START + timedelta(hours=1)


def job(tally: Tally, **more: object) -> JobFacts:
    return replace(JobFacts("J1", "Chairs", tally, Timing(START)), **more)


def rules_found(facts: JobFacts, **options: object) -> list[Rule]:
    return [alert.rule for alert in job_alerts(facts, NOW, **options)]


class TestSuccessRate:
    def test_a_job_at_ninety_five_percent_is_not_alerted(self) -> None:
        assert rules_found(job(Tally(100, stored=95, failed=5))) == []

    def test_a_job_under_ninety_five_percent_is_alerted(self) -> None:
        assert rules_found(job(Tally(1000, stored=949, failed=51))) == [Rule.SUCCESS_RATE]

    def test_between_alert_and_target_is_for_the_summary_only(self) -> None:
        assert rules_found(job(Tally(1000, stored=960, failed=40))) == []

    def test_a_running_job_is_judged_from_the_minimum_sample_on(self) -> None:
        running = Tally(100, stored=15, failed=4, in_flight=81)
        assert rules_found(job(running)) == [], "19 settled"
        assert rules_found(job(replace(running, failed=5, in_flight=80))) == [Rule.SUCCESS_RATE], "20 settled"

    def test_bad_luck_in_a_small_job_is_for_its_summary_and_no_alert(self) -> None:
        for tally in (Tally(1, failed=1), Tally(3, stored=2, failed=1), Tally(20, stored=17, failed=3)):
            assert rules_found(job(tally)) == []

    def test_from_a_hundred_pictures_on_the_threshold_alone_judges_a_finished_job(self) -> None:
        assert rules_found(job(Tally(100, stored=94, failed=6))) == [Rule.SUCCESS_RATE]
        assert rules_found(job(Tally(99, stored=93, failed=6))) == []
        assert rules_found(job(Tally(200, stored=94, failed=6, in_flight=100))) == []

    def test_what_is_no_luck_is_an_alert_however_small_the_job(self) -> None:
        for tally in (Tally(3, failed=3), Tally(10, stored=6, failed=4), Tally(100, stored=91, failed=9)):
            assert rules_found(job(tally)) == [Rule.SUCCESS_RATE]

    def test_a_running_job_is_told_where_it_is_going(self) -> None:
        running = Tally(1000, stored=80, failed=20, in_flight=900, spent_usd=Decimal(4))
        (alert,) = job_alerts(job(running), NOW)
        assert alert.details[0] == (
            "If it goes on like this, 200 of 1,000 pictures will be missing; even if all the rest come out, "
            "98.0% is the most it can reach. The rest would cost about $36.00."
        )
        (done,) = job_alerts(job(replace(running, in_flight=0, cancelled=900)), NOW)
        assert not any("If it goes on" in line for line in done.details)

    @pytest.mark.parametrize("how", ["refused", "failed", "expired", "in_doubt"])
    def test_every_way_to_miss_counts(self, how: str) -> None:
        assert rules_found(job(Tally(10, stored=5, **{how: 5}))) == [Rule.SUCCESS_RATE]

    def test_cancelling_is_not_failing(self) -> None:
        assert rules_found(job(Tally(100, stored=10, cancelled=90))) == []
        assert rules_found(job(Tally(100, cancelled=100))) == []

    def test_the_alert_names_the_top_reasons_with_rows_and_what_to_do(self) -> None:
        failures = (
            FailureGroup(FailureKind.SERVER_ERROR, 2, (Example(9, "SKU-9", "upstream\nfailed"),)),
            FailureGroup(
                FailureKind.CONTENT_POLICY, 10, tuple(Example(row, f"SKU-{row}", "") for row in range(3, 9))
            ),
        )
        (alert,) = job_alerts(
            job(Tally(100, stored=88, refused=10, failed=2), failures=failures), NOW, _calm()
        )
        assert alert.headline == "Chairs: 88 of 100 pictures came out (88.0%, alert under 95%)"
        assert alert.severity is Severity.WARNING
        assert alert.details == (
            "10 pictures: the provider's content rules refused the prompt or the picture – line 3 (SKU-3), "
            "line 4 (SKU-4), line 5 (SKU-5) ….",
            "2 pictures: the provider had an error of its own, after all tries – line 9 (SKU-9) … – "
            "“upstream failed”.",
        )
        assert [line.partition(":")[0] for line in alert.what_to_do] == [
            "Refused by content rules",
            "Provider error",
        ]

    def test_reasons_beyond_the_largest_are_counted_together(self) -> None:
        kinds = [kind for kind in FailureKind if kind is not FailureKind.CANCELLED]
        failures = tuple(FailureGroup(kind, 10 - place) for place, kind in enumerate(kinds))
        (alert,) = job_alerts(job(Tally(60, failed=54, stored=6), failures=failures), NOW)
        assert len(alert.details) == 5
        assert alert.details[-1] == "20 pictures for other reasons."

    def test_pictures_in_doubt_are_told_as_such(self) -> None:
        (alert,) = job_alerts(job(Tally(4, in_doubt=4)), NOW)
        assert "the reply was lost" in alert.details[0]

    def test_losing_more_than_half_is_critical(self) -> None:
        (alert,) = job_alerts(job(Tally(100, stored=40, failed=60)), NOW)
        assert alert.severity is Severity.CRITICAL

    def test_a_rate_that_hovers_around_the_threshold_is_one_incident(self) -> None:
        told: set[str] = set()
        messages = []
        for stored in (90, 96, 94, 95, 94, 97, 90):
            found = job_alerts(
                job(Tally(200, stored=stored, failed=100 - stored, in_flight=100)), NOW, open_keys=told
            )
            messages += news(told, found)
            told = {alert.key for alert in found}
        assert len(messages) == 1

    def test_an_incident_is_over_when_the_target_is_reached_or_the_job_ends_well_enough(self) -> None:
        told = {"success-rate:J1"}
        assert rules_found(job(Tally(200, stored=97, failed=3, in_flight=100)), open_keys=told) == [
            Rule.SUCCESS_RATE
        ]
        assert rules_found(job(Tally(200, stored=98, failed=2, in_flight=100)), open_keys=told) == []
        assert rules_found(job(Tally(100, stored=96, failed=4)), open_keys=told) == []

    def test_the_key_stays_the_same_while_numbers_change(self) -> None:
        first = job_alerts(job(Tally(100, stored=50, failed=10, in_flight=40)), NOW)
        later = job_alerts(job(Tally(100, stored=60, failed=20, in_flight=20)), NOW + timedelta(hours=1))
        assert [alert.key for alert in first] == [alert.key for alert in later]

    def test_a_thousand_small_healthy_jobs_raise_no_alert_while_they_run(self) -> None:
        dice = random.Random(20261102)
        for _ in range(1000):
            settled = dice.randrange(1, 20)
            failed = sum(dice.random() < 0.02 for _ in range(settled))
            assert (
                rules_found(job(Tally(40, stored=settled - failed, failed=failed, in_flight=40 - settled)))
                == []
            )


class TestRefusals:
    def test_a_refusal_rate_above_five_percent_is_a_spike(self) -> None:
        assert Rule.REFUSALS not in rules_found(job(Tally(1000, stored=950, refused=50)))
        assert Rule.REFUSALS in rules_found(job(Tally(1000, stored=949, refused=51)))

    def test_a_rate_that_luck_explains_is_no_spike(self) -> None:
        assert Rule.REFUSALS not in rules_found(job(Tally(100, stored=94, refused=6)))

    def test_what_is_usual_is_no_spike(self) -> None:
        assert Rule.REFUSALS not in rules_found(
            job(Tally(100, stored=90, refused=10), usual_refusal_rate=0.04)
        )
        assert Rule.REFUSALS in rules_found(job(Tally(100, stored=87, refused=13), usual_refusal_rate=0.04))

    def test_a_small_sample_is_bad_luck_and_no_spike(self) -> None:
        assert Rule.REFUSALS not in rules_found(job(Tally(10, stored=8, refused=2)))

    def test_copies_do_not_thin_the_refusal_rate(self) -> None:
        tally = Tally(220, stored=210, refused=10, duplicates=120)
        assert Rule.REFUSALS in rules_found(job(tally))

    def test_the_alert_gives_the_figures_and_the_refused_rows_only(self) -> None:
        failures = (
            FailureGroup(FailureKind.CONTENT_POLICY, 12, (Example(3, "A"),)),
            FailureGroup(FailureKind.TIMEOUT, 4),
        )
        facts = job(Tally(100, stored=84, refused=12, failed=4), failures=failures, usual_refusal_rate=0.01)
        (alert,) = job_alerts(facts, NOW, AlertRules(off=("success-rate",)))
        assert alert.headline == "Chairs: content rules refused 12 pictures of 100 (12.0%, usually 1.0%)"
        assert len(alert.details) == 1

    def test_a_told_spike_lasts_until_it_is_halved(self) -> None:
        told = {"refusals:J1"}
        running = Tally(200, stored=97, refused=3, in_flight=100)
        assert Rule.REFUSALS in rules_found(job(running), open_keys=told)
        assert Rule.REFUSALS not in rules_found(job(replace(running, stored=98, refused=2)), open_keys=told)


class TestOverdue:
    def late(self, **more: object) -> JobFacts:
        tally = Tally(100, stored=60, in_flight=40)
        return job(tally, timing=Timing(START, window=timedelta(hours=2)), **more)

    def test_a_job_past_its_window_is_told_with_what_is_still_to_come(self) -> None:
        (alert,) = job_alerts(self.late(), START + timedelta(hours=3, minutes=30))
        assert alert.rule is Rule.OVERDUE
        assert alert.headline == "Chairs: 1 h 30 min past its expected time, 40 pictures still to come"
        assert alert.details == ("Expected within 2 h, running for 3 h 30 min.",)

    def test_a_job_within_its_window_is_left_alone(self) -> None:
        assert job_alerts(self.late(), START + timedelta(hours=2)) == []

    def test_a_finished_job_is_not_overdue_any_more(self) -> None:
        done = job(Tally(100, stored=100), timing=Timing(START, window=timedelta(hours=2)))
        assert job_alerts(done, START + timedelta(days=2)) == []

    def test_a_job_without_a_window_is_never_overdue(self) -> None:
        assert job_alerts(job(Tally(100, stored=60, in_flight=40)), START + timedelta(days=9)) == []


class TestExpiring:
    def facts(self, left: timedelta, items: int = 12, lasts: timedelta = timedelta(days=1)) -> JobFacts:
        results = ExpiringResults("xai", items, NOW + left, lasts)
        return job(Tally(100, stored=60, in_flight=40), expiring=(results,))

    def test_paid_pictures_about_to_vanish_are_critical(self) -> None:
        (alert,) = job_alerts(self.facts(timedelta(minutes=20)), NOW)
        assert (alert.rule, alert.severity, alert.key) == (
            Rule.EXPIRING,
            Severity.CRITICAL,
            "expiring:J1/xai",
        )
        assert alert.headline == "Chairs: 12 paid pictures at xai vanish in 20 min"

    def test_time_enough_or_nothing_to_lose_is_no_alert(self) -> None:
        assert job_alerts(self.facts(timedelta(minutes=31)), NOW) == []
        assert job_alerts(self.facts(timedelta(minutes=1), items=0), NOW) == []

    def test_what_is_kept_for_minutes_is_told_when_half_of_them_are_over(self) -> None:
        ten = timedelta(minutes=10)
        assert job_alerts(self.facts(timedelta(minutes=6), lasts=ten), NOW) == []
        assert len(job_alerts(self.facts(timedelta(minutes=5), lasts=ten), NOW)) == 1

    def test_results_whose_time_is_over_are_told_too(self) -> None:
        (alert,) = job_alerts(self.facts(timedelta(minutes=-5)), NOW)
        assert "their time is over" in alert.headline

    def test_they_come_before_everything_else(self) -> None:
        facts = replace(
            self.facts(timedelta(minutes=5)), tally=Tally(100, stored=40, failed=30, in_flight=30)
        )
        assert rules_found(facts) == [Rule.EXPIRING, Rule.SUCCESS_RATE]


class TestProviders:
    def test_a_paused_provider_is_one_incident_however_many_jobs_wait(self) -> None:
        paused = PausedProvider("openai", FailureKind.QUOTA, "insufficient_quota", START, waiting=44)
        (alert,) = provider_alerts([paused], NOW)
        assert (alert.key, alert.severity) == (
            f"provider-paused:openai@{START:%Y%m%dT%H%M%S}",
            Severity.CRITICAL,
        )
        assert alert.headline == "openai is paused: the provider's account has no credit or allowance left"
        assert alert.details == (
            "44 pictures waiting, paused for 1 h. The provider said: “insufficient_quota”",
        )
        assert alert.what_to_do[0].startswith("For the operator: Add credit")


class TestIncidents:
    def test_what_was_told_is_not_news(self) -> None:
        found = job_alerts(job(Tally(10, stored=5, failed=5)), NOW)
        assert news([], found) == found
        assert news(["success-rate:J1"], found) == []

    def test_what_is_no_longer_found_is_over(self) -> None:
        open_alerts = [("overdue:J1", "Chairs: 1 h past its expected time"), ("success-rate:J1", "Chairs: …")]
        found = job_alerts(job(Tally(10, stored=5, failed=5)), NOW)
        (over,) = recovered(open_alerts, found)
        assert (over.key, over.headline) == ("overdue:J1", "Over: Chairs: 1 h past its expected time")


class TestAdvice:
    @pytest.mark.parametrize("kind", FailureKind)
    def test_every_kind_of_failure_has_words(self, kind: FailureKind) -> None:
        words = advice(kind)
        assert words.short[0].isupper()
        assert len(words.short) <= 26, "it must fit a placeholder"
        assert words.cause[0].islower()
        assert not words.cause.endswith(".")
        assert words.what_to_do.endswith(".")

    def test_no_two_kinds_are_called_the_same(self) -> None:
        assert len({words.short for words in ADVICE.values()}) == len(FailureKind)

    def test_keys_and_money_are_the_operators(self) -> None:
        assert advice(FailureKind.AUTH).who is advice(FailureKind.QUOTA).who is Who.OPERATOR
        assert advice(FailureKind.CONTENT_POLICY).who is Who.REQUESTER


@pytest.mark.parametrize(
    "wrong", [{"success_alert": 0.99}, {"success_target": 1.2}, {"success_alert": 0}, {"minimum_sample": 0}]
)
def test_thresholds_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        AlertRules(**wrong)


def _calm() -> AlertRules:
    """Without the refusal rule, to see the success alert alone."""
    return AlertRules(refusal_alert=1.0)
