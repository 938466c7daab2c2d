"""What is registered with Discord, and when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import discord
import pytest
from discord import app_commands

from bot.client import BotClient
from bot.rivya import Catalogue
from bot.run import client_over
from tests.cogs.conftest import DiscordWorld, OpenWorld, check_bodies, png
from tests.openapi import discord_schema
from tests.ui_limits import units

MENDED = "Use the usual resolution · 3 credits"
COMMANDS = {
    *("imagine", "cancel", "history", "show", "queue", "credits", "preferences", "tray", "privacy", "about", "help"),
    *("setup", "settings", "ban", "unban", "bans", "quota", "usage", "operator"),
}
MENUS = {"Use as reference", "Add to my tray"}


@pytest.mark.asyncio(loop_scope="module")
async def test_no_two_commands_collide_and_all_are_within_discords_limits(discord_world: DiscordWorld) -> None:
    commands = discord_world.client.tree.get_commands()
    names = [command.name for command in commands]
    assert sorted(names) == sorted(COMMANDS | MENUS)
    payloads = [command.to_dict(discord_world.client.tree) for command in commands]
    # Installed for a person it would come along to servers that nobody allowed.
    assert {tuple(payload["integration_types"]) for payload in payloads} == {(0,)}
    for kind, name, text in _labels(payloads):
        if kind == "name":
            assert 1 <= units(name) <= 32
            assert name == name.lower() or name in MENUS
        assert 1 <= units(text) <= 100
    for payload in payloads:
        options = payload.get("options", [])
        assert len(options) <= 25
        assert len({option["name"] for option in options}) == len(options)
        for option in options:
            choices = option.get("choices", [])
            assert len(choices) <= 25
            assert len({choice["value"] for choice in choices}) == len(choices)
            assert not (choices and option.get("autocomplete"))


@pytest.mark.asyncio(loop_scope="module")
async def test_the_choices_are_exactly_the_catalogues(discord_world: DiscordWorld) -> None:
    command = discord_world.client.tree.get_command("imagine")
    assert isinstance(command, app_commands.Command)
    models = Catalogue().available()
    for name in ("aspect_ratio", "output_format"):
        offered = [choice.value for choice in command.get_parameter(name).choices]  # type: ignore[union-attr]
        taken = {value for model in models if name in model.options for value in model.options[name].choices}
        assert set(offered) == taken
        assert len(offered) == len(taken)
        default = Catalogue().default.options[name].choices
        assert tuple(offered[: len(default)]) == default
    # These name a price, which may change: they are offered while somebody types.
    for name in ("model", "resolution", "count", "parent", "style"):
        assert command.get_parameter(name).autocomplete  # type: ignore[union-attr]
    most = max(model.max_references for model in models if model.id == Catalogue().default.id)
    assert [p.name for p in command.parameters if p.name.startswith("image_")] == [
        f"image_{n}" for n in range(1, most + 1)
    ]


def _labels(payloads: list[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    for payload in payloads:
        yield "name", payload["name"], payload.get("description", payload["name"])  # menus have none
        for option in payload.get("options", []):
            yield "name", option["name"], option["description"]
            for choice in option.get("choices", []):
                yield "choice", "", choice["name"]


@pytest.mark.asyncio(loop_scope="module")
async def test_discord_would_take_every_body(discord_world: DiscordWorld) -> None:
    """Each world of these tests checks its own at the end; this one says so when the document is missing."""
    discord_schema()
    world = discord_world
    await world.imagine("looked at closely", count=2, image_1=("a.png", png()), notify=True)
    await world.idle()
    for command in ("history", "credits", "about", "help", "cancel"):
        await world.slash(world.alice, command)
    await world.click(world.alice, (await world.imagine("no", model="nano-banana", resolution="4K")).response, MENDED)
    await world.idle()
    check_bodies(world)
    methods = {(entry.method, "commands" in entry.path) for entry in world.env.http_requests if entry.json is not None}
    assert {("PUT", True), ("POST", False), ("PATCH", False)} <= methods


# --- registering ---


def _registered(world: DiscordWorld) -> int:
    return len([entry for entry in world.env.http_requests if entry.method == "PUT" and "/commands" in entry.path])


async def _start_again(world: DiscordWorld, client: BotClient) -> None:
    await world.env.restart_bot(client)
    world.client = world.delivery.client = client


async def test_commands_are_registered_when_they_changed(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world()
    assert _registered(world) == 1

    await world.restart_client()
    assert _registered(world) == 1
    await world.slash(world.alice, "about")

    changed = client_over(world.core, world.settings, world.fetcher)

    @changed.tree.command(name="new", description="A command of a newer version.")
    async def new(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message("new")

    await _start_again(world, changed)
    assert _registered(world) == 2
    await world.slash(world.alice, "new")

    await world.restart_client()
    assert _registered(world) == 3

    with world.env.time_context():
        assert not await world.client.sync_if_changed()
        assert _registered(world) == 3
        assert await world.client.sync_if_changed(force=True)
    assert _registered(world) == 4


async def test_the_bot_runs_though_discord_does_not_take_the_commands(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world()
    changed = client_over(world.core, world.settings, world.fetcher)
    changed.tree.add_command(_extra())
    world.env.inject_error("PUT", "/applications/*/commands", status=400, code=50035)
    await _start_again(world, changed)
    await world.imagine("all the same")
    await world.idle()
    assert len(world.tasks("all the same")) == 1

    # Not remembered as registered: the next start tries again.
    again = client_over(world.core, world.settings, world.fetcher)
    again.tree.add_command(_extra())
    await _start_again(world, again)
    await world.slash(world.alice, "extra")


def _extra() -> app_commands.Command[Any, ..., None]:
    @app_commands.command(name="extra", description="A command of a newer version.")
    async def extra(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message("extra")

    return extra
