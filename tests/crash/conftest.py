"""Children to kill: forked from a clean server that has the program imported already."""

from __future__ import annotations

import json
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def forks() -> ForkServerContext:
    """Makes children cheaply, and without the threads of the test process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.crash.warm"])
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


def killed_everywhere(
    context: Any, target: Callable[..., None], answer: Path, begin: Callable[[int], Sequence[Any]]
) -> Iterator[tuple[int, dict[str, Any], bool]]:
    """Let a child live until it is killed at its first effect, its second and so on, and once more to its
    end each time; the last one is not killed. Yields the number of the effect, what was found in the end,
    and whether it was killed.

    `begin` gives the arguments for each effect, behind which come the number (None: live on) and `answer`.
    """
    code, point = -1, 0
    while code != 0:
        point += 1
        arguments = begin(point)
        code = live_and_die(context, target, *arguments, point, str(answer))
        if code != 0:
            assert code == -signal.SIGKILL
            assert live_and_die(context, target, *arguments, None, str(answer)) == 0
        yield point, json.loads(answer.read_text()), code != 0
