"""What must hold of how pictures end: what each cost fits what the provider took, and nothing stands still for ever."""

from __future__ import annotations

from bot.credits.audit_checks import Rule

_DAY_MS = 86_400_000
STUCK_AFTER_MS = 3 * _DAY_MS
"""A late or unknown picture is written off, and a result given up, after a day on its last way; with room to spare."""

# CROSS JOIN: SQLite must not begin with the entries, of which there are the most.
OUTCOME_RULES: tuple[Rule, ...] = (
    # --- what it cost ---
    Rule(
        "captured_wrong",
        "Picture {id} was charged with {captured} credits, but the image service took {final} and {price} was its "
        "price: {due} are due. Give back what is too much by /quota refund.",
        """
        SELECT p.id, c.amount_credits AS captured, p.final_credits AS final, p.price_credits AS price,
          min(max(p.final_credits, 0), p.price_credits) AS due
        FROM pictures p CROSS JOIN entries c ON c.settles_id = p.hold_id AND c.kind IN ('capture', 'void')
        WHERE c.kind = 'capture' AND p.final_credits IS NOT NULL
          AND c.amount_credits != min(max(p.final_credits, 0), p.price_credits)
        """,
    ),
    Rule(
        "variance_missing",
        "For picture {id} the image service took {over} credits more than its price, but {booked} are booked on the "
        "operator's variance account: your account there has less than these books say.",
        """
        SELECT p.id, p.final_credits - p.price_credits AS over, (
          SELECT coalesce(sum(e.amount_credits), 0) FROM entries e JOIN accounts a ON a.id = e.account_id
          WHERE e.picture_id = p.id AND e.kind = 'adjust' AND a.kind = 'variance') AS booked
        FROM pictures p CROSS JOIN entries c ON c.settles_id = p.hold_id AND c.kind IN ('capture', 'void')
        WHERE c.kind = 'capture' AND p.final_credits > p.price_credits AND booked != over
        """,
    ),
    # A loss that turns out to be none is booked back by an entry of its own, and its picture is then no lost one.
    Rule(
        "loss_missing",
        "Picture {id} is lost and its credits were given back, but what it may have cost ({paid} credits) is not "
        "booked on the operator's loss account: your account at the image service has less than these books say.",
        """
        SELECT p.id, coalesce(p.final_credits, p.reserved_credits, p.price_credits) AS paid FROM pictures p
        WHERE p.state = 'lost' AND paid > 0 AND NOT EXISTS (
          SELECT 1 FROM entries e JOIN accounts a ON a.id = e.account_id
          WHERE e.picture_id = p.id AND e.kind = 'adjust' AND a.kind = 'loss')
        """,
    ),
    # --- what stands still ---
    Rule(
        "request_stuck",
        "Request {id} is running, but none of its pictures is in work any more: let the bot run; if this is found "
        "again, its person was not told of the end.",
        """
        SELECT r.id FROM requests r WHERE r.state IN ('accepted', 'running') AND r.state = 'running'
          AND NOT EXISTS (SELECT 1 FROM pictures p WHERE p.request_id = r.id
            AND p.state NOT IN ('fetched', 'failed', 'cancelled', 'lost'))
        """,
    ),
    # One that was never sent waits while the bot stands still: only where others were sent long after it is it stuck.
    Rule(
        "hold_stuck",
        "Hold {id} over {amount} credits of account {account_id} is open since {since} UTC for picture {picture_id}, "
        "which is {state}: let the bot run, which gives it back after a day, and look in its log for what keeps it.",
        f"""
        SELECT h.id, h.amount_credits AS amount, h.account_id, h.picture_id, p.state,
          strftime('%Y-%m-%d %H:%M', h.created_at_ms / 1000, 'unixepoch') AS since
        FROM open_holds o CROSS JOIN entries h ON h.id = o.hold_id CROSS JOIN pictures p ON p.id = h.picture_id
        WHERE h.created_at_ms < :now_ms - {STUCK_AFTER_MS} AND (
          p.state NOT IN ('held', 'fetched', 'failed', 'cancelled', 'lost')
          OR (p.state = 'held'
            AND h.created_at_ms < (SELECT max(submitted_at_ms) FROM pictures) - {STUCK_AFTER_MS}))
        """,  # noqa: S608 - our own number
    ),
    Rule(
        "delivery_stuck",
        "The result of request {id} is {state} since {since} UTC: let the bot run, and look in its log for what "
        "keeps it.",
        f"""
        SELECT r.id, iif(d.state = 'due', 'to be shown', 'waiting to be shown') AS state,
          strftime('%Y-%m-%d %H:%M', r.settled_at_ms / 1000, 'unixepoch') AS since
        FROM deliveries d JOIN requests r ON r.id = d.request_id
        WHERE d.state IN ('waiting', 'due') AND r.state = 'settled' AND r.settled_at_ms < :now_ms - {STUCK_AFTER_MS}
        """,  # noqa: S608 - our own number
    ),
    Rule(
        "bytes_missing",
        "Picture {id} was fetched, but no row says where its file is or that it was removed: look in the folder "
        "`results` for it, else give its credits back by /quota refund.",
        """
        SELECT p.id FROM pictures p
        WHERE p.state = 'fetched' AND p.path IS NULL AND p.bytes_dropped_at_ms IS NULL
        """,
    ),
)
