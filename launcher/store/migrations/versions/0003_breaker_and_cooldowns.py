"""Breaker and cool-downs"""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('starts') as starts:
        starts.add_column(sa.Column('asked_at', sa.Float(), nullable=True, comment='when its start was begun; none in the queue'))
    # what an older version was starting, the hub may be starting still
    op.execute("UPDATE starts SET asked_at = queued_at WHERE holder IS NOT NULL")
    with op.batch_alter_table('start_limit') as start_limit:
        start_limit.add_column(sa.Column('trips', sa.Integer(), server_default='0', nullable=False, comment='times that the breaker opened since it was closed'))
        start_limit.add_column(sa.Column('open_until', sa.Float(), server_default='0', nullable=False, comment='when the breaker goes half-open'))
    # older failures are nobody's, and count as one user's
    with op.batch_alter_table('failed_starts') as failed_starts:
        failed_starts.add_column(sa.Column('user', sa.String(length=255), server_default='', nullable=False))
    op.create_table('start_cooldowns',
    sa.Column('user', sa.String(length=255), nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False, comment='in a row, while others succeeded'),
    sa.Column('kind', sa.String(length=64), nullable=False, comment='of the last one, as above'),
    sa.Column('ends_at', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('user')
    )


def downgrade() -> None:
    op.drop_table('start_cooldowns')
    with op.batch_alter_table('failed_starts') as failed_starts:
        failed_starts.drop_column('user')
    with op.batch_alter_table('start_limit') as start_limit:
        start_limit.drop_column('open_until')
        start_limit.drop_column('trips')
    with op.batch_alter_table('starts') as starts:
        starts.drop_column('asked_at')
