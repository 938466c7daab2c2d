"""Accepting: one transaction that holds the whole price or leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bot.app import build_core
from bot.credits.quotas import LimitScope, QuotaExceeded
from bot.errors import BotError, ReferenceRefused
from bot.generations.refusals import (
    DiskShort,
    MissingPermissions,
    NotAllowedHere,
    PersonalUseOff,
    QueueFull,
    ServicePaused,
    TooManyAtOnce,
)
from bot.generations.service import Generations
from bot.generations.states import RequestState
from bot.generations.values import Accepted, Attachment, GenerationRequest
from bot.rivya import ApiKeyRevoked, BadOption, ModelInfo, open_http
from bot.storage import database, open_database
from bot.ui.refusal import refusal_card
from tests.clocks import TestClock
from tests.world import ALICE, BOB, GUILD, World, Worlds, words_of

OTHER_GUILD = 1002


@pytest.fixture
async def still(tmp_path: Path) -> AsyncIterator[Worlds]:
    """Worlds whose clock runs as ours does: what is not acknowledged is not voided at once."""
    worlds = Worlds(tmp_path, TestClock(speed=1))
    async with worlds.rivya:
        yield worlds


@asynccontextmanager
async def second_engine(world: World) -> AsyncIterator[Generations]:
    """Open the same file once more, with engines, pools and a Generations of its own."""
    ids = count(1)
    async with (
        open_database(world.settings.database_url, exclusive=False) as opened,
        open_http(world.settings.rivya_base_url) as http,
    ):
        core = await build_core(
            world.settings,
            database=opened,
            http=http,
            delivery=world.discord,
            fetcher=world.cdn,
            clock=world.clock,
            rng=Random(2),
            ids=lambda: f"b{next(ids):015x}",
        )
        yield core.generations


async def test_two_hundred_at_once_against_an_allowance_for_ten_leave_ten(
    still: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 60_000)  # two writers is what production never has
    settings: dict[str, Any] = {"member_credits_per_month": 80, "max_running_per_member": 100, "max_waiting": 1000}
    async with still.open(**settings) as world, second_engine(world) as other:
        doors = (world.core.generations, other)
        results = await asyncio.gather(
            *(doors[n % 2].accept(GenerationRequest(prompt="a fox"), world.origin()) for n in range(200)),
            return_exceptions=True,
        )
        accepted = [result for result in results if isinstance(result, Accepted)]
        refused = [result for result in results if isinstance(result, QuotaExceeded)]
        assert (len(accepted), len(refused)) == (10, 190)
        assert {error.scope for error in refused} == {LimitScope.MEMBER}
        assert await world.count("requests") == 10
        assert await world.left() == 0
        await world.check_books(charged=0, held=80)


async def test_the_same_event_a_hundred_times_makes_one_request(still: Worlds) -> None:
    async with still.open() as world, second_engine(world) as other:
        origin = world.origin(source_id="the same")
        doors = (world.core.generations, other)
        results = await asyncio.gather(
            *(doors[n % 2].accept(GenerationRequest(prompt="a fox", count=2), origin) for n in range(100))
        )
        assert len({result.request_id for result in results}) == 1
        assert sum(not result.repeated for result in results) == 1
        assert {result.cost_credits for result in results} == {16}
        await world.check_books(charged=0, held=16)


async def test_what_a_repeated_event_costs_is_what_it_cost_then(world: World) -> None:
    origin = world.origin(source_id="the same")
    await world.accept(origin=origin)
    world.core.catalogue.learn_price("nano-banana-pro", "1K", 12)
    assert (await world.accept(origin=origin)).cost_credits == 8
    assert (await world.accept()).cost_credits == 12


# --- refusals ---

HUGE = Attachment(url="https://cdn.discordapp.com/attachments/1/huge.png", filename="huge.png", size_bytes=31_000_000)

Ask = Callable[[World], Any]
REFUSALS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], type[BotError], str]] = {
    # name: settings, the request, the origin, the error, what the person reads
    "member": ({"member_credits_per_month": 15}, {"count": 2}, {}, QuotaExceeded, "costs 16 credits, you have 15"),
    "nothing allowed": ({"member_credits_per_month": 0}, {}, {}, QuotaExceeded, "This costs 8 credits"),
    "guild": ({"guild_credits_per_month": 15}, {"count": 2}, {}, QuotaExceeded, "the server has 15"),
    "account": ({"account_credits_per_day": 15}, {"count": 2}, {}, QuotaExceeded, "limit for today"),
    "too many": ({"max_running_per_member": 1}, {"count": 2}, {}, TooManyAtOnce, "At most 1 of your pictures"),
    "queue full": ({"max_waiting": 1}, {"count": 2}, {}, QueueFull, "waiting already"),
    "disk": ({"disk_reserve_bytes": 2**60}, {}, {}, DiskShort, "short of room"),
    "guild list": ({"allowed_guilds": frozenset({5})}, {}, {}, NotAllowedHere, "not switched on"),
    "personal": ({}, {}, {"guild_id": None}, PersonalUseOff, "in servers only"),
    "little for personal use": ({"personal_credits_per_month": 7}, {}, {"guild_id": None}, QuotaExceeded, "you have 7"),
    "permissions": ({}, {}, {"missing_permissions": ("Attach Files",)}, MissingPermissions, "I lack Attach Files"),
    "large reference": ({}, {"references": (HUGE,)}, {}, ReferenceRefused, "huge.png is 31 MB"),
    "ratio": ({}, {"options": {"aspect_ratio": "7:5"}}, {}, BadOption, "16:9"),
    "resolution": ({}, {"options": {"resolution": "8K"}}, {}, BadOption, "1K, 2K, 4K"),
    "format": ({}, {"options": {"output_format": "gif"}}, {}, BadOption, "png, jpg"),
    "option of another model": ({}, {"model": "nano-banana", "options": {"resolution": "2K"}}, {}, BadOption, "no"),
    "model": ({}, {"model": "dall-e"}, {}, BadOption, "Nano Banana Pro"),
    "no prompt": ({}, {"prompt": "  "}, {}, BadOption, "prompt"),
    "long prompt": ({}, {"prompt": "x" * 10_001}, {}, BadOption, "10,000"),
    "references": ({}, {"references": (HUGE,) * 9}, {}, BadOption, "at most 8"),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_says_why_and_holds_nothing(worlds: Worlds, name: str) -> None:
    settings, request, origin, error, words = REFUSALS[name]
    async with worlds.open(**settings) as world:
        with pytest.raises(error) as raised:
            await world.accept(origin=world.origin(**origin), **{"prompt": "a fox", **request})
        card = words_of(refusal_card(raised.value))
        assert words in card
        assert "Nothing was charged." in card
        for table in ("requests", "pictures", "entries", "accounts"):
            assert await world.count(table) == 0
        assert not worlds.rivya.books.tasks
        await world.check_books(charged=0)


async def test_a_private_request_needs_no_permission_in_the_channel(world: World) -> None:
    accepted = await world.accept(private=True, origin=world.origin(missing_permissions=("Send Messages",)))
    assert accepted.cost_credits == 8


async def test_a_paused_service_takes_nothing(world: World) -> None:
    world.core.account.close(ApiKeyRevoked())
    with pytest.raises(ServicePaused):
        await world.accept()
    await world.check_books(charged=0)


async def test_a_servers_ceiling_is_shared_by_its_members_and_by_nobody_else(still: Worlds) -> None:
    async with still.open(guild_credits_per_month=20, personal_credits_per_month=8) as world:
        await world.accept(origin=world.origin(user_id=ALICE))
        await world.accept(origin=world.origin(user_id=BOB))
        with pytest.raises(QuotaExceeded) as raised:
            await world.accept(origin=world.origin(user_id=BOB))
        assert (raised.value.scope, raised.value.left_credits) == (LimitScope.GUILD, 4)
        await world.accept(origin=world.origin(user_id=BOB, guild_id=OTHER_GUILD))
        await world.accept(origin=world.origin(user_id=BOB, guild_id=None))
        await world.check_books(charged=0, held=32)


async def test_the_days_ceiling_is_for_all_servers_together(still: Worlds) -> None:
    async with still.open(account_credits_per_day=20, personal_credits_per_month=8) as world:
        await world.accept(origin=world.origin(guild_id=GUILD))
        await world.accept(origin=world.origin(guild_id=OTHER_GUILD))
        with pytest.raises(QuotaExceeded) as raised:
            await world.accept(origin=world.origin(guild_id=None, user_id=BOB))
        assert (raised.value.scope, raised.value.left_credits) == (LimitScope.ACCOUNT, 4)


async def test_no_more_is_promised_than_the_provider_account_holds(worlds: Worlds) -> None:
    worlds.rivya.set_credits(20)
    async with worlds.open() as world:
        await world.until(lambda: world.core.generations.fact("provider.credits"))
        await world.imagine()
        await world.imagine()
        with pytest.raises(QuotaExceeded) as raised:
            await world.accept()
        assert (raised.value.scope, raised.value.left_credits) == (LimitScope.PROVIDER, 4)
        await world.until(lambda: len(worlds.discord.posts) == 2)
        # They were painted and taken since the reading, which may still say 20.
        with pytest.raises(QuotaExceeded) as raised:
            await world.accept()
        assert raised.value.left_credits == 4


async def test_the_disk_is_reserved_for_every_picture_that_waits(still: Worlds, monkeypatch: Any) -> None:
    async with still.open(max_running=1, max_running_per_member=50) as world:
        room = 5 * 40 * 1024 * 1024
        monkeypatch.setattr(type(world.core.store), "free_bytes", lambda _store: room)
        await world.accept(count=3)
        await world.accept(count=2)
        with pytest.raises(DiskShort):
            await world.accept()


# --- acknowledging ---


async def test_what_is_not_acknowledged_is_voided_and_never_sent(still: Worlds) -> None:
    async with still.open() as world:
        accepted = await world.accept(count=3)
        assert await world.left() == 160 - 24
        assert await world.core.generations.not_acknowledged(accepted.request_id) is True
        assert await world.core.generations.not_acknowledged(accepted.request_id) is False
        assert await world.core.generations.acknowledged(accepted.request_id, message_id=1) is False
        await world.pass_time(600)
        await world.until_idle()
        view = await world.view(accepted.request_id)
        assert view.state is RequestState.VOID
        assert not world.rivya.books.tasks
        assert not world.discord.posts
        assert not world.discord.progress
        assert await world.left() == 160
        assert (await world.core.generations.history(user_id=ALICE, guild_id=GUILD, page=1)).requests == ()
        await world.check_books(charged=0)


async def test_nothing_is_sent_before_it_is_acknowledged(still: Worlds) -> None:
    async with still.open() as world:
        accepted = await world.accept(references=(world.cdn.add("cat.png"),))
        world.core.engine.wake(accepted.request_id)
        await world.pass_time(20, step_s=5)
        assert not world.rivya.books.tasks
        assert not world.cdn.fetched
        await world.core.generations.acknowledged(accepted.request_id, message_id=1)
        await world.until(lambda: world.rivya.books.tasks)
        await world.until_idle(step_s=2)
        await world.check_one_picture(accepted.request_id)


async def test_an_acknowledgement_and_its_opposite_have_one_winner(still: Worlds) -> None:
    async with still.open(max_running_per_member=100, member_credits_per_month=None) as world:
        service = world.core.generations
        taken = 0
        for number in range(12):
            accepted = await world.accept()

            async def void(request_id: str, steps: int) -> bool:
                for _ in range(steps):
                    await asyncio.sleep(0)
                return await service.not_acknowledged(request_id)

            results = await asyncio.gather(
                service.acknowledged(accepted.request_id, message_id=1), void(accepted.request_id, number % 4)
            )
            assert sorted(results) == [False, True]
            taken += (await world.view(accepted.request_id)).state is not RequestState.VOID
        await world.until_idle(step_s=2)
        assert 0 < taken < 12
        assert len(world.rivya.books.tasks) == taken
        await world.check_books(charged=8 * taken)


async def test_a_model_that_is_closed_at_the_provider_is_refused_before_anything_is_spent(worlds: Worlds) -> None:
    async with worlds.open() as world:
        world.core.catalogue.refresh([ModelInfo(id="nano-banana-pro", api_status="coming_soon")])
        for model in (None, "nano-banana-pro"):
            with pytest.raises(BadOption, match="nano-banana-pro") as refused:
                await world.accept(model=model)
            assert "is closed at the image service right now. There is Nano Banana 2" in refused.value.user_message
        assert await world.left() == 160
        await world.accept(model="nano-banana-2")
