"""The reasons a picture is rejected for, as they are offered and kept."""

from __future__ import annotations

from collections.abc import Sequence

REASONS: Sequence[str] = (
    "Wrong colour",
    "Wrong product",
    "Text garbled",
    "Crop",
    "Off brand",
    "Artefacts",
    "Other",
)
"""“Other” goes with a note."""
