"""The quality gate in a real run: what is judged, made again within budget, and shown with a flag."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageFilter

from bot.pipeline.attend import facts
from bot.pipeline.audit import audit, report
from bot.pipeline.create import SPEC
from bot.pipeline.inspection import Gate
from bot.runtime import Context
from bot.watch.summary import summarise
from providers import catalogue
from providers.base import (
    Answered,
    Billed,
    Failure,
    FailureKind,
    Handle,
    ItemResult,
    Made,
    Outgoing,
    Picture,
    Size,
)
from providers.drawing import draw
from providers.sketch import Sketch
from storage.records import Item, Job
from storage.states import ItemState
from tests.parts import QUICK, TestClock, make_context, results_of, run_to_end, sheet, started

PRICE = Decimal("0.10")
SIZE = Size(192, 192)


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def spoilt(how: str, content: bytes) -> bytes:
    image = Image.open(io.BytesIO(content))
    match how:
        case "blank":
            return png(Image.new("RGB", image.size, "#e6e2de"))
        case "soft":
            return png(image.filter(ImageFilter.GaussianBlur(image.width / 60)))
        case "broken":
            return content[: len(content) // 2]
        case "small":
            return png(image.resize((image.width // 2, image.height // 2)))
        case "wide":
            return png(image.resize((image.width, image.height // 2)))
        case "same":
            return draw("teal mug", *image.size)
    raise AssertionError(how)


class Moody(Sketch):
    """Sketch at ten cents a picture, which spoils what `moods` says: the nth picture of a prompt that holds
    the word comes out like its nth mood, later ones as drawn.
    """

    def __init__(self, folder: Path, clock: TestClock, moods: dict[str, Sequence[str]]) -> None:
        card = catalogue.load()["sketch"]["sketch"]
        price = card.prices[0].model_copy(update={"usd": PRICE})
        priced = card.model_copy(update={"prices": (price,)})
        super().__init__({"sketch": priced}, folder=folder, clock=clock)
        self._moods = moods
        self.drawn: list[str] = []
        """The word of each picture that was paid for, in order."""

    def submit(self, outgoing: Outgoing) -> Handle | Answered:
        with outgoing.open() as payload:
            self._words = [line.decode() for line in payload]
        return super().submit(outgoing)

    def results(self, handle: Handle) -> Iterator[ItemResult]:
        lines = {line.partition('"custom_id":"')[2].partition('"')[0]: line for line in self._words}
        for result in super().results(handle):
            yield self._moody(result, lines[result.key])

    def _moody(self, result: ItemResult, line: str) -> ItemResult:
        assert isinstance(result.outcome, Made)
        word = next((word for word in self._moods if word in line), "")
        moods = self._moods.get(word, ())
        nth = self.drawn.count(word)
        self.drawn.append(word)
        content = result.outcome.pictures[0].content
        assert content is not None
        mood = moods[nth] if nth < len(moods) else "fine"
        if mood == "refused":
            refused = Failure(FailureKind.CONTENT_POLICY, "no", "Not this time", Billed.NO)
            return replace(result, outcome=refused)
        if mood != "fine":
            content = spoilt(mood, content)
        return replace(result, outcome=Made((Picture(content=content),), PRICE))


THINGS = ("red mug", "blue boot", "green lamp", "navy handbag", "wooden chair", "yellow bottle")


@contextmanager
def moody(tmp_path: Path, moods: dict[str, Sequence[str]], **policy: Any) -> Iterator[tuple[Context, Moody]]:
    clock = TestClock()
    judging = replace(QUICK, **{"quality_gate": True, **policy})
    provider = Moody(tmp_path / "moody", clock, moods)
    with make_context(tmp_path / "data", {"sketch": provider}, policy=judging, clock=clock) as ctx:
        yield ctx, provider


def run(ctx: Context, tmp_path: Path, prompts: Sequence[str] = THINGS, **options: Any) -> Job:
    rows = [{"sku": f"sku-{number}", "prompt": text} for number, text in enumerate(prompts, 1)]
    return run_to_end(ctx, started(ctx, sheet(tmp_path, rows), **{"size": SIZE, **options}))


def items(ctx: Context, job: Job) -> list[Item]:
    return list(ctx.queries.items(job.id))


def flags(ctx: Context, job: Job) -> dict[str, list[str]]:
    return {item.key: list(item.flags or ()) for item in items(ctx, job) if item.flags}


def test_good_pictures_are_stored_with_a_fingerprint_and_nothing_found(tmp_path: Path) -> None:
    with moody(tmp_path, {}) as (ctx, provider):
        job = run(ctx, tmp_path)
        assert [(item.state, item.flags, item.regenerated) for item in items(ctx, job)] == [
            (ItemState.STORED, [], 0)
        ] * len(THINGS)
        assert len({item.phash for item in items(ctx, job)}) == len(THINGS)
        assert len(provider.drawn) == len(THINGS)
        assert ctx.queries.flagged(job.id) == (0, {})


@pytest.mark.parametrize("mood", ["blank", "soft", "broken", "wide"])
def test_a_spoilt_picture_is_made_again_once_and_the_good_one_is_stored(tmp_path: Path, mood: str) -> None:
    with moody(tmp_path, {"boot": [mood]}) as (ctx, provider):
        job = run(ctx, tmp_path)
        boot = items(ctx, job)[1]
        assert (boot.state, boot.flags, boot.regenerated, boot.reason) == (ItemState.STORED, [], 1, None)
        assert provider.drawn.count("boot") == 2
        assert boot.cost == 2 * PRICE
        notes = [event.note for event in ctx.queries.events(job.id) if event.event == "retry"]
        assert len(notes) == 1
        assert notes[0].startswith("made again: ")
        proof = audit(ctx, job)
        assert proof["holds"], proof["exceptions"]
        assert proof["pictures_made"] == len(THINGS) + 1
        assert Decimal(str(proof["settled_usd"])) == (len(THINGS) + 1) * PRICE


@pytest.mark.parametrize(
    ("mood", "found"),
    [
        ("blank", "blank: nearly one colour"),
        ("soft", "blurred: nothing in it is sharp"),
        ("wide", "wrong_shape: its shape is 192x96, 192x192 was asked"),
    ],
)
def test_one_that_is_spoilt_again_is_stored_with_a_flag(tmp_path: Path, mood: str, found: str) -> None:
    with moody(tmp_path, {"boot": [mood] * 9}) as (ctx, provider):
        job = run(ctx, tmp_path)
        assert flags(ctx, job) == {"sku-2": [found]}
        assert provider.drawn.count("boot") == 2
        assert ctx.queries.flagged(job.id) == (1, {found.partition(":")[0]: 1})
        assert audit(ctx, job)["holds"]


def test_one_that_can_never_be_read_fails_and_says_so(tmp_path: Path) -> None:
    with moody(tmp_path, {"boot": ["broken"] * 9}) as (ctx, provider):
        job = run(ctx, tmp_path)
        boot = items(ctx, job)[1]
        assert (boot.state, boot.failure_code) == (ItemState.FAILED, "not_a_picture")
        assert "cut short" in (boot.reason or "")
        assert provider.drawn.count("boot") == 2
        assert audit(ctx, job)["holds"]


def test_a_small_picture_is_flagged_and_not_paid_again_for_the_same_size(tmp_path: Path) -> None:
    with moody(tmp_path, {"boot": ["small"] * 9}) as (ctx, provider):
        job = run(ctx, tmp_path)
        assert flags(ctx, job) == {"sku-2": ["wrong_size: it is 96x96 px, 192x192 was asked"]}
        assert provider.drawn.count("boot") == 1


def test_a_picture_like_another_rows_is_made_again_and_variants_of_a_row_are_not(tmp_path: Path) -> None:
    moods = {"boot": ["same"] * 9, "lamp": ["same", "same", "same"]}
    with moody(tmp_path, moods) as (ctx, provider):
        job = run(ctx, tmp_path, ["blue boot", "green lamp"], variants=2)
        # Both pictures of the boot are the same one: they are one row's. The lamp's are like the boot's.
        assert [item.flags for item in items(ctx, job)][:2] == [[], []]
        assert provider.drawn.count("boot") == 2
        assert provider.drawn.count("lamp") == 4
        assert flags(ctx, job) == {"sku-2": ["looks_like: looks like line 2 (sku-1)"]}


def test_copies_of_a_duplicate_do_not_count_as_look_alikes(tmp_path: Path) -> None:
    with moody(tmp_path, {}) as (ctx, provider):
        job = run(ctx, tmp_path, ["red mug", "red mug", "red mug"])
        assert [item.flags for item in items(ctx, job)] == [[], [], []]
        assert provider.drawn == [""]


def test_a_copy_carries_the_flags_of_its_original(tmp_path: Path) -> None:
    with moody(tmp_path, {"boot": ["blank"] * 9}) as (ctx, provider):
        job = run(ctx, tmp_path, ["blue boot", "blue boot"])
        assert [item.flags for item in items(ctx, job)] == [["blank: nearly one colour"]] * 2
        assert provider.drawn.count("boot") == 2


class TestMoney:
    @pytest.mark.parametrize(("budget", "drawn"), [("0.60", 6), ("0.69", 6), ("0.70", 7), ("5", 7)])
    def test_nothing_is_made_again_past_the_budget(self, tmp_path: Path, budget: str, drawn: int) -> None:
        with moody(tmp_path, {"boot": ["blank"]}) as (ctx, provider):
            job = run(ctx, tmp_path, budget_usd=Decimal(budget))
            assert len(provider.drawn) == drawn
            assert audit(ctx, job)["settled_usd"] <= float(budget)
            assert bool(flags(ctx, job)) is (drawn == 6)

    def test_two_in_one_hand_share_what_is_left(self, tmp_path: Path) -> None:
        with moody(tmp_path, {"boot": ["blank"], "lamp": ["blank"]}) as (ctx, provider):
            job = run(ctx, tmp_path, budget_usd=Decimal("0.75"))
            assert len(provider.drawn) == 7
            assert flags(ctx, job) == {"sku-3": ["blank: nearly one colour"]}

    def test_where_everything_fails_only_a_few_are_made_again(self, tmp_path: Path) -> None:
        prompts = [f"{thing} number {n}" for n in range(3) for thing in THINGS]
        with moody(tmp_path, {"number": ["blank"] * 99}) as (ctx, provider):
            job = run(ctx, tmp_path, prompts)
            assert len(provider.drawn) == len(prompts) + 5
            assert ctx.queries.flagged(job.id) == (18, {"blank": 18})

    @pytest.mark.parametrize(("retries", "drawn"), [(0, 1), (1, 2), (3, 4)])
    def test_how_often_is_the_operators(self, tmp_path: Path, retries: int, drawn: int) -> None:
        with moody(tmp_path, {"boot": ["soft"] * 9}, quality_retries=retries) as (ctx, provider):
            run(ctx, tmp_path)
            assert provider.drawn.count("boot") == drawn

    def test_a_refusal_of_the_second_leaves_the_first_which_is_paid_for(self, tmp_path: Path) -> None:
        with moody(tmp_path, {"boot": ["soft", "refused"]}) as (ctx, provider):
            job = run(ctx, tmp_path)
            boot = items(ctx, job)[1]
            assert (boot.state, boot.regenerated) == (ItemState.STORED, 1)
            assert boot.flags == ["blurred: nothing in it is sharp"]
            assert boot.cost == PRICE
            assert provider.drawn.count("boot") == 2
            assert audit(ctx, job)["holds"]


class TestSwitch:
    def test_off_for_a_job(self, tmp_path: Path) -> None:
        with moody(tmp_path, {"boot": ["blank"]}) as (ctx, provider):
            job = run(ctx, tmp_path, quality_gate=False)
            assert [(item.flags, item.phash) for item in items(ctx, job)] == [(None, None)] * len(THINGS)
            assert len(provider.drawn) == len(THINGS)
            assert SPEC.validate_python(job.spec).quality_gate is False

    def test_off_for_all_and_on_for_a_job(self, tmp_path: Path) -> None:
        with moody(tmp_path, {"boot": ["blank"] * 9}, quality_gate=False) as (ctx, _):
            assert flags(ctx, run(ctx, tmp_path)) == {}
            job = run(ctx, tmp_path, ["blue boot", "red mug"], quality_gate=True)
            assert flags(ctx, job) == {"sku-1": ["blank: nearly one colour"]}

    def test_a_background_is_judged_where_it_was_asked(self, tmp_path: Path) -> None:
        with moody(tmp_path, {}) as (ctx, provider):
            job = run(ctx, tmp_path, ["red mug"], ground="white")
            assert flags(ctx, job)["sku-1"][0].startswith("background: only ")
            assert len(provider.drawn) == 2
            assert flags(ctx, run(ctx, tmp_path, ["red mug", "blue boot"])) == {}

    def test_a_delivery_that_demands_white_asks_for_it(self, tmp_path: Path) -> None:
        with moody(tmp_path, {}, quality_retries=0) as (ctx, _):
            job = run(ctx, tmp_path, ["red mug"], delivery="amazon-main")
            assert "of its border is #ffffff" in flags(ctx, job)["sku-1"][0]


def test_it_is_reported_apart_from_success_and_in_results_csv(tmp_path: Path) -> None:
    with moody(tmp_path, {"boot": ["blank"] * 9, "lamp": ["soft"]}) as (ctx, _):
        job = run(ctx, tmp_path)
        summary = summarise(facts(ctx, job), ctx.clock())
        assert summary.headline == "All 6 pictures are ready"
        assert summary.quality == (
            "1 flagged by the quality gate: 1 nearly one colour. 2 pictures were made again for it."
        )
        assert summary.quality in summary.lines
        told = report(ctx, job, ctx.clock())
        assert (told["success_rate"], told["flagged"], told["made_again"]) == (1.0, 1, 2)
        rows = results_of(ctx, job)
        assert [row["flags"] for row in rows] == ["", "nearly one colour", "", "", "", ""]
        assert [row["status"] for row in rows] == ["stored"] * 6


def test_after_a_restart_look_alikes_of_before_are_still_known(tmp_path: Path) -> None:
    with moody(tmp_path, {}, quality_retries=0) as (ctx, _):
        job = run(ctx, tmp_path, ["blue boot"])
        (boot,) = items(ctx, job)
    with moody(tmp_path, {}, quality_retries=0) as (ctx, _):
        twin = replace(boot, row=7, key="sku-7")
        values: dict[str, Any] = {"phash": boot.phash, "flags": []}
        assert Gate(ctx, job).judge(twin, values) is None  # no tries here: it stays, with its flag
        assert values["flags"] == ["looks_like: looks like line 2 (sku-1)"]
        assert ctx.queries.judged(job.id) == (1, 0)


def test_what_was_made_again_and_is_good_now_says_why(tmp_path: Path) -> None:
    with moody(tmp_path, {"lamp": ["soft"]}) as (ctx, _):
        job = run(ctx, tmp_path)
        said = summarise(facts(ctx, job), ctx.clock()).quality
        assert said == "1 picture was made again because the quality gate found fault."
