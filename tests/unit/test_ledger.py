"""The ledger's verbs on a real database: legs, balances, refunds."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from bot.credits.audit import audit
from bot.credits.ledger import Ledger
from bot.credits.quota_rules import Spender
from bot.credits.repository import CreditsRepository
from bot.credits.windows import Period, month_of
from bot.storage import Connection, Database
from tests.books import GUILD, USER, used
from tests.plans import Recorder, plan_of
from tests.purse import DAY_MS, NOW_MS, Purse

NEXT_MONTH_MS = NOW_MS + 15 * DAY_MS


@pytest.fixture
async def purse(database: Database) -> Purse:
    account_id = await database.write(lambda tx: Ledger(tx, NOW_MS).member_account(guild_id=GUILD, user_id=USER))
    return Purse(database, account_id)


async def test_an_account_is_opened_once(purse: Purse) -> None:
    again = await purse.do(lambda ledger: ledger.member_account(guild_id=GUILD, user_id=USER))
    elsewhere = await purse.do(lambda ledger: ledger.member_account(guild_id=GUILD + 1, user_id=USER))
    personal = await purse.do(lambda ledger: ledger.member_account(guild_id=None, user_id=USER))
    assert again == purse.account_id
    assert len({again, elsewhere, personal}) == 3


async def test_the_window_is_drawn_first_then_the_soonest_to_expire(purse: Purse) -> None:
    never = await purse.grant(10)
    late = await purse.grant(2, NOW_MS + 2 * DAY_MS)
    soon = await purse.grant(3, NOW_MS + DAY_MS)
    gone = await purse.grant(50, NOW_MS)
    purse.allowance = 4
    hold, _ = await purse.hold(11)
    assert await purse.legs(hold) == [(None, 4), (soon, 3), (late, 2), (never, 2)]
    assert await purse.left() == 8
    assert (await purse.hold(9))[0] is None
    assert gone


async def test_an_allowance_that_was_lowered_leaves_grants_whole(purse: Purse) -> None:
    await purse.hold(15)
    purse.allowance = 5
    grant = await purse.grant(10)
    hold, _ = await purse.hold(10)
    assert await purse.legs(hold) == [(grant, 10)]


async def test_a_hold_that_is_too_much_leaves_no_trace(purse: Purse) -> None:
    assert (await purse.hold(21))[0] is None
    assert (await purse.hold(20))[0] is not None
    assert await purse.left() == 0


async def test_a_void_gives_back_the_same_legs(purse: Purse) -> None:
    grant = await purse.grant(10, NEXT_MONTH_MS + DAY_MS)
    hold, _ = await purse.hold(25)
    purse.now_ms = NEXT_MONTH_MS  # the window is closed: it goes back there all the same
    await purse.void(hold)
    assert await purse.legs(await purse.settled_by(hold)) == [(grant, -5), (None, -20)]
    assert await purse.left() == 20 + 10


async def test_what_comes_back_of_an_expired_grant_is_granted_anew(purse: Purse) -> None:
    purse.allowance = 0
    short, long = await purse.grant(3, NOW_MS + 1000), await purse.grant(7, NOW_MS + 3 * DAY_MS)
    hold, picture = await purse.hold(8)
    purse.now_ms = NOW_MS + 4 * DAY_MS
    assert await purse.left() == 0
    await purse.void(hold)
    assert await purse.legs(await purse.settled_by(hold)) == [(short, -3), (long, -5)]
    async with purse.database.read() as tx:
        rows = await CreditsRepository(tx).latest(purse.account_id, 2)
    # What was left of the second one's time when it was held; of the first one's that was a second.
    assert [(row.kind, row.amount_credits, row.expires_at_ms, row.actor, row.picture_id) for row in rows] == [
        ("grant", 5, purse.now_ms + 3 * DAY_MS, "engine", picture),
        ("grant", 3, purse.now_ms + DAY_MS, "engine", picture),
    ]
    assert await purse.left() == 8  # neither more than was held, nor the two that had expired unused
    purse.now_ms += DAY_MS
    assert await purse.left() == 5


async def test_what_a_cheaper_picture_leaves_of_an_expired_grant_is_granted_anew(purse: Purse) -> None:
    purse.allowance = 0
    await purse.grant(8, NOW_MS + DAY_MS)
    hold, picture = await purse.hold(8)
    purse.now_ms = NOW_MS + 2 * DAY_MS
    await purse.capture(hold, 5)
    assert await purse.left() == 3
    await purse.refund(picture, 5)  # beside a late refund, which is a grant, too
    assert await purse.left() == 8
    async with purse.database.read() as tx:
        report = await audit(tx, now_ms=purse.now_ms)
    assert [finding for finding in report.findings if finding.code in {"grant_late", "refund_legs"}] == []


async def test_a_lower_capture_frees_grants_first(purse: Purse) -> None:
    grant = await purse.grant(10)
    hold, _ = await purse.hold(24)
    captured = await purse.capture(hold, 18)
    assert (captured.charged_credits, captured.variance_credits) == (18, 0)
    assert await purse.legs(await purse.settled_by(hold)) == [(grant, -4), (None, -2)]
    assert await purse.left() == 12


async def test_nobody_pays_more_than_the_price_shown(purse: Purse) -> None:
    hold, _ = await purse.hold(8)
    captured = await purse.capture(hold, 11)
    assert (captured.charged_credits, captured.variance_credits) == (8, 3)
    assert await purse.legs(await purse.settled_by(hold)) == []
    assert await purse.left() == 12
    assert await purse.operator("variance") == 3


async def test_a_nonsensical_final_price_takes_nothing(purse: Purse) -> None:
    hold, _ = await purse.hold(8)
    captured = await purse.capture(hold, -3)
    assert (captured.charged_credits, captured.variance_credits) == (0, 0)
    assert await purse.left() == 20


async def test_losses_are_the_operators(purse: Purse) -> None:
    hold, picture = await purse.hold(8)
    await purse.void(hold)
    await purse.do(lambda ledger: ledger.book_loss(8, picture_id=picture, reason="unknown"))
    await purse.do(lambda ledger: ledger.book_loss(0, picture_id=picture, reason="unknown"))
    assert await purse.left() == 20
    assert (await purse.operator("loss"), await purse.operator("variance")) == (8, 0)


@pytest.mark.parametrize("first", ["capture", "void"])
@pytest.mark.parametrize("second", ["capture", "void"])
async def test_a_hold_is_settled_once(purse: Purse, first: str, second: str) -> None:
    async def settle(verb: str, hold: int | None) -> None:
        await (purse.capture(hold, 8) if verb == "capture" else purse.void(hold))

    hold, _ = await purse.hold(8)
    await settle(first, hold)
    before = await purse.left()
    with pytest.raises(IntegrityError, match="settled already"):
        await settle(second, hold)
    assert await purse.left() == before


async def test_only_holds_are_settled(purse: Purse) -> None:
    grant = await purse.grant(8)
    with pytest.raises(ValueError, match="is not a hold"):
        await purse.void(grant)
    with pytest.raises(ValueError, match="at least one credit"):
        await purse.grant(0)


async def test_the_statement_is_newest_first(purse: Purse) -> None:
    await purse.grant(5)
    hold, _ = await purse.hold(8)
    await purse.capture(hold, 6)
    await purse.hold(7)
    async with purse.database.read() as connection:
        found = await Ledger(connection, NOW_MS).statement(purse.account_id, 3)
    # The hold that was captured would only say the same again.
    assert [(entry.kind, entry.amount_credits) for entry in found] == [("hold", 7), ("capture", 6), ("grant", 5)]


# --- refunds ---


async def test_a_refund_goes_back_where_it_was_drawn(purse: Purse) -> None:
    grant = await purse.grant(10)
    hold, picture = await purse.hold(24)
    await purse.capture(hold, 23)
    assert await purse.legs(await purse.refund(picture, 5)) == [(grant, -3), (None, -2)]
    assert await purse.legs(await purse.refund(picture, 6)) == [(None, -6)]
    assert await purse.left() == 7 + 11
    with pytest.raises(IntegrityError, match="exceed"):
        await purse.refund(picture, 13)


async def test_a_closed_window_is_never_rewritten(purse: Purse) -> None:
    """The hold's date decides: the picture was held in September and captured in October."""
    hold, picture = await purse.hold(8)
    purse.now_ms = NEXT_MONTH_MS
    await purse.capture(hold, 8)
    assert await purse.left() == 20
    refund = await purse.refund(picture, 8)
    assert await purse.legs(refund) == []
    assert await purse.left() == 28
    async with purse.database.read() as connection:
        rows = CreditsRepository(connection)
        assert await used(connection, "account", purse.account_id, month_of(NOW_MS).start_ms) == 8
        (grant,) = [entry for entry in await rows.latest(purse.account_id, 9) if entry.kind == "grant"]
    assert (grant.amount_credits, grant.picture_id, grant.reason) == (8, picture, "refund: blurred")


async def test_what_an_expired_grant_gave_comes_back_as_a_new_one(purse: Purse) -> None:
    await purse.grant(5, NOW_MS + DAY_MS)
    hold, picture = await purse.hold(24)
    await purse.capture(hold, 24)
    purse.now_ms += 2 * DAY_MS
    assert await purse.legs(await purse.refund(picture, 22)) == [(None, -20)]
    assert await purse.left() == 22
    await purse.refund(picture, 2)
    assert await purse.left() == 24


async def test_a_refund_needs_a_paid_picture(purse: Purse) -> None:
    hold, picture = await purse.hold(8)
    with pytest.raises(ValueError, match="only a picture that was paid for"):
        await purse.refund(picture, 1)
    await purse.capture(hold, 8)
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="at least one credit"):
            await purse.refund(picture, wrong)


async def test_the_queries_of_every_day_use_their_indexes(database: Database, purse: Purse) -> None:
    """A table that is walked through whole would make every picture slower than the one before."""
    seen: list[tuple[str, Any]] = []

    async def work(tx: Connection) -> list[str]:
        statements = Recorder(tx, seen)
        rows = CreditsRepository(statements)  # type: ignore[arg-type]
        await rows.settlement_of(1)
        await rows.capture_of_picture("p1")
        await rows.refunds_of(1)
        await rows.grants_left(1, NOW_MS)
        await rows.spender(Spender(1, 2, frozenset({3, 4}), channel_id=5))
        starts = dict.fromkeys(Period, NOW_MS)
        await rows.sums(
            account_id=1, guild_id=2, channel_id=3, starts=starts, operator_month_ms=1, operator_day_ms=1, now_ms=1
        )
        await rows.latest(1, 5)
        await rows.legs_of(1, 2)
        return await plan_of(tx, seen)

    plan = await database.write(work)
    assert len(seen) == 9
    walked = [step.split(" IN ")[0] for step in plan if step.startswith("SCAN")]
    assert [step for step in walked if not step.startswith(("SCAN (sub", "SCAN json_each", "SCAN CONST"))] == []
