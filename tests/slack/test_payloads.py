"""Everything sent to Slack, checked against its limits and its own models, whatever people wrote."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from slack_sdk.models.blocks import Block

from bot.slack import limits
from bot.slack.blocks import characters
from bot.workspace.server import Workspace
from bot.workspace.site import Call
from tests.slack.house import House, house, words
from tests.slack.test_journeys import drop

OURS = re.compile(
    r"<(@U\w+|#C\w+|!date\^\d+\^[^<>|]+\|[^<>]+|http://127\.0\.0\.1:\d+/archives/C\w+/p\d+\|open the thread)>"
)
"""What may stand in angle brackets: mentions of people and channels we mean, times, our threads."""

NASTY = (
    "<!channel> mug",
    "```rm -rf``` & <https://evil.example|invoice>",
    "*bold* _it_ ~no~ `code`",
    ":tada: 👩‍🚀👍🏽 ❤️",
    "=HYPERLINK(1)",
    "<@U0BENOKAFOR> &amp; &lt;",
    "long " + "x" * 2500,
    "שלום עולם",
)


def sheet() -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["sku", "prompt"])
    for number, text in enumerate(NASTY):
        writer.writerow([f"{text[:60]}{number}", text])
    writer.writerow(["bad <!here>", ""])
    writer.writerow(["bad", "{{ unfilled }} <!everyone>"])
    return out.getvalue()


def surfaces(calls: list[Call]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Messages and views of these calls, with the method."""
    for call in calls:
        if call.method in ("chat.postMessage", "chat.update", "chat.postEphemeral"):
            yield call.method, {**call.args, "blocks": _parsed(call.args.get("blocks")) or []}
        elif call.method in ("views.open", "views.publish"):
            yield call.method, _parsed(call.args["view"])


def _parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def elements(blocks: list[dict[str, Any]]) -> Iterator[list[str]]:
    for block in blocks:
        yield [e["action_id"] for e in block.get("elements", []) if "action_id" in e]


def parts(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in it, however deep."""
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from parts(one)


def mrkdwn(value: Any) -> Iterator[str]:
    return (part["text"] for part in parts(value) if part.get("type") == "mrkdwn")


def alt_texts(value: Any) -> Iterator[str]:
    return (part["alt_text"] for part in parts(value) if "alt_text" in part)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, slack: Workspace) -> Iterator[House]:
    """One journey for all that is looked at here."""
    with house(tmp_path_factory.mktemp("payloads"), slack) as built:
        yield built


@pytest.fixture(scope="module")
def log(home: House) -> Iterator[io.StringIO]:
    """What is logged at the chattiest level an operator can choose."""
    handler = logging.StreamHandler(said := io.StringIO())
    root = logging.getLogger()
    level, _ = root.level, root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield said
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(scope="module")
def sent(home: House, log: io.StringIO) -> list[tuple[str, dict[str, Any]]]:
    """A whole journey with a sheet full of traps."""
    drop(home, '@imgbatch lane=live size=128x128 title="<!channel> & *friends*"', sheet())
    home.ana.press(home.card(), "job_start")
    home.quiet()
    home.ana.press(home.card(), "job_details")
    home.ana.open_home()
    home.ana.wait_for(home.ana.home)
    home.ana.command(home.room, "/imgbatch", "new")
    home.ana.say(home.room, "@imgbatch stauts <!here>")
    home.arrived()
    home.tick()
    assert all(call.ok for call in home.workspace.calls()), "Slack took everything"
    assert "9 pictures" in words(home.replies()) or "8 pictures" in words(home.replies())
    return list(surfaces(home.workspace.calls()))


def test_everything_fits_and_nothing_people_wrote_has_power(
    home: House, sent: list[tuple[str, dict[str, Any]]]
) -> None:
    assert {method for method, _ in sent} >= {
        "chat.postMessage", "chat.update", "chat.postEphemeral", "views.open", "views.publish",
    }  # fmt: skip
    for method, surface in sent:
        blocks = surface["blocks"]
        most = limits.MESSAGE_BLOCKS if method.startswith("chat.") else limits.VIEW_BLOCKS
        assert len(blocks) <= most
        for block in blocks:
            parsed = Block.parse(block)
            assert parsed is not None, block
            parsed.validate_json()
        assert all(len(ids) == len(set(ids)) for ids in elements(blocks))
        for text in [*mrkdwn(surface), *([surface["text"]] if method.startswith("chat.") else [])]:
            assert not set(OURS.sub("", text)) & set("<>"), text
        if method.startswith("chat."):
            assert characters(blocks) <= limits.MESSAGE_CHARACTERS
            assert surface["text"].strip().endswith((".", "?"))
            assert len(surface["text"]) <= 4000


def test_prompts_are_shown_as_they_are(home: House, sent: list[tuple[str, dict[str, Any]]]) -> None:
    alts = [alt for _, surface in sent for alt in alt_texts(surface)]
    assert "<!channel> mug" in alts
    assert any(alt.endswith("…") and len(alt) <= 300 for alt in alts)


def test_nothing_secret_is_written_down(home: House, sent: object, log: io.StringIO) -> None:
    """The bot's own loggers; `serve` keeps those of the SDKs quiet."""
    del sent
    logged = log.getvalue()
    with home.ctx.mail._reading() as c:
        kept = str(c.exec_driver_sql("SELECT payload FROM inbox").all())
    for secret in (home.workspace.bot_token, home.workspace.app_token, "/hooks/", "trigger"):
        assert secret not in kept
        assert secret not in logged
