"""What the database refuses, and which sums it keeps, by itself, whoever writes to it: the triggers, as text.

Alembic's batch mode drops a table's triggers: a migration that uses it must create them again. A test compares what the
migrations leave with ``GUARDS``, and ``audit`` compares a live database.
"""

from __future__ import annotations


def _append_only(table: str, *, in_the_way: str = "id = NEW.id") -> list[str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END"
    return [
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}\n{refuse}",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}\n{refuse}",
        # INSERT OR REPLACE deletes without firing delete triggers unless recursive_triggers is on, which a
        # stranger's connection may not have.
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}\n"  # noqa: S608 - our own tables' names
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {in_the_way})\n{refuse}",
    ]


# INSERT OR REPLACE gets rid of the row in its way by any unique index, not by the id alone.
_ONE_HOLD = """
CREATE TRIGGER entries_one_hold BEFORE INSERT ON entries WHEN NEW.kind = 'hold'
BEGIN
  SELECT RAISE(ABORT, 'this picture has its hold already')
  WHERE EXISTS (SELECT 1 FROM entries h WHERE h.picture_id = NEW.picture_id AND h.kind = 'hold');
END
"""

_SETTLEMENT = """
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
"""

_REFUND = """
CREATE TRIGGER entries_refund BEFORE INSERT ON entries WHEN NEW.kind = 'refund'
BEGIN
  SELECT RAISE(ABORT, 'refunds can not exceed their capture')
  WHERE NEW.amount_credits + coalesce(
      (SELECT sum(r.amount_credits) FROM entries r WHERE r.settles_id = NEW.settles_id AND r.kind = 'refund'), 0)
    > coalesce((SELECT c.amount_credits FROM entries c
        WHERE c.id = NEW.settles_id AND c.kind = 'capture' AND c.account_id = NEW.account_id), -1);
END
"""

_PICTURE_STATES = """
CREATE TRIGGER pictures_state BEFORE UPDATE OF state ON pictures
WHEN OLD.state != NEW.state AND OLD.state || '>' || NEW.state NOT IN (
  'held>submitting', 'held>failed', 'held>cancelled',
  'submitting>held', 'submitting>painting', 'submitting>failed', 'submitting>unknown',
  'painting>fetching', 'painting>failed', 'painting>overdue',
  'overdue>fetching', 'overdue>failed', 'overdue>lost',
  'unknown>lost',
  'fetching>fetched', 'fetching>lost')
BEGIN SELECT RAISE(ABORT, 'a picture can not go from this state to that'); END
"""

# The books and the pictures agree at every commit that ends a picture: no final picture leaves a hold open, none is
# fetched for which credits were neither captured nor given back.
_PICTURE_SETTLED = """
CREATE TRIGGER pictures_settled BEFORE UPDATE OF state ON pictures
WHEN NEW.state IN ('fetched', 'failed', 'cancelled', 'lost') AND NOT EXISTS (
  SELECT 1 FROM entries s WHERE s.settles_id = NEW.hold_id AND s.kind IN ('capture', 'void'))
BEGIN SELECT RAISE(ABORT, 'a picture can not end while its credits are on hold'); END
"""

_PICTURE_UNPAID = """
CREATE TRIGGER pictures_unpaid BEFORE UPDATE OF state ON pictures
WHEN NEW.state IN ('failed', 'cancelled', 'lost') AND EXISTS (
  SELECT 1 FROM entries s WHERE s.settles_id = NEW.hold_id AND s.kind = 'capture')
BEGIN SELECT RAISE(ABORT, 'nobody pays for a picture that was not made'); END
"""

# The body holds the prompt: it may be emptied, never changed, and only when nothing will be sent under its key again.
_ATTEMPT_FROZEN = """
CREATE TRIGGER attempts_frozen BEFORE UPDATE ON attempts
WHEN (OLD.body IS NOT NEW.body AND (NEW.body IS NOT x'' OR NOT EXISTS (
    SELECT 1 FROM pictures p
    WHERE p.id = OLD.picture_id AND p.state IN ('fetched', 'failed', 'cancelled', 'lost'))))
  OR OLD.idempotency_key IS NOT NEW.idempotency_key OR OLD.key_mark IS NOT NEW.key_mark
  OR OLD.picture_id IS NOT NEW.picture_id OR OLD.number IS NOT NEW.number
BEGIN SELECT RAISE(ABORT, 'what was sent under a key can not change'); END
"""

_ATTEMPT_NO_REPLACE = """
CREATE TRIGGER attempts_no_replace BEFORE INSERT ON attempts
WHEN EXISTS (SELECT 1 FROM attempts a WHERE a.picture_id = NEW.picture_id AND a.number = NEW.number)
  OR EXISTS (SELECT 1 FROM attempts a WHERE a.idempotency_key = NEW.idempotency_key)
BEGIN SELECT RAISE(ABORT, 'what was sent under a key can not change'); END
"""

# --- running totals (see quota_tables): whoever writes an entry or a leg, the sums follow ---

_TOTALS = """
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
"""

# Once a member asked to be forgotten nobody (a negative number) stands in their place; all else stays as it was.
_QUOTA_LOG_NO_UPDATE = """
CREATE TRIGGER quota_log_no_update BEFORE UPDATE ON quota_log
WHEN NOT (OLD.scope = 'member' AND OLD.subject_id > 0 AND NEW.subject_id < 0)
  OR OLD.id IS NOT NEW.id OR OLD.guild_id IS NOT NEW.guild_id OR OLD.actor_id IS NOT NEW.actor_id
  OR OLD.action IS NOT NEW.action OR OLD.scope IS NOT NEW.scope
  OR OLD.value_before IS NOT NEW.value_before OR OLD.value_after IS NOT NEW.value_after
  OR OLD.reason IS NOT NEW.reason OR OLD.entry_id IS NOT NEW.entry_id
  OR OLD.event_id IS NOT NEW.event_id OR OLD.created_at_ms IS NOT NEW.created_at_ms
BEGIN SELECT RAISE(ABORT, 'quota_log are append-only'); END
"""

# As there: of a ban in the log of settings only whom it was about may go, for a 0.
_SETTING_CHANGES_NO_UPDATE = """
CREATE TRIGGER setting_changes_no_update BEFORE UPDATE ON setting_changes
WHEN OLD.name != 'ban'
  OR json_replace(OLD.was, '$.user_id', 0) IS NOT NEW.was
  OR json_replace(OLD.became, '$.user_id', 0) IS NOT NEW.became
  OR OLD.id IS NOT NEW.id OR OLD.guild_id IS NOT NEW.guild_id OR OLD.changed_by IS NOT NEW.changed_by
  OR OLD.name IS NOT NEW.name OR OLD.created_at_ms IS NOT NEW.created_at_ms
BEGIN SELECT RAISE(ABORT, 'setting_changes are append-only'); END
"""

_GRANT_GIVEN = """
CREATE TRIGGER entries_grant_given AFTER INSERT ON entries WHEN NEW.kind = 'grant'
BEGIN
  INSERT INTO grants_left (grant_id, account_id, expires_at_ms, left_credits)
  VALUES (NEW.id, NEW.account_id, NEW.expires_at_ms, NEW.amount_credits);
END
"""

_GRANT_USED = """
CREATE TRIGGER legs_grant_used AFTER INSERT ON legs WHEN NEW.grant_id IS NOT NULL
BEGIN
  UPDATE grants_left SET left_credits = left_credits - NEW.amount_credits WHERE grant_id = NEW.grant_id;
END
"""

_HOLD_OPENED = """
CREATE TRIGGER entries_hold_opened AFTER INSERT ON entries WHEN NEW.kind = 'hold'
BEGIN
  INSERT INTO open_holds (hold_id, account_id, amount_credits) VALUES (NEW.id, NEW.account_id, NEW.amount_credits);
END
"""

_HOLD_SETTLED = """
CREATE TRIGGER entries_hold_settled AFTER INSERT ON entries WHEN NEW.kind IN ('capture', 'void')
BEGIN
  DELETE FROM open_holds WHERE hold_id = NEW.settles_id;
END
"""

GUARDS: tuple[str, ...] = (
    *_append_only("entries"),
    *_append_only("legs"),
    *_append_only("setting_changes")[1:],
    _SETTING_CHANGES_NO_UPDATE.strip(),
    _ONE_HOLD.strip(),
    _SETTLEMENT.strip(),
    _REFUND.strip(),
    _PICTURE_STATES.strip(),
    _PICTURE_SETTLED.strip(),
    _PICTURE_UNPAID.strip(),
    _ATTEMPT_FROZEN.strip(),
    _ATTEMPT_NO_REPLACE.strip(),
    *_append_only("quota_log", in_the_way="id = NEW.id OR event_id = NEW.event_id")[1:],
    _QUOTA_LOG_NO_UPDATE.strip(),
    *_append_only("operator_log", in_the_way="id = NEW.id OR event_id = NEW.event_id"),
    _TOTALS.strip(),
    _GRANT_GIVEN.strip(),
    _GRANT_USED.strip(),
    _HOLD_OPENED.strip(),
    _HOLD_SETTLED.strip(),
)
