"""The tables of requests: what is asked for, its references and pictures, the calls to create, and the delivery."""

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

from bot.storage.metadata import metadata

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
