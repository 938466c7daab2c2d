"""The first version: accounts, ledger, requests, pictures, deliveries.

The statements are a frozen copy: a later change of ``bot.storage.tables`` must not change what this step does.
"""

# ruff: noqa: E501 - the statements stand as SQLAlchemy wrote them

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
CREATE TABLE accounts (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    kind VARCHAR NOT NULL,
    guild_id BIGINT,
    created_at_ms BIGINT NOT NULL,
    CONSTRAINT ck_accounts_kind CHECK (kind IN ('member', 'variance', 'loss'))
)
""",
    """
CREATE TABLE facts (
    name VARCHAR NOT NULL,
    value TEXT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    CONSTRAINT pk_facts PRIMARY KEY (name)
)
""",
    """
CREATE TABLE learned_prices (
    model VARCHAR NOT NULL,
    resolution VARCHAR NOT NULL,
    credits INTEGER NOT NULL,
    base_credits INTEGER NOT NULL,
    learned_at_ms BIGINT NOT NULL,
    CONSTRAINT pk_learned_prices PRIMARY KEY (model, resolution)
)
""",
    """
CREATE TABLE account_owners (
    account_id INTEGER NOT NULL,
    guild_key BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    CONSTRAINT pk_account_owners PRIMARY KEY (account_id),
    CONSTRAINT uq_account_owners_guild_key_user_id UNIQUE (guild_key, user_id),
    CONSTRAINT fk_account_owners_account_id FOREIGN KEY(account_id) REFERENCES accounts (id)
)
""",
    """
CREATE TABLE entries (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    kind VARCHAR NOT NULL,
    amount_credits INTEGER NOT NULL,
    settles_id INTEGER,
    picture_id VARCHAR,
    expires_at_ms BIGINT,
    actor VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    created_at_ms BIGINT NOT NULL,
    CONSTRAINT ck_entries_kind CHECK (kind IN ('grant', 'hold', 'capture', 'void', 'refund', 'adjust')),
    CONSTRAINT ck_entries_amount CHECK (amount_credits >= 0 OR kind = 'adjust'),
    CONSTRAINT ck_entries_settles CHECK ((kind IN ('capture', 'void', 'refund')) = (settles_id IS NOT NULL)),
    CONSTRAINT ck_entries_hold_has_picture CHECK (kind != 'hold' OR picture_id IS NOT NULL),
    CONSTRAINT fk_entries_account_id FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT fk_entries_settles_id FOREIGN KEY(settles_id) REFERENCES entries (id)
)
""",
    """
CREATE INDEX ix_entries_account ON entries (account_id, id)
""",
    """
CREATE INDEX ix_entries_picture ON entries (picture_id)
""",
    """
CREATE INDEX ix_entries_refunds ON entries (settles_id) WHERE kind = 'refund'
""",
    """
CREATE UNIQUE INDEX uq_entries_hold_of_picture ON entries (picture_id) WHERE kind = 'hold'
""",
    """
CREATE UNIQUE INDEX uq_entries_settlement ON entries (settles_id) WHERE kind IN ('capture', 'void')
""",
    """
CREATE TABLE requests (
    id VARCHAR NOT NULL,
    source_kind VARCHAR NOT NULL,
    source_id VARCHAR NOT NULL,
    account_id INTEGER NOT NULL,
    user_id BIGINT NOT NULL,
    guild_id BIGINT,
    channel_id BIGINT NOT NULL,
    model VARCHAR NOT NULL,
    prompt TEXT NOT NULL,
    options TEXT NOT NULL,
    picture_count INTEGER NOT NULL,
    private INTEGER NOT NULL,
    notify INTEGER NOT NULL,
    locale VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    trouble VARCHAR,
    application_id BIGINT NOT NULL,
    interaction_token VARCHAR,
    token_expires_at_ms BIGINT NOT NULL,
    message_id BIGINT,
    upload_limit_bytes BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    acknowledged_at_ms BIGINT,
    settled_at_ms BIGINT,
    hidden_at_ms BIGINT,
    CONSTRAINT pk_requests PRIMARY KEY (id),
    CONSTRAINT uq_requests_source_kind_source_id UNIQUE (source_kind, source_id),
    CONSTRAINT ck_requests_state CHECK (state IN ('accepted', 'running', 'settled', 'void')),
    CONSTRAINT ck_requests_picture_count CHECK (picture_count BETWEEN 1 AND 4),
    CONSTRAINT fk_requests_account_id FOREIGN KEY(account_id) REFERENCES accounts (id)
)
""",
    """
CREATE INDEX ix_requests_state ON requests (state) WHERE state IN ('accepted', 'running')
""",
    """
CREATE INDEX ix_requests_token ON requests (token_expires_at_ms) WHERE interaction_token IS NOT NULL
""",
    """
CREATE INDEX ix_requests_user ON requests (user_id, created_at_ms)
""",
    """
CREATE TABLE deliveries (
    request_id VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    rung VARCHAR,
    tries INTEGER DEFAULT 0 NOT NULL,
    first_try_at_ms BIGINT,
    next_try_at_ms BIGINT,
    shown_digest VARCHAR,
    channel_id BIGINT,
    message_id BIGINT,
    last_error VARCHAR,
    shown_at_ms BIGINT,
    notified_at_ms BIGINT,
    noticed_at_ms BIGINT,
    CONSTRAINT pk_deliveries PRIMARY KEY (request_id),
    CONSTRAINT ck_deliveries_state CHECK (state IN ('waiting', 'due', 'shown', 'kept', 'withdrawn')),
    CONSTRAINT fk_deliveries_request_id FOREIGN KEY(request_id) REFERENCES requests (id)
)
""",
    """
CREATE INDEX ix_deliveries_open ON deliveries (state) WHERE state IN ('waiting', 'due')
""",
    """
CREATE TABLE legs (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    entry_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    guild_id BIGINT,
    grant_id INTEGER,
    amount_credits INTEGER NOT NULL,
    dated_at_ms BIGINT NOT NULL,
    CONSTRAINT ck_legs_amount CHECK (amount_credits != 0),
    CONSTRAINT fk_legs_entry_id FOREIGN KEY(entry_id) REFERENCES entries (id),
    CONSTRAINT fk_legs_account_id FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT fk_legs_grant_id FOREIGN KEY(grant_id) REFERENCES entries (id)
)
""",
    """
CREATE INDEX ix_legs_all ON legs (dated_at_ms, amount_credits)
""",
    """
CREATE INDEX ix_legs_allowance ON legs (account_id, dated_at_ms, amount_credits) WHERE grant_id IS NULL
""",
    """
CREATE INDEX ix_legs_entry ON legs (entry_id)
""",
    """
CREATE INDEX ix_legs_grant ON legs (grant_id, amount_credits) WHERE grant_id IS NOT NULL
""",
    """
CREATE INDEX ix_legs_guild ON legs (guild_id, dated_at_ms, amount_credits)
""",
    """
CREATE TABLE pictures (
    id VARCHAR NOT NULL,
    request_id VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    state VARCHAR NOT NULL,
    hold_id INTEGER NOT NULL,
    price_credits INTEGER NOT NULL,
    attempt INTEGER DEFAULT 0 NOT NULL,
    task_id VARCHAR,
    reserved_credits INTEGER,
    final_credits INTEGER,
    charged_credits INTEGER,
    submitted_at_ms BIGINT,
    deadline_at_ms BIGINT,
    next_look_at_ms BIGINT,
    finished_at_ms BIGINT,
    result_url TEXT,
    path VARCHAR,
    mime VARCHAR,
    width INTEGER,
    height INTEGER,
    size_bytes BIGINT,
    sha256 VARCHAR,
    failure_code VARCHAR,
    failure_detail TEXT,
    provider_request_id VARCHAR,
    bytes_dropped_at_ms BIGINT,
    CONSTRAINT pk_pictures PRIMARY KEY (id),
    CONSTRAINT uq_pictures_request_id_position UNIQUE (request_id, position),
    CONSTRAINT ck_pictures_state CHECK (state IN ('held', 'submitting', 'painting', 'overdue', 'unknown', 'fetching', 'fetched', 'failed', 'cancelled', 'lost')),
    CONSTRAINT ck_pictures_fetched_has_bytes CHECK (state != 'fetched' OR sha256 IS NOT NULL),
    CONSTRAINT fk_pictures_request_id FOREIGN KEY(request_id) REFERENCES requests (id),
    CONSTRAINT fk_pictures_hold_id FOREIGN KEY(hold_id) REFERENCES entries (id),
    CONSTRAINT uq_pictures_task_id UNIQUE (task_id)
)
""",
    """
CREATE INDEX ix_pictures_bytes ON pictures (finished_at_ms) WHERE path IS NOT NULL
""",
    """
CREATE INDEX ix_pictures_open ON pictures (state) WHERE state NOT IN ('fetched', 'failed', 'cancelled', 'lost')
""",
    """
CREATE TABLE reference_images (
    id INTEGER NOT NULL,
    request_id VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    source_url TEXT NOT NULL,
    filename VARCHAR NOT NULL,
    declared_bytes BIGINT NOT NULL,
    state VARCHAR NOT NULL,
    path VARCHAR,
    mime VARCHAR,
    width INTEGER,
    height INTEGER,
    size_bytes BIGINT,
    sha256 VARCHAR,
    upload_url TEXT,
    uploaded_at_ms BIGINT,
    refusal TEXT,
    CONSTRAINT pk_reference_images PRIMARY KEY (id),
    CONSTRAINT uq_reference_images_request_id_position UNIQUE (request_id, position),
    CONSTRAINT ck_reference_images_state CHECK (state IN ('waiting', 'ready', 'uploaded', 'refused', 'dropped')),
    CONSTRAINT fk_reference_images_request_id FOREIGN KEY(request_id) REFERENCES requests (id)
)
""",
    """
CREATE INDEX ix_reference_images_bytes ON reference_images (request_id) WHERE path IS NOT NULL
""",
    """
CREATE TABLE attempts (
    picture_id VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    idempotency_key VARCHAR NOT NULL,
    body BLOB NOT NULL,
    committed_at_ms BIGINT NOT NULL,
    first_sent_at_ms BIGINT,
    outcome VARCHAR,
    ended_at_ms BIGINT,
    CONSTRAINT pk_attempts PRIMARY KEY (picture_id, number),
    CONSTRAINT fk_attempts_picture_id FOREIGN KEY(picture_id) REFERENCES pictures (id),
    CONSTRAINT uq_attempts_idempotency_key UNIQUE (idempotency_key)
)
""",
    """
CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END
""",
    """
CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END
""",
    """
CREATE TRIGGER entries_no_replace BEFORE INSERT ON entries
WHEN EXISTS (SELECT 1 FROM entries WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END
""",
    """
CREATE TRIGGER legs_no_update BEFORE UPDATE ON legs
BEGIN SELECT RAISE(ABORT, 'legs are append-only'); END
""",
    """
CREATE TRIGGER legs_no_delete BEFORE DELETE ON legs
BEGIN SELECT RAISE(ABORT, 'legs are append-only'); END
""",
    """
CREATE TRIGGER legs_no_replace BEFORE INSERT ON legs
WHEN EXISTS (SELECT 1 FROM legs WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'legs are append-only'); END
""",
    """
CREATE TRIGGER entries_one_hold BEFORE INSERT ON entries WHEN NEW.kind = 'hold'
BEGIN
  SELECT RAISE(ABORT, 'this picture has its hold already')
  WHERE EXISTS (SELECT 1 FROM entries h WHERE h.picture_id = NEW.picture_id AND h.kind = 'hold');
END
""",
    """
CREATE TRIGGER entries_settlement BEFORE INSERT ON entries WHEN NEW.kind IN ('capture', 'void')
BEGIN
  SELECT RAISE(ABORT, 'a capture or void needs a hold of the same account and picture that covers it')
  WHERE NOT EXISTS (
    SELECT 1 FROM entries h WHERE h.id = NEW.settles_id AND h.kind = 'hold' AND h.account_id = NEW.account_id
      AND h.picture_id = NEW.picture_id AND NEW.amount_credits <= h.amount_credits
      AND (NEW.kind = 'capture' OR NEW.amount_credits = h.amount_credits));
  SELECT RAISE(ABORT, 'this hold is settled already')
  WHERE EXISTS (SELECT 1 FROM entries s WHERE s.settles_id = NEW.settles_id AND s.kind IN ('capture', 'void'));
END
""",
    """
CREATE TRIGGER entries_refund BEFORE INSERT ON entries WHEN NEW.kind = 'refund'
BEGIN
  SELECT RAISE(ABORT, 'refunds can not exceed their capture')
  WHERE NEW.amount_credits + coalesce(
      (SELECT sum(r.amount_credits) FROM entries r WHERE r.settles_id = NEW.settles_id AND r.kind = 'refund'), 0)
    > coalesce((SELECT c.amount_credits FROM entries c
        WHERE c.id = NEW.settles_id AND c.kind = 'capture' AND c.account_id = NEW.account_id), -1);
END
""",
    """
CREATE TRIGGER pictures_state BEFORE UPDATE OF state ON pictures
WHEN OLD.state != NEW.state AND OLD.state || '>' || NEW.state NOT IN (
  'held>submitting', 'held>failed', 'held>cancelled',
  'submitting>held', 'submitting>painting', 'submitting>failed', 'submitting>unknown',
  'painting>fetching', 'painting>failed', 'painting>overdue',
  'overdue>fetching', 'overdue>failed', 'overdue>lost',
  'unknown>lost',
  'fetching>fetched', 'fetching>lost')
BEGIN SELECT RAISE(ABORT, 'a picture can not go from this state to that'); END
""",
    """
CREATE TRIGGER pictures_settled BEFORE UPDATE OF state ON pictures
WHEN NEW.state IN ('fetched', 'failed', 'cancelled', 'lost') AND NOT EXISTS (
  SELECT 1 FROM entries s WHERE s.settles_id = NEW.hold_id AND s.kind IN ('capture', 'void'))
BEGIN SELECT RAISE(ABORT, 'a picture can not end while its credits are on hold'); END
""",
    """
CREATE TRIGGER pictures_unpaid BEFORE UPDATE OF state ON pictures
WHEN NEW.state IN ('failed', 'cancelled', 'lost') AND EXISTS (
  SELECT 1 FROM entries s WHERE s.settles_id = NEW.hold_id AND s.kind = 'capture')
BEGIN SELECT RAISE(ABORT, 'nobody pays for a picture that was not made'); END
""",
    """
CREATE TRIGGER attempts_frozen BEFORE UPDATE ON attempts
WHEN OLD.body IS NOT NEW.body OR OLD.idempotency_key IS NOT NEW.idempotency_key
  OR OLD.picture_id IS NOT NEW.picture_id OR OLD.number IS NOT NEW.number
BEGIN SELECT RAISE(ABORT, 'what was sent under a key can not change'); END
""",
    """
CREATE TRIGGER attempts_no_replace BEFORE INSERT ON attempts
WHEN EXISTS (SELECT 1 FROM attempts a WHERE a.picture_id = NEW.picture_id AND a.number = NEW.number)
  OR EXISTS (SELECT 1 FROM attempts a WHERE a.idempotency_key = NEW.idempotency_key)
BEGIN SELECT RAISE(ABORT, 'what was sent under a key can not change'); END
""",
)


def upgrade() -> None:
    """Create everything."""
    for statement in STATEMENTS:
        op.execute(statement)
