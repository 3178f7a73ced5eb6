"""Files to and from Slack: where the token may go, and pictures that are not ready yet."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from bot.slack import files
from bot.slack.wire import Unfit, wire_of
from tests.slack.house import House, words
from tests.slack.test_journeys import drop


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://files.slack.com/files-pri/T1-F1/a.csv", True),
        ("https://slack-files.com/T1-F1", True),
        ("https://acme.slack.com/files/a.csv", True),
        ("http://files.slack.com/a.csv", False),
        ("https://files.slack.com.evil.example/a.csv", False),
        ("https://evilslack.com/a.csv", False),
        ("https://files.slack.com@evil.example/a.csv", False),
        ("http://127.0.0.1:9999/a.csv", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_the_token_goes_to_slack_only(url: str, fine: bool) -> None:
    assert files.at_slack(url, "https://slack.com/api/") is fine


def test_the_local_workspace_is_slack_when_it_is_configured() -> None:
    assert files.at_slack("http://127.0.0.1:4000/files-pri/a", "http://127.0.0.1:4000/api/")
    assert not files.at_slack("http://127.0.0.1:4001/files-pri/a", "http://127.0.0.1:4000/api/")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("products.csv", "products.csv"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.csv", "boot.csv"),
        (".csv", "csv"),
        ("a<b>|c.csv", "a-b-c.csv"),
        ("///", "sheet.csv"),
        ("Größe 1.xlsx", "Größe 1.xlsx"),
    ],
)
def test_names_mean_no_place(name: str, safe: str) -> None:
    assert files.safe_name(name) == safe


def test_a_stub_of_a_shared_channel_has_no_address() -> None:
    stub = {"id": "F1", "mode": "file_access", "file_access": "check_file_info"}
    assert files.sheet_of(stub).url == ""


def test_pictures_that_are_late_are_waited_for(home: House) -> None:
    home.workspace.faults.file_polls = 4
    home.workspace.faults.file_seconds = 600
    drop(home)
    home.ana.press(home.card(), "job_start")
    home.quiet()
    assert any("4 to review" in words(reply) for reply in home.replies())
    refused = [call for call in home.workspace.calls("chat.postMessage") if not call.ok]
    assert refused == []


def test_a_picture_slack_takes_back_is_asked_for_again(home: House) -> None:
    home.workspace.faults.file_polls = 3
    home.workspace.faults.file_seconds = 600
    drop(home)
    home.ana.press(home.card(), "job_start")
    job = home.job().id
    home.until(lambda: home.ctx.mail.uploads(job))
    wire_of(home.app.client).ready |= set(home.ctx.mail.uploads(job).values())
    home.quiet()
    refused = [call for call in home.workspace.calls("chat.postMessage") if not call.ok]
    assert "invalid slack file" in str(refused[0].answer)
    assert any("at a glance" in words(reply) for reply in home.replies())


def test_a_file_that_slack_was_never_told_is_whole_is_uploaded_again(home: House) -> None:
    """The process stopped in between; of a file this process completed Slack is asked again instead."""
    ctx, wire, now = home.ctx, wire_of(home.app.client), home.clock()
    wanted = files.Upload("j/gallery/one.png", "one.png", "one")
    ctx.blobs.put(wanted.key, png())
    ctx.mail.uploaded("j", wanted.key, files.send_bytes(ctx, wire, wanted, now), now)
    assert files.upload(ctx, wire, "j", [wanted], now) == 0
    assert files.ready(ctx, wire, "j", [wanted.key], now) is None
    assert files.upload(ctx, wire, "j", [wanted], now) == 1
    (file_id,) = ctx.mail.uploads("j").values()
    known = home.workspace._site.state.files
    assert known[file_id].completed
    del known[file_id]
    with pytest.raises(Unfit):
        files.ready(ctx, wire, "j", [wanted.key], now)
    assert list(ctx.mail.uploads("j").values()) == [file_id]


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    return out.getvalue()


def test_pictures_slack_never_shows_are_told_in_words(home: House) -> None:
    drop(home)
    home.ana.press(home.card(), "job_start")
    job = home.job().id
    home.until(lambda: [key for key in home.ctx.mail.uploads(job) if "sheet-" in key])
    home.workspace.faults.file_polls = 0
    for file in home.workspace._site.state.files.values():
        if file.user == home.workspace.bot_user_id and file.content:
            file.content = b"%PDF" + file.content
            file.completed, file.polls_left = True, 0
    home.tick(seconds=120, times=12)
    assert any("Slack could not show these pictures" in words(reply) for reply in home.replies())
