"""What can be done with a request in work, and with its posted pictures: /cancel, Cancel, Full size."""

from __future__ import annotations

import re

from discord import app_commands
from discord.ext import commands

from bot.client import BotClient, CannotDo, Interaction, say
from bot.generations.files import kept
from bot.generations.states import UNSENT_STATES
from bot.generations.values import RequestView
from bot.presses import on_choice, on_press
from bot.replies import show_pictures
from bot.ui import ids
from bot.ui.failure import cancelled_card
from bot.ui.fates import at_work
from bot.ui.history import picture_card
from bot.ui.text import label


class Requests(commands.Cog):
    """Cancelling and full size."""

    def __init__(self, client: BotClient) -> None:
        self._generations = client.services.generations
        self._store = client.services.store

    @app_commands.command(name="cancel", description="Take back a request that is not sent yet; that costs nothing.")
    @app_commands.guild_only()
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
        moderator = interaction.permissions.manage_messages
        done = await self._generations.cancel(request_id, user_id=interaction.user.id, moderator=moderator)
        if done is None:
            raise CannotDo(user_message="Only whoever asked for this, or a moderator, can cancel it.")
        await say(interaction, view=cancelled_card(done))

    async def full_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Give a picture in full size, privately."""
        await self._full(interaction, match["request_id"], int(match["position"]))

    async def full_chosen(self, interaction: Interaction, match: re.Match[str], values: list[str]) -> None:
        """Give the chosen one of several pictures in full size, privately."""
        await self._full(interaction, match["request_id"], int(values[0]))

    async def _full(self, interaction: Interaction, request_id: str, position: int) -> None:
        # Fitting may take seconds, and a bare defer would edit the picture's own message.
        await interaction.response.defer(ephemeral=True, thinking=True)
        view = await self._generations.view(request_id)
        if view is None or not _may_see(view, interaction):
            raise CannotDo(user_message="This picture is not here for you.")
        chosen = [picture for picture in kept(self._store, view) if picture.position == position]
        if not chosen:
            raise CannotDo(user_message="This picture is no longer kept in full size.")
        await show_pictures(interaction, self._store, view, chosen, picture_card)


def _may_see(view: RequestView, interaction: Interaction) -> bool:
    """Tell whether a person may have the picture: their own, or a public one of the channel they press in."""
    return view.user_id == interaction.user.id or (not view.private and view.guild_id == interaction.guild_id)


async def setup(client: BotClient) -> None:
    """Add the command and the buttons."""
    cog = Requests(client)
    await client.add_cog(cog)
    on_press(client, ids.CANCEL, cog.cancel_pressed)
    on_press(client, ids.FULL, cog.full_pressed)
    on_choice(client, ids.FULL_SELECT, cog.full_chosen)
