"""Calls to Slack's Web API: paced, and with errors named for the next move.

::

    SlackTrouble
    |- Later     certainly not done; the same call may be made again after `wait`
    |  `- Limited    because Slack is called too often
    |- InDoubt   the reply was lost: it may have been done; look before doing it again
    |- Gone      the message, thread or channel is not there (any more): do not touch it again
    `- Unfit     Slack refuses this call as it is; the code says why
"""

from __future__ import annotations

import http.client
import logging
import weakref
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.meters import SLACK_CALL_SECONDS, SLACK_CALLS
from bot.slack.pace import Pace
from bot.tracing import doing

log = logging.getLogger(__name__)

NOT_NOW = timedelta(seconds=2)
"""Until the next try when only the pace was in the way."""

OPERATOR_PAUSE = timedelta(minutes=5)
"""Until the next try when the token or a scope is the trouble: a person must act, and nothing is lost."""

GONE = frozenset(
    {
        "message_not_found",
        "thread_not_found",
        "cant_update_message",
        "edit_window_closed",
        "channel_not_found",
        "not_in_channel",
        "is_archived",
        "cannot_dm_bot",
        "user_not_found",
        "user_disabled",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
    }
)
"""Codes after which a message or channel is left alone (each method's error list)."""

CHANNEL_GONE = frozenset(
    {
        "channel_not_found",
        "not_in_channel",
        "is_archived",
        "restricted_action",
        "restricted_action_read_only_channel",
    }
)
"""Those that hold for everything in the channel."""

OPERATOR = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "missing_scope",
        "not_allowed_token_type",
        "team_access_not_granted",
        "org_login_required",
        "ekm_access_denied",
    }
)
"""Codes that a person must act on."""

DOUBTFUL = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
"""Codes after which “some aspect of the operation may have succeeded” (docs, common errors)."""


class SlackTrouble(Exception):
    """A call that did not work; the message holds no secret."""


class Later(SlackTrouble):
    """Certainly not done; may be done again after `wait`."""

    def __init__(self, message: str, wait: timedelta) -> None:
        super().__init__(message)
        self.wait = wait


class Limited(Later):
    """Slack says it is called too often."""


class InDoubt(SlackTrouble):
    """The reply was lost."""


class Gone(SlackTrouble):
    """What was to be touched is not there."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Unfit(SlackTrouble):
    """Slack refuses the call as it is."""

    def __init__(self, code: str, details: str = "") -> None:
        super().__init__(f"{code} {details}".strip())
        self.code = code
        self.details = details


class Wire:
    """One Slack client with the pace kept for it, and what this process knows of files at Slack."""

    def __init__(self, client: WebClient) -> None:
        # Not a reference to the client: the registry below lets a wire go with its client.
        self._client = weakref.ref(client)
        self.pace = Pace()
        self.ready: set[str] = set()
        """Files Slack has said are usable; asked again after a restart."""
        self.completed: set[str] = set()
        """Files this process has handed over whole: Slack knows them, if not at once."""

    @property
    def client(self) -> WebClient:
        client = self._client()
        assert client is not None, "the client outlives its wire"
        return client

    def call(
        self,
        method: str,
        now: datetime,
        *,
        spare: int = 0,
        paced: bool = True,
        **arguments: Any,
    ) -> Mapping[str, Any]:
        """Slack's answer. Raises Later when the pace or Slack says so, or another SlackTrouble."""
        if paced and not self.pace.take(method, now, arguments.get("channel"), spare=spare):
            raise Later(f"{method} waits for its turn", NOT_NOW)
        for said in ("ok", *_WORDS.values()):
            SLACK_CALLS.labels(method, said)  # told as 0 before it grows: Prometheus sees growth only
        with SLACK_CALL_SECONDS.time(), doing(method, call=True) as step:
            step.note(**{"rpc.system.name": "slack", "rpc.method": method})
            try:
                answer = getattr(self.client, method.replace(".", "_"))(**arguments)
            except SlackApiError as problem:
                # The chain is cut: slack_sdk's message holds the whole address with its arguments.
                raise _counted(method, self._named(method, problem, now)) from None
            except (OSError, http.client.HTTPException) as problem:
                raise _counted(method, _lost(method, problem)) from None
        SLACK_CALLS.labels(method, "ok").inc()
        data: Mapping[str, Any] = answer.data if isinstance(answer.data, dict) else {}
        return data

    def _named(self, method: str, problem: SlackApiError, now: datetime) -> SlackTrouble:
        response: Any = problem.response
        status = int(getattr(response, "status_code", 200))
        code = str(response.get("error", "")) if hasattr(response, "get") else ""
        if status == 429 or code in ("ratelimited", "rate_limited"):
            wait = timedelta(seconds=_seconds(getattr(response, "headers", {})))
            self.pace.hold(method, now + wait)
            return Limited(f"Slack asks to wait {wait.total_seconds():.0f} s with {method}", wait)
        if status >= 500 or code in DOUBTFUL:
            return InDoubt(f"{method} answered {code if status == 200 else status}")
        if code in OPERATOR:
            log.error("Slack refuses %s (%s): check the app's token, scopes and installation", method, code)
            return Later(f"Slack refuses {method}: {code}", OPERATOR_PAUSE)
        return Gone(code) if code in GONE else Unfit(code, _details(response))


_WORDS: Mapping[type[SlackTrouble], str] = {
    Limited: "rate_limited",
    Later: "later",
    InDoubt: "in_doubt",
    Gone: "gone",
    Unfit: "unfit",
}


def _counted(method: str, problem: SlackTrouble) -> SlackTrouble:
    SLACK_CALLS.labels(method, _WORDS[type(problem)]).inc()
    return problem


def _lost(method: str, problem: Exception) -> SlackTrouble:
    reason = problem.reason if isinstance(problem, URLError) else problem
    words = f"{method}: {type(reason).__name__}"
    if isinstance(reason, ConnectionRefusedError) or type(reason).__name__ == "gaierror":
        return Later(f"{words}; Slack cannot be reached", timedelta(seconds=10))
    return InDoubt(words)


def _seconds(headers: Mapping[str, Any]) -> float:
    found = next((value for name, value in headers.items() if name.lower() == "retry-after"), "1")
    text = found[0] if isinstance(found, list) else str(found)
    return float(text) if text.replace(".", "", 1).isdigit() else 30.0


def _details(response: Any) -> str:
    """What Slack lists as wrong; it names places in our blocks, never a secret."""
    listed = response.get("errors") or (response.get("response_metadata") or {}).get("messages") or []
    return "; ".join(str(item) for item in listed)[:500]


_WIRES: weakref.WeakKeyDictionary[WebClient, Wire] = weakref.WeakKeyDictionary()


def wire_of(client: WebClient) -> Wire:
    """The one wire of this client: ticks share its pace."""
    return _WIRES.setdefault(client, Wire(client))
