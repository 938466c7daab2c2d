"""Posting from the history: what others can do with it there, what is private, and how it is taken away again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cogs.conftest import DiscordWorld, labels_of, pictures_of, selects_of, text_of
from tests.cogs.results import filled_in, made, newest

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERYBODY = ["Again", "Edit", "Remix"]


async def _opened(world: DiscordWorld) -> Any:
    """Open one's newest picture out of the history."""
    shown = await world.slash(world.alice, "history")
    return (await world.choose(world.alice, shown.response, await newest(world))).response


async def _published(world: DiscordWorld, prompt: str, **options: Any) -> Any:
    """Make a private picture and show it to everyone."""
    await made(world, prompt, private=True, **options)
    asked = await world.click(world.alice, await _opened(world), "Post here")
    await world.click(world.alice, asked.response, next(one for one in labels_of(asked.response) if "Show" in one))
    return world.messages()[-1]


async def test_what_is_public_goes_on_for_everyone(discord_world: DiscordWorld) -> None:
    world = discord_world
    await made(world, "for all of us")
    posted = (await world.click(world.alice, await _opened(world), "Post here")).followups[0]
    assert labels_of(posted) == EVERYBODY
    again = await world.click(world.member("bob"), posted, "Again")
    await world.idle()
    assert len(pictures_of(again.response)) == 1


async def test_what_is_private_is_asked_about_first(discord_world: DiscordWorld) -> None:
    world = discord_world
    await made(world, "hidden until now", private=True)
    opened = await _opened(world)
    asked = await world.click(world.alice, opened, "Post here")
    assert asked.ephemeral
    assert f"to everyone in <#{world.channel.id}>?" in text_of(asked.response)
    assert labels_of(asked.response) == ["Show it to everyone", "Keep it private"]
    await world.click(world.alice, asked.response, "Keep it private")
    assert world.messages() == []
    # Having kept it private once, one may still change one's mind.
    asked = await world.click(world.alice, opened, "Post here")
    await world.restart_client()
    await world.click(world.alice, asked.response, "Show it to everyone")
    assert text_of(asked.response) == "**Everyone here can see it now.**"
    assert labels_of(asked.response) == []
    (posted,) = world.messages()
    assert len(pictures_of(posted)) == 1
    await world.check_books(charged=8)


async def test_what_is_private_has_no_button_that_would_refuse_everybody_else(discord_world: DiscordWorld) -> None:
    world = discord_world
    posted = await _published(world, "look, but go on by yourself", count=2)
    assert (labels_of(posted), selects_of(posted)) == (["Delete"], [])
    assert f"by <@{world.alice.id}>" in text_of(posted)
    bob = world.member("bob")
    refused = await world.click(bob, posted, "Delete")
    assert "Only whoever made this, or a moderator of the channel where it stands, can delete it." in text_of(
        refused.response
    )
    # What everybody sees can be used as any other picture.
    used = await world.menu(bob, "Use as reference", posted)
    assert used.modal is not None
    await world.submit(bob, used, **{**filled_in(used), "prompt": "bob goes on"})
    await world.idle()
    assert [len(task.reference_ids) for task in world.tasks("bob goes on")] == [2]


@pytest.mark.parametrize("who", ["owner", "moderator"])
async def test_it_is_taken_away_again(discord_world: DiscordWorld, who: str) -> None:
    world = discord_world
    posted = await _published(world, f"not for long, says the {who}")
    person = world.alice if who == "owner" else world.moderator("moderator")
    await world.restart_client()
    asked = await world.click(person, posted, "Delete")
    assert asked.ephemeral
    await world.click(person, asked.response, "Keep it")
    assert len(world.messages()) == 1
    asked = await world.click(person, posted, "Delete")
    await world.click(person, asked.response, "Delete picture")
    assert "**Deleted.**" in text_of(asked.response)
    assert world.messages() == []
    opened = await _opened(world)
    assert len(pictures_of(opened)) == 1, "it is theirs all the same"
    assert ("Post here" in labels_of(opened)) is (who == "owner")
    await world.check_books(charged=8)


async def test_a_picture_of_another_server_has_no_button_that_would_refuse_either(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "from the other side")
    request_id = await newest(world)
    there = world.new_guild("Over There")
    hall = there.create_text_channel("hall")
    traveller = there.add_member(world.alice.user)
    shown = await world.slash(traveller, "show", channel=hall, id=request_id)
    await world.click(traveller, shown.response, "Post here")
    (posted,) = world.messages(hall)
    assert (labels_of(posted), selects_of(posted)) == (["Delete"], [])
    guard = world.member("guard", there, manage_messages=True)
    asked = await world.click(guard, posted, "Delete")
    await world.click(guard, asked.response, "Delete picture")
    assert world.messages(hall) == []
    assert labels_of(source) == EVERYBODY, "where it was made it stands as before"
    again = await world.click(world.member("bob"), source, "Again")
    await world.idle()
    assert len(pictures_of(again.response)) == 1
