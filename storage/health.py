"""How providers do: what they answered lately, and what became of the probes sent to one that had stopped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import and_, func, or_, select

from storage.reading import Reader
from storage.states import SubmissionState
from storage.tables import table

ATTEMPT, SUBMISSION = table("attempt"), table("submission")


@dataclass(frozen=True, slots=True)
class Probing:
    """Submissions of one lane to a provider since a moment."""

    prepared: int = 0
    """Written down, not sent (whenever they were)."""
    under_way: int = 0
    accepted: int = 0
    held: int = 0
    """Sent and turned away."""
    progressed: int = 0
    """Pictures that the provider counts as made, of submissions it still works on."""
    first_accepted: datetime | None = None
    """When the first of those accepted was sent."""
    outcomes: Mapping[str, int] = field(default_factory=dict)
    """Answers of items, by outcome."""


class Health(Reader):
    """Reads about providers."""

    def recent_answers(
        self, since: datetime, outcomes: Iterable[str], most: int
    ) -> Sequence[tuple[str, str, datetime]]:
        """(provider, outcome, time) of the newest answers of these outcomes, newest first.

        Among answers of the same time, which one settling of a batch gives, the order does not depend on the
        outcome. A picture that was not made, and again not for the same reason, is left out: that says more
        about the picture than about the provider, and at the end of a job nothing but such pictures is sent.
        """
        a, before = ATTEMPT.c, ATTEMPT.alias("before")
        newest = (
            select(a.job_id, a.item, a.send, a.submission_id, a.outcome, a.answered_at)
            .where(a.answered_at >= since, a.outcome.in_(list(outcomes)))
            .order_by(a.answered_at.desc(), a.item)
            .limit(most)
            .subquery()
            .c
        )
        same = (before.c.job_id == newest.job_id, before.c.item == newest.item)
        at_the_time_before = and_(*same, before.c.send == newest.send - 1)
        query = (
            select(SUBMISSION.c.provider, newest.outcome, newest.answered_at)
            .join(SUBMISSION, SUBMISSION.c.id == newest.submission_id)
            .outerjoin(before, at_the_time_before)
            .where(
                or_(
                    newest.outcome == "made",
                    before.c.outcome.is_(None),
                    before.c.outcome != newest.outcome,
                )
            )
        )
        with self._reading() as c:
            found = c.execute(query.order_by(newest.answered_at.desc())).all()
        return [(provider, outcome, at) for provider, outcome, at in found]

    def turned_away(self, since: datetime, kinds: Iterable[str]) -> Mapping[str, tuple[int, int]]:
        """By provider: how often what still waits to be sent was turned away for such a failure, in all and
        the most for one submission.
        """
        query = (
            select(SUBMISSION.c.provider, func.sum(SUBMISSION.c.tries), func.max(SUBMISSION.c.tries))
            .where(
                SUBMISSION.c.state == SubmissionState.PREPARED,
                SUBMISSION.c.held_for.in_(list(kinds)),
                SUBMISSION.c.sent_at >= since,
            )
            .group_by(SUBMISSION.c.provider)
        )
        with self._reading() as c:
            return {provider: (int(total), int(most)) for provider, total, most in c.execute(query)}

    def probing(
        self, provider: str, since: datetime, kinds: Iterable[str], lane: str | None = None
    ) -> Probing:
        """What became of the submissions sent to a provider since then, in one lane or in both; `kinds` count
        as turned away.
        """
        state = SUBMISSION.c.state
        mine = [SUBMISSION.c.provider == provider, *([SUBMISSION.c.lane == lane] if lane else [])]
        sent = SUBMISSION.c.sent_at >= since
        taken = and_(sent, state.in_([SubmissionState.OPEN, SubmissionState.SETTLED, SubmissionState.LOST]))
        at_it = and_(sent, state == SubmissionState.OPEN)
        counts = select(
            func.count().filter(state == SubmissionState.PREPARED),
            func.count().filter(and_(sent, state.in_([SubmissionState.SENDING, SubmissionState.OPEN]))),
            func.count().filter(taken),
            func.count().filter(
                and_(sent, state == SubmissionState.PREPARED, SUBMISSION.c.held_for.in_(list(kinds)))
            ),
            func.coalesce(func.sum(SUBMISSION.c.completed).filter(at_it), 0),
            func.min(SUBMISSION.c.sent_at).filter(taken),
        ).where(*mine)
        answers = (
            select(ATTEMPT.c.outcome, func.count())
            .join(SUBMISSION, SUBMISSION.c.id == ATTEMPT.c.submission_id)
            .where(*mine, sent, ATTEMPT.c.outcome.is_not(None))
            .group_by(ATTEMPT.c.outcome)
        )
        with self._reading() as c:
            prepared, under_way, accepted, held, progressed, first = c.execute(counts).one()
            outcomes = {outcome: int(count) for outcome, count in c.execute(answers)}
        return Probing(prepared, under_way, accepted, held, int(progressed), first, outcomes)
