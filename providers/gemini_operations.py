"""Gemini's batches as they come in answers: an Operation around a batch around its output. Pure.

Facts: v1beta discovery document of 2026-08-22, ai.google.dev batch page, vendor SDK 3.4.0; read in 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from providers.base import FailureKind, Phase
from providers.wire.shapes import mapping, text

LIST_FIELDS = frozenset({"operations", "nextPageToken", "unreachable"})
"""All a list of batches may hold. An empty one is `{}`, which must not be taken from any other object."""

PHASES: Mapping[str, Phase] = {
    "PENDING": Phase.WAITING,
    "QUEUED": Phase.WAITING,
    "RUNNING": Phase.RUNNING,
    "UPDATING": Phase.RUNNING,
    "PAUSED": Phase.RUNNING,
    "CANCELLING": Phase.RUNNING,
    "SUCCEEDED": Phase.ENDED,
    "PARTIALLY_SUCCEEDED": Phase.ENDED,
    "CANCELLED": Phase.ENDED,
    "EXPIRED": Phase.ENDED,
    "FAILED": Phase.REJECTED,
}
"""States by the discovery document (six of them) and by the SDK, without their prefix."""

UNANSWERED: Mapping[str, FailureKind] = {
    "EXPIRED": FailureKind.EXPIRED,  # after 48 hours, with nothing to read
    "CANCELLED": FailureKind.CANCELLED,
}

NOTHING_TO_READ = ("EXPIRED", "CANCELLED", "FAILED")
"""States that may well have no output file."""

_CANCELLED = 1
"""google.rpc.Code of an operation that was cancelled."""


def batch_of(operation: Mapping[str, Any]) -> Mapping[str, Any]:
    """The batch inside; it stands in `metadata`, and after the end in `response` as well."""
    return mapping(operation.get("metadata")) or mapping(operation.get("response")) or operation


def name_of(operation: Mapping[str, Any]) -> str:
    """`batches/...`, or nothing where the answer names none."""
    for name in (text(operation.get("name")), text(batch_of(operation).get("name"))):
        if re.fullmatch(r"batches/[\w.-]+", name):
            return name
    return ""


def state_of(operation: Mapping[str, Any]) -> str:
    """The state without its prefix: the discovery document writes BATCH_STATE_, the guide JOB_STATE_.

    Where none is given, how the operation is done says it.
    """
    state = re.sub(r"^(?:BATCH|JOB)_STATE_", "", text(batch_of(operation).get("state")))
    if state and state != "UNSPECIFIED":
        return state
    if operation.get("done") is not True:
        return "UNSPECIFIED"
    error = mapping(operation.get("error"))
    if error:
        return "CANCELLED" if error.get("code") == _CANCELLED else "FAILED"
    return "SUCCEEDED" if output_of(operation) else "UNSPECIFIED"


def output_of(operation: Mapping[str, Any]) -> str:
    """The file of results (`files/...`), or nothing while there is none."""
    response = mapping(operation.get("response"))
    places = (mapping(batch_of(operation).get("output")), response, mapping(response.get("output")))
    for place in places:
        name = text(place.get("responsesFile"))
        if re.fullmatch(r"files/[\w.-]+", name):
            return name
    return ""
