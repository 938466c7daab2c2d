"""/show: one request, by a choice from the list, an id or the address of its message."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from discord import app_commands
from discord.ext import commands

from bot.client import BotClient, CannotDo, Interaction
from bot.generations.files import kept
from bot.generations.protocols import PostFile
from bot.generations.states import RequestState
from bot.generations.values import RequestView
from bot.origins import origin_of, payer_guild_id
from bot.replies import show_pictures
from bot.rights import Viewer
from bot.ui.card import Card
from bot.ui.history import picture_card, request_choices

_OFFERED: Final = 25
_TYPED_CHARS: Final = 100
_ID: Final = re.compile(r"([0-9a-f]{16})(?:-[1-9])?", re.IGNORECASE)
"""Of a request, or of one of its pictures."""
_SHORT_ID: Final = re.compile(r"(?:ref\.? *)?([0-9a-f]{6})", re.IGNORECASE)
_LINK: Final = re.compile(
    r"<?https://(?:(?:ptb|canary)\.)?discord(?:app)?\.com/channels/(?:[0-9]{1,20}|@me)/[0-9]{1,20}/([0-9]{1,19})/?>?"
)
_NOT_HERE: Final = (
    "There is no picture of that name here for you. Pick one from the list, or paste its id or the link of its message."
)


class Show(commands.Cog):
    """Shows what its asker may see, and nothing of anything else: not even that it exists."""

    def __init__(self, client: BotClient) -> None:
        self._generations = client.services.generations
        self._store = client.services.store
        self._house = client.services.house

    @app_commands.command(name="show", description="Look at one of your pictures, or at one that stands here.")
    @app_commands.describe(id="Pick one of yours, or paste an id or the link of a message.")
    async def show(self, interaction: Interaction, id: app_commands.Range[str, 1, 200]) -> None:  # noqa: A002 - its name
        """Show one request, privately."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        view = await self._find(interaction, id.strip())
        mine = view.user_id == interaction.user.id
        if not mine:
            await self._house.check_showing(origin_of(interaction))

        def draw(view: RequestView, files: Sequence[PostFile]) -> Card:
            return picture_card(view, files, mine=mine)

        await show_pictures(interaction, self._store, view, kept(self._store, view), draw)

    async def _find(self, interaction: Interaction, said: str) -> RequestView:
        user_id = interaction.user.id
        view = None
        if (whole := _ID.fullmatch(said)) is not None:
            view = await self._generations.view(whole[1].lower())
        elif (short := _SHORT_ID.fullmatch(said)) is not None:
            view = await self._generations.by_reference(user_id, short[1].lower())
        elif (link := _LINK.fullmatch(said)) is not None:
            view = await self._generations.by_message(int(link[1]))
        gone = view is None or view.state is RequestState.VOID or view.forgotten
        if view is None or gone or not Viewer.of(interaction).sees(view):
            raise CannotDo(user_message=_NOT_HERE)
        return view

    @show.autocomplete("id")
    async def _mine(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        page = await self._generations.search(
            user_id=interaction.user.id,
            guild_id=payer_guild_id(interaction),
            text=typed[:_TYPED_CHARS],
            size=_OFFERED,
        )
        return request_choices(page.requests)


async def setup(client: BotClient) -> None:
    """Add the command."""
    await client.add_cog(Show(client))
