"""/about and /help."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from discord import app_commands
from discord.ext import commands

from bot.client import BotClient, Interaction, say
from bot.origins import payer_guild_id
from bot.rights import FOR_OPERATORS
from bot.ui.about import about_card, help_card

_AnyCommand = app_commands.Command[Any, ..., Any] | app_commands.Group | app_commands.ContextMenu
_ORDER = (
    *("imagine", "Use as reference", "Add to my tray", "tray", "queue", "cancel", "history", "show", "credits"),
    *("preferences", "privacy", "about", "help"),
    *("setup", "settings", "quota", "usage", "ban", "unban", "bans", "operator"),
)
"""In the order in which one comes to need them; what is not named stands behind."""


class About(commands.Cog):
    """What the bot is, what it costs, how it is used."""

    def __init__(self, client: BotClient) -> None:
        self._client = client
        self._services = client.services

    @app_commands.command(name="about", description="What this bot is, what a picture costs, who runs it.")
    async def about(self, interaction: Interaction) -> None:
        """Show what it is."""
        contact = self._services.settings.operator_contact or None
        house = await self._services.house.rules(payer_guild_id(interaction))
        card = about_card(
            models=self._prices(),
            retention_days=self._services.settings.retention_days,
            operator=contact,
            version=version("nano-banana-bot"),
            house=house,
        )
        await say(interaction, view=card)

    @app_commands.command(name="help", description="How to make pictures with this bot.")
    async def help(self, interaction: Interaction) -> None:
        """Show how it is used."""
        usable = [command for command in self._client.tree.get_commands() if self._is_for(command, interaction)]
        usable.sort(key=lambda command: (_place(command.name), command.name))
        ways = [
            (menu.name, "Right-click a message with pictures, then Apps.")
            for menu in usable
            if isinstance(menu, app_commands.ContextMenu)
        ]
        if self._client.user is not None and interaction.guild is not None:
            ways.append((f"@{self._client.user.display_name}", "A prompt and pictures in a message that mentions me."))
        commands = [command for command in usable if not isinstance(command, app_commands.ContextMenu)]
        everyones = [_listed(command) for command in commands if command.default_permissions is None]
        managers = [_listed(command) for command in commands if command.default_permissions is not None]
        contact = self._services.settings.operator_contact or None
        await say(
            interaction,
            view=help_card(
                commands=[*everyones[:1], *ways, *everyones[1:]],
                managing=managers,
                models=self._prices(),
                retention_days=self._services.settings.retention_days,
                operator=contact,
            ),
        )

    def _is_for(self, command: _AnyCommand, interaction: Interaction) -> bool:
        """Tell whether somebody can use a command here, as far as the bot's and Discord's defaults say."""
        if command.extras.get(FOR_OPERATORS):
            return interaction.user.id in self._client.services.settings.operator_ids
        needed = command.default_permissions
        return needed is None or (interaction.guild is not None and interaction.permissions >= needed)

    def _prices(self) -> list[tuple[str, int]]:
        catalogue = self._services.catalogue
        return [
            (spec.label, catalogue.price_credits(spec.id, option.default if option else None))
            for spec in catalogue.available()
            for option in [spec.options.get("resolution")]
        ]


def _place(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def _listed(command: app_commands.Command[Any, ..., Any] | app_commands.Group) -> tuple[str, str]:
    return f"/{command.name}", command.description


async def setup(client: BotClient) -> None:
    """Add the commands."""
    await client.add_cog(About(client))
