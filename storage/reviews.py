"""What people think of pictures, and the versions that come of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Engine, func, select

from storage.reading import Reader
from storage.records import Item, Vote
from storage.states import ReviewState
from storage.tables import table
from storage.writer import Writer

ITEM, VOTE = table("item"), table("vote")


class Reviews(Reader):
    """Reads and writes of reviews and versions."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        super().__init__(engine)
        self._writer = writer

    def counts(self, job_id: str) -> Mapping[ReviewState, int]:
        """Pictures that are kept, by what is thought of them."""
        query = select(ITEM.c.review, func.count()).where(ITEM.c.job_id == job_id, ITEM.c.state == "stored")
        with self._reading() as c:
            return {ReviewState(review): count for review, count in c.execute(query.group_by(ITEM.c.review))}

    def versions(self, job_id: str, first: int) -> Sequence[Item]:
        """All versions of a picture, oldest first."""
        query = select(ITEM).where(
            ITEM.c.job_id == job_id, (ITEM.c.number == first) | (ITEM.c.version_of == first)
        )
        return self._all(Item, query.order_by(ITEM.c.version))

    def votes(self, job_id: str, items: Iterable[int]) -> Sequence[Vote]:
        query = select(VOTE).where(VOTE.c.job_id == job_id, VOTE.c.item.in_(list(items)))
        return self._all(Vote, query.order_by(VOTE.c.item, VOTE.c.at))
