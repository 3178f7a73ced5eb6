"""Which items are made, and which are copied: of another item of their job, or of a picture that was approved
in an earlier job.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, or_

from storage.tables import table

ITEM = table("item")

OWN: ColumnElement[bool] = and_(ITEM.c.duplicate_of.is_(None), ITEM.c.reused_job.is_(None))
"""Made for its job, and paid for."""

COPIED: ColumnElement[bool] = or_(ITEM.c.duplicate_of.is_not(None), ITEM.c.reused_job.is_not(None))

REUSED: ColumnElement[bool] = ITEM.c.reused_job.is_not(None)
"""Copied of an earlier job's picture."""
