"""Files to and from Slack: sheets down, pictures up.

Up: `getUploadURLExternal` -> bytes -> `completeUploadExternal` (ten at once, no channel, no alt text: both
make shares fail silently) -> `files.info` until Slack has processed it. The file id is remembered by blob
key before it is needed, so that nothing is uploaded twice.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

import httpx

from bot.intake.records import MAX_BYTES
from bot.runtime import Context
from bot.slack import limits
from bot.slack.wire import InDoubt, Later, Unfit, Wire

log = logging.getLogger(__name__)

TIMEOUT = httpx.Timeout(30, connect=10)
HOPS = 3
"""Redirects followed, each to Slack's own hosts only."""

SLACK_HOSTS = ("slack.com", "slack-files.com", "slack-edge.com")
"""Where files may come from and go to; the bearer token goes nowhere else (docs, working with files)."""

SHEETS = ("csv", "tsv", "txt", "xlsx")
"""Endings taken as a sheet. The content decides in the end."""

PICTURES = ("png", "jpg", "jpeg", "webp", "gif")


NO_FILE = frozenset({"file_not_found", "file_deleted"})
"""Answers of `files.info` and `files.delete` (docs) when there is no such file, or not any more."""


class FileTrouble(ValueError):
    """The file cannot be used; one sentence for the person."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file in Slack, as much of it as is written down."""

    id: str
    name: str
    size: int
    url: str

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "size": self.size, "url": self.url}


def sheet_of(given: Mapping[str, Any]) -> Sheet:
    """From Slack's file object, or from what was written down. A Slack Connect stub has no name yet."""
    url = given.get("url_private_download") or given.get("url_private") or given.get("url") or ""
    if given.get("mode") == "file_access" or given.get("file_access") == "check_file_info":
        url = ""
    return Sheet(
        str(given.get("id", "")), str(given.get("name") or ""), int(given.get("size") or 0), str(url)
    )


def ending(name: str) -> str:
    """`csv` of `Products.CSV`."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def safe_name(name: str) -> str:
    """The name without anything that means a place, in at most 80 characters."""
    flat = re.sub(r"[^\w. ()+-]+", "-", name.replace("\\", "/").rpartition("/")[2]).strip(" .-")
    return flat[-80:].lstrip(" .-") or "sheet.csv"


# --- down ----------------------------------------------------------------------------------------------


def known(wire: Wire, sheet: Sheet, now: datetime) -> Sheet:
    """The file with its name and address; asks Slack for what a shared channel's stub leaves out."""
    if sheet.url and sheet.name:
        return sheet
    try:
        return sheet_of(wire.call("files.info", now, file=sheet.id)["file"])
    except Unfit as problem:
        raise FileTrouble(f"I cannot open that file ({problem.code}); drop it here again.") from problem


def download(wire: Wire, sheet: Sheet, target: Path) -> None:
    """The file's bytes into `target`. Raises FileTrouble, or Later when the network is the trouble."""
    if sheet.size > MAX_BYTES:
        raise FileTrouble(
            f"{sheet.name} has {sheet.size / 1e6:,.0f} MB, the limit is {MAX_BYTES / 1e6:,.0f} MB; split it."
        )
    url, base = sheet.url, wire.client.base_url
    headers = {"Authorization": f"Bearer {wire.client.token}"}
    try:
        with httpx.Client(timeout=TIMEOUT, follow_redirects=False) as http:
            for _ in range(HOPS + 1):
                if not at_slack(url, base):
                    raise FileTrouble(f"{sheet.name} is not kept by Slack; drop the file itself here.")
                with http.stream("GET", url, headers=headers) as response:
                    if response.is_redirect:
                        url = urljoin(url, response.headers.get("location", ""))
                        continue
                    _keep(response, sheet, target)
                    return
    except httpx.HTTPError as problem:
        raise Later(f"download: {type(problem).__name__}", timedelta(seconds=5)) from problem
    raise FileTrouble(f"Slack sent me in circles for {sheet.name}; drop it here again.")


def at_slack(url: str, base_url: str) -> bool:
    """Whether the token may go to this address: Slack's own hosts, or the host of the API itself."""
    there, base = urlsplit(url), urlsplit(base_url)
    if (there.scheme, there.netloc) == (base.scheme, base.netloc):
        return True
    host = there.hostname or ""
    return there.scheme == "https" and any(host == h or host.endswith(f".{h}") for h in SLACK_HOSTS)


def _keep(response: httpx.Response, sheet: Sheet, target: Path) -> None:
    if response.status_code == 429 or response.status_code >= 500:
        raise Later(f"download answered {response.status_code}", timedelta(seconds=10))
    if response.status_code != 200:
        raise FileTrouble(
            f"Slack does not give me {sheet.name} ({response.status_code}); drop it here again."
        )
    kept = 0
    with target.open("wb") as file:
        for block in response.iter_bytes(1 << 20):
            if kept == 0 and _is_login_page(response, block):
                log.error("Slack sent its sign-in page in place of a file: is the scope files:read granted?")
                raise FileTrouble(
                    f"Slack does not let me read {sheet.name}. The app needs the scope files:read; "
                    "please tell whoever set imgbatch up."
                )
            kept += len(block)
            if kept > MAX_BYTES:
                raise FileTrouble(f"{sheet.name} is larger than {MAX_BYTES / 1e6:,.0f} MB; split it.")
            file.write(block)


def _is_login_page(response: httpx.Response, head: bytes) -> bool:
    """A wrong or missing token is answered with status 200 and a web page."""
    looks = head[:200].lstrip().lower().startswith((b"<!doctype html", b"<html"))
    return looks or response.headers.get("content-type", "").startswith("text/html")


# --- up ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Upload:
    """A blob that Slack is to have."""

    key: str
    filename: str
    title: str


def upload(ctx: Context, wire: Wire, job_id: str, wanted: Sequence[Upload], now: datetime) -> int:
    """Send the first few of these that Slack does not have; how many. Raises SlackTrouble."""
    have = ctx.mail.uploads(job_id)
    missing = [item for item in wanted if item.key not in have][: limits.FILES_PER_SHARE]
    sent: list[tuple[Upload, str]] = []
    held: Later | None = None
    for item in missing:
        try:
            sent.append((item, send_bytes(ctx, wire, item, now)))
        except Later as problem:
            held = problem
            break
    if sent:
        for item, file_id in sent:  # first: a file at Slack that nobody knows of would never be deleted
            ctx.mail.uploaded(job_id, item.key, file_id, now)
        files = [{"id": file_id, "title": item.title} for item, file_id in sent]
        wire.call("files.completeUploadExternal", now, files=files)
        wire.completed.update(file_id for _, file_id in sent)
    elif held:
        raise held
    return len(sent)


def send_bytes(ctx: Context, wire: Wire, item: Upload, now: datetime) -> str:
    """The file id of the bytes at Slack, not completed yet."""
    size = ctx.blobs.size(item.key)
    ticket = wire.call("files.getUploadURLExternal", now, filename=item.filename, length=size)
    url, file_id = str(ticket["upload_url"]), str(ticket["file_id"])
    if not at_slack(url, wire.client.base_url):
        raise Unfit("upload_url_elsewhere")
    with ctx.blobs.open(item.key) as content:
        _post(url, content, size)
    return file_id


def _post(url: str, content: BinaryIO, size: int) -> None:
    try:
        with httpx.Client(timeout=TIMEOUT, follow_redirects=False) as http:
            # With its length, since file stores take no chunked bodies; an archive is never held whole.
            headers = {"Content-Length": str(size)}
            status = http.post(url, content=_blocks(content), headers=headers).status_code
    except httpx.HTTPError as problem:
        # The address is as good as a password: only the kind of error is told. Sending again is harmless.
        raise Later(f"upload: {type(problem).__name__}", timedelta(seconds=5)) from None
    if status != 200:
        raise Later(f"upload answered {status}", timedelta(seconds=5))


def _blocks(content: BinaryIO) -> Iterator[bytes]:
    while block := content.read(1 << 20):
        yield block


def ready(ctx: Context, wire: Wire, job_id: str, keys: Sequence[str], now: datetime) -> dict[str, str] | None:
    """File ids by key once Slack has processed every one of them; None until then. Never waits.

    One that Slack does not know is forgotten, to be uploaded again: this process did not complete it, so that
    it was never completed, or somebody has deleted it.
    """
    have = ctx.mail.uploads(job_id)
    if any(key not in have for key in keys):
        return None
    found = {key: have[key] for key in keys}
    for key, file_id in found.items():
        if file_id in wire.ready:
            continue
        try:
            info = wire.call("files.info", now, file=file_id)
        except InDoubt:
            return None
        except Unfit as problem:
            if problem.code not in NO_FILE or file_id in wire.completed:
                raise
            ctx.mail.drop_upload(key)
            return None
        if not info["file"].get("mimetype"):
            return None
        wire.ready.add(file_id)
    return found
