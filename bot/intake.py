"""Takes a request: preflight, price, accept, acknowledge, in the order that keeps replies true."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from bot.asks import ACKNOWLEDGE_FIRST_S, UNHEARD, Ask, InteractionAsk
from bot.client import BotClient, CannotDo, Interaction, asking
from bot.elsewhere import ElsewhereAsk, channel_of, channels_for
from bot.errors import BotError
from bot.generations.house_rules import HouseRules
from bot.generations.mending import Change, Mended, cheaper, cost_of, mended, picture_price
from bot.generations.refusals import AgeRestrictedOnly, ChannelNotAllowed, Restarting, TermBlocked
from bot.generations.service import DRAFT_S
from bot.generations.states import RequestState
from bot.generations.values import Accepted, Derived, Draft, GenerationRequest, Quote
from bot.ui import ids
from bot.ui.confirm import confirm_card, moved_card, not_now_card
from bot.ui.failure import error_card, notice_card, void_card
from bot.ui.offers import mend_words
from bot.ui.progress import progress_card
from bot.ui.refusal import Mend, refusal_card

log = structlog.get_logger(__name__)

REWRITE_LIFE_S: Final = 20 * 3600
"""A prompt that is to be changed may take its time; addresses of attachments live about a day."""

PrepareRequest = Callable[[], Awaitable[GenerationRequest]]


@dataclass(slots=True)
class _Asked:
    """What is known of a request while it is being taken."""

    agreed_credits: int | None
    named_credits: int | None
    request: GenerationRequest | None = None


class Intake:
    """One door for every request, whatever it comes from."""

    def __init__(self, client: BotClient) -> None:
        self._client = client
        self._generations = client.services.generations
        self._catalogue = client.services.catalogue
        self._house = client.services.house
        self._confirm_above_credits = client.services.settings.confirm_above_credits
        self._voiding: set[asyncio.Future[bool]] = set()

    async def take(
        self,
        ask: Ask,
        prepare: PrepareRequest,
        *,
        private: bool,
        agreed_credits: int | None = None,
        named_credits: int | None = None,
    ) -> bool:
        """Accept what ``prepare`` returns, acknowledge, and let it run; a refusal is told instead.

        Returns whether it runs. What costs more than may be spent without asking, or than ``named_credits`` (the price
        that a form or a choice named), is asked about first; nothing is held for that. Only ``agreed_credits``, the
        price on the button of an offer that was pressed, is an answer to that, for as much. Nothing runs before
        Discord has acknowledged. When that fails the request is voided: the person sees a failure, would ask again,
        and would pay twice. ``private`` is the request's own: it decides who sees the acknowledgement.
        """
        asked = _Asked(agreed_credits, named_credits)
        ask.take_up()
        with self._client.taking() as open_for_more:
            if not open_for_more:
                await self._refuse_while_stopping(ask, prepare, asked)
                return False
            return await self._take(ask, prepare, asked, private=private)

    async def _take(self, ask: Ask, prepare: PrepareRequest, asked: _Asked, *, private: bool) -> bool:
        deciding = asyncio.ensure_future(self._decide(ask, prepare, asked))
        try:
            return await self._answer(ask, deciding, asked, private=private)
        except BotError as error:
            if await self._void(deciding):
                await self.refuse(ask, error, asked.request)
            else:
                await self._tell_error(ask, error, nothing_charged=False)
        except Exception as error:  # noqa: BLE001 - whatever it is, the person hears what became of the credits
            ours = not isinstance(error, UNHEARD) or _raised_by(deciding, error)
            nothing_charged = await self._void(deciding)
            if ours:
                await self._tell_error(ask, error, nothing_charged=nothing_charged)
            else:  # whether the person has seen an acknowledgement is unknown
                log.warning("acknowledgement.failed", error=str(error)[:200])
                if nothing_charged:  # else it runs, and its own card says what becomes of it
                    await ask.void(void_card())
        except BaseException:
            await self._void(deciding)
            raise
        return False

    async def _decide(self, ask: Ask, prepare: PrepareRequest, asked: _Asked) -> Accepted | Quote:
        if ask.person is not None:
            await self._client.command_rights.check(ask.person)
        request = asked.request = await prepare()
        cost = cost_of(self._catalogue, request)
        if cost is not None and self._is_to_be_asked(cost, asked):
            return await self._generations.quote(request, ask.origin)
        # Nothing is awaited until the price is fixed in there: it is the one that was looked at here.
        return await self._generations.accept(request, ask.origin)

    def _is_to_be_asked(self, cost_credits: int, asked: _Asked) -> bool:
        if asked.agreed_credits is not None:
            return cost_credits > asked.agreed_credits
        if asked.named_credits is not None and cost_credits > asked.named_credits:
            return True
        return self._confirm_above_credits is not None and cost_credits > self._confirm_above_credits

    async def _answer(
        self, ask: Ask, deciding: asyncio.Future[Accepted | Quote], asked: _Asked, *, private: bool
    ) -> bool:
        message_id: int | None = None
        await asyncio.wait({deciding}, timeout=ask.patience_s)
        if not deciding.done():
            message_id = await ask.acknowledge(None, private=private)
        decided = await asyncio.shield(deciding)
        if isinstance(decided, Quote):
            await self._ask_first(ask, decided, asked)
            return False
        structlog.contextvars.bind_contextvars(request_id=decided.request_id)
        if decided.repeated:  # the first event was, or will be, answered
            if decided.pressed_again:
                await ask.pressed_again()
            return True
        if message_id is None:
            view = await self._generations.view(decided.request_id) if ask.patience_s is None else None
            message_id = await ask.acknowledge(view, private=private)
        notices = await self._generations.notices(user_id=ask.origin.user_id, guild_id=ask.origin.guild_id)
        if notices:
            await self._show_progress(ask, decided.request_id)
        running = await self._generations.acknowledged(decided.request_id, message_id=message_id)
        if not running:  # it came too late; if it was acknowledged after all, that says what came of it
            await ask.void(void_card())
        if notices and await ask.notice(notice_card(notices.waiting, notices.failed)):
            with contextlib.suppress(BotError):  # it is told once more then; the request runs in any case
                await self._generations.noticed(notices)
        return running

    async def _void(self, deciding: asyncio.Future[Accepted | Quote]) -> bool:
        """Give back whatever comes of ``deciding``, also when we are cancelled meanwhile; tells if nothing can run."""

        async def void() -> bool:
            try:
                decided = await deciding
            except Exception:  # noqa: BLE001 - it was told, or will be; nothing was accepted
                return True
            if isinstance(decided, Quote):
                return True
            if decided.repeated:
                return False
            try:
                voided = await self._generations.not_acknowledged(decided.request_id)
                view = None if voided else await self._generations.view(decided.request_id)
            except BotError:
                # What is not acknowledged can't run, and is voided as soon as that can be written down.
                return True
            return view is None or view.state is RequestState.VOID  # it was voided before us, or it runs

        voiding = asyncio.ensure_future(void())
        self._voiding.add(voiding)
        voiding.add_done_callback(self._voiding.discard)
        return await asyncio.shield(voiding)

    async def _show_progress(self, ask: Ask, request_id: str) -> None:
        view = await self._generations.view(request_id)
        if view is not None:
            await ask.show(progress_card(view))

    async def _tell_error(self, ask: Ask, error: Exception, *, nothing_charged: bool) -> None:
        reference = secrets.token_hex(3)
        log.error("intake.failed", reference=reference, user_id=ask.origin.user_id, exc_info=error)
        await ask.answer(error_card(reference, nothing_charged=nothing_charged))

    # --- refusing, and asking first: whatever a person typed is offered again, in one press ---

    async def _refuse_while_stopping(self, ask: Ask, prepare: PrepareRequest, asked: _Asked) -> None:
        try:
            async with asyncio.timeout(ACKNOWLEDGE_FIRST_S):
                asked.request = await prepare()
        except (BotError, OSError):
            asked.request = None  # it would be refused anyway, or takes too long to be kept
        await self.refuse(ask, Restarting(), asked.request)

    async def refuse(self, ask: Ask, error: BotError, request: GenerationRequest | None) -> None:
        """Say why a request is turned down, and offer ``request`` mended; None where it is not to be offered."""
        log.info("request.refused", code=error.code, reason=str(error)[:200], user_id=ask.origin.user_id)
        balance, mends = None, []
        price = picture_price(self._catalogue, request) if request is not None else None
        try:
            balance = await self._generations.balance(ask.origin.spender)
            rules = await self._house.rules(ask.origin.guild_id)
            allowed = [
                one for one in mended(error, request, self._catalogue) if rules.takes(one.request, self._catalogue)
            ]
            mends = [await self._offer(ask, instead) for instead in allowed]
            if isinstance(error, ChannelNotAllowed | AgeRestrictedOnly) and request is not None:
                mends = await self._offer_elsewhere(ask, request, rules)
            if isinstance(error, TermBlocked) and request is not None and not _has_our_words(request):
                draft_id = await self._keep(ask, request, life_s=REWRITE_LIFE_S)
                mends = [Mend("Change the prompt", ids.rewrite(draft_id))]
        except BotError as trouble:  # a refusal needs no database
            log.warning("refusal.without_offer", error=str(trouble)[:200])
        keeps = bool(mends) or ask.in_public or request is None or _has_our_words(request)
        card = refusal_card(
            error,
            balance=balance,
            mends=mends,
            picture_credits=price,
            in_public=ask.in_public,
            typed=request.prompt if request is not None and not keeps else None,
        )
        await ask.answer(card)

    async def _ask_first(self, ask: Ask, quote: Quote, asked: _Asked) -> None:
        request = asked.request
        if request is None:
            raise AssertionError("a price without a request")
        draft_id = await self._keep(ask, request)
        instead = cheaper(request, self._catalogue, quote.bounds)
        rules = await self._house.rules(ask.origin.guild_id)
        if instead is not None and not rules.takes(instead.request, self._catalogue):
            instead = None
        before = asked.agreed_credits if asked.agreed_credits is not None else asked.named_credits
        card = confirm_card(
            request,
            quote,
            model_label=self._catalogue.open_model(request.model).label,
            draft_id=draft_id,
            agree_id=ask.offer_id(draft_id, quote.cost_credits),
            instead=await self._offer(ask, instead) if instead is not None else None,
            before_credits=before if before is not None and before < quote.cost_credits else None,
        )
        log.info("request.asked_first", cost_credits=quote.cost_credits, user_id=ask.origin.user_id)
        await ask.answer(card)

    async def _offer_elsewhere(self, ask: Ask, request: GenerationRequest, rules: HouseRules) -> list[Mend]:
        """Offer a request in the channels where it may be made; a private one has no place there."""
        cost = cost_of(self._catalogue, request)
        if ask.member is None or request.private or cost is None or not rules.takes(request, self._catalogue):
            return []
        mends = []
        for channel in channels_for(ask.member, ask.origin, rules, in_public=ask.in_public):
            draft_id = await self._keep(ask, request)
            words = mend_words(Change.ELSEWHERE, f"#{channel.name}", count=request.count, cost_credits=cost)
            mends.append(Mend(words, ids.paint_there(draft_id, channel.id, cost)))
        return mends

    async def _offer(self, ask: Ask, instead: Mended) -> Mend:
        draft_id = await self._keep(ask, instead.request)
        words = mend_words(
            instead.change, instead.subject, count=instead.request.count, cost_credits=instead.cost_credits
        )
        return Mend(words, ask.offer_id(draft_id, instead.cost_credits))

    async def _keep(self, ask: Ask, request: GenerationRequest, *, life_s: float = DRAFT_S) -> str:
        return await self._generations.keep_draft(
            request, user_id=ask.origin.user_id, guild_id=ask.origin.guild_id, life_s=life_s
        )

    # --- the buttons of offers ---

    async def take_offer(self, interaction: Interaction, draft_id: str, agreed_credits: int) -> None:
        """Take the draft behind a button that named its price; however often it is pressed, that is one request."""
        asking(interaction)
        draft = await self.offered(interaction, draft_id)
        ask = InteractionAsk(interaction, draft_id=draft.id)
        if draft.request_id is not None:
            await ask.pressed_again()
            return

        async def prepare() -> GenerationRequest:
            return draft.request

        if await self.take(ask, prepare, private=draft.request.private, agreed_credits=agreed_credits):
            await clear_away(interaction)

    async def take_offer_there(
        self, interaction: Interaction, draft_id: str, channel_id: int, agreed_credits: int
    ) -> None:
        """Take the draft behind a button that named a channel and a price: its picture comes there."""
        asking(interaction)
        draft = await self.offered(interaction, draft_id)
        channel = channel_of(interaction, channel_id)
        # The card there comes after the hold, and may take longer than Discord waits for an answer here.
        await interaction.response.defer()
        if draft.request_id is not None:
            return

        async def prepare() -> GenerationRequest:
            return draft.request

        ask = ElsewhereAsk(interaction, channel, draft_id=draft.id)
        if await self.take(ask, prepare, private=False, agreed_credits=agreed_credits) and ask.message is not None:
            with contextlib.suppress(*UNHEARD):
                await interaction.edit_original_response(view=moved_card(channel.id, ask.message.jump_url))

    async def leave_offer(self, interaction: Interaction, draft_id: str) -> None:
        """Put away an offer that is not wanted."""
        draft = await self.offered(interaction, draft_id)
        if draft.request_id is not None:
            raise CannotDo(user_message="This is taken already. As long as it is not sent you can cancel it.")
        await interaction.response.edit_message(view=not_now_card(draft.request))

    async def offered(self, interaction: Interaction, draft_id: str) -> Draft:
        """Return the draft behind a button, for whoever asked; raises CannotDo for others, and when it is over."""
        draft = await self._generations.draft(draft_id)
        if draft is not None and draft.user_id != interaction.user.id:
            raise CannotDo(user_message="Only whoever asked for this can use the button.")
        if draft is None:  # removed a day after its time: whether it was taken nobody knows any more
            raise CannotDo(user_message="This offer is over. /history shows if it was taken; else nothing was charged.")
        if draft.expired and draft.request_id is None:
            raise CannotDo(user_message="This offer is over; nothing was charged. Please ask again.")
        return draft


def _has_our_words(request: GenerationRequest) -> bool:
    """Tell whether a prompt is not the person's own to change: a larger picture is asked for in fixed words."""
    return request.parent is not None and request.parent.derived_as is Derived.LARGER


def _raised_by(deciding: asyncio.Future[Accepted | Quote], error: Exception) -> bool:
    return deciding.done() and not deciding.cancelled() and deciding.exception() is error


async def clear_away(interaction: Interaction) -> None:
    """Take away the message with the offer that was taken; where Discord won't, its button does nothing any more."""
    message = interaction.message
    if message is None:
        return
    try:
        if message.flags.ephemeral:
            await interaction.followup.delete_message(message.id)
        else:
            await message.delete()
    except UNHEARD as error:
        log.debug("offer.not_cleared", error=type(error).__name__, code=getattr(error, "code", None))
