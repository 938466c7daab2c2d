"""Operators are told of a price that can't be believed, too.

The statements are a frozen copy: a later change of ``bot.storage.operator_tables`` must not change what this step does.
"""

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENTS = (
    # SQLite changes no CHECK of a table that is there. The table has no triggers, and nothing refers to it.
    "DROP INDEX ix_operator_notices_open",
    "ALTER TABLE operator_notices RENAME TO operator_notices_before",
    """
CREATE TABLE operator_notices (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    operator_id BIGINT NOT NULL,
    kind VARCHAR NOT NULL,
    facts TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    outcome VARCHAR,
    CONSTRAINT ck_operator_notices_kind CHECK (kind IN ('low', 'closed', 'opened', 'price')),
    CONSTRAINT ck_operator_notices_outcome CHECK (outcome IN ('sent', 'closed to us', 'rejected', 'too late')),
    CONSTRAINT ck_operator_notices_ended CHECK ((ended_at_ms IS NULL) = (outcome IS NULL))
)
""",
    """
INSERT INTO operator_notices (id, operator_id, kind, facts, created_at_ms, ended_at_ms, outcome)
SELECT id, operator_id, kind, facts, created_at_ms, ended_at_ms, outcome FROM operator_notices_before
""",
    # Ids are never given twice: a message to Discord is known by its notice's.
    """
UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'operator_notices_before')
WHERE name = 'operator_notices' AND EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'operator_notices_before')
""",
    """
INSERT INTO sqlite_sequence (name, seq)
SELECT 'operator_notices', seq FROM sqlite_sequence WHERE name = 'operator_notices_before'
  AND NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'operator_notices')
""",
    "DROP TABLE operator_notices_before",
    "CREATE INDEX ix_operator_notices_open ON operator_notices (id) WHERE ended_at_ms IS NULL",
)


def upgrade() -> None:
    """Let a notice be about a price."""
    for statement in STATEMENTS:
        op.execute(statement)
