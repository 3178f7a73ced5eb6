"""What a person does on the local Slack workspace to have pictures made, and the way to the stand-ins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.workspace.person import Person
from bot.workspace.server import Workspace
from providers import registry
from providers.simulators.server import Simulator

CHANNEL = "#product-images"


class Desk:
    """Somebody who drops sheets into Slack and presses Start."""

    def __init__(self, workspace: Workspace, patience_seconds: float = 120) -> None:
        marketer = next(user for user in workspace.people if not user.is_bot)
        self.person = Person(workspace.url, marketer.id)
        self._patience = patience_seconds
        self._sheets = 0

    def order(self, provider: str, lane: str, pictures: int) -> None:
        """A sheet is dropped, its plan read, Start pressed."""
        self._sheets += 1
        lines = "".join(f"S{self._sheets}-{n:04d},mug {n} of {self._sheets}\n" for n in range(pictures))
        posted = self.person.say(
            CHANNEL,
            f"@imgbatch provider={provider} lane={lane} a {{{{ name }}}}",
            files=[(f"{provider}-{self._sheets}.csv", f"sku,name\n{lines}".encode())],
        )
        card = self.person.wait_for(lambda: self._plan(posted["ts"]), timeout=self._patience)
        self.person.press(card, "job_start")

    def _plan(self, ts: str) -> dict[str, Any] | None:
        for message in self.person.thread(CHANNEL, ts):
            for block in message.get("blocks") or []:
                if any(e.get("action_id") == "job_start" for e in block.get("elements") or []):
                    return message
        return None


def settings_of(workspace: Workspace, vendors: Mapping[str, Simulator]) -> dict[str, str]:
    """The settings by which the bot finds the workspace and the vendors' stand-ins, and may use them."""
    found = {
        "SLACK_BOT_TOKEN": workspace.bot_token,
        "SLACK_APP_TOKEN": workspace.app_token,
        "SLACK_API_URL": workspace.api_url,
    }
    for entry in registry.ENTRIES:
        vendor = vendors.get(entry.name)
        if vendor is not None and entry.base_url_variable:
            found[entry.base_url_variable] = vendor.base_url
            if entry.key_variable and vendor.key:
                found[entry.key_variable] = vendor.key
    return found
