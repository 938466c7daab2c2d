"""/history: a person's pictures, to look for, to open or to post again; where an undeliverable one waits."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import BotClient, CannotDo, Interaction, say
from bot.generations.access import may_see
from bot.generations.files import kept
from bot.generations.previews import Preview, previews_of
from bot.generations.refusals import MissingPermissions
from bot.generations.values import HistoryPage, PictureView, Place, RequestView
from bot.origins import origin_of, payer_guild_id, place_of
from bot.presses import Once, on_choice, on_press
from bot.replies import in_place, post_pictures, show_pictures
from bot.rivya import Catalogue
from bot.ui import ids
from bot.ui.history import history_card, picture_card, preview_text
from bot.ui.removal import publish_card, published_card
from bot.ui.result import look_card, result_card
from bot.ui.searched import DATE_WORDS, TEXT_MAX_CHARS, Searched, moment
from bot.ui.text import plain

_MODELS = {spec.id: spec.label for spec in Catalogue().available()}
_NOBODY = discord.AllowedMentions.none()
_SOMEBODY_ELSE = 0
"""Nobody's id."""


class History(commands.Cog):
    """The list, one picture of it, and posting it again."""

    def __init__(self, client: BotClient) -> None:
        self._generations = client.services.generations
        self._moderation = client.services.moderation
        self._house = client.services.house
        self._store = client.services.store
        self._posting = Once()
        # Pictures are decoded one at a time anyway; whoever turns pages fast must not take all threads for waiting.
        self._looking = asyncio.Semaphore(2)

    @app_commands.command(name="history", description="Your pictures here, to look for, to open or to post again.")
    @app_commands.describe(
        text="Words of the prompt, in any order.",
        model="Only what this model painted.",
        since="From when on: a day as 2026-11-22, or 7d (days ago), 2w (weeks ago). Days are in UTC.",
        until="Until when, that day included: 2026-11-22, or 7d (days ago), 2w (weeks ago).",
    )
    @app_commands.choices(model=[app_commands.Choice(name=name, value=model) for model, name in _MODELS.items()])
    async def history(
        self,
        interaction: Interaction,
        text: app_commands.Range[str, 1, TEXT_MAX_CHARS] | None = None,
        model: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> None:
        """Show the first page."""
        searched = _searched(interaction, text, model, since, until)
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._show(interaction, 1, searched)

    async def page_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Turn the page in place; on a message for all to see, answer privately."""
        await in_place(interaction)
        await self._show(interaction, int(match["page"]), Searched.of(match))

    async def _show(self, interaction: Interaction, number: int, searched: Searched) -> None:
        page = await self._generations.search(
            user_id=interaction.user.id,
            guild_id=payer_guild_id(interaction),
            text=searched.text,
            model=searched.model,
            since_ms=searched.since_ms,
            until_ms=searched.until_ms,
            waiting_first=True,
            page=number,
        )
        async with self._looking:
            previews = await previews_of(self._store, page.requests)
        await interaction.edit_original_response(
            view=history_card(page, previews, searched, _MODELS),
            attachments=_files(page, previews),
            allowed_mentions=_NOBODY,
        )
        await self._generations.listed(page.requests)  # and nothing that stands on another page

    async def opened(self, interaction: Interaction, _match: re.Match[str], values: list[str]) -> None:
        """Show one request with its pictures, privately."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        view = await self._mine(interaction, values[0])
        await show_pictures(interaction, self._store, view, kept(self._store, view), picture_card)

    async def post_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Post one's own pictures in this channel; what is private only after having asked."""
        view, pictures = await self._to_post(interaction, match["request_id"])
        if view.private and place_of(interaction) is not Place.DIRECT:
            several = len(pictures) > 1
            await say(
                interaction, view=publish_card(interaction.channel_id or 0, ids.publish(view.id), several=several)
            )
            return
        with self._posting.pressing(interaction) as first:
            if first:
                await self._post(interaction, view, pictures)
            else:
                await interaction.response.defer()

    async def publish_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Post one's own private pictures in this channel, now that it was asked."""
        view, pictures = await self._to_post(interaction, match["request_id"])
        with self._posting.pressing(interaction) as first:
            if not first:
                await interaction.response.defer()
                return
            await self._post(interaction, view, pictures)
        await interaction.edit_original_response(
            view=published_card(several=len(pictures) > 1), allowed_mentions=_NOBODY
        )

    async def _to_post(self, interaction: Interaction, request_id: str) -> tuple[RequestView, list[PictureView]]:
        origin = origin_of(interaction)
        if origin.missing_permissions:
            raise MissingPermissions(origin.missing_permissions)
        view = await self._mine(interaction, request_id)
        await self._house.check_posting(origin, view.prompt)
        if view.removed_by not in {None, view.user_id}:
            raise CannotDo(user_message="A moderator removed this picture, so it can't be posted again.")
        pictures = kept(self._store, view)
        if not pictures:
            raise CannotDo(user_message="These pictures are no longer kept.")
        return replace(view, removed_by=None), pictures  # whoever posts it again takes their own removal back

    async def _post(self, interaction: Interaction, view: RequestView, pictures: Sequence[PictureView]) -> None:
        await interaction.response.defer()  # without "thinking": that, and whatever follows it, would be public
        draw = result_card if _is_open_here(view, interaction) else look_card
        message = await post_pictures(interaction, self._store, view, pictures, draw)
        await self._moderation.restore(view.id, user_id=interaction.user.id)
        await self._generations.posted_again(view.id, channel_id=message.channel.id, message_id=message.id)

    async def _mine(self, interaction: Interaction, request_id: str) -> RequestView:
        view = await self._generations.view(request_id)
        if view is None or view.user_id != interaction.user.id:
            raise CannotDo(user_message="This is not one of your pictures.")
        return view


def _is_open_here(view: RequestView, interaction: Interaction) -> bool:
    """Tell whether the buttons under a result would do something for whoever sees it here."""
    return place_of(interaction) is Place.DIRECT or may_see(
        view, user_id=_SOMEBODY_ELSE, guild_id=interaction.guild_id, channel_id=interaction.channel_id
    )


def _searched(
    interaction: Interaction, text: str | None, model: str | None, since: str | None, until: str | None
) -> Searched:
    now_ms = int(interaction.created_at.timestamp() * 1000)
    searched = Searched(
        text=" ".join((text or "").split()),
        model=model,
        since_ms=_moment("since", since, now_ms),
        until_ms=_moment("until", until, now_ms),
    )
    if searched.too_long:
        raise CannotDo(user_message="That is too much text to look for. Take fewer words, please.")
    if searched.since_ms is not None and searched.until_ms is not None and searched.since_ms >= searched.until_ms:
        raise CannotDo(user_message="Since is later than until, so nothing can lie between them. Swap them, please.")
    return searched


def _moment(option: str, typed: str | None, now_ms: int) -> int | None:
    if typed is None or not typed.strip():
        return None
    try:
        return moment(typed, now_ms, end=option == "until")
    except ValueError:
        raise CannotDo(user_message=f"I don't understand “{plain(typed, 40)}” as {option}. {DATE_WORDS}") from None


def _files(page: HistoryPage, previews: dict[str, Preview]) -> list[discord.File]:
    return [
        discord.File(preview.path, filename=preview.filename, description=preview_text(view, preview))
        for view in page.requests
        if (preview := previews.get(view.id)) is not None and preview.path is not None
    ]


async def setup(client: BotClient) -> None:
    """Add the command, the pages and the choice."""
    cog = History(client)
    await client.add_cog(cog)
    on_press(client, ids.HISTORY, cog.page_pressed)
    on_choice(client, ids.OPEN, cog.opened)
    on_press(client, ids.AGAIN, cog.post_pressed)
    on_press(client, ids.PUBLISH, cog.publish_pressed)
