"""The tables of the operator's desk: what each server is allowed, every change of it, and what operators are told."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, String, Table, Text, text

from bot.storage.metadata import metadata

# What the operator allows one server. A server without a row has what the settings say.
guild_limits = Table(
    "guild_limits",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("own_allowance", Integer, nullable=False, server_default=text("0")),  # 1: allowance_credits holds
    Column("allowance_credits", Integer),  # a month; NULL with an own allowance: unlimited
    Column("paused_at_ms", BigInteger),
    Column("pause_reason", Text),  # for the operators alone
    CheckConstraint("allowance_credits >= 0", name="negative"),
    CheckConstraint("own_allowance = 1 OR allowance_credits IS NULL", name="own"),
    CheckConstraint("(paused_at_ms IS NULL) = (pause_reason IS NULL)", name="pause"),
)
Index("ix_guild_limits_paused", guild_limits.c.paused_at_ms, sqlite_where=text("paused_at_ms IS NOT NULL"))

# Who changed what, from what, to what, when and why. Append-only.
operator_log = Table(
    "operator_log",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("operator_id", BigInteger, nullable=False),
    Column("action", String, nullable=False),
    Column("guild_id", BigInteger, nullable=False),
    Column("value_before", Text, nullable=False),  # JSON
    Column("value_after", Text, nullable=False),  # JSON
    Column("reason", String, nullable=False),
    Column("event_id", String, nullable=False, unique=True),  # what asked for it: one event, one change
    Column("created_at_ms", BigInteger, nullable=False),
    CheckConstraint("action IN ('allowance', 'pause', 'resume')", name="action"),
    sqlite_autoincrement=True,
)
Index("ix_operator_log_guild", operator_log.c.guild_id, operator_log.c.id)

# What an operator is to be told by direct message: a row each until it is sent, or can't be.
operator_notices = Table(
    "operator_notices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("operator_id", BigInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("facts", Text, nullable=False),  # JSON: what the words are made of
    Column("created_at_ms", BigInteger, nullable=False),
    Column("ended_at_ms", BigInteger),
    Column("outcome", String),
    CheckConstraint("kind IN ('low', 'closed', 'opened', 'price')", name="kind"),
    CheckConstraint("outcome IN ('sent', 'closed to us', 'rejected', 'too late')", name="outcome"),
    CheckConstraint("(ended_at_ms IS NULL) = (outcome IS NULL)", name="ended"),
    sqlite_autoincrement=True,
)
Index("ix_operator_notices_open", operator_notices.c.id, sqlite_where=text("ended_at_ms IS NULL"))
