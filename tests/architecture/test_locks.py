"""The hashed requirements are those of pyproject.toml, agree with each other, and name no place."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.txt", "requirements-postgres.txt", "requirements-dev.txt")

PIN = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)


def pins(lock: str) -> dict[str, str]:
    return {found[1]: found[2] for found in PIN.finditer((ROOT / lock).read_text(encoding="utf-8"))}


def wanted() -> dict[str, list[str]]:
    """The packages pyproject.toml names for each lock."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project, groups = settings["project"], settings["dependency-groups"]
    lines = {
        "requirements.txt": [*project["dependencies"], *groups["build"]],
        "requirements-postgres.txt": [
            *project["dependencies"],
            *project["optional-dependencies"]["postgres"],
            *groups["build"],
        ],
        "requirements-dev.txt": [*project["dependencies"], *groups["build"], *groups["dev"]],
    }
    return {
        lock: [re.split(r"[\[<>=~! ]", line)[0].lower() for line in named if isinstance(line, str)]
        for lock, named in lines.items()
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_what_the_project_names_is_locked(lock: str) -> None:
    missing = set(wanted()[lock]) - pins(lock).keys()
    assert not missing, f"{lock} lacks {', '.join(sorted(missing))}: make lock"


@pytest.mark.parametrize("lock", LOCKS[:2])
def test_the_program_is_tested_with_what_it_runs_with(lock: str) -> None:
    tested = pins("requirements-dev.txt")
    other = {name: version for name, version in pins(lock).items() if tested.get(name) != version}
    assert not other, f"requirements-dev.txt has other versions of {other}: make lock"


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text
    packages = PIN.split(text)[0::3][1:]
    assert all("--hash=sha256:" in package for package in packages)
