"""What must hold in the books, as one query for each rule: it returns the rows that break it.

All are set-based and walk the indexes there are; only a dropped index makes one sort. States and kinds are written out,
not bound, since SQLite uses a partial index only for a condition that it can see.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the books. ``sentence`` is filled from the columns of each row that ``broken`` returns."""

    code: str
    sentence: str
    broken: str


# Of what the provider was paid nothing comes back by a refund.
_NO_REFUND = (" JOIN entries e ON e.id = l.entry_id", "e.kind != 'refund'")

RULES: tuple[Rule, ...] = (
    # --- entries and their legs ---
    Rule(
        "hold_legs",
        "Hold {id} of picture {picture_id} is over {amount} credits, but {drawn} were drawn from allowance and grants.",
        """
        SELECT h.id, h.picture_id, h.amount_credits AS amount, coalesce(sum(l.amount_credits), 0) AS drawn
        FROM entries h LEFT JOIN legs l ON l.entry_id = h.id WHERE h.kind = 'hold'
        GROUP BY h.id HAVING drawn != h.amount_credits OR min(l.amount_credits) < 0
        """,
    ),
    Rule(
        "void_legs",
        "Void {id} does not give back what hold {hold_id} drew, place by place.",
        """
        SELECT v.id, v.settles_id AS hold_id FROM entries v WHERE v.kind = 'void' AND EXISTS (
          SELECT 1 FROM legs l WHERE l.entry_id IN (v.id, v.settles_id)
          GROUP BY l.grant_id HAVING sum(l.amount_credits) != 0)
        """,
    ),
    Rule(
        "capture_legs",
        "Capture {id} must free {due} credits of hold {hold_id}, but frees {freed}.",
        """
        SELECT c.id, h.id AS hold_id, h.amount_credits - c.amount_credits AS due,
          -coalesce(sum(l.amount_credits), 0) AS freed
        FROM entries c JOIN entries h ON h.id = c.settles_id LEFT JOIN legs l ON l.entry_id = c.id
        WHERE c.kind = 'capture' GROUP BY c.id HAVING freed != due
        """,
    ),
    Rule(
        "given_back_twice",
        "Capture {id} and its refunds give more back to one place than hold {hold_id} drew there.",
        """
        SELECT c.id, c.settles_id AS hold_id FROM entries c
        WHERE c.kind = 'capture'
          AND (EXISTS (SELECT 1 FROM legs l WHERE l.entry_id = c.id)
            OR EXISTS (SELECT 1 FROM entries r WHERE r.settles_id = c.id AND r.kind = 'refund'))
          AND EXISTS (
            SELECT 1 FROM legs l WHERE l.entry_id IN (
              SELECT c.settles_id UNION ALL SELECT c.id
              UNION ALL SELECT r.id FROM entries r WHERE r.settles_id = c.id AND r.kind = 'refund')
            GROUP BY l.grant_id HAVING sum(l.amount_credits) < 0)
        """,
    ),
    Rule(
        "refund_sum",
        "Refunds of capture {id} come to {refunded} credits, more than the {amount} captured for picture {picture_id}.",
        """
        SELECT c.id, c.picture_id, c.amount_credits AS amount, sum(r.amount_credits) AS refunded
        FROM entries r JOIN entries c ON c.id = r.settles_id WHERE r.kind = 'refund'
        GROUP BY r.settles_id HAVING refunded > c.amount_credits
        """,
    ),
    Rule(
        "refund_legs",
        "Refunds of capture {id} come to {refunded} credits, but {back} came back for picture {picture_id}.",
        """
        WITH refunds AS (
          SELECT settles_id, sum(amount_credits) AS refunded FROM entries WHERE kind = 'refund' GROUP BY settles_id)
        SELECT c.id, c.picture_id, refunds.refunded,
          (SELECT coalesce(-sum(l.amount_credits), 0) FROM entries r JOIN legs l ON l.entry_id = r.id
            WHERE r.settles_id = c.id AND r.kind = 'refund')
          + (SELECT coalesce(sum(g.amount_credits), 0) FROM entries g
            WHERE g.picture_id = c.picture_id AND g.kind = 'grant' AND g.actor != 'engine'
              AND g.account_id = c.account_id) AS back
        FROM refunds JOIN entries c ON c.id = refunds.settles_id WHERE back != refunds.refunded
        """,
    ),
    Rule(
        "settlement",
        "Entry {id} ({kind}) does not fit entry {settles_id} that it settles, in kind, account, picture or amount.",
        """
        SELECT s.id, s.kind, s.settles_id FROM entries s LEFT JOIN entries t ON t.id = s.settles_id
        WHERE s.kind IN ('capture', 'void', 'refund') AND (
          t.id IS NULL OR t.account_id != s.account_id OR t.picture_id IS NOT s.picture_id
          OR t.kind != CASE s.kind WHEN 'refund' THEN 'capture' ELSE 'hold' END
          OR (s.kind = 'capture' AND s.amount_credits > t.amount_credits)
          OR (s.kind = 'void' AND s.amount_credits != t.amount_credits))
        """,
    ),
    Rule(
        "settled_twice",
        "Hold {hold_id} is settled {times} times, by entries {ids}.",
        """
        SELECT settles_id AS hold_id, count(*) AS times, group_concat(id, ', ') AS ids FROM entries
        WHERE kind IN ('capture', 'void') GROUP BY settles_id HAVING count(*) > 1
        """,
    ),
    Rule(
        "leg",
        "Leg {id} of entry {entry_id} ({kind}) has an account, a server, a date or a sign that it can't have.",
        """
        SELECT l.id, l.entry_id, e.kind FROM legs l
        JOIN entries e ON e.id = l.entry_id JOIN accounts a ON a.id = e.account_id
        LEFT JOIN entries s ON s.id = e.settles_id
        LEFT JOIN entries h ON e.kind = 'refund' AND h.id = s.settles_id
        WHERE e.kind = 'grant' OR l.account_id != e.account_id OR l.guild_id IS NOT a.guild_id
          OR l.dated_at_ms != coalesce(h.created_at_ms, s.created_at_ms, e.created_at_ms)
          OR (e.kind IN ('capture', 'void', 'refund') AND l.amount_credits > 0)
        """,
    ),
    Rule(
        "adjust_legs",
        "Adjustment {id} is over {amount} credits, but its legs come to {drawn}.",
        """
        SELECT e.id, e.amount_credits AS amount, coalesce(sum(l.amount_credits), 0) AS drawn
        FROM entries e LEFT JOIN legs l ON l.entry_id = e.id WHERE e.kind = 'adjust'
        GROUP BY e.id HAVING drawn != e.amount_credits
        """,
    ),
    Rule(
        "leg_channel",
        "Leg {id} of entry {entry_id} counts for channel {channel}, but its request for channel {asked}.",
        """
        SELECT l.id, l.entry_id, coalesce(l.channel_id, 'none') AS channel,
          coalesce(r.quota_channel_id, 'none') AS asked
        FROM legs l JOIN entries e ON e.id = l.entry_id
        JOIN pictures p ON p.id = e.picture_id JOIN requests r ON r.id = p.request_id
        WHERE e.kind != 'adjust' AND l.channel_id IS NOT r.quota_channel_id
        """,
    ),
    # --- running totals: what every allowance is reckoned by ---
    *(
        Rule(
            "total",
            f"The running total of {whose} for the quarter of an hour from {{at}} UTC says {{said}} credits, "
            "but the ledger has {booked} there.",
            f"""
            SELECT t.subject_id, strftime('%Y-%m-%d %H:%M', t.quarter_ms / 1000, 'unixepoch') AS at,
              t.used_credits AS said, (
              SELECT coalesce(sum(l.amount_credits), 0) FROM legs l{counted_join}
              WHERE {subject} AND l.dated_at_ms >= t.quarter_ms AND l.dated_at_ms < t.quarter_ms + 900000
                AND {counted}) AS booked
            FROM totals t WHERE t.scope = '{scope}' AND said != booked
            """,  # noqa: S608 - our own names
        )
        for scope, whose, subject, counted_join, counted in (
            ("account", "account {subject_id}", "l.account_id = t.subject_id", "", "l.grant_id IS NULL"),
            ("channel", "channel {subject_id}", "l.channel_id = t.subject_id", *_NO_REFUND),
            ("guild", "server {subject_id}", "l.guild_id = t.subject_id", *_NO_REFUND),
            ("all", "all accounts", "t.subject_id = 0", *_NO_REFUND),
        )
    ),
    Rule(
        "total_missing",
        "Leg {id} of entry {entry_id} over {amount} credits is in no running total of its {scope}.",
        """
        SELECT l.id, l.entry_id, l.amount_credits AS amount, s.scope
        FROM legs l JOIN entries e ON e.id = l.entry_id
        JOIN (SELECT 'account' AS scope UNION ALL SELECT 'channel' UNION ALL SELECT 'guild' UNION ALL SELECT 'all') s
        WHERE CASE s.scope WHEN 'account' THEN l.grant_id IS NULL WHEN 'channel' THEN l.channel_id IS NOT NULL
            WHEN 'guild' THEN l.guild_id IS NOT NULL ELSE true END
          AND (s.scope = 'account' OR e.kind != 'refund')
          AND NOT EXISTS (
            SELECT 1 FROM totals t WHERE t.scope = s.scope
              AND t.subject_id = CASE s.scope WHEN 'account' THEN l.account_id WHEN 'channel' THEN l.channel_id
                WHEN 'guild' THEN l.guild_id ELSE 0 END
              AND t.quarter_ms = l.dated_at_ms - l.dated_at_ms % 900000)
        """,
    ),
    Rule(
        "open_hold",
        "Hold {id} of account {account_id} is {really}, but among what is on hold it is {listed}.",
        """
        SELECT h.id, h.account_id, CASE WHEN s.id IS NULL THEN 'open' ELSE 'settled' END AS really,
          CASE WHEN o.hold_id IS NULL THEN 'not there'
            ELSE 'there with ' || o.amount_credits || ' credits of account ' || o.account_id END AS listed
        FROM entries h LEFT JOIN entries s ON s.settles_id = h.id AND s.kind IN ('capture', 'void')
        LEFT JOIN open_holds o ON o.hold_id = h.id
        WHERE h.kind = 'hold' AND ((s.id IS NULL) != (o.hold_id IS NOT NULL)
          OR o.amount_credits != h.amount_credits OR o.account_id != h.account_id)
        """,
    ),
    Rule(
        "open_hold",
        "Among what is on hold there is {id}, which is no hold.",
        """
        SELECT o.hold_id AS id FROM open_holds o LEFT JOIN entries h ON h.id = o.hold_id WHERE h.kind IS NOT 'hold'
        """,
    ),
    Rule(
        "grant_left",
        "Of grant {id} over {amount} credits {left} must be left, but the list of grants has {listed}.",
        """
        SELECT g.id, g.amount_credits AS amount,
          g.amount_credits - coalesce((SELECT sum(l.amount_credits) FROM legs l WHERE l.grant_id = g.id), 0) AS left,
          coalesce(n.left_credits, 'none of it') AS listed
        FROM entries g LEFT JOIN grants_left n ON n.grant_id = g.id
        WHERE g.kind = 'grant' AND (n.left_credits IS NOT left OR n.account_id IS NOT g.account_id
          OR n.expires_at_ms IS NOT g.expires_at_ms)
        """,
    ),
    Rule(
        "grant_left",
        "The list of grants has {id}, which is no grant.",
        """
        SELECT n.grant_id AS id FROM grants_left n LEFT JOIN entries g ON g.id = n.grant_id WHERE g.kind IS NOT 'grant'
        """,
    ),
    # --- quotas ---
    Rule(
        "quota_log",
        "Entry {entry_id} of quota log line {id} ({action}) is a {kind} over {amount} credits: it says another thing.",
        """
        SELECT q.id, q.action, q.entry_id, e.kind, e.amount_credits AS amount
        FROM quota_log q JOIN entries e ON e.id = q.entry_id
        WHERE e.kind != q.action OR e.amount_credits IS NOT json_extract(q.value_after, '$.credits')
        """,
    ),
    # --- what the operator allows ---
    Rule(
        "operator_log",
        "Server {guild_id} is allowed {allowed} and is {paused}, but by the operator's log it is allowed {said} and is "
        "{said_paused}: set it again by /operator.",
        """
        SELECT l.guild_id,
          CASE WHEN NOT l.own_allowance THEN 'what the settings say' WHEN l.allowance_credits IS NULL THEN 'any number'
            ELSE l.allowance_credits || ' credits a month' END AS allowed,
          iif(l.paused_at_ms IS NULL, 'not paused', 'paused') AS paused,
          CASE WHEN NOT coalesce(json_extract(o.value_after, '$.own'), 0) THEN 'what the settings say'
            WHEN json_extract(o.value_after, '$.credits') IS NULL THEN 'any number'
            ELSE json_extract(o.value_after, '$.credits') || ' credits a month' END AS said,
          iif(coalesce(json_extract(o.value_after, '$.paused'), 0), 'paused', 'not paused') AS said_paused
        FROM guild_limits l LEFT JOIN operator_log o ON o.id = (
          SELECT max(n.id) FROM operator_log n WHERE n.guild_id = l.guild_id)
        WHERE allowed != said OR paused != said_paused
        """,
    ),
    Rule(
        "operator_log",
        "By the operator's log something was set for server {guild_id}, but nothing is.",
        """
        SELECT DISTINCT o.guild_id FROM operator_log o
        WHERE NOT EXISTS (SELECT 1 FROM guild_limits l WHERE l.guild_id = o.guild_id)
        """,
    ),
    Rule(
        "notice_stuck",
        "Operator {operator_id} was to be told ({kind}) {hours} hours ago, and was not: let the bot run, and look in "
        "its log for what keeps it.",
        """
        SELECT operator_id, kind, (:now_ms - created_at_ms) / 3600000 AS hours FROM operator_notices
        -- A stopped bot ends none; one that took a request since then, and had an hour, does.
        WHERE ended_at_ms IS NULL AND EXISTS (SELECT 1 FROM requests r WHERE r.created_at_ms
          BETWEEN operator_notices.created_at_ms + 172800000 AND :now_ms - 3600000)
        """,
    ),
    # --- accounts ---
    Rule(
        "grant_overdrawn",
        "Of grant {id} over {amount} credits {used} are used.",
        """
        SELECT g.id, g.amount_credits AS amount, sum(l.amount_credits) AS used
        FROM legs l JOIN entries g ON g.id = l.grant_id WHERE l.grant_id IS NOT NULL
        GROUP BY l.grant_id HAVING used > g.amount_credits OR used < 0
        """,
    ),
    Rule(
        "grant_misused",
        "Leg {id} of entry {entry_id} draws on entry {grant_id}, which is no grant of that account, or had expired.",
        """
        SELECT l.id, l.entry_id, l.grant_id FROM legs l JOIN entries g ON g.id = l.grant_id
        WHERE l.grant_id IS NOT NULL AND (g.kind != 'grant' OR g.account_id != l.account_id
          OR (l.amount_credits > 0 AND g.expires_at_ms <= l.dated_at_ms))
        """,
    ),
    Rule(
        "window_negative",
        "Account {account_id} got {over} credits more back to its allowance than it drew on {at} UTC.",
        """
        SELECT l.account_id, strftime('%Y-%m-%d %H:%M:%S', l.dated_at_ms / 1000, 'unixepoch') AS at,
          -sum(l.amount_credits) AS over
        FROM legs l JOIN accounts a ON a.id = l.account_id
        WHERE l.grant_id IS NULL AND a.kind = 'member'
        GROUP BY l.account_id, l.dated_at_ms HAVING sum(l.amount_credits) < 0
        """,
    ),
    Rule(
        "grant_late",
        "{given} credits were granted to account {account_id} by the bot itself, but only {back} had come back of "
        "picture {picture} after the grant that they were of had expired: ask who works on the database.",
        """
        SELECT g.account_id, coalesce(g.picture_id, 'none') AS picture, sum(g.amount_credits) AS given, (
          SELECT coalesce(-sum(l.amount_credits), 0) FROM entries s JOIN legs l ON l.entry_id = s.id
          JOIN entries x ON x.id = l.grant_id
          WHERE s.picture_id = g.picture_id AND s.account_id = g.account_id AND s.kind IN ('capture', 'void')
            AND x.expires_at_ms <= s.created_at_ms) AS back
        FROM entries g WHERE g.kind = 'grant' AND g.actor = 'engine' GROUP BY g.account_id, g.picture_id
        HAVING given > back
        """,
    ),
    Rule(
        "wrong_books",
        "Entry {id} ({kind}) stands on account {account_id}, which is a {account_kind} account.",
        """
        SELECT e.id, e.kind, e.account_id, a.kind AS account_kind FROM entries e JOIN accounts a ON a.id = e.account_id
        WHERE (e.kind = 'adjust') = (a.kind = 'member')
        """,
    ),
    Rule(
        "future",
        "Entry {id} is dated {ahead_min} minutes ahead of now: set the machine's clock, allowances go by these dates.",
        """
        SELECT id, (created_at_ms - :now_ms) / 60000 AS ahead_min FROM entries WHERE created_at_ms > :now_ms + 300000
        """,
    ),
    # --- pictures and requests ---
    Rule(
        "hold_left_behind",
        "Hold {id} over {amount} credits (account {account_id}) is open, but its picture {picture_id} is {state}.",
        """
        SELECT h.id, h.account_id, h.picture_id, h.amount_credits AS amount,
          CASE WHEN p.id IS NULL THEN 'not there' ELSE 'part of a request that is ' || r.state END AS state
        FROM entries h LEFT JOIN entries s ON s.settles_id = h.id AND s.kind IN ('capture', 'void')
        LEFT JOIN pictures p ON p.id = h.picture_id LEFT JOIN requests r ON r.id = p.request_id
        WHERE h.kind = 'hold' AND s.id IS NULL AND (p.id IS NULL OR r.state NOT IN ('accepted', 'running'))
        """,
    ),
    Rule(
        "picture_hold",
        "Picture {id} of request {request_id} has no hold of its own over its price of {price} credits by its account.",
        """
        SELECT p.id, p.request_id, p.price_credits AS price FROM pictures p
        LEFT JOIN requests r ON r.id = p.request_id LEFT JOIN entries h ON h.id = p.hold_id
        WHERE h.id IS NULL OR h.kind != 'hold' OR h.picture_id IS NOT p.id OR h.amount_credits != p.price_credits
          OR h.account_id IS NOT r.account_id
        """,
    ),
    Rule(
        "two_holds",
        "Picture {picture_id} has {times} holds: entries {ids}.",
        """
        SELECT picture_id, count(*) AS times, group_concat(id, ', ') AS ids FROM entries WHERE kind = 'hold'
        GROUP BY picture_id HAVING count(*) > 1
        """,
    ),
    Rule(
        "picture_unsettled",
        "Picture {id} is {state}, but its hold {hold_id} has {settled}.",
        """
        SELECT p.id, p.state, p.hold_id,
          CASE WHEN s.id IS NULL THEN 'not been settled' ELSE 'been captured' END AS settled
        FROM pictures p LEFT JOIN entries s ON s.settles_id = p.hold_id AND s.kind IN ('capture', 'void')
        WHERE (p.state = 'fetched' AND s.id IS NULL)
          OR (p.state IN ('failed', 'cancelled', 'lost') AND s.kind IS NOT 'void')
        """,
    ),
    Rule(
        "picture_settled_early",
        "Picture {id} is only {state}, but its hold {hold_id} has a {settled} already.",
        """
        SELECT p.id, p.state, p.hold_id, s.kind AS settled
        FROM pictures p JOIN entries s ON s.settles_id = p.hold_id AND s.kind IN ('capture', 'void')
        WHERE p.state IN ('held', 'submitting', 'painting')
          OR (p.state IN ('overdue', 'unknown', 'fetching') AND s.kind = 'capture')
        """,
    ),
    Rule(
        "picture_charged",
        "Picture {id} ({state}) says that it cost {charged} credits, but {captured} were captured.",
        """
        SELECT p.id, p.state, coalesce(p.charged_credits, 0) AS charged, coalesce(s.amount_credits, 0) AS captured
        FROM pictures p LEFT JOIN entries s ON s.settles_id = p.hold_id AND s.kind = 'capture'
        WHERE p.state IN ('fetched', 'failed', 'cancelled', 'lost')
          AND coalesce(p.charged_credits, 0) != coalesce(s.amount_credits, 0)
        """,
    ),
    Rule(
        "request_unended",
        "Request {id} is {state}, but its picture {picture_id} is {picture_state}.",
        """
        SELECT r.id, r.state, p.id AS picture_id, p.state AS picture_state
        FROM pictures p JOIN requests r ON r.id = p.request_id
        WHERE (r.state = 'settled' AND p.state NOT IN ('fetched', 'failed', 'cancelled', 'lost'))
          OR (r.state = 'void' AND p.state NOT IN ('failed', 'cancelled'))
        """,
    ),
    Rule(
        "request_pictures",
        "Request {id} is for {wanted} pictures, but has {there}.",
        """
        SELECT r.id, r.picture_count AS wanted, count(p.id) AS there
        FROM requests r LEFT JOIN pictures p ON p.request_id = r.id GROUP BY r.id HAVING there != r.picture_count
        """,
    ),
    Rule(
        "request_account",
        "Request {id} is paid by account {account_id}, which belongs to somebody else or to another server.",
        """
        SELECT r.id, r.account_id FROM requests r LEFT JOIN accounts a ON a.id = r.account_id
        LEFT JOIN account_owners o ON o.account_id = r.account_id
        WHERE a.kind IS NOT 'member' OR a.guild_id IS NOT r.guild_id
          OR (o.user_id != r.user_id AND r.user_id > 0) OR o.guild_key != coalesce(r.guild_id, 0)
        """,
    ),
    # --- what was forgotten ---
    Rule(
        "forgotten_words",
        "Request {id} was to be forgotten, but its prompt, or what was sent of it, is still there.",
        """
        SELECT r.id FROM requests r WHERE r.forgotten_at_ms IS NOT NULL AND (r.prompt != '' OR EXISTS (
          SELECT 1 FROM pictures p JOIN attempts a ON a.picture_id = p.id
          WHERE p.request_id = r.id AND a.body IS NOT x''))
        """,
    ),
    Rule(
        "forgotten_files",
        "Request {id} was to be forgotten, but it still speaks of a picture or a reference image that is kept.",
        """
        SELECT r.id FROM requests r WHERE r.forgotten_at_ms IS NOT NULL AND (
          EXISTS (SELECT 1 FROM pictures p WHERE p.request_id = r.id AND p.path IS NOT NULL)
          OR EXISTS (SELECT 1 FROM reference_images i WHERE i.request_id = r.id AND i.path IS NOT NULL))
        """,
    ),
    Rule(
        "forgotten_early",
        "Request {id} was forgotten while its picture {picture_id} was {state}.",
        """
        SELECT r.id, p.id AS picture_id, p.state FROM requests r JOIN pictures p ON p.request_id = r.id
        WHERE r.forgotten_at_ms IS NOT NULL AND p.state NOT IN ('fetched', 'failed', 'cancelled', 'lost')
        """,
    ),
    Rule(
        "body_emptied",
        "What was sent for picture {picture_id} (attempt {number}) is gone, but its request {id} was not forgotten.",
        """
        SELECT r.id, a.picture_id, a.number FROM attempts a JOIN pictures p ON p.id = a.picture_id
        JOIN requests r ON r.id = p.request_id WHERE a.body IS x'' AND r.forgotten_at_ms IS NULL
        """,
    ),
    Rule(
        "forgetting_stuck",
        "Somebody asked {hours} hours ago to be forgotten (number {id}), and it is not done: let the bot run, and look "
        "in its log for what keeps it.",
        """
        SELECT id, (:now_ms - asked_at_ms) / 3600000 AS hours FROM forgettings
        WHERE done_at_ms IS NULL AND asked_at_ms < :now_ms - 86400000
        """,
    ),
    Rule(
        "forgotten_owner",
        "Account {account_id} has an owner, and a hash of somebody who was forgotten.",
        """
        SELECT f.account_id FROM forgotten_owners f JOIN account_owners o ON o.account_id = f.account_id
        """,
    ),
)
