"""What /imagine would be refused by Server Settings, Integrations, no mention, button or form does either."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from random import Random
from typing import Any

import discord
import pytest
from simcord.backend.command_access import command_access
from simcord.backend.models import Overwrite as BackendOverwrite
from simcord.builders import ChannelHandle
from simcord.enums import OverwriteType

from bot.command_rights import FRESH_S, RETRY_S, CommandRights, Overwrite, Overwrites, Person
from bot.generations.refusals import MayNotPaintHere, RightsUnknown
from bot.sandbox.discord_commands import set_command_permissions
from tests.cogs.conftest import DiscordWorld, labels_of, pictures_of, png, text_of
from tests.cogs.results import filled_in, made, more

pytestmark = pytest.mark.asyncio(loop_scope="module")

NO = "**You may not use /imagine in this channel.**"
READ = "/commands/permissions"


@pytest.fixture
def ruled(discord_world: DiscordWorld) -> Iterator[DiscordWorld]:
    """The world, in which all that a test sets is forgotten after it."""
    yield discord_world
    allow(discord_world, "imagine", {})
    allow(discord_world, None, {})


def allow(world: DiscordWorld, command: str | None, lines: dict[tuple[str, int], bool]) -> None:
    set_command_permissions(world.env.backend, world.guild.id, command, lines)


async def by_mention(world: DiscordWorld, who: Any, prompt: str) -> str:
    """Ask by a mention; returns what it was answered with."""
    await world.say(who, f"{world.mention} {prompt}", files=[("cat.png", png())])
    await world.idle()
    return text_of(world.messages()[-1])


async def test_a_mention_by_role_by_person_and_by_channel(ruled: DiscordWorld) -> None:
    world = ruled
    everyone, here = ("role", world.guild.id), ("channel", world.channel.id)
    everywhere = ("channel", world.guild.id - 1)
    painters = world.guild.create_role("painters")
    bob = world.guild.add_member(world.env.create_user("bob the painter"), roles=[painters])
    admin = world.member("admin", administrator=True)
    for number, (command, app, alice_may, bob_may) in enumerate(
        [
            ({}, {}, True, True),
            ({everyone: False}, {}, False, False),
            ({everyone: False, ("role", painters.id): True}, {}, False, True),
            ({("person", world.alice.id): False}, {}, False, True),
            ({here: False}, {}, False, False),
            ({everywhere: False, here: True}, {}, True, True),
            ({}, {everywhere: False}, False, False),
            ({here: True}, {everywhere: False}, True, True),
            ({("role", painters.id): True}, {everyone: False}, False, True),
        ]
    ):
        allow(world, "imagine", command)
        allow(world, None, app)
        for who, may in ((world.alice, alice_may), (bob, bob_may), (admin, True)):
            prompt = f"painting {number} of {who.id}"
            said = await by_mention(world, who, prompt)
            assert (NO not in said, len(world.tasks(prompt))) == (may, int(may)), (number, who.name)
        await world.advance(70)  # nobody may mention it too often


async def test_what_a_thread_hangs_on_counts(ruled: DiscordWorld) -> None:
    world = ruled
    allow(world, "imagine", {("channel", world.channel.id): False})
    thread = world.env.backend.create_thread(world.channel.id, "a thread", world.alice.id)
    world.channel = ChannelHandle(world.env, world.guild, thread)
    assert NO in await by_mention(world, world.alice, "in a thread")


async def test_buttons_and_forms(ruled: DiscordWorld) -> None:
    world = ruled
    source = await made(world, "who may go on", resolution="1K")
    bob = world.member("bob")
    edit, remix = [await world.click(bob, source, label) for label in ("Edit", "Remix")]
    reference = await more(world, bob, source, "Use as reference")
    menu = await world.menu(bob, "Use as reference", source)
    dear = (await world.imagine("four by bob", who=bob, count=4)).response
    before = len(world.rivya.books.tasks)
    allow(world, "imagine", {("person", bob.id): False})
    ways = [
        await world.click(bob, source, "Again"),
        await more(world, bob, source, "4K"),
        await more(world, bob, source, "Variations"),
        *[
            await world.submit(bob, form, **{**filled_in(form), "prompt": "not by bob"})
            for form in (edit, remix, reference, menu)
        ],
        await world.click(bob, dear, labels_of(dear)[0]),
    ]
    for refused in ways:
        assert NO in text_of(refused.response)
        assert "Nothing was charged." in text_of(refused.response)
        assert refused.ephemeral
    assert (await world.balance(bob)).on_hold_credits == 0
    allow(world, "imagine", {})
    again = await world.click(bob, source, "Again")
    await world.idle()
    assert len(pictures_of(again.response)) == 1
    assert len(world.rivya.books.tasks) == before + 1


async def test_who_may_not_use_apps_at_all_may_not_press_either(ruled: DiscordWorld) -> None:
    world = ruled
    everyone = world.guild.default_role
    world.channel = world.guild.create_text_channel("half open")
    source = await made(world, "only to look at")
    bob = world.member("bob")
    world.env.backend.set_overwrite(
        world.channel.id,
        BackendOverwrite(everyone.id, OverwriteType.ROLE, 0, discord.Permissions(use_application_commands=True).value),
    )
    refused = await world.click(bob, source, "Again")
    assert NO in text_of(refused.response)


async def test_it_is_read_seldom_and_again_when_it_was_changed(ruled: DiscordWorld) -> None:
    world = ruled
    source = await made(world, "asked for often")
    await world.click(world.alice, source, "Again")
    seen = len(world.requests("GET", READ))
    for _ in range(3):
        await world.click(world.alice, source, "Again")
    await by_mention(world, world.alice, "asked for by words")
    assert len(world.requests("GET", READ)) == seen
    allow(world, None, {})
    await world.click(world.alice, source, "Again")
    assert len(world.requests("GET", READ)) == seen + 1
    await world.advance(FRESH_S + 1)
    await world.click(world.alice, source, "Again")
    assert len(world.requests("GET", READ)) == seen + 2
    await world.restart_client()
    await world.click(world.alice, source, "Again")
    assert len(world.requests("GET", READ)) == seen + 3
    await world.idle()


async def test_what_can_not_be_read_is_not_taken_for_leave(ruled: DiscordWorld) -> None:
    world = ruled
    source = await made(world, "who knows")
    await world.restart_client()
    world.env.inject_error("GET", f"*{READ}", status=400, code=0, times=None)
    refused = await world.click(world.alice, source, "Again")
    assert "**I can't tell at the moment whether you may paint here.**" in text_of(refused.response)
    assert "Nothing was charged." in text_of(refused.response)
    assert "I can't tell" in await by_mention(world, world.alice, "who knows by words")
    assert len(world.requests("GET", READ)) == 1, "it is not asked at each press"
    command = await world.imagine("the command is Discord's own matter")
    world.env.backend.faults.clear()
    await world.advance(RETRY_S + 1)
    again = await world.click(world.alice, source, "Again")
    await world.idle()
    assert [len(pictures_of(asked.response)) for asked in (command, again)] == [1, 1]
    # What was known before holds on where it can't be read anew.
    world.env.inject_error("GET", f"*{READ}", status=400, code=0, times=None)
    await world.advance(FRESH_S + 1)
    again = await world.click(world.alice, source, "Again")
    await world.idle()
    assert len(pictures_of(again.response)) == 1


@pytest.mark.parametrize("status", [403, 404])
async def test_a_server_without_commands_has_set_nothing(ruled: DiscordWorld, status: int) -> None:
    world = ruled
    source = await made(world, f"no commands here, {status}")
    await world.restart_client()
    world.env.inject_error("GET", f"*{READ}", status=status, code=50001)
    again = await world.click(world.alice, source, "Again")
    await world.idle()
    assert len(pictures_of(again.response)) == 1


# --- the rules themselves, beside simcord's ---


async def test_the_rules_are_discords(ruled: DiscordWorld) -> None:
    world, backend, rng = ruled, ruled.env.backend, Random(5)
    roles = [world.guild.create_role(f"ruled {number}") for number in range(3)]
    who = world.guild.add_member(world.env.create_user("ruled"), roles=roles[:2])
    command = backend.find_command("imagine", None)
    targets = [("person", who.id), ("role", world.guild.id), *[("role", role.id) for role in roles]]
    targets += [("channel", world.channel.id), ("channel", world.guild.id - 1), ("person", 5), ("channel", 6)]
    kinds = {"role": 1, "person": 2, "channel": 3}
    seen = set()
    for _ in range(400):
        drawn = [{one: rng.random() < 0.6 for one in targets if rng.random() < 0.25} for _ in range(2)]
        allow(world, "imagine", drawn[0])
        allow(world, None, drawn[1])
        wanted = command_access(backend, command, user_id=who.id, channel_id=world.channel.id).allowed
        lines = [tuple(Overwrite(one, kinds[kind], may) for (kind, one), may in part.items()) for part in drawn]
        person = Person(
            user_id=who.id,
            guild_id=world.guild.id,
            channel_id=world.channel.id,
            role_ids={role.id for role in roles[:2]},
            permissions=discord.Permissions.none(),
            at_s=0.0,
        )
        assert Overwrites(*lines).allow(person) is wanted, drawn
        seen.add(wanted)
    assert seen == {True, False}


class Said:
    """Discord's side of reading, answered when the test says so."""

    application_id = 1

    def __init__(self) -> None:
        self.http = self
        self.asked = 0
        self.doors = asyncio.Event()
        self.lines: list[dict[str, Any]] = []

    async def get_global_commands(self, _application_id: int) -> list[dict[str, Any]]:
        return [{"id": "8", "name": "imagine", "type": 3}, {"id": "9", "name": "imagine", "type": 1}]

    async def get_guild_application_command_permissions(self, _app: int, _guild: int) -> list[dict[str, Any]]:
        self.asked += 1
        lines = self.lines
        await self.doors.wait()
        return [{"id": "9", "permissions": lines}]


def _person(at_s: float = 0.0, guild_id: int = 20) -> Person:
    may = discord.Permissions(use_application_commands=True)
    return Person(user_id=10, guild_id=guild_id, channel_id=30, role_ids=(), permissions=may, at_s=at_s)


async def test_an_answer_of_before_a_change_is_not_kept() -> None:
    said = Said()
    rights = CommandRights(said)  # type: ignore[arg-type]
    first = [asyncio.ensure_future(rights.check(_person())) for _ in range(3)]
    while not said.asked:
        await asyncio.sleep(0)
    said.lines = [{"id": "10", "type": 2, "permission": False}]
    rights.forget(20)
    second = asyncio.ensure_future(rights.check(_person()))
    await asyncio.sleep(0)
    said.doors.set()
    await asyncio.gather(*first)
    with pytest.raises(MayNotPaintHere):
        await second
    with pytest.raises(MayNotPaintHere):
        await rights.check(_person(1.0))
    assert said.asked == 2


async def test_whoever_waits_may_leave_without_taking_the_answer_along() -> None:
    said = Said()
    rights = CommandRights(said)  # type: ignore[arg-type]
    leaving, staying = [asyncio.ensure_future(rights.check(_person())) for _ in range(2)]
    await asyncio.sleep(0)
    leaving.cancel()
    said.doors.set()
    await staying
    await rights.check(_person(1.0))
    assert said.asked == 1


async def test_only_so_many_servers_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.command_rights.KEPT_SERVERS", 2)
    said = Said()
    said.doors.set()
    rights = CommandRights(said)  # type: ignore[arg-type]
    for guild_id in (20, 21, 22, 20, 22):
        await rights.check(_person(guild_id=guild_id))
    assert said.asked == 4


async def test_silence_is_no_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.command_rights.PATIENCE_S", 0.01)
    rights = CommandRights(Said())  # type: ignore[arg-type]
    with pytest.raises(RightsUnknown):
        await rights.check(_person())
