"""Single pictures for Slack: JPEGs of the web files, and two versions side by side. Made on a renderer, kept
as blobs, uploaded once.
"""

from __future__ import annotations

from functools import partial

from bot.imaging.before_after import Side, before_after
from bot.imaging.contact_sheet import Cell, contact_sheet
from bot.imaging.pictures import NotAPicture
from bot.imaging.preview import preview
from bot.slack import blocks as b
from bot.slack import files
from bot.slack.files import Upload
from bot.slack.gallery import Shot, caption, mark_of, models_of, read_blob
from providers.base import Size
from storage.blobs import Blobs
from storage.records import Item, Job

PREVIEW_PX = 1200
ALT_CHARACTERS = 250
"""Of one picture's alternative text: ten of them and their cards stay within one message."""


def preview_key(item: Item) -> str:
    """Of the blob; each sending of each version has its own."""
    return f"{item.job_id}/gallery/preview-{item.number:06d}-{item.sends}.jpg"


def alt_text(item: Item) -> str:
    alt = item.alt_text or f"{item.key}: {item.prompt}"
    return b.cut(alt, ALT_CHARACTERS)


def title_of(job: Job, item: Item) -> str:
    """“7 · SKU-7”, with the model where several are compared and the version from the second on."""
    version = f" · version {item.version}" if item.version > 1 else ""
    # The number is the one on the contact sheet, the same for all versions.
    return f"{item.first:,} · {caption(item, models_of(job) > 1)}{version}"


def picture_shot(job: Job, item: Item) -> Shot:
    """A stored version by itself."""
    key, title = preview_key(item), b.cut(title_of(job, item), 200)
    upload = Upload(key, f"{files.safe_name(item.key)}-{item.number}.jpg", title)
    return Shot(upload, alt_text(item), title, partial(draw_preview, key=key, item=item), (item.first,))


def draw_preview(blobs: Blobs, *, key: str, item: Item) -> None:
    """A JPEG of the web file, since Slack shows no WebP in a block; a placeholder where it is unreadable."""
    try:
        content = preview(read_blob(blobs, item.rendition_key or item.master_key), PREVIEW_PX)
    except NotAPicture:
        content = contact_sheet([Cell(item.first, item.key)], title=item.key)
    blobs.put(key, content)


def comparison(job: Job, old: Item, new: Item) -> Shot:
    """An earlier version and a new one, side by side."""
    key = f"{job.id}/gallery/versions-{old.number:06d}-{new.number:06d}-{new.sends}.jpg"
    title = f"{new.first:,} · {caption(new, models_of(job) > 1)}: versions {old.version} and {new.version}"
    name = f"{files.safe_name(new.key)}-versions-{old.version}-{new.version}.jpg"
    alt = f"Before and after of picture {new.first}. Now: {alt_text(new)}"
    make = partial(draw_comparison, key=key, old=old, new=new)
    upload = Upload(key, name, b.cut(title, 200))
    return Shot(upload, b.cut(alt, ALT_CHARACTERS), b.cut(title, 200), make, (new.first,))


def draw_comparison(blobs: Blobs, *, key: str, old: Item, new: Item) -> None:
    before = old.review_reason or old.review_note or ""
    same = new.prompt == old.prompt
    sides = (
        Side(read_blob(blobs, old.rendition_key), old.version, before or old.prompt, mark_of(old)),
        Side(
            read_blob(blobs, new.rendition_key), new.version, "The same words again" if same else new.prompt
        ),
    )
    shape = Size.parse(new.size or new.made_size)
    blobs.put(key, before_after(*sides, number=new.first, title=new.key, shape=shape))
