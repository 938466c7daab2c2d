"""What must hold of what admins set: each rule and setting is what its log says, and nothing is left lying."""

from __future__ import annotations

from bot.credits.audit_checks import Rule

# How a setting stands in its column, as the log writes it down.
_AS_LOGGED = {
    **{name: f"json(h.{name})" for name in ("channels", "roles_allowed", "roles_denied", "terms", "models")},
    **{name: f"iif(h.{name}, 'true', 'false')" for name in ("age_restricted_only", "private_allowed", "log_private")},
    **{name: f"json_quote(h.{name})" for name in ("default_model", "slow_mode_s", "log_channel_id")},
}

SETTING_RULES: tuple[Rule, ...] = (
    # What was granted before the first line that names an entry came from elsewhere, and has none.
    Rule(
        "unlogged",
        "Entry {id}, a {kind} over {amount} credits to account {account_id} on {at} UTC, was made in an admin's name, "
        "but no line of a server's quota log names it: ask who works on the database.",
        """
        SELECT e.id, e.kind, e.amount_credits AS amount, e.account_id,
          strftime('%Y-%m-%d %H:%M', e.created_at_ms / 1000, 'unixepoch') AS at
        FROM entries e
        WHERE e.actor = 'admin' AND (e.kind = 'refund' OR (e.kind = 'grant' AND e.picture_id IS NULL))
          AND e.id > (SELECT min(entry_id) FROM quota_log)
          AND e.id NOT IN (SELECT entry_id FROM quota_log WHERE entry_id IS NOT NULL)
        """,
    ),
    Rule(
        "rule_log",
        "The rule of server {guild_id} for {scope} {subject_id} is not what line {line} of its quota log says "
        "({said}): set it again by /quota set.",
        """
        SELECT q.guild_id, q.scope, q.subject_id, q.id AS line, coalesce(q.value_after, 'removed') AS said
        FROM (
          SELECT guild_id, scope, subject_id, max(id) AS newest FROM quota_log WHERE action IN ('set', 'remove')
            AND subject_id >= 0 GROUP BY guild_id, scope, subject_id
        ) n JOIN quota_log q ON q.id = n.newest
        LEFT JOIN quota_rules r ON r.guild_id = q.guild_id AND r.scope = q.scope AND r.subject_id = q.subject_id
        WHERE (q.value_after IS NULL) != (r.id IS NULL)
          OR (r.id IS NOT NULL AND (
            r.period IS NOT json_extract(q.value_after, '$.period')
            OR r.credits IS NOT json_extract(q.value_after, '$.credits')
            OR r.running IS NOT json_extract(q.value_after, '$.running')
            OR r.resolution IS NOT json_extract(q.value_after, '$.resolution')
            OR r.count IS NOT json_extract(q.value_after, '$.count')
            OR json(r.models) IS NOT json_extract(q.value_after, '$.models')))
        """,
    ),
    *(
        Rule(
            "setting_log",
            f"The setting {name} of server {{guild_id}} is {{here}}, but its newest change ({{line}}) says {{said}}: "
            "set it again by /settings.",
            f"""
            SELECT h.guild_id, {value} AS here, json(c.became) AS said, c.id AS line
            FROM house_rules h JOIN setting_changes c ON c.id = (
              SELECT max(n.id) FROM setting_changes n WHERE n.guild_id = h.guild_id AND n.name = '{name}')
            WHERE here IS NOT said
            """,  # noqa: S608 - our own names
        )
        for name, value in _AS_LOGGED.items()
    ),
    Rule(
        "hash_left",
        "Account {account_id} keeps the hash of somebody who was forgotten, though their month was over on {until} "
        "UTC: let the bot run; it goes with the next upkeep.",
        """
        SELECT account_id, strftime('%Y-%m-%d %H:%M', until_ms / 1000, 'unixepoch') AS until FROM forgotten_owners
        WHERE until_ms < :now_ms - 86400000
        """,
    ),
    Rule(
        "log_stuck",
        "{waiting} lines for the log channel of server {guild_id} wait since {since} UTC: let the bot run, and look in "
        "its log for what keeps them.",
        """
        SELECT guild_id, count(*) AS waiting,
          strftime('%Y-%m-%d %H:%M', min(created_at_ms) / 1000, 'unixepoch') AS since
        FROM log_lines GROUP BY guild_id HAVING min(created_at_ms) < :now_ms - 172800000
        """,
    ),
)
