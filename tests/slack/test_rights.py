"""Who may do what: guests, strangers, channels, roles by user group, and what people are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from slack_bolt import BoltRequest

from bot.policy import Roles
from bot.slack.people import FRESH, directory_of
from bot.slack.reach import Where
from bot.slack.rights import ELSEWHERE, NO_SCOPE, UNKNOWN, Right, may, refusal
from bot.slack.wire import wire_of
from bot.workspace.people import GUEST
from bot.workspace.person import Person
from bot.workspace.server import ADMIN, MEMBER, Workspace
from bot.workspace.state import TEAM_ID
from storage.shelved import Preset
from tests.parts import QUICK
from tests.slack.house import House, house, wait_for, words


@pytest.fixture
def strict(tmp_path: Path, slack: Workspace) -> Iterator[House]:
    """Only the brand team (Ana, Clara) reviews; only Ana agrees to spending; everybody starts."""
    slack.set_group("brand-team", [ADMIN, "U0CLARALIND"])
    roles = Roles(spenders=(ADMIN,), approvers=("@brand-team",))
    with house(tmp_path, slack, policy=replace(QUICK, roles=roles)) as home:
        yield home


def asked(home: House, right: Right, person: str, channel: str | None = None) -> str | None:
    room = home.channel if channel is None else channel
    where = Where(TEAM_ID, room, person)
    return refusal(home.ctx, wire_of(home.app.client), right, where, home.clock())


def test_without_roles_every_member_may_do_everything(home: House) -> None:
    for right in Right:
        assert asked(home, right, MEMBER) is None


def test_a_guest_may_do_nothing_unless_guests_are_let_in(home: House) -> None:
    assert "Guests cannot use imgbatch" in str(asked(home, Right.START, GUEST))
    roles = replace(home.ctx.policy.roles, guests=True)
    object.__setattr__(home.ctx, "policy", replace(home.ctx.policy, roles=roles))
    assert asked(home, Right.START, GUEST) is None


def test_a_role_is_for_its_group_and_the_refusal_names_it(strict: House) -> None:
    assert asked(strict, Right.APPROVE, ADMIN) is None
    said = asked(strict, Right.APPROVE, MEMBER)
    assert said == "Only members of @brand-team may review pictures here; please ask them."
    said = asked(strict, Right.SPEND, MEMBER)
    assert said == "Only ana may agree to spending above the limit; please ask them."
    assert asked(strict, Right.START, MEMBER) is None


def test_who_joins_the_group_may_at_once_and_who_leaves_soon(strict: House) -> None:
    assert asked(strict, Right.APPROVE, MEMBER) is not None
    strict.workspace.set_group("brand-team", [ADMIN, MEMBER])
    strict.clock.move(11)
    assert asked(strict, Right.APPROVE, MEMBER) is None
    strict.workspace.set_group("brand-team", [ADMIN])
    strict.clock.move(FRESH.total_seconds() + 1)
    assert asked(strict, Right.APPROVE, MEMBER) is not None


def test_a_channels_own_approvers_go_before_the_others_and_admins_always_may(strict: House) -> None:
    team = TEAM_ID
    body = {"approvers": [MEMBER]}
    strict.ctx.shelf.keep_preset(Preset(team, strict.channel, "default", body, ADMIN, strict.clock()))
    assert asked(strict, Right.APPROVE, MEMBER) is None
    assert asked(strict, Right.APPROVE, "U0CLARALIND") is not None
    roles = replace(strict.ctx.policy.roles, admins=("U0CLARALIND",))
    object.__setattr__(strict.ctx, "policy", replace(strict.ctx.policy, roles=roles))
    assert asked(strict, Right.APPROVE, "U0CLARALIND") is None
    assert may(strict.ctx, Right.START, Where(team, strict.channel, MEMBER)) == ()


def test_where_slack_does_not_say_who_somebody_is_nothing_is_allowed(home: House, slack: Workspace) -> None:
    directory_of(wire_of(home.app.client))._people.clear()
    slack.fail_next("users.info", "internal_error")
    assert asked(home, Right.START, MEMBER) == UNKNOWN
    slack.fail_next("users.info", "missing_scope")
    assert asked(home, Right.START, MEMBER) == NO_SCOPE
    assert asked(home, Right.START, MEMBER) is None
    slack.fail_next("users.info", "internal_error")
    home.clock.move(timedelta(minutes=1).total_seconds())
    assert asked(home, Right.START, MEMBER) is None, "it is remembered"


def test_what_somebody_wrote_waits_until_slack_says_who_it_is(home: House, slack: Workspace) -> None:
    directory_of(wire_of(home.app.client))._people.clear()
    slack.fail_next("users.info", "internal_error")
    home.ana.say(home.channel, f"<@{slack.bot_user_id}> status")
    home.arrived()  # Slack brought it again
    home.tick(times=2)
    assert "You have no image batches yet" in words(slack.calls("chat.postEphemeral")[-1].args)


def test_who_stays_unknown_is_told_so_in_the_end(home: House, slack: Workspace) -> None:
    def asked_again(times: int) -> BoltRequest:
        event = {
            "type": "app_mention",
            "user": MEMBER,
            "channel": home.channel,
            "ts": "1.1",
            "text": "status",
        }
        body = {"type": "event_callback", "team_id": TEAM_ID, "event": event, "event_id": "Ev1"}
        return BoltRequest(mode="socket_mode", body=body, headers={"x-slack-retry-num": str(times)})

    for times, status in ((1, 503), (2, 503), (3, 200)):
        directory_of(wire_of(home.app.client))._people.clear()
        slack.fail_next("users.info", "internal_error")
        assert home.app.dispatch(asked_again(times)).status == status
    (told,) = slack.calls("chat.postEphemeral")
    assert UNKNOWN in words(told.args)


def test_a_guest_is_told_and_nothing_is_made(home: House) -> None:
    with Person(home.workspace.url, GUEST) as gus:
        gus.join(home.room)
        gus.command(home.channel, "/imgbatch", "list")
        gus.wait_for_message(home.channel, "Guests cannot use imgbatch")
        gus.say(home.channel, f"<@{home.workspace.bot_user_id}> status")
        wait_for(lambda: home.workspace.calls("chat.postEphemeral"))
        home.tick(times=3)
        gus.open_home()
        assert "Guests cannot use imgbatch" in words(gus.wait_for_home("Guests"))
    assert home.jobs() == []
    (told,) = home.workspace.calls("chat.postEphemeral")
    assert "Guests cannot use imgbatch" in words(told.args)


def test_a_stranger_in_a_shared_channel_starts_nothing(home: House, slack: Workspace) -> None:
    shared = slack.add_channel("partner", shared=True)
    with Person(slack.url, slack.add_stranger("pia", ["partner"])) as pia:
        said = f"<@{slack.bot_user_id}> lane=live A mug"
        pia.say(shared, said, files=[("mugs.csv", b"sku\nM-1\n")])
        home.tick(times=5)
    assert home.ctx.queries.jobs() == []
    assert asked(home, Right.START, "U0NOSUCH") == "Only members of this workspace can use imgbatch."


def test_a_channel_that_is_not_on_the_list_is_turned_away(home: House) -> None:
    roles = Roles(channels=("C0SOMEOTHER",))
    object.__setattr__(home.ctx, "policy", replace(home.ctx.policy, roles=roles))
    assert asked(home, Right.START, MEMBER) == ELSEWHERE
    assert asked(home, Right.START, MEMBER, channel="") is None, "the App Home is everywhere"
