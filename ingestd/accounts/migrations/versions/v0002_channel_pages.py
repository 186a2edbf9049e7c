"""What a channel's page shows: its picture, what is to come, when it was live; and who may embed it.

Columns are added one by one. Alembic's batch mode would make the table anew and drop the old one, and with
it, since foreign keys are on, every stream key, publisher and target of every channel.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for name in ("picture", "next_title", "embed_sites"):
        op.add_column("channels", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    for name in ("next_at", "last_live_at"):
        op.add_column("channels", sa.Column(name, sa.Double(), nullable=True))
