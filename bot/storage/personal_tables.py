"""The tables of what people keep and choose: drafts, trays, preferences, styles; and of forgetting them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from bot.storage.metadata import metadata

# A request that is not one yet: behind a button or a modal, until it expires. Nothing is held for it.
drafts = Table(
    "drafts",
    metadata,
    Column("id", String, primary_key=True),
    Column("user_id", BigInteger, nullable=False),
    Column("guild_id", BigInteger),
    Column("request", Text, nullable=False),  # JSON of a GenerationRequest
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("request_id", ForeignKey("requests.id"), unique=True),  # what it became: at most one
)
Index("ix_drafts_expires", drafts.c.expires_at_ms)

tray_images = Table(
    "tray_images",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", BigInteger, nullable=False),
    Column("filename", String, nullable=False),
    Column("path", String),  # relative to the data folder; NULL when the bytes are gone
    Column("mime", String, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("removed_at_ms", BigInteger),  # it is in no tray any more; its bytes go a little later
    sqlite_autoincrement=True,
)
Index("ix_tray_images_user", tray_images.c.user_id, sqlite_where=text("removed_at_ms IS NULL"))
Index("ix_tray_images_bytes", tray_images.c.expires_at_ms, sqlite_where=text("path IS NOT NULL"))

preferences = Table(
    "preferences",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("model", String),
    Column("aspect_ratio", String),
    Column("resolution", String),
    Column("output_format", String),
    Column("private", Integer),
    Column("notify", Integer),
    Column("updated_at_ms", BigInteger, nullable=False),
)

styles = Table(
    "styles",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", BigInteger, nullable=False),
    Column("name", String, nullable=False),
    Column("name_key", String, nullable=False),  # case-folded: names differ by more than their case
    Column("suffix", Text, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    UniqueConstraint("user_id", "name_key"),
)

# --- forgetting ---

# A person who asked to be forgotten: nobody by then, its id (negative) stands where theirs stood.
forgettings = Table(
    "forgettings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("with_messages", Integer, nullable=False),  # their posts go too
    Column("asked_at_ms", BigInteger, nullable=False),
    Column("done_at_ms", BigInteger),
    sqlite_autoincrement=True,
)
Index("ix_forgettings_open", forgettings.c.id, sqlite_where=text("done_at_ms IS NULL"))

# What is to be removed outside of the database, written down in the transaction that no longer speaks of it.
removals = Table(
    "removals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", String),  # of a file, relative to the data folder; else of a message:
    Column("guild_id", BigInteger),
    Column("channel_id", BigInteger),
    Column("message_id", BigInteger),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("due_at_ms", BigInteger, nullable=False),
    CheckConstraint("(path IS NULL) = (message_id IS NOT NULL)", name="one_thing"),
)
