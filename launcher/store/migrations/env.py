"""Alembic's environment: runs the migrations on the engine that launcher.store passes."""

from alembic import context

from launcher.store import locks
from launcher.store.tables import metadata

# one transaction for all migrations: several processes may migrate at the same moment
with context.config.attributes["engine"].begin() as connection:
    locks.acquire(connection, "migrations")
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    context.run_migrations()
