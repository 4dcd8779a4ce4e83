"""Queue, events, idempotency keys and takeover"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('launches') as launches:
        launches.add_column(sa.Column('seq', sa.Integer(), server_default='0', nullable=False, comment='of its last change'))
        launches.add_column(sa.Column('holder', sa.String(length=32), nullable=True, comment='the process that sees to it; none after the end'))
        launches.add_column(sa.Column('requested_by', sa.String(length=255), nullable=True, comment='the service that asked on behalf'))
        launches.create_index('launches_of_holder', ['holder'], unique=False)
    # nobody sees to what an older version left under way: the first process takes it over
    op.execute("UPDATE launches SET holder = '0001' WHERE state IN ('queued', 'starting', 'uploading')")
    op.create_table('events',
    sa.Column('launch_id', sa.String(length=32), nullable=False),
    sa.Column('seq', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('event', sa.String(length=16), nullable=False),
    sa.Column('data', sa.JSON(), nullable=False),
    sa.Column('at', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('launch_id', 'seq')
    )
    op.create_table('idempotency_keys',
    sa.Column('key_hash', sa.String(length=64), nullable=False),
    sa.Column('body_hash', sa.String(length=64), nullable=False),
    sa.Column('launch_id', sa.String(length=32), nullable=False),
    sa.Column('created_at', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('key_hash')
    )
    op.create_index('idempotency_keys_by_age', 'idempotency_keys', ['created_at'], unique=False)
    op.create_table('processes',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('alive_until', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('starts',
    sa.Column('user', sa.String(length=255), nullable=False),
    sa.Column('queued_at', sa.Float(), nullable=False),
    sa.Column('holder', sa.String(length=32), nullable=True, comment='the process that starts it; none in the queue'),
    sa.Column('unwanted', sa.Boolean(), nullable=False, comment='every launch was cancelled'),
    sa.PrimaryKeyConstraint('user')
    )
    op.create_index('starts_in_turn', 'starts', ['queued_at'], unique=False)
    op.create_table('start_limit',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('starts', sa.Float(), nullable=False),
    sa.Column('paused_until', sa.Float(), nullable=False),
    sa.Column('succeeded_at', sa.Float(), nullable=False),
    sa.CheckConstraint('id = 1', name='one_row'),
    sa.PrimaryKeyConstraint('id')
    )
    op.execute("INSERT INTO start_limit (id, starts, paused_until, succeeded_at) VALUES (1, 1000000, 0, 0)")
    op.create_table('failed_starts',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=64), nullable=False, comment='the problem, without its prefix'),
    sa.Column('at', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )


def downgrade() -> None:
    for table in ('failed_starts', 'start_limit', 'starts', 'processes', 'idempotency_keys', 'events'):
        op.drop_table(table)
    with op.batch_alter_table('launches') as launches:
        launches.drop_index('launches_of_holder')
        launches.drop_column('requested_by')
        launches.drop_column('holder')
        launches.drop_column('seq')
