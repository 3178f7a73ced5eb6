"""Luck, drift and lifts; and alerts about prices, all pictures together, the disk and the ticks."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import comb
from pathlib import Path

import pytest

from bot.watch import rules as rule_file
from bot.watch.alerts import HEADINGS, PAGE, AlertRules, Bars, Rule, Severity, subject
from bot.watch.chances import drift, luck, usual
from bot.watch.facts import Disk, JobFacts, Lift, Refusals, Slower, StuckTick
from bot.watch.fleet_alerts import CONFIRM, Fleet, Settled, fleet_alert, windows
from bot.watch.house_alerts import DOES, disk_alert, stuck_alerts
from bot.watch.job_alerts import job_alerts
from bot.watch.lift import lifting
from bot.watch.price_alerts import Charged, off_by, price_alert
from bot.watch.rates import Tally, Timing

START = datetime(2026, 11, 2, 8, tzinfo=UTC)
RULES = AlertRules()


class TestChances:
    @pytest.mark.parametrize(
        ("hits", "of", "share"), [(1, 1, 0.02), (3, 20, 0.05), (9, 100, 0.02), (40, 60, 0.5)]
    )
    def test_luck_is_the_tail_of_the_binomial(self, hits: int, of: int, share: float) -> None:
        tail = sum(comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(hits, of + 1))
        assert luck(hits, of, share) == pytest.approx(tail)

    def test_what_is_expected_is_luck_and_the_impossible_is_none(self) -> None:
        assert luck(0, 10, 0.02) == luck(2, 100, 0.02) == luck(3, 3, 1.0) == 1.0
        assert luck(1, 10, 0.0) == 0.0
        assert luck(20_000, 500_000, 0.02) < 1e-100

    def test_usual_is_the_median_and_needs_enough_values(self) -> None:
        assert usual([1.0] * 4, 5) is None
        known = usual([1.0, 1.1, 0.9, 1.0, 40.0], 5)
        assert known is not None
        assert (known.middle, known.samples) == (1.0, 5)
        assert known.spread == pytest.approx(0.148, abs=0.001), "one outlier does not widen it"

    def test_drift_is_beyond_the_share_and_beyond_the_spread(self) -> None:
        steady = usual([1.0] * 5, 5)
        noisy = usual([0.6, 0.8, 1.0, 1.2, 1.4], 5)
        assert steady is not None
        assert noisy is not None
        assert drift(1.1, steady, 0.1) is None
        assert drift(1.2, steady, 0.1) == pytest.approx(0.2)
        assert drift(0.8, steady, 0.1) == pytest.approx(-0.2)
        assert drift(1.2, noisy, 0.1) is None


class TestLift:
    def test_the_value_that_lifts_refusals_is_named(self) -> None:
        columns = {
            "colour": [("nude", 20, 18), ("red", 90, 1), ("blue", 90, 1)],
            "name": [("mug", 100, 11), ("cup", 100, 9)],
        }
        assert lifting(columns, 200, 20) == Lift("colour", "nude", 18, 20, 2, 180)

    def test_refusals_spread_over_all_values_name_none(self) -> None:
        columns = {
            "colour": [("red", 100, 10), ("blue", 100, 12)],
            "sku": [(f"A-{n}", 1, 1) for n in range(22)],
        }
        assert lifting(columns, 200, 22) is None

    def test_chance_names_nobody_in_a_hundred_sheets(self) -> None:
        dice = random.Random(5)
        for _ in range(100):
            rows = [(f"v{dice.randrange(10)}", dice.random() < 0.08) for _ in range(300)]
            values = sorted({value for value, _ in rows})
            counted = [
                (v, sum(x == v for x, _ in rows), sum(x == v and refused for x, refused in rows))
                for v in values
            ]
            assert lifting({"c": counted}, 300, sum(refused for _, refused in rows)) is None

    def test_the_alert_names_it_and_draws_it(self) -> None:
        lift = Lift("colour", "nude", 18, 20, 2, 180)
        facts = JobFacts(
            "J1",
            "Chairs",
            Tally(200, stored=180, refused=20),
            Timing(START),
            refusals=Refusals(lift, (("nude", 0.9), ("red", 0.01))),
        )
        alert = next(a for a in job_alerts(facts, START) if a.rule is Rule.REFUSALS)
        assert alert.details[0] == (
            "What they share: colour = “nude” was refused 18 of 20 times, all other rows 2 of 180 (1.1%)."
        )
        assert "“nude”" in alert.what_to_do[0]
        assert alert.chart is not None
        assert Bars.of(alert.chart.to_json()) == alert.chart

    def test_without_a_value_the_template_is_named(self) -> None:
        facts = JobFacts(
            "J1",
            "Chairs",
            Tally(200, stored=160, refused=40),
            Timing(START),
            refusals=Refusals(template="a nude {{ name }}", other_templates=0.004),
        )
        alert = next(a for a in job_alerts(facts, START) if a.rule is Rule.REFUSALS)
        assert "“a nude {{ name }}”. Other templates are refused 0.4% of the time." in alert.details[0]


def test_a_late_job_says_that_its_pictures_take_longer_than_usual() -> None:
    facts = JobFacts(
        "J1",
        "Chairs",
        Tally(100, stored=60, in_flight=40),
        Timing(START, window=timedelta(hours=1)),
        slower=Slower(timedelta(minutes=9), timedelta(minutes=2)),
    )
    (alert,) = job_alerts(facts, START + timedelta(hours=2))
    assert alert.details[1] == (
        "A picture takes 9 min at the provider; in earlier batches of this model it took 2 min."
    )


def charged(cost: str, *, pictures: int = 40, past: tuple[float, ...] = ()) -> Charged:
    return Charged("acme", "m1", "batch", pictures, Decimal(cost), Decimal(4), past)


class TestPrices:
    def test_ten_per_cent_above_the_list_is_believed_and_more_is_not(self) -> None:
        assert price_alert(charged("4.40"), RULES) is None
        alert = price_alert(charged("5.20"), RULES)
        assert alert is not None
        assert alert.headline == (
            "acme/m1 (batch): pictures cost 30% more than listed: $0.13, listed $0.10 at most"
        )
        assert (alert.key, alert.again, alert.severity) == (
            "cost-drift:acme/m1/batch",
            True,
            Severity.WARNING,
        )
        assert any("suspended" in line for line in alert.details)

    def test_a_price_is_set_against_its_own_history_too(self) -> None:
        steady = (0.7, 0.71, 0.7, 0.69, 0.7)
        assert price_alert(charged("2.90", past=steady), RULES) is None
        dearer, cheaper = price_alert(charged("3.60", past=steady), RULES), charged("2.00", past=steady)
        assert dearer is not None
        assert "29% more than they did before" in dearer.headline
        assert dearer.chart is not None
        assert dearer.chart.bars[-1] == ("now", 0.9)
        assert off_by(cheaper, RULES) == pytest.approx(-0.2857, abs=0.001)

    def test_a_few_pictures_or_a_few_jobs_say_nothing(self) -> None:
        assert off_by(charged("9.00", pictures=9), RULES) is None
        assert off_by(charged("3.60", past=(0.7,) * 4), RULES) is None

    def test_a_told_drift_lasts_until_it_is_halved(self) -> None:
        assert off_by(charged("4.30"), RULES) is None
        assert off_by(charged("4.30"), RULES, told=True) == pytest.approx(0.075)
        assert off_by(charged("4.10"), RULES, told=True) is None


def fleet(hour: Settled, lately: Settled, *jobs: tuple[str, str, Settled]) -> Fleet:
    """Two jobs that share what ended, or these jobs, whose last minutes are shared likewise."""
    spans = windows(RULES)
    known = {RULES.fast_window: hour, RULES.slow_window: hour}
    seen = {span: known.get(span, lately) for span in spans}
    spread = {span: jobs if span in known and jobs else halves(found) for span, found in seen.items()}
    return Fleet(seen, spread, [("08:00", Settled(90, 1)), ("09:00", hour)])


def halves(found: Settled) -> tuple[tuple[str, str, Settled], ...]:
    half = Settled(found.stored // 2, found.missed // 2)
    return (("J1", "A", half), ("J2", "B", found - half))


class TestFleet:
    def test_many_jobs_that_miss_at_once_are_one_urgent_incident(self) -> None:
        alert = fleet_alert(fleet(Settled(70, 30), Settled(5, 5)), RULES)
        assert alert is not None
        assert (alert.key, alert.severity) == ("burn-rate:all", Severity.CRITICAL)
        assert "70.0% of 100 pictures came out within 1 h (target 98%)" in alert.headline
        assert "15.0 times as fast" in alert.details[0]
        assert alert.chart is not None
        assert alert.chart.low_is_bad

    def test_what_seeps_away_is_seen_by_the_slow_window(self) -> None:
        alert = fleet_alert(fleet(Settled(920, 80), Settled(90, 10)), RULES)
        assert alert is not None
        assert alert.severity is Severity.WARNING
        assert "within 6 h" in alert.headline

    @pytest.mark.parametrize(
        ("hour", "lately"),
        [
            (Settled(30, 15), Settled(5, 5)),  # too few
            (Settled(950, 50), Settled(5, 5)),  # too slow
            (Settled(70, 30), Settled(50, 0)),  # over already
            (Settled(70, 30), Settled(9, 1)),  # one miss at the end is luck
            (Settled(0, 0), Settled(0, 0)),
        ],
    )
    def test_too_few_too_slow_or_over_is_no_alert(self, hour: Settled, lately: Settled) -> None:
        assert fleet_alert(fleet(hour, lately), RULES) is None

    @pytest.mark.parametrize("others", [Settled(60, 1), Settled(60, 3), Settled(0, 0)])
    def test_one_bad_job_is_told_by_its_own_alert(self, others: Settled) -> None:
        one = Settled(10, 29)
        seen = fleet(one + others, Settled(5, 5), ("J1", "A", one), ("J2", "B", others))
        assert fleet_alert(seen, RULES) is None

    def test_one_bad_job_after_another_are_two(self) -> None:
        seen = fleet(Settled(70, 30), Settled(5, 5))
        alone = {span: (("J1", "A", Settled(4, 5)), ("J2", "B", Settled(1, 0))) for span in windows(RULES)}
        lately = {RULES.fast_window / CONFIRM, RULES.slow_window / CONFIRM}
        jobs = {span: alone[span] if span in lately else found for span, found in seen.jobs.items()}
        assert fleet_alert(replace(seen, jobs=jobs), RULES) is None
        assert fleet_alert(seen, RULES) is not None

    def test_a_second_bad_job_makes_it_an_incident_of_all(self) -> None:
        one, two, rest = Settled(10, 29), Settled(5, 15), Settled(40, 1)
        jobs = (("J1", "A", one), ("J2", "B", two), ("J3", "C", rest))
        assert fleet_alert(fleet(one + two + rest, Settled(5, 5), *jobs), RULES) is not None

    def test_once_told_it_lasts_until_it_is_clearly_better(self) -> None:
        assert fleet_alert(fleet(Settled(88, 12), Settled(9, 1)), RULES, told=True) is not None
        assert fleet_alert(fleet(Settled(88, 12), Settled(40, 0)), RULES, told=True) is None
        assert fleet_alert(fleet(Settled(98, 2), Settled(9, 0)), RULES, told=True) is None


class TestHouse:
    def test_the_disk_is_told_below_its_limit_and_until_there_is_room(self) -> None:
        def disk(gb: float) -> Disk:
            return Disk("/data", int(gb * 1e9), 100_000_000_000)

        assert disk_alert(disk(5), RULES) is None
        alert, urgent = disk_alert(disk(4.9), RULES), disk_alert(disk(0.9), RULES)
        assert alert is not None
        assert urgent is not None
        assert "4.9 GB free of 100.0 GB (4.9%, alert under 5.0 GB)" in alert.headline
        assert (alert.severity, urgent.severity) == (Severity.WARNING, Severity.CRITICAL)
        assert disk_alert(disk(5.5), RULES, told=True) is not None
        assert disk_alert(disk(6.1), RULES, told=True) is None

    def test_each_stuck_tick_is_an_incident_in_words(self) -> None:
        ticks = [StuckTick("submit", timedelta(minutes=12), "OSError"), StuckTick("poll", timedelta(hours=1))]
        failing, hanging = stuck_alerts(ticks)
        assert "what sends pictures has not worked for 12 min" in failing.headline
        assert failing.details == ("It fails each time: OSError.",)
        assert hanging.details == ("It does not come to an end.",)

    def test_every_tick_has_words(self) -> None:
        from bot.scheduler import EVERY_SECONDS

        assert set(EVERY_SECONDS) <= set(DOES)


class TestRules:
    def test_a_file_changes_single_rules(self, tmp_path: Path) -> None:
        file = tmp_path / "alerts.toml"
        page = "https://wiki.example/operating"
        file.write_text(
            f'success_alert = 0.9\nfast_window = "30min"\noff = ["overdue"]\nhistory = 5\npage = "{page}"\n'
        )
        half = timedelta(minutes=30)
        found = rule_file.load(file, RULES)
        assert found == replace(
            RULES, success_alert=0.9, fast_window=half, off=("overdue",), history=5, page=page
        )

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("succes = 1", "unknown rule succes"),
            ('fast_window = "soon"', "write a time such as 30min"),
            ('off = ["nothing"]', "there is no rule “nothing”"),
            ("luck = 2", "luck is 2"),
            ("minimum_sample = 0", "whole number from 1"),
            ("cost_drift = -1", "a number above 0"),
            ('off = "overdue"', "write a list"),
            ("page = 3", "write words in quotes"),
            ("=", "not valid TOML"),
        ],
    )
    def test_what_is_wrong_is_named(self, tmp_path: Path, text: str, said: str) -> None:
        file = tmp_path / "alerts.toml"
        file.write_text(text)
        with pytest.raises(ValueError, match=said):
            rule_file.load(file, RULES)

    def test_a_rule_that_is_off_is_silent(self) -> None:
        bad = JobFacts("J1", "Chairs", Tally(100, stored=50, failed=50), Timing(START))
        assert job_alerts(bad, START)
        assert job_alerts(bad, START, replace(RULES, off=("success-rate",))) == []

    def test_what_an_incident_is_about_is_its_key_without_the_time(self) -> None:
        assert subject("disk:data@20261102T080000") == "disk:data"
        assert subject("overdue:J1") == "overdue:J1"


@pytest.mark.parametrize("rule", Rule)
def test_every_rule_has_a_section_that_says_what_to_do(rule: Rule) -> None:
    page = (Path(__file__).parents[2] / PAGE).read_text(encoding="utf-8")
    assert f"\n### {HEADINGS[rule]}\n" in page
