"""The environments that launches ask for, and how servers were started"""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

# SQLite adds a constraint only together with its column, which Alembic does not write
OF_LAUNCHES = (
    ('system', 255, 'system_has_spec', 'system IS NULL OR spec_hash IS NOT NULL'),
    ('entrypoint', 32, 'entrypoint_has_system', '(entrypoint IS NULL) = (system IS NULL)'),
    ('entrypoint_name', 255, 'entrypoint_has_its_name', '(entrypoint IS NULL) = (entrypoint_name IS NULL)'),
)


def _add(table: str, column: str, length: int, constraint: str = '', check: str = '') -> None:
    rest = f' CONSTRAINT {constraint} CHECK ({check})' if constraint else ''
    op.execute(f'ALTER TABLE {table} ADD COLUMN {column} VARCHAR({length}){rest}')


def upgrade() -> None:
    for column in OF_LAUNCHES:
        _add('launches', *column)
    _add('starts', 'system', 255)
    _add('starts', 'entrypoint', 32, 'start_has_system', '(entrypoint IS NULL) = (system IS NULL)')
    op.create_table(
        'server_specs',
        sa.Column('user', sa.String(length=255), nullable=False),
        sa.Column('server', sa.String(length=255), nullable=False),
        sa.Column('system', sa.String(length=255), nullable=False),
        sa.Column('entrypoint', sa.String(length=32), comment="null: the spawner's own configuration"),
        sa.Column('entrypoint_name', sa.String(length=255)),
        sa.Column('spec_hash', sa.String(length=64), nullable=False),
        sa.Column('token', sa.Text(), comment='of the server, sealed; null once it was refused'),
        sa.Column('fetched_at', sa.Float(), nullable=False, comment='seconds since 1970, UTC'),
        sa.CheckConstraint(
            '(entrypoint IS NULL) = (entrypoint_name IS NULL)', name='entrypoint_of_server_has_name'
        ),
        sa.PrimaryKeyConstraint('user', 'server'),
    )
    op.create_table(
        'spawners',
        sa.Column('system', sa.String(length=255), nullable=False),
        sa.Column('spawner', sa.String(length=255), nullable=False, comment='its class'),
        sa.Column('fields', sa.JSON(), nullable=False, comment='of a specification, that it can apply'),
        sa.Column('seen_at', sa.Float(), nullable=False, comment='seconds since 1970, UTC'),
        sa.PrimaryKeyConstraint('system'),
    )
    op.create_table(
        'environment_servers',
        sa.Column('user', sa.String(length=255), nullable=False),
        sa.Column('server', sa.String(length=255), nullable=False),
        sa.Column('started_at', sa.Float(), nullable=False, comment='seconds since 1970, UTC'),
        sa.CheckConstraint("server <> ''", name='environment_server_is_named'),
        sa.PrimaryKeyConstraint('user', 'server'),
    )


def downgrade() -> None:
    for table in ('environment_servers', 'spawners', 'server_specs'):
        op.drop_table(table)
    # not in a batch: see 0009; what a constraint refers to is dropped after it
    for name in ('entrypoint', 'system'):
        op.drop_column('starts', name)
    for name in ('entrypoint_name', 'entrypoint', 'system'):
        op.drop_column('launches', name)
