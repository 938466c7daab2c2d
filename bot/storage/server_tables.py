"""The tables of servers: their settings and rules, the gallery, reports, bans, changes and the log."""

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

guild_settings = Table(
    "guild_settings",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("gallery_channel_id", BigInteger),
    Column("reports_channel_id", BigInteger),
    Column("updated_at_ms", BigInteger, nullable=False),
    Column("updated_by", BigInteger, nullable=False),
    Column("time_zone", String),  # IANA name; NULL: UTC
)

# A picture stands in its server's gallery once. The row is committed before the message is sent.
gallery_posts = Table(
    "gallery_posts",
    metadata,
    Column("picture_id", ForeignKey("pictures.id"), primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("channel_id", BigInteger, nullable=False),
    Column("message_id", BigInteger),  # NULL: not known to have arrived
    Column("posted_by", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)
Index("ix_gallery_posts_message", gallery_posts.c.message_id)

reports = Table(
    "reports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("request_id", ForeignKey("requests.id"), nullable=False),
    Column("guild_id", BigInteger, nullable=False),
    Column("reporter_id", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("channel_id", BigInteger),  # where moderators see it
    Column("message_id", BigInteger),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("handled_at_ms", BigInteger),
    Column("handled_by", BigInteger),
    UniqueConstraint("request_id", "reporter_id"),
    CheckConstraint("state IN ('open', 'dismissed', 'deleted')", name="state"),
    sqlite_autoincrement=True,
)
Index("ix_reports_open", reports.c.guild_id, sqlite_where=text("state = 'open'"))

# What a server's admins allow. Lists are JSON: ids, a model's ids, or words as they were typed. Empty: no limit.
house_rules = Table(
    "house_rules",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("channels", Text, nullable=False, server_default=text("'[]'")),
    Column("roles_allowed", Text, nullable=False, server_default=text("'[]'")),
    Column("roles_denied", Text, nullable=False, server_default=text("'[]'")),
    Column("terms", Text, nullable=False, server_default=text("'[]'")),
    Column("age_restricted_only", Integer, nullable=False, server_default=text("0")),
    Column("models", Text, nullable=False, server_default=text("'[]'")),
    Column("default_model", String),
    Column("private_allowed", Integer, nullable=False, server_default=text("1")),
    Column("slow_mode_s", Integer, nullable=False, server_default=text("0")),
    Column("log_channel_id", BigInteger),
    Column("log_private", Integer, nullable=False, server_default=text("0")),  # the log shows prompts of private ones
)

# From the bot alone. One stands at a time; one that has expired stands until it is lifted or another takes its place.
bans = Table(
    "bans",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("user_id", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("banned_by", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger),  # NULL: until it is lifted
    Column("lifted_at_ms", BigInteger),
    Column("lifted_by", BigInteger),
    Column("forgotten_at_ms", BigInteger),  # its person asked to be forgotten while it stood: it goes when it ends
    sqlite_autoincrement=True,
)
Index("ix_bans_forgotten", bans.c.expires_at_ms, sqlite_where=text("forgotten_at_ms IS NOT NULL"))
Index("uq_bans_standing", bans.c.guild_id, bans.c.user_id, unique=True, sqlite_where=text("lifted_at_ms IS NULL"))

# Who changed which setting, from what to what (JSON). Append-only, but for whom a ban was about: 0 stands there, and
# leads nowhere, once they asked to be forgotten.
setting_changes = Table(
    "setting_changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("changed_by", BigInteger, nullable=False),  # 0: the bot itself
    Column("name", String, nullable=False),
    Column("was", Text, nullable=False),
    Column("became", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
Index("ix_setting_changes_guild", setting_changes.c.guild_id, setting_changes.c.id)

# What waits to be posted to a server's log channel; a line that was posted is removed.
log_lines = Table(
    "log_lines",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("ref", String),  # the request's id, the change's, or the quota log's line
    Column("words", Text),
    Column("batch_id", Integer),  # the lines that were first tried in one message
    Column("created_at_ms", BigInteger, nullable=False),
    CheckConstraint("kind IN ('request', 'private', 'change', 'quota', 'words')", name="kind"),
    sqlite_autoincrement=True,
)
Index("ix_log_lines_guild", log_lines.c.guild_id, log_lines.c.id)
