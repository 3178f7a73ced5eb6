"""Refusals of many small batches: told once by what they share, and never where chance explains them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.watch.alerts import AlertRules, Bars, Rule
from bot.watch.refusals_together import Kind, Pool, Share, alerts_together, share_key

RULES = AlertRules()


def pool(*shares: Share, others: int = 400, refused: int = 3) -> Pool:
    """These shares among batches of other kinds, of which a few were refused."""
    jobs = {job: counts for share in shares for job, counts in share.jobs.items()}
    jobs |= {f"O{n}": (8, int(n < refused)) for n in range(others // 8)}
    return Pool({job: f"Batch {job}" for job in jobs}, jobs, shares)


def ten(*refused: int, kind: Kind = Kind.TEMPLATE, name: str = "a nude {{ name }}", value: str = "") -> Share:
    """Ten batches of eight pictures."""
    return Share(kind, name, value, {f"J{n}": (8, refused[n % len(refused)]) for n in range(10)})


class TestOneCause:
    def test_ten_batches_of_eight_with_one_template_are_told_with_its_name(self) -> None:
        share = ten(1, 2, 1, 2)
        (alert,) = alerts_together(pool(share), RULES)
        assert (alert.rule, alert.key, alert.again) == (Rule.REFUSALS, share.key, True)
        assert alert.headline == (
            "Small batches with the template “a nude {{ name }}”: content rules refused 15 pictures of 80 "
            "(18.7%, 0.7% of all others)"
        )
        assert "Seen in 10 batches together. Refused most: Batch J1 (J1) 2 of 8" in alert.details[0]
        assert alert.details[0].endswith("and 5 more.")
        assert alert.chart is not None
        assert Bars.of(alert.chart.to_json()) == alert.chart
        assert alert.chart.bars[0] == ("Batch J1", 0.25)

    def test_a_value_is_named_with_its_variable(self) -> None:
        share = ten(1, 2, kind=Kind.VALUE, name="colour", value="nude")
        (alert,) = alerts_together(pool(share), RULES)
        assert "Small batches with colour = “nude”" in alert.headline
        assert alert.what_to_do[0].startswith("Reword what “nude” becomes")

    def test_where_nothing_else_runs_the_template_is_named_before_the_model(self) -> None:
        template = ten(1, 2)
        model = ten(1, 2, kind=Kind.MODEL, name="acme/m1")
        (alert,) = alerts_together(pool(template, model, others=0), RULES)
        assert alert.key == template.key
        assert "alert over 5%" in alert.headline

    def test_where_all_templates_are_refused_alike_the_model_is_named(self) -> None:
        first, second = ten(2, name="one"), ten(2, name="two")
        second = Share(second.kind, second.name, "", {f"K{job}": c for job, c in second.jobs.items()})
        model = Share(Kind.MODEL, "acme/m1", "", {**first.jobs, **second.jobs})
        (alert,) = alerts_together(pool(first, second, model, others=0), RULES)
        assert alert.key == model.key
        assert "Small batches with pictures by acme/m1" in alert.headline

    def test_a_model_is_not_blamed_for_a_template_that_is_still_too_small_to_be_told(self) -> None:
        template = Share(Kind.TEMPLATE, "nude", "", {"J1": (8, 4), "J2": (8, 5)})
        others = Share(Kind.TEMPLATE, "red", "", {f"K{n}": (8, 0) for n in range(3)})
        model = Share(Kind.MODEL, "acme/m1", "", {**template.jobs, **others.jobs})
        assert alerts_together(pool(template, others, model, others=0), RULES) == []
        larger = Share(Kind.TEMPLATE, "nude", "", {**template.jobs, "J3": (8, 3)})
        model = Share(Kind.MODEL, "acme/m1", "", {**larger.jobs, **others.jobs})
        (alert,) = alerts_together(pool(larger, others, model, others=0), RULES)
        assert alert.key == larger.key

    def test_a_template_is_not_blamed_for_a_value_of_it(self) -> None:
        jobs = {f"J{n}": (8, 2) for n in range(5)}
        template = Share(Kind.TEMPLATE, "a {{ colour }} mug", "", jobs)
        value = Share(Kind.VALUE, "colour", "nude", dict.fromkeys(jobs, (3, 2)))
        (alert,) = alerts_together(pool(template, value, others=0), RULES)
        assert alert.key == value.key

    def test_two_causes_are_two_messages(self) -> None:
        first = ten(2, name="one")
        other = {f"K{n}": (8, 2) for n in range(10)}
        second = Share(Kind.VALUE, "colour", "nude", other)
        found = alerts_together(pool(first, second), RULES)
        assert {alert.key for alert in found} == {first.key, second.key}

    def test_what_one_batch_has_alone_or_hardly_anything_is_not_told(self) -> None:
        one = Share(Kind.TEMPLATE, "one", "", {"J1": (40, 12), "J2": (40, 1)})
        assert alerts_together(pool(one), RULES) == []
        assert alerts_together(pool(ten(0, 0, 0, 0, 1)), RULES) == [], "2 of 80"
        few = Share(Kind.TEMPLATE, "one", "", {"J1": (6, 2), "J2": (6, 2)})
        assert alerts_together(pool(few), RULES) == [], "12 pictures"

    def test_what_is_usual_everywhere_is_no_cause(self) -> None:
        assert alerts_together(pool(ten(0, 1), others=800, refused=60), RULES) == []

    def test_once_told_it_lasts_until_it_is_halved(self) -> None:
        weaker = ten(0, 0, 1)  # 3 of 80 is 3.75%
        assert alerts_together(pool(weaker), RULES) == []
        (alert,) = alerts_together(pool(weaker), RULES, [weaker.key])
        assert alert.key == weaker.key
        nothing = ten(0)
        assert alerts_together(pool(nothing), RULES, [nothing.key]) == []

    def test_a_key_is_short_whatever_it_names(self) -> None:
        assert len(share_key(Kind.VALUE, "colour", "n" * 5000)) < 60
        assert share_key(Kind.VALUE, "a", "b") != share_key(Kind.VALUE, "a", "c")


@dataclass
class Office:
    """Small batches of some templates, colours and two models."""

    dice: random.Random
    usual: float = 0.01
    bad_template: str = ""
    bad_colour: str = ""
    batches: list[tuple[str, str, str, dict[str, tuple[int, int]]]] = field(default_factory=list)

    def batch(self, template: str = "") -> None:
        template = template or f"template {self.dice.randrange(12)}"
        counts: dict[str, tuple[int, int]] = {}
        for _ in range(self.dice.randrange(5, 20)):
            colour = self.dice.choice(["red", "blue", "green", "white", "black", "nude", "teal", "pink"])
            bad = template == self.bad_template or colour == self.bad_colour
            of, hits = counts.get(colour, (0, 0))
            counts[colour] = (of + 1, hits + (self.dice.random() < (0.25 if bad else self.usual)))
        model = f"acme/m{self.dice.randrange(2)}"
        self.batches.append((f"J{len(self.batches)}", template, model, counts))

    def pool(self, most: int = 80) -> Pool:
        latest = self.batches[-most:]
        jobs = {job: _sum(counts.values()) for job, _, _, counts in latest}
        shares: dict[tuple[Kind, str, str], dict[str, tuple[int, int]]] = {}
        for job, template, model, counts in latest:
            shares.setdefault((Kind.TEMPLATE, template, ""), {})[job] = jobs[job]
            shares.setdefault((Kind.MODEL, model, ""), {})[job] = jobs[job]
            for colour, numbers in counts.items():
                shares.setdefault((Kind.VALUE, "colour", colour), {})[job] = numbers
        return Pool(dict.fromkeys(jobs, "Batch"), jobs, [Share(*key, mine) for key, mine in shares.items()])


def _sum(counts: Sequence[tuple[int, int]] | object) -> tuple[int, int]:
    pairs = list(counts)  # type: ignore[call-overload]
    return sum(of for of, _ in pairs), sum(hits for _, hits in pairs)


def test_fifteen_hundred_healthy_small_batches_are_silent() -> None:
    for usual in (0.005, 0.01, 0.03):
        office = Office(random.Random(20261102), usual)
        for _ in range(500):
            office.batch()
            assert alerts_together(office.pool(), RULES) == [], usual


def test_a_template_and_a_value_that_go_bad_are_each_told_once_and_soon() -> None:
    for seed in range(10):
        office = Office(random.Random(seed), bad_template="new template")
        for _ in range(60):
            office.batch()
        told: list[str] = []
        for number in range(12):
            office.batch("new template")
            found = [alert.key for alert in alerts_together(office.pool(), RULES, told)]
            told += [key for key in found if key not in told]
            if number == 9:
                assert share_key(Kind.TEMPLATE, "new template") in told, seed
        assert told == [share_key(Kind.TEMPLATE, "new template")], "and of nothing else"
        office.bad_template, office.bad_colour = "", "nude"
        for _ in range(80):
            office.batch()
            found = [alert.key for alert in alerts_together(office.pool(), RULES, told)]
            told += [key for key in found if key not in told]
        assert told[1:] == [share_key(Kind.VALUE, "colour", "nude")], seed
