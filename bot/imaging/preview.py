"""A picture small enough for a chat message, in a format Slack shows."""

from __future__ import annotations

from bot.imaging.renditions import RenderPolicy, render
from providers.base import Size

_POLICY = RenderPolicy(format="jpeg", quality=85, fit="inside")
"""JPEG because Slack's image blocks take PNG, JPEG and GIF only; not WebP, not SVG."""


def preview(content: bytes, max_side_px: int) -> bytes:
    """The picture as a JPEG whose longer side is at most `max_side_px`; never enlarged.

    See-through parts become white. Carries the label of its origin. Raises NotAPicture.
    """
    return render(content, Size(max_side_px, max_side_px), _POLICY).content
