"""The tables of credits: accounts and whose they are, entries, and what an entry draws on."""

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
    UniqueConstraint,
    text,
)

from bot.storage.metadata import metadata

accounts = Table(
    "accounts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String, nullable=False),  # member | variance | loss
    Column("guild_id", BigInteger),  # NULL: personal, or the operator's own
    Column("created_at_ms", BigInteger, nullable=False),
    CheckConstraint("kind IN ('member', 'variance', 'loss')", name="kind"),
    sqlite_autoincrement=True,
)

# Who an account belongs to stands apart, so that a person can be forgotten without touching an entry.
account_owners = Table(
    "account_owners",
    metadata,
    Column("account_id", ForeignKey("accounts.id"), primary_key=True),
    Column("guild_key", BigInteger, nullable=False),  # the guild's id, 0 for a personal account
    Column("user_id", BigInteger, nullable=False),
    UniqueConstraint("guild_key", "user_id"),
)
Index("ix_account_owners_user", account_owners.c.user_id)

# Whose an account was, as a keyed hash that nobody can read back (see bot.storage.keyed): so that a person who asked to
# be forgotten and comes back does not begin with a fresh allowance. Only until `until_ms`.
forgotten_owners = Table(
    "forgotten_owners",
    metadata,
    Column("account_id", ForeignKey("accounts.id"), primary_key=True),
    Column("owner_hash", String, nullable=False, unique=True),
    Column("until_ms", BigInteger, nullable=False),
)

entries = Table(
    "entries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("kind", String, nullable=False),
    Column("amount_credits", Integer, nullable=False),
    Column("settles_id", ForeignKey("entries.id")),  # the hold of a capture or void; the capture of a refund
    Column("picture_id", String),
    Column("expires_at_ms", BigInteger),  # grants only; NULL: never
    Column("actor", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    CheckConstraint("kind IN ('grant', 'hold', 'capture', 'void', 'refund', 'adjust')", name="kind"),
    CheckConstraint("amount_credits >= 0 OR kind = 'adjust'", name="amount"),
    CheckConstraint("(kind IN ('capture', 'void', 'refund')) = (settles_id IS NOT NULL)", name="settles"),
    CheckConstraint("kind != 'hold' OR picture_id IS NOT NULL", name="hold_has_picture"),
    sqlite_autoincrement=True,
)
Index("ix_entries_account", entries.c.account_id, entries.c.id)
Index("ix_entries_picture", entries.c.picture_id)
Index("uq_entries_hold_of_picture", entries.c.picture_id, unique=True, sqlite_where=text("kind = 'hold'"))
Index(
    "uq_entries_settlement",
    entries.c.settles_id,
    unique=True,
    sqlite_where=text("kind IN ('capture', 'void')"),
)
Index("ix_entries_refunds", entries.c.settles_id, sqlite_where=text("kind = 'refund'"))

# What an entry draws on, signed: positive uses up, negative gives back. `dated_at_ms` is the hold's time for all legs
# that go back to it, so that a window is charged for what was held in it, whenever it is settled.
legs = Table(
    "legs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("entry_id", ForeignKey("entries.id"), nullable=False),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("guild_id", BigInteger),
    Column("grant_id", ForeignKey("entries.id")),  # NULL: the window's allowance
    Column("amount_credits", Integer, nullable=False),
    Column("dated_at_ms", BigInteger, nullable=False),
    Column("channel_id", BigInteger),  # which it was asked for in; a thread counts for its channel
    CheckConstraint("amount_credits != 0", name="amount"),
    sqlite_autoincrement=True,
)
Index("ix_legs_entry", legs.c.entry_id)
Index("ix_legs_allowance", legs.c.account_id, legs.c.dated_at_ms, legs.c.amount_credits,
      sqlite_where=text("grant_id IS NULL"))  # fmt: skip
Index("ix_legs_grant", legs.c.grant_id, legs.c.amount_credits, sqlite_where=text("grant_id IS NOT NULL"))
Index("ix_legs_guild", legs.c.guild_id, legs.c.dated_at_ms, legs.c.amount_credits)
Index("ix_legs_all", legs.c.dated_at_ms, legs.c.amount_credits)
Index("ix_legs_channel", legs.c.channel_id, legs.c.dated_at_ms, legs.c.amount_credits,
      sqlite_where=text("channel_id IS NOT NULL"))  # fmt: skip
