"""People and the bot, from a sheet to pictures in a thread."""

from __future__ import annotations

from storage.states import JobState
from tests.slack.house import PRODUCTS, TEMPLATE, House, buttons, words

CHANNEL = "#product-images"


def drop(home: House, text: str = f"@imgbatch lane=live {TEMPLATE}", sheet: str = PRODUCTS) -> dict:
    message = home.ana.say(CHANNEL, text, files=[("products.csv", sheet.encode())])
    home.arrived()
    home.tick()
    return message


def test_a_mention_with_a_sheet_becomes_pictures_in_its_thread(home: House) -> None:
    message = drop(home)

    card = home.card()
    assert card["thread_ts"] == message["ts"]
    assert "4 pictures" in words(card)
    assert "1 duplicate" in words(card)
    assert buttons(card) == ["job_start", "job_cancel"]

    home.ana.press(card, "job_start")
    home.quiet()

    assert home.job().state is JobState.FINISHED
    said = [words(reply) for reply in home.replies()]
    for line in said: print(line)
    assert any("All 4 pictures are ready" in text for text in said)
    print([c.method for c in home.workspace.calls() if not c.ok])
    assert False
