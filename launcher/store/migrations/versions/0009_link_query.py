"""The query of the link that fills in a launch's form"""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


OF_NOTEBOOK = 'link_query IS NULL OR experiment IS NOT NULL'


def upgrade() -> None:
    # SQLite adds a constraint only together with its column, which Alembic does not write
    op.execute(f'ALTER TABLE launches ADD COLUMN link_query TEXT CONSTRAINT link_query_of_notebook CHECK ({OF_NOTEBOOK})')
    if op.get_bind().dialect.supports_comments:
        op.alter_column('launches', 'link_query', existing_type=sa.Text(), comment='of the link that fills in its form')


def downgrade() -> None:
    # not in a batch, which would make the table anew without its partial indexes (SQLite >= 3.35)
    op.drop_column('launches', 'link_query')
