"""The wire plays the gateway, to our own reader and to real clients."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands

from bot.clock import SystemClock
from bot.sandbox.rivya import RivyaSandbox, Variants
from bot.sandbox.wire import WireFault, WireFaultKind, WireServer
from tests.conformance.conftest import Point
from tests.conformance.wire_client import Bare, identified, listening, picture
from tests.world import MIB


async def test_the_gateway_greets_and_tells_of_servers(bare: Bare) -> None:
    bare.wire.people.set_premium_tier(bare.guild, 2)
    async with listening(bare) as ear:
        ready = await identified(bare, ear)
        assert ready["resume_gateway_url"].startswith("ws://127.0.0.1")
        assert ready["guilds"] == [{"id": str(bare.guild), "unavailable": True}]
        guild = await ear.frame(event="GUILD_CREATE")
        assert (guild["s"], guild["d"]["premium_tier"]) == (2, 2)
        assert [member["user"]["id"] for member in guild["d"]["members"]] == [str(bare.wire.bot_id)]
        bare.wire.people.set_premium_tier(bare.guild, 3)
        assert (await ear.frame(event="GUILD_UPDATE"))["d"]["premium_tier"] == 3
        await ear.say(1, 2)
        assert (await ear.frame())["op"] == 11
        await bare.send()
        await bare.ask()
        assert (await ear.frame())["t"] == "INTERACTION_CREATE", "messages are not within the intents"


async def test_a_dropped_session_resumes_and_gets_what_it_missed(bare: Bare) -> None:
    async with listening(bare) as ear:
        ready = await identified(bare, ear)
        seen = (await ear.frame(event="GUILD_CREATE"))["s"]
        await bare.wire.gateway.drop()
        assert (await ear.socket.receive()).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
    assert not bare.wire.gateway.connected
    missed = await bare.ask()
    async with listening(bare, ready["resume_gateway_url"]) as ear:
        token = bare.wire.environment["DISCORD_TOKEN"]
        await ear.say(6, {"token": token, "session_id": ready["session_id"], "seq": seen})
        first, second = await ear.frame(), await ear.frame()
        assert (first["t"], first["s"], first["d"]["id"]) == ("INTERACTION_CREATE", seen + 1, str(missed.id))
        assert (second["t"], second["s"]) == ("RESUMED", seen + 2)
        later = await bare.ask()
        assert (await ear.frame())["d"]["id"] == str(later.id)
    assert bare.wire.gateway.resumed == 1


async def test_a_session_that_was_left_invalidated_or_never_there_is_invalid(bare: Bare) -> None:
    async with listening(bare) as ear:
        left = (await identified(bare, ear))["session_id"]
    async with listening(bare) as ear:
        invalidated = (await identified(bare, ear))["session_id"]
        bare.wire.gateway.invalidate()
        await ear.frame(op=9)
        await bare.wire.gateway.drop()
    token = bare.wire.environment["DISCORD_TOKEN"]
    for session_id, seq in ((left, 1), (invalidated, 1), ("unknown", 1)):
        async with listening(bare) as ear:
            await ear.say(6, {"token": token, "session_id": session_id, "seq": seq})
            assert await ear.frame(op=9) == {"op": 9, "d": False, "s": None, "t": None}


async def test_the_gateway_can_ask_for_a_reconnect_invalidate_close_and_shut(bare: Bare) -> None:
    gateway = bare.wire.gateway
    async with listening(bare) as ear:
        await identified(bare, ear)
        gateway.ask_to_reconnect()
        await ear.frame(op=7)
        gateway.invalidate(resumable=True)
        assert (await ear.frame(op=9))["d"] is True
        gateway.invalidate()
        assert (await ear.frame(op=9))["d"] is False
        closing = asyncio.create_task(gateway.drop(4000))
        while (message := await ear.socket.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
        assert message.data == 4000
        await closing
    gateway.open = False
    with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
        async with listening(bare):
            pass


# ---------------------------------------------------------------------- real clients


class Painter(discord.Client):
    """A small bot: paints at once, and again at the press of a button."""

    def __init__(self) -> None:
        super().__init__(intents=discord.Intents(guilds=True))
        self.tree = app_commands.CommandTree(self)
        self.seen: list[Any] = []

        @self.tree.command()
        async def paint(interaction: discord.Interaction, prompt: str, image: discord.Attachment) -> None:
            """Paint."""
            response = await interaction.response.defer(thinking=True)
            self.seen += [response.message_id if response else None, interaction.filesize_limit, await image.read()]
            view = discord.ui.View()
            view.add_item(discord.ui.Button(label="Again", custom_id="again"))
            file = discord.File(io.BytesIO(picture()), "painted.png", description=prompt)
            await interaction.edit_original_response(content=prompt, attachments=[file], view=view)

    async def setup_hook(self) -> None:
        await self.tree.sync()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Don't wait five seconds before a second identify, as a client of many shards has to."""

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        if interaction.type is discord.InteractionType.component:
            await interaction.response.send_message("again")
            for _ in range(2):
                await interaction.channel.send("once", nonce="n")  # type: ignore[union-attr]


async def test_discord_py_talks_to_it_unpatched(pointed: Point) -> None:
    async with WireServer(clock=SystemClock()) as wire, Painter() as client:
        pointed(wire)
        guild = wire.people.add_guild(premium_tier=3)
        channel, alice = wire.people.add_channel(guild), wire.people.add_member(guild, "alice")
        running = asyncio.create_task(client.start(wire.environment["DISCORD_TOKEN"]))
        try:
            await wire.until(lambda: wire.ready)
            asked = await wire.slash(alice, channel, "paint", prompt="a lake", image=("in.png", picture("red")))
            await wire.until(lambda: asked.shown_ms)
            assert client.seen == [asked.message_id, 100 * MIB, picture("red")]
            (message,) = wire.books.pictures(containing="a lake")
            assert (message.files[0].filename, message.files[0].description) == ("painted.png", "a lake")
            await wire.gateway.drop()
            await wire.until(lambda: wire.gateway.resumed)
            wire.faults.add(WireFault(kind=WireFaultKind.ERROR, route="send", status=429, delay_s=0.01))
            pressed = await wire.click(alice, asked.message_id or 0, "again")
            await wire.until(lambda: len(wire.books.requests_to("send")) == 3)
            assert pressed.acknowledged_as == 4
            assert [request.status for request in wire.books.requests_to("send")] == [429, 200, 200]
            assert [message.text for message in wire.books.messages.values()].count("once") == 1
            wire.gateway.invalidate()
            await wire.until(lambda: wire.gateway.identified == 2)
            assert client.guilds[0].filesize_limit == 100 * MIB
        finally:
            await client.close()
            await asyncio.gather(running, return_exceptions=True)


async def test_the_bot_as_its_own_process_paints_survives_a_drop_and_stops_well(tmp_path: Path) -> None:
    clock = SystemClock()
    variants = Variants(quick_pictures=True, task_s=(0.1, 0.2))
    async with WireServer(clock=clock) as wire, RivyaSandbox(clock=clock, variants=variants) as rivya:
        guild = wire.people.add_guild()
        channel, alice = wire.people.add_channel(guild), wire.people.add_member(guild, "alice")
        environment = {
            **os.environ,
            **wire.environment,
            "RIVYA_API_KEY": rivya.api_key,
            "RIVYA_BASE_URL": rivya.url,
            "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}",
            "DATA_DIR": str(tmp_path),
            "DISK_RESERVE_BYTES": "0",
            "LOG_FORMAT": "json",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "--env-file", str(tmp_path / "no.env"), "run"), env=environment, cwd=tmp_path
        )
        try:
            # Starting takes seconds of a loaded machine.
            await wire.until(lambda: wire.ready, timeout_s=120)
            asked = await wire.slash(alice, channel, "imagine", prompt="a lighthouse", image_1=("in.png", picture()))
            await wire.until(lambda: asked.acknowledged_ms)
            await wire.gateway.drop()
            await wire.until(lambda: wire.gateway.resumed)
            await wire.until(lambda: asked.shown_ms, timeout_s=60)
            (message,) = wire.books.pictures(containing="a lighthouse")
            assert (message.id, asked.posts, len(message.files)) == (asked.message_id, 1, 1)
            assert len(rivya.books.tasks) == 1
            assert rivya.books.total_charged == 8
            second = await wire.slash(alice, channel, "imagine", prompt="a second one")
            await wire.until(lambda: second.acknowledged_ms)
        finally:
            process.send_signal(signal.SIGTERM)
            code = await asyncio.wait_for(process.wait(), 60)
        assert code == 0
