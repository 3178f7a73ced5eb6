"""What every simulated vendor has: start, stop, dials, a ledger."""

from __future__ import annotations

import threading
from decimal import Decimal

import httpx
import openai
import pytest

from providers.simulators import SIMULATORS, PortBusy
from providers.simulators.faults import Dice, Faults
from providers.simulators.openai import OpenAISimulator


def test_it_is_found_by_name() -> None:
    assert SIMULATORS["openai"] is OpenAISimulator


def test_it_starts_again_on_the_port_it_had_and_leaves_nothing_behind() -> None:
    before = set(threading.enumerate())
    simulator = OpenAISimulator().start()
    folder, url = simulator.folder, simulator.url
    assert httpx.get(f"{url}/_sim/faults").status_code == 200
    simulator.stop()
    simulator.stop()
    assert not folder.exists()
    assert set(threading.enumerate()) == before
    with OpenAISimulator(port=int(url.rpartition(":")[2])) as again:
        assert again.url == url
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/_sim/faults")


def test_a_busy_port_is_named() -> None:
    with OpenAISimulator() as first:
        port = int(first.url.rpartition(":")[2])
        with pytest.raises(PortBusy, match=f"port {port}"):
            OpenAISimulator(port=port).start()


def test_it_stops_while_a_call_is_waiting() -> None:
    with OpenAISimulator(faults=["latency=60"]) as simulator, pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{simulator.base_url}/images/generations",
            json={"prompt": "mug"},
            headers={"authorization": f"Bearer {simulator.key}"},
            timeout=0.2,
        )


def test_dials_are_read_from_text() -> None:
    faults = Faults.parse(
        ["error_rate=0.25", "quota=on", "cut_connection=2", "batch_seconds = 0.5", "auth=off"]
    )
    assert faults == Faults(error_rate=0.25, quota=True, cut_connection=2, batch_seconds=0.5)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("error_rate", "write name=value"),
        ("errorrate=1", "there is no fault dial 'errorrate'; there are: auth, batch_seconds"),
        ("error_rate=many", "error_rate=many will not do: it takes a number"),
        ("error_rate=2", "between 0 and 1"),
        ("latency=-1", "from 0 up"),
        ("latency=nan", "from 0 up"),
        ("cut_connection=1.5", "a whole number"),
        ("quota=perhaps", "say on or off"),
        ("expire_after_fraction=1", "a share below 1"),
    ],
)
def test_a_dial_that_will_not_do_is_told(setting: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Faults.parse([setting])


def test_dials_turn_over_http_all_or_none(simulator: OpenAISimulator) -> None:
    dials = f"{simulator.url}/_sim/faults"
    assert httpx.post(dials, json={"quota": True, "error_rate": 0.5}).json()["error_rate"] == 0.5
    assert simulator.faults.quota
    for wrong in ({"latency": 5, "error_rate": 7}, {"nothing": 1}, [1]):
        answer = httpx.post(dials, json=wrong)
        assert answer.status_code == 400
        assert answer.json()["error"]
    assert httpx.post(dials, content=b"{").status_code == 400
    assert simulator.faults.latency == 0
    assert httpx.get(dials).json()["error_rate"] == 0.5


def test_the_ledger_is_read_from_another_process(simulator: OpenAISimulator, client: openai.OpenAI) -> None:
    client.images.generate(model="gpt-image-2", prompt="red mug", quality="low", size="1024x1024")
    ledger = httpx.get(f"{simulator.url}/_sim/ledger").json()
    assert ledger["creates"] == 0
    assert Decimal(ledger["total"]) == Decimal("0.00589")
    (billed,) = ledger["billed"]
    assert (billed["prompt"], billed["lane"], billed["model"]) == ("red mug", "live", "gpt-image-2")
    assert [(seen["method"], seen["path"]) for seen in ledger["requests"]] == [
        ("POST", "/v1/images/generations")
    ]


def test_dice_depend_on_the_question_and_the_seed_alone() -> None:
    faults = Faults(seed=1, missing_lines=0.3)
    dice, twin = Dice(lambda: faults), Dice(lambda: Faults(seed=1))
    other = Dice(lambda: Faults(seed=2))
    assert dice.share("a", 1) == dice.share("a", 1) == twin.share("a", 1) != other.share("a", 1)
    assert [dice.again("b") for _ in range(3)] == [twin.again("b") for _ in range(3)]
    assert len({dice.again("b") for _ in range(10)}) == 10
    assert 200 < len(dice.chosen("missing_lines", 1_000, "1")) < 400
    faults.missing_lines = 5
    assert len(dice.chosen("missing_lines", 1_000, "1")) == 5
