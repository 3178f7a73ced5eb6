"""Submissions whose results cannot be had; how many tokens one is

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

STATES = ['prepared', 'sending', 'open', 'settled', 'refused', 'in_doubt', 'withdrawn']


def _one_of(words: list[str]) -> str:
    return f"state IN ({', '.join(repr(word) for word in words)})"


def upgrade() -> None:
    with op.batch_alter_table('submission', schema=None) as batch_op:
        batch_op.add_column(sa.Column('tokens', sa.Integer(), nullable=False, server_default='0'))
        batch_op.drop_constraint(op.f('ck_submission_state'), type_='check')
        batch_op.create_check_constraint(op.f('ck_submission_state'), _one_of([*STATES, 'lost']))


def downgrade() -> None:
    op.execute("UPDATE submission SET state = 'settled' WHERE state = 'lost'")
    with op.batch_alter_table('submission', schema=None) as batch_op:
        batch_op.drop_constraint(op.f('ck_submission_state'), type_='check')
        batch_op.create_check_constraint(op.f('ck_submission_state'), _one_of(STATES))
        batch_op.drop_column('tokens')
