"""The manifest asks for what the bot needs, and no more than that works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.slack.listeners import commands, shortcuts
from bot.workspace.server import Workspace
from tests.slack.house import house, words
from tests.slack.test_journeys import drop, hand_in

MANIFEST = (Path(__file__).parents[2] / "slack-manifest.yaml").read_text(encoding="utf-8")


def listed(name: str) -> list[str]:
    """The items of a list in the manifest."""
    block = re.search(rf"^ *{name}:\n((?: +- .+\n)+)", MANIFEST, re.MULTILINE)
    assert block is not None
    return re.findall(r"- (\S+)", block[1])


def test_its_names_are_those_the_app_listens_to() -> None:
    assert f"command: {commands.COMMAND}\n" in MANIFEST
    for callback in (shortcuts.NEW, shortcuts.FROM_MESSAGE):
        assert f"callback_id: {callback}\n" in MANIFEST


@pytest.mark.parametrize("way", ["form", "mention"])
def test_its_scopes_and_events_are_enough(tmp_path: Path, way: str) -> None:
    with (
        Workspace(rate_scale=None, scopes=listed("bot"), events=listed("bot_events")) as workspace,
        house(tmp_path, workspace) as home,
    ):
        if way == "form":
            hand_in(home)
        else:
            drop(home)
        # Its answer was lost: the channel and the thread must be readable.
        home.ctx.mail._set(home.ctx.mail.announcements(home.job().id)["card"], state="posting", ts=None)
        home.again().tick(seconds=30, times=2)
        home.ana.press(home.card(), "job_start")
        home.arrived()
        home.quiet()
        assert "All 4 pictures are ready" in words(home.replies())
        assert [call.answer for call in workspace.calls() if not call.ok] == []
        home.ana.open_home()
        assert home.ana.wait_for(home.ana.home)
