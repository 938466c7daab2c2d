"""A server's rules, bans from the bot, every change of a setting, and the lines that wait for a server's log.

The statements are a frozen copy: a later change of ``bot.storage.tables`` must not change what this step does.
"""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    """
CREATE TABLE house_rules (
    guild_id BIGINT NOT NULL,
    channels TEXT DEFAULT '[]' NOT NULL,
    roles_allowed TEXT DEFAULT '[]' NOT NULL,
    roles_denied TEXT DEFAULT '[]' NOT NULL,
    terms TEXT DEFAULT '[]' NOT NULL,
    age_restricted_only INTEGER DEFAULT 0 NOT NULL,
    models TEXT DEFAULT '[]' NOT NULL,
    default_model VARCHAR,
    private_allowed INTEGER DEFAULT 1 NOT NULL,
    slow_mode_s INTEGER DEFAULT 0 NOT NULL,
    log_channel_id BIGINT,
    log_private INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT pk_house_rules PRIMARY KEY (guild_id)
)
""",
    """
CREATE TABLE bans (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    guild_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    reason TEXT NOT NULL,
    banned_by BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT,
    lifted_at_ms BIGINT,
    lifted_by BIGINT
)
""",
    "CREATE UNIQUE INDEX uq_bans_standing ON bans (guild_id, user_id) WHERE lifted_at_ms IS NULL",
    """
CREATE TABLE setting_changes (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    guild_id BIGINT NOT NULL,
    changed_by BIGINT NOT NULL,
    name VARCHAR NOT NULL,
    was TEXT NOT NULL,
    became TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL
)
""",
    "CREATE INDEX ix_setting_changes_guild ON setting_changes (guild_id, id)",
    """
CREATE TABLE log_lines (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    guild_id BIGINT NOT NULL,
    kind VARCHAR NOT NULL,
    ref VARCHAR,
    words TEXT,
    batch_id INTEGER,
    created_at_ms BIGINT NOT NULL,
    CONSTRAINT ck_log_lines_kind CHECK (kind IN ('request', 'private', 'change', 'words'))
)
""",
    "CREATE INDEX ix_log_lines_guild ON log_lines (guild_id, id)",
    """
CREATE TRIGGER setting_changes_no_update BEFORE UPDATE ON setting_changes
BEGIN SELECT RAISE(ABORT, 'setting_changes are append-only'); END
""",
    """
CREATE TRIGGER setting_changes_no_delete BEFORE DELETE ON setting_changes
BEGIN SELECT RAISE(ABORT, 'setting_changes are append-only'); END
""",
    """
CREATE TRIGGER setting_changes_no_replace BEFORE INSERT ON setting_changes
WHEN EXISTS (SELECT 1 FROM setting_changes WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'setting_changes are append-only'); END
""",
)


def upgrade() -> None:
    """Add the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
