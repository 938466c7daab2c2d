"""Deleting a result, and reporting one to the moderators."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from bot.sandbox.rivya_faults import Fault, FaultKind
from bot.ui import ids, moderation_ids
from tests.cogs.conftest import DiscordWorld, labels_of, pictures_of, text_of
from tests.cogs.results import made, more, newest, newest_view

pytestmark = pytest.mark.asyncio(loop_scope="module")


# --- delete ---


async def test_the_owner_deletes_after_being_asked_once(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "not so good")
    asked = await more(world, world.alice, source, "Delete")
    assert asked.ephemeral
    assert labels_of(asked.response) == ["Delete picture", "Keep it"]
    assert "stays in your /history" in text_of(asked.response)
    await world.click(world.alice, asked.response, "Keep it")
    assert text_of(asked.response) == "**All stays as it is.**"
    assert len(world.messages()) == 1

    asked = await more(world, world.alice, source, "Delete")
    await world.click(world.alice, asked.response, "Delete picture")
    assert "**Deleted.**" in text_of(asked.response)
    assert world.messages() == []
    await world.idle()
    await world.advance(120)
    await world.idle()
    assert world.messages() == [], "it is not posted again"
    await world.check_books(charged=8)
    history = await world.slash(world.alice, "history")
    assert "not so good" in text_of(history.response)


async def test_a_stranger_can_not_delete(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "hands off")
    bob = world.member("bob")
    for attempt in (
        await more(world, bob, source, "Delete"),
        await world.forge(bob, source, ids.delete(await newest(world), source.id)),
        await world.forge(bob, source, ids.delete("0123456789abcdef")),
    ):
        assert attempt.ephemeral
        assert text_of(attempt.response) == (
            "**Only whoever made this, or a moderator of the channel where it stands, can delete it.**"
        )
    assert len(pictures_of(source)) == 1


async def test_a_moderator_deletes_and_the_owner_can_not_post_it_again(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "not in this channel")
    shown = await world.slash(world.alice, "history")
    opened = await world.choose(world.alice, shown.response, await newest(world))
    moderator = world.moderator("moderator")
    asked = await more(world, moderator, source, "Delete")
    assert "can't post it again" in text_of(asked.response)
    await world.click(moderator, asked.response, "Delete picture")
    assert world.messages() == []
    refused = await world.click(world.alice, opened.response, "Post here")
    assert "A moderator removed" in text_of([*refused.followups, refused.response][0])
    assert world.messages() == []
    again = await world.slash(world.alice, "history")
    opened = await world.choose(world.alice, again.response, await newest(world))
    assert len(pictures_of(opened.response)) == 1, "it is theirs all the same"
    assert "Post here" not in labels_of(opened.response)
    await world.check_books(charged=8)


async def test_an_owner_may_post_again_what_they_deleted_themselves(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "second thoughts")
    asked = await more(world, world.alice, source, "Delete")
    await world.click(world.alice, asked.response, "Delete picture")
    shown = await world.slash(world.alice, "history")
    opened = await world.choose(world.alice, shown.response, await newest(world))
    await world.click(world.alice, opened.response, "Post here")
    (public,) = world.messages()
    bob = world.member("bob")
    again = await world.click(bob, public, "Again")
    await world.idle()
    assert len(pictures_of(again.response)) == 1, "it stands for all to see again"
    asked = await more(world, world.alice, public, "Delete")
    await world.click(world.alice, asked.response, "Delete picture")
    assert [message.id for message in world.messages()] == [again.response.id]


async def test_deleting_while_others_are_still_being_painted(discord_world: DiscordWorld) -> None:
    world = discord_world
    world.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=1000, after=1))
    await world.imagine("one of two", count=2)
    await world.until(lambda: world.messages() and pictures_of(world.messages()[0]))
    (message,) = world.messages()
    asked = await more(world, world.alice, message, "Delete")
    assert "still being painted" in text_of(asked.response)
    await world.click(world.alice, asked.response, "Delete pictures")
    await world.advance(1100)
    await world.idle()
    assert world.messages() == []
    assert world.direct_messages(world.alice) == []
    await world.check_books(charged=16)


async def test_deleting_a_private_one(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "for me alone", private=True)
    asked = await more(world, world.alice, source, "Delete")
    question = asked.followups[0]
    assert question.ephemeral
    await world.click(world.alice, question, "Delete picture")
    assert "**Deleted.**" in text_of(question)
    stored = world.env.backend.messages[world.channel.id]
    assert source.id not in stored or stored[source.id] is None


async def test_deleting_a_private_one_after_a_restart_is_told_honestly(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "for me alone still", private=True)
    asked = await more(world, world.alice, source, "Delete")
    await world.restart_client()
    question = asked.followups[0]
    await world.click(world.alice, question, "Delete picture")
    assert "**The message still stands.**" in text_of(question)
    assert "Choose Delete under the picture once more" in text_of(question)
    question = (await more(world, world.alice, source, "Delete")).followups[0]
    await world.click(world.alice, question, "Delete picture")
    assert "**Deleted.**" in text_of(question)
    assert source.id not in world.env.backend.messages[world.channel.id]


async def test_a_message_that_is_gone_already(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "gone by hand")
    asked = await more(world, world.alice, source, "Delete")
    world.env.inject_error("DELETE", "*/messages/*", status=404, code=10008, times=1)
    await world.click(world.alice, asked.response, "Delete picture")
    assert "**Deleted.**" in text_of(asked.response)


# --- reports ---


async def _reports_channel(world: DiscordWorld) -> Any:
    channel = world.guild.create_text_channel(f"reports-{world.channel.id}")
    await world.client.services.moderation.set_channels(world.guild.id, by=1, reports_channel_id=channel.id)
    return channel


async def _no_reports_channel(world: DiscordWorld) -> None:
    await world.client.services.moderation.set_channels(world.guild.id, by=1, reports_channel_id=None)


async def _report(world: DiscordWorld, who: Any, message: Any, reason: str = "it is rude") -> Any:
    shown = await more(world, who, message, "Report to the moderators")
    return await world.submit(who, shown, reason=reason)


async def test_a_report_reaches_the_moderators_once(discord_world: DiscordWorld) -> None:
    world = discord_world
    channel = await _reports_channel(world)
    source = await made(world, "something rude")
    bob = world.member("bob")
    told = await _report(world, bob, source, "it is **rude** @everyone")
    assert told.ephemeral
    assert "**Reported.**" in text_of(told.response)
    (report,) = world.messages(channel)
    assert "rude" in text_of(report)
    assert f"by <@{bob.id}>" in text_of(report)
    assert f"made by <@{world.alice.id}>" in text_of(report)
    assert pictures_of(report)[0]["spoiler"]
    assert labels_of(report) == ["Delete picture", "Dismiss", "Ban its maker"]
    sent = world.requests("POST", f"/channels/{channel.id}/messages")[-1].json
    assert sent["allowed_mentions"] == {"parse": []}
    assert "@everyone" not in text_of(report).replace("\\@", "")

    twice = await _report(world, bob, source, "still rude")
    assert "You have reported this already." in text_of(twice.response)
    assert len(world.messages(channel)) == 1
    await _report(world, world.member("carol"), source, "me too")
    assert len(world.messages(channel)) == 2


async def test_moderators_dismiss_and_delete_after_a_restart(discord_world: DiscordWorld) -> None:
    world = discord_world
    channel = await _reports_channel(world)
    fine, rude = await made(world, "fine really"), await made(world, "rude really")
    bob = world.member("bob")
    await _report(world, bob, fine)
    await _report(world, bob, rude)
    await world.restart_client()
    first, second = world.messages(channel)
    refused = await world.click(bob, first, "Dismiss")
    assert text_of(refused.response) == "**Only moderators can do that.**"
    refused = await world.click(bob, second, "Delete picture")
    assert text_of(refused.response) == "**Only moderators can do that.**"
    moderator = world.moderator("moderator")
    await world.click(moderator, first, "Dismiss")
    await world.click(moderator, second, "Delete picture")
    first, second = world.messages(channel)
    assert f"dismissed by <@{moderator.id}>" in text_of(first)
    assert f"deleted by <@{moderator.id}>" in text_of(second)
    assert labels_of(first) == labels_of(second) == []
    assert pictures_of(second) == []
    assert [text_of(message).split("\n")[0] for message in world.messages()] == ["**fine really**"]
    await world.check_books(charged=16)
    again = await world.forge(moderator, first, moderation_ids.report_dismiss(1_000_000))
    assert text_of(again.response) == "**This report is not here.**"


async def test_who_manages_the_server_deletes_by_a_report(discord_world: DiscordWorld) -> None:
    world = discord_world
    channel = await _reports_channel(world)
    await _report(world, world.member("bob"), await made(world, "of another channel"))
    (report,) = world.messages(channel)
    manager = world.member("manager", manage_guild=True)
    await world.click(manager, report, "Delete picture")
    assert f"deleted by <@{manager.id}>" in text_of(world.messages(channel)[0])
    assert world.messages() == []


async def test_without_a_channel_a_report_is_kept_and_that_is_said(discord_world: DiscordWorld) -> None:
    world = discord_world
    await _no_reports_channel(world)
    guild_id = world.guild.id
    _, before = await world.client.services.moderation.open_reports(guild_id)
    source = await made(world, "nobody looks")
    told = await _report(world, world.member("bob"), source, "look at this")
    assert "has not said yet where its reports go" in text_of(told.response)
    assert "/settings" in text_of(told.response)
    admin = world.member("admin", manage_guild=True, manage_messages=True)
    shown = await world.slash(admin, "settings")
    assert f"{before + 1} report" in text_of(shown.response)
    looked = await world.click(admin, shown.response, "Look at the reports")
    assert looked.ephemeral
    while "look at this" not in text_of(looked.response):
        await world.click(admin, looked.response, "Next")
    await world.click(admin, looked.response, "Delete picture")
    assert world.messages() == []
    _, after = await world.client.services.moderation.open_reports(guild_id)
    assert after == before
    assert "look at this" not in text_of(looked.response), "it goes on to the next one"


async def test_a_channel_that_can_not_be_posted_to_keeps_the_report(discord_world: DiscordWorld) -> None:
    world = discord_world
    channel = await _reports_channel(world)
    source = await made(world, "no way through")
    bob = world.member("bob")
    world.env.inject_error("POST", f"/channels/{channel.id}/messages", status=403, code=50013, times=1)
    told = await _report(world, bob, source)
    assert "I could not post it in the moderators' channel" in text_of(told.response)
    assert world.messages(channel) == []
    again = await _report(world, bob, source)
    assert "The moderators have it." in text_of(again.response)
    assert len(world.messages(channel)) == 1


async def test_what_can_not_be_reported(discord_world: DiscordWorld) -> None:
    world = discord_world
    await _reports_channel(world)
    source = await made(world, "my own")
    refused = await more(world, world.alice, source, "Report to the moderators")
    assert refused.modal is None
    assert "This is your own picture." in text_of(refused.response)
    await made(world, "her secret", private=True)
    bob = world.member("bob")
    refused = await world.forge(bob, source, ids.more(await newest(world)), "report")
    assert text_of(refused.response) == "**This picture is not here for you.**"
    shown = await more(world, bob, source, "Report to the moderators")
    blank = await world.submit(bob, shown, reason="   ")
    assert text_of(blank.response) == "**Say in a few words what is wrong with it.**"


async def test_deleting_closes_its_reports(discord_world: DiscordWorld) -> None:
    world = discord_world
    channel = await _reports_channel(world)
    source = await made(world, "deleted in time")
    await _report(world, world.member("bob"), source)
    asked = await more(world, world.alice, source, "Delete")
    await world.click(world.alice, asked.response, "Delete picture")
    (report,) = world.messages(channel)
    assert f"deleted by <@{world.alice.id}>" in text_of(report)
    assert pictures_of(report) == []


# --- where one moderates counts, not where one is ---


def _own_channel(world: DiscordWorld, keeper: Any, name: str = "own") -> Any:
    rights = discord.PermissionOverwrite(manage_messages=True)
    return world.guild.create_text_channel(f"{name}-{keeper.id}", overwrites={keeper: rights})


async def _exhibited(world: DiscordWorld, prompt: str, curator: Any) -> tuple[Any, Any]:
    """Make a picture and post it to a gallery that ``curator`` moderates; returns its message and the gallery."""
    gallery = _own_channel(world, curator, "gallery")
    await world.client.services.moderation.set_channels(world.guild.id, by=1, gallery_channel_id=gallery.id)
    source = await made(world, prompt)
    await more(world, world.alice, source, "Post to the gallery")
    assert len(world.messages(gallery)) == 1
    return source, gallery


async def test_a_moderator_of_one_channel_takes_nothing_away_from_others(discord_world: DiscordWorld) -> None:
    world = discord_world
    _, gallery = await _exhibited(world, "the pride of the server", world.member("curator"))
    view = await newest_view(world)
    keeper = world.member("keeper")
    own = _own_channel(world, keeper)
    shown = await world.slash(keeper, "show", channel=own, id=view.id)
    for attempt in (
        await more(world, keeper, shown.response, "Delete"),
        await world.forge(keeper, shown.response, ids.delete(view.id, shown.response.id)),
        await world.forge(keeper, shown.response, ids.take_down(view.id, shown.response.id)),
    ):
        said = text_of([*attempt.followups, attempt.response][0])
        assert "a moderator of the channel where it stands" in said
    posted = await more(world, keeper, shown.response, "Post to the gallery")
    assert "a moderator of its channel" in text_of([*posted.followups, posted.response][0])
    assert (len(world.messages()), len(world.messages(gallery))) == (1, 1)
    assert (await newest_view(world)).removed_by is None

    # Who moderates the server may from anywhere.
    moderator = world.moderator("moderator")
    shown = await world.slash(moderator, "show", channel=own, id=view.id)
    asked = await more(world, moderator, shown.response, "Delete")
    await world.click(moderator, [*asked.followups, asked.response][0], "Delete picture")
    assert (world.messages(), world.messages(gallery)) == ([], [])


async def test_a_moderator_of_the_gallery_takes_away_what_stands_there_alone(discord_world: DiscordWorld) -> None:
    world = discord_world
    curator = world.member("curator")
    source, gallery = await _exhibited(world, "not for this wall", curator)
    (post,) = world.messages(gallery)
    asked = await more(world, curator, post, "Delete")
    assert "It goes from the gallery alone, and stays in the channel of the original." in text_of(asked.response)
    await world.click(curator, asked.response, "Delete picture")
    assert "**Deleted.**" in text_of(asked.response)
    assert (len(world.messages()), world.messages(gallery)) == (1, [])
    assert (await newest_view(world)).removed_by is None
    refused = await more(world, curator, source, "Delete")
    assert "a moderator of the channel where it stands" in text_of(refused.response)


async def test_reports_are_for_moderators_of_the_server_or_of_their_channel(discord_world: DiscordWorld) -> None:
    world = discord_world
    clerk = world.member("clerk")
    reports = _own_channel(world, clerk, "reports")
    await world.client.services.moderation.set_channels(world.guild.id, by=1, reports_channel_id=reports.id)
    try:
        source = await made(world, "reported")
        bob = world.member("bob")
        form = await more(world, bob, source, "Report")
        await world.submit(bob, form, reason="it is not nice")
        (card,) = world.messages(reports)
        keeper = world.member("keeper")
        own = _own_channel(world, keeper)
        shown = await world.slash(keeper, "show", channel=own, id=await newest(world))
        found, _ = await world.client.services.moderation.open_reports(world.guild.id, limit=100)
        (report,) = [one for one in found if one.message_id == card.id]
        for custom_id in (
            moderation_ids.open_reports(0),
            moderation_ids.report_dismiss(report.id),
            moderation_ids.report_delete(report.id),
        ):
            forged = await world.forge(keeper, shown.response, custom_id)
            assert "Only moderators can do that." in text_of([*forged.followups, forged.response][0])
        refused = await world.click(clerk, card, "Delete picture")
        assert "Only a moderator of the channel where the picture stands" in text_of(refused.response)
        await world.click(clerk, card, "Dismiss")
        assert "dismissed by" in text_of(world.messages(reports)[0])
        assert len(world.messages()) == 1
    finally:
        await world.client.services.moderation.set_channels(world.guild.id, by=1, reports_channel_id=None)
