"""The id of the HTTP request that a launch came with"""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('launches') as launches:
        launches.add_column(sa.Column('request_id', sa.String(length=64), comment='of the HTTP request; for the log'))


def downgrade() -> None:
    with op.batch_alter_table('launches') as launches:
        launches.drop_column('request_id')
