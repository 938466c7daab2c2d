"""Every kind of damage to the books is found and named; sound books are not slandered."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.credits.audit import MOST_FOR_A_RULE, AuditReport, audit, render
from bot.credits.audit_checks import RULES
from bot.credits.audit_outcomes import OUTCOME_RULES, STUCK_AFTER_MS
from bot.credits.audit_settings import SETTING_RULES
from bot.credits.ledger import Ledger
from bot.credits.quota_repository import QuotaRepository, values_of
from bot.credits.quota_rules import Rule, Scope
from bot.credits.quotas import SpendingPolicy
from bot.credits.windows import Period, month_of
from bot.generations.house import change_rules
from bot.storage import Connection, Database, open_database
from tests.books import GUILD, USER, accept, end, fetch, move
from tests.plans import Recorder, plan_of

NOW_MS = 1_790_000_000_000
POLICY = SpendingPolicy(20, None, None)


async def looked_at(path: Path, now_ms: int = NOW_MS + 1000) -> AuditReport:
    async with (
        open_database(f"sqlite+aiosqlite:///{path}", exclusive=False) as database,
        database.read() as connection,
    ):
        return await audit(connection, now_ms=now_ms)


async def fill(database: Database) -> None:
    """Keep books with something of everything; ids are those that the damages below name."""

    async def work(tx: Connection) -> None:
        ledger = Ledger(tx, NOW_MS)
        account_id = await ledger.member_account(guild_id=GUILD, user_id=USER)  # account 1
        await ledger.grant(account_id, 30, actor="admin", reason="thanks", expires_at_ms=NOW_MS + 10**9)  # entry 1
        await QuotaRepository(tx).log(
            GUILD, actor_id=9, action="grant", scope="member", subject_id=USER, before=None, after={"credits": 30},
            reason="thanks", event_id="1", entry_id=1, now_ms=NOW_MS,
        )  # fmt: skip
        await accept(tx, "made", now_ms=NOW_MS, policy=POLICY, count=2)  # holds 2 and 3
        await fetch(tx, "made-1", now_ms=NOW_MS + 1, final_credits=10)  # capture 4, adjust 5 on account 2
        await fetch(tx, "made-2", now_ms=NOW_MS + 2, final_credits=5)  # capture 6
        await accept(tx, "mixed", now_ms=NOW_MS + 3, policy=POLICY)  # hold 7 over allowance (leg) and grant
        await fetch(tx, "mixed-1", now_ms=NOW_MS + 4)  # capture 8
        await accept(tx, "failed", now_ms=NOW_MS + 5, policy=POLICY)  # hold 9
        await end(tx, "failed-1", now_ms=NOW_MS + 6)  # void 10
        await accept(tx, "open", now_ms=NOW_MS + 7, policy=POLICY)  # hold 11
        await Ledger(tx, NOW_MS + 8).refund(
            "mixed-1", 3, actor="admin", reason="blurred", open_since_ms=month_of(NOW_MS).start_ms
        )  # refund 12
        await QuotaRepository(tx).log(
            GUILD, actor_id=9, action="refund", scope="member", subject_id=USER, before=None, after={"credits": 3},
            reason="blurred", event_id="2", entry_id=12, now_ms=NOW_MS,
        )  # fmt: skip
        rule = Rule(Scope.ROLE, 5, Period.DAY, 40, models=("nano-banana",))
        await QuotaRepository(tx).put(GUILD, rule, reason="", set_by=9, now_ms=NOW_MS)
        await QuotaRepository(tx).log(
            GUILD, actor_id=9, action="set", scope="role", subject_id=5, before=None, after=values_of(rule),
            reason="", event_id="3", now_ms=NOW_MS,
        )  # fmt: skip
        await change_rules(
            tx, GUILD, by=9, now_ms=NOW_MS,
            values={
                "channels": [30], "roles_denied": [7], "terms": ["ä"], "models": ["nano-banana"], "slow_mode_s": 5,
                "default_model": "nano-banana", "private_allowed": False, "log_channel_id": 3 * 10**17,
            },
        )  # fmt: skip
        await ledger.member_account(guild_id=GUILD, user_id=USER + 1)  # account 3
        await accept(tx, "lost", now_ms=NOW_MS + 9, user_id=USER + 1)  # hold 13
        await move(tx, "lost-1", "submitting", "unknown")
        await Ledger(tx, NOW_MS + 10).void(13, reason="given up")  # void 14
        await move(tx, "lost-1", "lost")
        await tx.exec_driver_sql("UPDATE requests SET state = 'settled' WHERE id = 'lost'")
        await Ledger(tx, NOW_MS + 10).book_loss(8, picture_id="lost-1", reason="paid for nothing")  # adjust 15

    await database.write(work)


@contextmanager
def stranger(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file as another program would, with the triggers taken away and put back afterwards."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        for _, sql in triggers:
            connection.execute(sql)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("books") / "bot.db"

    async def make() -> None:
        async with open_database(f"sqlite+aiosqlite:///{path}") as database:
            await fill(database)

    asyncio.run(make())
    return path


@pytest.fixture
def books(template: Path, database_path: Path) -> Path:
    shutil.copy(template, database_path)
    return database_path


async def test_sound_books_are_clean_and_counted(books: Path) -> None:
    report = await looked_at(books)
    assert report.findings == ()
    assert report.clean
    assert (report.entries, report.accounts, report.requests) == (15, 4, 5)
    assert (report.open_holds, report.on_hold_credits) == (1, 8)
    assert (report.granted_credits, report.captured_credits, report.refunded_credits) == (30, 8 + 5 + 8, 3)


async def test_what_the_operator_reads(books: Path) -> None:
    text = render(await looked_at(books))
    assert text.splitlines() == [
        "15 entries of 4 accounts, 5 requests. Credits: 30 granted, 21 captured, 3 refunded, 8 on 1 open holds.",
        "The books add up.",
    ]
    with stranger(books) as connection:
        connection.execute("UPDATE pictures SET charged_credits = 9 WHERE id = 'made-1'")
    first, second, last = render(await looked_at(books)).splitlines()
    assert first == text.splitlines()[0]
    assert second.split(maxsplit=1) == [
        "picture_charged",
        "Picture made-1 (fetched) says that it cost 9 credits, but 8 were captured.",
    ]
    assert last == "What to do about it: docs/operations.md, When the books don't add up."
    with stranger(books) as connection:
        connection.execute("UPDATE totals SET used_credits = 1 WHERE scope = 'all'")
    assert "for the quarter of an hour from 2026-09-21 14:00 UTC says 1 credits" in render(await looked_at(books))


async def test_an_empty_database_is_clean(database: Database, database_path: Path) -> None:
    assert (await looked_at(database_path)).clean


NEW_ENTRY = (
    "INSERT INTO entries (account_id, kind, amount_credits, settles_id, picture_id, actor, reason, "
    "created_at_ms) VALUES "
)
OLD_NOTICE = "INSERT INTO operator_notices (operator_id, kind, facts, created_at_ms) VALUES (7, 'low', '{}', 1)"
LONG_AGO = f"UPDATE entries SET created_at_ms = {NOW_MS - STUCK_AFTER_MS}"
SETTLED_LONG_AGO = f"UPDATE requests SET settled_at_ms = {NOW_MS - STUCK_AFTER_MS} WHERE id = 'made'"
NEW_LEG = "INSERT INTO legs (entry_id, account_id, guild_id, grant_id, amount_credits, dated_at_ms) VALUES "
NO_SETTLEMENT_INDEX = "DROP INDEX uq_entries_settlement; "
PUT_IT_BACK = "; CREATE INDEX uq_entries_settlement ON entries (settles_id)"

DAMAGE: list[tuple[str, str, str]] = [
    # code, what somebody did, words of the sentence that is expected
    ("hold_legs", "UPDATE legs SET amount_credits = 7 WHERE entry_id = 2", "Hold 2 of picture made-1 is over 8"),
    ("hold_legs", "UPDATE entries SET amount_credits = 9 WHERE id = 11", "Hold 11"),
    ("void_legs", "UPDATE legs SET grant_id = NULL WHERE entry_id = 10", "Void 10"),
    ("void_legs", "UPDATE legs SET amount_credits = -7 WHERE entry_id = 14", "Void 14"),
    ("capture_legs", "UPDATE legs SET amount_credits = -2 WHERE entry_id = 6", "must free 3 credits of hold 3"),
    ("capture_legs", f"{NEW_LEG} (4, 1, {GUILD}, NULL, -1, {NOW_MS})", "Capture 4 must free 0"),
    ("given_back_twice", f"{NEW_LEG} (12, 1, {GUILD}, 1, -6, {NOW_MS + 3})", "Capture 8 and its refunds"),
    ("refund_sum", "UPDATE entries SET amount_credits = 9 WHERE id = 12", "come to 9 credits, more than the 8"),
    ("refund_legs", "UPDATE legs SET amount_credits = -1 WHERE id = 11", "come to 3 credits, but 2 came back"),
    ("settlement", "UPDATE entries SET picture_id = 'made-1' WHERE id = 6", "Entry 6 (capture)"),
    ("settlement", "UPDATE entries SET account_id = 3 WHERE id = 12", "Entry 12 (refund)"),
    ("settlement", "UPDATE entries SET settles_id = 1 WHERE id = 4", "Entry 4 (capture)"),
    ("settlement", "UPDATE entries SET amount_credits = 9 WHERE id = 4", "Entry 4 (capture)"),
    ("settlement", "UPDATE entries SET amount_credits = 7 WHERE id = 14", "Entry 14 (void)"),
    (
        "settled_twice",
        NO_SETTLEMENT_INDEX + NEW_ENTRY + f"(1, 'void', 8, 2, 'made-1', 'x', 'y', {NOW_MS})" + PUT_IT_BACK,
        "Hold 2 is settled 2 times, by entries 4, 16",
    ),
    ("leg", "UPDATE legs SET account_id = 3 WHERE entry_id = 11", "Leg 9 of entry 11 (hold)"),
    ("leg", "UPDATE legs SET guild_id = 9 WHERE entry_id = 2", "of entry 2"),
    ("leg", "UPDATE legs SET guild_id = NULL WHERE entry_id = 2", "of entry 2"),
    ("leg", "UPDATE legs SET dated_at_ms = dated_at_ms - 1 WHERE entry_id = 11", "of entry 11"),
    ("leg", "UPDATE legs SET dated_at_ms = dated_at_ms + 1 WHERE entry_id = 10", "of entry 10"),
    ("leg", "UPDATE legs SET dated_at_ms = dated_at_ms + 1 WHERE entry_id = 12", "of entry 12"),
    ("leg", f"{NEW_LEG} (1, 1, {GUILD}, NULL, -5, {NOW_MS})", "of entry 1 (grant)"),
    ("leg", f"{NEW_LEG} (4, 1, {GUILD}, NULL, 1, {NOW_MS}), (4, 1, {GUILD}, NULL, -1, {NOW_MS})", "of entry 4"),
    ("leg_channel", "UPDATE legs SET channel_id = 9 WHERE entry_id = 11", "counts for channel 9, but its request for"),
    ("leg_channel", "UPDATE legs SET channel_id = NULL WHERE entry_id = 10", "counts for channel none"),
    ("total", "UPDATE totals SET used_credits = 1 WHERE scope = 'account' AND subject_id = 1", "of account 1 for the"),
    ("total", "UPDATE totals SET used_credits = 1 WHERE scope = 'channel'", "of channel 301 for the"),
    ("total", "UPDATE totals SET used_credits = 1 WHERE scope = 'guild'", "of server 201 for the"),
    ("total", "UPDATE totals SET used_credits = 1 WHERE scope = 'all'", "of all accounts for the"),
    ("total", "UPDATE totals SET quarter_ms = quarter_ms + 900000 WHERE scope = 'all'", "has 0 there"),
    *(
        ("total_missing", f"DELETE FROM totals WHERE scope = '{scope}'", f"is in no running total of its {scope}")
        for scope in ("account", "channel", "guild", "all")
    ),
    ("open_hold", "DELETE FROM open_holds", "Hold 11 of account 1 is open, but among what is on hold it is not there"),
    ("open_hold", "UPDATE open_holds SET amount_credits = 9", "there with 9 credits of account 1"),
    ("open_hold", "INSERT INTO open_holds VALUES (2, 1, 8)", "Hold 2 of account 1 is settled"),
    ("open_hold", "INSERT INTO open_holds VALUES (1, 1, 8)", "there is 1, which is no hold"),
    ("grant_left", "UPDATE grants_left SET left_credits = 30", "Of grant 1 over 30 credits 22 must be left"),
    ("grant_left", "DELETE FROM grants_left", "has none of it"),
    ("grant_left", "INSERT INTO grants_left VALUES (2, 1, NULL, 8)", "has 2, which is no grant"),
    ("quota_log", "UPDATE quota_log SET value_after = '{\"credits\": 5}'", "Entry 1 of quota log line 1 (grant)"),
    ("quota_log", "UPDATE quota_log SET action = 'refund'", "is a grant over 30 credits"),
    (
        "operator_log",
        "INSERT INTO guild_limits (guild_id, paused_at_ms, pause_reason) VALUES (5, 1, '')",
        "Server 5 is allowed what the settings say and is paused, but by the operator's log it is allowed what the",
    ),
    (
        "operator_log",
        "INSERT INTO operator_log VALUES (1, 7, 'pause', 5, '{}', '{}', '', 'x', 1)",
        "something was set for server 5, but nothing is",
    ),
    (
        "notice_stuck",
        f"{OLD_NOTICE}; UPDATE requests SET created_at_ms = {NOW_MS - 3600 * 1000} WHERE id = 'made'",
        "Operator 7 was to be told (low)",
    ),
    ("adjust_legs", "UPDATE entries SET amount_credits = 1 WHERE id = 5", "Adjustment 5 is over 1"),
    ("grant_overdrawn", "UPDATE entries SET amount_credits = 5 WHERE id = 1", "Of grant 1 over 5 credits 8 are used"),
    ("grant_overdrawn", f"{NEW_LEG} (12, 1, {GUILD}, 1, -20, {NOW_MS + 3})", "Of grant 1 over 30 credits -12"),
    ("grant_misused", "UPDATE entries SET account_id = 3 WHERE id = 1", "draws on entry 1"),
    ("grant_misused", f"UPDATE entries SET expires_at_ms = {NOW_MS} WHERE id = 1", "or had expired"),
    ("grant_misused", "UPDATE legs SET grant_id = 2 WHERE grant_id = 1 AND entry_id = 11", "draws on entry 2"),
    ("window_negative", f"{NEW_LEG} (6, 1, {GUILD}, NULL, -20, {NOW_MS})", "Account 1 got 7 credits more back"),
    (
        "grant_late",
        f"{NEW_ENTRY} (1, 'grant', 8, NULL, 'failed-1', 'engine', 'y', {NOW_MS})",
        "8 credits were granted to account 1 by the bot itself, but only 0 had come back of picture failed-1",
    ),
    ("grant_late", f"{NEW_ENTRY} (1, 'grant', 8, NULL, NULL, 'engine', 'y', {NOW_MS})", "picture none"),
    ("wrong_books", "UPDATE entries SET account_id = 1 WHERE id = 5", "Entry 5 (adjust) stands on account 1"),
    ("wrong_books", "UPDATE entries SET account_id = 2 WHERE id = 1", "Entry 1 (grant) stands on account 2"),
    ("future", f"UPDATE entries SET created_at_ms = {NOW_MS + 86_400_000} WHERE id = 15", "Entry 15 is dated 1439"),
    (
        "hold_left_behind",
        "UPDATE requests SET state = 'settled' WHERE id = 'open'",
        "Hold 11 over 8 credits (account 1)",
    ),
    ("hold_left_behind", "DELETE FROM pictures WHERE id = 'open-1'", "picture open-1 is not there"),
    ("picture_hold", "UPDATE pictures SET hold_id = 2 WHERE id = 'made-2'", "Picture made-2 of request made"),
    ("picture_hold", "UPDATE pictures SET hold_id = 1 WHERE id = 'open-1'", "Picture open-1"),
    ("picture_hold", "UPDATE pictures SET price_credits = 9 WHERE id = 'open-1'", "its price of 9"),
    ("picture_hold", "UPDATE requests SET account_id = 3 WHERE id = 'open'", "Picture open-1"),
    (
        "two_holds",
        "DROP INDEX uq_entries_hold_of_picture; "
        f"{NEW_ENTRY} (1, 'hold', 8, NULL, 'made-1', 'x', 'y', {NOW_MS}); "
        "CREATE INDEX uq_entries_hold_of_picture ON entries (picture_id)",
        "Picture made-1 has 2 holds: entries 2, 16",
    ),
    (
        "picture_unsettled",
        "UPDATE pictures SET state = 'fetched', sha256 = 'x' WHERE id = 'open-1'",
        "Picture open-1 is fetched, but its hold 11 has not been settled",
    ),
    ("picture_unsettled", "UPDATE pictures SET state = 'failed' WHERE id = 'open-1'", "open-1 is failed"),
    ("picture_unsettled", "UPDATE pictures SET state = 'cancelled' WHERE id = 'made-1'", "has been captured"),
    ("picture_settled_early", "UPDATE pictures SET state = 'fetching' WHERE id = 'made-1'", "has a capture already"),
    ("picture_settled_early", "UPDATE pictures SET state = 'held' WHERE id = 'failed-1'", "has a void already"),
    ("picture_charged", "UPDATE pictures SET charged_credits = 9 WHERE id = 'made-1'", "it cost 9 credits, but 8"),
    ("picture_charged", "UPDATE pictures SET charged_credits = NULL WHERE id = 'made-2'", "it cost 0 credits, but 5"),
    ("picture_charged", "UPDATE pictures SET charged_credits = 8 WHERE id = 'failed-1'", "it cost 8 credits, but 0"),
    (
        "captured_wrong",
        "UPDATE pictures SET final_credits = 2 WHERE id = 'mixed-1'",
        "8 was its price: 2 are due",
    ),
    ("captured_wrong", "UPDATE pictures SET final_credits = 6 WHERE id = 'made-2'", "was charged with 5 credits"),
    ("captured_wrong", "UPDATE pictures SET final_credits = -3 WHERE id = 'made-2'", "0 are due"),
    (
        "variance_missing",
        "UPDATE pictures SET final_credits = 20 WHERE id = 'mixed-1'",
        "took 12 credits more",
    ),
    ("variance_missing", "UPDATE entries SET picture_id = 'made-2' WHERE id = 5", "made-1 the image service took 2"),
    ("variance_missing", "UPDATE accounts SET kind = 'loss' WHERE id = 2", "but 0 are booked"),
    ("loss_missing", "UPDATE entries SET picture_id = 'made-1' WHERE id = 15", "it may have cost (8 credits)"),
    ("loss_missing", "UPDATE accounts SET kind = 'variance' WHERE kind = 'loss'", "Picture lost-1 is lost"),
    ("request_stuck", "UPDATE requests SET state = 'running' WHERE id = 'made'", "Request made is running, but none"),
    (
        "hold_stuck",
        f"UPDATE pictures SET state = 'painting' WHERE id = 'open-1'; {LONG_AGO} WHERE id = 11",
        "open-1, which is painting: let the bot run",
    ),
    (
        "hold_stuck",
        f"UPDATE pictures SET submitted_at_ms = {NOW_MS - 1000} WHERE id = 'made-1'; "
        f"{LONG_AGO} - {STUCK_AFTER_MS} WHERE id = 11",
        "Hold 11 over 8 credits of account 1 is open since 2026-09-15",
    ),
    ("delivery_stuck", f"{SETTLED_LONG_AGO}", "The result of request made is waiting to be shown since 2026-09-18"),
    (
        "delivery_stuck",
        f"{SETTLED_LONG_AGO}; UPDATE deliveries SET state = 'due' WHERE request_id = 'made'",
        "The result of request made is to be shown",
    ),
    (
        "bytes_missing",
        "UPDATE pictures SET bytes_dropped_at_ms = NULL WHERE id = 'made-2'",
        "Picture made-2 was fetched",
    ),
    ("request_unended", "UPDATE requests SET state = 'void' WHERE id = 'open'", "Request open is void"),
    ("request_unended", "UPDATE requests SET state = 'void' WHERE id = 'made'", "Request made is void"),
    ("request_unended", "UPDATE requests SET state = 'settled' WHERE id = 'open'", "its picture open-1 is held"),
    ("request_pictures", "UPDATE requests SET picture_count = 3 WHERE id = 'made'", "is for 3 pictures, but has 2"),
    ("request_account", "UPDATE requests SET user_id = 5 WHERE id = 'made'", "Request made is paid by account 1"),
    ("request_account", "UPDATE requests SET guild_id = NULL WHERE id = 'made'", "Request made"),
    ("request_account", "UPDATE accounts SET kind = 'loss' WHERE id = 3", "Request lost"),
    (
        "forgotten_words",
        "UPDATE requests SET forgotten_at_ms = 1 WHERE id = 'made'",
        "Request made was to be forgotten",
    ),
    (
        "forgotten_words",
        "UPDATE requests SET forgotten_at_ms = 1, prompt = '' WHERE id = 'made'; "
        "INSERT INTO attempts (picture_id, number, idempotency_key, body, committed_at_ms) "
        "VALUES ('made-1', 1, 'k', 'a prompt', 1)",
        "or what was sent of it",
    ),
    (
        "forgotten_files",
        "UPDATE requests SET forgotten_at_ms = 1, prompt = '' WHERE id = 'made'; "
        "UPDATE pictures SET path = 'results/x.png' WHERE id = 'made-2'",
        "still speaks of a picture",
    ),
    (
        "forgotten_early",
        "UPDATE requests SET forgotten_at_ms = 1, prompt = '' WHERE id = 'open'",
        "Request open was forgotten while its picture open-1 was held",
    ),
    (
        "body_emptied",
        "INSERT INTO attempts (picture_id, number, idempotency_key, body, committed_at_ms) "
        "VALUES ('made-1', 1, 'k', x'', 1)",
        "sent for picture made-1 (attempt 1) is gone",
    ),
    (
        "forgetting_stuck",
        f"INSERT INTO forgettings (with_messages, asked_at_ms) VALUES (0, {NOW_MS - 2 * 86_400_000})",
        "asked 48 hours ago to be forgotten (number 1)",
    ),
    (
        "unlogged",
        f"{NEW_ENTRY} (1, 'grant', 9, NULL, NULL, 'admin', 'y', {NOW_MS})",
        "a grant over 9 credits to account 1",
    ),
    ("unlogged", "UPDATE quota_log SET entry_id = NULL WHERE id = 2", "Entry 12, a refund over 3 credits"),
    ("rule_log", "UPDATE quota_rules SET credits = 41", "for role 5 is not what line 3 of its quota log says"),
    ("rule_log", "UPDATE quota_rules SET models = NULL", "for role 5"),
    ("rule_log", "UPDATE quota_rules SET resolution = '4K'", "for role 5"),
    ("rule_log", "DELETE FROM quota_rules", "for role 5"),
    ("setting_log", "UPDATE house_rules SET channels = '[]'", "The setting channels of server 201 is [], but its"),
    ("setting_log", "UPDATE house_rules SET slow_mode_s = 0", "setting slow_mode_s of server 201 is 0, but"),
    ("setting_log", "UPDATE house_rules SET private_allowed = 1", "private_allowed of server 201 is true"),
    ("setting_log", "UPDATE house_rules SET log_channel_id = NULL", "says 300000000000000000: set it again"),
    ("hash_left", f"INSERT INTO forgotten_owners VALUES (3, 'hash', {NOW_MS - 2 * 86_400_000})", "Account 3 keeps"),
    (
        "log_stuck",
        f"UPDATE log_lines SET created_at_ms = {NOW_MS - 3 * 86_400_000}",
        "channel of server 201 wait since",
    ),
    ("deleted", "DELETE FROM setting_changes WHERE id = 2", "written to setting_changes"),
    ("forgotten_owner", "INSERT INTO forgotten_owners VALUES (1, 'hash', 1)", "Account 1 has an owner, and a hash"),
    ("deleted", "DELETE FROM entries WHERE id = 15", "Of 15 rows that were written to entries 14 are there; id 15"),
    ("deleted", "DELETE FROM entries WHERE id IN (1, 5)", "13 are there; id 1 "),
    ("deleted", "DELETE FROM legs WHERE id = 2", "written to legs"),
    ("deleted", "DELETE FROM quota_log", "written to quota_log 0 are there; id 1"),
    ("reference", "DELETE FROM accounts WHERE id = 3", "of entries refers to a row of accounts"),
    ("index", "DROP INDEX uq_entries_settlement", "The index uq_entries_settlement is not there"),
]


@pytest.mark.parametrize(
    ("code", "damage", "words"), DAMAGE, ids=[f"{code}-{n}" for n, (code, *_) in enumerate(DAMAGE)]
)
async def test_damage_is_found_and_named(books: Path, code: str, damage: str, words: str) -> None:
    with stranger(books) as connection:
        connection.executescript(damage)
    found = [finding.sentence for finding in (await looked_at(books)).findings if finding.code == code]
    assert len(found) >= 1
    assert any(words in sentence for sentence in found), found


def test_every_rule_has_its_damage() -> None:
    assert {rule.code for rule in (*RULES, *OUTCOME_RULES, *SETTING_RULES)} <= {code for code, *_ in DAMAGE}


async def test_a_notice_may_wait_while_nothing_runs_that_could_end_it(books: Path) -> None:
    with stranger(books) as connection:
        connection.execute(OLD_NOTICE)
    assert (await looked_at(books)).clean


async def test_owners_may_be_forgotten(books: Path) -> None:
    with stranger(books) as connection:
        connection.execute("DELETE FROM account_owners WHERE account_id = 1")
        connection.execute("UPDATE requests SET user_id = -1 WHERE account_id = 1")
    assert (await looked_at(books)).clean
    with stranger(books) as connection:  # and their account may be theirs again
        connection.execute(f"INSERT INTO account_owners VALUES (1, {GUILD}, {USER})")
    assert (await looked_at(books)).clean


async def test_what_was_never_sent_may_wait_while_the_bot_stands_still(books: Path) -> None:
    with stranger(books) as connection:
        connection.execute(f"{LONG_AGO} - {STUCK_AFTER_MS} WHERE id = 11")
    assert [finding for finding in (await looked_at(books)).findings if finding.code == "hold_stuck"] == []


async def test_no_rule_of_how_pictures_end_looks_for_a_row_without_an_index(database: Database) -> None:
    seen: list[tuple[str, Any]] = []
    async with database.read() as tx:
        for rule in OUTCOME_RULES:
            values = {"now_ms": NOW_MS} if ":now_ms" in rule.broken else {}
            await Recorder(tx, seen).execute(text(rule.broken), values)  # type: ignore[arg-type]
        plan = await plan_of(tx, seen)
    assert len(seen) == len(OUTCOME_RULES)
    # Each walks through one table at most, pictures, and finds all else by its index.
    walked = {step.split()[1] for step in plan if step.startswith("SCAN")}
    assert walked <= {"p", "o"}
    assert [step for step in plan if "AUTOMATIC" in step] == []


async def test_a_late_picture_may_be_free(books: Path) -> None:
    with stranger(books) as connection:
        connection.execute("UPDATE pictures SET state = 'fetched', sha256 = 'x', path = 'y' WHERE id = 'lost-1'")
    assert (await looked_at(books)).clean


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("DROP TRIGGER entries_no_update", "The trigger entries_no_update is not there"),
        (
            "DROP TRIGGER entries_refund; CREATE TRIGGER entries_refund BEFORE INSERT ON entries BEGIN SELECT 1; END",
            "The trigger entries_refund was changed",
        ),
    ],
)
async def test_a_missing_guard_is_found(books: Path, damage: str, words: str) -> None:
    with closing(sqlite3.connect(books)) as connection:
        connection.executescript(damage)
    (finding,) = (await looked_at(books)).findings
    assert finding.code == "guard"
    assert words in finding.sentence


async def test_another_version_and_a_strangers_file_are_named(books: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(books)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    (finding,) = (await looked_at(books)).findings
    assert "revision 9999" in finding.sentence

    strange = tmp_path / "strange.db"
    with closing(sqlite3.connect(strange)) as connection, connection:
        connection.execute("CREATE TABLE entries (id)")
    findings = (await looked_at(strange)).findings
    assert {finding.code for finding in findings} == {"table"}
    assert "The table legs is not there" in " ".join(finding.sentence for finding in findings)


async def test_the_same_damage_everywhere_is_told_briefly(database: Database, database_path: Path) -> None:
    async def work(tx: Connection) -> None:
        for number in range(MOST_FOR_A_RULE + 5):
            await accept(tx, f"r{number}", now_ms=NOW_MS)

    await database.write(work)
    with stranger(database_path) as connection:
        connection.execute("UPDATE pictures SET price_credits = 1")
    findings = (await looked_at(database_path)).findings
    assert len(findings) == MOST_FOR_A_RULE + 1
    assert findings[-1].sentence == "There are more of this kind."


async def test_it_reads_one_snapshot_while_the_bot_works(database: Database, database_path: Path) -> None:
    stop = asyncio.Event()

    async def work_on() -> int:
        number = 0
        while not stop.is_set():
            await database.write(lambda tx, n=number: accept(tx, f"r{n}", now_ms=NOW_MS))  # type: ignore[misc]
            await database.write(lambda tx, n=number: fetch(tx, f"r{n}-1", now_ms=NOW_MS))  # type: ignore[misc]
            number += 1
        return number

    worker = asyncio.create_task(work_on())
    try:
        for _ in range(3):
            assert (await looked_at(database_path)).findings == ()
    finally:
        stop.set()
    assert await worker > 0
