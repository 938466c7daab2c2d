"""The wire plays people's own installs, over HTTP too, and a real client understands it."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands

from bot.clock import SystemClock
from bot.sandbox.wire import WireServer
from tests.conformance.conftest import Point
from tests.conformance.wire_client import (
    ANYWHERE,
    MENU,
    MESSAGE_INTENTS,
    MODAL,
    PAINT,
    STYLED,
    Bare,
    chosen,
    heard,
    identified,
    listening,
    picture,
)

# ---------------------------------------------------------------------- installs of people's own


@pytest.fixture
async def settled(bare: Bare) -> Bare:
    await bare.register({**PAINT, **ANYWHERE}, {**MENU, **ANYWHERE}, {**STYLED, "contexts": [0]})
    bare.wire.people.install_for(bare.alice)
    return bare


def elsewhere(bare: Bare) -> tuple[int, int]:
    """Make a server without the bot, with alice in it, and return it with a channel."""
    guild = bare.wire.people.add_guild("Elsewhere", bot=False)
    bare.wire.people.add_member(guild, "alice", user_id=bare.alice)
    return guild, bare.wire.people.add_channel(guild)


async def test_commands_say_where_they_are(bare: Bare) -> None:
    first, second = await bare.register(PAINT, {**MENU, **ANYWHERE})
    assert (first["integration_types"], first["contexts"]) == ([0], None)
    assert (second["integration_types"], second["contexts"]) == ([0, 1], [0, 1, 2])


async def test_in_a_server_without_the_bot_only_the_token_works(settled: Bare) -> None:
    bare, (_, channel) = settled, elsewhere(settled)
    async with listening(bare) as ear:
        ready = await identified(bare, ear, MESSAGE_INTENTS)
        assert [guild["id"] for guild in ready["guilds"]] == [str(bare.guild)]
        asked = await bare.wire.slash(bare.alice, channel, "paint", prompt="a lake", image=("a.png", picture()))
        event = await heard(ear)
        assert (event["context"], asked.context) == (0, 0)
        assert event["authorizing_integration_owners"] == {"1": str(bare.alice)}
        assert event["guild"]["id"] == event["guild_id"] != str(bare.guild)
        may = discord.Permissions(int(event["app_permissions"]))
        assert (may.attach_files, may.embed_links, may.view_channel) == (True, True, False)
        assert (await bare.respond(asked, 5)).status == 204
        content = {"a.png": picture()}
        assert (await bare.edit_original(asked, files=content)).status == 200
        for method, path in (
            ("POST", f"/channels/{channel}/messages"),
            ("PATCH", f"/channels/{channel}/messages/{asked.message_id}"),
            ("GET", f"/channels/{channel}/messages"),
            ("GET", f"/channels/{channel}"),
            ("GET", f"/guilds/{event['guild_id']}"),
            ("DELETE", f"/channels/{channel}/messages/{asked.message_id}"),
        ):
            body = {"json": {"content": "x"}} if method in {"POST", "PATCH"} else {}
            assert (await bare.call(method, path, **body)).error == (403, 50001)
        await bare.wire.say(bare.alice, channel, f"<@{bare.wire.bot_id}> hello")
        message = await chosen(bare, ear, asked.message_id or 0)
        assert len(message["attachments"]) == 1


async def test_buttons_of_such_a_message_work_for_everyone_there(settled: Bare) -> None:
    bare = settled
    guild, channel = elsewhere(bare)
    bob = bare.wire.people.add_member(guild, "bob")
    asked = await bare.wire.slash(bare.alice, channel, "paint", prompt="a lake")
    row = {"type": 1, "components": [{"type": 2, "style": 1, "label": "Go", "custom_id": "go"}]}
    await bare.respond(asked, 4, {"content": "x", "components": [row]})
    async with listening(bare) as ear:
        await identified(bare, ear)
        await bare.wire.click(bob, asked.message_id or 0, "go")
        event = await heard(ear)
        assert event["member"]["user"]["id"] == str(bob)
        assert event["authorizing_integration_owners"] == {"1": str(bare.alice)}
        assert event["message"]["interaction_metadata"]["authorizing_integration_owners"] == {"1": str(bare.alice)}


async def test_buttons_of_a_servers_own_bot_go_with_it(bare: Bare) -> None:
    row = {"type": 1, "components": [{"type": 2, "style": 1, "label": "Go", "custom_id": "go"}]}
    asked = await bare.ask()
    await bare.respond(asked, 4, {"content": "x", "components": [row]})
    sent = int((await bare.send(components=[row])).body["id"])
    bare.wire.people.remove_bot(bare.guild)
    for message_id in (sent, asked.message_id or 0):
        with pytest.raises(ValueError, match="not in that server"):
            await bare.wire.click(bare.alice, message_id, "go")
    bare.wire.people.add_bot(bare.guild)
    assert (await bare.wire.click(bare.alice, sent, "go")).owners == {"0": str(bare.guild)}


async def test_five_follow_ups_and_no_more(settled: Bare) -> None:
    bare = settled
    asked = await bare.wire.slash(bare.alice, elsewhere(bare)[1], "paint", prompt="a lake")
    await bare.respond(asked, 5)
    answers = [await bare.follow_up(asked) for _ in range(7)]
    assert [answer.status for answer in answers] == [200] * 6 + [400], "the first takes the place of the thinking"
    assert answers[-1].error == (400, 40094)
    await bare.register({**PAINT, "integration_types": [1]})
    here = await bare.acknowledged()
    assert here.owners == {"1": str(bare.alice)}
    assert [(await bare.follow_up(here)).status for _ in range(7)] == [200] * 7, "the bot is in that server"


async def test_answers_are_ephemeral_where_a_server_wants_no_apps_of_peoples_own(settled: Bare) -> None:
    bare, (_, channel) = settled, elsewhere(settled)
    bare.wire.people.set_permissions(channel, deny=["use_external_apps"], user_id=bare.alice)
    asked = await bare.wire.slash(bare.alice, channel, "paint", prompt="a lake")
    await bare.respond(asked, 5)
    assert bare.wire.books.messages[asked.message_id or 0].ephemeral
    await bare.edit_original(asked)
    later = int((await bare.follow_up(asked)).body["id"])
    assert bare.wire.books.messages[later].ephemeral


async def test_direct_messages_and_channels_between_people(settled: Bare) -> None:
    bare, people = settled, settled.wire.people
    carol, bob = people.add_person("carol"), people.add_member(bare.guild, "bob")
    people.install_for(carol)
    direct, between = people.direct_channel(carol), people.private_channel([carol, bob])
    group = people.private_channel([carol, bob, bare.alice])
    async with listening(bare) as ear:
        await identified(bare, ear, MESSAGE_INTENTS)
        for channel, context in ((direct, 1), (between, 2), (group, 2)):
            asked = await bare.wire.slash(carol, channel, "paint", prompt="a lake")
            event = await heard(ear)
            assert (event["context"], event["channel"]["type"]) == (context, 3 if channel == group else 1)
            assert (event["user"]["id"], "guild_id" in event) == (str(carol), False)
            assert event["authorizing_integration_owners"] == {"1": str(carol)}
            may = discord.Permissions(int(event["app_permissions"]))
            assert (may.attach_files, may.external_emojis) == (True, context == 1)
            await bare.respond(asked, 5)
            assert (await bare.edit_original(asked, files={"a.png": picture()})).status == 200
            sent = await bare.call("POST", f"/channels/{channel}/messages", json={"content": "x"})
            assert sent.error == ((403, 50278) if channel == direct else (403, 50001))
    with pytest.raises(ValueError, match="not in that channel"):
        await bare.wire.slash(bob, between, "paint", prompt="x")
    both = await bare.wire.slash(bare.alice, people.direct_channel(bare.alice), "paint", prompt="x")
    assert both.owners == {"0": "0", "1": str(bare.alice)}
    stranger = people.add_person("stranger")
    with pytest.raises(ValueError, match="not in one server"):
        await bare.wire.slash(stranger, people.direct_channel(stranger), "paint", prompt="x")


async def test_commands_are_where_they_are_registered_for(settled: Bare) -> None:
    bare, people = settled, settled.wire.people
    bob = people.add_member(bare.guild, "bob")
    (_, channel), between = elsewhere(bare), people.private_channel([bare.alice, bob])
    with pytest.raises(ValueError, match="not in that server"):
        await bare.wire.autocomplete(bare.alice, channel, "style", focused="style", value="")
    await bare.register({**PAINT, "integration_types": [1], "contexts": [1]}, {**MENU, "integration_types": [0, 1]})
    with pytest.raises(ValueError, match="not in that server"):
        await bare.wire.slash(bob, bare.channel, "paint", prompt="x")
    for place in (bare.channel, between):
        with pytest.raises(ValueError, match="context"):
            await bare.wire.slash(bare.alice, place, "paint", prompt="x")
    assert await bare.wire.slash(bare.alice, people.direct_channel(bare.alice), "paint", prompt="x")
    await bare.register({**PAINT, "integration_types": [1], "dm_permission": False})
    with pytest.raises(ValueError, match="context"):
        await bare.wire.slash(bare.alice, between, "paint", prompt="x")
    await bare.register({**PAINT, "integration_types": [1]})
    assert await bare.wire.slash(bare.alice, between, "paint", prompt="x")
    people.install_for(bare.alice, installed=False)
    with pytest.raises(ValueError, match="not in one server"):
        await bare.wire.slash(bare.alice, people.direct_channel(bare.alice), "paint", prompt="x")


# ---------------------------------------------------------------------- over HTTP, and with a real client


async def test_these_too_are_at_hand_over_http(settled: Bare, http: aiohttp.ClientSession) -> None:
    bare = settled
    origin = bare.wire.api_url.removesuffix("/api/v10")

    async def post(path: str, **body: Any) -> Any:
        async with http.post(f"{origin}/wire/{path}", json=body) as response:
            return response.status, await response.json()

    image = {"filename": "a.png", "base64": "iVBORw0KGgo="}
    guild = (await post("add_guild", name="Elsewhere", bot=False))[1]["id"]
    channel = (await post("add_channel", guild_id=guild, kind="forum"))[1]["id"]
    carol = (await post("add_person", name="carol"))[1]["id"]
    await post("add_member", guild_id=guild, name="carol", user_id=carol)
    await post("install_for", user_id=carol)
    between = (await post("private_channel", user_ids=[carol, bare.alice]))[1]["id"]
    thread = (await post("add_thread", user_id=carol, channel_id=channel))[1]["id"]
    said = (await post("say", user_id=carol, channel_id=thread, text="look", files=[image]))[1]["id"]
    assert [file.filename for file in bare.wire.books.messages[said].files] == ["a.png"]
    status, used = await post("message_menu", user_id=carol, message_id=said, command=MENU["name"])
    assert (status, used["owners"]) == (200, {"1": str(carol)})
    status, asked = await post("slash", user_id=carol, channel_id=between, command="paint", options={"prompt": "x"})
    assert (status, asked["context"]) == (200, 2)
    known = bare.wire.books.interactions[asked["id"]]
    await bare.respond(known, 9, MODAL)
    values = {"ratio": ["1:1"], "more": [image]}
    status, sent = await post("modal_submit", user_id=carol, interaction_id=known.id, values=values)
    assert (status, sent["name"]) == (200, "edit:7")
    async with listening(bare) as ear:
        await identified(bare, ear)
        body = {"user_id": bare.alice, "channel_id": bare.channel, "command": "style", "focused": "style", "value": "w"}
        typing = asyncio.create_task(post("autocomplete", **body, options={"count": 1}))
        event = await heard(ear)
        choice = {"name": "watercolour", "value": "w"}
        await bare.respond(bare.wire.books.interactions[int(event["id"])], 8, {"choices": [choice]})
        assert await typing == (200, {"choices": [choice]})
    async with http.get(f"{origin}/wire/books") as response:
        assert len((await response.json())["interactions"]) == 4


class Painter(discord.Client):
    """A small bot with a menu, a modal and an ear for mentions."""

    def __init__(self) -> None:
        super().__init__(intents=discord.Intents(guilds=True, guild_messages=True, dm_messages=True))
        self.tree = app_commands.CommandTree(
            self,
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
        )
        self.seen: list[Any] = []
        self.files: list[bytes] = []

        @self.tree.context_menu(name=MENU["name"])
        async def use(interaction: discord.Interaction, message: discord.Message) -> None:
            pictures = [*message.attachments, *(a for s in message.message_snapshots for a in s.attachments)]
            self.files += [await attachment.read() for attachment in pictures]
            self.seen.append((interaction.context.guild, interaction.guild_id, interaction.is_user_integration()))
            await interaction.response.send_modal(Asking(self))

        @self.tree.command(name="style")
        async def style(interaction: discord.Interaction, style: str) -> None:
            """Style."""
            await interaction.response.send_message(style)

        @style.autocomplete("style")
        async def offer(_interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
            return [app_commands.Choice(name=f"{current}ercolour", value=current)]

    async def setup_hook(self) -> None:
        await self.tree.sync()

    async def on_message(self, message: discord.Message) -> None:
        if (
            f"<@{self.application_id}>" in message.content
            or f"<@{self.user.id if self.user else 0}>" in message.content
        ):
            self.files += [await attachment.read() for attachment in message.attachments]
            self.seen.append([user.name for user in message.mentions])


class Asking(discord.ui.Modal, title="Ask"):
    """A text and files."""

    def __init__(self, client: Painter) -> None:
        super().__init__(custom_id="asking")
        self.client = client
        self.prompt: discord.ui.TextInput[Any] = discord.ui.TextInput(custom_id="prompt", default="a lake")
        self.more = discord.ui.FileUpload[Any](custom_id="more", required=False, max_values=8)
        self.add_item(discord.ui.Label(text="Prompt", component=self.prompt))
        self.add_item(discord.ui.Label(text="More", component=self.more))

    async def on_submit(self, interaction: discord.Interaction) -> None:
        self.client.files += [await attachment.read() for attachment in self.more.values]
        await interaction.response.send_message(f"{self.prompt.value}, {len(self.more.values)} files")


async def test_discord_py_understands_all_of_it(pointed: Point) -> None:
    async with WireServer(clock=SystemClock()) as wire, Painter() as client:
        pointed(wire)
        guild = wire.people.add_guild()
        channel, alice = wire.people.add_channel(guild), wire.people.add_member(guild, "alice")
        foreign = wire.people.add_guild("Elsewhere", bot=False)
        place = wire.people.add_channel(foreign)
        wire.people.add_member(foreign, "alice", user_id=alice)
        wire.people.install_for(alice)
        between = wire.people.private_channel([alice, wire.people.add_person("bob")])
        running = asyncio.create_task(client.start(wire.environment["DISCORD_TOKEN"]))
        try:
            await wire.until(lambda: wire.ready)
            await client.wait_until_ready()
            choices = await wire.autocomplete(alice, channel, "style", focused="style", value="wat")
            assert choices == [{"name": "watercolour", "value": "wat"}]
            await wire.say(alice, channel, f"<@{wire.bot_id}> this", files=[("a.png", picture("red"))])
            await wire.until(lambda: wire.books.requests_to("attachment"))
            for where in (channel, place, between):
                said = await wire.say(alice, where, files=[("b.png", picture("blue"))])
                said = await wire.say(alice, where, forward=said)
                used = await wire.message_menu(alice, said, MENU["name"])
                await wire.until(lambda used=used: used.modal)
                sent = await wire.modal_submit(alice, used.id, {"more": ("c.png", picture("green"))})
                await wire.until(lambda sent=sent: sent.acknowledged_ms)
                assert wire.books.messages[sent.message_id or 0].text == "a lake, 1 files"
            assert client.seen == [["TestBot"], (True, guild, True), (True, foreign, True), (False, None, True)]
            assert client.files == [picture("red"), *[picture("blue"), picture("green")] * 3]
            assert [known.id for known in client.guilds] == [guild]
        finally:
            await client.close()
            await asyncio.gather(running, return_exceptions=True)
