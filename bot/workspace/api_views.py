"""views.*: modals and the Home tab."""

from bot.workspace import blocks, forms, limits, opinions, posting
from bot.workspace.api_chat import fit_for_image
from bot.workspace.shapes import view_json
from bot.workspace.site import Site
from bot.workspace.state import Json, Trigger, View
from bot.workspace.webapi import ApiError, Args, method, refused


def checked_view(site: Site, given: object, but: View | None = None) -> Json:
    """A view as it will be kept; refuses what Slack would not take."""
    if not isinstance(given, dict):
        raise ApiError("invalid_arguments")
    if blocks.view_is_too_large(given):
        raise ApiError("view_too_large")
    found = blocks.findings_in_view(given, lambda reference: fit_for_image(site, reference))
    if not found:
        found = blocks.findings_in_cards(given["blocks"], site.faults.carousels, "/view/blocks")
    if found:
        raise refused("invalid_arguments", found)
    external_id = str(given.get("external_id") or "")
    holder = site.state.view_by_external_id(external_id) if external_id else None
    if holder is not None and holder is not but:
        raise ApiError("duplicate_external_id")
    site.objections.extend(opinions.of_view(given))
    return given | {"blocks": posting.with_ids(site, given["blocks"])}


def _use_trigger(site: Site, args: Args) -> Trigger:
    given = args.text("trigger_id")
    if not given:
        raise refused("invalid_arguments", ["missing required field: trigger_id"])
    trigger = site.state.triggers.get(given)
    if trigger is None:
        raise ApiError("invalid_trigger_id")
    if trigger.used:
        raise ApiError("exchanged_trigger_id")
    if site.state.now() > trigger.expires_at:
        raise ApiError("expired_trigger_id")
    return trigger


def stack_view(site: Site, body: Json, user: str, channel: str | None) -> View:
    """Put a modal on top of what the person has open."""
    stack = site.state.modals.setdefault(user, [])
    if len(stack) > limits.PUSHED_VIEWS:
        raise ApiError("push_limit_reached")
    view_id = site.state.new_id("V")
    root, previous = (stack[0].id, stack[-1].id) if stack else (view_id, None)
    view = View(view_id, user, body, site.state.new_hash(), root, previous, channel=channel)
    stack.append(view)
    site.state.touch()
    return view


def replace_view(site: Site, view: View, body: Json) -> None:
    view.body, view.hash, view.errors = body, site.state.new_hash(), {}
    view.state = forms.kept_values(body["blocks"], view.state)
    site.state.touch()


@method("views.open")
def open_view(site: Site, args: Args) -> Json:
    trigger = _use_trigger(site, args)
    body = checked_view(site, args.parsed("view"))
    if body["type"] != "modal":
        raise refused("invalid_arguments", ["unsupported type [json-pointer:/view/type]"])
    trigger.used = True
    site.state.modals[trigger.user] = []
    view = stack_view(site, body, trigger.user, trigger.channel)
    return {"view": view_json(site, view)}


@method("views.push")
def push_view(site: Site, args: Args) -> Json:
    trigger = _use_trigger(site, args)
    body = checked_view(site, args.parsed("view"))
    if body["type"] != "modal":
        raise refused("invalid_arguments", ["unsupported type [json-pointer:/view/type]"])
    view = stack_view(site, body, trigger.user, trigger.channel)
    trigger.used = True
    return {"view": view_json(site, view)}


@method("views.update")
def update_view(site: Site, args: Args) -> Json:
    external_id = args.text("external_id")
    view = (
        site.state.view_by_external_id(external_id) if external_id else site.state.view(args.need("view_id"))
    )
    if view is None:
        raise ApiError("not_found")
    body = checked_view(site, args.parsed("view"), but=view)
    if body["type"] != view.body["type"]:
        raise refused("invalid_arguments", ["unsupported type [json-pointer:/view/type]"])
    if args.text("hash") and args.text("hash") != view.hash:
        raise ApiError("hash_conflict")
    replace_view(site, view, body)
    return {"view": view_json(site, view)}


@method("views.publish")
def publish_view(site: Site, args: Args) -> Json:
    user = args.need("user_id")
    if user not in site.state.users:
        raise ApiError("user_not_found")
    current = site.state.homes.get(user)
    body = checked_view(site, args.parsed("view"), but=current)
    if body["type"] != "home":
        raise refused("invalid_arguments", ["unsupported type [json-pointer:/view/type]"])
    if current is None:
        view_id = site.state.new_id("V")
        current = View(view_id, user, body, site.state.new_hash(), view_id)
        site.state.homes[user] = current
        site.state.touch()
    else:
        if args.text("hash") and args.text("hash") != current.hash:
            raise ApiError("hash_conflict")
        replace_view(site, current, body)
    return {"view": view_json(site, current)}
