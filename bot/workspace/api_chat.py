"""chat.*"""

from typing import Any

from bot.workspace import blocks, limits, opinions, posting, shapes
from bot.workspace.site import Site
from bot.workspace.state import BOT_USER_ID, Channel, Json, Message
from bot.workspace.webapi import ApiError, Args, find_channel, find_message, method, refused


def fit_for_image(site: Site, reference: Json) -> bool:
    """True when a block may show this file now: known to the bot, processed, and a picture."""
    file = shapes.find_file(site, reference)
    if file is None or len(reference) != 1 or not site.state.bot_sees_file(file):
        return False
    return site.state.is_ready(file) and file.kind[0] in limits.IMAGE_BLOCK_TYPES


def checked_blocks(site: Site, given: Any) -> list[Json]:
    """Blocks as they will be kept; refuses those Slack would not take."""
    if given is None:
        return []
    found = blocks.findings_in_blocks(given, "message", lambda reference: fit_for_image(site, reference))
    if not found:
        found = blocks.findings_in_cards(given, site.faults.carousels)
    if found:
        raise refused("invalid_blocks", found)
    if blocks.markdown_in(given) > limits.MARKDOWN_CHARACTERS:
        raise ApiError("msg_too_long")
    if blocks.characters_in(given) > limits.MESSAGE_BLOCK_CHARACTERS:
        raise ApiError("msg_blocks_too_long")
    site.objections.extend(opinions.of_blocks(given))
    return posting.with_ids(site, given)


def _content(site: Site, args: Args) -> tuple[str, list[Json], list[Json]]:
    """Text, blocks and attachments; at least one must say something."""
    text, markdown = args.text("text"), args.text("markdown_text")
    given = args.parsed("blocks", "invalid_blocks_format")
    attachments = args.parsed("attachments") or []
    if markdown:
        if text or given:
            raise ApiError("markdown_text_conflict")
        if len(markdown) > limits.MARKDOWN_CHARACTERS:
            raise ApiError("msg_too_long")
        text = markdown
    if len(attachments) > limits.ATTACHMENTS:
        raise ApiError("too_many_attachments")
    if not text and not given and not attachments:
        raise ApiError("no_text")
    return text[: limits.TEXT_CUT], checked_blocks(site, given), attachments


def _metadata(args: Args) -> Json | None:
    given = args.parsed("metadata", "invalid_metadata_format")
    if given is None:
        return None
    if not isinstance(given, dict) or not isinstance(given.get("event_payload"), dict):
        raise ApiError("invalid_metadata_format")
    if not given.get("event_type"):
        raise ApiError("invalid_metadata_schema")
    if any(isinstance(value, dict | list) for value in given["event_payload"].values()):
        raise ApiError("invalid_metadata_schema")
    return given


def may_post(channel: Channel) -> None:
    if channel.is_archived:
        raise ApiError("is_archived")
    if BOT_USER_ID not in channel.members:
        raise ApiError("not_in_channel")


def thread_of(channel: Channel, ts: str) -> str | None:
    """The parent's ts; a reply or a stranger cannot be replied to."""
    if not ts:
        return None
    parent = find_message(channel, ts, "thread_not_found")
    if parent.is_reply:
        raise ApiError("cannot_reply_to_message")
    return ts


@method("chat.postMessage")
def post_message(site: Site, args: Args) -> Json:
    channel = find_channel(site, args)
    may_post(channel)
    text, given, attachments = _content(site, args)
    thread = thread_of(channel, args.text("thread_ts"))
    message = Message(
        channel.id,
        site.state.new_ts(),
        BOT_USER_ID,
        text,
        given,
        attachments,
        by_bot=True,
        thread_ts=thread,
        subtype="thread_broadcast" if thread and args.flag("reply_broadcast") else None,
        metadata=_metadata(args),
    )
    posting.post(site, message)
    return {
        "channel": channel.id,
        "ts": message.ts,
        "message": shapes.message_json(site, message, metadata=True),
    }


@method("chat.postEphemeral")
def post_ephemeral(site: Site, args: Args) -> Json:
    channel = find_channel(site, args)
    may_post(channel)
    user = args.need("user")
    if user not in channel.members:
        raise ApiError("user_not_in_channel")
    text, given, attachments = _content(site, args)
    thread = thread_of(channel, args.text("thread_ts"))
    message = Message(
        channel.id,
        site.state.new_ts(),
        BOT_USER_ID,
        text,
        given,
        attachments,
        by_bot=True,
        thread_ts=thread,
        ephemeral_to=user,
    )
    posting.post(site, message)
    return {"message_ts": message.ts}


@method("chat.update")
def update(site: Site, args: Args) -> Json:
    channel = find_channel(site, args)
    if channel.is_archived:
        raise ApiError("is_archived")
    message = find_message(channel, args.need("ts"))
    if not message.by_bot:
        raise ApiError("cant_update_message")
    if len(args.text("text")) > limits.UPDATE_TEXT:
        raise ApiError("msg_too_long")
    text, given, attachments = _content(site, args)
    metadata = _metadata(args)

    def change(kept: Message) -> None:
        # Given text alone replaces the blocks too: an update is of the message as a whole.
        kept.text, kept.blocks, kept.attachments = text, given, attachments
        kept.metadata = metadata if metadata is not None else kept.metadata
        kept.edited_at = site.state.new_ts()

    posting.edit(site, message, change)
    return {
        "channel": channel.id,
        "ts": message.ts,
        "text": message.text,
        "message": shapes.message_json(site, message, metadata=True),
    }


@method("chat.delete")
def delete(site: Site, args: Args) -> Json:
    channel = find_channel(site, args)
    message = find_message(channel, args.need("ts"))
    if not message.by_bot:
        raise ApiError("cant_delete_message")
    posting.remove(site, message)
    return {"channel": channel.id, "ts": message.ts}


@method("chat.getPermalink")
def permalink(site: Site, args: Args) -> Json:
    channel = find_channel(site, args)
    message = find_message(channel, args.need("message_ts"))
    link = f"{site.url}/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.is_reply:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}
