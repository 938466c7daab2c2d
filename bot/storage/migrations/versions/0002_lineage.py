"""References from anywhere, lineage, drafts, trays, preferences, galleries and reports.

The statements are a frozen copy: a later change of ``bot.storage.tables`` must not change what this step does.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    """
ALTER TABLE requests ADD COLUMN parent_id VARCHAR CONSTRAINT fk_requests_parent_id REFERENCES requests (id)
""",
    "ALTER TABLE requests ADD COLUMN parent_position INTEGER",
    "ALTER TABLE requests ADD COLUMN derived_as VARCHAR",
    "ALTER TABLE requests ADD COLUMN style VARCHAR",
    "ALTER TABLE requests ADD COLUMN place VARCHAR DEFAULT 'server' NOT NULL",
    "ALTER TABLE requests ADD COLUMN place_guild_id BIGINT",
    "ALTER TABLE requests ADD COLUMN removed_at_ms BIGINT",
    "ALTER TABLE requests ADD COLUMN removed_by BIGINT",
    "ALTER TABLE requests ADD COLUMN void_told_at_ms BIGINT",
    "ALTER TABLE reference_images ADD COLUMN source_kind VARCHAR DEFAULT 'discord' NOT NULL",
    "ALTER TABLE reference_images ADD COLUMN source_id VARCHAR",
    "UPDATE requests SET place_guild_id = guild_id",
    "UPDATE requests SET void_told_at_ms = created_at_ms WHERE state = 'void' AND interaction_token IS NULL",
    """
CREATE INDEX ix_requests_untold ON requests (created_at_ms) WHERE state = 'void' AND void_told_at_ms IS NULL
""",
    """
CREATE TABLE drafts (
    id VARCHAR NOT NULL,
    user_id BIGINT NOT NULL,
    guild_id BIGINT,
    request TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    request_id VARCHAR,
    CONSTRAINT pk_drafts PRIMARY KEY (id),
    CONSTRAINT uq_drafts_request_id UNIQUE (request_id),
    CONSTRAINT fk_drafts_request_id FOREIGN KEY(request_id) REFERENCES requests (id)
)
""",
    "CREATE INDEX ix_drafts_expires ON drafts (expires_at_ms)",
    """
CREATE TABLE tray_images (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    user_id BIGINT NOT NULL,
    filename VARCHAR NOT NULL,
    path VARCHAR,
    mime VARCHAR NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha256 VARCHAR NOT NULL,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    removed_at_ms BIGINT
)
""",
    "CREATE INDEX ix_tray_images_bytes ON tray_images (expires_at_ms) WHERE path IS NOT NULL",
    "CREATE INDEX ix_tray_images_user ON tray_images (user_id) WHERE removed_at_ms IS NULL",
    """
CREATE TABLE preferences (
    user_id BIGINT NOT NULL,
    model VARCHAR,
    aspect_ratio VARCHAR,
    resolution VARCHAR,
    output_format VARCHAR,
    private INTEGER,
    notify INTEGER,
    updated_at_ms BIGINT NOT NULL,
    CONSTRAINT pk_preferences PRIMARY KEY (user_id)
)
""",
    """
CREATE TABLE styles (
    id INTEGER NOT NULL,
    user_id BIGINT NOT NULL,
    name VARCHAR NOT NULL,
    name_key VARCHAR NOT NULL,
    suffix TEXT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    CONSTRAINT pk_styles PRIMARY KEY (id),
    CONSTRAINT uq_styles_user_id_name_key UNIQUE (user_id, name_key)
)
""",
    """
CREATE TABLE guild_settings (
    guild_id BIGINT NOT NULL,
    gallery_channel_id BIGINT,
    reports_channel_id BIGINT,
    updated_at_ms BIGINT NOT NULL,
    updated_by BIGINT NOT NULL,
    CONSTRAINT pk_guild_settings PRIMARY KEY (guild_id)
)
""",
    """
CREATE TABLE gallery_posts (
    picture_id VARCHAR NOT NULL,
    guild_id BIGINT NOT NULL,
    channel_id BIGINT NOT NULL,
    message_id BIGINT,
    posted_by BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    CONSTRAINT pk_gallery_posts PRIMARY KEY (picture_id),
    CONSTRAINT fk_gallery_posts_picture_id FOREIGN KEY(picture_id) REFERENCES pictures (id)
)
""",
    """
CREATE TABLE reports (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    request_id VARCHAR NOT NULL,
    guild_id BIGINT NOT NULL,
    reporter_id BIGINT NOT NULL,
    reason TEXT NOT NULL,
    state VARCHAR NOT NULL,
    channel_id BIGINT,
    message_id BIGINT,
    created_at_ms BIGINT NOT NULL,
    handled_at_ms BIGINT,
    handled_by BIGINT,
    CONSTRAINT uq_reports_request_id_reporter_id UNIQUE (request_id, reporter_id),
    CONSTRAINT ck_reports_state CHECK (state IN ('open', 'dismissed', 'deleted')),
    CONSTRAINT fk_reports_request_id FOREIGN KEY(request_id) REFERENCES requests (id)
)
""",
    "CREATE INDEX ix_reports_open ON reports (guild_id) WHERE state = 'open'",
    "CREATE INDEX ix_requests_parent ON requests (parent_id) WHERE parent_id IS NOT NULL",
    "CREATE INDEX ix_requests_message ON requests (message_id)",
    "CREATE INDEX ix_deliveries_message ON deliveries (message_id)",
    "CREATE INDEX ix_gallery_posts_message ON gallery_posts (message_id)",
)


def upgrade() -> None:
    """Add the columns and tables."""
    for statement in STATEMENTS:
        op.execute(statement)
