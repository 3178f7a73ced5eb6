"""Review, versions, pilots, deadlines, presets, schedules, exports

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

from storage.tables import Usd, Utc


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

JOBS = ['draft', 'planned', 'running', 'cancelling', 'finished', 'cancelled']
NEW_JOBS = ['pilot', 'pilot_review', 'paused']
REVIEWS = ['unreviewed', 'approved', 'rejected', 'replaced']


def _one_of(column: str, words: list[str]) -> str:
    return f"{column} IN ({', '.join(repr(word) for word in words)})"



def upgrade() -> None:
    op.create_table('draft',
    sa.Column('team', sa.String(), nullable=False),
    sa.Column('person', sa.String(), nullable=False),
    sa.Column('body', sa.JSON(), nullable=False),
    sa.Column('at', Utc(), nullable=False),
    sa.PrimaryKeyConstraint('team', 'person', name=op.f('pk_draft'))
    )
    op.create_table('export',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('job_id', sa.String(), nullable=False),
    sa.Column('person', sa.String(), nullable=False),
    sa.Column('wish', sa.JSON(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('parts', sa.JSON(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('created_at', Utc(), nullable=False),
    sa.Column('ended_at', Utc(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_export'))
    )
    with op.batch_alter_table('export', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_export_job_id'), ['job_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_export_state_created_at'), ['state', 'created_at'], unique=False)

    op.create_table('memo',
    sa.Column('scope', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('value', sa.JSON(), nullable=False),
    sa.Column('at', Utc(), nullable=False),
    sa.PrimaryKeyConstraint('scope', 'name', name=op.f('pk_memo'))
    )
    op.create_table('permit',
    sa.Column('job_id', sa.String(), nullable=False),
    sa.Column('person', sa.String(), nullable=False),
    sa.Column('limit_usd', Usd(), nullable=True),
    sa.Column('at', Utc(), nullable=False),
    sa.PrimaryKeyConstraint('job_id', 'person', name=op.f('pk_permit'))
    )
    op.create_table('preset',
    sa.Column('team', sa.String(), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('body', sa.JSON(), nullable=False),
    sa.Column('changed_by', sa.String(), nullable=False),
    sa.Column('changed_at', Utc(), nullable=False),
    sa.PrimaryKeyConstraint('team', 'channel', 'name', name=op.f('pk_preset'))
    )
    op.create_table('schedule',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('team', sa.String(), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('person', sa.String(), nullable=False),
    sa.Column('title', sa.String(), nullable=False),
    sa.Column('rule', sa.JSON(), nullable=False),
    sa.Column('spec', sa.JSON(), nullable=False),
    sa.Column('sheet_key', sa.String(), nullable=False),
    sa.Column('sheet_name', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('created_at', Utc(), nullable=False),
    sa.Column('next_at', Utc(), nullable=True),
    sa.Column('last_at', Utc(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_schedule'))
    )
    with op.batch_alter_table('schedule', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_schedule_state_next_at'), ['state', 'next_at'], unique=False)

    op.create_table('vote',
    sa.Column('job_id', sa.String(), nullable=False),
    sa.Column('item', sa.Integer(), nullable=False),
    sa.Column('person', sa.String(), nullable=False),
    sa.Column('verdict', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('at', Utc(), nullable=False),
    sa.PrimaryKeyConstraint('job_id', 'item', 'person', name=op.f('pk_vote'))
    )
    with op.batch_alter_table('event', schema=None) as batch_op:
        batch_op.add_column(sa.Column('person', sa.String(), server_default='', nullable=False))

    with op.batch_alter_table('item', schema=None) as batch_op:
        batch_op.add_column(sa.Column('pilot', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column('version', sa.Integer(), server_default='1', nullable=False))
        batch_op.add_column(sa.Column('version_of', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('review', sa.String(), server_default='unreviewed', nullable=False))
        batch_op.add_column(sa.Column('reviewed_by', sa.String(), nullable=True))
        batch_op.add_column(sa.Column('reviewed_at', Utc(), nullable=True))
        batch_op.add_column(sa.Column('review_reason', sa.String(), nullable=True))
        batch_op.add_column(sa.Column('review_note', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('phash', sa.String(), nullable=True))
        batch_op.add_column(sa.Column('flags', sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column('regenerated', sa.Integer(), server_default='0', nullable=False))
        batch_op.create_check_constraint(op.f('ck_item_review'), _one_of('review', REVIEWS))
        batch_op.create_index(batch_op.f('ix_item_job_id_version_of'), ['job_id', 'version_of'], unique=False)

    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.add_column(sa.Column('deadline_at', Utc(), nullable=True))
        batch_op.add_column(sa.Column('rushed_at', Utc(), nullable=True))
        batch_op.drop_constraint(op.f('ck_job_state'), type_='check')
        batch_op.create_check_constraint(op.f('ck_job_state'), _one_of('state', [*JOBS, *NEW_JOBS]))



def downgrade() -> None:
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.drop_constraint(op.f('ck_job_state'), type_='check')
        batch_op.create_check_constraint(op.f('ck_job_state'), _one_of('state', JOBS))
        batch_op.drop_column('rushed_at')
        batch_op.drop_column('deadline_at')

    with op.batch_alter_table('item', schema=None) as batch_op:
        batch_op.drop_constraint(op.f('ck_item_review'), type_='check')
        batch_op.drop_index(batch_op.f('ix_item_job_id_version_of'))
        batch_op.drop_column('regenerated')
        batch_op.drop_column('flags')
        batch_op.drop_column('phash')
        batch_op.drop_column('review_note')
        batch_op.drop_column('review_reason')
        batch_op.drop_column('reviewed_at')
        batch_op.drop_column('reviewed_by')
        batch_op.drop_column('review')
        batch_op.drop_column('version_of')
        batch_op.drop_column('version')
        batch_op.drop_column('pilot')

    with op.batch_alter_table('event', schema=None) as batch_op:
        batch_op.drop_column('person')

    op.drop_table('vote')
    with op.batch_alter_table('schedule', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_schedule_state_next_at'))

    op.drop_table('schedule')
    op.drop_table('preset')
    op.drop_table('permit')
    op.drop_table('memo')
    with op.batch_alter_table('export', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_export_state_created_at'))
        batch_op.drop_index(batch_op.f('ix_export_job_id'))

    op.drop_table('export')
    op.drop_table('draft')
