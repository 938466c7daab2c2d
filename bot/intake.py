"""Takes a request from an interaction: preflight, accept, acknowledge, in the order that keeps replies true."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp
import discord
import structlog

from bot.client import BotClient, CannotDo, Interaction, say
from bot.credits.quotas import LimitScope, QuotaExceeded
from bot.errors import BotError
from bot.generations.refusals import Restarting, TooManyAtOnce
from bot.generations.values import Accepted, GenerationRequest, Origin
from bot.rivya import BadOption
from bot.ui import ids
from bot.ui.failure import notice_card, void_card
from bot.ui.offers import mend_words
from bot.ui.progress import progress_card
from bot.ui.refusal import Mend, refusal_card

log = structlog.get_logger(__name__)

ACKNOWLEDGE_FIRST_S = 1.5
"""Discord waits 3 s for an acknowledgement. Accepting takes milliseconds; if it does not, acknowledge first."""
TOKEN_LIFE_MS = 15 * 60 * 1000
KEPT_MENDS = 500
_ALREADY_ACKNOWLEDGED = 40060

PrepareRequest = Callable[[], Awaitable[GenerationRequest]]
_UNHEARD = (discord.HTTPException, aiohttp.ClientError, OSError)
"""A call of Discord's that failed, or whose answer was lost."""


@dataclass(slots=True)
class _Mended:
    user_id: int
    request: GenerationRequest
    taken: bool = False
    """Its button was pressed, and nothing has turned that request down."""


class Intake:
    """One door for every request that comes from an interaction."""

    def __init__(self, client: BotClient) -> None:
        self._client = client
        self._generations = client.services.generations
        self._mends: OrderedDict[str, _Mended] = OrderedDict()
        self._voiding: set[asyncio.Future[None]] = set()

    async def take(self, interaction: Interaction, prepare: PrepareRequest, *, private: bool) -> bool:
        """Accept what ``prepare`` returns, acknowledge, and let it run; a refusal is told privately.

        Returns whether it runs. Nothing runs before Discord has acknowledged. When that fails the request is voided:
        the person sees a failure, would ask again, and would pay twice.
        """
        with self._client.taking() as open_for_more:
            if not open_for_more:
                await self._refuse(interaction, Restarting(), None)
                return False
            return await self._take(interaction, prepare, private=private)

    async def _take(self, interaction: Interaction, prepare: PrepareRequest, *, private: bool) -> bool:
        origin = origin_of(interaction)
        asked: list[GenerationRequest] = []

        async def accept() -> Accepted:
            request = await prepare()
            asked.append(request)
            return await self._generations.accept(request, origin)

        accepting = asyncio.ensure_future(accept())
        message_id: int | None = None
        try:
            await asyncio.wait({accepting}, timeout=ACKNOWLEDGE_FIRST_S)
            if not accepting.done():
                message_id = await self._acknowledge(interaction, private=private)
            accepted = await asyncio.shield(accepting)
            if accepted.repeated:
                return True
            if not interaction.response.is_done():
                message_id = await self._acknowledge(interaction, private=private)
            waiting = await self._generations.notices(user_id=interaction.user.id, guild_id=interaction.guild_id)
            if waiting:
                await self._show_progress(interaction, accepted.request_id)
            running = await self._generations.acknowledged(accepted.request_id, message_id=message_id)
        except BotError as error:
            await self._refuse(interaction, error, asked[0] if asked else None)
            return False
        except BaseException as error:
            # Also when we are cancelled: whether the person has seen an acknowledgement is unknown.
            await self._void(accepting)
            if not isinstance(error, _UNHEARD):
                raise
            log.warning("acknowledgement.failed", error=str(error)[:200])
            running, waiting = False, 0
        if not running:
            with contextlib.suppress(*_UNHEARD):  # if it was acknowledged after all, it says what came of it
                await interaction.edit_original_response(view=void_card())
        if waiting:
            await say(interaction, view=notice_card(waiting))
        return running

    async def _void(self, accepting: asyncio.Future[Accepted]) -> None:
        """Give back whatever comes of ``accepting``, also when we are cancelled meanwhile."""

        async def void() -> None:
            with contextlib.suppress(BotError):
                accepted = await accepting
                if not accepted.repeated:
                    await self._generations.not_acknowledged(accepted.request_id)

        voiding = asyncio.ensure_future(void())
        self._voiding.add(voiding)
        voiding.add_done_callback(self._voiding.discard)
        await asyncio.shield(voiding)

    async def _acknowledge(self, interaction: Interaction, *, private: bool) -> int | None:
        try:
            response = await interaction.response.defer(ephemeral=private, thinking=True)
        except discord.HTTPException as error:
            if error.code != _ALREADY_ACKNOWLEDGED:
                raise
            # discord.py repeats a call whose answer was an error; the first one had arrived.
            return (await interaction.original_response()).id
        return response.message_id if response is not None else None

    async def _show_progress(self, interaction: Interaction, request_id: str) -> None:
        """Put the card where "thinking" stands, before the request runs.

        Discord takes the first message after a deferral for the deferred one itself: a private notice would be public.
        """
        view = await self._generations.view(request_id)
        if view is not None:
            await interaction.edit_original_response(view=progress_card(view))

    async def _refuse(self, interaction: Interaction, error: BotError, request: GenerationRequest | None) -> None:
        balance = await self._generations.balance(user_id=interaction.user.id, guild_id=interaction.guild_id)
        price = self._price(request) if request is not None else None
        mend = self._mend(interaction, error, request, price) if request is not None and price is not None else None
        card = refusal_card(error, balance=balance, mend=mend, picture_credits=price)
        if interaction.response.is_done():
            await interaction.edit_original_response(view=card)
        else:
            await say(interaction, view=card)

    def _price(self, request: GenerationRequest) -> int | None:
        catalogue = self._client.services.catalogue
        try:
            spec = catalogue.get(request.model or catalogue.default.id)
        except BadOption:
            return None
        option = spec.options.get("resolution")
        return catalogue.price_credits(spec.id, request.options.get("resolution", option.default) if option else None)

    # --- mending: whatever a person typed is offered again, in one press ---

    def _mend(
        self, interaction: Interaction, error: BotError, request: GenerationRequest, price_credits: int
    ) -> Mend | None:
        mended = _mended(error, request, price_credits)
        if mended is None:
            return None
        request, words = mended
        key = secrets.token_urlsafe(12)
        self._mends[key] = _Mended(interaction.user.id, request)
        while len(self._mends) > KEPT_MENDS:
            self._mends.popitem(last=False)
        return Mend(words, ids.mend(key))

    async def take_mended(self, interaction: Interaction, key: str) -> None:
        """Take the mended request behind a refusal's button."""
        mended = self._mends.get(key)
        if mended is None:
            raise CannotDo(user_message="This button is too old. Use the command again.")
        if mended.user_id != interaction.user.id:
            raise CannotDo(user_message="Only whoever asked for this can use the button.")
        if mended.taken:  # a double click is one request
            await interaction.response.defer()
            return

        async def prepare() -> GenerationRequest:
            return mended.request

        mended.taken = True
        try:
            mended.taken = await self.take(interaction, prepare, private=mended.request.private)
        except BaseException:
            mended.taken = False
            raise


def origin_of(interaction: Interaction) -> Origin:
    """Read where a request comes from, and what the bot may do there."""
    created_ms = int(interaction.created_at.timestamp() * 1000)
    return Origin(
        source_kind="interaction",
        source_id=str(interaction.id),
        user_id=interaction.user.id,
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id or 0,
        application_id=interaction.application_id,
        interaction_token=interaction.token,
        token_expires_at_ms=created_ms + TOKEN_LIFE_MS,
        upload_limit_bytes=interaction.filesize_limit,
        locale=str(interaction.locale),
        missing_permissions=_missing(interaction),
    )


def _missing(interaction: Interaction) -> tuple[str, ...]:
    have = interaction.app_permissions
    thread = isinstance(interaction.channel, discord.Thread)
    needed = {
        "View Channel": have.view_channel,
        "Send Messages in Threads" if thread else "Send Messages": (
            have.send_messages_in_threads if thread else have.send_messages
        ),
        "Attach Files": have.attach_files,
    }
    return tuple(name for name, given in needed.items() if not given)


def _mended(error: BotError, request: GenerationRequest, price_credits: int) -> tuple[GenerationRequest, str] | None:
    """Return what could be asked for instead, and the words on its button."""
    if isinstance(error, QuotaExceeded) and error.scope is not LimitScope.PROVIDER:
        count = min(error.left_credits // price_credits, request.count - 1)
    elif isinstance(error, TooManyAtOnce):
        count = min(error.limit - error.running, request.count - 1)
    elif isinstance(error, BadOption) and error.option in request.options:
        options = {name: value for name, value in request.options.items() if name != error.option}
        mended = request.model_copy(update={"options": options})
        return mended, mend_words(count=request.count, cost_credits=None, without=error.option)
    else:
        return None
    if count < 1:
        return None
    mended = request.model_copy(update={"count": count})
    return mended, mend_words(count=count, cost_credits=count * price_credits, without=None)
