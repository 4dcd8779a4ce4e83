"""Workshops: the events of participants' notebooks, and their saves"""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'events',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('seq', sa.Integer(), nullable=False, comment='of its last change'),
        sa.Column('type', sa.String(length=64), nullable=False),
        sa.Column('user', sa.String(length=255), nullable=False),
        sa.Column('filename', sa.String(length=255), nullable=False),
        sa.Column('path', sa.Text(), nullable=False),
        sa.Column('path_hash', sa.String(length=64), nullable=False, comment='SHA-256: paths are long'),
        sa.Column('at', sa.BigInteger(), nullable=False, comment='microseconds since 1970, UTC'),
        sa.Column('received_at', sa.Float(), nullable=False, comment='seconds since 1970, UTC'),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('type', 'user', 'path_hash', name='one_event_per_notebook'),
    )
    op.create_index('events_by_change', 'events', ['seq'])
    op.create_index('events_of_user', 'events', ['user', 'path_hash'])
    sequence = op.create_table(
        'event_sequence',
        sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('seq', sa.Integer(), nullable=False),
        sa.CheckConstraint('id = 1', name='one_sequence'),
        sa.PrimaryKeyConstraint('id'),
    )
    op.bulk_insert(sequence, [{'id': 1, 'seq': 0}])
    op.create_table(
        'saved_notebooks',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('user', sa.String(length=255), nullable=False),
        sa.Column('path', sa.Text(), nullable=False),
        sa.Column('path_hash', sa.String(length=64), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False, comment='microseconds since 1970, UTC'),
        sa.Column('content_hash', sa.String(length=64), nullable=False, comment='SHA-256 of the content'),
        sa.Column('content', sa.LargeBinary(), comment='gzip of the file; null if it was too large'),
        sa.Column('size', sa.BigInteger(), nullable=False, comment='of the file, in bytes'),
        sa.Column('received_at', sa.Float(), nullable=False, comment='seconds since 1970, UTC'),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('user', 'path_hash', 'at', name='one_save_at_a_time'),
    )
    op.create_index('saved_notebooks_by_age', 'saved_notebooks', ['received_at'])


def downgrade() -> None:
    for table in ('saved_notebooks', 'event_sequence', 'events'):
        op.drop_table(table)
