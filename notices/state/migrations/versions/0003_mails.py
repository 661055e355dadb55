"""A mail stands in a table of its own: a delivery is written anew at each step of sending, its mail never."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Move every mail."""
    op.create_table(
        "mails",
        sa.Column("delivery_id", sa.String(length=64), nullable=False),
        sa.Column("sealed_mime", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.delivery_id"], name=op.f("fk_mails_delivery_id")),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_mails")),
    )
    op.execute("INSERT INTO mails (delivery_id, sealed_mime) SELECT delivery_id, sealed_mime FROM deliveries")
    op.drop_column("deliveries", "sealed_mime")


def downgrade() -> None:
    """Move every mail back."""
    there = sa.Column("sealed_mime", sa.LargeBinary(), nullable=False, server_default=sa.text("''"))
    op.add_column("deliveries", there)
    op.execute(
        "UPDATE deliveries SET sealed_mime = (SELECT sealed_mime FROM mails WHERE mails.delivery_id = "
        "deliveries.delivery_id) WHERE delivery_id IN (SELECT delivery_id FROM mails)"
    )
    op.drop_table("mails")
