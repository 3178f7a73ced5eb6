"""Files that the bot uploaded to Slack (pictures, charts, results sheets, archives) are deleted there when
their job ended long ago, or when somebody who was erased is named in them.

A file is deleted first and forgotten then: after a crash in between Slack says that it is gone already.
Messages that showed it say so; the review uploads what it needs again.
"""

from __future__ import annotations

import logging
from datetime import datetime

from slack_sdk import WebClient

from bot.runtime import Context
from bot.slack.files import NO_FILE
from bot.slack.wire import Later, SlackTrouble, Unfit, wire_of

log = logging.getLogger(__name__)

AT_A_TIME = 20
"""Files deleted in one run, a minute apart: far less than Slack allows, so that messages do not wait."""


def delete_old_files(ctx: Context, client: WebClient, now: datetime) -> int:
    """Delete the next few that are due; how many are gone."""
    age = ctx.policy.keep.slack
    before = None if age is None else now - age
    wire, done = wire_of(client), 0
    for job_id, key, file_id in ctx.queries.old_uploads(before, AT_A_TIME):
        try:
            wire.call("files.delete", now, file=file_id)
        except Unfit as problem:
            if problem.code not in NO_FILE:
                log.warning("job %s: Slack does not delete the file %s: %s", job_id, file_id, problem.code)
        except Later:
            break  # the pace, or a token: the next run tries again
        except SlackTrouble as problem:
            log.info("job %s: the file %s is deleted later: %s", job_id, file_id, problem)
            continue
        ctx.mail.drop_upload(key)
        done += 1
    return done
