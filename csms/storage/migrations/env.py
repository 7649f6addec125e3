"""Runs migrations on the connection that `csms.storage.migrate` hands over; there is no other way to run them."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from csms.storage.tables import Row

connection: Connection = context.config.attributes["connection"]
# The caller holds one transaction around everything: a migration happens whole or not at all.
context.configure(connection=connection, target_metadata=Row.metadata)
context.run_migrations()
