"""Workshops, and the statistics of saved notebooks"""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'workshops',
        sa.Column('name', sa.String(length=64), nullable=False),
        sa.Column('title', sa.Text(), nullable=False),
        sa.Column('notebooks', sa.JSON(), nullable=False, comment='filenames, or patterns with * and ?'),
        sa.Column('group', sa.String(length=255), comment='of the hub, whose members take part'),
        sa.Column('users', sa.JSON(), nullable=False, comment='who take part beside the group'),
        sa.Column('starts', sa.Float(), comment='seconds since 1970, UTC'),
        sa.Column('ends', sa.Float()),
        sa.Column('retention_days', sa.Integer(), comment='null: as the site says'),
        sa.Column('created_by', sa.String(length=255), nullable=False),
        sa.Column('created_at', sa.Float(), nullable=False, comment='seconds since 1970, UTC'),
        sa.Column('updated_at', sa.Float(), nullable=False),
        sa.CheckConstraint('ends > starts', name='workshop_ends_after_its_start'),
        sa.PrimaryKeyConstraint('name'),
    )
    statistics = sa.Column('statistics', sa.JSON(none_as_null=True), comment='null: not counted yet')
    op.add_column('saved_notebooks', statistics)
    # all that is kept of one filename
    op.create_index('events_of_filename', 'events', ['type', 'filename'])


def downgrade() -> None:
    op.drop_index('events_of_filename', 'events')
    with op.batch_alter_table('saved_notebooks') as table:
        table.drop_column('statistics')
    op.drop_table('workshops')
