"""Posts pictures to a server's gallery: the Discord side of ``bot.generations.gallery``."""

from __future__ import annotations

import discord
import structlog

from bot.client import BotClient, CannotDo, Interaction, say
from bot.generations.files import kept
from bot.generations.gallery import Exhibit, NoGallery, PrivatePicture
from bot.generations.house_rules import GalleryChannel
from bot.generations.refusals import NotForYou
from bot.generations.repository import GalleryRow
from bot.generations.values import PictureView, RequestView
from bot.origins import is_age_restricted, origin_of
from bot.replies import shrinking
from bot.rights import lacking_in, may_moderate
from bot.searching import UNREACHED, find_own
from bot.ui import ids
from bot.ui.card import Card
from bot.ui.gallery import exhibited_card, gallery_card, lacks_words
from bot.ui.kin import url_of
from bot.ui.removal import publish_card

log = structlog.get_logger(__name__)

PREFIX = "gallery-"
"""The file names of the gallery begin so, that a post is found again and not taken for the result itself."""
_GONE = {10003, 10008}
"""Unknown channel, unknown message (Discord's JSON error codes)."""
_NOBODY = discord.AllowedMentions.none()


class Exhibiting:
    """One press posts a picture once, whatever happens in between."""

    def __init__(self, client: BotClient) -> None:
        self._client = client
        self._services = client.services
        self._in_work: set[str] = set()

    async def post(self, interaction: Interaction, view: RequestView, position: int, *, agreed: bool = False) -> None:
        """Post a picture, or ask its owner first when it is private; the answer is private."""
        picture = next((one for one in kept(self._services.store, view) if one.position == position), None)
        if picture is None:
            raise CannotDo(user_message="This picture is no longer kept.")
        if picture.id in self._in_work:
            raise CannotDo(user_message="This picture is being posted at this moment.")
        self._in_work.add(picture.id)
        try:
            await self._post(interaction, view, picture, agreed=agreed)
        finally:
            self._in_work.discard(picture.id)

    async def _post(self, interaction: Interaction, view: RequestView, picture: PictureView, *, agreed: bool) -> None:
        guild = interaction.guild
        if guild is None:
            raise NoGallery
        settings = await self._services.moderation.settings(guild.id)
        channel = guild.get_channel(settings.gallery_channel_id or 0)
        if channel is not None:  # else there is none, or it is gone: that is said below
            target = GalleryChannel(age_restricted=is_age_restricted(channel))
            await self._services.house.check_posting(origin_of(interaction), view.prompt, gallery=target)
        gone_id: int | None = None
        try:
            begun = await self._begin(interaction, guild, view, picture, agreed=agreed)
            if begun.row.message_id is not None:
                await interaction.response.defer(ephemeral=True, thinking=True)
                if await self._stands(begun.row, begun.row.message_id):
                    card: Card = exhibited_card(_url(begun.row), again=True)
                    await interaction.edit_original_response(view=card, allowed_mentions=_NOBODY)
                    return
                gone_id = begun.row.message_id  # somebody deleted it by hand
                await self._services.gallery.stands(picture.id, channel_id=begun.row.channel_id, message_id=None)
                begun = await self._begin(interaction, guild, view, picture, agreed=agreed)
        except PrivatePicture:
            card = publish_card(settings.gallery_channel_id or 0, ids.exhibit(view.id, picture.position))
            await say(interaction, view=card)
            return
        except NotForYou:
            raise CannotDo(
                user_message="Only whoever made this, or a moderator of its channel, can post it to the gallery."
            ) from None
        row = begun.row
        if not interaction.response.is_done():
            await interaction.response.defer(ephemeral=True, thinking=True)
        message = await self._find(row, picture) if begun.again else None
        channel_id = row.channel_id
        if message is None:
            channel_id = settings.gallery_channel_id or row.channel_id
            if channel_id != row.channel_id:  # another gallery was chosen since it was begun
                await self._services.gallery.stands(picture.id, channel_id=channel_id, message_id=None)
            lacking = lacking_in(guild.get_channel(channel_id))
            if lacking:
                raise CannotDo(user_message=f"I can't post in the gallery: {lacks_words(lacking)}.")
            message = await self._send(guild, channel_id, view, picture, gone_id=gone_id)
        await self._services.gallery.stands(picture.id, channel_id=channel_id, message_id=message.id)
        card = exhibited_card(url_of(guild.id, channel_id, message.id), again=False)
        await interaction.edit_original_response(view=card, allowed_mentions=_NOBODY)

    async def _begin(
        self, interaction: Interaction, guild: discord.Guild, view: RequestView, picture: PictureView, *, agreed: bool
    ) -> Exhibit:
        return await self._services.gallery.begin(
            view.id,
            picture.position,
            user_id=interaction.user.id,
            guild_id=guild.id,
            moderator=may_moderate(interaction, view.standing_channel_id),
            private_agreed=agreed,
        )

    async def _stands(self, row: GalleryRow, message_id: int) -> bool:
        """Tell whether a post still stands; where that can't be seen, it does."""
        place = self._client.get_partial_messageable(row.channel_id, guild_id=row.guild_id)
        try:
            await place.get_partial_message(message_id).fetch()
        except UNREACHED as error:
            if isinstance(error, discord.NotFound) and error.code in _GONE:
                return False
            log.info("gallery.not_looked_at", picture_id=row.picture_id, error=str(error)[:200])
        return True

    async def _find(self, row: GalleryRow, picture: PictureView) -> discord.Message | None:
        place = self._client.get_partial_messageable(row.channel_id, guild_id=row.guild_id)
        return await find_own(self._client, place, _needle(picture))

    async def _send(
        self, guild: discord.Guild, channel_id: int, view: RequestView, picture: PictureView, *, gone_id: int | None
    ) -> discord.Message:
        place = self._client.get_partial_messageable(channel_id, guild_id=guild.id)
        # Under the nonce of a post that was deleted a moment ago, Discord would not make another.
        nonce = f"g-{picture.id}" if gone_id is None else f"g-{picture.id}-{gone_id % 10_000}"

        async def send(card: Card, files: list[discord.File]) -> discord.Message:
            return await place.send(view=card, files=files, nonce=nonce, allowed_mentions=_NOBODY)

        try:
            return await shrinking(
                send,
                self._services.store,
                view,
                [picture],
                gallery_card,
                limit_bytes=guild.filesize_limit,
                prefix=f"{PREFIX}{picture.id}-",
            )
        except UNREACHED as error:
            log.warning("gallery.not_posted", picture_id=picture.id, error=str(error)[:200])
            raise CannotDo(
                user_message="I could not post it in the gallery just now. Try again; it won't stand there twice."
            ) from error


def _needle(picture: PictureView) -> str:
    return f"{PREFIX}{picture.id}-"


def _url(row: GalleryRow) -> str:
    return url_of(row.guild_id, row.channel_id, row.message_id or 0)
