"""Budgets that people set; what a rush may cost; whose word the cost of an attempt is

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

from storage.tables import Usd, Utc


revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('budget',
    sa.Column('team', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('usd', Usd(), nullable=False),
    sa.Column('changed_by', sa.String(), nullable=False),
    sa.Column('changed_at', Utc(), nullable=False),
    sa.PrimaryKeyConstraint('team', 'kind', 'key', name=op.f('pk_budget'))
    )
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.add_column(sa.Column('rush_usd', Usd(), nullable=False, server_default='0'))
    with op.batch_alter_table('attempt', schema=None) as batch_op:
        batch_op.add_column(sa.Column('priced_by', sa.String(), nullable=False, server_default=''))
        batch_op.create_index(op.f('ix_attempt_sent_at'), ['sent_at'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('attempt', schema=None) as batch_op:
        batch_op.drop_index(op.f('ix_attempt_sent_at'))
        batch_op.drop_column('priced_by')
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.drop_column('rush_usd')
    op.drop_table('budget')
