"""Events that are subscribed to and need nothing done: without a listener Slack would send them again."""

from __future__ import annotations

import logging
import re
from typing import Any

from slack_bolt import Ack, App

from bot.runtime import Context

log = logging.getLogger(__name__)


def register(app: App, ctx: Context) -> None:
    del ctx  # every kind of listener is registered alike

    @app.event("file_shared")
    def file_shared() -> None:
        """The message with the file is heard; a file alone says nothing about what is wanted."""

    @app.event("app_uninstalled")
    def uninstalled(body: dict[str, Any]) -> None:
        log.error(
            "The app was removed from workspace %s; nothing more can be told there", body.get("team_id")
        )

    @app.event("tokens_revoked")
    def revoked(body: dict[str, Any]) -> None:
        log.error("Tokens of workspace %s were revoked; install the app again", body.get("team_id"))

    @app.view_closed(re.compile(".*"))
    def closed(ack: Ack) -> None:
        ack()
