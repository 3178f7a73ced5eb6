"""The arrows of the design hold, and an arrow that the design forbids is seen."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("bot", "providers", "storage")

PLANTS = {
    "providers and storage know neither the bot nor each other": (
        "storage/blobs.py",
        "import providers.base",
    ),
    "inside the bot, every arrow points down": ("bot/pipeline/plan.py", "import bot.slack.limits"),
    "the pipeline has no Slack, no SQL, no HTTP, no Pillow": ("bot/pipeline/plan.py", "import slack_sdk"),
    "intake, imaging and watch are pure": ("bot/watch/rates.py", "import storage.states"),
    "stand-ins serve the demo, simulate and the tests alone": ("bot/app.py", "import providers.simulators"),
    "the local workspace knows nothing of the bot it serves": ("bot/workspace/state.py", "import bot.config"),
    "tables never leave storage": ("bot/app.py", "import storage.tables"),
    "SQL is spoken in storage alone": ("bot/slack/limits.py", "import sqlalchemy"),
    "httpx is used by the wire to providers, Slack's files and the local workspace alone": (
        "providers/sketch.py",
        "import httpx",
    ),
    "Slack's packages are used at Slack's doors alone": ("bot/run.py", "import slack_sdk"),
    "Pillow is used where pictures are made, rendered or charted": ("bot/slack/limits.py", "import PIL"),
    "the web server is used by the servers alone": ("bot/slack/limits.py", "import starlette"),
    "Prometheus' package is used where things are counted and told alone": (
        "bot/pipeline/poll.py",
        "import prometheus_client",
    ),
    "OpenTelemetry's packages are used where spans are made and told alone": (
        "bot/tracing.py",
        "import opentelemetry",
    ),
    "no circles": ("bot/imaging/parts.py", "import bot.imaging.renditions"),
}
"""For each contract, a line that breaks it and where it is planted."""


LINT = "from importlinter.cli import lint_imports; lint_imports(no_cache=True, no_logo=True)"


def lint(folder: Path) -> str:
    """What import-linter says of the rooms in `folder`, as one line of words."""
    done = subprocess.run(
        [sys.executable, "-c", LINT], cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )
    return " ".join((done.stdout + done.stderr).split())


def contracts() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rooms, where lines may be planted."""
    folder = tmp_path_factory.mktemp("rooms")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_every_arrow_of_the_design_holds() -> None:
    said = lint(ROOT)
    assert f"Contracts: {len(contracts())} kept, 0 broken." in said, said


def test_every_contract_is_tried() -> None:
    assert sorted(PLANTS) == sorted(contracts())


@pytest.mark.parametrize("name", PLANTS)
def test_a_forbidden_import_is_seen(copy: Path, name: str) -> None:
    file, line = PLANTS[name]
    victim = copy / file
    before = victim.read_text(encoding="utf-8")
    try:
        victim.write_text(f"{before}\n{line}\n", encoding="utf-8")
        said = lint(copy)
    finally:
        victim.write_text(before, encoding="utf-8")
    assert f"{name} BROKEN" in said, said
