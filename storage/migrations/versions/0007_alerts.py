"""What incidents say now, who looks after them, mutes, and listed prices that are not believed

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

from storage.tables import Usd, Utc


revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('mute',
    sa.Column('scope', sa.String(), nullable=False),
    sa.Column('person', sa.String(), nullable=False),
    sa.Column('at', Utc(), nullable=False),
    sa.Column('until', Utc(), nullable=True),
    sa.PrimaryKeyConstraint('scope', name=op.f('pk_mute'))
    )
    op.create_table('suspension',
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('model', sa.String(), nullable=False),
    sa.Column('lane', sa.String(), nullable=False),
    sa.Column('since', Utc(), nullable=False),
    sa.Column('factor', sa.Float(), nullable=False),
    sa.Column('each_usd', Usd(), nullable=False),
    sa.Column('listed_usd', Usd(), nullable=False),
    sa.Column('price_mark', sa.String(), nullable=False),
    sa.Column('lifted_at', Utc(), nullable=True),
    sa.Column('lifted_for', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('provider', 'model', 'lane', 'since', name=op.f('pk_suspension'))
    )
    with op.batch_alter_table('incident', schema=None) as batch_op:
        batch_op.add_column(sa.Column('changed_at', Utc(), nullable=True))
        batch_op.add_column(sa.Column('chart', sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column('acknowledged_by', sa.String(), nullable=True))
        batch_op.add_column(sa.Column('acknowledged_at', Utc(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('incident', schema=None) as batch_op:
        batch_op.drop_column('acknowledged_at')
        batch_op.drop_column('acknowledged_by')
        batch_op.drop_column('chart')
        batch_op.drop_column('changed_at')
    op.drop_table('suspension')
    op.drop_table('mute')
