"""Being forgotten does not begin a quota anew: slow mode, allowances and grants are remembered as a hash."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.credits.ledger import Ledger
from bot.credits.owners import GRANTS_KEPT_S
from bot.credits.windows import all_closed_ms
from bot.generations.refusals import SlowMode
from bot.storage import Connection
from tests.clocks import TestClock
from tests.unit.persons import rows
from tests.world import ALICE, BOB, GUILD, World, Worlds


async def test_forgetting_does_not_get_around_slow_mode(world: World) -> None:
    await world.core.house.change(GUILD, by=99, slow_mode_s=600)
    await world.imagine()
    await world.until_idle()
    await world.core.privacy.forget(ALICE, with_messages=False)
    with pytest.raises(SlowMode):
        await world.imagine("again at once")
    await _grant(world, 1)  # ties the account to her again, before she asked for anything
    with pytest.raises(SlowMode):
        await world.imagine("again at once")
    world.clock.advance(601)
    await world.imagine("in time")
    await world.until_idle()
    await world.check_books(charged=16)


@pytest.mark.parametrize("moment", ["at the end of every window", "after it"])
async def test_slow_mode_counts_for_a_day_whatever_windows_close(worlds: Worlds, clock: TestClock, moment: str) -> None:
    # By the clocks of every zone a month ends on Sunday, 31 January 2027, and on Monday all windows are new.
    everywhere_over_ms = int(datetime(2027, 2, 1, 12, tzinfo=UTC).timestamp() * 1000)
    clock.advance((everywhere_over_ms - clock.now_ms()) / 1000 - 3 * 3600)
    async with worlds.open() as world:
        await world.core.house.change(GUILD, by=99, slow_mode_s=24 * 3600)
        await world.imagine()
        await world.until_idle()
        clock.advance((2 if moment.startswith("at") else 16) * 3600)
        await world.core.privacy.forget(ALICE, with_messages=False)
        clock.advance(6 * 3600)
        await world.core.engine._keep_up()
        with pytest.raises(SlowMode):
            await world.imagine("again")


async def test_forgetting_does_not_fill_the_allowance_up(world: World) -> None:
    await world.imagine()
    await world.until_idle()
    await _grant(world, 30)
    assert await world.left() == 160 - 8 + 30
    await world.core.privacy.forget(ALICE, with_messages=False)
    assert await rows(world, "SELECT * FROM account_owners") == []

    assert await world.left() == 160 - 8 + 30
    statement, _ = await world.core.generations.statement(user_id=ALICE, guild_id=GUILD)
    assert {entry.kind for entry in statement} == {"capture", "grant"}
    assert await world.left(BOB) == 160
    await world.imagine()
    await world.until_idle()
    assert await world.left() == 160 - 16 + 30
    assert len(await rows(world, "SELECT * FROM accounts")) == 1
    assert await rows(world, "SELECT * FROM forgotten_owners") == []
    # And once more, now with requests of both lives on one account.
    await world.core.privacy.forget(ALICE, with_messages=False)
    assert await world.left() == 160 - 16 + 30
    await world.check_books(charged=16)


async def test_the_hash_goes_with_the_windows_and_the_key_with_the_last_hash(world: World, clock: TestClock) -> None:
    await world.imagine()
    await world.until_idle()
    await world.core.privacy.forget(ALICE, with_messages=False)
    key = world.database.path.with_name(world.database.path.name + ".key")
    assert key.stat().st_mode & 0o777 == 0o600
    (kept,) = await rows(world, "SELECT * FROM forgotten_owners")
    assert kept.until_ms == all_closed_ms(clock.now_ms() - 1000)
    assert str(ALICE) not in kept.owner_hash

    clock.advance((kept.until_ms - clock.now_ms()) / 1000 - 60)
    await world.core.engine._keep_up()
    assert len(await rows(world, "SELECT * FROM forgotten_owners")) == 1
    clock.advance(61)
    await world.core.engine._keep_up()
    assert await rows(world, "SELECT * FROM forgotten_owners") == []
    assert not key.exists()
    assert await world.left() == 160
    await world.imagine()
    assert len(await rows(world, "SELECT * FROM accounts")) == 2


async def test_granted_credits_wait_for_a_year_and_then_lapse(world: World, clock: TestClock) -> None:
    await _grant(world, 30)
    assert (await world.core.privacy.standing(ALICE)).granted_credits == 30
    await world.core.privacy.forget(ALICE, with_messages=False)
    clock.advance(GRANTS_KEPT_S - 86_400)
    await world.core.engine._keep_up()
    assert await world.left() == 160 + 30
    clock.advance(2 * 86_400)
    await world.core.engine._keep_up()
    assert await world.left() == 160


async def test_grants_that_expire_sooner_are_remembered_no_longer(world: World, clock: TestClock) -> None:
    expires_at_ms = clock.now_ms() + 50 * 86_400_000
    await _grant(world, 30, expires_at_ms=expires_at_ms)
    await world.core.privacy.forget(ALICE, with_messages=False)
    (kept,) = await rows(world, "SELECT until_ms FROM forgotten_owners")
    assert kept.until_ms == expires_at_ms


async def test_who_used_nothing_leaves_no_hash(world: World) -> None:
    async def work(tx: Connection) -> None:
        await Ledger(tx, world.clock.now_ms()).member_account(guild_id=GUILD, user_id=ALICE)

    await world.database.write(work)
    await world.core.privacy.forget(ALICE, with_messages=False)
    assert await rows(world, "SELECT * FROM forgotten_owners") == []
    assert await rows(world, "SELECT * FROM account_owners") == []


async def _grant(world: World, amount: int, *, expires_at_ms: int | None = None) -> None:
    async def work(tx: Connection) -> None:
        ledger = Ledger(tx, world.clock.now_ms())
        account_id = await ledger.member_account(guild_id=GUILD, user_id=ALICE)
        await ledger.grant(account_id, amount, actor="admin", reason="thanks", expires_at_ms=expires_at_ms)

    await world.database.write(work)
