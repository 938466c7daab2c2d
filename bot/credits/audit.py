"""Do the books add up? Reads a live database in one snapshot and says in sentences where they don't."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bot.credits.audit_checks import RULES, Rule
from bot.credits.audit_outcomes import OUTCOME_RULES
from bot.credits.audit_settings import SETTING_RULES
from bot.storage import Connection
from bot.storage.guards import GUARDS
from bot.storage.migrations import current_revision, revisions
from bot.storage.tables import metadata

MOST_FOR_A_RULE = 25
"""More broken rows of one rule are counted no further: the first ones show what happened."""

WHAT_TO_DO = "What to do about it: docs/operations.md, When the books don't add up."


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: the stable word of the rule, and a sentence with the ids it is about."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What was found wrong, and how much was looked at."""

    findings: tuple[Finding, ...]
    entries: int = 0
    accounts: int = 0
    requests: int = 0
    open_holds: int = 0
    on_hold_credits: int = 0
    granted_credits: int = 0
    captured_credits: int = 0
    refunded_credits: int = 0

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


async def audit(connection: Connection, *, now_ms: int) -> AuditReport:
    """Check file, schema, guards and every rule of the books on ``connection``'s snapshot.

    Writes nothing and may run beside a working bot. A database that isn't of this version is named as such and not
    looked at further.
    """
    schema = await _schema(connection)
    if schema:
        return AuditReport(tuple(schema))
    findings: list[Finding] = []
    try:
        findings += await _file(connection)
        findings += await _guards(connection)
        findings += await _gaps(connection)
        for rule in (*RULES, *OUTCOME_RULES, *SETTING_RULES):
            findings += await _broken(connection, rule, now_ms)
        return await _counted(connection, findings)
    except DBAPIError as error:
        unread = Finding(
            "file", f"The file can't be read any further ({error.orig}): put the newest backup in its place."
        )
        return AuditReport((*findings, unread))


def render(report: AuditReport) -> str:
    """Return what was looked at, and a line for each finding."""
    looked_at = (
        f"{report.entries} entries of {report.accounts} accounts, {report.requests} requests. "
        f"Credits: {report.granted_credits} granted, {report.captured_credits} captured, "
        f"{report.refunded_credits} refunded, {report.on_hold_credits} on {report.open_holds} open holds."
    )
    if report.clean:
        return f"{looked_at}\nThe books add up."
    return "\n".join(
        [looked_at, *(f"{finding.code:<22} {finding.sentence}" for finding in report.findings), WHAT_TO_DO]
    )


async def _schema(connection: Connection) -> list[Finding]:
    here = await _names(connection, "table")
    if "alembic_version" in here:
        revision = await connection.run_sync(current_revision)
        newest = revisions()[-1]
        if revision != newest:
            return [
                Finding(
                    "revision",
                    f"The database has revision {revision}, this version of the bot needs {newest}: "
                    "check it with the version that wrote it, or run `migrate` first.",
                )
            ]
    return [
        Finding("table", f"The table {table} is not there: this is no database of this bot, or it was damaged.")
        for table in sorted({"alembic_version", *metadata.tables} - here.keys())
    ]


async def _file(connection: Connection) -> list[Finding]:
    verdicts = (await connection.execute(text(f"PRAGMA quick_check({MOST_FOR_A_RULE})"))).scalars().all()
    rows = (await connection.execute(text("PRAGMA foreign_key_check"))).all()
    return [
        *(Finding("file", f"The file is damaged: {verdict}.") for verdict in verdicts if verdict != "ok"),
        *_bounded(
            "reference",
            [f"Row {row.rowid} of {row.table} refers to a row of {row.parent} that is not there." for row in rows],
        ),
    ]


async def _guards(connection: Connection) -> list[Finding]:
    triggers = await _names(connection, "trigger")
    findings = []
    for guard in GUARDS:
        name = guard.split()[2]
        if name not in triggers:
            findings.append(Finding("guard", f"The trigger {name} is not there: the database no longer refuses it."))
        elif _squeezed(triggers[name]) != _squeezed(guard):
            findings.append(Finding("guard", f"The trigger {name} was changed."))
    indexes = await _names(connection, "index")
    wanted = {str(index.name) for table in metadata.tables.values() for index in table.indexes}
    findings += [Finding("index", f"The index {name} is not there.") for name in sorted(wanted - indexes.keys())]
    return findings


async def _gaps(connection: Connection) -> list[Finding]:
    # Nothing is ever deleted, and a transaction that is rolled back gives its ids back: every id is there.
    findings = []
    for table in ("entries", "legs", "quota_log", "operator_log", "setting_changes"):
        row = (
            await connection.execute(
                text(
                    f"SELECT count(*) AS here, "  # noqa: S608 - our own tables' names
                    f"coalesce((SELECT seq FROM sqlite_sequence WHERE name = '{table}'), 0) AS given FROM {table}"
                )
            )
        ).one()
        if row.here != row.given:
            first = await connection.scalar(
                text(
                    f"SELECT coalesce(min(g.id) + 1, 1) FROM (SELECT 0 AS id UNION ALL SELECT id FROM {table}) g "  # noqa: S608
                    f"WHERE NOT EXISTS (SELECT 1 FROM {table} n WHERE n.id = g.id + 1)"
                )
            )
            sentence = f"Of {row.given} rows that were written to {table} {row.here} are there; id {first} is missing."
            findings.append(Finding("deleted", sentence))
    return findings


async def _broken(connection: Connection, rule: Rule, now_ms: int) -> list[Finding]:
    query = text(f"{rule.broken} LIMIT {MOST_FOR_A_RULE + 1}")
    values = {"now_ms": now_ms} if ":now_ms" in rule.broken else {}
    rows = (await connection.execute(query, values)).mappings().all()
    return _bounded(rule.code, [rule.sentence.format(**row) for row in rows])


def _bounded(code: str, sentences: list[str]) -> list[Finding]:
    findings = [Finding(code, sentence) for sentence in sentences]
    if len(findings) > MOST_FOR_A_RULE:
        findings[MOST_FOR_A_RULE:] = [Finding(code, "There are more of this kind.")]
    return findings


async def _counted(connection: Connection, findings: list[Finding]) -> AuditReport:
    kinds = {
        row.kind: row
        for row in await connection.execute(
            text("SELECT kind, count(*) AS number, sum(amount_credits) AS credits FROM entries GROUP BY kind")
        )
    }
    open_holds = (
        await connection.execute(
            text(
                "SELECT count(*) AS number, coalesce(sum(h.amount_credits), 0) AS credits FROM entries h "
                "LEFT JOIN entries s ON s.settles_id = h.id AND s.kind IN ('capture', 'void') "
                "WHERE h.kind = 'hold' AND s.id IS NULL"
            )
        )
    ).one()
    return AuditReport(
        findings=tuple(findings),
        entries=sum(row.number for row in kinds.values()),
        accounts=int(await connection.scalar(text("SELECT count(*) FROM accounts")) or 0),
        requests=int(await connection.scalar(text("SELECT count(*) FROM requests")) or 0),
        open_holds=open_holds.number,
        on_hold_credits=open_holds.credits,
        **{
            name: kinds[kind].credits if kind in kinds else 0
            for name, kind in (
                ("granted_credits", "grant"),
                ("captured_credits", "capture"),
                ("refunded_credits", "refund"),
            )
        },
    )


async def _names(connection: Connection, kind: str) -> dict[str, str]:
    rows = await connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = :kind"), {"kind": kind})
    return {row.name: row.sql or "" for row in rows}


def _squeezed(statement: str) -> str:
    return " ".join(statement.split())
