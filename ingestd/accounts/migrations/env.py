"""Run by Alembic, inside the transaction of the connection that it is given."""

from __future__ import annotations

from alembic import context

from ingestd.accounts.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite changes a table by making it anew
)
with context.begin_transaction():
    context.run_migrations()
