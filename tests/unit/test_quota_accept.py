"""Admins' rules bind when a request is accepted, together with its hold; what is refused is offered mended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.credits.ledger import Ledger
from bot.credits.quota_rules import DAY_MS, Scope, Spender
from bot.credits.quotas import LimitScope, QuotaExceeded
from bot.errors import BotError
from bot.generations.mending import Change, cheaper, mended
from bot.generations.refusals import OutOfBounds, TooManyRunning
from bot.generations.values import GenerationRequest, Origin, Standing
from bot.storage import Connection
from bot.ui.refusal import refusal_card
from tests.rules import drop_rules, set_rule
from tests.world import ALICE, BOB, CHANNEL, GUILD, World, Worlds, words_of

ARTIST = 401
THREAD = CHANNEL + 7


@pytest.fixture
async def world(worlds: Worlds) -> AsyncIterator[World]:
    """One whose operator lets a member have many pictures in work."""
    async with worlds.open(max_running_per_member=50) as world:
        yield world


def standing(world: World, *roles: int, days: float = 100) -> Standing:
    return Standing(frozenset(roles), world.clock.now_ms() - int(days * DAY_MS))


def old(world: World, **changes: Any) -> Origin:
    """An event of a member of long standing."""
    return world.origin(**{"standing": standing(world), **changes})


async def refused(world: World, origin: Origin, **request: Any) -> tuple[BotError, str]:
    before = await world.count("entries")
    wanted = GenerationRequest(prompt="a fox", **request)
    with pytest.raises(BotError) as caught:
        await world.core.generations.accept(wanted, origin)
    with pytest.raises(type(caught.value)):
        await world.core.generations.quote(wanted, origin)
    assert await world.count("entries") == before
    balance = await world.core.generations.balance(origin.spender)
    return caught.value, words_of(refusal_card(caught.value, balance=balance))


def offers(world: World, error: BotError, **request: Any) -> list[tuple[Change, str, int, int]]:
    found = mended(error, GenerationRequest(prompt="a fox", **request), world.core.catalogue)
    return [(mend.change, mend.subject, mend.request.count, mend.cost_credits) for mend in found]


# --- credits ---


async def test_everyones_rule_in_the_place_of_the_operators(world: World) -> None:
    await set_rule(world.database, GUILD, Scope.EVERYONE, day=10)
    assert (await world.accept(origin=old(world))).cost_credits == 8
    error, said = await refused(world, old(world))
    assert isinstance(error, QuotaExceeded)
    assert (error.scope, error.left_credits) == (LimitScope.MEMBER, 2)
    assert "This costs 8 credits, you have 2" in said
    assert (await world.accept(origin=old(world, user_id=BOB))).cost_credits == 8
    world.clock.advance(DAY_MS / 1000)
    assert (await world.accept(origin=old(world))).cost_credits == 8


async def test_a_role_and_ones_own(world: World) -> None:
    await set_rule(world.database, GUILD, Scope.EVERYONE, month=0)
    await set_rule(world.database, GUILD, Scope.ROLE, ARTIST, day=8)
    await set_rule(world.database, GUILD, Scope.MEMBER, BOB, week=8)
    await refused(world, old(world))
    artist = {"standing": standing(world, ARTIST, 999)}
    await world.accept(origin=old(world, **artist))
    await refused(world, old(world, **artist))
    await world.accept(origin=old(world, user_id=BOB, **artist))
    await refused(world, old(world, user_id=BOB, **artist))


async def test_a_newcomers_day(world: World) -> None:
    await set_rule(world.database, GUILD, Scope.NEWCOMER, 7, day=8)
    new = {"standing": standing(world, days=6.9)}
    await world.accept(origin=world.origin(**new))
    error, _ = await refused(world, world.origin(**new))
    assert isinstance(error, QuotaExceeded)
    await world.accept(origin=world.origin(standing=standing(world, days=7.1)))


async def test_a_channel_counts_everybody_in_it_and_its_threads(world: World) -> None:
    await set_rule(world.database, GUILD, Scope.CHANNEL, CHANNEL, day=20)
    await world.accept(origin=old(world))
    await world.accept(origin=old(world, user_id=BOB, channel_id=THREAD, parent_channel_id=CHANNEL))
    error, said = await refused(world, old(world, channel_id=THREAD, parent_channel_id=CHANNEL))
    assert isinstance(error, QuotaExceeded)
    assert (error.scope, error.left_credits) == (LimitScope.CHANNEL, 4)
    assert "the channel has 4" in said
    assert offers(world, error) == [(Change.MODEL, "Nano Banana", 1, 3)]
    await world.accept(origin=old(world, channel_id=CHANNEL + 1))
    await world.check_books(charged=0, held=24)


async def test_a_servers_ceiling_counts_everybody_grants_too(world: World) -> None:
    await set_rule(world.database, GUILD, Scope.SERVER, week=20)

    async def give(tx: Connection) -> None:
        ledger = Ledger(tx, world.clock.now_ms())
        account_id = await ledger.member_account(guild_id=GUILD, user_id=BOB)
        await ledger.grant(account_id, 100, actor="admin", reason="thanks")

    await world.database.write(give)
    await world.accept(origin=old(world))
    await set_rule(world.database, GUILD, Scope.EVERYONE, month=0)
    await world.accept(origin=old(world, user_id=BOB))
    error, said = await refused(world, old(world, user_id=BOB))
    assert isinstance(error, QuotaExceeded)
    assert (error.scope, error.left_credits) == (LimitScope.GUILD, 4)
    assert "the server has 4" in said
    balance = await world.core.generations.balance(Spender(BOB, GUILD, channel_id=CHANNEL))
    assert (balance.own_credits, balance.left_credits, balance.is_capped) == (92, 4, True)


async def test_an_admin_can_not_lift_what_the_operator_allows(worlds: Worlds) -> None:
    async with worlds.open(guild_credits_per_month=10) as world:
        await set_rule(world.database, GUILD, Scope.SERVER, none=True)
        await set_rule(world.database, GUILD, Scope.EVERYONE, none=True)
        await world.accept(origin=old(world))
        error, _ = await refused(world, old(world))
        assert isinstance(error, QuotaExceeded)
        assert (error.scope, error.left_credits) == (LimitScope.GUILD, 2)


async def test_personal_use_knows_no_servers_rules(worlds: Worlds) -> None:
    async with worlds.open(personal_credits_per_month=8) as world:
        await set_rule(world.database, GUILD, Scope.EVERYONE, month=0)
        await set_rule(world.database, GUILD, Scope.CHANNEL, CHANNEL, month=0)
        await world.accept(origin=world.origin(guild_id=None, place_guild_id=GUILD))
        assert await world.count("legs WHERE channel_id IS NULL AND guild_id IS NULL") == 1


# --- what a request may be ---

BOUNDED: list[tuple[dict[str, Any], dict[str, Any], str, list[tuple[Change, str, int, int]]]] = [
    (
        {"models": ("nano-banana-2",)},
        {"options": {"resolution": "2K"}, "count": 2},
        "By this server's quotas you can't use Nano Banana Pro here. You can use Nano Banana 2. "
        "Admins see why in /quota explain.",
        [(Change.MODEL, "Nano Banana 2", 2, 10)],
    ),
    (
        {"resolution": "2K"},
        {"options": {"resolution": "4K"}},
        "at most 2K here, not 4K.",
        [(Change.RESOLUTION, "2K", 1, 8)],
    ),
    ({"count": 2}, {"count": 4}, "at most 2 pictures at once here, not 4.", [(Change.FEWER, "2", 2, 16)]),
    ({"count": 1}, {"count": 2}, "at most one picture at once", [(Change.FEWER, "1", 1, 8)]),
    (  # all of it at once, mended at once
        {"models": ("nano-banana-2", "nano-banana"), "resolution": "1K", "count": 3},
        {"options": {"resolution": "4K"}, "count": 4},
        "not 4K. By this server's quotas you can ask for at most 3",
        [(Change.MODEL, "Nano Banana 2", 3, 15), (Change.MODEL, "Nano Banana", 3, 9)],
    ),
    ({"models": ("gone",)}, {}, "No other model may be used either.", []),
]


@pytest.mark.parametrize(("values", "request_", "words", "expected"), BOUNDED)
async def test_what_may_not_be_is_offered_as_it_may(
    world: World, values: dict[str, Any], request_: dict[str, Any], words: str, expected: list[Any]
) -> None:
    await set_rule(world.database, GUILD, Scope.EVERYONE, **values)
    error, said = await refused(world, old(world), **request_)
    assert isinstance(error, OutOfBounds)
    assert words in " ".join(said.replace("**", "").split())
    assert "Nothing was charged." in said
    assert offers(world, error, **request_) == expected
    for mend in mended(error, GenerationRequest(prompt="a fox", **request_), world.core.catalogue):
        accepted = await world.core.generations.accept(mend.request, old(world))
        assert accepted.cost_credits == mend.cost_credits


async def test_what_is_offered_for_less_keeps_to_the_rules(world: World) -> None:
    await set_rule(world.database, GUILD, Scope.EVERYONE, day=7, models=("nano-banana-pro", "nano-banana"))
    error, _ = await refused(world, old(world))
    assert offers(world, error) == [(Change.MODEL, "Nano Banana", 1, 3)]
    await drop_rules(world.database, GUILD)
    await set_rule(world.database, GUILD, Scope.EVERYONE, models=("nano-banana-pro", "nano-banana"))
    wanted = GenerationRequest(prompt="a fox")
    quote = await world.core.generations.quote(wanted, old(world))
    instead = cheaper(wanted, world.core.catalogue, quote.bounds)
    assert instead is not None
    assert instead.subject == "Nano Banana"


# --- how many at the same time ---


@pytest.mark.parametrize(
    ("scope", "subject", "elsewhere", "words"),
    [
        (Scope.EVERYONE, 0, {"user_id": BOB}, "At most 2 of your requests may be in work here at the same time"),
        (Scope.NEWCOMER, 365, {"user_id": BOB}, "At most 2 of your requests"),
        (Scope.CHANNEL, CHANNEL, {"channel_id": CHANNEL + 1}, "At most 2 requests may be in work in this channel"),
        (Scope.SERVER, 0, {"guild_id": GUILD + 1}, "At most 2 requests may be in work in this server"),
    ],
)
async def test_requests_at_the_same_time(
    world: World, scope: Scope, subject: int, elsewhere: dict[str, Any], words: str
) -> None:
    await set_rule(world.database, GUILD, scope, subject, running=2)
    await world.accept(origin=old(world), count=3)  # one request, however many pictures
    first = await world.accept(origin=old(world, channel_id=THREAD, parent_channel_id=CHANNEL))
    error, said = await refused(world, old(world))
    assert isinstance(error, TooManyRunning)
    assert f"{words}" in said
    assert "2 are now.**\nTry again when one is done." in said
    assert offers(world, error) == [(Change.NOTHING, "", 1, 8)]
    await world.accept(origin=old(world, **elsewhere))
    await world.core.generations.cancel(first.request_id, user_id=ALICE)
    await world.accept(origin=old(world))


async def test_none_at_all(world: World) -> None:
    await set_rule(world.database, GUILD, Scope.CHANNEL, CHANNEL, running=0)
    error, said = await refused(world, old(world))
    assert "By this server's quotas nobody may ask for pictures in this channel." in said
    assert offers(world, error) == []


# --- what is kept for cards that know no roles ---


async def test_a_card_says_what_is_left_by_what_bound_when_it_was_asked_for(world: World) -> None:
    await set_rule(world.database, GUILD, Scope.EVERYONE, month=1000)
    await set_rule(world.database, GUILD, Scope.ROLE, ARTIST, day=50)
    request_id = await world.imagine(origin=old(world, standing=standing(world, ARTIST)))
    view = await world.view(request_id)
    assert view.balance is not None
    assert (view.balance.allowance_credits, view.balance.left_credits) == (50, 42)
    await set_rule(world.database, GUILD, Scope.CHANNEL, CHANNEL, day=20)
    capped = (await world.view(request_id)).balance
    assert capped is not None
    assert (capped.left_credits, capped.is_capped) == (12, True)
    await world.until_idle()
    await world.check_books(charged=8)


async def test_a_card_of_somebody_without_limit_says_what_the_server_has(worlds: Worlds) -> None:
    async with worlds.open(guild_credits_per_month=40) as world:
        await set_rule(world.database, GUILD, Scope.ROLE, ARTIST, none=True)
        request_id = await world.imagine(origin=old(world, standing=standing(world, ARTIST)))
        view = await world.view(request_id)
        assert view.balance is not None
        assert (view.balance.own_credits, view.balance.left_credits) == (None, 32)


async def test_a_request_of_before_the_rules_goes_by_the_operators_setting(world: World) -> None:
    request_id = await world.imagine(origin=old(world))
    await world.database.write(lambda tx: tx.exec_driver_sql("UPDATE requests SET quota_period = NULL"))
    await set_rule(world.database, GUILD, Scope.EVERYONE, day=1)
    view = await world.view(request_id)
    assert view.balance is not None
    assert view.balance.allowance_credits == world.settings.member_credits_per_month
