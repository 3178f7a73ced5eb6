"""Pictures copied of approved ones in earlier jobs

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op


revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('item', schema=None) as batch_op:
        batch_op.add_column(sa.Column('reused_job', sa.String(), nullable=True))
        batch_op.add_column(sa.Column('reused_item', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('reused_by', sa.String(), nullable=True))
        batch_op.create_index(op.f('ix_item_fingerprint'), ['fingerprint'], unique=False)
        batch_op.create_index(op.f('ix_item_reused_job'), ['reused_job'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('item', schema=None) as batch_op:
        batch_op.drop_index(op.f('ix_item_reused_job'))
        batch_op.drop_index(op.f('ix_item_fingerprint'))
        batch_op.drop_column('reused_by')
        batch_op.drop_column('reused_item')
        batch_op.drop_column('reused_job')
