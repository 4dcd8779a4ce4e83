"""Deliveries of events to a command, a function and webhooks"""

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'event_deliveries',
        sa.Column('id', sa.String(length=32), nullable=False, comment='random: receivers remember it'),
        sa.Column('target', sa.String(length=80), nullable=False, comment="on_event, or a webhook's hash"),
        sa.Column('user', sa.String(length=255), nullable=False),
        sa.Column('type', sa.String(length=64), nullable=False),
        sa.Column('path_hash', sa.String(length=64), nullable=False),
        sa.Column('event', sa.JSON(), nullable=False, comment='as it was when it was recorded'),
        sa.Column('created_at', sa.Float(), nullable=False, comment='seconds since 1970, UTC'),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('next_at', sa.Float(), nullable=False, comment="of the next attempt: a lease's end"),
        sa.Column('worker_id', sa.String(length=32), comment='who makes an attempt now'),
        sa.CheckConstraint('worker_id IS NULL OR attempts > 0', name='attempt_of_worker'),
        sa.PrimaryKeyConstraint('id'),
    )
    op.create_index('event_deliveries_by_time', 'event_deliveries', ['target', 'next_at'])
    op.create_index('event_deliveries_of_user', 'event_deliveries', ['user', 'target', 'path_hash'])


def downgrade() -> None:
    op.drop_table('event_deliveries')
