"""/ban, /unban, /bans, and Ban under a report: from the bot alone, by those who may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from bot.ui import moderation_ids as ids
from bot.ui.bans import PAGE
from bot.ui.house_log import change_words
from tests.cogs.conftest import DiscordWorld, labels_of, selects_of, text_of
from tests.cogs.results import choose_all, made, more, pick

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOT_FOR_YOU = "**Only those who may time members out, or manage this server, can do that.**"


@pytest_asyncio.fixture(loop_scope="module")
async def fresh(discord_world: DiscordWorld) -> AsyncIterator[DiscordWorld]:
    """The module's world, where nobody is banned."""
    yield discord_world
    bans, _ = await discord_world.core.house.bans(discord_world.guild.id, limit=100)
    for ban in bans:
        await discord_world.core.house.unban(discord_world.guild.id, ban.user_id, by=1)


def moderator_of(world: DiscordWorld, **more: bool) -> Any:
    return world.member("moderator", moderate_members=True, **more)


async def test_a_ban_from_the_command_to_its_lifting(fresh: DiscordWorld) -> None:
    world = fresh
    moderator = moderator_of(world)
    done = await world.slash(moderator, "ban", member=world.alice, reason="rude prompts", expires="1 day")
    assert done.ephemeral
    assert "**Banned from the bot.**" in text_of(done.response)
    assert f"<@{world.alice.id}> until <t:" in text_of(done.response)
    refused = await world.imagine("a cat")
    assert "You are banned from using me in this server." in text_of(refused.response)
    assert "Reason: rude prompts" in text_of(refused.response)
    again = await world.slash(moderator, "ban", member=world.alice)
    assert "It takes the place of the ban that stood." in text_of(again.response)
    await world.advance(2 * 24 * 3600)
    refused = await world.imagine("a cat")
    assert "It has no end" in text_of(refused.response)
    lifted = await world.slash(moderator, "unban", member=world.alice, reason="*one* year is enough")
    assert "**The ban is lifted.**" in text_of(lifted.response)
    (change, *_) = await world.core.house.changes(world.guild.id, limit=1)
    said = f"**No longer banned:** <@{world.alice.id}>: \\*one\\* year is enough"
    assert said in change_words(change)
    lifted = await world.slash(moderator, "unban", member=world.alice)
    assert f"No ban stands for <@{world.alice.id}>." in text_of(lifted.response)
    await made(world, "a cat at last")
    await world.check_books(charged=8)


async def test_an_expired_ban_is_over(fresh: DiscordWorld) -> None:
    world = fresh
    await world.slash(moderator_of(world), "ban", member=world.alice, expires="1 hour")
    await world.advance(3700)
    await made(world, "after an hour")
    await world.check_books(charged=8)


async def test_the_list_turns_and_lifts(fresh: DiscordWorld) -> None:
    world = fresh
    moderator = moderator_of(world)
    none = await world.slash(moderator, "bans")
    assert "**Nobody is banned from the bot here.**" in text_of(none.response)
    people = [world.member(f"rude-{number}") for number in range(PAGE + 1)]
    for person in people:
        await world.core.house.ban(world.guild.id, person.id, by=moderator.id, reason="*rude*")
    shown = await world.slash(moderator, "bans")
    panel = shown.response
    assert f"**{PAGE + 1} members banned from the bot**" in text_of(panel)
    assert "\\*rude\\*" in text_of(panel)
    assert labels_of(panel) == ["Older"]
    await world.click(moderator, panel, "Older")
    (option,) = selects_of(panel)[0]["options"]
    assert option["value"] == str(people[0].id)
    assert labels_of(panel) == ["Newer"]
    await choose_all(world, moderator, panel, str(people[0].id), custom_id=ids.unban())
    assert f"The ban of <@{people[0].id}> is lifted." in text_of(panel)
    assert await world.core.house.ban_of(world.guild.id, people[0].id) is None


async def test_who_can_not_be_banned(fresh: DiscordWorld) -> None:
    world = fresh
    moderator = moderator_of(world)
    manager = world.member("manager", manage_guild=True, moderate_members=True)
    for member, words in [
        (moderator, "You can't ban yourself"),
        (manager, "They manage this server"),
    ]:
        refused = await world.slash(moderator, "ban", member=member)
        assert words in text_of(refused.response)
        assert await world.core.house.ban_of(world.guild.id, member.id) is None
    other = world.member("other manager", manage_guild=True, moderate_members=True)
    done = await world.slash(other, "ban", member=manager)
    assert "**Banned from the bot.**" in text_of(done.response)


async def test_the_maker_of_what_was_reported_is_banned_from_the_report(fresh: DiscordWorld) -> None:
    world = fresh
    desk = world.guild.create_text_channel(f"desk-{world.channel.id}")
    await world.core.moderation.set_channels(world.guild.id, by=1, reports_channel_id=desk.id)
    source = await made(world, "something rude")
    reporter = world.member("dora")
    shown = await more(world, reporter, source, "Report to the moderators")
    await world.submit(reporter, shown, reason="rude")
    (report,) = world.messages(desk)
    await world.restart_client()
    moderator = moderator_of(world, manage_messages=True)
    form = await world.click(moderator, report, "Ban its maker")
    done = await world.submit(moderator, form, reason="no more", expires=pick(form, "expires", "3 days"))
    assert done.ephemeral
    assert f"<@{world.alice.id}> until <t:" in text_of(done.response)
    assert "no more" in text_of(done.response)
    refused = await world.imagine("another one")
    assert "You are banned" in text_of(refused.response)
    assert labels_of(world.messages(desk)[0]) == ["Delete picture", "Dismiss", "Ban its maker"]
    gone = await world.forge(moderator, report, ids.report_ban(1_000_000))
    assert text_of(gone.response) == "**This report is not here.**"


async def test_without_permission_nobody_is_banned(fresh: DiscordWorld) -> None:
    world = fresh
    source = await made(world, "any message")
    bob = world.member("bob", manage_messages=True)
    for custom_id, values in [(ids.bans(0), []), (ids.unban(), ["1"]), (ids.report_ban(1), [])]:
        refused = await world.forge(bob, source, custom_id, *values)
        assert refused.ephemeral
        assert text_of(refused.response) == NOT_FOR_YOU
    assert await world.core.house.ban_of(world.guild.id, world.alice.id) is None
