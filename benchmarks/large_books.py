"""Books of a server that has been at it for two years, written at once: members, requests, pictures, entries, legs.

They are made as the version before the running totals kept them, so that the way from there is measured, too, and as
the bot leaves them: ``audit`` finds nothing. Guards and indexes are set aside while rows are written, and made again.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from bot.storage.migrations import upgrade

BEFORE_TOTALS = "0002"
YEARS_MS = 730 * 24 * 3600 * 1000
GUILD = 900_000_000_000_000_001
CHANNELS = 60
ROLES = 120
_USERS = 100_000_000_000_000_000
_CHANNELS = 500_000_000_000_000_000
_ROLES = 700_000_000_000_000_000
_FORM = """
-- Who asked, where and when, for which picture, and what came of it: the rest is made of this. A few ask for much, most
-- for little (the third power of what is spread evenly). Numbers jump about as random ids do.
CREATE TEMP TABLE numbers AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :pictures)
  SELECT i, (i * 2654435761) % 4294967296 AS mixed FROM n;
CREATE TEMP TABLE asked AS SELECT
  i,
  printf('%08x%08x', mixed, i) AS id,
  1 + CAST(:members * pow(mixed / 4294967296.0, 3) AS INTEGER) AS member,
  :channel0 + 1 + i % :channels AS channel,
  :now - :years + CAST(:years * (i * 1.0 / (:pictures + 1)) AS INTEGER) AS at_ms,
  CASE WHEN i % 50 < 3 THEN 'void' WHEN i % 50 = 3 THEN 'less' ELSE 'capture' END AS came,
  CASE i % 3 WHEN 0 THEN 'nano-banana-2' ELSE 'nano-banana-pro' END AS model,
  i % 10 = 0 AS private
  FROM numbers;
INSERT INTO accounts (id, kind, guild_id, created_at_ms)
  SELECT i, 'member', :guild, :now - :years FROM numbers WHERE i <= :members;
INSERT INTO account_owners (account_id, guild_key, user_id)
  SELECT i, :guild, :user0 + i FROM numbers WHERE i <= :members;
-- One member in ten was given extra credits once, and uses them now and then.
INSERT INTO entries (id, account_id, kind, amount_credits, actor, reason, created_at_ms)
  SELECT i / 10, i, 'grant', 1000000, 'admin', 'a gift', :now - :years FROM numbers
  WHERE i <= :members AND i % 10 = 0;
-- Each picture's hold, and after it what it came to.
INSERT INTO entries (id, account_id, kind, amount_credits, settles_id, picture_id, actor, reason, created_at_ms)
  SELECT :members / 10 + 2 * i - 1 + s.settles, member,
    CASE WHEN NOT s.settles THEN 'hold' WHEN came = 'void' THEN 'void' ELSE 'capture' END,
    CASE WHEN s.settles AND came = 'less' THEN 6 ELSE 8 END,
    CASE WHEN s.settles THEN :members / 10 + 2 * i - 1 END,
    id || '-1', 'bot', CASE WHEN s.settles THEN 'picture' ELSE '' END, at_ms + s.settles * 15000
  FROM asked CROSS JOIN (SELECT 0 AS settles UNION ALL SELECT 1) s;
INSERT INTO legs (entry_id, account_id, guild_id, grant_id, amount_credits, dated_at_ms)
  SELECT :members / 10 + 2 * i - 1 + s.settles, member, :guild,
    CASE WHEN i % 4 = 0 AND member % 10 = 0 THEN member / 10 END,
    CASE WHEN NOT s.settles THEN 8 WHEN came = 'less' THEN -2 ELSE -8 END, at_ms
  FROM asked CROSS JOIN (SELECT 0 AS settles UNION ALL SELECT 1) s WHERE NOT s.settles OR came != 'capture';
-- One in two hundred was given back by an admin.
INSERT INTO entries (account_id, kind, amount_credits, settles_id, picture_id, actor, reason, created_at_ms)
  SELECT member, 'refund', 8, :members / 10 + 2 * i, id || '-1', 'admin', 'blurred', at_ms + 60000
  FROM asked WHERE i % 200 = 104;
INSERT INTO legs (entry_id, account_id, guild_id, grant_id, amount_credits, dated_at_ms)
  SELECT e.id, a.member, :guild, CASE WHEN a.i % 4 = 0 AND a.member % 10 = 0 THEN a.member / 10 END, -8, a.at_ms
  FROM entries e JOIN asked a ON a.i = (e.settles_id - :members / 10) / 2 WHERE e.kind = 'refund';
INSERT INTO requests (id, source_kind, source_id, account_id, user_id, guild_id, channel_id, model, prompt, options,
    picture_count, private, notify, locale, state, application_id, token_expires_at_ms, message_id, upload_limit_bytes,
    created_at_ms, acknowledged_at_ms, settled_at_ms, place_guild_id)
  SELECT id, 'interaction', :user0 * 8 + i, member, :user0 + member, :guild, channel, model,
    'a lighthouse in the rain, seen from the sea at dusk', '{"resolution": "1K", "aspect_ratio": "16:9"}',
    1, private, 0, 'en-US', 'settled', 1, at_ms + 900000, :user0 * 9 + i, 10485760, at_ms, at_ms + 100, at_ms + 15000,
    :guild
  FROM asked;
INSERT INTO deliveries (request_id, state, rung, tries, first_try_at_ms, channel_id, message_id, shown_at_ms)
  SELECT id, 'shown', 'message', 1, at_ms + 15000, channel, :user0 * 9 + i, at_ms + 15200 FROM asked;
INSERT INTO pictures (id, request_id, position, state, hold_id, price_credits, attempt, task_id, charged_credits,
    final_credits, submitted_at_ms, finished_at_ms, mime, width, height, size_bytes, sha256, failure_code,
    bytes_dropped_at_ms)
  SELECT id || '-1', id, 1, CASE came WHEN 'void' THEN 'failed' ELSE 'fetched' END, :members / 10 + 2 * i - 1, 8, 1,
    'task-' || id, CASE came WHEN 'void' THEN 0 WHEN 'less' THEN 6 ELSE 8 END,
    CASE came WHEN 'void' THEN 0 WHEN 'less' THEN 6 ELSE 8 END, at_ms + 500, at_ms + 15000, 'image/png', 1376, 768,
    1500000, CASE WHEN came != 'void' THEN id || id || id || id END, CASE came WHEN 'void' THEN 'failed' END,
    CASE WHEN came != 'void' THEN at_ms + 7776000000 END
  FROM asked;
INSERT INTO attempts (picture_id, number, idempotency_key, body, committed_at_ms, first_sent_at_ms, outcome,
    ended_at_ms)
  SELECT id || '-1', 1, id || '-key', x'7b7d', at_ms + 400, at_ms + 410, 'task-' || id, at_ms + 500 FROM asked;
DROP TABLE temp.asked;
DROP TABLE temp.numbers;
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of what."""

    entries: int
    members: int
    rules: int


def user_id(member: int) -> int:
    """Return a member's id; 1 is the one who has asked for the most."""
    return _USERS + member


def channel_id(number: int) -> int:
    """Return a channel's id."""
    return _CHANNELS + number


def role_id(number: int) -> int:
    """Return a role's id."""
    return _ROLES + number


def make(path: Path, size: Size, *, now_ms: int) -> None:
    """Make a database at ``path`` as the version before the running totals left it."""
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        upgrade(connection, BEFORE_TOTALS)
    engine.dispose()
    values = {
        "pictures": size.entries // 2,
        "members": min(size.members, size.entries // 2),
        "now": now_ms,
        "years": YEARS_MS,
        "guild": GUILD,
        "channels": CHANNELS,
        "channel0": _CHANNELS,
        "user0": _USERS,
    }
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000", "threads = 2"):
            connection.execute(f"PRAGMA {pragma}")
        aside = connection.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE type IN ('trigger', 'index') AND sql IS NOT NULL"
        ).fetchall()
        for kind, name, _ in aside:
            connection.execute(f"DROP {kind} {name}")
        for statement in _FORM.split(";"):
            connection.execute(statement, {key: value for key, value in values.items() if f":{key}" in statement})
        for *_, statement in aside:
            connection.execute(statement)


def add_rules(path: Path, rules: int, *, now_ms: int) -> None:
    """Write a server's rules: for everyone, newcomers, the server, channels, roles and members."""
    shared = [
        ("everyone", 0, "month", 1_000_000_000, 50, "4K"),
        ("server", 0, "month", 2_000_000_000, 10_000, None),
        ("newcomer", 7, "day", 100_000, 5, "2K"),
        ("newcomer", 30, "week", 1_000_000, 20, None),
    ]
    many = [
        *(("channel", channel_id(n), "day", 1_000_000_000, 1_000, None) for n in range(1, CHANNELS + 1)),
        *(("role", role_id(n), "week" if n % 2 else "month", 1_000_000 * n, n, "4K") for n in range(1, ROLES + 1)),
    ]
    some = [("member", user_id(1 + 7 * n), "month", 5_000_000, None, None) for n in range(1, rules + 1)]
    rows = [(GUILD, *rule, now_ms) for rule in (*shared, *many, *some)[:rules]]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO quota_rules (guild_id, scope, subject_id, period, credits, running, resolution, reason, "
            "set_by, set_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, '', 1, ?)",
            rows,
        )
