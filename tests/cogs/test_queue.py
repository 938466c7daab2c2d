"""/queue, when things should come, and taking them back at any stage."""

from __future__ import annotations

from typing import Any

import pytest

from bot.sandbox.rivya_faults import Fault, FaultKind
from bot.ui import ids
from tests.cogs.conftest import DiscordWorld, labels_of, pictures_of, png, text_of
from tests.cogs.results import newest_view

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _waiting(world: DiscordWorld, prompt: str, *, who: Any = None, **options: Any) -> Any:
    world.fetcher.doors.clear()
    asked = await world.imagine(prompt, who=who, image_1=("a.png", png()), **options)
    await world.until(lambda: "Cancel" in labels_of(asked.response))
    return asked.response


async def _painting(world: DiscordWorld, prompt: str, **options: Any) -> Any:
    world.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=1000))
    asked = await world.imagine(prompt, **options)
    await world.until(lambda: "Painting" in text_of(asked.response))
    return asked.response


async def _end(world: DiscordWorld) -> None:
    world.fetcher.doors.set()
    await world.advance(1100)
    await world.idle()


async def test_mine_with_cancel_and_of_others_only_numbers(discord_world: DiscordWorld) -> None:
    world = discord_world
    bob = world.member("bob-queues")
    await _waiting(world, "bob's secret plan", who=bob)
    await _waiting(world, "alice's own")
    await _painting(world, "alice's other")
    shown = await world.slash(world.alice, "queue")
    assert shown.ephemeral
    said = text_of(shown.response)
    assert "**Your pictures in work** · 2 requests" in said
    assert "**alice's own**\n-# **Fetching references** · 0 of 1 · " in said
    assert "**alice's other**\n-# **Painting** · " in said
    assert "secret plan" not in said
    assert f"/channels/{world.guild.id}/{world.channel.id}/" in said
    assert "In this server: 1 picture being painted, 2 waiting." in said
    assert labels_of(shown.response) == ["Cancel", "Cancel", "Refresh"]
    theirs = await world.slash(bob, "queue")
    assert "alice" not in text_of(theirs.response)
    elsewhere = world.new_guild("Elsewhere")
    carol = world.member("carol-queues", elsewhere)
    there = await world.slash(carol, "queue", channel=elsewhere.create_text_channel("pictures"))
    assert "**None of your pictures is in work.**" in text_of(there.response)
    assert "In this server: nothing in work." in text_of(there.response)
    assert "Altogether: 1 picture being painted, 2 waiting; at most 16 are painted at a time." in text_of(
        there.response
    )

    # By its button, after a restart too; then how it stands.
    await world.restart_client()
    waits = await newest_view(world)
    page = await world.core.generations.history(user_id=world.alice.id, guild_id=world.guild.id, page=1)
    own = next(view for view in page.requests if view.prompt == "alice's own")
    assert waits.prompt == "alice's other"
    world.catch_up()
    done = await world.alice.click(shown.response, custom_id=ids.cancel(own.id))
    assert "It was not sent yet: 8 credits are back." in text_of(done.response)
    refreshed = await world.click(world.alice, shown.response, "Refresh")
    assert refreshed.response is None or refreshed.response.id == shown.response.id
    assert "1 request" in text_of(shown.response)
    assert "alice's own" not in text_of(shown.response)
    await _end(world)
    await world.check_books(charged=8)


async def test_refresh_on_anything_else_is_private(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("stands here")
    await world.idle()
    (public,) = world.messages()
    pressed = await world.forge(world.member("bob-refreshes"), public, ids.queue())
    assert pressed.ephemeral
    assert "None of your pictures is in work." in text_of(pressed.response)
    assert len(pictures_of(world.messages()[0])) == 1


# --- taking it back at any stage ---


async def test_what_was_sent_is_charged_and_can_be_kept_out_of_the_channel(discord_world: DiscordWorld) -> None:
    world = discord_world
    message = await _painting(world, "changed my mind")
    assert labels_of(message) == ["Cancel"]
    answer = await world.click(world.alice, message, "Cancel")
    assert answer.ephemeral
    assert text_of(answer.response).split("\n") == [
        "**It is too late to take this back.**",
        "1 picture is with the image service, which charges for it: 8 credits, unless it fails.",
        "It is posted when done, and stays in your /history.",
    ]
    await world.click(world.alice, answer.response, "Don't post it")
    assert world.messages() == []
    await _end(world)
    assert world.messages() == []
    await world.check_books(charged=8)
    shown = await world.slash(world.alice, "history")
    assert "**changed my mind**\n-# 1 picture · " in text_of(shown.response)


async def test_a_moderator_may_and_a_stranger_may_not_at_that_stage_too(discord_world: DiscordWorld) -> None:
    world = discord_world
    message = await _painting(world, "somebody else's")
    refused = await world.click(world.member("stranger-cancels"), message, "Cancel")
    assert text_of(refused.response) == "**Only whoever asked for this, or a moderator, can cancel it.**"
    done = await world.click(world.moderator("moderator-cancels"), message, "Cancel")
    assert "It is posted when done, and stays in its maker's /history." in text_of(done.response)
    elsewhere = world.new_guild("Elsewhere")
    far = world.member("far moderator", elsewhere, manage_messages=True)
    lure = await world.slash(far, "queue", channel=elsewhere.create_text_channel("pictures"))
    from_there = await world.forge(far, lure.response, ids.cancel((await newest_view(world)).id))
    assert "Only whoever asked for this" in text_of(from_there.response)
    await _end(world)
    assert len(pictures_of(world.messages()[-1])) == 1
    await world.check_books(charged=8)


async def test_a_private_one_comes_to_its_owner_alone(discord_world: DiscordWorld) -> None:
    world = discord_world
    await _painting(world, "for me alone", private=True)
    answer = await world.slash(world.alice, "cancel")
    assert "It comes to you alone, and stays in your /history." in text_of(answer.response)
    assert labels_of(answer.response) == []
    moderator = world.moderator("moderator-pries")
    lure = await world.slash(moderator, "queue")
    pried = await world.forge(moderator, lure.response, ids.cancel((await newest_view(world)).id))
    assert "Only whoever asked for this" in text_of(pried.response)
    await _end(world)
