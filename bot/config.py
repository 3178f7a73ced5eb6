"""Settings: where the program's values come from. The rules they make are in `bot.policy`.

Values come from the environment, then `.env`, then one TOML file (`imgbatch.toml`, or IMGBATCH_CONFIG),
first found wins. Names are the conventional ones where they exist, IMGBATCH_* for the rest.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from providers.wire.webhooks import not_public


class SettingsError(ValueError):
    """A setting is wrong; the message names it, where it came from, and what to do."""


_WORDS = {
    "imgbatch_format": ("webp", "jpeg", "png"),
    "imgbatch_fit": ("cover", "contain", "inside", "stretch"),
    "imgbatch_log": ("debug", "info", "warning", "error"),
    "imgbatch_log_format": ("text", "json"),
    "otel_traces_exporter": ("otlp", "none"),
    "otel_traces_sampler": (
        *("always_on", "always_off", "traceidratio"),
        *("parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"),
    ),
}
"""The words that a setting may be."""


class Settings(BaseModel):
    """Every setting, by its environment name in lower case. Frozen; secrets never print."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    slack_bot_token: SecretStr | None = Field(default=None, description="Bot token (xoxb-...)")
    slack_app_token: SecretStr | None = Field(
        default=None, description="App-level token for Socket Mode (xapp-...)"
    )
    slack_signing_secret: SecretStr | None = Field(
        default=None, description="Signing secret, for Slack over HTTP"
    )
    slack_config_token: SecretStr | None = Field(
        default=None, description="App configuration token (xoxe...), with which doctor compares the manifest"
    )
    slack_api_url: str = Field(default="https://slack.com/api/", description="Where Slack's Web API is")

    openai_api_key: SecretStr | None = Field(default=None, description="Key for OpenAI")
    openai_base_url: str | None = Field(default=None, description="Another address for OpenAI's API")
    openai_webhook_secret: SecretStr | None = Field(
        default=None, description="Signing secret of OpenAI's webhooks (whsec_...)"
    )
    gemini_api_key: SecretStr | None = Field(default=None, description="Key for Google Gemini")
    gemini_base_url: str | None = Field(default=None, description="Another address for Gemini's API")
    gemini_webhook_secret: SecretStr | None = Field(
        default=None, description="Signing secret of Gemini's static webhooks (whsec_...)"
    )
    xai_api_key: SecretStr | None = Field(default=None, description="Key for xAI")
    xai_base_url: str | None = Field(default=None, description="Another address for xAI's API")
    fal_key: SecretStr | None = Field(default=None, description="Key for fal.ai")
    fal_base_url: str | None = Field(default=None, description="Another address for fal.ai's queue")
    fal_webhooks: bool = Field(
        default=True, description="Have fal.ai send webhooks, where IMGBATCH_PUBLIC_URL is set"
    )
    bfl_api_key: SecretStr | None = Field(default=None, description="Key for Black Forest Labs")
    bfl_base_url: str | None = Field(default=None, description="Another address for Black Forest Labs' API")
    recraft_api_token: SecretStr | None = Field(default=None, description="Token for Recraft")
    recraft_base_url: str | None = Field(default=None, description="Another address for Recraft's API")

    openai_compatible_base_url: str | None = Field(
        default=None, description="Address of your own OpenAI-compatible server"
    )
    openai_compatible_api_key: SecretStr | None = Field(default=None, description="Its key, if it wants one")

    imgbatch_data: Path = Field(
        default=Path("imgbatch-data"), description="Folder for the database and the pictures"
    )
    imgbatch_database_url: str | None = Field(
        default=None, description="PostgreSQL instead of SQLite: postgresql+psycopg://..."
    )
    imgbatch_provider: str | None = Field(default=None, description="Provider used when nobody names one")
    imgbatch_catalogue: Path | None = Field(
        default=None, description="Your own model and price entries (TOML)"
    )
    imgbatch_poll_seconds: int = Field(
        default=300, ge=1, le=86400, description="Longest wait between two polls"
    )
    imgbatch_look_up_seconds: int = Field(
        default=30, ge=0, le=3600, description="Wait before a lost submission is looked up"
    )
    imgbatch_attempts: int = Field(default=3, ge=1, le=20, description="How often one picture is tried")
    imgbatch_quality_gate: bool = Field(
        default=True, description="Judge pictures before people see them: empty, blurred, twice the same"
    )
    imgbatch_quality_retries: int = Field(
        default=1, ge=0, le=5, description="How often a picture that fails the quality gate is made again"
    )
    imgbatch_retry_seconds: int = Field(
        default=20, ge=0, le=86400, description="First wait before a retry; it doubles"
    )
    imgbatch_budget_usd: Decimal | None = Field(
        default=None, gt=0, description="No job may cost more than this"
    )
    imgbatch_budget_month_usd: Decimal | None = Field(
        default=None, gt=0, description="All jobs together may cost no more in a calendar month (UTC)"
    )
    imgbatch_budget_channel_usd: Decimal | None = Field(
        default=None, gt=0, description="Likewise for the jobs of each Slack channel"
    )
    imgbatch_budget_person_usd: Decimal | None = Field(
        default=None, gt=0, description="Likewise for the jobs that each person asks for"
    )
    imgbatch_budget_providers: str = Field(
        default="", description="Likewise by provider: name=USD, with commas"
    )
    imgbatch_approval_usd: Decimal | None = Field(
        default=None, gt=0, description="A job that may cost more needs a second person's agreement"
    )
    imgbatch_chunk_rows: int | None = Field(
        default=None, ge=1, description="At most this many items a submission"
    )
    imgbatch_off_peak_from: time = Field(
        default=time(2), description="When off-peak hours begin, UTC, for jobs with off_peak=true"
    )
    imgbatch_off_peak_until: time = Field(default=time(8), description="When off-peak hours end, UTC")
    imgbatch_alert_channel: str | None = Field(
        default=None, description="Slack channel id that also gets alerts"
    )
    imgbatch_alert_rules: Path | None = Field(
        default=None, description="TOML file with the figures of the alert rules"
    )
    imgbatch_channels: str = Field(
        default="", description="Ids of the only Slack channels to work in, with commas; empty: all"
    )
    imgbatch_guests: bool = Field(default=False, description="Let guests of the workspace use it, too")
    imgbatch_starters: str = Field(
        default="", description="Who may start jobs: user groups (@handle or S...) and people (U...)"
    )
    imgbatch_spenders: str = Field(
        default="", description="Who may agree to a job above the spending limit; likewise"
    )
    imgbatch_approvers: str = Field(default="", description="Who may review pictures; likewise")
    imgbatch_admins: str = Field(
        default="", description="Who may do everything, change presets above all; likewise"
    )
    imgbatch_target_rate: float = Field(default=0.98, gt=0, le=1, description="Success rate aimed at")
    imgbatch_alert_rate: float = Field(
        default=0.95, gt=0, le=1, description="Success rate below which people are told"
    )
    imgbatch_format: str = Field(default="webp", description="Format of the web files: webp, jpeg or png")
    imgbatch_quality: int = Field(default=82, ge=1, le=100, description="Quality of the web files")
    imgbatch_fit: str = Field(default="cover", description="cover, contain, inside or stretch")
    imgbatch_disclosure: bool = Field(
        default=True, description="Write the AI-disclosure label into the files"
    )
    imgbatch_port: int = Field(
        default=8080, ge=0, le=65535, description="Port of health checks and Slack over HTTP"
    )
    imgbatch_host: str = Field(default="127.0.0.1", description="Address the port is opened on")
    imgbatch_public_url: str | None = Field(
        default=None, description="Where providers reach that port from outside, for webhooks (https://...)"
    )
    imgbatch_export_to: str | None = Field(
        default=None, description="Folder or object store (s3://bucket/prefix) that exports are put into"
    )
    imgbatch_export_part_mb: int = Field(
        default=100, ge=1, le=1000, description="An export to Slack is split into archives of this many MB"
    )
    imgbatch_keep_approved_days: int = Field(
        default=0, ge=0, description="Days approved pictures are kept after their job ended; 0: for good"
    )
    imgbatch_keep_unreviewed_days: int = Field(
        default=0, ge=0, description="Likewise pictures nobody has decided about; 0: for good"
    )
    imgbatch_keep_masters_days: int = Field(
        default=90, ge=0, description="Likewise the originals of rejected and replaced pictures"
    )
    imgbatch_keep_renditions_days: int = Field(
        default=180, ge=0, description="Likewise their web files, and every job's contact sheets and previews"
    )
    imgbatch_keep_payloads_days: int = Field(
        default=30, ge=0, description="Likewise what was sent to providers, and packed exports"
    )
    imgbatch_keep_slack_days: int = Field(
        default=0, ge=0, description="Likewise the files that the bot uploaded to Slack"
    )
    imgbatch_keep_history_days: int = Field(
        default=0, ge=0, description="Likewise the moves of single pictures in the history"
    )
    imgbatch_disk_budget_gb: Decimal | None = Field(
        default=None,
        gt=0,
        description="Pictures and payloads take this much at most, within what may be pruned",
    )
    imgbatch_log: str = Field(default="info", description="debug, info, warning or error")
    imgbatch_log_format: str = Field(
        default="text", description="How the log is written: text for people, json for programs"
    )

    otel_exporter_otlp_endpoint: str | None = Field(
        default=None, description="Collector of traces, OTLP over HTTP (http://host:4318); unset: no traces"
    )
    otel_exporter_otlp_traces_endpoint: str | None = Field(
        default=None, description="The same with the whole path, where that is not /v1/traces"
    )
    otel_exporter_otlp_headers: SecretStr | None = Field(
        default=None, description="What the collector wants in headers: name=value, with commas"
    )
    otel_traces_exporter: str | None = Field(default=None, description="otlp or none")
    otel_traces_sampler: str | None = Field(
        default=None, description="Which traces are told: parentbased_traceidratio, for one"
    )
    otel_traces_sampler_arg: float | None = Field(
        default=None, ge=0, le=1, description="The share of jobs that a ratio sampler tells of"
    )
    otel_service_name: str = Field(default="imgbatch", description="What traces call this program")
    otel_sdk_disabled: bool = Field(default=False, description="No traces, whatever else is set")

    @field_validator(*_WORDS)
    @classmethod
    def _known_word(cls, value: str | None, info: Any) -> str | None:
        if value is None:
            return None
        words = _WORDS[info.field_name]
        if value.lower() not in words:
            raise ValueError(f"is “{value}”; use one of {', '.join(words)}")
        return value.lower()

    @field_validator("imgbatch_starters", "imgbatch_spenders", "imgbatch_approvers", "imgbatch_admins")
    @classmethod
    def _people(cls, value: str) -> str:
        for name in split(value):
            if not re.fullmatch(r"@[\w.-]+|[SUW][A-Z0-9]{2,}", name):
                raise ValueError(
                    f"“{name}” is neither a user group (@handle or S...) nor a person's id (U...)"
                )
        return value

    @field_validator("imgbatch_budget_providers")
    @classmethod
    def _by_provider(cls, value: str) -> str:
        amounts(value)
        return value

    @field_validator("imgbatch_channels")
    @classmethod
    def _rooms(cls, value: str) -> str:
        for name in split(value):
            if not re.fullmatch(r"[CGD][A-Z0-9]{2,}", name):
                raise ValueError(f"“{name}” is not the id of a channel (C...); see the channel's details")
        return value

    @field_validator("imgbatch_public_url")
    @classmethod
    def _public(cls, value: str | None) -> str | None:
        problem = not_public(value) if value else None
        if problem:
            raise ValueError(f"it {problem}; give the https address at which providers reach this bot")
        return value.rstrip("/") if value else None

    @property
    def database_url(self) -> str:
        return self.imgbatch_database_url or f"sqlite:///{self.imgbatch_data / 'imgbatch.db'}"

    def named(self, name: str) -> str | None:
        """The plain value of a variable, secret or not: for handing keys to adapters."""
        value = getattr(self, name.lower(), None)
        if isinstance(value, SecretStr):
            return value.get_secret_value()
        return None if value is None else str(value)


def split(value: str) -> tuple[str, ...]:
    """The names in a setting that holds several, with commas between them."""
    return tuple(name.strip() for name in value.split(",") if name.strip())


def amounts(value: str) -> Mapping[str, Decimal]:
    """The amounts in a setting like `one=500, other=80.50`. Raises ValueError."""
    found = {}
    for pair in split(value):
        name, _, amount = (part.strip() for part in pair.partition("="))
        if not name or not re.fullmatch(r"\d{1,9}(\.\d{1,2})?", amount) or not Decimal(amount):
            raise ValueError(f"“{pair}” is not a name and an amount in USD, like name=500")
        found[name.lower()] = Decimal(amount)
    return found


OTHER_NAMES = frozenset({"IMGBATCH_CONFIG", "IMGBATCH_LIVE"})
"""Variables of ours that are no settings: where the settings are, and that tests may use real keys."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and where each value that is not a default came from."""

    settings: Settings
    origins: Mapping[str, str]
    unknown: Sequence[tuple[str, str]] = ()
    """Variables that begin like ours and are none, each with where it stands."""

    def lines(self) -> list[tuple[str, str, str, str]]:
        """(name, value with secrets masked, origin, meaning) for each setting."""
        rows = []
        for setting, info in Settings.model_fields.items():
            value = getattr(self.settings, setting)
            shown = "" if value is None else masked(value) if isinstance(value, SecretStr) else str(value)
            rows.append(
                (setting.upper(), shown, self.origins.get(setting, "default"), info.description or "")
            )
        return rows


def masked(secret: SecretStr) -> str:
    """Enough of a secret to recognise it, never enough to use it."""
    plain = secret.get_secret_value()
    return f"{plain[:5]}…({len(plain)} characters)" if len(plain) > 16 else "…"


def load(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Loaded:
    """Read the settings. Raises SettingsError with one sentence."""
    environ = os.environ if environ is None else environ
    folder = folder or Path.cwd()
    file = Path(environ.get("IMGBATCH_CONFIG", folder / "imgbatch.toml"))
    sources: list[tuple[str, Mapping[str, Any]]] = [
        ("environment", environ),
        (".env", dotenv_values(folder / ".env") if (folder / ".env").is_file() else {}),
        (file.name, _toml(file, required="IMGBATCH_CONFIG" in environ)),
    ]
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for setting in Settings.model_fields:
        for origin, source in sources:
            value = source.get(setting.upper(), source.get(setting))
            if value not in (None, ""):
                values[setting], origins[setting] = value, origin
                break
    known = {setting.upper() for setting in Settings.model_fields} | OTHER_NAMES
    unknown = [
        (name, origin)
        for origin, source in sources[:2]
        for name in sorted(source)
        if name.startswith("IMGBATCH_") and name not in known
    ]
    try:
        return Loaded(Settings(**values), origins, unknown)
    except ValidationError as problem:
        first = problem.errors()[0]
        field = str(first["loc"][0])
        what = _wrong(first["type"], first["input"], first["msg"].removeprefix("Value error, "))
        raise SettingsError(f"{field.upper()} (from {origins.get(field, 'default')}): {what}") from None


def _wrong(kind: str, value: object, said: str) -> str:
    """What is wrong with a value, in words of ours where they are plainer. A secret is a text, and is none of
    these.
    """
    if kind in _WANTED:
        return f"“{value}” is not {_WANTED[kind]}"
    bounds = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")
    return said.replace("Input should be", f"“{value}” should be") if kind in bounds else said


_WANTED = {
    "int_parsing": "a whole number, like 30",
    "float_parsing": "a number, like 0.95",
    "decimal_parsing": "an amount in US dollars, like 12.50",
    "bool_parsing": "a yes or no; write true or false",
    "time_parsing": "a time of day, like 02:00",
}
"""What a value should have been, by what pydantic calls the mistake."""


def _toml(file: Path, *, required: bool) -> Mapping[str, Any]:
    if not file.is_file():
        if required:
            raise SettingsError(f"IMGBATCH_CONFIG names {file}, which does not exist")
        return {}
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise SettingsError(f"{file} is not valid TOML: {problem}") from None
    unknown = sorted(key for key in values if key.lower() not in Settings.model_fields)
    if unknown:
        raise SettingsError(
            f"{file} has the unknown setting {unknown[0]}; see `imgbatch doctor` for the names"
        )
    return {key.lower(): value for key, value in values.items()}
