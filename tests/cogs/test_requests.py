"""Taking a request back."""

from __future__ import annotations

from typing import Any

import pytest

from bot.generations.states import RequestState
from bot.sandbox.rivya_faults import Fault, FaultKind
from bot.ui import ids
from tests.cogs.conftest import DiscordWorld, labels_of, pictures_of, png, text_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _waiting(world: DiscordWorld, prompt: str, **options: Any) -> Any:
    """Ask for pictures whose reference does not arrive yet; returns the message with its Cancel button."""
    world.fetcher.doors.clear()
    asked = await world.imagine(prompt, image_1=("a.png", png()), **options)
    await world.until(lambda: "Cancel" in labels_of(asked.response))
    return asked.response


async def _painting(world: DiscordWorld, prompt: str) -> Any:
    """Ask for a picture that is at the image service and takes long."""
    world.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=1000))
    asked = await world.imagine(prompt)
    await world.until(lambda: world.tasks(prompt))
    await world.until(lambda: "Painting" in text_of(asked.response))
    return asked.response


async def test_cancel_before_anything_is_sent(discord_world: DiscordWorld) -> None:
    world = discord_world
    message = await _waiting(world, "not this one", count=2)
    assert "Fetching references" in text_of(message)
    assert "16 credits held" in text_of(message)
    await world.check_books(charged=16, held=16)

    answer = await world.slash(world.alice, "cancel")
    assert answer.ephemeral
    assert "All 2 pictures were not sent yet: 16 credits are back." in text_of(answer.response)
    world.fetcher.doors.set()
    await world.idle()
    (message,) = world.messages()
    assert "**Cancelled.** Nothing had been sent." in text_of(message)
    assert labels_of(message) == ["Change the prompt", "Try again"]
    assert world.tasks("not this one") == []
    await world.check_books(charged=0)


async def test_the_cancel_button_is_for_its_owner_and_for_moderators(discord_world: DiscordWorld) -> None:
    world = discord_world
    stranger, moderator = world.member("stranger"), world.moderator("moderator")
    message = await _waiting(world, "by button")
    refused = await world.click(stranger, message, "Cancel")
    assert refused.ephemeral
    assert "Only whoever asked for this, or a moderator, can cancel it." in text_of(refused.response)
    await world.check_books(charged=8, held=8)
    done = await world.click(moderator, message, "Cancel")
    assert done.ephemeral
    assert "It was not sent yet: 8 credits are back." in text_of(done.response)
    await world.check_books(charged=0)

    again = await world.forge(world.alice, message, ids.cancel(await _newest(world)))
    assert "There is nothing to cancel." in text_of(again.response)
    world.fetcher.doors.set()
    await world.idle()


async def test_cancel_comes_too_late(discord_world: DiscordWorld) -> None:
    world = discord_world
    message = await _painting(world, "too late")
    answer = await world.slash(world.alice, "cancel")
    assert "It is too late to take this back." in text_of(answer.response)
    assert "1 picture is with the image service, which charges for it: 8 credits" in text_of(answer.response)
    await world.advance(1100)
    await world.idle()
    assert len(pictures_of(message)) == 1
    await world.check_books(charged=8)


async def test_cancel_offers_ones_own_requests(discord_world: DiscordWorld) -> None:
    world = discord_world
    await _waiting(world, "the @everyone one")
    await _waiting(world, "another")
    offered = await world.alice.autocomplete(world.channel, "cancel", "request", "THE @")
    assert [choice["name"] for choice in offered] == ["the @everyone one"]
    assert await world.member("nosy").autocomplete(world.channel, "cancel", "request", "") == []
    answer = await world.slash(world.alice, "cancel", request=offered[0]["value"])
    assert "8 credits are back." in text_of(answer.response)
    world.fetcher.doors.set()
    await world.idle()
    assert len(world.tasks("another")) == 1
    assert world.tasks("the @everyone one") == []
    await world.check_books(charged=8)


async def test_nothing_to_cancel(discord_world: DiscordWorld) -> None:
    world = discord_world
    answer = await world.slash(world.alice, "cancel")
    assert answer.ephemeral
    assert text_of(answer.response) == "**None of your pictures is in work right now.**"
    other = await world.slash(world.alice, "cancel", request="0123456789abcdef")
    assert text_of(other.response) == "**I don't know that request. Pick one from the list.**"


async def test_cancel_without_a_choice_takes_what_can_still_be_cancelled(discord_world: DiscordWorld) -> None:
    world = discord_world
    waiting = await _waiting(world, "older, waits for its reference")
    await _painting(world, "newer, at the image service")
    answer = await world.slash(world.alice, "cancel")
    assert "It was not sent yet: 8 credits are back." in text_of(answer.response)
    world.fetcher.doors.set()
    await world.until(lambda: "Cancelled" in text_of(waiting))
    await world.advance(1100)
    await world.idle()
    await world.check_books(charged=8)


async def test_cancelling_a_request_of_somebody_else_by_its_id(discord_world: DiscordWorld) -> None:
    world = discord_world
    await _waiting(world, "not bob's")
    bob = world.moderator("bob")
    answer = await world.slash(bob, "cancel", request=await _newest(world))
    assert "I don't know that request." in text_of(answer.response)
    await world.check_books(charged=8, held=8)
    world.fetcher.doors.set()
    await world.idle()


async def _newest(world: DiscordWorld) -> str:
    """Return the id of the member's newest request."""
    page = await world.core.generations.history(user_id=world.alice.id, guild_id=world.guild.id, page=1)
    assert page.requests[0].state is not RequestState.VOID
    return page.requests[0].id
