"""/history, /credits, /about, /help, and the notices of pictures that wait."""

from __future__ import annotations

import asyncio
from typing import Any

import discord
import pytest
from discord import app_commands

from bot.generations.repository import GenerationsRepository
from bot.generations.states import DeliveryState
from bot.storage import Connection
from bot.ui import ids
from tests.cogs.conftest import DiscordWorld, labels_of, noise, pictures_of, selects_of, text_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_history_pages_opens_and_posts_again(discord_world: DiscordWorld) -> None:
    world = discord_world
    for number in range(1, 7):
        await world.imagine(f"picture number {number}")
        if number % 3 == 0:
            await world.idle()
    shown = await world.slash(world.alice, "history")
    assert shown.ephemeral
    assert "**Your pictures** · page 1 of 2" in text_of(shown.response)
    assert "picture number 6" in text_of(shown.response)
    assert "picture number 1" not in text_of(shown.response)
    assert labels_of(shown.response) == ["Older"]
    turned = await world.click(world.alice, shown.response, "Older")
    assert turned.response is None or turned.response.id == shown.response.id
    assert "picture number 1" in text_of(shown.response)
    assert labels_of(shown.response) == ["Newer"]

    (choice,) = selects_of(shown.response)
    opened = await world.choose(world.alice, shown.response, choice["options"][0]["value"])
    assert opened.ephemeral
    assert "picture number 1" in text_of(opened.response)
    assert len(pictures_of(opened.response)) == 1

    world.channel = world.guild.create_text_channel("gallery")
    assert world.messages() == []
    before = len(world.rivya.books.tasks)
    posted = await world.click(world.alice, opened.response, "Post here")
    (public,) = posted.followups
    assert not public.ephemeral
    assert "picture number 1" in text_of(public)
    assert len(pictures_of(public)) == 1
    await world.idle()
    assert len(world.rivya.books.tasks) == before
    await world.check_books(charged=48)


async def test_history_is_ones_own(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("not yours")
    await world.idle()
    bob = world.member("bob")
    empty = await world.slash(bob, "history")
    assert "**No pictures yet.**" in text_of(empty.response)
    (public,) = world.messages()
    request_id = await _newest(world)
    opened = await world.forge(bob, public, ids.open_select(), request_id)
    assert text_of(opened.response) == "**This is not one of your pictures.**"
    posted = await world.forge(bob, public, ids.again(request_id))
    assert posted.ephemeral
    assert text_of(posted.response) == "**This is not one of your pictures.**"
    assert len(world.messages()) == 1


async def test_a_page_beyond_the_last_is_the_last(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("the only one")
    await world.idle()
    shown = await world.slash(world.alice, "history")
    await world.forge(world.alice, shown.response, ids.history(999_999))
    assert "the only one" in text_of(shown.response)


async def test_history_of_bytes_that_are_gone(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("gone by now")
    await world.idle()
    request_id = await _newest(world)
    shown = await world.slash(world.alice, "history")
    (picture,) = (world.settings.data_dir / "results").glob(f"{request_id}-1.*")
    await asyncio.to_thread(picture.unlink)
    opened = await world.choose(world.alice, shown.response, request_id)
    assert "The picture is no longer kept." in text_of(opened.response)
    assert pictures_of(opened.response) == []
    assert "Post here" not in labels_of(opened.response)
    posted = await world.forge(world.alice, opened.response, ids.again(request_id))
    assert posted.ephemeral
    assert text_of(posted.response) == "**These pictures are no longer kept.**"
    assert len(world.messages()) == 1


async def test_posting_again_needs_the_permission(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("post me there")
    await world.idle()
    request_id = await _newest(world)
    narrow = world.channel_without("attach_files")
    shown = await world.slash(world.alice, "history", channel=narrow)
    opened = await world.choose(world.alice, shown.response, request_id)
    posted = await world.click(world.alice, opened.response, "Post here")
    assert posted.ephemeral
    assert "I lack Attach Files." in text_of(posted.response)
    assert world.messages(narrow) == []


# --- pictures that are too large together ---


@pytest.mark.parametrize("what", ["open", "post"])
async def test_pictures_that_are_too_large_together_are_made_smaller(discord_world: DiscordWorld, what: str) -> None:
    world = discord_world
    opened, sent_bytes = await _two_large_ones(world)
    if what == "open":
        world.env.inject_error("PATCH", "*/messages/*", status=413, times=1)
        shown = (await world.forge(world.alice, opened.response, ids.open_select(), await _newest(world))).response
    else:
        world.env.inject_error("POST", "/webhooks/*", status=413, times=1)
        shown = (await world.click(world.alice, opened.response, "Post here")).followups[0]
    assert shown.ephemeral == (what == "open")
    assert len(pictures_of(shown)) == 2
    assert sum(attached.size for attached in shown.attachments) <= sent_bytes // 2


async def test_pictures_that_discord_never_takes_are_said_to_be_too_large(discord_world: DiscordWorld) -> None:
    world = discord_world
    opened, _ = await _two_large_ones(world)
    world.env.inject_error("POST", "/webhooks/*", status=400, code=40005, times=3)
    posted = await world.click(world.alice, opened.response, "Post here")
    assert len(world.messages()) == 1, "nothing of it is public"
    (said,) = posted.followups
    assert said.ephemeral
    assert text_of(said) == "**These pictures are too large for Discord here, even made smaller.**"


async def test_an_error_while_posting_again_is_private(discord_world: DiscordWorld) -> None:
    world = discord_world
    opened, _ = await _two_large_ones(world)
    world.env.inject_error("POST", "/webhooks/*", status=400, code=50035, times=1)
    posted = await world.click(world.alice, opened.response, "Post here")
    assert len(world.messages()) == 1
    (said,) = posted.followups
    assert said.ephemeral
    assert "Something went wrong on my side." in text_of(said)
    world.env.errors.clear()


async def _two_large_ones(world: DiscordWorld) -> tuple[Any, int]:
    """Return the opened request of two pictures of some 400 KB, and how large they are together."""
    await world.imagine("two large ones", count=2)
    await world.idle()
    request_id = await _newest(world)
    for picture in (world.settings.data_dir / "results").glob(f"{request_id}-*"):
        await asyncio.to_thread(picture.write_bytes, noise())
    shown = await world.slash(world.alice, "history")
    return await world.choose(world.alice, shown.response, request_id), 2 * len(noise())


# --- credits ---


async def test_credits_before_and_after(discord_world: DiscordWorld) -> None:
    world = discord_world
    before = await world.slash(world.alice, "credits")
    assert before.ephemeral
    assert "**160 credits left** of 160" in text_of(before.response)
    assert "Nothing booked yet." in text_of(before.response)
    await world.imagine("worth eight")
    await world.idle()
    after = await world.slash(world.alice, "credits")
    assert "**152 credits left** of 160" in text_of(after.response)
    assert "8 credits for a picture" in text_of(after.response)
    assert f"In {world.guild.name}" in text_of(after.response)
    await world.check_books(charged=8)


async def test_about_and_help(discord_world: DiscordWorld) -> None:
    world = discord_world
    about = await world.slash(world.alice, "about")
    assert about.ephemeral
    for words in ("Nano Banana Pro · 8 credits", "Nano Banana 2 · 5 credits", "Nano Banana · 3 credits", "Version "):
        assert words in text_of(about.response)
    assert "are kept for 90 days, reference images for 30 days" in text_of(about.response)
    shown = await world.slash(world.alice, "help")
    assert shown.ephemeral
    managers = await world.slash(world.member("manager", manage_guild=True), "help")
    for command in world.client.tree.get_commands():
        slash = "" if isinstance(command, app_commands.ContextMenu) else "/"
        name = f"**{slash}{command.name}**"
        needed = command.default_permissions
        assert (name in text_of(shown.response)) is (needed is None), "what one can't use is left out"
        usable = needed is None or discord.Permissions(manage_guild=True) >= needed
        assert (name in text_of(managers.response)) is usable
    assert f"@{world.client.user.display_name}" in text_of(shown.response), "and a mention"
    assert text_of(shown.response).index("/imagine") < text_of(shown.response).index("/about")


# --- pictures that could not be brought to their owner ---


async def _kept(world: DiscordWorld, prompt: str, **options: Any) -> None:
    """Ask for a picture that no way leads to its owner for."""
    ways = [
        ("PATCH", "*/messages/*", 403, 50001),
        ("POST", "/channels/*", 403, 50013),
        ("POST", "/users/*", 403, 50007),
    ]
    for method, path, status, code in ways:
        world.env.inject_error(method, path, status=status, code=code, times=None)
    await world.imagine(prompt, **options)
    await world.idle()
    world.env.backend.faults.clear()


@pytest.mark.parametrize("private", [False, True])
async def test_a_picture_that_waits_is_told_once_and_privately(discord_world: DiscordWorld, *, private: bool) -> None:
    world = discord_world
    await _kept(world, "waits in vain", private=private)
    asked = await world.imagine("the next one")
    await world.idle()
    assert not asked.response.ephemeral
    assert "the next one" in text_of(asked.response)
    assert len(pictures_of(asked.response)) == 1
    (notice,) = asked.followups
    assert notice.ephemeral
    assert "A picture of yours waits in /history." in text_of(notice)
    listed = await world.click(world.alice, notice, "Show my pictures")
    assert listed.followups == []
    assert "● **waits in vain**" in text_of(notice)

    again = await world.imagine("and one more")
    await world.idle()
    assert again.followups == []
    await world.check_books(charged=24)


async def test_a_picture_that_waits_can_be_posted_by_its_owner(discord_world: DiscordWorld) -> None:
    world = discord_world
    await _kept(world, "found in the history")
    shown = await world.slash(world.alice, "history")
    assert "● **found in the history**" in text_of(shown.response)
    opened = await world.choose(world.alice, shown.response, await _newest(world))
    posted = await world.click(world.alice, opened.response, "Post here")
    (public,) = posted.followups
    assert len(pictures_of(public)) == 1
    after = await world.slash(world.alice, "history")
    assert "●" not in text_of(after.response)
    assert f"/{world.channel.id}/{public.id}" in text_of(after.response)


async def test_what_waits_stands_first_and_only_what_was_shown_counts_as_told(discord_world: DiscordWorld) -> None:
    world = discord_world
    for number in range(1, 8):
        await world.imagine(f"picture number {number}")
        if number % 3 == 1:
            await world.idle()
    await world.idle()
    ids_of = {number: (await _named(world, f"picture number {number}")) for number in range(1, 8)}
    before = await world.slash(world.alice, "history")
    await _give_up(world, *(ids_of[number] for number in range(1, 7)))

    world.env.inject_error("PATCH", "*/messages/*", status=400, code=50035, times=None)
    await world.click(world.alice, before.response, "Older")
    world.env.backend.faults.clear()
    assert await _untold(world) == {ids_of[number] for number in range(1, 7)}, "Discord did not take it"

    shown = await world.slash(world.alice, "history")
    said = text_of(shown.response)
    assert [number for number in range(1, 8) if f"● **picture number {number}**" in said] == [2, 3, 4, 5, 6]
    assert "picture number 7" not in said
    assert "● waits for you" in said
    assert await _untold(world) == {ids_of[1]}

    await world.advance(31 * 24 * 3600)
    await world.core.engine._upkeep.make_room()
    assert await _is_kept(world, ids_of[1]), "paid for, and never shown"
    assert not await _is_kept(world, ids_of[2])

    after = await world.slash(world.alice, "history")
    said = text_of(after.response)
    assert said.index("● **picture number 1**") < said.index("**picture number 7**")
    assert await _untold(world) == set()


async def test_turning_to_it_shows_what_waits_on_a_later_page(discord_world: DiscordWorld) -> None:
    world = discord_world
    for number in range(1, 7):
        await world.imagine(f"picture number {number}")
        if number % 3 == 0:
            await world.idle()
    ids_of = {number: (await _named(world, f"picture number {number}")) for number in range(1, 7)}
    await _give_up(world, *ids_of.values())
    shown = await world.slash(world.alice, "history")
    assert await _untold(world) == {ids_of[1]}
    await world.click(world.alice, shown.response, "Older")
    assert "● **picture number 1**" in text_of(shown.response)
    assert await _untold(world) == set()


async def _give_up(world: DiscordWorld, *request_ids: str) -> None:
    """Let it be as after a day of faults of Discord's."""

    async def work(tx: Connection) -> None:
        for request_id in request_ids:
            await GenerationsRepository(tx).deliveries.change(request_id, state=DeliveryState.KEPT)

    await world.database.write(work)


async def _untold(world: DiscordWorld) -> set[str]:
    found = await world.database.look(
        lambda tx: GenerationsRepository(tx).deliveries.unnoticed(world.alice.id, world.guild.id, limit=99)
    )
    return set(found)


async def _named(world: DiscordWorld, prompt: str) -> str:
    page = await world.core.generations.search(user_id=world.alice.id, guild_id=world.guild.id, text=prompt)
    (view,) = page.requests
    return view.id


async def _is_kept(world: DiscordWorld, request_id: str) -> bool:
    (picture,) = await world.database.look(lambda tx: GenerationsRepository(tx).pictures.of(request_id))
    return picture.path is not None and await asyncio.to_thread((world.settings.data_dir / picture.path).exists)


# --- after a restart ---


async def test_buttons_work_after_a_restart(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("from before", count=2)
    await world.idle()
    shown = await world.slash(world.alice, "history")
    await world.restart_client()
    (message,) = world.messages()
    full = await world.forge(world.member("bob"), message, ids.full(await _newest(world), 2))
    assert len(pictures_of(full.response)) == 1
    opened = await world.choose(world.alice, shown.response, await _newest(world))
    assert len(pictures_of(opened.response)) == 2
    await world.click(world.alice, opened.response, "Post here")
    assert len(world.messages()) == 2
    await world.imagine("from after")
    await world.idle()
    assert len(pictures_of(world.messages()[-1])) == 1
    await world.check_books(charged=24)


async def _newest(world: DiscordWorld) -> str:
    page = await world.core.generations.history(user_id=world.alice.id, guild_id=world.guild.id, page=1)
    return page.requests[0].id
