"""A picture made again is held to the limit above which a second person must agree, whoever reviews."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.policy import Roles
from bot.runtime import now
from bot.slack import review_page
from bot.workspace.server import ADMIN, Workspace
from storage.states import ItemState
from tests.parts import QUICK
from tests.priced import PaidSketch
from tests.slack.house import House, buttons, house, words
from tests.slack.test_review import press, reviewed, settled, told, versions, write

LIMIT = Decimal("0.45")
"""Four pictures at $0.10 are started unasked; the fifth is above it."""


@contextmanager
def shop(folder: Path, slack: Workspace, **policy: Any) -> Iterator[House]:
    provider = PaidSketch(folder, now, "0.10")
    rules = replace(QUICK, approval_usd=LIMIT, **policy)
    with house(folder / "house", slack, providers={"sketch": provider}, policy=rules) as home:
        yield home


@pytest.fixture
def home(tmp_path: Path, slack: Workspace) -> Iterator[House]:
    with shop(tmp_path, slack) as built:
        yield built


def question(home: House) -> dict[str, Any]:
    (found,) = [m for m in home.replies() if "would like to" in words(m)]
    return found


def test_a_reviewers_redo_waits_for_a_second_person(home: House) -> None:
    reviewed(home)
    write(home, home.ana, "redo 3: a red mug, seen from above")
    assert "may cost $0.50 in all, so a second person must agree" in told(home, home.ana, "second person")
    assert len(versions(home, 3)) == 1
    asked = question(home)
    assert (
        "would like to *make 1 picture again*, for up to *$0.50* in all, above the limit of $0.45"
        in words(asked)
    )
    write(home, home.ana, "redo 3: a red mug, seen from above")
    told(home, home.ana, "has been asked for already")
    home.ana.press(asked, "job_agree")
    told(home, home.ana, "somebody else must agree")

    home.ben.press(asked, "job_agree")
    settled(home)
    first, second = versions(home, 3)
    assert (second.state, second.prompt) == (ItemState.STORED, "a red mug, seen from above")
    assert first.number == 3
    assert f"<@{home.ben.user_id}> agreed to up to $0.50" in words(question(home))
    assert buttons(question(home)) == []
    assert [permit.person for permit in home.ctx.shelf.permits(home.job().id)] == [home.ben.user_id]


def test_the_form_says_so_beforehand_and_asks_as_well(home: House) -> None:
    reviewed(home)
    press(home, home.ben, review_page.REDO, 2)
    form = home.ben.wait_for_modal("Redo picture 2")
    assert "With it the job may come to $0.50, above the limit of $0.45: a second person is asked" in words(
        form
    )
    home.ben.submit(form)
    settled(home)
    assert "make 1 picture again now" in words(question(home))
    home.ana.press(question(home), "job_agree")
    settled(home)
    assert [item.version for item in versions(home, 2)] == [1, 2]


def test_those_with_the_right_agree_and_to_just_that(tmp_path: Path, slack: Workspace) -> None:
    with shop(tmp_path, slack, roles=Roles(spenders=(ADMIN,))) as home:
        reviewed(home)
        write(home, home.ben, "redo 1, 2")
        assert f"<@{ADMIN}> may agree" in words(question(home))
        assert "make 2 pictures again" in words(question(home))
        home.ana.press(question(home), "job_agree")
        settled(home)
        assert [len(versions(home, number)) for number in (1, 2, 3)] == [2, 2, 1]
        write(home, home.ben, "redo 1")
        assert len(versions(home, 1)) == 2, "$0.70 are more than what was agreed to"


def test_below_the_limit_nobody_is_asked(home: House) -> None:
    reviewed(home, rows=3)
    write(home, home.ben, "redo 3")
    assert len(versions(home, 3)) == 2
    assert not [m for m in home.replies() if "would like to" in words(m)]
