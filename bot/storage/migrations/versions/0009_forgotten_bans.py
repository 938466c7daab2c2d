"""A ban of somebody who was forgotten goes when it ends; and the log of settings forgets whom a ban was about.

The statements are a frozen copy: a later change of ``bot.storage.tables`` must not change what this step does.
"""

from alembic import op

revision = "0009"
down_revision = "0008"

STATEMENTS = (
    "ALTER TABLE bans ADD COLUMN forgotten_at_ms BIGINT",
    "CREATE INDEX ix_bans_forgotten ON bans (expires_at_ms) WHERE forgotten_at_ms IS NOT NULL",
    "DROP TRIGGER setting_changes_no_update",
    """
CREATE TRIGGER setting_changes_no_update BEFORE UPDATE ON setting_changes
WHEN OLD.name != 'ban'
  OR json_replace(OLD.was, '$.user_id', 0) IS NOT NEW.was
  OR json_replace(OLD.became, '$.user_id', 0) IS NOT NEW.became
  OR OLD.id IS NOT NEW.id OR OLD.guild_id IS NOT NEW.guild_id OR OLD.changed_by IS NOT NEW.changed_by
  OR OLD.name IS NOT NEW.name OR OLD.created_at_ms IS NOT NEW.created_at_ms
BEGIN SELECT RAISE(ABORT, 'setting_changes are append-only'); END
""",
)


def upgrade() -> None:
    """Let a person's id be taken out of what was written down of their bans."""
    for statement in STATEMENTS:
        op.execute(statement)
