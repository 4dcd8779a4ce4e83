"""Notebooks for the participants of workshops, and launches for all of them"""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'workshop_notebooks',
        sa.Column('workshop', sa.String(length=64), nullable=False),
        sa.Column('filename', sa.String(length=255), nullable=False),
        sa.Column('content', sa.Text(), nullable=False, comment='the notebook, as JSON'),
        sa.Column('content_hash', sa.String(length=64), nullable=False, comment='SHA-256 of the content'),
        sa.Column('code_cells', sa.Integer(), comment='empty ones included; null: not known'),
        sa.Column('published_by', sa.String(length=255), nullable=False),
        sa.Column('published_at', sa.Float(), nullable=False, comment='seconds since 1970, UTC'),
        sa.ForeignKeyConstraint(
            ['workshop'], ['workshops.name'], name='notebook_of_workshop', ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('workshop', 'filename'),
    )
    op.create_table(
        'workshop_launches',
        sa.Column('id', sa.String(length=32), nullable=False),
        sa.Column('workshop', sa.String(length=64), nullable=False),
        sa.Column('notebook', sa.String(length=255), comment='null: only the servers are started'),
        sa.Column('at', sa.Float(), nullable=False, comment='seconds since 1970, UTC'),
        sa.Column('begins_at', sa.Float(), nullable=False, comment='the first launch'),
        sa.Column('begun_at', sa.Float(), comment='when its participants were known'),
        sa.Column('ended_at', sa.Float()),
        sa.Column('cancelled_at', sa.Float()),
        sa.Column('problem', sa.JSON(none_as_null=True), comment='why its participants are not known'),
        sa.Column('created_by', sa.String(length=255), nullable=False),
        sa.Column('created_at', sa.Float(), nullable=False),
        sa.Column('worker_id', sa.String(length=32), comment='the worker that runs it'),
        sa.ForeignKeyConstraint(
            ['workshop'], ['workshops.name'], name='launch_of_workshop', ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id'),
    )
    op.create_index('launches_of_workshop', 'workshop_launches', ['workshop', 'created_at'])
    op.create_index(
        'workshop_launches_open',
        'workshop_launches',
        ['begins_at'],
        sqlite_where=sa.text('ended_at IS NULL'),
        postgresql_where=sa.text('ended_at IS NULL'),
    )
    op.create_table(
        'workshop_launch_members',
        sa.Column('id', sa.String(length=32), nullable=False),
        sa.Column('user', sa.String(length=255), nullable=False),
        sa.Column('state', sa.String(length=16), nullable=False),
        sa.Column('launch_id', sa.String(length=32), comment='of the last attempt; null before the first'),
        sa.Column('attempts', sa.Integer(), server_default='0', nullable=False, comment='that failed'),
        sa.Column('not_before', sa.Float(), server_default='0', nullable=False, comment='of the next attempt'),
        sa.Column('problem', sa.JSON(none_as_null=True), comment='of the last attempt'),
        sa.CheckConstraint(
            "state IN ('waiting', 'begun', 'done', 'failed', 'cancelled')", name='member_state'
        ),
        sa.CheckConstraint("state <> 'begun' OR launch_id IS NOT NULL", name='begun_has_launch'),
        sa.CheckConstraint("state <> 'failed' OR problem IS NOT NULL", name='failed_member_has_problem'),
        sa.ForeignKeyConstraint(
            ['id'], ['workshop_launches.id'], name='member_of_workshop_launch', ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id', 'user'),
    )
    op.create_index(
        'workshop_launches_under_way',
        'workshop_launch_members',
        ['id'],
        sqlite_where=sa.text("state = 'begun'"),
        postgresql_where=sa.text("state = 'begun'"),
    )


def downgrade() -> None:
    op.drop_table('workshop_launch_members')
    op.drop_table('workshop_launches')
    op.drop_table('workshop_notebooks')
