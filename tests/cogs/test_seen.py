"""Pictures of channels that not everyone may view: nobody else gets them or their words by any way."""

from __future__ import annotations

from typing import Any

import discord
import pytest
from simcord.builders import ChannelHandle

from bot.generations.values import RequestView
from bot.ui import ids
from tests.cogs.conftest import DiscordWorld, pictures_of, selects_of, text_of
from tests.cogs.results import made, more, newest, newest_view

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "SECRET plans of the staff"
HIDDEN = "a picture you can't see here"


def channel_of(world: DiscordWorld, *members: Any) -> Any:
    """Make a channel that only we and ``members`` may view."""
    view = discord.PermissionOverwrite(view_channel=True)
    overwrites = {
        world.client.get_guild(world.guild.id).default_role: discord.PermissionOverwrite(view_channel=False),  # type: ignore[union-attr]
        world.client.user: view,
        **dict.fromkeys(members, view),
    }
    return world.guild.create_text_channel(f"staff-{world.channel.id}", overwrites=overwrites)


async def made_in(world: DiscordWorld, channel: Any, prompt: str = SECRET, **options: Any) -> tuple[Any, RequestView]:
    """Make a picture in a channel; returns its message there, and the request."""
    source = await made(world, prompt, channel=channel, **options)
    return source, await newest_view(world)


async def test_details_hide_what_came_of_it_in_a_channel_that_one_can_not_see(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "a public root")
    staff = channel_of(world, world.alice)
    _, secret = await made_in(world, staff, parent=await newest(world))
    assert secret.parent is not None

    bob = world.member("bob")
    details = await more(world, bob, source, "Details")
    assert HIDDEN in text_of(details.response)
    assert "SECRET" not in text_of(details.response)
    assert str(secret.message_id) not in text_of(details.response)
    assert selects_of(details.response) == []
    forged = await world.forge(bob, details.response, ids.tree(), secret.id)
    assert "not here for you" in text_of([*forged.followups, forged.response][0])
    assert "SECRET" not in text_of(details.response)

    # Whoever sees that channel walks on; so does its owner.
    colleague = world.member("colleague", view_channel=True, administrator=True)
    for person in (colleague, world.alice):
        details = await more(world, person, source, "Details")
        assert "SECRET" in text_of(details.response)
        await world.choose(person, details.response, secret.id)
        assert "Came of** “a public root" in text_of(details.response)


async def test_no_link_id_or_option_gives_it(discord_world: DiscordWorld) -> None:
    world = discord_world
    public = await made(world, "what all see")
    staff = channel_of(world, world.alice)
    message, secret = await made_in(world, staff)
    bob = world.member("bob")
    link = f"https://discord.com/channels/{world.guild.id}/{staff.id}/{message.id}"
    for said in (link, secret.id):
        shown = await world.slash(bob, "show", id=said)
        assert "There is no picture of that name here for you" in text_of(shown.response)
        assert pictures_of(shown.response) == []
    asked = await world.imagine("and now mine", who=bob, parent=secret.id)
    assert "not for you" in text_of(asked.response) or "not here" in text_of(asked.response)
    before = len(world.rivya.books.tasks)
    for custom_id, values in (
        (ids.redo(secret.id), ()),
        (ids.edit(secret.id), ()),
        (ids.remix(secret.id), ()),
        (ids.full(secret.id, 1), ()),
        *((ids.more(secret.id, None), (value,)) for value in ("details", "tray", "maker", "reference", "report")),
    ):
        forged = await world.forge(bob, public, custom_id, *values)
        assert forged.modal is None
        assert "not here for you" in text_of([*forged.followups, forged.response][0]), custom_id
    await world.idle()
    assert len(world.rivya.books.tasks) == before
    # The same ids do work for whoever sees that channel.
    shown = await world.slash(world.member("colleague", administrator=True), "show", id=link)
    assert len(pictures_of(shown.response)) == 1


async def test_where_its_owner_posts_it_everyone_goes_on_from_it(discord_world: DiscordWorld) -> None:
    world = discord_world
    staff = channel_of(world, world.alice)
    _, secret = await made_in(world, staff, "let out of the bag")
    bob = world.member("bob")
    shown = await world.slash(world.alice, "show", id=secret.id)
    await world.click(world.alice, shown.response, "Post here")
    (posted,) = world.messages()
    again = await world.click(bob, posted, "Again")
    await world.idle()
    assert len(pictures_of(again.response)) == 1
    assert (await world.click(bob, posted, "Edit")).modal is not None


async def test_a_post_in_the_gallery_is_seen_with_the_gallery(discord_world: DiscordWorld) -> None:
    world = discord_world
    gallery = world.guild.create_text_channel(f"gallery-{world.channel.id}")
    await world.client.services.moderation.set_channels(world.guild.id, by=1, gallery_channel_id=gallery.id)
    try:
        staff = channel_of(world, world.alice)
        message, secret = await made_in(world, staff, "fit for the gallery")
        bob = world.member("bob")
        assert pictures_of((await world.slash(bob, "show", id=secret.id)).response) == []
        await more(world, world.alice, message, "Post to the gallery")
        assert len(pictures_of((await world.slash(bob, "show", id=secret.id)).response)) == 1
        (post,) = world.messages(gallery)
        assert (await world.click(bob, post, "Edit")).modal is not None
    finally:
        await world.client.services.moderation.set_channels(world.guild.id, by=1, gallery_channel_id=None)


async def test_a_thread_is_seen_with_its_channel_and_a_private_one_by_who_is_in_it(discord_world: DiscordWorld) -> None:
    world = discord_world
    parents = {"open": world.channel, "hidden": channel_of(world, world.alice), "private": world.channel}
    for kind, parent in parents.items():
        stored = world.env.backend.create_thread(parent.id, f"a thread, {kind}", world.alice.id)
        thread = ChannelHandle(world.env, world.guild, stored)
        _, told = await made_in(world, thread, f"told in a thread, {kind}")
        known = world.client.get_guild(world.guild.id).get_thread(thread.id)  # type: ignore[union-attr]
        assert known is not None
        if kind == "private":  # which simcord does not make
            known._type = discord.ChannelType.private_thread
        shown = await world.slash(world.member(f"bob-{kind}"), "show", id=told.id)
        assert len(pictures_of(shown.response)) == (kind == "open"), kind
        if kind == "private":
            guest = world.member("guest")
            known._members[guest.id] = discord.ThreadMember(
                known, {"user_id": guest.id, "id": known.id, "join_timestamp": "2026-01-01T00:00:00+00:00", "flags": 0}
            )  # type: ignore[typeddict-item]
            for person in (guest, world.member("keeper", manage_threads=True), world.alice):
                shown = await world.slash(person, "show", id=told.id)
                assert len(pictures_of(shown.response)) == 1


async def test_a_channel_that_is_gone_is_seen_by_its_owner_alone(discord_world: DiscordWorld) -> None:
    world = discord_world
    lost = world.guild.create_text_channel(f"lost-{world.channel.id}")
    _, told = await made_in(world, lost, "from a lost place")
    world.client.get_guild(world.guild.id)._channels.pop(lost.id)  # type: ignore[union-attr]
    assert pictures_of((await world.slash(world.member("bob"), "show", id=told.id)).response) == []
    assert len(pictures_of((await world.slash(world.alice, "show", id=told.id)).response)) == 1
