"""Masters become web files: by key, in whatever thread, process or machine sees the blobs."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from bot.imaging.pictures import NotAPicture
from bot.imaging.quality import Checks, Code, inspect
from bot.imaging.renditions import render
from bot.imaging.vector import is_vector, rasterise
from bot.policy import Policy
from bot.runtime import Context
from providers.base import Size
from storage.blobs import Blobs
from storage.records import Item

VECTOR_SIDE_PX = 2048
"""Longer side of the web file of a drawing nobody gave a size for."""

VECTOR_MOST_PX = 8192


def render_item(
    ctx: Context, item: Item, master_key: str, checks: Checks | None = None
) -> Future[dict[str, Any]]:
    """The item's web file of this master, being made by a renderer: its new values (`render_blob`)."""
    extension = {"jpeg": "jpg"}.get(ctx.policy.render.format, ctx.policy.render.format)
    key = f"{item.job_id}/web/{item.number:06d}-{item.sends}.{extension}"
    return ctx.renderers.submit(render_blob, ctx.blobs, master_key, key, item.size, ctx.policy, checks)


def render_blob(
    blobs: Blobs,
    master_key: str,
    rendition_key: str,
    size: str | None,
    policy: Policy,
    checks: Checks | None = None,
) -> dict[str, Any]:
    """Render one blob into another; the item's new values, with what the quality gate sees if it is on. Runs
    in any thread, process or machine that sees the blobs: keys travel, bytes do not. Raises NotAPicture.
    """
    wanted = Size.parse(size) if size else None
    master = blobs.read(master_key)
    seen = _seen(master, checks) if checks else {}
    if is_vector(master):
        # Twice the longer side, so that cropping to another shape still has pixels enough.
        side = 2 * max(wanted.width, wanted.height) if wanted else VECTOR_SIDE_PX
        master = rasterise(master, min(side, VECTOR_MOST_PX))
    made = render(master, wanted, policy.render)
    blobs.put(rendition_key, made.content)
    return {
        "master_key": master_key,
        "rendition_key": rendition_key,
        "width": made.width,
        "height": made.height,
        "byte_size": len(made.content),
        **seen,
    }


def _seen(master: bytes, checks: Checks) -> dict[str, Any]:
    verdict = inspect(master, checks)
    for flag in verdict.flags:
        if flag.code is Code.UNDECODABLE:
            raise NotAPicture(flag.words)
    return {"phash": verdict.phash, "flags": [str(flag) for flag in verdict.flags]}
