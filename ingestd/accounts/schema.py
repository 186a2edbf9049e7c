"""The tables. Migrations make them; a test compares the two.

Ids are 16 hexadecimal digits, times Unix seconds. What proves who somebody is (password, key,
session) stands here as a hash or a digest only; the keys of push targets are encrypted.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Double, ForeignKey, LargeBinary, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

VERSION = "0002"
"""The migration that made these tables: the newest one."""

_NAMING = {  # a constraint needs a name to be changed by a later migration
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=_NAMING)
    type_annotation_map = {float: Double(), bytes: LargeBinary()}


class StateRow(Base):
    """The one row that every change of the directory bumps, so that other processes notice it.

    As a row that every writer changes first it also puts writers in line. ``fingerprint``: see
    :attr:`Digests.fingerprint`.
    """

    __tablename__ = "state"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]
    fingerprint: Mapped[bytes]


class UserRow(Base):
    __tablename__ = "users"
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    password: Mapped[str] = mapped_column(Text)  # argon2id, with its parameters and salt
    role: Mapped[str] = mapped_column(String(16))
    disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[float]


class SessionRow(Base):
    __tablename__ = "sessions"
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    digest: Mapped[bytes] = mapped_column(unique=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    device: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    created_at: Mapped[float]
    last_used_at: Mapped[float]


class ChannelRow(Base):
    __tablename__ = "channels"
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    private: Mapped[bool]
    record: Mapped[bool]
    created_at: Mapped[float]
    picture: Mapped[str] = mapped_column(Text, default="", server_default="")
    next_at: Mapped[float | None]
    next_title: Mapped[str] = mapped_column(Text, default="", server_default="")
    embed_sites: Mapped[str] = mapped_column(Text, default="", server_default="")  # with spaces between
    last_live_at: Mapped[float | None]


class PublisherRow(Base):
    __tablename__ = "publishers"
    channel_id: Mapped[str] = mapped_column(ForeignKey("channels.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class KeyRow(Base):
    __tablename__ = "stream_keys"
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    channel_id: Mapped[str] = mapped_column(ForeignKey("channels.id", ondelete="CASCADE"), index=True)
    digest: Mapped[bytes] = mapped_column(unique=True)
    label: Mapped[str] = mapped_column(Text)
    created_at: Mapped[float]
    last_used_at: Mapped[float | None]
    last_used_from: Mapped[str | None] = mapped_column(Text)


class TargetRow(Base):
    __tablename__ = "targets"
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    channel_id: Mapped[str] = mapped_column(ForeignKey("channels.id", ondelete="CASCADE"), index=True)
    url: Mapped[str] = mapped_column(Text)
    sealed: Mapped[bytes]  # its key, encrypted
    rendition: Mapped[str] = mapped_column(Text)
    enabled: Mapped[bool]
    created_at: Mapped[float]


class RevocationRow(Base):
    """A token that is good no more; the row goes when the token would have expired."""

    __tablename__ = "revocations"
    jti: Mapped[str] = mapped_column(String(200), primary_key=True)
    expires_at: Mapped[float]


class AuditRow(Base):
    """Names, not ids: what it tells outlives whom it tells of."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[float]
    who: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text, index=True)
    address: Mapped[str] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(Text)
