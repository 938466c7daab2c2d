"""A server's gallery: each picture stands in it at most once. Speaks to no network."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from bot.clock import Clock
from bot.generations.refusals import NotForYou, Refused
from bot.generations.repository import GalleryRow, GenerationsRepository
from bot.generations.states import PictureState
from bot.generations.values import Place
from bot.storage import Connection, Database

log = structlog.get_logger(__name__)


class NoGallery(Refused):
    """The server has no gallery, or it can't be posted to."""

    code = "no_gallery"

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return "This server has no gallery. Its admins can choose a channel with /settings."


class PrivatePicture(Refused):
    """Its owner has to be asked first."""

    code = "private_picture"


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A picture's place in the gallery, committed before anything is sent.

    ``again``: it was begun before, so our message may stand in ``channel_id`` already, whatever we know of it.
    """

    row: GalleryRow
    again: bool


class Gallery:
    """Decides what may stand in a gallery, and remembers where it stands."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin(
        self,
        request_id: str,
        position: int,
        *,
        user_id: int,
        guild_id: int | None,
        moderator: bool,
        private_agreed: bool = False,
    ) -> Exhibit:
        """Commit that a picture is to stand in this server's gallery, before its message is sent.

        It may by its owner, and by a moderator when it is public. Raises NotForYou, NoGallery, or PrivatePicture when
        its owner has not agreed yet that everyone may see it.
        """
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> Exhibit:
            rows = GenerationsRepository(tx)
            request = await rows.requests.get(request_id)
            if (
                request is None
                or request.place != Place.SERVER
                or guild_id is None
                or request.place_guild_id != guild_id
            ):
                raise NotForYou
            if request.removed_by is not None or not (
                request.user_id == user_id or (moderator and not request.private)
            ):
                raise NotForYou
            picture = next((one for one in await rows.pictures.of(request_id) if one.position == position), None)
            if picture is None or picture.state is not PictureState.FETCHED:
                raise NotForYou
            known = await rows.gallery.get(picture.id)
            if known is not None and known.message_id is not None:
                return Exhibit(known, again=True)
            settings = await rows.guilds.get(guild_id)
            if settings is None or settings.gallery_channel_id is None:
                raise NoGallery
            if request.private and not private_agreed:
                raise PrivatePicture
            if known is not None:
                return Exhibit(known, again=True)
            row = GalleryRow(picture.id, guild_id, settings.gallery_channel_id, None, user_id, now_ms)
            await rows.gallery.add(row)
            return Exhibit(row, again=False)

        return await self._database.write(work)

    async def stands(self, picture_id: str, *, channel_id: int, message_id: int | None) -> None:
        """Store where a picture stands; without ``message_id``: where it is to be tried next."""
        await self._database.write(
            lambda tx: GenerationsRepository(tx).gallery.change(
                picture_id, channel_id=channel_id, message_id=message_id
            )
        )
        log.info("gallery.posted", picture_id=picture_id, channel_id=channel_id, message_id=message_id)

    async def posts(self, request_id: str) -> dict[str, GalleryRow]:
        """Return where pictures of a request stand in a gallery, by their ids."""
        async with self._database.read() as tx:
            return {row.picture_id: row for row in await GenerationsRepository(tx).gallery.of(request_id)}
