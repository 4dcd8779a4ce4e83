"""Servers beside users, launches without a notebook, and tables and columns under their new names"""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

STATES = "state IN ('queued', 'starting', 'uploading', 'done', 'failed', 'cancelled')"
IF_EXISTS = "if_exists IN ('rename', 'fail', 'replace')"
FAILED = "state <> 'failed' OR problem IS NOT NULL"
WHOLE_NOTEBOOK = (
    "(experiment IS NULL AND directory IS NULL AND filename IS NULL AND workspace IS NULL"
    " AND if_exists IS NULL AND content IS NULL AND path IS NULL)"
    " OR (experiment IS NOT NULL AND directory IS NOT NULL AND filename IS NOT NULL"
    " AND if_exists IS NOT NULL AND content IS NOT NULL)"
)
# in the order of both versions
SHARED = (
    'id, "user", requested_by, request_id, experiment, directory, filename, workspace, if_exists,'
    ' content, path, state, problem, created_at, updated_at, seq, takeovers, crashes'
)


def _launches(*columns, constraints, worker):
    op.create_table('launches',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('user', sa.String(length=255), nullable=False, comment='for whom it is'),
    sa.Column('requested_by', sa.String(length=255), comment='the service that asked on their behalf'),
    sa.Column('request_id', sa.String(length=64), comment='of the HTTP request; for the log'),
    *columns,
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('problem', sa.JSON(none_as_null=True), comment='why it failed (RFC 9457)'),
    sa.Column('created_at', sa.Float(), nullable=False, comment='seconds since 1970, UTC'),
    sa.Column('updated_at', sa.Float(), nullable=False),
    sa.Column('seq', sa.Integer(), nullable=False, server_default='0', comment='of its last change'),
    sa.Column('takeovers', sa.Integer(), nullable=False, server_default='0', comment='by other workers'),
    sa.Column('crashes', sa.Integer(), nullable=False, server_default='0', comment='workers that died while they ran it'),
    sa.CheckConstraint(STATES, name='state'),
    sa.CheckConstraint(IF_EXISTS, name='if_exists'),
    sa.CheckConstraint(FAILED, name='failed_has_problem'),
    *constraints,
    sa.PrimaryKeyConstraint('id')
    )
    under_way = {'sqlite_where': sa.text(f'{worker} IS NOT NULL'), 'postgresql_where': sa.text(f'{worker} IS NOT NULL')}
    op.create_index('launches_of_user', 'launches', ['user', 'created_at'])
    op.create_index('launches_under_way', 'launches', ['user'], **under_way)
    if worker == 'worker_id':
        op.create_index('launches_of_worker', 'launches', ['worker_id'])
        op.create_index('launches_of_server', 'launches', ['server_user', 'server'], **under_way)
    else:
        op.create_index('launches_of_holder', 'launches', ['holder'])


def _set_aside(table):
    op.execute(f'CREATE TABLE {table}_before AS SELECT * FROM {table}')
    op.drop_table(table)


def _copy(table, columns, before, where='1 = 1'):
    op.execute(f'INSERT INTO {table} ({columns}) SELECT {before} FROM {table}_before WHERE {where}')
    op.drop_table(f'{table}_before')


def upgrade() -> None:
    _set_aside('launches')
    _launches(
        sa.Column('server_user', sa.String(length=255), nullable=False, comment='whose server it uses'),
        sa.Column('server', sa.String(length=255), nullable=False, comment="its name; '' is the default one"),
        sa.Column('spec', sa.JSON(none_as_null=True), comment='the spawn specification, if any'),
        sa.Column('spec_hash', sa.String(length=64)),
        sa.Column('experiment', sa.String(length=255)),
        sa.Column('directory', sa.Text()),
        sa.Column('filename', sa.String(length=255)),
        sa.Column('workspace', sa.String(length=64)),
        sa.Column('if_exists', sa.String(length=16)),
        sa.Column('content', sa.Text(), comment='the notebook; empty after the end'),
        sa.Column('path', sa.Text(), comment='where the notebook is, below the home'),
        sa.Column('attempts', sa.Integer(), nullable=False, comment='times the server was found gone'),
        sa.Column('worker_id', sa.String(length=32), comment='the worker that runs it; null after the end'),
        constraints=(
            sa.CheckConstraint(WHOLE_NOTEBOOK, name='whole_notebook'),
            sa.CheckConstraint("(state = 'done' AND experiment IS NOT NULL) = (path IS NOT NULL)", name='done_has_path'),
            sa.CheckConstraint('(spec IS NULL) = (spec_hash IS NULL)', name='spec_has_hash'),
        ),
        worker='worker_id',
    )
    _copy('launches', f"{SHARED}, server_user, server, attempts, worker_id", f"""{SHARED}, "user", '', rounds, holder""")
    _set_aside('starts')
    op.create_table('starts',
    sa.Column('user', sa.String(length=255), nullable=False),
    sa.Column('server', sa.String(length=255), nullable=False),
    sa.Column('queued_at', sa.Float(), nullable=False),
    sa.Column('worker_id', sa.String(length=32), comment='the worker that starts it; null in the queue'),
    sa.Column('asked_at', sa.Float(), comment='when its start was begun; null in the queue'),
    sa.Column('unwanted', sa.Boolean(), nullable=False, comment='every launch was cancelled'),
    sa.PrimaryKeyConstraint('user', 'server')
    )
    op.create_index('starts_in_turn', 'starts', ['queued_at'])
    _copy('starts', '"user", server, queued_at, worker_id, asked_at, unwanted', """"user", '', queued_at, holder, asked_at, unwanted""")
    _set_aside('start_cooldowns')
    _cooldowns(sa.Column('server', sa.String(length=255), nullable=False), key=('user', 'server'))
    _copy('start_cooldowns', '"user", server, failures, kind, ends_at', """"user", '', failures, kind, ends_at""")
    _events('launch_events')
    op.execute('INSERT INTO launch_events SELECT launch_id, seq, event, data, at FROM events')
    op.drop_table('events')
    _workers('workers')
    op.execute('INSERT INTO workers SELECT id, alive_until FROM processes')
    op.drop_table('processes')


def _events(name):
    op.create_table(name,
    sa.Column('launch_id', sa.String(length=32), nullable=False),
    sa.Column('seq', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('event', sa.String(length=16), nullable=False),
    sa.Column('data', sa.JSON(), nullable=False),
    sa.Column('at', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('launch_id', 'seq')
    )


def _cooldowns(*columns, key):
    op.create_table('start_cooldowns',
    sa.Column('user', sa.String(length=255), nullable=False),
    *columns,
    sa.Column('failures', sa.Integer(), nullable=False, comment='in a row, while others succeeded'),
    sa.Column('kind', sa.String(length=64), nullable=False, comment='of the last one, as above'),
    sa.Column('ends_at', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint(*key)
    )


def _workers(name):
    op.create_table(name,
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('alive_until', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )


def downgrade() -> None:
    """Launches without a notebook, and launches and starts on named servers, are lost."""
    _workers('processes')
    op.execute('INSERT INTO processes SELECT id, alive_until FROM workers')
    op.drop_table('workers')
    _set_aside('start_cooldowns')
    _cooldowns(key=('user',))
    _copy('start_cooldowns', '"user", failures, kind, ends_at', '"user", failures, kind, ends_at', "server = ''")
    _set_aside('starts')
    op.create_table('starts',
    sa.Column('user', sa.String(length=255), nullable=False),
    sa.Column('queued_at', sa.Float(), nullable=False),
    sa.Column('holder', sa.String(length=32), comment='the process that starts it; none in the queue'),
    sa.Column('asked_at', sa.Float(), comment='when its start was begun; none in the queue'),
    sa.Column('unwanted', sa.Boolean(), nullable=False, comment='every launch was cancelled'),
    sa.PrimaryKeyConstraint('user')
    )
    op.create_index('starts_in_turn', 'starts', ['queued_at'])
    _copy('starts', '"user", queued_at, holder, asked_at, unwanted', '"user", queued_at, worker_id, asked_at, unwanted', "server = ''")
    _set_aside('launches')
    _launches(
        sa.Column('experiment', sa.String(length=255), nullable=False),
        sa.Column('directory', sa.Text(), nullable=False),
        sa.Column('filename', sa.String(length=255), nullable=False),
        sa.Column('workspace', sa.String(length=64)),
        sa.Column('if_exists', sa.String(length=16), nullable=False),
        sa.Column('content', sa.Text(), nullable=False, comment='the notebook; empty after the end'),
        sa.Column('path', sa.Text(), comment='where the notebook is, below the home'),
        sa.Column('rounds', sa.Integer(), nullable=False, comment='times the server was found gone'),
        sa.Column('holder', sa.String(length=32), comment='the process that sees to it; none after the end'),
        constraints=(sa.CheckConstraint("(state = 'done') = (path IS NOT NULL)", name='done_has_path'),),
        worker='holder',
    )
    _copy('launches', f'{SHARED}, rounds, holder', f'{SHARED}, attempts, worker_id', "experiment IS NOT NULL AND server = ''")
    _events('events')
    op.execute(
        'INSERT INTO events SELECT launch_id, seq, event, data, at FROM launch_events'
        ' WHERE launch_id IN (SELECT id FROM launches)'
    )
    op.drop_table('launch_events')
