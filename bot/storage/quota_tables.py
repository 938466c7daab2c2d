"""The tables of quotas: the running totals that triggers keep, the rules of admins, and the log of their changes."""

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

# --- running totals: kept by triggers on entries and legs, so that no sum grows with the ledger ---

# What was used in each quarter of an hour (clocks everywhere differ by whole quarters, so every calendar window is made
# of them). "account": drawn on the allowance, not on grants. "channel", "guild" and "all" count whatever the provider
# may have been paid for: all legs, but those by which somebody is refunded.
totals = Table(
    "totals",
    metadata,
    Column("scope", String, primary_key=True),  # account | channel | guild | all
    Column("subject_id", BigInteger, primary_key=True),  # 0 for all
    Column("quarter_ms", BigInteger, primary_key=True),  # when it begins
    Column("used_credits", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

open_holds = Table(
    "open_holds",
    metadata,
    Column("hold_id", ForeignKey("entries.id"), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("amount_credits", Integer, nullable=False),
)
Index("ix_open_holds_account", open_holds.c.account_id, open_holds.c.amount_credits)

grants_left = Table(
    "grants_left",
    metadata,
    Column("grant_id", ForeignKey("entries.id"), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("expires_at_ms", BigInteger),
    Column("left_credits", Integer, nullable=False),
    CheckConstraint("left_credits >= 0", name="overdrawn"),
)
Index("ix_grants_left_account", grants_left.c.account_id, grants_left.c.expires_at_ms, grants_left.c.left_credits,
      sqlite_where=text("left_credits > 0"))  # fmt: skip

# --- rules ---

# What an admin allows. A column that is NULL says nothing: the next rule in line does.
quota_rules = Table(
    "quota_rules",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("scope", String, nullable=False),
    Column("subject_id", BigInteger, nullable=False),  # a role, member or channel; days for newcomers; else 0
    Column("period", String),  # "none": no limit on credits
    Column("credits", Integer),
    Column("running", Integer),  # requests in work at the same time
    Column("resolution", String),  # the highest
    Column("models", Text),  # JSON list; ["*"]: all
    Column("count", Integer),  # pictures of one request
    Column("reason", String, nullable=False),
    Column("set_by", BigInteger, nullable=False),
    Column("set_at_ms", BigInteger, nullable=False),
    UniqueConstraint("guild_id", "scope", "subject_id"),
    CheckConstraint("scope IN ('everyone', 'role', 'member', 'channel', 'server', 'newcomer')", name="scope"),
    CheckConstraint("(scope IN ('everyone', 'server')) = (subject_id = 0)", name="subject"),
    CheckConstraint("period IN ('day', 'week', 'month', 'none')", name="period"),
    CheckConstraint("coalesce(period IN ('day', 'week', 'month'), 0) = (credits IS NOT NULL)", name="credits"),
    CheckConstraint("credits >= 0", name="negative"),
    CheckConstraint("running >= 0", name="running"),
    CheckConstraint("count BETWEEN 1 AND 4", name="count"),
    CheckConstraint("coalesce(period, running, resolution, models, count) IS NOT NULL", name="something"),
)

# Who changed what, from what, to what, when and why. Append-only, but for a member's id: once they are forgotten the
# forgetting's (negative) stands in its place, as on their requests.
quota_log = Table(
    "quota_log",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("actor_id", BigInteger, nullable=False),
    Column("action", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("value_before", Text),  # JSON; NULL: there was nothing
    Column("value_after", Text),  # JSON; NULL: there is nothing any more
    Column("reason", String, nullable=False),
    Column("entry_id", ForeignKey("entries.id")),  # the grant or the refund
    Column("event_id", String, nullable=False, unique=True),  # what asked for it: one event, one change
    Column("created_at_ms", BigInteger, nullable=False),
    CheckConstraint("action IN ('set', 'remove', 'grant', 'refund', 'time_zone')", name="action"),
    sqlite_autoincrement=True,
)
Index("ix_quota_log_guild", quota_log.c.guild_id, quota_log.c.id)

# A change that waits for its admin to confirm it, until it expires; an operator's, too: the ids of theirs begin "op-".
quota_drafts = Table(
    "quota_drafts",
    metadata,
    Column("id", String, primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("user_id", BigInteger, nullable=False),
    Column("change", Text, nullable=False),  # JSON
    Column("expires_at_ms", BigInteger, nullable=False),
)
Index("ix_quota_drafts_expires", quota_drafts.c.expires_at_ms)
