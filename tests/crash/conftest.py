"""Children to kill: forked from a clean server that has the program imported already."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from typing import Any

import pytest


@pytest.fixture(scope="session")
def forks() -> ForkServerContext:
    """Makes children cheaply, and without the threads of the test process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.crash.child"])
    return context


def live_and_die(context: Any, target: Callable[..., None], *arguments: Any) -> int:
    """Run one child; its exit code (minus the signal's number if it was killed)."""
    process = context.Process(target=target, args=arguments)
    process.start()
    process.join(60)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise AssertionError("a child hung")
    return int(process.exitcode)
