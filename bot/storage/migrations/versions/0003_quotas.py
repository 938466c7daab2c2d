"""Quotas: rules of admins, their log, and running totals kept by triggers, filled from what was booked before.

The statements are a frozen copy: a later change of ``bot.storage.tables`` must not change what this step does.
"""

# ruff: noqa: E501, S608 - the statements stand as SQLAlchemy would write them; the names in them are ours

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = (
    """
CREATE TABLE totals (
    scope VARCHAR NOT NULL,
    subject_id BIGINT NOT NULL,
    quarter_ms BIGINT NOT NULL,
    used_credits BIGINT NOT NULL,
    CONSTRAINT pk_totals PRIMARY KEY (scope, subject_id, quarter_ms)
) WITHOUT ROWID
""",
    """
CREATE TABLE open_holds (
    hold_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    amount_credits INTEGER NOT NULL,
    CONSTRAINT pk_open_holds PRIMARY KEY (hold_id),
    CONSTRAINT fk_open_holds_hold_id FOREIGN KEY(hold_id) REFERENCES entries (id),
    CONSTRAINT fk_open_holds_account_id FOREIGN KEY(account_id) REFERENCES accounts (id)
)
""",
    "CREATE INDEX ix_open_holds_account ON open_holds (account_id, amount_credits)",
    """
CREATE TABLE grants_left (
    grant_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    expires_at_ms BIGINT,
    left_credits INTEGER NOT NULL,
    CONSTRAINT pk_grants_left PRIMARY KEY (grant_id),
    CONSTRAINT ck_grants_left_overdrawn CHECK (left_credits >= 0),
    CONSTRAINT fk_grants_left_grant_id FOREIGN KEY(grant_id) REFERENCES entries (id),
    CONSTRAINT fk_grants_left_account_id FOREIGN KEY(account_id) REFERENCES accounts (id)
)
""",
    "CREATE INDEX ix_grants_left_account ON grants_left (account_id, expires_at_ms, left_credits) WHERE left_credits > 0",
    """
CREATE TABLE quota_rules (
    id INTEGER NOT NULL,
    guild_id BIGINT NOT NULL,
    scope VARCHAR NOT NULL,
    subject_id BIGINT NOT NULL,
    period VARCHAR,
    credits INTEGER,
    running INTEGER,
    resolution VARCHAR,
    models TEXT,
    count INTEGER,
    reason VARCHAR NOT NULL,
    set_by BIGINT NOT NULL,
    set_at_ms BIGINT NOT NULL,
    CONSTRAINT pk_quota_rules PRIMARY KEY (id),
    CONSTRAINT uq_quota_rules_guild_id_scope_subject_id UNIQUE (guild_id, scope, subject_id),
    CONSTRAINT ck_quota_rules_scope CHECK (scope IN ('everyone', 'role', 'member', 'channel', 'server', 'newcomer')),
    CONSTRAINT ck_quota_rules_subject CHECK ((scope IN ('everyone', 'server')) = (subject_id = 0)),
    CONSTRAINT ck_quota_rules_period CHECK (period IN ('day', 'week', 'month', 'none')),
    CONSTRAINT ck_quota_rules_credits CHECK (coalesce(period IN ('day', 'week', 'month'), 0) = (credits IS NOT NULL)),
    CONSTRAINT ck_quota_rules_negative CHECK (credits >= 0),
    CONSTRAINT ck_quota_rules_running CHECK (running >= 0),
    CONSTRAINT ck_quota_rules_count CHECK (count BETWEEN 1 AND 4),
    CONSTRAINT ck_quota_rules_something CHECK (coalesce(period, running, resolution, models, count) IS NOT NULL)
)
""",
    """
CREATE TABLE quota_log (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    guild_id BIGINT NOT NULL,
    actor_id BIGINT NOT NULL,
    action VARCHAR NOT NULL,
    scope VARCHAR NOT NULL,
    subject_id BIGINT NOT NULL,
    value_before TEXT,
    value_after TEXT,
    reason VARCHAR NOT NULL,
    entry_id INTEGER,
    event_id VARCHAR NOT NULL,
    created_at_ms BIGINT NOT NULL,
    CONSTRAINT ck_quota_log_action CHECK (action IN ('set', 'remove', 'grant', 'refund', 'time_zone')),
    CONSTRAINT fk_quota_log_entry_id FOREIGN KEY(entry_id) REFERENCES entries (id),
    CONSTRAINT uq_quota_log_event_id UNIQUE (event_id)
)
""",
    "CREATE INDEX ix_quota_log_guild ON quota_log (guild_id, id)",
    """
CREATE TABLE quota_drafts (
    id VARCHAR NOT NULL,
    guild_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    change TEXT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    CONSTRAINT pk_quota_drafts PRIMARY KEY (id)
)
""",
    "CREATE INDEX ix_quota_drafts_expires ON quota_drafts (expires_at_ms)",
)

COLUMNS = (
    "ALTER TABLE guild_settings ADD COLUMN time_zone VARCHAR",
    "ALTER TABLE requests ADD COLUMN quota_channel_id BIGINT",
    "ALTER TABLE requests ADD COLUMN quota_period VARCHAR",
    "ALTER TABLE requests ADD COLUMN quota_credits INTEGER",
    "CREATE INDEX ix_requests_guild ON requests (guild_id, created_at_ms)",
    "ALTER TABLE legs ADD COLUMN channel_id BIGINT",
    # Of a request in a thread only the thread was kept: it counts there.
    "UPDATE requests SET quota_channel_id = channel_id WHERE guild_id IS NOT NULL",
    # Legs can't be changed: but for this once.
    "DROP TRIGGER legs_no_update",
    """
UPDATE legs SET channel_id = (
  SELECT r.quota_channel_id FROM entries e JOIN pictures p ON p.id = e.picture_id JOIN requests r ON r.id = p.request_id
  WHERE e.id = legs.entry_id)
WHERE guild_id IS NOT NULL
""",
    """
CREATE TRIGGER legs_no_update BEFORE UPDATE ON legs
BEGIN SELECT RAISE(ABORT, 'legs are append-only'); END
""",
    """
CREATE INDEX ix_legs_channel ON legs (channel_id, dated_at_ms, amount_credits) WHERE channel_id IS NOT NULL
""",
)

FILLED = (
    """
INSERT INTO totals (scope, subject_id, quarter_ms, used_credits)
SELECT 'account', account_id, dated_at_ms - dated_at_ms % 900000 AS quarter_ms, sum(amount_credits)
FROM legs WHERE grant_id IS NULL GROUP BY account_id, quarter_ms
""",
    *(
        f"""
INSERT INTO totals (scope, subject_id, quarter_ms, used_credits)
SELECT '{scope}', {subject} AS subject_id, l.dated_at_ms - l.dated_at_ms % 900000 AS quarter_ms, sum(l.amount_credits)
FROM legs l JOIN entries e ON e.id = l.entry_id
WHERE e.kind != 'refund' AND {subject} IS NOT NULL GROUP BY subject_id, quarter_ms
"""
        for scope, subject in (("channel", "l.channel_id"), ("guild", "l.guild_id"), ("all", "0"))
    ),
    """
INSERT INTO open_holds (hold_id, account_id, amount_credits)
SELECT h.id, h.account_id, h.amount_credits FROM entries h
WHERE h.kind = 'hold'
  AND NOT EXISTS (SELECT 1 FROM entries s WHERE s.settles_id = h.id AND s.kind IN ('capture', 'void'))
""",
    """
INSERT INTO grants_left (grant_id, account_id, expires_at_ms, left_credits)
SELECT g.id, g.account_id, g.expires_at_ms,
  g.amount_credits - coalesce((SELECT sum(l.amount_credits) FROM legs l WHERE l.grant_id = g.id), 0)
FROM entries g WHERE g.kind = 'grant'
""",
)

TRIGGERS = (
    """
CREATE TRIGGER quota_log_no_update BEFORE UPDATE ON quota_log
BEGIN SELECT RAISE(ABORT, 'quota_log are append-only'); END
""",
    """
CREATE TRIGGER quota_log_no_delete BEFORE DELETE ON quota_log
BEGIN SELECT RAISE(ABORT, 'quota_log are append-only'); END
""",
    """
CREATE TRIGGER quota_log_no_replace BEFORE INSERT ON quota_log
WHEN EXISTS (SELECT 1 FROM quota_log WHERE id = NEW.id OR event_id = NEW.event_id)
BEGIN SELECT RAISE(ABORT, 'quota_log are append-only'); END
""",
    """
CREATE TRIGGER legs_totals AFTER INSERT ON legs
BEGIN
  INSERT INTO totals (scope, subject_id, quarter_ms, used_credits)
  SELECT 'account', NEW.account_id, NEW.dated_at_ms - NEW.dated_at_ms % 900000, NEW.amount_credits
  WHERE NEW.grant_id IS NULL
  ON CONFLICT (scope, subject_id, quarter_ms) DO UPDATE SET used_credits = used_credits + excluded.used_credits;
  INSERT INTO totals (scope, subject_id, quarter_ms, used_credits)
  SELECT s.scope, s.subject_id, NEW.dated_at_ms - NEW.dated_at_ms % 900000, NEW.amount_credits
  FROM (SELECT 'all' AS scope, 0 AS subject_id
    UNION ALL SELECT 'guild', NEW.guild_id UNION ALL SELECT 'channel', NEW.channel_id) s
  WHERE s.subject_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.id = NEW.entry_id AND e.kind = 'refund')
  ON CONFLICT (scope, subject_id, quarter_ms) DO UPDATE SET used_credits = used_credits + excluded.used_credits;
END
""",
    """
CREATE TRIGGER entries_grant_given AFTER INSERT ON entries WHEN NEW.kind = 'grant'
BEGIN
  INSERT INTO grants_left (grant_id, account_id, expires_at_ms, left_credits)
  VALUES (NEW.id, NEW.account_id, NEW.expires_at_ms, NEW.amount_credits);
END
""",
    """
CREATE TRIGGER legs_grant_used AFTER INSERT ON legs WHEN NEW.grant_id IS NOT NULL
BEGIN
  UPDATE grants_left SET left_credits = left_credits - NEW.amount_credits WHERE grant_id = NEW.grant_id;
END
""",
    """
CREATE TRIGGER entries_hold_opened AFTER INSERT ON entries WHEN NEW.kind = 'hold'
BEGIN
  INSERT INTO open_holds (hold_id, account_id, amount_credits) VALUES (NEW.id, NEW.account_id, NEW.amount_credits);
END
""",
    """
CREATE TRIGGER entries_hold_settled AFTER INSERT ON entries WHEN NEW.kind IN ('capture', 'void')
BEGIN
  DELETE FROM open_holds WHERE hold_id = NEW.settles_id;
END
""",
)


def upgrade() -> None:
    """Add tables and columns, fill the totals, and let the triggers keep them from here on."""
    for statement in (*TABLES, *COLUMNS, *FILLED, *TRIGGERS):
        op.execute(statement)
