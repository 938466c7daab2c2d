"""With which API key an attempt is sent: one that was not answered is repeated with no other.

The statements are a frozen copy: a later change of ``bot.storage.tables`` must not change what this step does.
"""

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS = (
    "ALTER TABLE attempts ADD COLUMN key_mark VARCHAR",
    "DROP TRIGGER attempts_frozen",
    """
CREATE TRIGGER attempts_frozen BEFORE UPDATE ON attempts
WHEN (OLD.body IS NOT NEW.body AND (NEW.body IS NOT x'' OR NOT EXISTS (
    SELECT 1 FROM pictures p
    WHERE p.id = OLD.picture_id AND p.state IN ('fetched', 'failed', 'cancelled', 'lost'))))
  OR OLD.idempotency_key IS NOT NEW.idempotency_key OR OLD.key_mark IS NOT NEW.key_mark
  OR OLD.picture_id IS NOT NEW.picture_id OR OLD.number IS NOT NEW.number
BEGIN SELECT RAISE(ABORT, 'what was sent under a key can not change'); END
""",
)


def upgrade() -> None:
    """Add the column, and freeze it like the rest of what was sent."""
    for statement in STATEMENTS:
        op.execute(statement)
