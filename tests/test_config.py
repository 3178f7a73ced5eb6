"""Settings: where values come from, and what is said of wrong ones."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.config import Settings, SettingsError, load
from bot.policy import Policy


def test_the_environment_wins_over_dotenv_and_that_over_toml(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("IMGBATCH_ATTEMPTS=4\nIMGBATCH_FIT=contain\n")
    (tmp_path / "imgbatch.toml").write_text(
        'imgbatch_attempts = 5\nimgbatch_fit = "inside"\nimgbatch_port = 9\n'
    )
    loaded = load({"IMGBATCH_ATTEMPTS": "6"}, tmp_path)
    assert loaded.settings.imgbatch_attempts == 6
    assert loaded.settings.imgbatch_fit == "contain"
    assert loaded.settings.imgbatch_port == 9
    assert loaded.origins == {
        "imgbatch_attempts": "environment",
        "imgbatch_fit": ".env",
        "imgbatch_port": "imgbatch.toml",
    }


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    key = "sk-proj-abcdefghijklmnopqrstuvwxyz"
    loaded = load({"OPENAI_API_KEY": key, "SLACK_BOT_TOKEN": "xoxb-short"}, tmp_path)
    shown = repr(loaded) + str(loaded.settings) + "".join("".join(line) for line in loaded.lines())
    assert key not in shown
    assert "xoxb-short" not in shown
    assert key[8:] not in shown
    assert loaded.settings.named("OPENAI_API_KEY") == key


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("IMGBATCH_ATTEMPTS", "many", "IMGBATCH_ATTEMPTS .from environment.*“many” is not a whole number"),
        (
            "IMGBATCH_ATTEMPTS",
            "0",
            "IMGBATCH_ATTEMPTS .from environment.*“0” should be greater than or equal to 1",
        ),
        (
            "IMGBATCH_FORMAT",
            "bmp",
            "IMGBATCH_FORMAT .*is “bmp”; use one of webp, jpeg, png",
        ),
        ("IMGBATCH_BUDGET_USD", "-3", "IMGBATCH_BUDGET_USD"),
        ("IMGBATCH_BUDGET_USD", "lots", "“lots” is not an amount in US dollars"),
        ("IMGBATCH_ALERT_RATE", "95", "IMGBATCH_ALERT_RATE"),
        ("FAL_WEBHOOKS", "maybe", "FAL_WEBHOOKS .from environment.*“maybe” is not a yes or no"),
        ("IMGBATCH_PUBLIC_URL", "http://bot.example.com", "IMGBATCH_PUBLIC_URL .*must begin with https"),
        ("IMGBATCH_PUBLIC_URL", "https://192.168.1.2:8080", "IMGBATCH_PUBLIC_URL .*a private or loopback"),
        ("IMGBATCH_PUBLIC_URL", "https://localhost/x", "IMGBATCH_PUBLIC_URL .*a private or loopback"),
    ],
)
def test_a_wrong_value_is_one_sentence_with_its_name_and_origin(
    tmp_path: Path, name: str, value: str, words: str
) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        load({name: value}, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_secret_of_the_wrong_kind_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "imgbatch.toml").write_text("openai_api_key = 1234567890\n")
    with pytest.raises(SettingsError, match="OPENAI_API_KEY") as caught:
        load({}, tmp_path)
    assert "1234567890" not in str(caught.value)


def test_a_file_that_is_named_must_be_there_and_be_toml(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        load({"IMGBATCH_CONFIG": str(tmp_path / "no.toml")}, tmp_path)
    (tmp_path / "imgbatch.toml").write_text("not = = toml")
    with pytest.raises(SettingsError, match="not valid TOML"):
        load({}, tmp_path)
    (tmp_path / "imgbatch.toml").write_text("imgbatch_atempts = 3")
    with pytest.raises(SettingsError, match="unknown setting imgbatch_atempts"):
        load({}, tmp_path)


def test_an_empty_value_is_no_value(tmp_path: Path) -> None:
    assert load({"OPENAI_API_KEY": "", "IMGBATCH_PORT": ""}, tmp_path).settings.openai_api_key is None


def test_the_policy_follows_the_settings() -> None:
    settings = Settings(
        imgbatch_poll_seconds=7, imgbatch_attempts=5, imgbatch_budget_usd=Decimal(9), imgbatch_quality=70
    )
    policy = Policy.of(settings)
    assert (policy.attempts, policy.budget_usd, policy.render.quality) == (5, Decimal(9), 70)
    assert policy.poll_most == policy.poll_least == timedelta(seconds=7)


def test_sqlite_lies_in_the_data_folder_unless_another_database_is_named() -> None:
    assert Settings(imgbatch_data=Path("d")).database_url == "sqlite:///d/imgbatch.db"
    assert Settings(imgbatch_database_url="postgresql+psycopg://h/x").database_url.startswith("postgresql")
