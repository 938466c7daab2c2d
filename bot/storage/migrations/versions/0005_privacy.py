"""What may be forgotten, when, and what remembers that it was.

The statements are a frozen copy: a later change of ``bot.storage.tables`` must not change what this step does.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    "ALTER TABLE requests ADD COLUMN forgotten_at_ms BIGINT",
    "CREATE INDEX ix_requests_kept ON requests (created_at_ms) WHERE forgotten_at_ms IS NULL",
    "CREATE INDEX ix_account_owners_user ON account_owners (user_id)",
    """
CREATE TABLE forgotten_owners (
    account_id INTEGER NOT NULL,
    owner_hash VARCHAR NOT NULL,
    until_ms BIGINT NOT NULL,
    CONSTRAINT pk_forgotten_owners PRIMARY KEY (account_id),
    CONSTRAINT uq_forgotten_owners_owner_hash UNIQUE (owner_hash),
    CONSTRAINT fk_forgotten_owners_account_id FOREIGN KEY(account_id) REFERENCES accounts (id)
)
""",
    """
CREATE TABLE forgettings (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    with_messages INTEGER NOT NULL,
    asked_at_ms BIGINT NOT NULL,
    done_at_ms BIGINT
)
""",
    "CREATE INDEX ix_forgettings_open ON forgettings (id) WHERE done_at_ms IS NULL",
    """
CREATE TABLE removals (
    id INTEGER NOT NULL,
    path VARCHAR,
    guild_id BIGINT,
    channel_id BIGINT,
    message_id BIGINT,
    tries INTEGER DEFAULT 0 NOT NULL,
    due_at_ms BIGINT NOT NULL,
    CONSTRAINT pk_removals PRIMARY KEY (id),
    CONSTRAINT ck_removals_one_thing CHECK ((path IS NULL) = (message_id IS NOT NULL))
)
""",
    "DROP TRIGGER attempts_frozen",
    """
CREATE TRIGGER attempts_frozen BEFORE UPDATE ON attempts
WHEN (OLD.body IS NOT NEW.body AND (NEW.body IS NOT x'' OR NOT EXISTS (
    SELECT 1 FROM pictures p
    WHERE p.id = OLD.picture_id AND p.state IN ('fetched', 'failed', 'cancelled', 'lost'))))
  OR OLD.idempotency_key IS NOT NEW.idempotency_key
  OR OLD.picture_id IS NOT NEW.picture_id OR OLD.number IS NOT NEW.number
BEGIN SELECT RAISE(ABORT, 'what was sent under a key can not change'); END
""",
)


def upgrade() -> None:
    """Add the column and the tables, and let a body be emptied."""
    for statement in STATEMENTS:
        op.execute(statement)
