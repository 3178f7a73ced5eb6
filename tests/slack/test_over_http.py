"""The same app with signed requests in place of a socket."""

from __future__ import annotations

from pathlib import Path

import httpx

from bot.web import make_site, serving
from bot.workspace.server import Workspace
from tests.slack.house import house, words
from tests.slack.test_journeys import hand_in


def test_a_journey_over_http(tmp_path: Path, slack: Workspace) -> None:
    with (
        house(tmp_path, slack) as home,
        serving(make_site(lambda: {"ok": True}, home.app), "127.0.0.1", 0) as port,
    ):
        slack.use_http(f"http://127.0.0.1:{port}/slack/events")
        try:
            hand_in(home)
            home.ana.press(home.card(), "job_start")
            home.arrived()
            home.quiet()
            assert "All 4 pictures are ready" in words(home.replies())
            unsigned = httpx.post(f"http://127.0.0.1:{port}/slack/events", json={"type": "event_callback"})
            assert unsigned.status_code == 401
        finally:
            slack.use_sockets()
