"""Alembic's entry: runs on the connection, and inside the transaction, that apply.py hands over."""

from __future__ import annotations

from alembic import context

from notices.state import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
