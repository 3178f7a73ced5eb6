"""Uploads, late readiness, pictures in blocks, and private downloads."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.workspace import limits
from bot.workspace.person import Person
from bot.workspace.server import Workspace
from tests.workspace.slackside import error, everything, picture, put, ready_file, section


@pytest.fixture(autouse=True)
def ordinary_day(workspace: Workspace) -> Iterator[None]:
    workspace.faults.file_polls, workspace.faults.file_seconds = 1, 2.0
    yield
    workspace.faults.file_polls, workspace.faults.file_seconds = 1, 2.0


def show(client: WebClient, reference: Any, channel: str = "#general") -> Any:
    block = {"type": "image", "slack_file": reference, "alt_text": "A mug"}
    return client.chat_postMessage(channel=channel, text="A mug", blocks=[block])


def get(url: str, token: str | None) -> httpx.Response:
    return httpx.get(url, headers={"Authorization": f"Bearer {token}"} if token else {})


def test_the_sdk_uploads_a_file_into_a_thread(client: WebClient, workspace: Workspace, ben: Person) -> None:
    parent = ben.say("#campaigns", "results?")
    answer = client.files_upload_v2(
        channel=workspace.channel_id("campaigns"), thread_ts=parent["ts"], filename="rows.csv",
        content="a,b\n", initial_comment="Here they are",
    )  # fmt: skip
    assert answer["ok"]
    reply = ben.wait_for_reply(parent, "Here they are")
    assert reply["files"][0]["name"] == "rows.csv"
    assert reply["subtype"] == "file_share"
    assert ben.file(reply["files"][0]) == b"a,b\n"


def test_the_sdk_uploads_several_at_once(client: WebClient, workspace: Workspace, ben: Person) -> None:
    uploads = [{"filename": f"{n}.png", "content": picture()} for n in range(3)]
    client.files_upload_v2(
        channel=workspace.channel_id("alerts"), file_uploads=uploads, initial_comment="three"
    )
    assert len(ben.wait_for_message("#alerts", "three")["files"]) == 3


def test_complete_tells_no_message_and_no_type(client: WebClient, workspace: Workspace) -> None:
    file_id = put(client, "mug.png", picture())
    channel = workspace.channel_id("general")
    done = client.files_completeUploadExternal(files=[{"id": file_id, "title": "Mug"}], channel_id=channel)
    file = done["files"][0]
    assert (file["mimetype"], file["shares"], file["title"]) == ("", {}, "Mug")
    assert "ts" not in done.data


def test_a_file_is_ready_after_some_polls(client: WebClient, workspace: Workspace) -> None:
    workspace.faults.file_polls, workspace.faults.file_seconds = 3, 60
    file_id = put(client, "mug.png", picture())
    client.files_completeUploadExternal(files=[{"id": file_id}])
    types = [client.files_info(file=file_id)["file"]["mimetype"] for _ in range(4)]
    assert types == ["", "", "", "image/png"]


def test_a_file_is_ready_after_some_time_unasked(client: WebClient, workspace: Workspace) -> None:
    workspace.faults.file_polls, workspace.faults.file_seconds = 99, 20.0
    file_id = put(client, "mug.png", picture())
    client.files_completeUploadExternal(files=[{"id": file_id}])
    assert error(show, client, {"id": file_id}) == "invalid_blocks"
    workspace.pass_time(20)
    assert show(client, {"id": file_id})["ok"]


def test_a_block_refuses_a_file_that_is_not_ready(client: WebClient) -> None:
    file_id = put(client, "mug.png", picture())
    client.files_completeUploadExternal(files=[{"id": file_id}])
    with pytest.raises(SlackApiError) as caught:
        show(client, {"id": file_id})
    assert caught.value.response["error"] == "invalid_blocks"
    words = caught.value.response["response_metadata"]["messages"]
    assert words == ["[ERROR] invalid slack file [json-pointer:/blocks/0/slack_file]"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
def test_blocks_show_png_jpeg_and_gif(client: WebClient, kind: str) -> None:
    file_id = ready_file(client, f"mug.{kind.lower()}", picture(kind))
    assert show(client, {"id": file_id})["ok"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mug.webp", picture("WEBP")),
        ("mug.svg", b"<svg/>"),
        ("mug.csv", b"a,b"),
        ("lie.png", picture("WEBP")),
    ],
)
def test_blocks_show_nothing_else(client: WebClient, name: str, content: bytes) -> None:
    file_id = ready_file(client, name, content)
    assert error(show, client, {"id": file_id}) == "invalid_blocks"


def test_a_block_may_name_a_file_by_its_url_but_not_by_both(client: WebClient) -> None:
    file_id = ready_file(client)
    url = client.files_info(file=file_id)["file"]["url_private"]
    assert show(client, {"url": url})["ok"]
    assert error(show, client, {"url": url, "id": file_id}) == "invalid_blocks"
    assert error(show, client, {"id": "F0NOTTHERE"}) == "invalid_blocks"


def test_a_card_shows_a_file_too(client: WebClient, ben: Person) -> None:
    file_id = ready_file(client)
    hero = {"type": "image", "slack_file": {"id": file_id}, "alt_text": "A mug"}
    carousel = {"type": "carousel", "elements": [{"type": "card", "hero_image": hero}]}
    client.chat_postMessage(channel="#campaigns", text="Gallery", blocks=[carousel])
    assert ben.file({"id": file_id}).startswith(b"\x89PNG")


def test_ten_files_are_the_most_of_one_share(client: WebClient) -> None:
    eleven = [{"id": put(client, f"{n}.txt", b"x")} for n in range(11)]
    assert error(client.files_completeUploadExternal, files=eleven) == "internal_error"
    assert client.files_completeUploadExternal(files=eleven[:10])["ok"]


def test_the_length_must_be_true(client: WebClient) -> None:
    answer = client.files_getUploadURLExternal(filename="a.txt", length=5)
    request = urllib.request.Request(answer["upload_url"], data=b"four", method="POST")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    caught.value.close()
    assert caught.value.code == 400
    assert error(client.files_completeUploadExternal, files=[{"id": answer["file_id"]}]) == "file_not_found"
    assert error(client.files_getUploadURLExternal, filename="a.txt", length=0) == "invalid_arguments"


def test_the_bytes_may_come_as_a_form(client: WebClient) -> None:
    answer = client.files_getUploadURLExternal(filename="a.txt", length=4)
    assert httpx.post(answer["upload_url"], files={"file": ("a.txt", b"four")}).status_code == 200
    assert client.files_completeUploadExternal(files=[{"id": answer["file_id"]}])["ok"]


def test_alt_txt_loses_the_share_silently(client: WebClient, workspace: Workspace, ben: Person) -> None:
    channel = workspace.add_channel("alt-bug")
    bad = put(client, "bad.png", picture(), alt_txt="A mug")
    good = put(client, "good.png", picture())
    assert client.files_completeUploadExternal(files=[{"id": bad}], channel_id=channel)["ok"]
    client.files_completeUploadExternal(files=[{"id": good}], channel_id=channel)
    ben.wait_for(lambda: ben.messages(channel))
    assert [f["name"] for m in ben.messages(channel) for f in m["files"]] == ["good.png"]
    assert error(client.files_getUploadURLExternal, filename="a", length=1, alt_txt="x" * 1001)


def test_shared_blocks_take_no_markdown(client: WebClient, workspace: Workspace, ben: Person) -> None:
    channel, files = workspace.channel_id("alerts"), [{"id": put(client, "a.txt", b"x")}]
    share = client.files_completeUploadExternal
    markdown = json.dumps([{"type": "markdown", "text": "hi"}])  # the SDK sends lists of objects as repr here
    assert error(share, files=files, channel_id=channel, blocks=markdown) == "internal_error"
    assert share(files=files, channel_id=channel, blocks=json.dumps([section("shared with a block")]))["ok"]
    ben.wait_for_message("#alerts", "shared with a block")


def test_info_tells_where_a_file_was_shared(client: WebClient, workspace: Workspace) -> None:
    channel = workspace.channel_id("general")
    file_id = put(client, "a.txt", b"x")
    client.files_completeUploadExternal(files=[{"id": file_id}], channel_id=channel)
    for _ in range(100):
        shares = client.files_info(file=file_id)["file"]["shares"]
        if shares:
            break
        time.sleep(0.01)
    assert shares["public"][channel][0]["ts"]


def test_files_are_listed_and_deleted(client: WebClient, ben: Person) -> None:
    file_id = ready_file(client, "mine.txt", b"x")
    theirs = ben.say("#general", "", files=[("theirs.txt", b"y")])["files"][0]["id"]
    listed = [file["id"] for file in client.files_list()["files"]]
    assert {file_id, theirs} <= set(listed)
    client.files_delete(file=file_id)
    assert error(client.files_info, file=file_id) == "file_not_found"
    assert error(client.files_delete, file=theirs) == "cant_delete_file"


def test_a_private_file_needs_its_token(client: WebClient, workspace: Workspace, ben: Person) -> None:
    file = ben.say("#general", "sheet", files=[("sheet.csv", b"sku\n1\n")])["files"][0]
    for url in (file["url_private"], file["url_private_download"]):
        assert get(url, workspace.bot_token).content == b"sku\n1\n"
        for wrong in ("xoxb-wrong", None):
            refused = get(url, wrong)
            assert refused.status_code == 200
            assert refused.headers["content-type"].startswith("text/html")
            assert b"sku" not in refused.content
    assert file["mimetype"] == "text/csv"


def test_downloads_need_their_scope() -> None:
    with (
        everything(scopes=["chat:write", "files:write"]) as workspace,
        Person(workspace.url, "U0BENOKAFOR") as ben,
    ):
        file = ben.say("#general", "", files=[("a.csv", b"sku")])["files"][0]
        assert b"sku" not in get(file["url_private"], workspace.bot_token).content


def test_a_file_the_bot_cannot_see_stays_hidden(client: WebClient, workspace: Workspace, ben: Person) -> None:
    channel = workspace.add_channel("humans-only", private=True, bot=False)
    file = ben.say(channel, "", files=[("secret.csv", b"sku")])["files"][0]
    assert error(client.files_info, file=file["id"]) == "file_not_found"
    assert b"sku" not in get(file["url_private"], workspace.bot_token).content


def test_pictures_have_thumbs(client: WebClient, workspace: Workspace) -> None:
    file_id = ready_file(client, "wide.png", picture(size=(800, 200)))
    file = client.files_info(file=file_id)["file"]
    assert (file["original_w"], file["original_h"]) == (800, 200)
    thumb = get(file["thumb_360"], workspace.bot_token)
    assert thumb.headers["content-type"] == "image/png"
    assert len(thumb.content) < 5_000
    assert "thumb_960" not in file


def test_the_bots_private_file_is_seen_once_it_is_shown(client: WebClient, ben: Person) -> None:
    file_id = ready_file(client)
    with pytest.raises(httpx.HTTPStatusError):
        ben.file({"id": file_id})
    show(client, {"id": file_id})
    assert ben.file({"id": file_id})


# --- large files ----------------------------------------------------------------------------------------


def test_a_large_archive_goes_to_the_disk_and_comes_back(workspace: Workspace, client: WebClient) -> None:
    block = bytes(range(256)) * 256
    content = b"PK\x03\x04" + block * 400
    assert len(content) > 6 * limits.BYTES_IN_MEMORY
    file_id = put(client, "approved.zip", content)
    room = workspace.channel_id("general")
    client.files_completeUploadExternal(files=[{"id": file_id, "title": "Approved"}], channel_id=room)
    for _ in range(20):
        info = client.files_info(file=file_id)["file"]
        if info["mimetype"] and info["shares"]:
            break
        time.sleep(0.05)
    assert (info["mimetype"], info["filetype"], info["size"]) == ("application/zip", "zip", len(content))
    assert not [name for name in info if name.startswith("thumb_")]
    assert workspace._site.state.files[file_id].content is None, "it is not held in memory"
    headers = {"Authorization": f"Bearer {workspace.bot_token}"}
    assert httpx.get(info["url_private_download"], headers=headers).content == content
    part = httpx.get(info["url_private_download"], headers=headers | {"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"PK\x03\x04")


def test_a_large_upload_cut_short_is_refused_and_can_be_sent_again(client: WebClient) -> None:
    size = limits.BYTES_IN_MEMORY + 10
    answer = client.files_getUploadURLExternal(filename="a.zip", length=size)
    for sent in (size - 1, size + 1):
        assert httpx.post(answer["upload_url"], content=b"x" * sent).status_code == 400
    assert error(client.files_completeUploadExternal, files=[{"id": answer["file_id"]}]) == "file_not_found"
    assert httpx.post(answer["upload_url"], content=b"x" * size).status_code == 200
    assert client.files_completeUploadExternal(files=[{"id": answer["file_id"]}])["ok"]


def test_nothing_stays_on_the_disk() -> None:
    with everything() as workspace:
        client = WebClient(workspace.bot_token, base_url=workspace.api_url)
        put(client, "a.zip", b"x" * (limits.BYTES_IN_MEMORY + 1))
        folder = workspace._site.folder()
        assert list(folder.iterdir())
    assert not folder.exists()
