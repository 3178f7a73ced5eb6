"""When traces are told, by the standard variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import SettingsError, load
from bot.tracing import wanted

HERE = "http://127.0.0.1:4318"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": HERE}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{HERE}/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": HERE, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": HERE, "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_SERVICE_NAME": "pictures", "OTEL_TRACES_SAMPLER": "always_on"}, False),
    ],
)
def test_traces_are_told_when_a_collector_is_named(tmp_path: Path, given: dict[str, str], told: bool) -> None:
    assert wanted(load(given, tmp_path).settings) is told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_TRACES_SAMPLER", "every_tenth"),
        ("OTEL_TRACES_SAMPLER_ARG", "10"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_SDK_DISABLED", "perhaps"),
    ],
)
def test_a_value_that_makes_no_sense_is_one_sentence(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load({name: value}, tmp_path)


def test_what_the_collector_wants_in_headers_is_a_secret(tmp_path: Path) -> None:
    loaded = load({"OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=0123456789abcdef"}, tmp_path)
    assert "0123456789abcdef" not in repr(loaded.settings)
    assert not [line for line in loaded.lines() if "0123456789abcdef" in "".join(line)]
