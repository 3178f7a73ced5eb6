"""How many live calls a provider is given at once, with the arithmetic shown."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from bot.pipeline.audit import audit
from bot.runtime import now
from bot.turns import Allowance, Turns
from providers import catalogue
from providers.base import Lane
from providers.openai import OpenAI
from providers.simulators.openai import OpenAISimulator
from tests.parts import QUICK, make_context, run_to_end, sheet, started

CARDS = catalogue.load()["openai"]


def provider(base_url: str = "http://127.0.0.1:9/v1", most: int = 3, key: str = "sk-sim-0") -> OpenAI:
    cards = {
        name: card.model_copy(update={"limits": card.limits.model_copy(update={"concurrency": most})})
        for name, card in CARDS.items()
    }
    return OpenAI(cards, api_key=key, base_url=base_url, clock=now)


def test_a_fall_goes_to_what_is_under_way_by_a_tenth_at_least_and_by_half_at_most() -> None:
    whole = Allowance.whole(100)
    assert whole.turned_away(0, under_way=99).at_once == 90  # 100 x 0.9
    assert whole.turned_away(0, under_way=70).at_once == 70
    assert whole.turned_away(0, under_way=20).at_once == 50  # 100 / 2


def test_what_began_before_a_fall_belongs_to_it() -> None:
    allowance = Allowance.whole(100)
    for under_way in range(99, 19, -1):  # 80 of a hundred are turned away, one after the other
        allowance = allowance.turned_away(0, under_way)
    assert (allowance.at_once, allowance.fall) == (50, 1)
    assert allowance.turned_away(1, under_way=20).at_once == 25, "one that began after it is news"


def test_it_never_falls_below_one_and_never_rises_above_the_catalogue() -> None:
    allowance = Allowance.whole(3)
    for fall in range(10):
        allowance = allowance.turned_away(fall, 0)
    assert allowance.at_once == 1
    for _ in range(100):
        allowance = allowance.taken(under_way=2)
    assert allowance.limit == 3
    assert not allowance.lowered


def test_it_rises_by_a_half_each_time_all_are_answered_and_only_where_it_is_used_up() -> None:
    allowance = Allowance(most=100, limit=10.0)
    for _ in range(10):
        allowance = allowance.taken(under_way=9)
    assert 10.45 < allowance.limit < 10.5  # 10 x 0.5 / 10, a little less as it grows
    assert allowance.taken(under_way=3) is allowance


@pytest.mark.parametrize("allowed", [5, 20, 80])
def test_it_settles_near_what_a_vendor_allows(allowed: int) -> None:
    # Rounds: all calls begin together, those above what is allowed are turned away, the rest are answered.
    allowance = Allowance.whole(200)
    away, answered = [], []
    for _ in range(200):
        asked, seen = allowance.at_once, allowance.fall
        taken = min(asked, allowed)
        for under_way in range(asked - 1, taken - 1, -1):
            allowance = allowance.turned_away(seen, under_way)
        for _ in range(taken):
            allowance = allowance.taken(allowance.at_once - 1 if taken == asked else 0)
        away.append(asked - taken)
        answered.append(taken)
    assert sum(answered[100:]) > 0.9 * 100 * allowed
    assert sum(away[100:]) < 0.08 * sum(answered[100:])


def test_no_more_have_a_turn_than_the_limit_says() -> None:
    turns, three = Turns(), provider(most=3)
    most, now_out, lock = 0, 0, threading.Lock()
    dice = random.Random(3)

    def work() -> None:
        nonlocal most, now_out
        for _ in range(40):
            turn = turns.begin(three)
            assert turn is not None
            with lock:
                now_out += 1
                most = max(most, now_out)
                taken = dice.choice([True, None])
            with lock:
                now_out -= 1
            turns.end(three, turn, taken=taken)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most <= 3
    assert turns.backlog(three) is None
    turn = turns.begin(three)
    assert turn is not None
    turns.end(three, turn, taken=False)
    assert (turns.at_once(three), turns.backlog(three)) == (1, 2)
    three.close()


def test_a_caller_without_a_turn_puts_its_call_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.turns.WAIT_SECONDS", 0.01)
    turns, one = Turns(), provider(most=1)
    assert turns.begin(one) == 0
    assert turns.begin(one) is None
    one.close()


def test_a_vendor_that_takes_eight_calls_at_once_turns_few_away(tmp_path: Path) -> None:
    pictures = 120
    dials = ["concurrent_calls=8", "latency=0.1", "picture_px=64", "retry_after=1"]
    with OpenAISimulator(faults=dials) as vendor:
        openai = provider(vendor.base_url, most=40, key=vendor.key)
        once = replace(QUICK, quality_gate=False)
        with make_context(tmp_path / "data", {"openai": openai}, policy=once) as ctx:
            path = sheet(tmp_path, [{"prompt": f"mug {n}"} for n in range(pictures)])
            job = run_to_end(ctx, started(ctx, path, lane=Lane.LIVE), rounds=2000, real_pause=0.02)
            proof = audit(ctx, job)
            assert proof["holds"]
            assert proof["stored"] == len(vendor.billed) == pictures
            away = [event.id for event in ctx.queries.events(job.id) if event.event == "hold"]
            sent = [event.id for event in ctx.queries.events(job.id) if event.event == "send"]
            half = sent[len(sent) // 2]
            late = sum(held > half for held in away)
            # Forty at first, of which eight are taken; fewer are turned away where the machine is slow.
            assert 0 < len(away) <= 32 + 0.15 * pictures
            assert late <= 0.1 * pictures / 2
            assert 6 <= ctx.turns.at_once(openai) <= 10
        openai.close()
