"""A server's settings, and its gallery."""

from __future__ import annotations

from typing import Any

import pytest

from bot.ui import ids
from tests.cogs.conftest import DiscordWorld, labels_of, pictures_of, selects_of, text_of
from tests.cogs.results import made, more, newest, words_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

POST = "Post to the gallery"


async def _gallery(world: DiscordWorld) -> Any:
    channel = world.guild.create_text_channel(f"gallery-{world.channel.id}")
    await world.client.services.moderation.set_channels(world.guild.id, by=1, gallery_channel_id=channel.id)
    return channel


async def test_one_press_posts_a_picture_once_with_credit(discord_world: DiscordWorld) -> None:
    world = discord_world
    gallery = await _gallery(world)
    source = await made(world, "worth showing")
    done = await more(world, world.alice, source, POST)
    assert done.ephemeral
    (shown,) = world.messages(gallery)
    assert f"https://discord.com/channels/{world.guild.id}/{gallery.id}/{shown.id}" in text_of(done.response)
    assert "**worth showing**" in text_of(shown)
    assert f"by <@{world.alice.id}>" in text_of(shown)
    assert f"/{world.channel.id}/{source.id}" in text_of(shown)
    assert len(pictures_of(shown)) == 1
    assert pictures_of(shown)[0]["description"] == "worth showing"

    again = await more(world, world.alice, source, POST)
    assert "It stands in the gallery already." in text_of(again.response)
    assert str(shown.id) in text_of(again.response)
    assert len(world.messages(gallery)) == 1
    await world.check_books(charged=8)


async def test_a_picture_of_several_and_its_buttons_there(discord_world: DiscordWorld) -> None:
    world = discord_world
    gallery = await _gallery(world)
    source = await made(world, "the second is best", count=2)
    asked = await more(world, world.alice, source, POST)
    assert text_of(asked.response) == "**Which picture goes to the gallery?**"
    await world.choose(world.alice, asked.response, "2")
    (shown,) = world.messages(gallery)
    assert pictures_of(shown)[0]["description"] == "Picture 2 of 2: the second is best"
    bob = world.member("bob")
    world.channel = gallery
    edit = await world.click(bob, shown, "Edit")
    assert edit.modal is not None
    assert "picture" not in [label["component"]["custom_id"] for label in edit.modal["components"]]
    full = await more(world, bob, shown, "Full size")
    assert pictures_of(full.response)[0]["description"] == "Picture 2 of 2: the second is best"


async def test_who_may_post(discord_world: DiscordWorld) -> None:
    world = discord_world
    gallery = await _gallery(world)
    source = await made(world, "not for strangers")
    refused = await more(world, world.member("bob"), source, POST)
    assert refused.ephemeral
    assert text_of(refused.response) == (
        "**Only whoever made this, or a moderator of its channel, can post it to the gallery.**"
    )
    assert world.messages(gallery) == []
    await more(world, world.moderator("moderator"), source, POST)
    (shown,) = world.messages(gallery)
    assert f"by <@{world.alice.id}>" in text_of(shown)


async def test_a_private_one_is_shown_by_its_owner_alone_and_after_asking(discord_world: DiscordWorld) -> None:
    world = discord_world
    gallery = await _gallery(world)
    source = await made(world, "hidden so far", private=True)
    request_id = await newest(world)
    public = await made(world, "an open one", who=(moderator := world.moderator("moderator")))
    for custom_id, values in [
        (ids.more(request_id), ["gallery"]),
        (ids.pick(request_id, "gallery"), ["1"]),
        (ids.exhibit(request_id, 1), []),
    ]:
        refused = await world.forge(moderator, public, custom_id, *values)
        assert text_of(refused.response) == "**This picture is not here for you.**"
    asked = await more(world, world.alice, source, POST)
    assert f"in <#{gallery.id}>?" in text_of(asked.response)
    assert labels_of(asked.response) == ["Show it to everyone", "Keep it private"]
    assert world.messages(gallery) == []
    await world.click(world.alice, asked.response, "Keep it private")
    assert world.messages(gallery) == []
    asked = await more(world, world.alice, source, POST)
    await world.click(world.alice, asked.response, "Show it to everyone")
    (shown,) = world.messages(gallery)
    assert len(pictures_of(shown)) == 1
    assert (labels_of(shown), selects_of(shown)) == (["Delete"], []), "nobody else makes anything of it"
    refused = await world.click(world.member("bob"), shown, "Delete")
    assert "Only whoever made this, or a moderator" in text_of(refused.response)
    world.channel = gallery
    asked = await world.click(moderator, shown, "Delete")
    await world.click(moderator, asked.response, "Delete picture")
    assert world.messages(gallery) == []
    refused = await more(world, world.alice, source, POST)
    assert "Only whoever made this" in text_of(refused.response), "a moderator took it away"


async def test_an_answer_that_was_lost_does_not_make_a_second_post(discord_world: DiscordWorld) -> None:
    world = discord_world
    gallery = await _gallery(world)
    source = await made(world, "posted, and the answer lost")
    await more(world, world.alice, source, POST)
    picture_id = f"{await newest(world)}-1"
    # As after a crash between Discord's taking it and our noting it down.
    await world.client.services.gallery.stands(picture_id, channel_id=gallery.id, message_id=None)
    await world.restart_client()
    done = await more(world, world.alice, source, POST)
    (shown,) = world.messages(gallery)
    assert str(shown.id) in text_of(done.response)
    again = await more(world, world.alice, source, POST)
    assert "already" in text_of(again.response)


async def test_a_post_that_was_deleted_by_hand_can_be_made_anew(discord_world: DiscordWorld) -> None:
    world = discord_world
    gallery = await _gallery(world)
    source = await made(world, "deleted by hand")
    await more(world, world.alice, source, POST)
    (first,) = world.messages(gallery)
    world.env.backend.delete_message(gallery.id, first.id)
    done = await more(world, world.alice, source, POST)
    assert "It stands in the gallery now." in text_of(done.response)
    (second,) = world.messages(gallery)
    assert str(second.id) in text_of(done.response)
    again = await more(world, world.alice, source, POST)
    assert "It stands in the gallery already." in text_of(again.response)
    assert len(world.messages(gallery)) == 1
    # Where it can't be looked at, it stands.
    world.env.inject_error("GET", f"/channels/{gallery.id}/messages/{second.id}", status=403, code=50001, times=1)
    again = await more(world, world.alice, source, POST)
    assert "It stands in the gallery already." in text_of(again.response)
    assert len(world.messages(gallery)) == 1


async def test_a_private_post_that_was_deleted_is_asked_about_again(discord_world: DiscordWorld) -> None:
    world = discord_world
    gallery = await _gallery(world)
    source = await made(world, "shown once", private=True)
    asked = await more(world, world.alice, source, POST)
    await world.click(world.alice, asked.response, "Show it to everyone")
    (first,) = world.messages(gallery)
    world.env.backend.delete_message(gallery.id, first.id)
    asked = await more(world, world.alice, source, POST)
    question = [*asked.followups, asked.response][0]
    assert labels_of(question) == ["Show it to everyone", "Keep it private"]
    assert world.messages(gallery) == []
    await world.click(world.alice, question, "Show it to everyone")
    assert len(world.messages(gallery)) == 1


async def test_a_post_that_failed_is_tried_again_by_the_next_press(discord_world: DiscordWorld) -> None:
    world = discord_world
    gallery = await _gallery(world)
    source = await made(world, "not at the first try")
    world.env.inject_error("POST", f"/channels/{gallery.id}/messages", status=403, code=50013, times=1)
    refused = await more(world, world.alice, source, POST)
    assert "I could not post it in the gallery just now." in text_of(refused.response)
    await more(world, world.alice, source, POST)
    assert len(world.messages(gallery)) == 1


async def test_a_gallery_that_was_moved_or_closed(discord_world: DiscordWorld) -> None:
    world = discord_world
    old = await _gallery(world)
    source = await made(world, "between two galleries")
    world.env.inject_error("POST", f"/channels/{old.id}/messages", status=403, code=50013, times=1)
    await more(world, world.alice, source, POST)
    new = world.guild.create_text_channel("the-new-gallery")
    await world.client.services.moderation.set_channels(world.guild.id, by=1, gallery_channel_id=new.id)
    await more(world, world.alice, source, POST)
    assert len(world.messages(new)) == 1
    assert world.messages(old) == []
    other = await made(world, "when it was closed")
    await world.client.services.moderation.set_channels(world.guild.id, by=1, gallery_channel_id=None)
    refused = await more(world, world.alice, other, POST)
    assert "This server has no gallery." in text_of(refused.response)
    third = await made(world, "after it was closed")
    assert POST not in words_of(third)


async def test_deleting_takes_it_out_of_the_gallery(discord_world: DiscordWorld) -> None:
    world = discord_world
    gallery = await _gallery(world)
    source = await made(world, "not for long")
    await more(world, world.alice, source, POST)
    moderator = world.moderator("moderator")
    asked = await more(world, moderator, source, "Delete")
    assert "from the gallery as well" in text_of(asked.response)
    await world.click(moderator, asked.response, "Delete picture")
    assert world.messages(gallery) == []
    assert world.messages() == []
    await world.check_books(charged=8)
