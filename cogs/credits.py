"""/credits: how one stands."""

from __future__ import annotations

from discord import app_commands
from discord.ext import commands

from bot.client import BotClient, Interaction, say
from bot.origins import origin_of, payer_guild_id
from bot.rights import is_operator
from bot.ui.account import credits_card


class Credits(commands.Cog):
    """The member's own view of the ledger."""

    def __init__(self, client: BotClient) -> None:
        self._generations = client.services.generations

    @app_commands.command(name="credits", description="What you have used and left, and your last entries.")
    async def credits(self, interaction: Interaction) -> None:
        """Show balance, allowance, holds and the newest entries."""
        user_id, guild_id = interaction.user.id, payer_guild_id(interaction)
        standing = await self._generations.standing(origin_of(interaction).spender)
        entries, pictures = await self._generations.statement(user_id=user_id, guild_id=guild_id)
        guild_name = interaction.guild.name if interaction.guild and guild_id is not None else None
        now_ms = int(interaction.created_at.timestamp() * 1000)
        card = credits_card(
            standing.balance,
            entries,
            now_ms,
            guild_name,
            guild_id=guild_id,
            outside=standing.outside,
            numbers=is_operator(interaction),
            paused=standing.situation.paused,
            pictures=pictures,
        )
        await say(interaction, view=card)


async def setup(client: BotClient) -> None:
    """Add the command."""
    await client.add_cog(Credits(client))
