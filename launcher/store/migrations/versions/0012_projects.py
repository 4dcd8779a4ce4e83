"""Git projects: the servers that are kept for them, and the users' tokens for git hosts"""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

# see 0011; the order matters: a constraint refers to columns before it
OF_LAUNCHES = (
    ('repository', 'TEXT', 'project_has_no_notebook', 'repository IS NULL OR experiment IS NULL'),
    ('commit_sha', 'VARCHAR(40)', 'commit_of_project', 'commit_sha IS NULL OR repository IS NOT NULL'),
    ('branch', 'VARCHAR(255)', 'project_has_branch', '(branch IS NULL) = (repository IS NULL)'),
    ('folder', 'TEXT', 'project_has_folder', '(folder IS NULL) = (repository IS NULL)'),
    ('opens', 'TEXT', 'opens_of_project', 'opens IS NULL OR repository IS NOT NULL'),
)


def upgrade() -> None:
    for name, kind, constraint, check in OF_LAUNCHES:
        op.execute(f'ALTER TABLE launches ADD COLUMN {name} {kind} CONSTRAINT {constraint} CHECK ({check})')
    op.create_table(
        'project_servers',
        sa.Column('user', sa.String(length=255), nullable=False),
        sa.Column('server', sa.String(length=255), nullable=False),
        sa.Column('provider', sa.String(length=255), nullable=False, comment='as in the configuration'),
        sa.Column('repository', sa.Text(), nullable=False, comment='its canonical URL'),
        sa.Column('clone_url', sa.Text(), nullable=False),
        sa.Column('namespace', sa.Text(), nullable=False),
        sa.Column('project', sa.String(length=255), nullable=False),
        sa.Column('commit_sha', sa.String(length=40), comment='null: the branch is followed'),
        sa.Column('branch', sa.String(length=255), nullable=False),
        sa.Column('folder', sa.Text(), nullable=False, comment='of the workspace, below the home'),
        sa.Column('options', sa.JSON(), nullable=False, comment='as they were chosen'),
        sa.Column('image', sa.Text()),
        sa.Column('image_asked', sa.Boolean(), nullable=False, comment='whether its user named it'),
        sa.Column('system', sa.String(length=255)),
        sa.Column('entrypoint', sa.String(length=32), comment='null: the selected one'),
        sa.Column('created_at', sa.Float(), nullable=False, comment='seconds since 1970, UTC'),
        sa.Column('start_id', sa.String(length=32), comment='of its last start'),
        sa.Column('checkout', sa.String(length=16), comment='of its last start'),
        sa.Column('detail', sa.Text(), comment='what the checkout reported at its end'),
        sa.Column('credential_given', sa.Boolean(), nullable=False, comment='in its last start'),
        sa.CheckConstraint("server <> ''", name='project_server_is_named'),
        sa.CheckConstraint(
            '(entrypoint IS NULL) = (system IS NULL)', name='project_server_has_system'
        ),
        sa.CheckConstraint('(start_id IS NULL) = (checkout IS NULL)', name='checkout_of_start'),
        sa.CheckConstraint("checkout IN ('preparing', 'done', 'failed')", name='checkout'),
        sa.PrimaryKeyConstraint('user', 'server'),
    )
    op.create_table(
        'git_tokens',
        sa.Column('user', sa.String(length=255), nullable=False),
        sa.Column('host', sa.String(length=255), nullable=False, comment='the URL of the git host'),
        sa.Column('source', sa.String(length=16), nullable=False, comment='who gave it'),
        sa.Column('token', sa.Text(), nullable=False, comment='sealed, with the user name it is for'),
        sa.Column('stored_at', sa.Float(), nullable=False, comment='seconds since 1970, UTC'),
        sa.CheckConstraint("source IN ('user', 'sign-in')", name='git_token_source'),
        sa.PrimaryKeyConstraint('user', 'host', 'source'),
    )


def downgrade() -> None:
    for table in ('git_tokens', 'project_servers'):
        op.drop_table(table)
    for name, *_ in reversed(OF_LAUNCHES):
        op.drop_column('launches', name)
