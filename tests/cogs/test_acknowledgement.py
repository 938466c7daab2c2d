"""Nothing runs before Discord has acknowledged, and whatever is not acknowledged costs nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from simcord.http.client import FakeWebhookAdapter
from sqlalchemy import text

from bot.generations.states import RequestState
from bot.ui import ids
from tests.cogs.conftest import DiscordWorld, labels_of, pictures_of, text_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLOW_S = 1.7
"""Longer than a command waits before it acknowledges first."""
DEFERRED = 5
MENDED = "Use the usual resolution · 3 credits"


async def _nothing_came_of_it(world: DiscordWorld, prompt: str) -> None:
    await world.idle()
    assert world.tasks(prompt) == []
    await world.check_books(charged=0)
    assert await world.core.generations.open_requests(world.alice.id) == []


@pytest.mark.parametrize(("status", "code"), [(404, 10062), (503, 0), (400, 50035)])
async def test_a_request_that_can_not_be_acknowledged_is_void(
    discord_world: DiscordWorld, status: int, code: int
) -> None:
    world = discord_world
    world.env.inject_error("POST", "/interactions/*/callback", status=status, code=code)
    asked = await world.imagine("never seen")
    assert not asked.acknowledged
    await _nothing_came_of_it(world, "never seen")
    assert world.messages() == []
    page = await world.core.generations.history(user_id=world.alice.id, guild_id=world.guild.id, page=1)
    assert page.requests == ()


async def test_asked_again_it_is_taken(discord_world: DiscordWorld) -> None:
    world = discord_world
    world.env.inject_error("POST", "/interactions/*/callback", status=404, code=10062)
    await world.imagine("second time lucky")
    await world.imagine("second time lucky")
    await world.idle()
    assert len(world.tasks("second time lucky")) == 1
    await world.check_books(charged=8)


Call = Callable[[], Awaitable[Any]]


def _around_deferrals(monkeypatch: pytest.MonkeyPatch, around: Callable[[Call], Awaitable[Any]]) -> None:
    """Put ``around`` on the wire where the bot acknowledges."""
    real = FakeWebhookAdapter.request

    async def request(self: Any, route: Any, *args: Any, **values: Any) -> Any:
        if route.path.endswith("/callback"):
            return await around(lambda: real(self, route, *args, **values))
        return await real(self, route, *args, **values)

    monkeypatch.setattr(FakeWebhookAdapter, "request", request)


async def test_a_lost_answer_to_the_acknowledgement_is_void(
    discord_world: DiscordWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = discord_world

    async def lose(call: Call) -> Any:
        await call()
        raise aiohttp.ServerDisconnectedError

    _around_deferrals(monkeypatch, lose)
    asked = await world.imagine("lost answer")
    await _nothing_came_of_it(world, "lost answer")
    # Discord had acknowledged, so the person is told.
    assert "Nothing was charged. Please ask again." in text_of(asked.response)


async def test_an_acknowledgement_that_was_repeated_counts(
    discord_world: DiscordWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = discord_world

    async def twice(call: Call) -> Any:  # as discord.py does when the first answer was a 502
        await call()
        return await call()

    _around_deferrals(monkeypatch, twice)
    asked = await world.imagine("acknowledged twice")
    await world.idle()
    assert len(pictures_of(asked.response)) == 1
    (message,) = world.messages()
    assert message.id == asked.response.id
    await world.check_books(charged=8)


async def test_an_acknowledgement_that_comes_too_late_finds_a_void_request(
    discord_world: DiscordWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = discord_world

    async def late(call: Call) -> Any:
        (request_id,) = await _of_state(world, RequestState.ACCEPTED)
        world.clock.advance(200)  # the engine gives back whatever was not acknowledged within a minute
        while request_id not in await _of_state(world, RequestState.VOID):
            await asyncio.sleep(0.01)
        return await call()

    _around_deferrals(monkeypatch, late)
    asked = await world.imagine("much too late")
    await _nothing_came_of_it(world, "much too late")
    assert "Nothing was charged. Please ask again." in text_of(asked.response)


async def _of_state(world: DiscordWorld, state: RequestState) -> list[str]:
    """The ids of the member's requests in one state."""
    query = "SELECT id FROM requests WHERE user_id = :user_id AND state = :state"
    async with world.database.read() as tx:
        return list(await tx.scalars(text(query), {"user_id": world.alice.id, "state": str(state)}))


# --- accepting that takes long ---


async def test_slow_to_accept_is_acknowledged_first(discord_world: DiscordWorld) -> None:
    world = discord_world
    world.fetcher.delay_s = SLOW_S
    asked = await world.imagine(None, prompt_file=("prompt.txt", b"slow but sure"))
    assert world.requests("POST", "/callback")[0].json["type"] == DEFERRED
    await world.idle()
    assert len(pictures_of(asked.response)) == 1
    assert len(world.tasks("slow but sure")) == 1
    assert len(world.requests("POST", "/callback")) == 1
    await world.check_books(charged=8)


async def test_slow_to_refuse_says_so_in_the_place_of_the_acknowledgement(discord_world: DiscordWorld) -> None:
    world = discord_world
    world.fetcher.delay_s = SLOW_S
    asked = await world.imagine(
        None, prompt_file=("prompt.txt", b"too large a size"), model="nano-banana", resolution="4K"
    )
    assert world.requests("POST", "/callback")[0].json["type"] == DEFERRED
    assert "Nano Banana has no resolution to choose." in text_of(asked.response)
    assert labels_of(asked.response) == [MENDED]
    assert world.tasks("too large a size") == []
    await world.check_books(charged=0)

    # It is public now: the button is still for whoever asked.
    stranger = await world.click(world.member("stranger"), asked.response, MENDED)
    assert stranger.ephemeral
    assert text_of(stranger.response) == "**Only whoever asked for this can use the button.**"
    assert world.tasks("too large a size") == []
    await world.click(world.alice, asked.response, MENDED)
    await world.idle()
    assert len(world.tasks("too large a size")) == 1
    await world.check_books(charged=3)


async def test_slow_to_accept_and_not_acknowledged_is_void(discord_world: DiscordWorld) -> None:
    world = discord_world
    world.fetcher.delay_s = SLOW_S
    world.env.inject_error("POST", "/interactions/*/callback", status=404, code=10062)
    asked = await world.imagine(None, prompt_file=("prompt.txt", b"slow and unseen"))
    assert not asked.acknowledged
    await _nothing_came_of_it(world, "slow and unseen")
    assert await _of_state(world, RequestState.ACCEPTED) == []
    assert len(await _of_state(world, RequestState.VOID)) == 1


# --- buttons of refusals ---


async def test_a_double_click_on_a_mended_request_is_one_request(discord_world: DiscordWorld) -> None:
    world = discord_world
    refusal = await world.imagine("clicked twice", model="nano-banana", resolution="4K")
    first = await world.click(world.alice, refusal.response, MENDED)
    second = await world.click(world.alice, refusal.response, MENDED)
    await world.idle()
    assert len(pictures_of(first.response)) == 1
    assert second.acknowledged
    assert second.followups == []
    assert len(world.tasks("clicked twice")) == 1
    await world.check_books(charged=3)


async def test_a_mended_request_that_was_not_acknowledged_can_be_pressed_again(discord_world: DiscordWorld) -> None:
    world = discord_world
    refusal = await world.imagine("pressed again", model="nano-banana", resolution="4K")
    world.env.inject_error("POST", "/interactions/*/callback", status=404, code=10062)
    await world.click(world.alice, refusal.response, MENDED)
    await world.click(world.alice, refusal.response, MENDED)
    await world.idle()
    assert len(world.tasks("pressed again")) == 1
    await world.check_books(charged=3)


async def test_a_mended_request_survives_a_restart(discord_world: DiscordWorld) -> None:
    world = discord_world
    refusal = await world.imagine("from another life", model="nano-banana", resolution="4K")
    await world.restart_client()
    await world.click(world.alice, refusal.response, MENDED)
    await world.idle()
    assert len(world.tasks("from another life")) == 1
    await world.check_books(charged=3)


async def test_the_button_of_a_refusal_of_the_first_release_says_that_it_is_too_old(
    discord_world: DiscordWorld,
) -> None:
    world = discord_world
    refusal = await world.imagine("from the past", model="nano-banana", resolution="4K")
    answer = await world.forge(world.alice, refusal.response, "nbb:mend:Xz_3-aB0")
    assert text_of(answer.response) == "**This button is too old; nothing was charged. Use the command again.**"
    await _nothing_came_of_it(world, "from the past")


# --- errors of our own ---


async def test_an_error_of_our_own_is_told_with_a_reference(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("shown in full")
    await world.idle()
    (message,) = world.messages()
    page = await world.core.generations.history(user_id=world.alice.id, guild_id=world.guild.id, page=1)
    (result,) = (world.settings.data_dir / "results").glob(f"{page.requests[0].id}-1.*")
    await asyncio.to_thread(result.unlink)
    await asyncio.to_thread(result.mkdir)  # what is there, but can't be read
    answer = await world.forge(world.alice, message, ids.full(page.requests[0].id, 1))
    assert answer.ephemeral
    said = text_of(answer.response)
    assert "**Something went wrong on my side.**" in said
    assert re.search(r"ref [0-9a-f]{6}", said)
    assert "Error" not in said
    assert str(world.settings.data_dir) not in said


async def test_a_stop_takes_nothing_new_and_waits_for_what_is_being_taken(
    discord_world: DiscordWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = discord_world
    client = world.client
    order: list[str] = []

    async def stop_meanwhile(call: Call) -> Any:
        stopping = asyncio.ensure_future(client.stop_taking(30))
        await asyncio.sleep(0)
        assert not stopping.done()
        stopping.add_done_callback(lambda _: order.append("stopped"))
        answer = await call()
        order.append("acknowledged")
        return answer

    _around_deferrals(monkeypatch, stop_meanwhile)
    try:
        await world.imagine("the last one")
        await world.idle()
        assert order == ["acknowledged", "stopped"]
        assert len(world.tasks("the last one")) == 1
        refused = await world.imagine("too late")
        assert "I am being restarted just now." in text_of(refused.response)
        assert refused.ephemeral
        await world.idle()
        assert world.tasks("too late") == []
        again = await world.click(world.alice, refused.response, "Try again · 8 credits")
        assert "I am being restarted just now." in text_of(again.response)
    finally:
        await world.restart_client()
    # What was typed is not lost by a restart.
    await world.click(world.alice, refused.response, "Try again · 8 credits")
    await world.idle()
    assert len(world.tasks("too late")) == 1
