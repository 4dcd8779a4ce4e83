"""Signed links that users confirmed"""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'link_confirmations',
        sa.Column('link_id', sa.String(length=64), nullable=False),
        sa.Column('user_name', sa.String(length=255), nullable=False),
        sa.Column('confirmed_at', sa.Float(), nullable=False, comment='seconds since 1970, UTC'),
        sa.PrimaryKeyConstraint('link_id', 'user_name'),
    )
    op.create_index('link_confirmations_by_age', 'link_confirmations', ['confirmed_at'])


def downgrade() -> None:
    op.drop_index('link_confirmations_by_age', table_name='link_confirmations')
    op.drop_table('link_confirmations')
