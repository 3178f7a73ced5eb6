"""What a person does in the fields of a modal, the Home tab or a message before anything is submitted."""

from typing import Any

from bot.workspace import blocks, forms, interactions, limits, shapes
from bot.workspace.elements import Elements
from bot.workspace.interactions import PersonError
from bot.workspace.site import Site
from bot.workspace.state import Json, Message, View


async def enter(site: Site, view: View, values: forms.Values, *, by_enter: bool = False) -> None:
    """Fill in fields without submitting; those that dispatch tell the app, as Slack's client does.

    A text tells at each character or when Enter is pressed (`by_enter`), as its dispatch_action_config says;
    everything else when it is chosen.
    """
    given = view.body.get("blocks", [])
    view.state = forms.state_values(site, given, values, view.state, view.channel)
    for block_id, element in blocks.elements_of(given):
        entered = values.get(block_id, {})
        if element.get("action_id") in entered and dispatches(given, block_id, element, by_enter=by_enter):
            value = entered[element["action_id"]]
            await interactions.press_in_view(site, view, element["action_id"], block_id, value, {})


def dispatches(given: list[Json], block_id: str, element: Json, *, by_enter: bool = False) -> bool:
    """Whether the client sends block_actions for a change of this element."""
    block = next((b for b in given if b.get("block_id") == block_id), {})
    if block.get("type") == "input" and not block.get("dispatch_action"):
        return False
    if element["type"] not in forms.WRITTEN:
        return not by_enter
    wanted = "on_enter_pressed" if by_enter else "on_character_entered"
    return wanted in forms.triggers_of(element)


async def suggestions(
    site: Site, user: str, place: View | Message, action_id: str, block_id: str | None, query: str
) -> Json:
    """What an external select offers for what was typed: the app's options or option_groups.

    Nothing is asked before min_query_length characters. Raises PersonError when the app does not answer in
    time or answers what Slack would not show.
    """
    given = place.body.get("blocks", []) if isinstance(place, View) else place.blocks
    found = interactions.find_element(given, action_id, block_id, None)
    if found is None or found[1]["type"] not in forms.EXTERNAL:
        raise PersonError("no_such_action", f"There is no external select with action_id {action_id}.")
    if len(query) < found[1].get("min_query_length", limits.QUERY_LENGTH):
        return {"options": []}
    payload = interactions.payload_of(site, "block_suggestion", user)
    del payload["action_ts"]
    payload |= {"action_id": action_id, "block_id": found[0], "value": query}
    if isinstance(place, View):
        payload |= {"container": {"type": "view", "view_id": place.id}, "view": shapes.view_json(site, place)}
    else:
        where = {"type": "message", "message_ts": place.ts, "channel_id": place.channel}
        payload |= {"container": where | {"is_ephemeral": place.ephemeral_to is not None}}
        payload |= {"channel": {"id": place.channel}, "message": shapes.message_json(site, place)}
    return _checked(await interactions.ask(site, "interactive", payload, "This menu"))


def _checked(answer: Json) -> Json:
    """The app's options, if Slack would show them: at most a hundred, each as an option must be."""
    check = Elements("modal", lambda _: False)
    groups = answer.get("option_groups")
    if not isinstance(answer.get("options"), list) and not isinstance(groups, list):
        raise PersonError("invalid_options", "The app gave no options.")
    given: dict[str, Any] = {k: answer[k] for k in ("options", "option_groups") if k in answer}
    # An empty list is a fair answer ("nothing found"); else the rules of a static select hold.
    if given.get("options") != []:
        check.element({"type": "static_select"} | given, "", "actions", set())
    if check.found:
        raise PersonError("invalid_options", f"The app's options are not right: {'; '.join(check.found)}")
    return given
