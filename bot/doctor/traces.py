"""Whether the collector that is to be told of traces takes them."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from bot.config import Settings
from bot.doctor.finding import Finding, State
from bot.tracing import MISSING, installed, wanted
from providers.base import ProviderError
from providers.wire.asking import knock

USUAL = "http://localhost:4318"
"""Where OpenTelemetry looks for a collector when no address is given."""


def traces(settings: Settings) -> Iterator[Finding]:
    """Tell it nothing, with the headers and certificates that are set. Traces that are off are no finding."""
    if not wanted(settings):
        return
    if not installed():
        yield Finding("traces", State.WARNING, MISSING)
        return
    base = (settings.otel_exporter_otlp_endpoint or USUAL).rstrip("/")
    place = settings.otel_exporter_otlp_traces_endpoint or f"{base}/v1/traces"
    trouble = _trouble(settings, place)
    if trouble:
        said = f"The collector at {place} takes no traces: {trouble.rstrip('.')}. See the OTEL_ settings."
        yield Finding("traces", State.WARNING, said)
    else:
        yield Finding("traces", State.GOOD, f"The collector at {place} takes them.")


def _trouble(settings: Settings, place: str) -> str:
    from bot.spans import reach  # brings the packages of the extra

    parts = urlsplit(place)
    try:
        knock(f"{parts.scheme}://{parts.netloc}", parts.path)  # whose words are plainer, if nobody is there
        return reach(settings)
    except (ProviderError, ValueError, OSError) as problem:
        return str(problem)
