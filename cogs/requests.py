"""What can be done with a request in work: /cancel, and the button Cancel."""

from __future__ import annotations

import re

from discord import app_commands
from discord.ext import commands

from bot.client import BotClient, CannotDo, Interaction, say
from bot.generations.access import may_remove
from bot.generations.states import UNSENT_STATES
from bot.presses import on_press
from bot.rights import may_moderate
from bot.ui import ids
from bot.ui.failure import cancelled_card
from bot.ui.fates import at_work
from bot.ui.text import label


class Requests(commands.Cog):
    """Cancelling."""

    def __init__(self, client: BotClient) -> None:
        self._generations = client.services.generations

    @app_commands.command(name="cancel", description="Take back a request. What is not sent yet costs nothing.")
    @app_commands.describe(request="Which one; your newest, unless you choose.")
    async def cancel(self, interaction: Interaction, request: str | None = None) -> None:
        """Cancel a request in work."""
        if request is None:
            await self._cancel(interaction, await self._newest(interaction.user.id))
            return
        view = await self._generations.view(request)
        if view is None or view.user_id != interaction.user.id:
            raise CannotDo(user_message="I don't know that request. Pick one from the list.")
        await self._cancel(interaction, view.id)

    async def _newest(self, user_id: int) -> str:
        """Return the id of a person's newest request that can be cancelled, or else of the newest in work."""
        in_work = []
        for row in await self._generations.open_requests(user_id):
            view = await self._generations.view(row.id)
            if view is None or not at_work(view):  # a late picture is waited for, but not worked on
                continue
            if any(picture.state in UNSENT_STATES for picture in view.pictures):
                return view.id
            in_work.append(view.id)
        if not in_work:
            raise CannotDo(user_message="None of your pictures is in work right now.")
        return in_work[0]

    @cancel.autocomplete("request")
    async def _open_requests(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        mine = await self._generations.open_requests(interaction.user.id)
        choices = [app_commands.Choice(name=label(row.prompt, 100), value=row.id) for row in mine]
        return [choice for choice in choices if current.lower() in choice.name.lower()][:25]

    async def cancel_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Cancel by the button under the card."""
        await self._cancel(interaction, match["request_id"])

    async def _cancel(self, interaction: Interaction, request_id: str) -> None:
        view = await self._generations.view(request_id)
        may_cancel = view is not None and may_remove(
            view,
            user_id=interaction.user.id,
            guild_id=interaction.guild_id,
            moderator=may_moderate(interaction, view.standing_channel_id),
        )
        if view is None or not may_cancel:
            raise CannotDo(user_message="Only whoever asked for this, or a moderator, can cancel it.")
        done = await self._generations.cancel(request_id, user_id=interaction.user.id, moderator=True)
        if done is not None:
            fresh = await self._generations.view(request_id) or view
            await say(interaction, view=cancelled_card(done, fresh, mine=view.user_id == interaction.user.id))


async def setup(client: BotClient) -> None:
    """Add the command and the button."""
    cog = Requests(client)
    await client.add_cog(cog)
    on_press(client, ids.CANCEL, cog.cancel_pressed)
