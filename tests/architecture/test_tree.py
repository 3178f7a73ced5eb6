"""What must be true of the files themselves: names in their rooms, docstrings, drawings, no build machine."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.registry import ENTRIES
from storage import states

ROOT = Path(__file__).parents[2]

MAY_NAME_PROVIDERS = {"bot/config.py", "bot/demo.py", "bot/cli.py"}
"""Settings and the demo must; the command line does in its help."""

NAMES = re.compile(rf"(?<![a-z])(?:{'|'.join(entry.name for entry in ENTRIES)})(?![a-z])", re.IGNORECASE)

DIALECTS = {"openai_compatible": "openai"}
"""Who speaks another's dialect, and may use how that one puts and reads words."""

MACHINE = re.compile(r"(?<![\w.])/(?:home|Users|root|work)/\w")
"""An absolute path that is true on one machine alone."""

REGISTRY = re.compile(r"(?:pypi|pythonhosted|npmjs|debian)\.(?:org|com)")
"""Where packages come from is the installer's business; it differs from place to place."""


def modules(*rooms: str) -> list[Path]:
    return sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def words(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Identifiers and strings with their lines, without docstrings."""
    loose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Constant(value=str(text)) if id(node) not in loose:
                yield line, text
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.alias(name=name):
                yield line, name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield line, name
            case ast.ImportFrom(module=str(name)):
                yield line, name


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield module
                yield from (f"{module}.{alias.name}" for alias in names)


def test_no_provider_is_named_outside_its_room() -> None:
    found = [
        f"{short(path)}:{line}: {text[:80]!r}"
        for path in modules("bot", "storage")
        if short(path) not in MAY_NAME_PROVIDERS
        for line, text in words(ast.parse(path.read_text(encoding="utf-8")))
        if NAMES.search(text)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", [entry.name for entry in ENTRIES])
def test_an_adapter_knows_no_other_adapter(name: str) -> None:
    known = (name, DIALECTS.get(name))
    others = tuple(f"providers.{entry.name}" for entry in ENTRIES if entry.name not in known)
    own = [path for path in modules("providers") if re.fullmatch(rf"{name}(_\w+)?\.py", path.name)]
    adapters = [path for path in own if path.parent.name == "providers"]
    assert adapters
    for path in adapters:
        strangers = [
            what for what in imported(ast.parse(path.read_text(encoding="utf-8"))) if what.startswith(others)
        ]
        assert not strangers, f"{short(path)} imports {strangers}"


def test_every_module_says_what_it_is() -> None:
    silent = [
        short(path)
        for path in modules("bot", "providers", "storage", "benchmarks")
        if (text := path.read_text(encoding="utf-8").strip()) and not ast.get_docstring(ast.parse(text))
    ]
    assert not silent, silent


def test_the_drawing_of_the_states_is_the_table() -> None:
    kept = (ROOT / "docs" / "states.md").read_text(encoding="utf-8")
    assert kept.strip() == states.drawing().strip(), "write it again: make states"


def test_no_file_names_a_registry_or_a_build_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if not path.is_file() or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
            text = line.decode("utf-8", "ignore")
            if MACHINE.search(text) or REGISTRY.search(text):
                found.append(f"{name}:{number}: {text.strip()[:100]}")
    assert not found, "\n".join(found)
