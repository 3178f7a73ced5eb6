"""The sheet with what became of each row, as a file in the job's thread, shared once for each finish."""

from __future__ import annotations

from functools import partial

from bot.pipeline.results import Names, Wanted, results_name, write_results
from bot.slack import blocks as b
from bot.slack.people import directory_of
from bot.slack.sharing import Shared, share
from bot.slack.telling import Desk, Fate, Place
from bot.slack.wire import SlackTrouble
from storage.records import Announcement, Job

RETURN = "Edit it and drop it here: what is new, changed or failed is made, after you have seen the price."


def tell_results(
    desk: Desk, place: Place, team: str, job: Job, stamp: str, told: Announcement | None
) -> Fate:
    """Share it in the thread. Raises SlackTrouble."""
    name = results_name(job)
    comment = f"{name}: every row of your sheet, what became of it, and the name of its file. {RETURN}"
    write = partial(write_results, desk.ctx, job, wanted=Wanted(names=names_of(desk, team)))
    kind = f"results-{stamp}"
    file = Shared(kind, f"{job.id}/gallery/{kind}.{name.rpartition('.')[2]}", name, comment, write)
    return share(desk, place, file, told)


def names_of(desk: Desk, team: str) -> Names:
    """People's names for a sheet; their ids where Slack does not say."""
    known: dict[str, str] = {}

    def name(person: str) -> str:
        if person not in known:
            try:
                found = directory_of(desk.wire).person(desk.wire, person, team, desk.now)
                known[person] = b.clean(found.name) or person
            except SlackTrouble:
                known[person] = person
        return known[person]

    return name
