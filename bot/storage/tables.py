"""All tables, once.

Times are integer milliseconds since the Unix epoch (UTC), credits are integers, Discord ids are integers.

What the database itself refuses (append-only entries, a second settlement of a hold, an impossible state change) stands
as triggers in the migrations; ``bot.storage.guards`` holds their text.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

import bot.storage.operator_tables
import bot.storage.quota_tables  # noqa: F401 - so that whoever has ``metadata`` has all tables
from bot.storage.metadata import metadata as metadata  # noqa: PLC0414 - it is asked for here

# --- credits ---

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

# --- requests ---

requests = Table(
    "requests",
    metadata,
    Column("id", String, primary_key=True),
    Column("source_kind", String, nullable=False),
    Column("source_id", String, nullable=False),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("user_id", BigInteger, nullable=False),
    Column("guild_id", BigInteger),
    Column("channel_id", BigInteger, nullable=False),
    Column("model", String, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("options", Text, nullable=False),  # JSON object: aspect_ratio, resolution, output_format
    Column("picture_count", Integer, nullable=False),
    Column("private", Integer, nullable=False),
    Column("notify", Integer, nullable=False),
    Column("locale", String, nullable=False),
    Column("state", String, nullable=False),
    Column("trouble", String),  # what is waited for, when it takes longer than it should
    Column("application_id", BigInteger, nullable=False),
    Column("interaction_token", String),  # purged after 15 minutes
    Column("token_expires_at_ms", BigInteger, nullable=False),
    Column("message_id", BigInteger),
    Column("upload_limit_bytes", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("acknowledged_at_ms", BigInteger),
    Column("settled_at_ms", BigInteger),
    Column("hidden_at_ms", BigInteger),  # the person removed it from their history
    # What it came of: "again", "edit", … of a whole request, or of one picture of it.
    Column("parent_id", ForeignKey("requests.id")),
    Column("parent_position", Integer),
    Column("derived_as", String),
    Column("style", String),  # the name of the style whose words are part of the prompt
    # "server"; "direct": with the bot alone; "outside": where the bot is no member and has but the interaction's token.
    Column("place", String, nullable=False, server_default=text("'server'")),
    Column("place_guild_id", BigInteger),  # the server it stands in, also where it is paid for personally
    Column("removed_at_ms", BigInteger),  # its message was deleted through the bot
    Column("removed_by", BigInteger),
    Column("void_told_at_ms", BigInteger),  # when its person was told that it was not taken
    Column("quota_channel_id", BigInteger),  # whose allowance it counts for; a thread's channel
    # The member's allowance that bound when it was accepted, for cards that know no roles. "none": there was no limit;
    # NULL: the operator's setting.
    Column("quota_period", String),
    Column("quota_credits", Integer),
    # When prompt, references and pictures were removed. `user_id` is negative (a forgetting's id) once its person asked
    # to be forgotten.
    Column("forgotten_at_ms", BigInteger),
    UniqueConstraint("source_kind", "source_id"),
    CheckConstraint("state IN ('accepted', 'running', 'settled', 'void')", name="state"),
    CheckConstraint("picture_count BETWEEN 1 AND 4", name="picture_count"),
)
Index("ix_requests_state", requests.c.state, sqlite_where=text("state IN ('accepted', 'running')"))
Index("ix_requests_user", requests.c.user_id, requests.c.created_at_ms)
Index("ix_requests_token", requests.c.token_expires_at_ms, sqlite_where=text("interaction_token IS NOT NULL"))
Index("ix_requests_untold", requests.c.created_at_ms, sqlite_where=text("state = 'void' AND void_told_at_ms IS NULL"))
Index("ix_requests_parent", requests.c.parent_id, sqlite_where=text("parent_id IS NOT NULL"))
Index("ix_requests_message", requests.c.message_id)
Index("ix_requests_kept", requests.c.created_at_ms, sqlite_where=text("forgotten_at_ms IS NULL"))
Index("ix_requests_guild", requests.c.guild_id, requests.c.created_at_ms)

reference_images = Table(
    "reference_images",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("request_id", ForeignKey("requests.id"), nullable=False),
    Column("position", Integer, nullable=False),  # 1 is the first
    Column("source_url", Text, nullable=False),
    Column("filename", String, nullable=False),
    Column("declared_bytes", BigInteger, nullable=False),
    Column("state", String, nullable=False),
    Column("path", String),  # relative to the data folder
    Column("mime", String),
    Column("width", Integer),
    Column("height", Integer),
    Column("size_bytes", BigInteger),
    Column("sha256", String),
    Column("upload_url", Text),
    Column("uploaded_at_ms", BigInteger),
    Column("refusal", Text),
    # Fetched from source_url when it is "discord". Else it is one whose bytes we have, "picture", "reference" (of an
    # earlier request) or "tray", and source_id is that row's.
    Column("source_kind", String, nullable=False, server_default=text("'discord'")),
    Column("source_id", String),
    UniqueConstraint("request_id", "position"),
    CheckConstraint("state IN ('waiting', 'ready', 'uploaded', 'refused', 'dropped')", name="state"),
)

Index("ix_reference_images_bytes", reference_images.c.request_id, sqlite_where=reference_images.c.path.is_not(None))

pictures = Table(
    "pictures",
    metadata,
    Column("id", String, primary_key=True),
    Column("request_id", ForeignKey("requests.id"), nullable=False),
    Column("position", Integer, nullable=False),  # 1 is the first
    Column("state", String, nullable=False),
    Column("hold_id", ForeignKey("entries.id"), nullable=False),
    Column("price_credits", Integer, nullable=False),  # as shown to the person before
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("task_id", String, unique=True),
    Column("reserved_credits", Integer),
    Column("final_credits", Integer),
    Column("charged_credits", Integer),  # what the member paid
    Column("submitted_at_ms", BigInteger),
    Column("deadline_at_ms", BigInteger),
    Column("next_look_at_ms", BigInteger),  # the slow poll of an overdue or unknown picture
    Column("finished_at_ms", BigInteger),
    Column("result_url", Text),
    Column("path", String),  # relative to the data folder; NULL again when the bytes are gone
    Column("mime", String),
    Column("width", Integer),
    Column("height", Integer),
    Column("size_bytes", BigInteger),
    Column("sha256", String),
    Column("failure_code", String),
    Column("failure_detail", Text),  # words for the person
    Column("provider_request_id", String),
    Column("bytes_dropped_at_ms", BigInteger),
    UniqueConstraint("request_id", "position"),
    CheckConstraint(
        "state IN ('held', 'submitting', 'painting', 'overdue', 'unknown', 'fetching', 'fetched', 'failed', "
        "'cancelled', 'lost')",
        name="state",
    ),
    CheckConstraint("state != 'fetched' OR sha256 IS NOT NULL", name="fetched_has_bytes"),
)
Index("ix_pictures_open", pictures.c.state,
      sqlite_where=text("state NOT IN ('fetched', 'failed', 'cancelled', 'lost')"))  # fmt: skip
Index("ix_pictures_bytes", pictures.c.finished_at_ms, sqlite_where=text("path IS NOT NULL"))

# Each call to create that was ever made: its exact bytes and its key, committed before the first byte leaves.
attempts = Table(
    "attempts",
    metadata,
    Column("picture_id", ForeignKey("pictures.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("idempotency_key", String, nullable=False, unique=True),
    Column("body", LargeBinary, nullable=False),
    Column("committed_at_ms", BigInteger, nullable=False),
    Column("first_sent_at_ms", BigInteger),  # the trust in the key is counted from here
    Column("outcome", String),  # task id, or the error's code
    Column("ended_at_ms", BigInteger),
    Column("key_mark", String),  # of the API key that it is sent with: it is repeated with no other
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("request_id", ForeignKey("requests.id"), primary_key=True),
    Column("state", String, nullable=False),
    Column("rung", String),  # the way that is being tried, or that worked
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("first_try_at_ms", BigInteger),
    Column("next_try_at_ms", BigInteger),
    Column("shown_digest", String),  # of the pictures' states that the message shows, or its first try was to
    Column("channel_id", BigInteger),  # where the result stands
    Column("message_id", BigInteger),
    Column("last_error", String),
    Column("shown_at_ms", BigInteger),
    Column("notified_at_ms", BigInteger),  # when the completion ping went out
    Column("noticed_at_ms", BigInteger),  # when the person was told that it waits in /history
    CheckConstraint("state IN ('waiting', 'due', 'shown', 'kept', 'withdrawn')", name="state"),
)
Index("ix_deliveries_open", deliveries.c.state, sqlite_where=text("state IN ('waiting', 'due')"))
Index("ix_deliveries_message", deliveries.c.message_id)

# --- what people keep and choose ---

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

# --- servers ---

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

# --- the bot's own memory ---

facts = Table(
    "facts",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
)

learned_prices = Table(
    "learned_prices",
    metadata,
    Column("model", String, primary_key=True),
    Column("resolution", String, primary_key=True),  # "" for models that have none
    Column("credits", Integer, nullable=False),
    Column("base_credits", Integer, nullable=False),  # the page's price then
    Column("learned_at_ms", BigInteger, nullable=False),
)
