"""One picture's way from its hold to its bytes: submit, wait, fetch. Each step commits before the next begins."""

from __future__ import annotations

from bot.errors import BotError
from bot.generations.fetching import Fetching
from bot.generations.repository import GenerationsRepository, PictureRow, RequestRow
from bot.generations.stages import Endings, Tools
from bot.generations.states import RESTING_STATES, PictureState
from bot.generations.submitting import Submitting
from bot.generations.waiting import Waiting
from bot.storage import Connection


class Painter:
    """Drives pictures from state to state; knows nothing of queues or cards."""

    def __init__(self, tools: Tools) -> None:
        self._database = tools.database
        self._clock = tools.clock
        self._precedence = tools.precedence
        self._endings = Endings(tools)
        self._submitting = Submitting(tools, self._endings)
        self._waiting = Waiting(tools, self._endings)
        self._fetching = Fetching(tools, self._endings)

    async def stop_submitting(self) -> None:
        """Start no further create call, and return when those on their way are answered and stored."""
        await self._submitting.stop()

    async def look_again(self, picture: PictureRow) -> bool:
        """Ask after a late picture, or end an unknown one whose day is over; True when it can be driven on."""
        return await self._waiting.look_again(picture)

    async def fail(self, picture_id: str, before: set[PictureState], error: BotError) -> bool:
        """End a picture that was certainly not made; its credits go back. Tells whether it was in ``before``."""
        return await self._endings.fail(picture_id, before, error)

    async def drive(self, picture_id: str) -> None:
        """Take a picture as far as it goes: until it is final, or rests (late or unknown)."""
        begun_ms = self._clock.now_ms()  # patience is counted from here: the queue may have been long
        while True:
            await self._precedence.give_way()
            picture, request = await self._database.look(lambda tx: _read(tx, picture_id))
            if picture is None or request is None or picture.state in RESTING_STATES:
                return
            match picture.state:
                case PictureState.HELD:
                    await self._submitting.submit(request, picture, begun_ms)
                case PictureState.SUBMITTING:
                    await self._submitting.resume(request, picture, begun_ms)
                case PictureState.PAINTING:
                    await self._waiting.wait(request, picture)
                case PictureState.FETCHING:
                    await self._fetching.fetch(request, picture)


async def _read(tx: Connection, picture_id: str) -> tuple[PictureRow | None, RequestRow | None]:
    rows = GenerationsRepository(tx)
    picture = await rows.pictures.get(picture_id)
    return picture, await rows.requests.get(picture.request_id) if picture is not None else None
