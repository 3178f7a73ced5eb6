"""What this process counts as it goes along: calls to providers and to Slack.

Kept in memory, as Prometheus expects of a process: a restart begins at nothing, and its functions know that.
What the data store knows is not counted here but read from it (`bot.metrics`).
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each counter, which Prometheus does not use

PROCESS = CollectorRegistry(auto_describe=True)
"""Everything in this module."""

CALL_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)
"""A poll takes a tenth of a second, a picture in high quality two minutes, reading large results more."""

SLACK_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15)
"""Up to the time after which a call is given up (`bot.slack.app.TIMEOUT_SECONDS`)."""

PROVIDER_CALLS = Counter(
    "imgbatch_provider_calls",
    "Calls to providers by what came of them; rate_limited is “too many requests”.",
    ["provider", "call", "outcome"],
    registry=PROCESS,
)
PROVIDER_SECONDS = Histogram(
    "imgbatch_provider_call_duration_seconds",
    "How long calls to providers took; of results only the time in which the provider was waited for.",
    ["provider", "call"],
    buckets=CALL_SECONDS,
    registry=PROCESS,
)
SLACK_CALLS = Counter(
    "imgbatch_slack_calls",
    "Calls to Slack's Web API by what came of them; rate_limited is Slack's answer 429.",
    ["method", "outcome"],
    registry=PROCESS,
)
SLACK_CALL_SECONDS = Histogram(
    "imgbatch_slack_call_duration_seconds",
    "How long calls to Slack's Web API took.",
    buckets=SLACK_SECONDS,
    registry=PROCESS,
)
