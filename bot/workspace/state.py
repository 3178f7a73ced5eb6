"""What the workspace remembers: people, conversations, messages, files and views, all in memory."""

import asyncio
import base64
import contextlib
import hashlib
import io
import random
import string
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Literal

from PIL import Image, UnidentifiedImageError

Json = dict[str, Any]
"""JSON as it goes over the wire."""

TEAM_ID = "T0LOOPBACK"
TEAM_DOMAIN = "loopback"
PARTNER_TEAM_ID = "T0PARTNER"
"""Another company's workspace, for channels shared with it."""
APP_ID = "A0IMGBATCH"
BOT_USER_ID = "U0IMGBATCH"
BOT_ID = "B0IMGBATCH"

Kind = Literal["channel", "group", "im"]

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png", "image/png"),
    (b"\xff\xd8\xff", "jpg", "image/jpeg"),
    (b"GIF8", "gif", "image/gif"),
    (b"%PDF", "pdf", "application/pdf"),
    (b"PK\x03\x04", "zip", "application/zip"),
)
_BY_EXTENSION = {
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "txt": "text/plain",
    "md": "text/markdown",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "html": "text/html",
    "svg": "image/svg+xml",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass
class User:
    """A person (or the bot): of this workspace, or of another that shares a channel with it."""

    id: str
    name: str
    real_name: str
    colour: str = "#4a6fa5"
    title: str = ""
    is_admin: bool = False
    is_guest: bool = False
    is_single_channel_guest: bool = False
    is_bot: bool = False
    tz: str = "Europe/Lisbon"
    team_id: str = TEAM_ID
    deleted: bool = False

    @property
    def is_external(self) -> bool:
        return self.team_id != TEAM_ID


@dataclass
class Group:
    """A user group: what `@brand-team` means."""

    id: str
    handle: str
    name: str
    users: list[str]
    created: int = 0
    deleted: int = 0
    """When it was switched off; 0 while it is in use."""


@dataclass
class File:
    """An uploaded file and who may see it."""

    id: str
    name: str
    user: str
    size: int
    created: int
    title: str = ""
    content: bytes | None = None
    path: Path | None = None
    """Where the content is when it is too large to hold in memory."""
    completed: bool = False
    polls_left: int = 0
    ready_at: float = 0.0
    share_fails: bool = False
    """Set by alt_txt on the upload: the share is then silently lost (python-slack-sdk#1818)."""
    channels: list[str] = field(default_factory=list)
    shares: list[tuple[str, str]] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    seen_by_bot: bool = False
    """True for the bot's own files and for those handed to it in a modal."""
    _measured: tuple[bytes | None, tuple[int, int] | None] | None = None

    @property
    def kind(self) -> tuple[str, str]:
        """The file type and MIME type, from the first bytes or else from the name."""
        head = self._head()
        for magic, filetype, mimetype in _MAGIC:
            if head.startswith(magic) and not (filetype == "zip" and self.name.endswith(".xlsx")):
                return filetype, mimetype
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return "webp", "image/webp"
        extension = PurePath(self.name).suffix.lstrip(".").lower()
        return extension or "binary", _BY_EXTENSION.get(extension, "application/octet-stream")

    def _head(self) -> bytes:
        if self.path is not None:
            with self.path.open("rb") as file:
                return file.read(16)
        return (self.content or b"")[:16]

    @property
    def has_arrived(self) -> bool:
        """True once its bytes are here."""
        return self.content is not None or self.path is not None

    def dimensions(self) -> tuple[int, int] | None:
        """Width and height in pixels when the content is a raster image."""
        if not self.kind[1].startswith("image/") or not self.has_arrived:
            return None
        if self._measured is None or self._measured[0] is not self.content:
            self._measured = self.content, self._measure()
        return self._measured[1]

    def _measure(self) -> tuple[int, int] | None:
        try:
            with Image.open(self.path or io.BytesIO(self.content or b"")) as image:
                return image.size
        except (UnidentifiedImageError, OSError):
            return None


@dataclass
class Message:
    """One message, as everyone or (when ephemeral) as one person sees it."""

    channel: str
    ts: str
    user: str
    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    by_bot: bool = False
    thread_ts: str | None = None
    subtype: str | None = None
    metadata: Json | None = None
    edited_at: str | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    ephemeral_to: str | None = None
    past_blocks: list[list[Json]] = field(default_factory=list)
    """Blocks of earlier versions: a person may still have an old button on the screen."""

    @property
    def is_reply(self) -> bool:
        return self.thread_ts is not None and self.thread_ts != self.ts


@dataclass
class Channel:
    """A channel, a private channel or a direct message with the bot."""

    id: str
    name: str
    kind: Kind
    members: list[str]
    created: int
    topic: str = ""
    is_archived: bool = False
    shared_with: list[str] = field(default_factory=list)
    """Ids of other workspaces whose people are in it (Slack Connect)."""
    messages: list[Message] = field(default_factory=list)

    def find(self, ts: str | None) -> Message | None:
        return next((message for message in reversed(self.messages) if message.ts == ts), None)

    def replies(self, ts: str) -> list[Message]:
        """Public replies under a parent, oldest first."""
        return [m for m in self.messages if m.thread_ts == ts and m.is_reply and not m.ephemeral_to]

    def partner(self) -> str:
        """The person a direct message is with."""
        return next(member for member in self.members if member != BOT_USER_ID)


@dataclass
class View:
    """A modal or a Home tab."""

    id: str
    user: str
    body: Json
    hash: str
    root_id: str
    previous_id: str | None = None
    state: Json = field(default_factory=dict)
    channel: str | None = None
    """Where the person was when it opened: the default of conversation selects."""
    errors: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> Json:
        body = self.body
        return {
            "id": self.id,
            "team_id": TEAM_ID,
            "type": body["type"],
            "blocks": body.get("blocks", []),
            "private_metadata": body.get("private_metadata", ""),
            "callback_id": body.get("callback_id", ""),
            "external_id": body.get("external_id", ""),
            "state": {"values": self.state},
            "hash": self.hash,
            "title": body.get("title"),
            "submit": body.get("submit"),
            "close": body.get("close"),
            "clear_on_close": bool(body.get("clear_on_close")),
            "notify_on_close": bool(body.get("notify_on_close")),
            "previous_view_id": self.previous_id,
            "root_view_id": self.root_id,
            "app_id": APP_ID,
            "app_installed_team_id": TEAM_ID,
            "bot_id": BOT_ID,
        }


@dataclass
class Trigger:
    """Leave to open one modal, for three seconds."""

    user: str
    channel: str | None
    expires_at: float
    used: bool = False


@dataclass
class Hook:
    """A response_url: five uses in thirty minutes."""

    user: str
    channel: str
    expires_at: float
    message_ts: str | None
    thread_ts: str | None = None
    uses_left: int = 5


def new_token() -> str:
    """A word nobody guesses: for triggers, response URLs, uploads and sockets."""
    return "".join(random.choices(string.ascii_lowercase + string.digits, k=24))


class State:
    """Everything the workspace knows. Touched only on the server's event loop."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.groups: dict[str, Group] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, File] = {}
        self.homes: dict[str, View] = {}
        self.modals: dict[str, list[View]] = {}
        """Each person's stack of open modals, the visible one last."""
        self.triggers: dict[str, Trigger] = {}
        self.hooks: dict[str, Hook] = {}
        self.seen: dict[tuple[str, str], str] = {}
        """The last message each person has seen in each conversation, on the page."""
        self.ahead = 0.0
        """Seconds this clock runs ahead of the real one."""
        self.version = 0
        self._changed = asyncio.Event()
        self._last_us = 0

    # --- time, names and change -------------------------------------------------------------------------
    def now(self) -> float:
        return time.time() + self.ahead

    def new_ts(self) -> str:
        """A message timestamp later than every one before it."""
        self._last_us = max(int(self.now() * 1_000_000), self._last_us + 1)
        return f"{self._last_us // 1_000_000}.{self._last_us % 1_000_000:06d}"

    def new_id(self, prefix: str) -> str:
        return prefix + "0" + "".join(random.choices(string.ascii_uppercase + string.digits, k=9))

    def new_hash(self) -> str:
        return f"{int(self.now())}.{new_token()[:8]}"

    def touch(self) -> None:
        """Wake everyone who waits for a change."""
        self.version += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed_since(self, version: int, timeout: float) -> int:
        """The current version, as soon as it is newer than `version` or when the time is over."""
        if self.version <= version:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), timeout)
        return self.version

    # --- finding ----------------------------------------------------------------------------------------
    def channel_named(self, given: str) -> Channel | None:
        """The channel for an id, a `#name`, or a user id (their direct message)."""
        if given in self.channels:
            return self.channels[given]
        if given in self.users:
            return self.direct(given)
        name = given.removeprefix("#")
        return next((c for c in self.channels.values() if c.kind != "im" and c.name == name), None)

    def direct(self, user: str) -> Channel:
        """The person's direct message with the bot, made when missing."""
        for channel in self.channels.values():
            if channel.kind == "im" and user in channel.members:
                return channel
        channel = Channel(self.new_id("D"), "", "im", [user, BOT_USER_ID], int(self.now()))
        self.channels[channel.id] = channel
        return channel

    def is_stranger(self, user: User) -> bool:
        """Of another workspace, and in no channel where the bot is."""
        rooms = (c for c in self.channels.values() if c.kind != "im" and BOT_USER_ID in c.members)
        return user.is_external and not any(user.id in room.members for room in rooms)

    def visible_channels(self, user: str) -> Iterator[Channel]:
        for channel in self.channels.values():
            if user in channel.members:
                yield channel

    def view(self, view_id: str) -> View | None:
        every = [view for stack in self.modals.values() for view in stack]
        return next((view for view in [*every, *self.homes.values()] if view.id == view_id), None)

    def view_by_external_id(self, external_id: str) -> View | None:
        every = [view for stack in self.modals.values() for view in stack]
        found = (
            view for view in [*every, *self.homes.values()] if view.body.get("external_id") == external_id
        )
        return next(found, None)

    def bot_sees_file(self, file: File) -> bool:
        if file.seen_by_bot:
            return True
        return any(
            BOT_USER_ID in self.channels[channel].members
            for channel in file.channels
            if channel in self.channels
        )

    def user_sees_file(self, user: str, file: File) -> bool:
        if file.user == user:
            return True
        return any(user in self.channels[c].members for c in file.channels if c in self.channels)

    def is_ready(self, file: File) -> bool:
        """True once the file was processed: its type is known and a block may show it."""
        return file.completed and (file.polls_left <= 0 or self.now() >= file.ready_at)

    def open_trigger(self, user: str, channel: str | None, seconds: float) -> str:
        kept = self.now() - 3600  # long enough to answer "expired" rather than "never heard of it"
        self.triggers = {name: t for name, t in self.triggers.items() if t.expires_at > kept}
        self.hooks = {name: h for name, h in self.hooks.items() if h.expires_at > kept}
        trigger_id = f"{self._last_us}.{TEAM_ID}.{new_token()}"
        self.triggers[trigger_id] = Trigger(user, channel, self.now() + seconds)
        return trigger_id


def signature_of(value: object) -> str:
    """A short fingerprint of what a value says, to see whether it changed."""
    digest = hashlib.sha256(repr(value).encode()).digest()
    return base64.urlsafe_b64encode(digest)[:12].decode()
