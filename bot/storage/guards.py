"""What the database refuses by itself, whoever writes to it: the triggers, as text.

Alembic's batch mode drops a table's triggers: a migration that uses it must create them again. A test compares what the
migrations leave with ``GUARDS``, and ``audit`` compares a live database.
"""

from __future__ import annotations


def _append_only(table: str) -> list[str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END"
    return [
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}\n{refuse}",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}\n{refuse}",
        # INSERT OR REPLACE deletes without firing delete triggers unless recursive_triggers is on, which a
        # stranger's connection may not have.
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}\n"  # noqa: S608 - our own tables' names
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)\n{refuse}",
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
  OR OLD.idempotency_key IS NOT NEW.idempotency_key
  OR OLD.picture_id IS NOT NEW.picture_id OR OLD.number IS NOT NEW.number
BEGIN SELECT RAISE(ABORT, 'what was sent under a key can not change'); END
"""

_ATTEMPT_NO_REPLACE = """
CREATE TRIGGER attempts_no_replace BEFORE INSERT ON attempts
WHEN EXISTS (SELECT 1 FROM attempts a WHERE a.picture_id = NEW.picture_id AND a.number = NEW.number)
  OR EXISTS (SELECT 1 FROM attempts a WHERE a.idempotency_key = NEW.idempotency_key)
BEGIN SELECT RAISE(ABORT, 'what was sent under a key can not change'); END
"""

GUARDS: tuple[str, ...] = (
    *_append_only("entries"),
    *_append_only("legs"),
    _ONE_HOLD.strip(),
    _SETTLEMENT.strip(),
    _REFUND.strip(),
    _PICTURE_STATES.strip(),
    _PICTURE_SETTLED.strip(),
    _PICTURE_UNPAID.strip(),
    _ATTEMPT_FROZEN.strip(),
    _ATTEMPT_NO_REPLACE.strip(),
)
