"""What the doctor says about a set-up that is broken: what, where, what to do; its verdict and its exit."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from bot.cli import app
from bot.config import Settings, load
from bot.doctor import models
from bot.doctor.examine import unknown_names, verdict
from bot.doctor.finding import Finding, State
from bot.doctor.models import saved_models
from bot.doctor.outside import providers
from bot.doctor.slack import slack as look_at_slack
from bot.intake.preset import read_defaults
from bot.workspace.server import Workspace
from providers import catalogue
from providers.simulators import SIMULATORS
from providers.wire.errors import hide
from storage.shelved import Preset, Schedule, ScheduleState
from tests.parts import START, make_context
from tests.slack.test_doctor import at, found, said


def test_a_setting_written_wrongly_is_found_with_the_one_meant(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("IMGBATCH_POLL_SECOND=5\nOTHER=1\n")
    given = {"IMGBATCH_BUDGT_USD": "3", "IMGBATCH_CONFIG": "", "IMGBATCH_PORT": "8080", "IMGBATCH_X": "1"}
    findings = unknown_names(load({k: v for k, v in given.items() if v}, tmp_path))
    assert [finding.state for finding in findings] == [State.WARNING] * 3
    nothing = "is not a setting and does nothing"
    assert [finding.sentence for finding in findings] == [
        f"IMGBATCH_BUDGT_USD (environment) {nothing}; did you mean IMGBATCH_BUDGET_USD?",
        f"IMGBATCH_X (environment) {nothing}; docs/operating.md lists them.",
        f"IMGBATCH_POLL_SECOND (.env) {nothing}; did you mean IMGBATCH_POLL_SECONDS?",
    ]


def test_a_bot_token_that_is_wrong_does_not_hide_an_app_token_that_is(slack: Workspace) -> None:
    wrong = {"slack_bot_token": SecretStr("xoxb-0987654321"), "slack_app_token": SecretStr("xapp-0987654321")}
    findings = found(look_at_slack, at(slack, **wrong))
    assert [finding.state for finding in findings] == [State.WRONG, State.WRONG]
    assert "Copy the Bot User OAuth Token (xoxb-)" in findings[0].sentence
    assert "SLACK_BOT_TOKEN again" in findings[0].sentence
    assert "Generate one (xapp-) with the scope connections:write" in findings[1].sentence
    assert "[hidden]" not in " ".join(hide(one.sentence, []) for one in findings), (
        "no advice looks like a secret"
    )


def test_tokens_in_each_others_place_are_recognised(slack: Workspace) -> None:
    swapped = {"slack_bot_token": SecretStr(slack.app_token), "slack_app_token": SecretStr(slack.bot_token)}
    told = said(found(look_at_slack, at(slack, **swapped)))
    assert "app-level token (xapp-), which belongs into SLACK_APP_TOKEN" in told


def test_a_refused_key_names_its_variable_and_a_silence_the_address(tmp_path: Path) -> None:
    with SIMULATORS["openai"](faults=["auth=true"]) as simulator:
        key: dict[str, Any] = {"openai_api_key": "sk-1234567890", "openai_base_url": simulator.base_url}
        refused = said(found(providers, Settings(**key, imgbatch_data=tmp_path)))
    assert "Its key is OPENAI_API_KEY: put it right, or take it away." in refused
    key["openai_base_url"] = "http://127.0.0.1:9/v1"
    silent = said(found(providers, Settings(**key, imgbatch_data=tmp_path)))
    assert "Look at the network, and at OPENAI_BASE_URL if it is set." in silent


def retired() -> catalogue.ModelCard:
    cards = [card for found in catalogue.load().values() for card in found.values() if card.shutdown]
    return min(cards, key=lambda card: str(card.shutdown))


def test_presets_and_schedules_of_models_that_are_gone_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = retired()
    assert card.shutdown is not None
    settings = Settings(imgbatch_data=tmp_path)
    assert found(saved_models, settings) == [], "there is no database yet"
    name, held = read_defaults(f"packshots model={card.id} size=64x64")
    with make_context(tmp_path) as ctx:
        ctx.shelf.keep_preset(Preset("T1", "C1", name, held.to_json(), "U1", START))
        (good,) = _judged(settings, monkeypatch, card, days_before=90)
        assert good.state is State.GOOD
        rule = {"kind": "daily", "at": "07:00", "zone": "UTC"}
        spec = {"model": f"sketch,{card.id}"}
        planned = Schedule(
            "s1", "T1", "C1", "U1", "Shoes", rule, spec, "k", "s.csv", ScheduleState.ACTIVE, START, START
        )
        ctx.shelf.keep_schedule(planned)
        preset, schedule = _judged(settings, monkeypatch, card, days_before=-1)
    assert (preset.state, schedule.state) == (State.WARNING, State.WARNING)
    assert f"The preset “packshots” of C1 names {card.id}, which was shut down on {card.shutdown}" in (
        preset.sentence
    )
    assert "Save it with another model." in preset.sentence
    assert f"The schedule s1 (“Shoes”, C1) names {card.id}" in schedule.sentence


def _judged(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, card: catalogue.ModelCard, days_before: int
) -> list[Finding]:
    assert card.shutdown is not None
    day = datetime.combine(card.shutdown, datetime.min.time(), UTC) - timedelta(days=days_before)
    monkeypatch.setattr(models, "now", lambda: day)
    return found(saved_models, settings)


def test_a_provider_of_which_every_model_is_gone_is_wrong(tmp_path: Path) -> None:
    whole = Path(catalogue.__file__).with_name("catalogue.toml").read_text(encoding="utf-8")
    known = [entry["id"] for entry in tomllib.loads(whole)["model"] if entry["provider"] == "sketch"]
    blocks = [block for block in whole.split("[[model]]") if 'provider = "sketch"' in block]
    assert len(blocks) == len(known)
    own = tmp_path / "own.toml"
    own.write_text("".join(f"[[model]]\nshutdown = 2020-01-01{block}" for block in blocks), encoding="utf-8")
    findings = found(providers, Settings(imgbatch_data=tmp_path, imgbatch_catalogue=own))
    (wrong,) = [finding for finding in findings if finding.state is State.WRONG]
    assert "All its models known here were shut down" in wrong.sentence


def test_the_verdict_names_what_to_mend_and_what_to_look_at() -> None:
    fine, odd, bad = (Finding(state.value, state, "…") for state in (State.GOOD, State.WARNING, State.WRONG))
    assert verdict([fine]) == "Nothing is wrong."
    assert verdict([fine, odd, odd]) == "Nothing is wrong. To be looked at (??): warning."
    assert verdict([bad, odd]) == "To be mended (!!): wrong. To be looked at (??): warning."


def test_exit_status_and_json_are_those_of_what_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMGBATCH_DATA", "fine")
    monkeypatch.setenv("IMGBATCH_BUDGT_USD", "3")
    fine = CliRunner().invoke(app, ["doctor", "--json"])
    assert (fine.exit_code, json.loads(fine.stdout)["ok"]) == (0, True)
    assert "settings" in {finding["about"] for finding in json.loads(fine.stdout)["findings"]}
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("IMGBATCH_DATA", "file/data")
    broken = CliRunner().invoke(app, ["doctor"])
    assert broken.exit_code == 1
    assert broken.stdout.rstrip().splitlines()[-1].startswith("To be mended (!!): data folder")
    monkeypatch.setenv("IMGBATCH_PORT", "many")
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 2
