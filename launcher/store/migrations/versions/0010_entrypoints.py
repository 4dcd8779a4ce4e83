"""The entrypoints of users, and which one each user selected per system"""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'entrypoints',
        sa.Column('id', sa.String(length=32), nullable=False),
        sa.Column('user', sa.String(length=255), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('type', sa.String(length=255), nullable=False, comment='as in the configuration'),
        sa.Column('data', sa.JSON(), nullable=False, comment='as the schema of its type says'),
        sa.Column('created_at', sa.Float(), nullable=False, comment='seconds since 1970, UTC'),
        sa.Column('updated_at', sa.Float(), nullable=False),
        sa.CheckConstraint('length(name) BETWEEN 1 AND 255', name='entrypoint_has_name'),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('user', 'name', name='entrypoints_by_name'),
        sa.UniqueConstraint('id', 'user', name='entrypoints_with_user'),
    )
    op.create_table(
        'entrypoint_systems',
        sa.Column('entrypoint', sa.String(length=32), nullable=False),
        sa.Column('user', sa.String(length=255), nullable=False),
        sa.Column('system', sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ['entrypoint', 'user'],
            ['entrypoints.id', 'entrypoints.user'],
            name='system_of_entrypoint',
            ondelete='CASCADE',
        ),
        sa.PrimaryKeyConstraint('entrypoint', 'user', 'system'),
    )
    op.create_table(
        'entrypoint_selections',
        sa.Column('user', sa.String(length=255), nullable=False),
        sa.Column('system', sa.String(length=255), nullable=False),
        sa.Column('entrypoint', sa.String(length=32), nullable=False),
        sa.Column('selected_at', sa.Float(), nullable=False, comment='seconds since 1970, UTC'),
        sa.ForeignKeyConstraint(
            ['entrypoint', 'user', 'system'],
            ['entrypoint_systems.entrypoint', 'entrypoint_systems.user', 'entrypoint_systems.system'],
            name='selection_of_entrypoint',
            ondelete='CASCADE',
        ),
        sa.PrimaryKeyConstraint('user', 'system'),
    )


def downgrade() -> None:
    op.drop_table('entrypoint_selections')
    op.drop_table('entrypoint_systems')
    op.drop_table('entrypoints')
