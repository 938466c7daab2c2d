"""/about and /help."""

from __future__ import annotations

from importlib.metadata import version

from discord import app_commands
from discord.ext import commands

from bot.client import BotClient, Interaction, say
from bot.ui.about import about_card, help_card


class About(commands.Cog):
    """What the bot is, what it costs, how it is used."""

    def __init__(self, client: BotClient) -> None:
        self._client = client
        self._services = client.services

    @app_commands.command(name="about", description="What this bot is, what a picture costs, who runs it.")
    async def about(self, interaction: Interaction) -> None:
        """Show what it is."""
        contact = self._services.settings.operator_contact or None
        await say(
            interaction, view=about_card(models=self._prices(), operator=contact, version=version("nano-banana-bot"))
        )

    @app_commands.command(name="help", description="How to make pictures with this bot.")
    async def help(self, interaction: Interaction) -> None:
        """Show how it is used."""
        found = [
            command for command in self._client.tree.get_commands() if not isinstance(command, app_commands.ContextMenu)
        ]
        # What one came for stands first.
        found.sort(key=lambda command: (command.name != "imagine", command.name))
        listed = [(f"/{command.name}", command.description) for command in found]
        menus = [
            command for command in self._client.tree.get_commands() if isinstance(command, app_commands.ContextMenu)
        ]
        listed += [(menu.name, "Right-click a message with pictures, then Apps.") for menu in menus]
        if self._client.user is not None:
            listed.append(
                (f"@{self._client.user.display_name}", "A prompt and pictures in a message that mentions me.")
            )
        contact = self._services.settings.operator_contact or None
        await say(interaction, view=help_card(commands=listed, models=self._prices(), operator=contact))

    def _prices(self) -> list[tuple[str, int]]:
        catalogue = self._services.catalogue
        return [
            (spec.label, catalogue.price_credits(spec.id, option.default if option else None))
            for spec in catalogue.available()
            for option in [spec.options.get("resolution")]
        ]


async def setup(client: BotClient) -> None:
    """Add the commands."""
    await client.add_cog(About(client))
