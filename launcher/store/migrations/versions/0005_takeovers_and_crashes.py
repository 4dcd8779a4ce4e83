"""How often a launch was taken over, and how often its process died"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('launches') as launches:
        launches.add_column(sa.Column('takeovers', sa.Integer(), server_default='0', nullable=False, comment='by other processes'))
        launches.add_column(sa.Column('crashes', sa.Integer(), server_default='0', nullable=False, comment='processes that died while they worked on it'))
    under_way = sa.text('holder IS NOT NULL')
    op.create_index('launches_under_way', 'launches', ['user'], unique=False, sqlite_where=under_way, postgresql_where=under_way)


def downgrade() -> None:
    op.drop_index('launches_under_way', 'launches')
    with op.batch_alter_table('launches') as launches:
        launches.drop_column('crashes')
        launches.drop_column('takeovers')
