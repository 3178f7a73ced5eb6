"""The documents keep up with the program: settings, links, the examples of names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.config import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def settings() -> list[str]:
    return [name.upper() for name in Settings.model_fields]


def test_every_setting_is_explained() -> None:
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    missing = [name for name in settings() if f"`{name}`" not in page]
    assert not missing, f"docs/operating.md, “Settings”, lacks {', '.join(missing)}"


def test_the_example_settings_are_real_ones() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    named = {found[1] for line in lines if (found := re.match(r"#? ?([A-Z][A-Z_]+)=", line))}
    # That password is read by compose.yaml alone.
    assert named - set(settings()) == {"POSTGRES_PASSWORD"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_the_pages_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    dead = [link for link in links if not (page.parent / link).exists()]
    assert not dead, dead
