"""What a rule says binds whatever way a request comes: command, button, form, menu, mention, offer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import discord
import pytest
import pytest_asyncio

from bot.credits.quota_rules import DAY_MS, Scope
from bot.generations.values import Origin
from tests.cogs.conftest import DiscordWorld, labels_of, png, text_of
from tests.cogs.results import filled_in, made, more
from tests.rules import drop_rules, set_rule

pytestmark = pytest.mark.asyncio(loop_scope="module")

NONE_LEFT = "You have no credits left."


@pytest_asyncio.fixture(loop_scope="module")
async def barred(discord_world: DiscordWorld) -> Any:
    """Give a world in whose server the member has a picture, and no credits for another; and that picture's message."""
    world = discord_world
    await drop_rules(world.database, world.guild.id)
    message = await made(world, "the first", image_1=("cat.png", png()))
    await set_rule(world.database, world.guild.id, Scope.MEMBER, world.alice.id, day=8)
    yield world, message
    await drop_rules(world.database, world.guild.id)


def answers(world: DiscordWorld) -> list[Any]:
    return [m for m in world.messages() if m.message.author.id == world.client.user.id]  # type: ignore[union-attr]


def joined_ms(world: DiscordWorld, who: Any) -> int:
    member = world.env.backend.get_member(world.guild.id, who.id)
    return int(datetime.fromisoformat(member.joined_at).timestamp() * 1000)


async def test_by_command(barred: Any) -> None:
    world, _ = barred
    refused = await world.imagine("another")
    assert NONE_LEFT in text_of(refused.response)
    await world.check_books(charged=8)


async def test_by_button(barred: Any) -> None:
    world, message = barred
    refused = await world.click(world.alice, message, "Again")
    assert NONE_LEFT in text_of(refused.response)
    assert refused.response.ephemeral
    await world.check_books(charged=8)


async def test_by_the_select_under_more(barred: Any) -> None:
    world, message = barred
    refused = await more(world, world.alice, message, "Variations")
    assert NONE_LEFT in text_of(refused.response)
    await world.check_books(charged=8)


async def test_by_form(barred: Any) -> None:
    world, message = barred
    form = await world.click(world.alice, message, "Remix")
    refused = await world.submit(world.alice, form, **filled_in(form))
    assert NONE_LEFT in text_of(refused.response)
    await world.check_books(charged=8)


async def test_by_mention(barred: Any) -> None:
    world, message = barred
    await world.say(world.alice, f"{world.mention} a hat", files=[("cat.png", png())])
    await world.idle()
    (refused,) = [answer for answer in answers(world) if answer.id != message.id]
    assert NONE_LEFT in text_of(refused)
    await world.check_books(charged=8)


async def test_what_may_not_be_is_one_press_away_from_what_may(discord_world: DiscordWorld) -> None:
    world = discord_world
    await set_rule(world.database, world.guild.id, Scope.MEMBER, world.alice.id, resolution="1K", count=1)
    refused = await world.imagine("too much", resolution="4K", count=2)
    assert "By this server's quotas your pictures have at most 1K here, not 4K." in text_of(refused.response)
    assert labels_of(refused.response) == ["Make 1 picture at 1K · 8 credits"]
    await world.click(world.alice, refused.response, "Make 1 picture at 1K · 8 credits")
    await world.idle()
    (task,) = world.tasks("too much")
    assert task.params["resolution"] == "1K"
    await drop_rules(world.database, world.guild.id)


# --- the standing that rules go by, as Discord tells it with each kind of event ---


class Origins:
    """Notes the origin of whatever is accepted."""

    def __init__(self, world: DiscordWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[Origin] = []
        accept = world.core.generations.accept

        async def noted(request: Any, origin: Origin) -> Any:
            self.seen.append(origin)
            return await accept(request, origin)

        monkeypatch.setattr(world.core.generations, "accept", noted)

    def last(self) -> Origin:
        return self.seen[-1]


async def test_roles_and_time_come_with_every_kind_of_event(
    discord_world: DiscordWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = discord_world
    origins = Origins(world, monkeypatch)
    role = world.guild.create_role("Artists", permissions=discord.Permissions(manage_guild=True))
    alice = world.guild.add_member(world.env.create_user("with-a-role"), roles=[role])
    joined_at_ms = joined_ms(world, alice)
    expected = (frozenset({role.id}), joined_at_ms, True)

    def standing() -> tuple[frozenset[int], int | None, bool]:
        found = origins.last()
        assert found.spender.role_ids == found.standing.role_ids
        assert (found.channel_id, found.spender.channel_id) == (world.channel.id, world.channel.id)
        return found.standing.role_ids, found.standing.joined_at_ms, found.standing.manages

    by_command = await world.imagine("by command", who=alice)
    await world.idle()
    assert standing() == expected
    await world.click(alice, by_command.response, "Again")
    assert standing() == expected
    await world.say(alice, f"{world.mention} by mention", files=[("cat.png", png())])
    assert standing() == expected
    assert len(origins.seen) == 3
    await world.imagine("without a role")
    assert origins.last().standing.role_ids == frozenset()
    assert origins.last().standing.manages is False
    await world.idle()


async def test_a_thread_counts_for_its_channel(discord_world: DiscordWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world = discord_world
    origins = Origins(world, monkeypatch)
    channel = world.client.get_channel(world.channel.id)
    assert isinstance(channel, discord.TextChannel)
    with world.env.time_context():
        await channel.create_thread(name="aside", type=discord.ChannelType.public_thread)
    (thread,) = world.channel.threads
    await world.imagine("in a thread", channel=thread)
    await world.idle()
    found = origins.last()
    assert (found.channel_id, found.parent_channel_id, found.spender.channel_id) == (
        thread.id,
        world.channel.id,
        world.channel.id,
    )
    await set_rule(world.database, world.guild.id, Scope.CHANNEL, world.channel.id, day=8)
    refused = await world.imagine("in a thread", channel=thread)
    assert "This channel has no credits left." in text_of(refused.response)
    await drop_rules(world.database, world.guild.id)


async def test_a_newcomer_by_mention(discord_world: DiscordWorld) -> None:
    world = discord_world
    now_ms = world.clock.now_ms()
    age_days = (now_ms - joined_ms(world, world.alice)) // DAY_MS
    await set_rule(world.database, world.guild.id, Scope.NEWCOMER, max(age_days + 2, 1), day=0)
    await world.say(world.alice, f"{world.mention} a hat", files=[("cat.png", png())])
    await world.idle()
    (refused,) = answers(world)
    assert "You have no credits" in text_of(refused)
    await drop_rules(world.database, world.guild.id)
