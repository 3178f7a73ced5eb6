"""One cause is one message: refusals and the rate they bring down, a pause and the jobs that suffer by it."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.watch.alerts import Alert, AlertRules, Rule, Severity
from bot.watch.facts import FailureGroup, JobFacts, Lift, PausedProvider, Refusals
from bot.watch.house_alerts import provider_alerts
from bot.watch.job_alerts import job_alerts
from bot.watch.rates import Tally, Timing
from providers.base import FailureKind

START = datetime(2026, 11, 2, 8, tzinfo=UTC)
RATE, REFUSED = "success-rate:J1", "refusals:J1"
LIFT = Refusals(Lift("colour", "nude", 18, 20, 22, 180), (("nude", 0.9), ("red", 0.12)))


def facts(tally: Tally, **more: object) -> JobFacts:
    failures = (
        FailureGroup(FailureKind.CONTENT_POLICY, tally.refused),
        FailureGroup(FailureKind.SERVER_ERROR, tally.failed),
    )
    return replace(JobFacts("J1", "Shoes", tally, Timing(START), failures), **more)


def found(tally: Tally, *told: str, rules: AlertRules | None = None, **more: object) -> list[Alert]:
    return job_alerts(facts(tally, **more), START, rules, told)


def keys(tally: Tally, *told: str, rules: AlertRules | None = None, **more: object) -> list[str]:
    return [alert.key for alert in found(tally, *told, rules=rules, **more)]


class TestRefusals:
    def test_a_job_of_which_a_fifth_is_refused_is_one_message_that_says_all_of_it(self) -> None:
        (alert,) = found(Tally(1000, stored=80, refused=20, in_flight=900), refusals=LIFT)
        assert alert.key == REFUSED
        assert alert.headline == "Shoes: content rules refused 20 pictures of 100 (20.0%, alert over 5%)"
        assert alert.details[0].startswith("What they share: colour = “nude”")
        assert alert.details[1] == "80 of 100 pictures so far came out (80.0%, alert under 95%)."
        assert alert.details[2].startswith("If it goes on like this, 200 of 1,000")
        assert alert.chart is not None
        assert alert.chart.bars[0] == ("nude", 0.9)
        assert len(alert.what_to_do) == 1
        assert "“nude”" in alert.what_to_do[0]

    def test_losing_more_than_half_by_refusals_is_critical(self) -> None:
        (alert,) = found(Tally(100, stored=40, refused=60))
        assert (alert.key, alert.severity) == (REFUSED, Severity.CRITICAL)

    def test_a_few_other_misses_are_named_in_the_same_message(self) -> None:
        (alert,) = found(Tally(100, stored=77, refused=20, failed=3), refusals=LIFT)
        assert alert.key == REFUSED
        assert any(line.startswith("3 pictures: the provider had an error") for line in alert.details)
        assert alert.what_to_do[1].startswith("Provider error")

    def test_what_was_told_first_carries_it_and_the_other_is_not_opened(self) -> None:
        tally = Tally(1000, stored=80, refused=20, in_flight=900)
        assert keys(tally, REFUSED) == [REFUSED]
        (alert,) = found(tally, RATE, refusals=LIFT)
        assert alert.key == RATE
        assert alert.details[0].startswith("What they share")
        assert alert.chart is not None
        assert alert.chart.title == "Shoes: refused by colour"
        assert "“nude”" in alert.what_to_do[0]

    def test_refusals_alone_keep_their_own_while_the_rate_holds(self) -> None:
        tally = Tally(300, stored=285, refused=15, duplicates=180)
        (alert,) = found(tally)
        assert alert.key == REFUSED
        assert not any("came out" in line for line in alert.details)

    def test_a_later_other_cause_is_told(self) -> None:
        worse = Tally(1000, stored=110, refused=20, failed=30, in_flight=840)
        assert keys(worse, REFUSED) == [RATE, REFUSED]
        assert keys(Tally(1000, stored=110, refused=30, failed=30, in_flight=830), RATE) == [RATE, REFUSED]

    def test_two_causes_at_once_are_two_messages(self) -> None:
        assert keys(Tally(200, stored=120, refused=40, failed=40)) == [RATE, REFUSED]

    def test_both_go_on_where_both_were_told(self) -> None:
        assert keys(Tally(1000, stored=160, refused=40, in_flight=800), RATE, REFUSED) == [RATE, REFUSED]

    def test_refusals_that_are_over_do_not_hide_a_rate_that_falls_again(self) -> None:
        tally = Tally(1000, stored=80, refused=20, in_flight=900)
        assert keys(tally, over=frozenset({REFUSED})) == [RATE]

    @pytest.mark.parametrize(("off", "left"), [("refusals", [RATE]), ("success-rate", [REFUSED])])
    def test_where_one_rule_is_off_the_other_speaks(self, off: str, left: list[str]) -> None:
        rules = AlertRules(off=(off,))
        assert keys(Tally(100, stored=80, refused=20), rules=rules) == left

    def test_a_small_job_says_what_its_refused_rows_share(self) -> None:
        (alert,) = found(Tally(10, stored=5, refused=5), refusals=Refusals(template="a nude {{ name }}"))
        assert alert.key == RATE
        assert "“a nude {{ name }}”" in alert.details[0]

    def test_a_job_never_gets_a_second_message_for_its_refusals_as_it_goes_on(self) -> None:
        """A thousand jobs that lose some to content rules and hardly any otherwise."""
        dice, opened = random.Random(4), 0
        for _ in range(1000):
            told: set[str] = set()
            share, stored, refused, failed = dice.uniform(0, 0.4), 0, 0, 0
            ever: set[str] = set()
            for _ in range(20):
                for _ in range(10):
                    throw = dice.random()
                    refused += throw < share
                    failed += share <= throw < share + 0.005
                    stored += throw >= share + 0.005
                left = 200 - stored - refused - failed
                tally = Tally(200, stored=stored, refused=refused, failed=failed, in_flight=left)
                now = set(keys(tally, *told, over=frozenset(ever - told)))
                ever |= now
                told = now
            opened += bool(ever)
            assert len(ever) <= 1, (ever, stored, refused, failed)
        assert opened > 500


class TestWhatIsMade:
    """A refusal is final at once, a picture only when it is fetched."""

    def test_what_is_made_and_not_yet_kept_counts_as_come_out(self) -> None:
        tally = Tally(1000, stored=0, refused=12, failed=8, in_flight=980, made=980)
        assert keys(tally) == []
        assert keys(replace(tally, refused=60, in_flight=932, made=932)) == [REFUSED]

    def test_the_sums_stay_whole(self) -> None:
        tally = Tally(100, stored=10, refused=5, in_flight=85, made=60)
        assert tally.unaccounted == tally.counting_made().unaccounted == 0
        assert (tally.counting_made().stored, tally.counting_made().in_flight) == (70, 25)


class TestPausedProviders:
    def test_what_a_paused_provider_fails_is_told_by_its_pause(self) -> None:
        assert keys(Tally(100, stored=80, failed=20), outages=20) == []
        assert keys(Tally(100, stored=78, failed=22), outages=20) == [], "two more are luck"

    def test_another_cause_in_the_same_job_is_told(self) -> None:
        assert keys(Tally(200, stored=160, failed=40), outages=20) == [RATE]
        assert keys(Tally(200, stored=160, failed=20, refused=20), outages=20) == [REFUSED]

    def test_what_was_told_before_the_pause_stands(self) -> None:
        assert keys(Tally(100, stored=80, failed=20), RATE, outages=20) == [RATE]

    def test_the_pause_says_what_came_to_nothing(self) -> None:
        lost = (("Shoes", 12), ("Mugs", 3))
        paused = PausedProvider("acme", FailureKind.SERVER_ERROR, "8 of 10 failed", START, 44, lost)
        (alert,) = provider_alerts([paused], START + timedelta(minutes=3))
        assert (
            alert.details[1] == "Pictures that came to nothing by it, after all tries: Shoes 12 and Mugs 3."
        )
        assert alert.rule is Rule.PROVIDER_PAUSED
        assert not any("Nothing is lost" in line for line in alert.what_to_do)


def test_refusals_that_many_small_jobs_share_are_told_by_them_together() -> None:
    assert keys(Tally(8, stored=3, refused=5)) == [RATE]
    assert keys(Tally(8, stored=3, refused=5), refused_alike=5) == []
    assert keys(Tally(18, stored=6, refused=6, failed=6), refused_alike=6) == [RATE]
