"""The second opinion of Slack's SDK models on what the app sends."""

from slack_sdk import WebClient

from bot.workspace import opinions
from tests.workspace.slackside import Json, button, everything, modal, plain, section


def test_what_the_models_object_to_is_named_with_its_place() -> None:
    long: Json = {"type": "actions", "elements": [button(text=plain("x" * 76))]}
    (words,) = opinions.of_blocks([section("fine"), long])
    assert words.startswith("blocks/1 (actions): text attribute cannot exceed 75")
    (words,) = opinions.of_view(modal(title=plain("x" * 25)))
    assert words.startswith("view: title")


def test_blocks_the_models_do_not_know_are_left_alone() -> None:
    chart: Json = {"type": "data_visualization", "title": "Results", "chart": {}}
    assert opinions.of_blocks([chart]) == []


def test_what_was_taken_and_objected_to_is_kept() -> None:
    with everything() as workspace:
        client = WebClient(workspace.bot_token, base_url=workspace.api_url)
        client.chat_postMessage(channel="#general", text="x", blocks=[section("fine")])
        assert workspace.objections == []
        # The SDK has a limit for the subtitle of a container, and the workspace has none.
        container: Json = {"type": "container", "title": plain("x"), "subtitle": plain("y" * 151)}
        container["child_blocks"] = [section("a")]
        client.chat_postMessage(channel="#general", text="x", blocks=[container])
        (words,) = workspace.objections
        assert "subtitle" in words
