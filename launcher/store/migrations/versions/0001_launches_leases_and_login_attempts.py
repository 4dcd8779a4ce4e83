"""Launches, leases and login attempts"""

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('launches',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('user', sa.String(length=255), nullable=False),
    sa.Column('experiment', sa.String(length=255), nullable=False),
    sa.Column('directory', sa.Text(), nullable=False),
    sa.Column('filename', sa.String(length=255), nullable=False),
    sa.Column('workspace', sa.String(length=64), nullable=True),
    sa.Column('if_exists', sa.String(length=16), nullable=False),
    sa.Column('content', sa.Text(), nullable=False, comment='the notebook; empty after the end'),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('rounds', sa.Integer(), nullable=False, comment='times the server was found gone'),
    sa.Column('path', sa.Text(), nullable=True, comment='where the notebook is, below the home'),
    sa.Column('problem', sa.JSON(none_as_null=True), nullable=True, comment='why it failed (RFC 9457)'),
    sa.Column('created_at', sa.Float(), nullable=False, comment='seconds since 1970, UTC'),
    sa.Column('updated_at', sa.Float(), nullable=False),
    sa.CheckConstraint("(state = 'done') = (path IS NOT NULL)", name='done_has_path'),
    sa.CheckConstraint("if_exists IN ('rename', 'fail', 'replace')", name='if_exists'),
    sa.CheckConstraint("state <> 'failed' OR problem IS NOT NULL", name='failed_has_problem'),
    sa.CheckConstraint("state IN ('queued', 'starting', 'uploading', 'done', 'failed', 'cancelled')", name='state'),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('launches', schema=None) as batch_op:
        batch_op.create_index('launches_of_user', ['user', 'created_at'], unique=False)

    op.create_table('leases',
    sa.Column('user', sa.String(length=255), nullable=False),
    sa.Column('path_hash', sa.String(length=64), nullable=False, comment='SHA-256: paths are long'),
    sa.Column('path', sa.Text(), nullable=False),
    sa.Column('launch_id', sa.String(length=32), nullable=False),
    sa.Column('expires_at', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('user', 'path_hash')
    )
    with op.batch_alter_table('leases', schema=None) as batch_op:
        batch_op.create_index('leases_of_launch', ['launch_id'], unique=False)

    op.create_table('login_attempts',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('who', sa.String(length=64), nullable=False),
    sa.Column('at', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('login_attempts', schema=None) as batch_op:
        batch_op.create_index('login_attempts_of', ['who', 'at'], unique=False)



def downgrade() -> None:
    with op.batch_alter_table('login_attempts', schema=None) as batch_op:
        batch_op.drop_index('login_attempts_of')

    op.drop_table('login_attempts')
    with op.batch_alter_table('leases', schema=None) as batch_op:
        batch_op.drop_index('leases_of_launch')

    op.drop_table('leases')
    with op.batch_alter_table('launches', schema=None) as batch_op:
        batch_op.drop_index('launches_of_user')

    op.drop_table('launches')
