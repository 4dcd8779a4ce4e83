"""Alembic's environment: runs the migrations on the engine that launcher.store hands over."""

from alembic import context

from launcher.store import locks
from launcher.store.tables import metadata

# one transaction for all of them: of processes that migrate at the same moment, one finds them done
with context.config.attributes["engine"].begin() as connection:
    locks.hold(connection, "migrations")
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    context.run_migrations()
