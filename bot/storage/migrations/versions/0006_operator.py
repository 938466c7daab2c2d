"""What the operator allows each server, every change of it, and what operators are told.

The statements are a frozen copy: a later change of ``bot.storage.operator_tables`` must not change what this step does.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS = (
    """
CREATE TABLE guild_limits (
    guild_id BIGINT NOT NULL,
    own_allowance INTEGER DEFAULT 0 NOT NULL,
    allowance_credits INTEGER,
    paused_at_ms BIGINT,
    pause_reason TEXT,
    CONSTRAINT pk_guild_limits PRIMARY KEY (guild_id),
    CONSTRAINT ck_guild_limits_negative CHECK (allowance_credits >= 0),
    CONSTRAINT ck_guild_limits_own CHECK (own_allowance = 1 OR allowance_credits IS NULL),
    CONSTRAINT ck_guild_limits_pause CHECK ((paused_at_ms IS NULL) = (pause_reason IS NULL))
)
""",
    "CREATE INDEX ix_guild_limits_paused ON guild_limits (paused_at_ms) WHERE paused_at_ms IS NOT NULL",
    """
CREATE TABLE operator_log (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    operator_id BIGINT NOT NULL,
    action VARCHAR NOT NULL,
    guild_id BIGINT NOT NULL,
    value_before TEXT NOT NULL,
    value_after TEXT NOT NULL,
    reason VARCHAR NOT NULL,
    event_id VARCHAR NOT NULL,
    created_at_ms BIGINT NOT NULL,
    CONSTRAINT ck_operator_log_action CHECK (action IN ('allowance', 'pause', 'resume')),
    CONSTRAINT uq_operator_log_event_id UNIQUE (event_id)
)
""",
    "CREATE INDEX ix_operator_log_guild ON operator_log (guild_id, id)",
    """
CREATE TABLE operator_notices (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    operator_id BIGINT NOT NULL,
    kind VARCHAR NOT NULL,
    facts TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    outcome VARCHAR,
    CONSTRAINT ck_operator_notices_kind CHECK (kind IN ('low', 'closed', 'opened')),
    CONSTRAINT ck_operator_notices_outcome CHECK (outcome IN ('sent', 'closed to us', 'rejected', 'too late')),
    CONSTRAINT ck_operator_notices_ended CHECK ((ended_at_ms IS NULL) = (outcome IS NULL))
)
""",
    "CREATE INDEX ix_operator_notices_open ON operator_notices (id) WHERE ended_at_ms IS NULL",
    """
CREATE TRIGGER operator_log_no_update BEFORE UPDATE ON operator_log
BEGIN SELECT RAISE(ABORT, 'operator_log are append-only'); END
""",
    """
CREATE TRIGGER operator_log_no_delete BEFORE DELETE ON operator_log
BEGIN SELECT RAISE(ABORT, 'operator_log are append-only'); END
""",
    """
CREATE TRIGGER operator_log_no_replace BEFORE INSERT ON operator_log
WHEN EXISTS (SELECT 1 FROM operator_log WHERE id = NEW.id OR event_id = NEW.event_id)
BEGIN SELECT RAISE(ABORT, 'operator_log are append-only'); END
""",
)


def upgrade() -> None:
    """Add the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
