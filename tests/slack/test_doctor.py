"""The doctor finds what is wrong, whatever it is, says so in a sentence, and keeps secrets to himself."""

from __future__ import annotations

import json
import logging
import shutil
import socket
from collections import namedtuple
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.app import build_hooks
from bot.config import Settings
from bot.doctor import house, outside
from bot.doctor.examine import CHECKS, look
from bot.doctor.finding import Check, Finding, State
from bot.doctor.house import data, database, disk, fonts
from bot.doctor.models import saved_models
from bot.doctor.outside import clock, providers, reach, webhooks
from bot.doctor.slack import EVENTS, NEEDED_SCOPES, SCOPES, drift
from bot.doctor.slack import slack as look_at_slack
from bot.doctor.traces import traces
from bot.health import LEAST_FREE_BYTES
from bot.hooks import Hooks
from bot.web import make_site, serving
from bot.workspace.server import Workspace
from bot.workspace.state import APP_ID
from providers.catalogue import load
from providers.registry import ENTRIES
from providers.simulators import SIMULATORS
from providers.wire.asking import ask_time
from storage.engine import migrate, open_engine
from tests.test_logs import SECRETS

MANIFEST = yaml.safe_load((Path(__file__).parents[2] / "slack-manifest.yaml").read_text(encoding="utf-8"))


def found(check: Check, settings: Settings) -> list[Finding]:
    return look(settings, [check])


def states(findings: list[Finding]) -> set[State]:
    return {finding.state for finding in findings}


def said(findings: list[Finding]) -> str:
    return " ".join(finding.sentence for finding in findings)


def at(slack: Workspace, **others: Any) -> Settings:
    tokens = {
        "slack_bot_token": SecretStr(slack.bot_token),
        "slack_app_token": SecretStr(slack.app_token),
        "slack_config_token": SecretStr(slack.config_token),
    }
    return Settings(**{**tokens, "slack_api_url": slack.api_url, **others})


# --- Slack ---------------------------------------------------------------------------------------------


def test_a_slack_app_that_is_as_it_should_be(slack: Workspace) -> None:
    findings = found(look_at_slack, at(slack))
    assert states(findings) == {State.GOOD}
    assert len(findings) == 4


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("slack_bot_token", "The bot token does not work: invalid_auth"),
        ("slack_app_token", "The app token does not work: invalid_auth"),
        ("slack_config_token", "manifest cannot be read: invalid_auth"),
    ],
)
def test_a_token_that_does_not_work(slack: Workspace, name: str, words: str) -> None:
    findings = found(look_at_slack, at(slack, **{name: SecretStr("xoxb-wrong-1234567890")}))
    assert words in said(findings)
    assert "1234567890" not in said(findings)
    (bad,) = [finding for finding in findings if words in finding.sentence]
    assert bad.state is (State.WARNING if name == "slack_config_token" else State.WRONG)


def test_a_slack_that_cannot_be_reached(tmp_path: Path) -> None:
    gone = Settings(slack_bot_token=SecretStr("xoxb-1234567890"), slack_api_url="http://127.0.0.1:9/api/")
    (finding,) = found(look_at_slack, gone)
    assert finding.state is State.WRONG
    assert "cannot be reached" in finding.sentence


def test_without_a_token_slack_is_missing_and_without_a_way_in_it_is_wrong(slack: Workspace) -> None:
    assert states(found(look_at_slack, Settings())) == {State.MISSING}
    no_way = found(look_at_slack, at(slack, slack_app_token=None))
    assert "Neither SLACK_APP_TOKEN (for Socket Mode) nor SLACK_SIGNING_SECRET" in said(no_way)
    assert State.WRONG in states(no_way)


def test_scopes_that_lack_and_scopes_too_many() -> None:
    some = {*SCOPES, "admin"} - {"chat:write", "reactions:read"}
    with Workspace(scopes=some) as workspace:
        findings = found(look_at_slack, at(workspace, slack_config_token=None))
    by_state = {finding.state: finding.sentence for finding in findings if "scope" in finding.sentence}
    assert "lacks the scopes chat:write;" in by_state[State.WRONG]
    warnings = [finding.sentence for finding in findings if finding.state is State.WARNING]
    assert any("Without the scopes reactions:read " in sentence for sentence in warnings)
    assert any("does not need: admin." in sentence for sentence in warnings)


def test_an_app_that_has_drifted_from_its_manifest() -> None:
    with Workspace(events=EVENTS - {"message.im"}, commands=[{"command": "/pictures"}]) as workspace:
        findings = found(look_at_slack, at(workspace))
    (drifted,) = [finding for finding in findings if finding.about == "manifest"]
    assert drifted.state is State.WRONG
    for difference in (
        "the event message.im is missing",
        "the command /imgbatch is missing",
        "the command /pictures is not needed",
    ):
        assert difference in drifted.sentence


def test_the_manifest_in_the_repository_is_what_the_doctor_knows() -> None:
    assert drift(MANIFEST, over_http=False) == []
    assert set(MANIFEST["oauth_config"]["scopes"]["bot"]) == SCOPES > NEEDED_SCOPES
    assert set(MANIFEST["settings"]["event_subscriptions"]["bot_events"]) == EVENTS
    over_http = drift(MANIFEST, over_http=True)
    assert "socket_mode_enabled is on" in over_http
    assert "event_subscriptions.request_url is not set" in over_http


@pytest.mark.parametrize("place", ["features.app_home.home_tab_enabled", "settings.interactivity.is_enabled"])
def test_each_switch_is_looked_at(place: str) -> None:
    changed = json.loads(json.dumps(MANIFEST))
    inner = changed
    *path, last = place.split(".")
    for name in path:
        inner = inner[name]
    inner[last] = not inner[last]
    assert drift(changed, over_http=False) == [f"{last} is off"]


def test_a_manifest_of_another_shape_is_no_crash() -> None:
    for odd in ({}, {"features": None}, {"oauth_config": {"scopes": "all"}}, {"settings": []}):
        assert drift(odd, over_http=False)


def test_the_app_of_the_token_is_the_one_that_is_read(slack: Workspace) -> None:
    slack.forget_calls()
    found(look_at_slack, at(slack))
    (call,) = slack.calls("apps.manifest.export")
    assert call.args["app_id"] == APP_ID


# --- providers -----------------------------------------------------------------------------------------


KEY = "a1b2c3:9876543210abcdef"


def with_key(name: str, simulator: Any, key: str, folder: Path) -> Settings:
    (entry,) = [entry for entry in ENTRIES if entry.name == name]
    values = {str(entry.key_variable).lower(): key, str(entry.base_url_variable).lower(): simulator.base_url}
    return Settings(**values, imgbatch_data=folder)


@pytest.mark.parametrize("name", sorted(SIMULATORS))
def test_a_key_is_tried_by_a_call_that_makes_nothing(name: str, tmp_path: Path) -> None:
    with SIMULATORS[name]() as simulator:
        findings = found(providers, with_key(name, simulator, simulator.key or KEY, tmp_path))
    (about,) = [one for one in findings if one.about == name and one.state is not State.WARNING]
    assert about.state is State.GOOD, about.sentence
    assert not simulator.key or simulator.key not in said(findings)


@pytest.mark.parametrize("name", sorted(SIMULATORS))
def test_a_key_that_the_vendor_refuses_is_wrong(name: str, tmp_path: Path) -> None:
    with SIMULATORS[name](faults=["auth=true"]) as simulator:
        findings = found(providers, with_key(name, simulator, KEY, tmp_path))
    (about,) = [one for one in findings if one.about == name and one.state is not State.WARNING]
    assert about.state is State.WRONG, about.sentence
    assert KEY not in said(findings)


def test_a_vendor_that_cannot_be_reached_does_not_hold_up_the_others(tmp_path: Path) -> None:
    gone = {"openai_api_key": "sk-1234567890", "openai_base_url": "http://127.0.0.1:9/v1"}
    findings = found(providers, Settings(**gone, imgbatch_data=tmp_path))  # type: ignore[arg-type]
    by_name = {finding.about: finding for finding in findings if finding.state is not State.WARNING}
    assert by_name["openai"].state is State.WRONG
    assert by_name["sketch"].state is State.GOOD


def test_models_that_will_be_shut_down_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cards = [card for models in load().values() for card in models.values() if card.shutdown]
    card = min(cards, key=lambda card: str(card.shutdown))
    assert card.shutdown is not None
    before = datetime.combine(card.shutdown, datetime.min.time(), UTC) - timedelta(days=3)
    monkeypatch.setattr(outside, "now", lambda: before)
    (entry,) = [entry for entry in ENTRIES if entry.name == card.provider]
    values = {
        str(entry.key_variable).lower(): "a1:234567890",
        str(entry.base_url_variable).lower(): "http://127.0.0.1:9",
    }
    findings = found(providers, Settings(**values, imgbatch_data=tmp_path))  # type: ignore[arg-type]
    told = [
        finding
        for finding in findings
        if card.id in finding.sentence and str(card.shutdown) in finding.sentence
    ]
    assert told
    assert states(told) == {State.WARNING}


# --- the time ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead_seconds", "state", "words"),
    [
        (0, State.GOOD, "agrees with Slack"),
        (20, State.GOOD, "agrees"),
        (150, State.WARNING, "2 min slow"),
        (-150, State.WARNING, "2 min fast"),
        (7830, State.WRONG, "2 h 10 min slow"),
    ],
)
def test_the_clock_is_compared_with_servers(
    slack: Workspace, monkeypatch: pytest.MonkeyPatch, ahead_seconds: int, state: State, words: str
) -> None:
    monkeypatch.setattr(outside, "now", lambda: datetime.now(UTC) - timedelta(seconds=ahead_seconds))
    (finding,) = found(clock, at(slack))
    assert finding.state is state
    assert words in finding.sentence


def test_without_anybody_to_ask_the_clock_is_not_judged(slack: Workspace) -> None:
    assert states(found(clock, Settings())) == {State.MISSING}
    gone = at(slack, slack_api_url="http://127.0.0.1:9/api/")
    assert states(found(clock, gone)) == {State.MISSING}


@pytest.mark.parametrize("date", [None, "soon", "Mon, 23 Nov 2026 09:00:00 -0000"])
def test_a_server_that_does_not_say_the_time(date: str | None) -> None:
    class Silent(Response):
        def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
            super().init_headers({"date": date} if date else {})

    async def answer(_request: Request) -> Response:
        return Silent()

    with server(Starlette(routes=[Route("/", answer)])) as address:
        asked = ask_time("it", address, lambda: datetime.now(UTC))
    assert asked.ahead is None or date is None  # the server puts one in where the program gives none


# --- webhooks ------------------------------------------------------------------------------------------


@contextmanager
def server(app: Starlette) -> Iterator[str]:
    with serving(app, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"


def test_doors_that_are_open_and_doors_that_are_not(caplog: pytest.LogCaptureFixture) -> None:
    secret = SecretStr("whsec_" + "QUJD" * 8)
    settings = Settings(openai_api_key=SecretStr("sk-1234567890"), openai_webhook_secret=secret)
    hooks = Hooks(build_hooks(settings), lambda *_: 0, lambda: datetime.now(UTC))
    with server(make_site(lambda: {"ok": True}, None, hooks)) as address:
        findings = list(reach(address, {"/hooks/openai": "openai", "/hooks/nobody": "nobody"}))
    hooks.close()
    assert [finding.state for finding in findings] == [State.GOOD, State.WRONG]
    assert "answers 404" in findings[1].sentence
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]


@pytest.mark.parametrize(
    ("status", "state"), [(401, State.GOOD), (502, State.WARNING), (200, State.WRONG), (405, State.WRONG)]
)
def test_what_the_door_answers(status: int, state: State) -> None:
    async def answer(_request: Request) -> Response:
        return PlainTextResponse("", status)

    with server(Starlette(routes=[Route("/hooks/fal", answer, methods=["POST"])])) as address:
        (finding,) = reach(address, {"/hooks/fal": "fal"})
    assert finding.state is state
    assert (str(status) in finding.sentence) is (status != 401)


def test_an_address_nobody_answers_at() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        (finding,) = reach(f"http://127.0.0.1:{free.getsockname()[1]}", {"/hooks/fal": "fal"})
    assert finding.state is State.WRONG
    assert "cannot be reached" in finding.sentence


def test_slack_over_http_wants_to_be_reached_too() -> None:
    settings = Settings(slack_signing_secret=SecretStr("0123456789abcdef"))
    (finding,) = found(webhooks, settings)
    assert finding.state is State.MISSING
    assert "IMGBATCH_PUBLIC_URL" in finding.sentence
    assert found(webhooks, Settings()) == []


# --- this machine --------------------------------------------------------------------------------------


def test_the_database_is_looked_at_and_not_changed(tmp_path: Path) -> None:
    settings = Settings(imgbatch_data=tmp_path)
    (none,) = found(database, settings)
    assert (none.state, (tmp_path / "imgbatch.db").exists()) == (State.GOOD, False)
    engine = open_engine(settings.database_url)
    migrate(engine)
    (ready,) = found(database, settings)
    assert ready.state is State.GOOD
    assert "0 jobs" in ready.sentence
    forms = {"0001": State.WARNING, "9999": State.WRONG}
    for form, state in forms.items():
        with engine.begin() as c:
            c.execute(text("UPDATE alembic_version SET version_num = :form"), {"form": form})
        (finding,) = found(database, settings)
        assert finding.state is state, finding.sentence
        assert form in finding.sentence
        with engine.begin() as c:
            assert c.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == form
    engine.dispose()
    for leftover in ("imgbatch.db-wal", "imgbatch.db-shm"):
        (tmp_path / leftover).unlink(missing_ok=True)
    (tmp_path / "imgbatch.db").write_bytes(b"no database at all " * 400)
    assert states(found(database, settings)) == {State.WRONG}


def test_a_database_elsewhere_is_told_without_its_password() -> None:
    url = "postgresql+psycopg://imgbatch:hunter22@127.0.0.1:9/imgbatch"
    (finding,) = found(database, Settings(imgbatch_database_url=url))
    assert finding.state is State.WRONG
    assert "hunter22" not in finding.sentence


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert states(found(data, Settings(imgbatch_data=tmp_path / "file" / "data"))) == {State.WRONG}
    assert states(found(data, Settings(imgbatch_data=tmp_path / "data"))) == {State.GOOD}
    wrong = Settings(imgbatch_data=tmp_path / "data", imgbatch_export_to="odd://bucket")
    assert [finding.about for finding in found(data, wrong) if finding.state is State.WRONG] == ["exports"]


def test_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    settings = Settings(imgbatch_data=tmp_path / "not" / "yet")
    for free, state in (
        (LEAST_FREE_BYTES - 1, State.WRONG),
        (house.NEARLY_FULL_BYTES - 1, State.WARNING),
        (house.NEARLY_FULL_BYTES, State.GOOD),
    ):
        monkeypatch.setattr(shutil, "disk_usage", lambda _path, free=free: usage(10**12, 0, free))
        assert states(found(disk, settings)) == {state}


def test_scripts_that_cannot_be_written_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        house, "can_draw", lambda words: words.isascii() or "ü" in words or words == "Größe, façade, Łódź"
    )
    (finding,) = found(fonts, Settings())
    assert finding.state is State.MISSING
    assert "Greek, Cyrillic, Chinese" in finding.sentence
    assert "Western" not in finding.sentence


# --- secrets -------------------------------------------------------------------------------------------


def test_no_secret_is_said_even_where_a_server_repeats_it(tmp_path: Path) -> None:
    def parrot(settings: Settings) -> Iterator[Finding]:
        for name in SECRETS:
            yield Finding(name, State.WRONG, f"The server said: {settings.named(name)} is wrong.")

    settings = Settings(**SECRETS, imgbatch_data=tmp_path)  # type: ignore[arg-type]
    findings = look(settings, [parrot])
    assert len(findings) == len(SECRETS) > 10
    for finding in findings:
        assert SECRETS[finding.about].get_secret_value() not in finding.sentence


def test_every_check_is_asked() -> None:
    assert set(CHECKS) == {
        data,
        database,
        disk,
        fonts,
        clock,
        providers,
        saved_models,
        webhooks,
        look_at_slack,
        traces,
    }
