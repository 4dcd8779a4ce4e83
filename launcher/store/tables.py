"""The tables of the database."""

import sqlalchemy as sa

metadata = sa.MetaData()

# in JupyterHub, user names and server names have at most 255 characters; a path has at most 10
# components of 255 bytes
launches = sa.Table(
    "launches",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("user", sa.String(255), nullable=False, comment="for whom it is"),
    sa.Column("requested_by", sa.String(255), comment="the service that asked on their behalf"),
    sa.Column("request_id", sa.String(64), comment="of the HTTP request; for the log"),
    sa.Column("server_user", sa.String(255), nullable=False, comment="whose server it uses"),
    sa.Column("server", sa.String(255), nullable=False, comment="its name; '' is the default one"),
    sa.Column("spec", sa.JSON(none_as_null=True), comment="the spawn specification, if any"),
    sa.Column("spec_hash", sa.String(64)),
    # the environment that it asks for, if any
    sa.Column(
        "system",
        sa.String(255),
        sa.CheckConstraint("system IS NULL OR spec_hash IS NOT NULL", "system_has_spec"),
    ),
    sa.Column(
        "entrypoint",
        sa.String(32),
        sa.CheckConstraint("(entrypoint IS NULL) = (system IS NULL)", "entrypoint_has_system"),
    ),
    sa.Column(
        "entrypoint_name",
        sa.String(255),
        sa.CheckConstraint(
            "(entrypoint IS NULL) = (entrypoint_name IS NULL)", "entrypoint_has_its_name"
        ),
    ),
    # the git project that it opens, if any: a commit, or else a branch that is followed; the folder
    # of its workspace in the home, and the file there that is opened
    sa.Column(
        "repository",
        sa.Text,
        sa.CheckConstraint("repository IS NULL OR experiment IS NULL", "project_has_no_notebook"),
    ),
    sa.Column(
        "commit_sha",
        sa.String(40),
        sa.CheckConstraint("commit_sha IS NULL OR repository IS NOT NULL", "commit_of_project"),
    ),
    sa.Column(
        "branch",
        sa.String(255),
        sa.CheckConstraint("(branch IS NULL) = (repository IS NULL)", "project_has_branch"),
    ),
    sa.Column(
        "folder",
        sa.Text,
        sa.CheckConstraint("(folder IS NULL) = (repository IS NULL)", "project_has_folder"),
    ),
    sa.Column(
        "opens",
        sa.Text,
        sa.CheckConstraint("opens IS NULL OR repository IS NOT NULL", "opens_of_project"),
    ),
    # the notebook, if any
    sa.Column("experiment", sa.String(255)),
    sa.Column("directory", sa.Text),
    sa.Column("filename", sa.String(255)),
    sa.Column("workspace", sa.String(64)),
    sa.Column("if_exists", sa.String(16)),
    sa.Column("content", sa.Text, comment="the notebook; empty after the end"),
    sa.Column("path", sa.Text, comment="where the notebook is, below the home"),
    sa.Column(
        "link_query",
        sa.Text,
        sa.CheckConstraint(
            "link_query IS NULL OR experiment IS NOT NULL", "link_query_of_notebook"
        ),
        comment="of the link that fills in its form",
    ),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, comment="times the server was found gone"),
    sa.Column("problem", sa.JSON(none_as_null=True), comment="why it failed (RFC 9457)"),
    sa.Column("created_at", sa.Float, nullable=False, comment="seconds since 1970, UTC"),
    sa.Column("updated_at", sa.Float, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False, server_default="0", comment="of its last change"),
    sa.Column("worker_id", sa.String(32), comment="the worker that runs it; null after the end"),
    sa.Column(
        "takeovers", sa.Integer, nullable=False, server_default="0", comment="by other workers"
    ),
    sa.Column(
        "crashes",
        sa.Integer,
        nullable=False,
        server_default="0",
        comment="workers that died while they ran it",
    ),
    sa.CheckConstraint(
        "state IN ('queued', 'starting', 'uploading', 'done', 'failed', 'cancelled')", "state"
    ),
    sa.CheckConstraint("if_exists IN ('rename', 'fail', 'replace')", "if_exists"),
    sa.CheckConstraint(
        "(experiment IS NULL AND directory IS NULL AND filename IS NULL AND workspace IS NULL"
        " AND if_exists IS NULL AND content IS NULL AND path IS NULL)"
        " OR (experiment IS NOT NULL AND directory IS NOT NULL AND filename IS NOT NULL"
        " AND if_exists IS NOT NULL AND content IS NOT NULL)",
        "whole_notebook",
    ),
    sa.CheckConstraint(
        "(state = 'done' AND experiment IS NOT NULL) = (path IS NOT NULL)", "done_has_path"
    ),
    sa.CheckConstraint("state <> 'failed' OR problem IS NOT NULL", "failed_has_problem"),
    sa.CheckConstraint("(spec IS NULL) = (spec_hash IS NULL)", "spec_has_hash"),
    sa.Index("launches_of_user", "user", "created_at"),
    sa.Index("launches_of_worker", "worker_id"),
    sa.Index(
        "launches_under_way",
        "user",
        sqlite_where=sa.text("worker_id IS NOT NULL"),
        postgresql_where=sa.text("worker_id IS NOT NULL"),
    ),
    sa.Index(
        "launches_of_server",
        "server_user",
        "server",
        sqlite_where=sa.text("worker_id IS NOT NULL"),
        postgresql_where=sa.text("worker_id IS NOT NULL"),
    ),
)

# the events of a launch, without its end, which is in its row
launch_events = sa.Table(
    "launch_events",
    metadata,
    sa.Column("launch_id", sa.String(32), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("event", sa.String(16), nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)

# one launch per key, caller and user; `key_hash` is of all three
idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("key_hash", sa.String(64), primary_key=True),
    sa.Column("body_hash", sa.String(64), nullable=False),
    sa.Column("launch_id", sa.String(32), nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Index("idempotency_keys_by_age", "created_at"),
)

# the worker processes; heartbeats renew `alive_until`
workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("alive_until", sa.Float, nullable=False),
)

# the servers that launches wait for: one row per server, in the queue or being started
starts = sa.Table(
    "starts",
    metadata,
    sa.Column("user", sa.String(255), primary_key=True),
    sa.Column("server", sa.String(255), primary_key=True),
    sa.Column("queued_at", sa.Float, nullable=False),
    sa.Column("worker_id", sa.String(32), comment="the worker that starts it; null in the queue"),
    sa.Column("asked_at", sa.Float, comment="when its start was begun; null in the queue"),
    sa.Column("unwanted", sa.Boolean, nullable=False, comment="every launch was cancelled"),
    # the environment that a launch asks for, if one does
    sa.Column("system", sa.String(255)),
    sa.Column(
        "entrypoint",
        sa.String(32),
        sa.CheckConstraint("(entrypoint IS NULL) = (system IS NULL)", "start_has_system"),
    ),
    sa.Index("starts_in_turn", "queued_at"),
)

# one row: the limit of concurrent starts, its pause, and the circuit breaker
start_limit = sa.Table(
    "start_limit",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("starts", sa.Float, nullable=False),
    sa.Column("paused_until", sa.Float, nullable=False),
    sa.Column("succeeded_at", sa.Float, nullable=False),
    sa.Column(
        "trips",
        sa.Integer,
        nullable=False,
        server_default="0",
        comment="times that the breaker opened since it was closed",
    ),
    sa.Column(
        "open_until",
        sa.Float,
        nullable=False,
        server_default="0",
        comment="when the breaker goes half-open",
    ),
    sa.CheckConstraint("id = 1", "one_row"),
)

# the starts that failed since the last success
failed_starts = sa.Table(
    "failed_starts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("user", sa.String(255), nullable=False, server_default=""),
    sa.Column("kind", sa.String(64), nullable=False, comment="the problem, without its prefix"),
    sa.Column("at", sa.Float, nullable=False),
)

# the users whose last start failed
start_cooldowns = sa.Table(
    "start_cooldowns",
    metadata,
    sa.Column("user", sa.String(255), primary_key=True),
    sa.Column("server", sa.String(255), primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False, comment="in a row, while others succeeded"),
    sa.Column("kind", sa.String(64), nullable=False, comment="of the last one, as above"),
    sa.Column("ends_at", sa.Float, nullable=False),
)

# one launch at a time may write to a path of a user's home
leases = sa.Table(
    "leases",
    metadata,
    sa.Column("user", sa.String(255), primary_key=True),
    sa.Column("path_hash", sa.String(64), primary_key=True, comment="SHA-256: paths are long"),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("launch_id", sa.String(32), nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),
    sa.Index("leases_of_launch", "launch_id"),
)

# a row for every attempt that is under way or failed; `who` is a keyed hash of name and address
login_attempts = sa.Table(
    "login_attempts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("who", sa.String(64), nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Index("login_attempts_of", "who", "at"),
)

# rows that check whether the database can be written to; see probe.py
probes = sa.Table(
    "probes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("worker_id", sa.String(32), nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)

# signed links that users confirmed; `link_id` is a hash of the link
link_confirmations = sa.Table(
    "link_confirmations",
    metadata,
    sa.Column("link_id", sa.String(64), primary_key=True),
    sa.Column("user_name", sa.String(255), primary_key=True),
    sa.Column("confirmed_at", sa.Float, nullable=False, comment="seconds since 1970, UTC"),
    sa.Index("link_confirmations_by_age", "confirmed_at"),
)

# the environments of users; an option of a type has a row while it is selected
entrypoints = sa.Table(
    "entrypoints",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("user", sa.String(255), nullable=False),
    sa.Column(
        "name",
        sa.String(255),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 255", "entrypoint_has_name"),
        nullable=False,
    ),
    sa.Column("type", sa.String(255), nullable=False, comment="as in the configuration"),
    sa.Column("data", sa.JSON, nullable=False, comment="as the schema of its type says"),
    sa.Column("created_at", sa.Float, nullable=False, comment="seconds since 1970, UTC"),
    sa.Column("updated_at", sa.Float, nullable=False),
    sa.UniqueConstraint("user", "name", name="entrypoints_by_name"),
    # for the foreign key of entrypoint_systems
    sa.UniqueConstraint("id", "user", name="entrypoints_with_user"),
)

# the systems that an entrypoint is on
entrypoint_systems = sa.Table(
    "entrypoint_systems",
    metadata,
    sa.Column("entrypoint", sa.String(32), primary_key=True),
    sa.Column("user", sa.String(255), primary_key=True),
    sa.Column("system", sa.String(255), primary_key=True),
    sa.ForeignKeyConstraint(
        ["entrypoint", "user"],
        ["entrypoints.id", "entrypoints.user"],
        name="system_of_entrypoint",
        ondelete="CASCADE",
    ),
)

# at most one entrypoint per user and system: one of that user, on that system
entrypoint_selections = sa.Table(
    "entrypoint_selections",
    metadata,
    sa.Column("user", sa.String(255), primary_key=True),
    sa.Column("system", sa.String(255), primary_key=True),
    sa.Column("entrypoint", sa.String(32), nullable=False),
    sa.Column("selected_at", sa.Float, nullable=False, comment="seconds since 1970, UTC"),
    sa.ForeignKeyConstraint(
        ["entrypoint", "user", "system"],
        ["entrypoint_systems.entrypoint", "entrypoint_systems.user", "entrypoint_systems.system"],
        name="selection_of_entrypoint",
        ondelete="CASCADE",
    ),
)

# how the servers of users were started last, as the hub's spawn hook fetched it
server_specs = sa.Table(
    "server_specs",
    metadata,
    sa.Column("user", sa.String(255), primary_key=True),
    sa.Column("server", sa.String(255), primary_key=True),
    sa.Column("system", sa.String(255), nullable=False),
    sa.Column("entrypoint", sa.String(32), comment="null: the spawner's own configuration"),
    sa.Column("entrypoint_name", sa.String(255)),
    sa.Column("spec_hash", sa.String(64), nullable=False),
    sa.Column("token", sa.Text, comment="of the server, sealed; null once it was refused"),
    sa.Column("fetched_at", sa.Float, nullable=False, comment="seconds since 1970, UTC"),
    sa.CheckConstraint(
        "(entrypoint IS NULL) = (entrypoint_name IS NULL)", "entrypoint_of_server_has_name"
    ),
)

# the spawner that starts servers on a system, as the hub's spawn hook said last
spawners = sa.Table(
    "spawners",
    metadata,
    sa.Column("system", sa.String(255), primary_key=True),
    sa.Column("spawner", sa.String(255), nullable=False, comment="its class"),
    sa.Column("fields", sa.JSON, nullable=False, comment="of a specification, that it can apply"),
    sa.Column("seen_at", sa.Float, nullable=False, comment="seconds since 1970, UTC"),
)

# named servers that were made for environments; they may be removed when they are not used
environment_servers = sa.Table(
    "environment_servers",
    metadata,
    sa.Column("user", sa.String(255), primary_key=True),
    sa.Column("server", sa.String(255), primary_key=True),
    sa.Column("started_at", sa.Float, nullable=False, comment="seconds since 1970, UTC"),
    sa.CheckConstraint("server <> ''", "environment_server_is_named"),
)

# named servers that are kept for git projects
project_servers = sa.Table(
    "project_servers",
    metadata,
    sa.Column("user", sa.String(255), primary_key=True),
    sa.Column("server", sa.String(255), primary_key=True),
    sa.Column("provider", sa.String(255), nullable=False, comment="as in the configuration"),
    sa.Column("repository", sa.Text, nullable=False, comment="its canonical URL"),
    sa.Column("clone_url", sa.Text, nullable=False),
    sa.Column("namespace", sa.Text, nullable=False),
    sa.Column("project", sa.String(255), nullable=False),
    sa.Column("commit_sha", sa.String(40), comment="null: the branch is followed"),
    sa.Column("branch", sa.String(255), nullable=False),
    sa.Column("folder", sa.Text, nullable=False, comment="of the workspace, below the home"),
    sa.Column("options", sa.JSON, nullable=False, comment="as they were chosen"),
    sa.Column("image", sa.Text),
    sa.Column("image_asked", sa.Boolean, nullable=False, comment="whether its user named it"),
    sa.Column("system", sa.String(255)),
    sa.Column("entrypoint", sa.String(32), comment="null: the selected one"),
    sa.Column("created_at", sa.Float, nullable=False, comment="seconds since 1970, UTC"),
    sa.Column("start_id", sa.String(32), comment="of its last start"),
    sa.Column("checkout", sa.String(16), comment="of its last start"),
    sa.Column("detail", sa.Text, comment="what the checkout reported at its end"),
    sa.Column("credential_given", sa.Boolean, nullable=False, comment="in its last start"),
    sa.CheckConstraint("server <> ''", "project_server_is_named"),
    sa.CheckConstraint("(entrypoint IS NULL) = (system IS NULL)", "project_server_has_system"),
    sa.CheckConstraint("(start_id IS NULL) = (checkout IS NULL)", "checkout_of_start"),
    sa.CheckConstraint("checkout IN ('preparing', 'done', 'failed')", "checkout"),
)

# the tokens with which users read repositories: stored by them, or of their sign-in at the hub
git_tokens = sa.Table(
    "git_tokens",
    metadata,
    sa.Column("user", sa.String(255), primary_key=True),
    sa.Column("host", sa.String(255), primary_key=True, comment="the URL of the git host"),
    sa.Column("source", sa.String(16), primary_key=True, comment="who gave it"),
    sa.Column("token", sa.Text, nullable=False, comment="sealed, with the user name it is for"),
    sa.Column("stored_at", sa.Float, nullable=False, comment="seconds since 1970, UTC"),
    sa.CheckConstraint("source IN ('user', 'sign-in')", "git_token_source"),
)

# what happened to the notebooks of participants: a row for each type, user and path
events = sa.Table(
    "events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False, comment="of its last change"),
    sa.Column("type", sa.String(64), nullable=False),
    sa.Column("user", sa.String(255), nullable=False),
    sa.Column("filename", sa.String(255), nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("path_hash", sa.String(64), nullable=False, comment="SHA-256: paths are long"),
    sa.Column("at", sa.BigInteger, nullable=False, comment="microseconds since 1970, UTC"),
    sa.Column("received_at", sa.Float, nullable=False, comment="seconds since 1970, UTC"),
    sa.UniqueConstraint("type", "user", "path_hash", name="one_event_per_notebook"),
    sa.Index("events_by_change", "seq"),
    sa.Index("events_of_user", "user", "path_hash"),
    sa.Index("events_of_filename", "type", "filename"),
)

# one row: the number of the last change of an event; its lock puts them in order
event_sequence = sa.Table(
    "event_sequence",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.CheckConstraint("id = 1", "one_sequence"),
)

# the saves of notebooks, as participants' servers sent them
saved_notebooks = sa.Table(
    "saved_notebooks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("user", sa.String(255), nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("path_hash", sa.String(64), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False, comment="microseconds since 1970, UTC"),
    sa.Column("content_hash", sa.String(64), nullable=False, comment="SHA-256 of the content"),
    sa.Column("content", sa.LargeBinary, comment="gzip of the file; null if it was too large"),
    sa.Column("size", sa.BigInteger, nullable=False, comment="of the file, in bytes"),
    sa.Column("received_at", sa.Float, nullable=False, comment="seconds since 1970, UTC"),
    sa.Column("statistics", sa.JSON(none_as_null=True), comment="null: not counted yet"),
    sa.UniqueConstraint("user", "path_hash", "at", name="one_save_at_a_time"),
    sa.Index("saved_notebooks_by_age", "received_at"),
)

workshops = sa.Table(
    "workshops",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("notebooks", sa.JSON, nullable=False, comment="filenames, or patterns with * and ?"),
    sa.Column("group", sa.String(255), comment="of the hub, whose members take part"),
    sa.Column("users", sa.JSON, nullable=False, comment="who take part beside the group"),
    sa.Column("starts", sa.Float, comment="seconds since 1970, UTC"),
    sa.Column("ends", sa.Float),
    sa.Column("retention_days", sa.Integer, comment="null: as the site says"),
    sa.Column("created_by", sa.String(255), nullable=False),
    sa.Column("created_at", sa.Float, nullable=False, comment="seconds since 1970, UTC"),
    sa.Column("updated_at", sa.Float, nullable=False),
    sa.CheckConstraint("ends > starts", "workshop_ends_after_its_start"),
)

# events that are still to be handed to a command, a function or a webhook, from the transaction
# that recorded them
event_deliveries = sa.Table(
    "event_deliveries",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True, comment="random: receivers remember it"),
    sa.Column("target", sa.String(80), nullable=False, comment="on_event, or a webhook's hash"),
    sa.Column("user", sa.String(255), nullable=False),
    sa.Column("type", sa.String(64), nullable=False),
    sa.Column("path_hash", sa.String(64), nullable=False),
    sa.Column("event", sa.JSON, nullable=False, comment="as it was when it was recorded"),
    sa.Column("created_at", sa.Float, nullable=False, comment="seconds since 1970, UTC"),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", sa.Float, nullable=False, comment="of the next attempt: a lease's end"),
    sa.Column("worker_id", sa.String(32), comment="who makes an attempt now"),
    sa.CheckConstraint("worker_id IS NULL OR attempts > 0", "attempt_of_worker"),
    sa.Index("event_deliveries_by_time", "target", "next_at"),
    sa.Index("event_deliveries_of_user", "user", "target", "path_hash"),
)

# notebooks that teachers give to the participants of a workshop
workshop_notebooks = sa.Table(
    "workshop_notebooks",
    metadata,
    sa.Column("workshop", sa.String(64), primary_key=True),
    sa.Column("filename", sa.String(255), primary_key=True),
    sa.Column("content", sa.Text, nullable=False, comment="the notebook, as JSON"),
    sa.Column("content_hash", sa.String(64), nullable=False, comment="SHA-256 of the content"),
    sa.Column("code_cells", sa.Integer, comment="empty ones included; null: not known"),
    sa.Column("published_by", sa.String(255), nullable=False),
    sa.Column("published_at", sa.Float, nullable=False, comment="seconds since 1970, UTC"),
    sa.ForeignKeyConstraint(
        ["workshop"], ["workshops.name"], name="notebook_of_workshop", ondelete="CASCADE"
    ),
)

# launches for all participants of a workshop
workshop_launches = sa.Table(
    "workshop_launches",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("workshop", sa.String(64), nullable=False),
    sa.Column("notebook", sa.String(255), comment="null: only the servers are started"),
    sa.Column("at", sa.Float, nullable=False, comment="seconds since 1970, UTC"),
    sa.Column("begins_at", sa.Float, nullable=False, comment="the first launch"),
    sa.Column("begun_at", sa.Float, comment="when its participants were known"),
    sa.Column("ended_at", sa.Float),
    sa.Column("cancelled_at", sa.Float),
    sa.Column("problem", sa.JSON(none_as_null=True), comment="why its participants are not known"),
    sa.Column("created_by", sa.String(255), nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("worker_id", sa.String(32), comment="the worker that runs it"),
    sa.ForeignKeyConstraint(
        ["workshop"], ["workshops.name"], name="launch_of_workshop", ondelete="CASCADE"
    ),
    sa.Index("launches_of_workshop", "workshop", "created_at"),
    sa.Index(
        "workshop_launches_open",
        "begins_at",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    ),
)

# a participant of such a launch; a launch that is under way has its own state in its row
workshop_launch_members = sa.Table(
    "workshop_launch_members",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("user", sa.String(255), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("launch_id", sa.String(32), comment="of the last attempt; null before the first"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0", comment="that failed"),
    sa.Column(
        "not_before", sa.Float, nullable=False, server_default="0", comment="of the next attempt"
    ),
    sa.Column("problem", sa.JSON(none_as_null=True), comment="of the last attempt"),
    sa.CheckConstraint(
        "state IN ('waiting', 'begun', 'done', 'failed', 'cancelled')", "member_state"
    ),
    sa.CheckConstraint("state <> 'begun' OR launch_id IS NOT NULL", "begun_has_launch"),
    sa.CheckConstraint("state <> 'failed' OR problem IS NOT NULL", "failed_member_has_problem"),
    sa.ForeignKeyConstraint(
        ["id"], ["workshop_launches.id"], name="member_of_workshop_launch", ondelete="CASCADE"
    ),
    sa.Index(
        "workshop_launches_under_way",
        "id",
        sqlite_where=sa.text("state = 'begun'"),
        postgresql_where=sa.text("state = 'begun'"),
    ),
)
