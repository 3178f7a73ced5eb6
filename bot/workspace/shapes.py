"""How messages, files and conversations look when the app gets them."""

from pathlib import PurePath

from bot.workspace.site import Site
from bot.workspace.state import (
    APP_ID,
    BOT_ID,
    BOT_USER_ID,
    TEAM_ID,
    Channel,
    File,
    Group,
    Json,
    Message,
    User,
    View,
)

THUMBS = (64, 80, 160, 360, 480, 720, 800, 960, 1024)


def file_json(site: Site, file: File) -> Json:
    """A file object; its type is empty while Slack is still processing it."""
    ready = site.state.is_ready(file)
    filetype, mimetype = file.kind if ready else ("", "")
    private = f"{site.url}/files-pri/{TEAM_ID}-{file.id}"
    name = PurePath(file.name).name
    done: Json = {
        "id": file.id,
        "created": file.created,
        "timestamp": file.created,
        "name": file.name,
        "title": file.title or file.name,
        "mimetype": mimetype,
        "filetype": filetype,
        "pretty_type": filetype.upper(),
        "user": file.user,
        "user_team": team_of(site, file.user),
        "editable": False,
        "size": file.size,
        "mode": "hosted",
        "is_external": False,
        "external_type": "",
        "is_public": bool(file.channels),
        "public_url_shared": False,
        "display_as_bot": False,
        "username": "",
        "url_private": f"{private}/{name}",
        "url_private_download": f"{private}/download/{name}",
        "media_display_type": "unknown",
        "permalink": f"{site.url}/files/{file.user}/{file.id}/{name}",
        "file_access": "visible",
        "channels": [c for c in file.channels if c.startswith("C")],
        "groups": [c for c in file.channels if c.startswith("G")],
        "ims": [c for c in file.channels if c.startswith("D")],
        "has_rich_preview": False,
        "ai_generated": False,
    }
    if file.reactions:
        done["reactions"] = reactions_json(file)
    size = file.dimensions() if ready else None
    if size is not None:
        done |= {"original_w": size[0], "original_h": size[1]}
        done |= {f"thumb_{side}": f"{private}/thumb_{side}/{name}" for side in THUMBS if side <= max(size)}
    return done


def shares_json(site: Site, file: File) -> Json:
    """Where a file was shared: known only to files.info, and only once it happened."""
    shares: Json = {}
    for channel_id, ts in file.shares:
        channel = site.state.channels[channel_id]
        side = "public" if channel.kind == "channel" else "private"
        entry = {"ts": ts, "channel_name": channel.name, "team_id": TEAM_ID}
        message = channel.find(ts)
        if message is not None and message.thread_ts:
            entry["thread_ts"] = message.thread_ts
        shares.setdefault(side, {}).setdefault(channel_id, []).append(entry)
    return shares


def blocks_json(site: Site, blocks: list[Json]) -> list[Json]:
    """Blocks as Slack returns them: image blocks carry fields that may not be sent back."""
    done = []
    for block in blocks:
        reference = block.get("slack_file")
        if block.get("type") == "image" and isinstance(reference, dict):
            file = find_file(site, reference)
            size = (file.dimensions() if file else None) or (0, 0)
            extra = {"image_width": size[0], "image_height": size[1], "image_bytes": file.size if file else 0}
            done.append(block | extra | {"fallback": block.get("alt_text", "")})
        else:
            done.append(block)
    return done


def find_file(site: Site, reference: Json) -> File | None:
    """The file a slack_file object names, by id or by its URL."""
    if "id" in reference:
        return site.state.files.get(str(reference["id"]))
    url = str(reference.get("url", ""))
    return next((f for f in site.state.files.values() if url and f"/{TEAM_ID}-{f.id}/" in url), None)


def message_json(site: Site, message: Message, *, metadata: bool = False) -> Json:
    """A message as conversations.history, events and payloads show it."""
    done: Json = {"type": "message", "user": message.user, "ts": message.ts, "text": message.text}
    done["team"] = team_of(site, message.user)
    if message.subtype:
        done["subtype"] = message.subtype
    if message.by_bot:
        done |= {"bot_id": BOT_ID, "app_id": APP_ID, "bot_profile": bot_profile()}
    if message.blocks:
        done["blocks"] = blocks_json(site, message.blocks)
    if message.attachments:
        done["attachments"] = message.attachments
    if message.files:
        done["files"] = files_json(site, message)
        done["upload"] = True
    if message.edited_at:
        done["edited"] = {"user": message.user, "ts": message.edited_at}
    if message.reactions:
        done["reactions"] = reactions_json(message)
    if metadata and message.metadata:
        done["metadata"] = message.metadata
    channel = site.state.channels[message.channel]
    if message.is_reply:
        parent = channel.find(message.thread_ts)
        done |= {"thread_ts": message.thread_ts, "parent_user_id": parent.user if parent else None}
    else:
        done |= thread_json(channel, message)
    return done


def files_json(site: Site, message: Message, *, stubs: bool = True) -> list[Json]:
    """A message's files. In a channel shared with another workspace Slack gives stubs: ask files.info."""
    files = [site.state.files[file_id] for file_id in message.files if file_id in site.state.files]
    if not stubs or not site.state.channels[message.channel].shared_with:
        return [file_json(site, file) for file in files]
    stub: Json = {"mode": "file_access", "file_access": "check_file_info"}
    return [stub | {"id": f.id, "created": f.created, "timestamp": f.created, "user": f.user} for f in files]


def team_of(site: Site, user_id: str) -> str:
    """The workspace a person belongs to."""
    user = site.state.users.get(user_id)
    return user.team_id if user else TEAM_ID


def user_json(site: Site, user: User) -> Json:
    """A user object. Deactivated people and those of other workspaces have fewer fields, as in Slack.

    `is_stranger` is only true of somebody in no channel with the bot; who belongs to another workspace and
    shares a channel is told by `team_id` alone (docs.slack.dev, the user object).
    """
    profile: Json = {
        "real_name": user.real_name,
        "display_name": user.name,
        "real_name_normalized": user.real_name,
        "display_name_normalized": user.name,
        "title": user.title,
        "team": user.team_id,
    }
    if user.is_bot:
        profile |= {"bot_id": BOT_ID, "api_app_id": APP_ID}
    done: Json = {
        "id": user.id,
        "team_id": user.team_id,
        "name": user.name,
        "deleted": user.deleted,
        "profile": profile,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "updated": 0,
    }
    if user.deleted:
        return done
    done |= {
        "real_name": user.real_name,
        "color": user.colour.lstrip("#"),
        "tz": user.tz,
        "tz_label": "Western European Time",
        "tz_offset": 0,
        "is_restricted": user.is_guest or user.is_single_channel_guest,
        "is_ultra_restricted": user.is_single_channel_guest,
    }
    if user.is_external:
        return done | {"is_stranger": site.state.is_stranger(user)}
    return done | dict.fromkeys(("is_admin", "is_owner", "is_primary_owner"), user.is_admin)


def group_json(group: Group, *, users: bool = False, count: bool = False) -> Json:
    """A user group object; its people and their number when asked for."""
    done: Json = {
        "id": group.id,
        "team_id": TEAM_ID,
        "is_usergroup": True,
        "is_subteam": True,
        "name": group.name,
        "description": "",
        "handle": group.handle,
        "is_external": False,
        "date_create": group.created,
        "date_update": group.created,
        "date_delete": group.deleted,
        "auto_type": None,
        "prefs": {"channels": [], "groups": []},
    }
    if users:
        done["users"] = list(group.users)
    if count:
        done["user_count"] = len(group.users)
    return done


def thread_json(channel: Channel, parent: Message) -> Json:
    replies = channel.replies(parent.ts)
    if not replies:
        return {}
    people = list(dict.fromkeys(reply.user for reply in replies))
    return {
        "thread_ts": parent.ts,
        "reply_count": len(replies),
        "reply_users_count": len(people),
        "reply_users": people,
        "latest_reply": replies[-1].ts,
        "is_locked": False,
        "subscribed": False,
    }


def reactions_json(item: Message | File) -> list[Json]:
    return [{"name": n, "users": list(users), "count": len(users)} for n, users in item.reactions.items()]


def bot_profile() -> Json:
    return {"id": BOT_ID, "app_id": APP_ID, "name": "imgbatch", "deleted": False, "team_id": TEAM_ID}


def channel_json(channel: Channel) -> Json:
    """A conversation object."""
    done: Json = {
        "id": channel.id,
        "created": channel.created,
        "is_channel": channel.kind == "channel",
        "is_group": channel.kind == "group",
        "is_im": channel.kind == "im",
        "is_mpim": False,
        "is_private": channel.kind != "channel",
        "is_archived": channel.is_archived,
        "is_org_shared": False,
        "context_team_id": TEAM_ID,
        "updated": channel.created * 1000,
    }
    if channel.kind == "im":
        return done | {"user": channel.partner(), "is_user_deleted": False}
    return done | {
        "name": channel.name,
        "name_normalized": channel.name,
        "is_general": channel.name == "general",
        "is_member": BOT_USER_ID in channel.members,
        "is_shared": bool(channel.shared_with),
        "is_ext_shared": bool(channel.shared_with),
        "shared_team_ids": [TEAM_ID, *channel.shared_with],
        "connected_team_ids": list(channel.shared_with),
        "creator": channel.members[0] if channel.members else "",
        "topic": {"value": channel.topic, "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "num_members": len(channel.members),
    }


def view_json(site: Site, view: View) -> Json:
    """A view as the app gets it."""
    done = view.to_json()
    return done | {"blocks": blocks_json(site, done["blocks"])}


def user_in_payload(site: Site, user_id: str) -> Json:
    user = site.state.users[user_id]
    return {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id}
