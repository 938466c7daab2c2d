"""Changes of quotas in a server's log channel; and the quota log forgets whom a change was about, and nothing else.

The statements are a frozen copy: a later change of ``bot.storage.tables`` must not change what this step does.
"""

from alembic import op

revision = "0007"
down_revision = "0006"

STATEMENTS = (
    # SQLite changes no CHECK of a table that is there. The table has no triggers, and nothing refers to it.
    "DROP INDEX ix_log_lines_guild",
    "ALTER TABLE log_lines RENAME TO log_lines_before",
    """
CREATE TABLE log_lines (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    guild_id BIGINT NOT NULL,
    kind VARCHAR NOT NULL,
    ref VARCHAR,
    words TEXT,
    batch_id INTEGER,
    created_at_ms BIGINT NOT NULL,
    CONSTRAINT ck_log_lines_kind CHECK (kind IN ('request', 'private', 'change', 'quota', 'words'))
)
""",
    """
INSERT INTO log_lines (id, guild_id, kind, ref, words, batch_id, created_at_ms)
SELECT id, guild_id, kind, ref, words, batch_id, created_at_ms FROM log_lines_before
""",
    # Ids are never given twice: a message to Discord is known by the first one in it.
    """
UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'log_lines_before')
WHERE name = 'log_lines' AND EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'log_lines_before')
""",
    """
INSERT INTO sqlite_sequence (name, seq)
SELECT 'log_lines', seq FROM sqlite_sequence WHERE name = 'log_lines_before'
  AND NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'log_lines')
""",
    "DROP TABLE log_lines_before",
    "CREATE INDEX ix_log_lines_guild ON log_lines (guild_id, id)",
    "DROP TRIGGER quota_log_no_update",
    """
CREATE TRIGGER quota_log_no_update BEFORE UPDATE ON quota_log
WHEN NOT (OLD.scope = 'member' AND OLD.subject_id > 0 AND NEW.subject_id < 0)
  OR OLD.id IS NOT NEW.id OR OLD.guild_id IS NOT NEW.guild_id OR OLD.actor_id IS NOT NEW.actor_id
  OR OLD.action IS NOT NEW.action OR OLD.scope IS NOT NEW.scope
  OR OLD.value_before IS NOT NEW.value_before OR OLD.value_after IS NOT NEW.value_after
  OR OLD.reason IS NOT NEW.reason OR OLD.entry_id IS NOT NEW.entry_id
  OR OLD.event_id IS NOT NEW.event_id OR OLD.created_at_ms IS NOT NEW.created_at_ms
BEGIN SELECT RAISE(ABORT, 'quota_log are append-only'); END
""",
)


def upgrade() -> None:
    """Let a line be about a change of quotas, and a member's id be taken out of the log."""
    for statement in STATEMENTS:
        op.execute(statement)
