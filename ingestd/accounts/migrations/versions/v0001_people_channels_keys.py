"""People, channels, keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _state()
    _people()
    _channels()
    _keys_and_targets()
    _audit()


def _id(name: str = "id", *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(16), nullable=null)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _times(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Double(), nullable=False) for name in names]


def _belongs(table: str, column: str, other: str, when_gone: str = "CASCADE") -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}"
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name, ondelete=when_gone)


def _unique(table: str, column: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(column, name=f"uq_{table}_{column}")


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*(columns or ["id"]), name=f"pk_{table}")


def _index(table: str, column: str) -> None:
    op.create_index(f"ix_{table}_{column}", table, [column])


def _state() -> None:
    op.create_table(
        "state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_state_one_row"),
        _key("state"),
    )
    op.create_table(
        "revocations",
        sa.Column("jti", sa.String(200), nullable=False),
        *_times("expires_at"),
        _key("revocations", "jti"),
    )


def _people() -> None:
    op.create_table(
        "users",
        _id(),
        sa.Column("name", sa.String(64), nullable=False),
        *_texts("password"),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        *_times("created_at"),
        _key("users"),
        _unique("users", "name"),
    )
    op.create_table(
        "sessions",
        _id(),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        _id("user_id"),
        *_texts("device", "address"),
        *_times("created_at", "last_used_at"),
        _belongs("sessions", "user_id", "users"),
        _key("sessions"),
        _unique("sessions", "digest"),
    )
    _index("sessions", "user_id")


def _channels() -> None:
    op.create_table(
        "channels",
        _id(),
        sa.Column("name", sa.String(64), nullable=False),
        *_texts("title", "description"),
        _id("owner_id", null=True),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("record", sa.Boolean(), nullable=False),
        *_times("created_at"),
        _belongs("channels", "owner_id", "users", "SET NULL"),
        _key("channels"),
        _unique("channels", "name"),
    )
    _index("channels", "owner_id")
    op.create_table(
        "publishers",
        _id("channel_id"),
        _id("user_id"),
        _belongs("publishers", "channel_id", "channels"),
        _belongs("publishers", "user_id", "users"),
        _key("publishers", "channel_id", "user_id"),
    )
    _index("publishers", "user_id")


def _keys_and_targets() -> None:
    op.create_table(
        "stream_keys",
        _id(),
        _id("channel_id"),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        *_texts("label"),
        *_times("created_at"),
        sa.Column("last_used_at", sa.Double(), nullable=True),
        sa.Column("last_used_from", sa.Text(), nullable=True),
        _belongs("stream_keys", "channel_id", "channels"),
        _key("stream_keys"),
        _unique("stream_keys", "digest"),
    )
    _index("stream_keys", "channel_id")
    op.create_table(
        "targets",
        _id(),
        _id("channel_id"),
        *_texts("url"),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        *_texts("rendition"),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        *_times("created_at"),
        _belongs("targets", "channel_id", "channels"),
        _key("targets"),
    )
    _index("targets", "channel_id")


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        *_times("at"),
        *_texts("who", "action", "subject", "address", "detail"),
        _key("audit"),
    )
    _index("audit", "subject")
