"""What help can be asked about."""

from __future__ import annotations

import difflib

from bot.intake.options import CommandError
from bot.intake.records import quoted

TOPICS = (
    "templates",
    "sheet",
    "options",
    "new",
    "run",
    "start",
    "sample",
    "approval",
    "rush",
    "reuse",
    "status",
    "list",
    "pause",
    "cancel",
    "failures",
    "retry",
    "audit",
    "export",
    "budget",
    "review",
    "presets",
    "schedules",
    "cost",
    "stats",
    "digest",
)
"""What help can be asked about."""

_TOPIC_WORDS = {
    "approve": "review",
    "reject": "review",
    "redo": "review",
    "undo": "review",
    "template": "templates",
    "pilot": "sample",
    "go": "sample",
    "resume": "pause",
    "agree": "approval",
    "deadline": "rush",
    "anew": "reuse",
    "prompt": "templates",
    "preset": "presets",
    "schedule": "schedules",
    "budgets": "budget",
    "failed": "failures",
    "errors": "failures",
    "reword": "failures",
    "csv": "sheet",
    "xlsx": "sheet",
    "option": "options",
    "costs": "cost",
    "statistics": "stats",
    "digests": "digest",
}


def read_topic(rest: str) -> str | None:
    """The topic named behind `help`; None: everything in short. Raises CommandError."""
    word = rest.split()[0].strip("`*_.,:!?").lower() if rest.split() else ""
    if not word:
        return None
    topic = _TOPIC_WORDS.get(word, word)
    if topic in TOPICS:
        return topic
    close = difflib.get_close_matches(word, (*TOPICS, *_TOPIC_WORDS), 1, 0.6)
    hint = (
        f"did you mean “help {_TOPIC_WORDS.get(close[0], close[0])}”?"
        if close
        else f"there is help on {', '.join(TOPICS)}."
    )
    raise CommandError(f"There is no help on {quoted(word)}; {hint}")
