"""Asked for in the wrong channel: the same request is painted in the right one, in one press."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import discord
import pytest
import pytest_asyncio

from bot.credits.quota_rules import Scope
from bot.generations.house_rules import HouseRules
from bot.ui import ids
from tests.cogs.conftest import DiscordWorld, labels_of, pictures_of, png, text_of
from tests.cogs.results import filled_in, made, newest_view
from tests.rules import drop_rules, set_rule

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROMPT = "a quiet harbour"


async def settle(world: DiscordWorld, **values: Any) -> None:
    """Make these the server's only rules."""
    none = {name: getattr(HouseRules(), name) for name in HouseRules.__slots__}
    await world.core.house.change(world.guild.id, by=1, **{**none, **values})


@pytest_asyncio.fixture(loop_scope="module")
async def world(discord_world: DiscordWorld) -> AsyncIterator[DiscordWorld]:
    await settle(discord_world)
    yield discord_world
    await settle(discord_world)


def _channel(world: DiscordWorld, name: str, **options: Any) -> Any:
    return world.guild.create_text_channel(f"{name}-{world.channel.id % 10**6}", **options)


async def _refused(world: DiscordWorld, prompt: str = PROMPT, **options: Any) -> Any:
    asked = await world.imagine(prompt, **options)
    assert asked.response.ephemeral
    assert "I don't paint in this channel." in text_of(asked.response)
    assert "Nothing was charged." in text_of(asked.response)
    return asked


async def test_it_comes_in_the_channel_that_the_button_names(world: DiscordWorld) -> None:
    studio = _channel(world, "studio")
    await settle(world, channels=[studio.id])
    asked = await _refused(world, image_1=("cat.png", png()), count=2)
    (label,) = labels_of(asked.response)
    assert label == f"Make 2 pictures in #{studio.name} · 16 credits"
    assert "to copy" not in text_of(asked.response)
    await world.click(world.alice, asked.response, label)
    await world.idle()
    (result,) = world.messages(studio)
    assert len(pictures_of(result)) == 2
    assert f"for <@{world.alice.id}>" in text_of(result)
    assert world.messages() == []
    assert f"It is being painted in <#{studio.id}>." in text_of(asked.response)
    assert labels_of(asked.response) == ["Go there"]
    view = await newest_view(world)
    assert (view.channel_id, view.delivered_message_id) == (studio.id, result.id)
    assert [reference.filename for reference in view.references] == ["cat.png"]
    await world.check_books(charged=16)

    # It is a result like any other: it can be gone on from, where it stands.
    await world.click(world.alice, result, "Again")
    await world.idle()
    assert len(world.messages(studio)) == 2
    await world.check_books(charged=32)


async def test_progress_says_whom_it_is_for_too(world: DiscordWorld) -> None:
    studio = _channel(world, "studio")
    await settle(world, channels=[studio.id])
    asked = await _refused(world, image_1=("cat.png", png()))
    world.fetcher.doors.clear()
    await world.click(world.alice, asked.response, labels_of(asked.response)[0])
    (card,) = world.messages(studio)
    assert labels_of(card) == ["Cancel"]
    assert f"for <@{world.alice.id}>" in text_of(card)
    await world.click(world.alice, card, "Cancel")
    world.fetcher.doors.set()
    await world.idle()
    assert "Cancelled" in text_of(world.messages(studio)[0])
    await world.check_books(charged=0)


async def test_the_first_two_channels_that_work_are_offered(world: DiscordWorld) -> None:
    everyone = world.guild.default_role
    closed = _channel(world, "closed", overwrites={everyone: discord.PermissionOverwrite(view_channel=False)})
    mute = _channel(world, "mute", overwrites={everyone: discord.PermissionOverwrite(send_messages=False)})
    shut = _channel(world, "shut", overwrites={world.client.user: discord.PermissionOverwrite(attach_files=False)})
    good = [_channel(world, name) for name in ("one", "two", "three")]
    await settle(world, channels=[closed.id, mute.id, 4711, shut.id, *(channel.id for channel in good)])
    asked = await _refused(world)
    assert labels_of(asked.response) == [f"Make 1 picture in #{channel.name} · 8 credits" for channel in good[:2]]
    await settle(world, channels=[closed.id, mute.id, shut.id])
    asked = await _refused(world)
    assert labels_of(asked.response) == []
    assert "to copy" in text_of(asked.response)


async def test_of_age_restricted_channels_those_are_offered(world: DiscordWorld) -> None:
    grown_up = _channel(world, "grown-up")
    known = world.client.get_channel(grown_up.id)
    assert isinstance(known, discord.TextChannel)
    known.nsfw = True  # what simcord can't be told
    plain = _channel(world, "plain")
    await settle(world, age_restricted_only=True, channels=[plain.id, grown_up.id])
    asked = await _refused(world)
    assert labels_of(asked.response) == [f"Make 1 picture in #{grown_up.name} · 8 credits"]
    await settle(world, age_restricted_only=True)
    asked = await _refused(world)
    assert f"Make 1 picture in #{grown_up.name} · 8 credits" in labels_of(asked.response)
    await world.click(world.alice, asked.response, f"Make 1 picture in #{grown_up.name} · 8 credits")
    await world.idle()
    assert pictures_of(world.messages(grown_up)[0])
    await world.check_books(charged=8)


async def test_a_private_one_has_no_place_elsewhere(world: DiscordWorld) -> None:
    studio = _channel(world, "studio")
    await settle(world, channels=[studio.id])
    asked = await _refused(world, private=True)
    assert labels_of(asked.response) == []


async def test_pressed_twice_and_by_a_stranger(world: DiscordWorld) -> None:
    studio = _channel(world, "studio")
    await settle(world, channels=[studio.id])
    asked = await _refused(world)
    (label,) = labels_of(asked.response)
    draft_id = _draft_of(asked.response)
    there = ids.paint_there(draft_id, studio.id, 8)
    bob = world.member(f"bob-{world.channel.id}")
    forged = await world.forge(bob, asked.response, there)
    assert "Only whoever asked for this can use the button." in text_of(forged.response)
    assert world.messages(studio) == []
    await world.click(world.alice, asked.response, label)
    await world.forge(world.alice, asked.response, there)
    await world.idle()
    assert len(world.messages(studio)) == 1
    assert len(world.tasks(PROMPT)) >= 1
    await world.check_books(charged=8)


async def test_what_is_closed_when_it_is_pressed(world: DiscordWorld) -> None:
    studio, other = _channel(world, "studio"), _channel(world, "other")
    await settle(world, channels=[studio.id])
    asked = await _refused(world)
    (label,) = labels_of(asked.response)
    draft_id = _draft_of(asked.response)

    # A channel that the rules don't have, though the button is made to name it.
    forged = await world.forge(world.alice, asked.response, ids.paint_there(draft_id, other.id, 8))
    assert "I don't paint in this channel." in text_of(forged.followups[-1])
    # One that is gone.
    forged = await world.forge(world.alice, asked.response, ids.paint_there(draft_id, 4711, 8))
    assert "That channel is gone; nothing was charged." in text_of(forged.response)
    # The rules have changed since.
    await settle(world, channels=[other.id])
    pressed = await world.click(world.alice, asked.response, label)
    assert "I don't paint in this channel." in text_of(pressed.followups[-1])
    assert labels_of(pressed.followups[-1]) == [f"Make 1 picture in #{other.name} · 8 credits"]
    # A price that has risen is agreed to again, for the same channel.
    await settle(world, channels=[studio.id])
    pressed = await world.forge(world.alice, asked.response, ids.paint_there(draft_id, studio.id, 5))
    (question,) = pressed.followups
    assert labels_of(question)[0] == "Paint it · 8 credits"
    await world.idle()
    assert world.messages(studio) == world.messages(other) == world.messages() == []
    await world.check_books(charged=0)
    await world.click(world.alice, question, "Paint it · 8 credits")
    await world.idle()
    assert len(world.messages(studio)) == 1
    await world.check_books(charged=8)


async def test_a_member_who_may_not_write_there_is_told(world: DiscordWorld) -> None:
    studio = _channel(world, "studio")
    silent = discord.PermissionOverwrite(send_messages=False)
    mute = _channel(world, "mute", overwrites={world.guild.default_role: silent})
    await settle(world, channels=[studio.id, mute.id])
    asked = await _refused(world)
    forged = await world.forge(world.alice, asked.response, ids.paint_there(_draft_of(asked.response), mute.id, 8))
    assert "You can't write in that channel any more; nothing was charged." in text_of(forged.response)
    await world.idle()
    assert world.messages(mute) == []
    await world.check_books(charged=0)


async def test_what_is_too_dear_there_is_offered_smaller_for_there(world: DiscordWorld) -> None:
    studio = _channel(world, "studio")
    await settle(world, channels=[studio.id])
    await set_rule(world.database, world.guild.id, Scope.CHANNEL, studio.id, day=8)
    asked = await _refused(world, count=2)
    (label,) = labels_of(asked.response)
    pressed = await world.click(world.alice, asked.response, label)
    (refused,) = pressed.followups
    assert "That is more than this channel has left." in text_of(refused)
    await world.click(world.alice, refused, "Make 1 picture · 8 credits")
    await world.idle()
    assert len(world.messages(studio)) == 1
    await world.check_books(charged=8)
    await drop_rules(world.database, world.guild.id)


async def test_a_mention_and_a_button_in_the_wrong_channel(world: DiscordWorld) -> None:
    await made(world, PROMPT)
    (result,) = world.messages()
    studio = _channel(world, "studio")
    await settle(world, channels=[studio.id])
    there = f"Make 1 picture in #{studio.name} · 8 credits"
    await world.say(world.alice, f"<@{world.client.user.id}> by a mention", files=[("a.png", png())])  # type: ignore[union-attr]
    refused = world.messages()[-1]
    assert labels_of(refused) == [there]
    await world.click(world.alice, refused, there)
    await world.idle()
    assert f"It is being painted in <#{studio.id}>." in text_of(refused)
    opened = await world.click(world.alice, result, "Edit")
    sent = await world.submit(world.alice, opened, **filled_in(opened) | {"prompt": "by a form"})
    await world.click(world.alice, sent.response, there)
    await world.idle()
    assert [len(world.tasks(prompt)) for prompt in ("by a mention", "by a form")] == [1, 1]
    assert len(world.messages(studio)) == 2
    await world.check_books(charged=24)


async def test_where_discord_takes_no_card_nothing_is_charged(world: DiscordWorld) -> None:
    studio = _channel(world, "studio")
    await settle(world, channels=[studio.id])
    asked = await _refused(world)
    world.env.inject_error("POST", f"/channels/{studio.id}/messages", status=403, code=50013, times=None)
    pressed = await world.click(world.alice, asked.response, labels_of(asked.response)[0])
    await world.idle()
    assert "Nothing was charged." in text_of(pressed.followups[-1])
    assert world.messages(studio) == []
    await world.check_books(charged=0)


async def test_a_card_whose_posting_failed_once_says_whom_it_is_for_once(world: DiscordWorld) -> None:
    studio = _channel(world, "studio")
    await settle(world, channels=[studio.id])
    asked = await _refused(world)
    world.env.inject_error("POST", f"/channels/{studio.id}/messages", status=403, code=50013, times=1)
    await world.click(world.alice, asked.response, labels_of(asked.response)[0])
    await world.idle()
    (card,) = world.messages(studio)
    assert "Please ask again" in text_of(card)
    assert text_of(card).count(f"for <@{world.alice.id}>") == 1
    await world.check_books(charged=0)


async def test_a_hidden_channel_is_not_named_where_others_read_it(world: DiscordWorld) -> None:
    everyone = world.guild.default_role
    shown, hidden = (discord.PermissionOverwrite(view_channel=seen) for seen in (True, False))
    secret = _channel(world, "secret", overwrites={everyone: hidden, world.client.user: shown})
    insider = world.member(f"insider-{world.channel.id}", administrator=True)
    await settle(world, channels=[secret.id])
    privately = await world.imagine(PROMPT, who=insider)
    assert labels_of(privately.response) == [f"Make 1 picture in #{secret.name} · 8 credits"]
    await world.say(insider, f"<@{world.client.user.id}> {PROMPT}", files=[("a.png", png())])  # type: ignore[union-attr]
    assert "I don't paint in this channel." in text_of(world.messages()[-1])
    assert labels_of(world.messages()[-1]) == []


def _draft_of(message: Any) -> str:
    (part,) = [part for row in message.components for part in _buttons(row)]
    match = ids.PAINT_THERE.fullmatch(part["custom_id"])
    assert match is not None
    return match["draft_id"]


def _buttons(part: Any) -> list[dict[str, Any]]:
    inner = [one for child in part.get("components", []) for one in _buttons(child)]
    return [part, *inner] if part.get("type") == 2 else inner
