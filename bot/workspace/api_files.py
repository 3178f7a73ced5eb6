"""files.*, the upload URL, and private downloads."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

from PIL import Image
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response

from bot.workspace import limits, posting, shapes
from bot.workspace.api_chat import checked_blocks, may_post, thread_of
from bot.workspace.site import Site
from bot.workspace.state import BOT_USER_ID, Channel, File, Json, Message, new_token
from bot.workspace.webapi import ApiError, Args, method, refused

LOGIN_PAGE = (
    "<!DOCTYPE html><html><head><title>Sign in | Loopback</title></head>"
    "<body><h1>Sign in to Loopback</h1><form action='/signin'></form></body></html>"
)


@method("files.getUploadURLExternal")
def upload_url(site: Site, args: Args) -> Json:
    name, length = args.need("filename"), args.number("length", 0)
    if not 0 < length <= limits.FILE_BYTES:
        raise refused("invalid_arguments", ["length must be more than 0 [json-pointer:/length]"])
    if len(args.text("alt_txt")) > limits.ALT_TXT:
        raise ApiError("alt_txt_too_large")
    file = File(site.state.new_id("F"), name, BOT_USER_ID, length, int(site.state.now()), seen_by_bot=True)
    file.share_fails = bool(args.text("alt_txt")) and site.faults.alt_txt_loses_share
    site.state.files[file.id] = file
    return {"upload_url": f"{site.url}/upload/v1/{file.id}-{new_token()}", "file_id": file.id}


async def receive_upload(site: Site, request: Request) -> Response:
    """The bytes of a file, raw or as a form; large ones go to the disk as they come."""
    file = site.state.files.get(request.path_params["ticket"].split("-")[0])
    if file is None or file.completed:
        return PlainTextResponse("not found", status_code=404)
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form(max_part_size=limits.FILE_BYTES) as form:
            parts = [part for part in form.values() if isinstance(part, UploadFile)]
            got = await _keep(site, file, _chunks(parts[0])) if parts else 0
    else:
        got = await _keep(site, file, request.stream())
    if got != file.size:
        file.content = file.path = None
        return PlainTextResponse(f"expected {file.size} bytes, got {got}", status_code=400)
    return PlainTextResponse(f"OK - {file.size}")


async def _chunks(part: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await part.read(limits.UPLOAD_CHUNK):
        yield chunk


async def _keep(site: Site, file: File, chunks: AsyncIterator[bytes]) -> int:
    """Keep what comes, in memory or (a large file) on the disk; gives how much that was."""
    total = 0
    if file.size <= limits.BYTES_IN_MEMORY:
        kept = bytearray()
        async for chunk in chunks:
            kept += chunk
            if len(kept) > file.size:
                return len(kept)
        file.content = bytes(kept)
        return len(kept)
    file.path = site.folder() / file.id
    with file.path.open("wb") as out:
        async for chunk in chunks:
            total += out.write(chunk)
            if total > file.size:
                break
    return total


@method("files.completeUploadExternal")
def complete_upload(site: Site, args: Args) -> Json:
    given = args.parsed("files")
    if not isinstance(given, list) or not given:
        raise refused("invalid_arguments", ["missing required field: files"])
    if len(given) > limits.FILES_PER_SHARE:
        raise ApiError("internal_error")
    files = [_uploaded(site, item) for item in given]
    channels = _targets(site, args)
    raw_blocks = args.parsed("blocks")
    if isinstance(raw_blocks, list) and any(block.get("type") == "markdown" for block in raw_blocks):
        raise ApiError("internal_error")
    comment = args.text("initial_comment")
    message_blocks = [] if comment else checked_blocks(site, raw_blocks)
    if args.text("thread_ts") and len(channels) > 1:
        raise ApiError("invalid_arguments")
    thread = thread_of(channels[0], args.text("thread_ts")) if channels else None
    for item, file in zip(given, files, strict=True):
        file.title = str(item.get("title") or file.name)
        file.completed = True
        file.polls_left = site.faults.file_polls
        file.ready_at = site.state.now() + site.faults.file_seconds
    sharing = [file for file in files if not file.share_fails]
    if channels and sharing:
        site.background(_share(site, sharing, channels, comment, message_blocks, thread))
    return {"files": [shapes.file_json(site, file) | {"shares": {}} for file in files]}


def _uploaded(site: Site, item: Any) -> File:
    file = site.state.files.get(str(item.get("id"))) if isinstance(item, dict) else None
    if file is None or not file.has_arrived or file.user != BOT_USER_ID or file.completed:
        raise ApiError("file_not_found")
    return file


def _targets(site: Site, args: Args) -> list[Channel]:
    names = [name for name in (args.text("channel_id") or args.text("channels")).split(",") if name]
    channels = []
    for name in names:
        channel = site.state.channels.get(name)
        if channel is None or (channel.kind == "group" and BOT_USER_ID not in channel.members):
            raise ApiError("channel_not_found")
        may_post(channel)
        channels.append(channel)
    return channels


async def _share(
    site: Site,
    files: list[File],
    channels: list[Channel],
    comment: str,
    given: list[Json],
    thread: str | None,
) -> None:
    """Post the files a moment later: other messages may come first, as they do in Slack."""
    await asyncio.sleep(site.faults.share_seconds)
    for channel in channels:
        message = Message(
            channel.id,
            site.state.new_ts(),
            BOT_USER_ID,
            comment,
            given,
            files=[file.id for file in files],
            by_bot=True,
            thread_ts=thread,
            subtype="file_share",
        )
        posting.post(site, message)


def _known(site: Site, args: Args) -> File:
    file = site.state.files.get(args.need("file"))
    if file is None or not file.completed or not site.state.bot_sees_file(file):
        raise ApiError("file_not_found")
    return file


@method("files.info")
def file_info(site: Site, args: Args) -> Json:
    file = _known(site, args)
    answer = shapes.file_json(site, file) | {"shares": shapes.shares_json(site, file)}
    file.polls_left -= 1
    return {"file": answer, "comments": [], "response_metadata": {"next_cursor": ""}}


@method("files.list")
def list_files(site: Site, args: Args) -> Json:
    channel, user = args.text("channel"), args.text("user")
    found = [
        shapes.file_json(site, file)
        for file in reversed(site.state.files.values())
        if file.completed
        and site.state.bot_sees_file(file)
        and (not channel or channel in file.channels)
        and (not user or user == file.user)
    ]
    count, page = args.number("count", 100) or 100, args.number("page", 1) or 1
    paging = {"count": count, "total": len(found), "page": page, "pages": -(-len(found) // count)}
    return {"files": found[(page - 1) * count : page * count], "paging": paging}


@method("files.delete")
def delete_file(site: Site, args: Args) -> Json:
    file = _known(site, args)
    if file.user != BOT_USER_ID:
        raise ApiError("cant_delete_file")
    del site.state.files[file.id]
    site.state.touch()
    return {}


async def download(site: Site, request: Request) -> Response:
    """A private file for its bearer; anyone else gets the sign-in page, with status 200."""
    file = site.state.files.get(request.path_params["file"].split("-")[-1])
    allowed = (
        request.headers.get("authorization") == f"Bearer {site.bot_token}" and "files:read" in site.scopes
    )
    if not allowed or file is None or not site.state.bot_sees_file(file):
        return HTMLResponse(LOGIN_PAGE)
    return content_response(file, request.path_params["rest"].split("/")[0])


def content_response(file: File, variant: str) -> Response:
    """The file's bytes, or a smaller picture for a variant such as thumb_360."""
    disposition = f'attachment; filename="{file.id}"' if variant == "download" else "inline"
    headers = {"Content-Disposition": disposition, "X-Content-Type-Options": "nosniff"}
    # An uploaded page or drawing must not run scripts in the workspace's origin.
    headers["Content-Security-Policy"] = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
    side = variant.removeprefix("thumb_")
    if side != variant and side.isdigit() and file.dimensions() is not None:
        return Response(_smaller(file, int(side)), media_type="image/png", headers=headers)
    if file.path is not None:
        return FileResponse(file.path, media_type=file.kind[1], headers=headers)
    return Response(file.content or b"", media_type=file.kind[1], headers=headers)


def _smaller(file: File, side: int) -> bytes:
    """The picture within a square of this many pixels."""
    with Image.open(file.path or io.BytesIO(file.content or b"")) as image:
        image.thumbnail((side, side))
        made = io.BytesIO()
        image.convert("RGBA").save(made, "PNG")
    return made.getvalue()
