"""A mention of the bot with a prompt and pictures is a request, as /imagine would be."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import OrderedDict, deque
from typing import Final

import discord
import structlog
from discord.ext import commands

from bot.asks import UNHEARD, MessageAsk
from bot.client import BotClient, card_of
from bot.errors import BotError
from bot.gathering import Found, Gathered, gather, images_in, joined
from bot.generations.defaults import FOLLOWS_REFERENCE, with_usual
from bot.generations.values import GenerationRequest, Origin
from bot.intake import Intake
from bot.rights import Viewer
from bot.ui.card import Card
from bot.ui.failure import error_card
from bot.ui.found import ask_card, direct_card, how_to_card, slower_card

log = structlog.get_logger(__name__)

ANSWERS_PER_MINUTE: Final = 6
"""Of one person. Whatever comes beyond is not answered, but for one word that it is too much."""
DRAFT_LIFE_S: Final = 15 * 60
TOLD_AGAIN_S: Final = 10 * 60
"""Whoever writes more in direct messages has read how it goes."""
REPLY_PATIENCE_S: Final = 10.0
"""For the message that is replied to, where Discord has not brought it along; without it the person is asked."""
REMEMBERED: Final = 1000
"""People, and events, that are remembered against storms and repetitions."""
_WORDS: Final = {discord.MessageType.default, discord.MessageType.reply}


class Mentions(commands.Cog):
    """Listens for messages that name the bot by a literal mention; a reply's ping is none."""

    def __init__(self, client: BotClient, intake: Intake) -> None:
        self._client = client
        self._services = client.services
        self._intake = intake
        self._heard: OrderedDict[int, None] = OrderedDict()
        self._told: OrderedDict[int, float] = OrderedDict()
        self._answered: OrderedDict[int, deque[float]] = OrderedDict()

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Take a request, ask, or say how it is done."""
        guild = message.guild
        if guild is None:
            await self._direct(message)
            return
        if not self._is_for_us(message) or not self._is_new(message.id):
            return
        ask = MessageAsk(message, application_id=self._client.application_id or 0)
        answers = self._in_this_minute(message)
        if answers > ANSWERS_PER_MINUTE:
            if answers == ANSWERS_PER_MINUTE + 1:
                await ask.answer(slower_card())
            return
        try:
            await self._answer(message, ask, guild.id)
        except Exception as error:  # noqa: BLE001 - the end of the line: whatever it is becomes a reply and a log entry
            await ask.answer(self._said_of(error, message, nothing_charged=not ask.taken_up))

    async def _direct(self, message: discord.Message) -> None:
        """Say, now and then, that in direct messages there are the commands."""
        if message.author.bot or message.type not in _WORDS or not self._is_new(message.id):
            return
        at_s, told_s = message.created_at.timestamp(), self._told.get(message.author.id)
        if told_s is not None and at_s - told_s < TOLD_AGAIN_S:
            return
        self._told[message.author.id] = at_s
        self._told.move_to_end(message.author.id)
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        personal = self._services.settings.personal_credits_per_month != 0
        await MessageAsk(message, application_id=self._client.application_id or 0).answer(
            direct_card(personal=personal)
        )

    def _said_of(self, error: Exception, message: discord.Message, *, nothing_charged: bool) -> Card:
        known = card_of(error, nothing_charged=nothing_charged)
        if known is not None:
            return known
        reference = secrets.token_hex(3)
        log.error("mention.failed", reference=reference, user_id=message.author.id, exc_info=error)
        return error_card(reference, nothing_charged=nothing_charged)

    async def _answer(self, message: discord.Message, ask: MessageAsk, guild_id: int) -> None:
        if ask.person is not None:
            await self._client.command_rights.check(ask.person)
        prompt = self._prompt(message)
        replied, blind = await self._replied_to(message)
        own = self._found(message)
        member = message.author if isinstance(message.author, discord.Member) else None
        gathered = await gather(
            joined(replied, own),
            self._services.generations,
            Viewer(message.author.id, guild_id, message.channel.id, member).sees,
        )
        if not prompt:
            await ask.answer(how_to_card(self._name, images=len(gathered.images)))
            return
        request = await self._request(ask.origin, prompt, gathered)
        # What lies about in somebody else's message is no part of the request; what one attaches oneself is.
        if gathered.images and not blind and not own.unusable:

            async def prepare() -> GenerationRequest:
                return request

            await self._intake.take(ask, prepare, private=False)
            return
        await self._ask_first(message, ask, request, blind=blind, unusable=[item.sentence for item in own.unusable])

    async def _request(self, origin: Origin, prompt: str, gathered: Gathered) -> GenerationRequest:
        """Return what is asked for, with what the person usually wants; never private, since the words are not."""
        usual = await self._services.preferences.of(origin.user_id)
        request = with_usual(
            GenerationRequest(
                prompt=prompt, references=gathered.images, parent=gathered.parent, notify=usual.notify or False
            ),
            usual,
            self._services.catalogue,
            await self._services.house.rules(origin.guild_id),
        )
        if not gathered.images or "aspect_ratio" in request.options:
            return request
        # There is no place to choose a ratio in a sentence: it follows the first image.
        return request.model_copy(update={"options": {**request.options, "aspect_ratio": FOLLOWS_REFERENCE}})

    async def _ask_first(
        self, message: discord.Message, ask: MessageAsk, request: GenerationRequest, *, blind: bool, unusable: list[str]
    ) -> None:
        """Show what it would be and cost; every check is made before, so that nobody agrees to what can't be."""
        generations = self._services.generations
        try:
            quote = await generations.quote(request, ask.origin)
        except BotError as error:
            # What was meant to be used, and can't be, is no part of the request: that is not offered unasked.
            await self._intake.refuse(ask, error, None if blind or unusable else request)
            return
        draft_id = await generations.keep_draft(
            request, user_id=ask.origin.user_id, guild_id=ask.origin.guild_id, life_s=DRAFT_LIFE_S
        )
        card = ask_card(
            request.prompt,
            quote,
            draft_id=draft_id,
            images=len(request.references),
            blind=blind,
            unusable=unusable,
        )
        await ask.answer(card)

    # --- what a message says ---

    def _is_for_us(self, message: discord.Message) -> bool:
        author = message.author
        if author.bot or message.webhook_id is not None or message.type not in _WORDS:
            return False
        return self._mention.search(message.content) is not None

    @property
    def _mention(self) -> re.Pattern[str]:
        user = self._client.user
        return re.compile(rf"<@!?{user.id if user is not None else 0}>")

    @property
    def _name(self) -> str:
        return self._client.user.display_name if self._client.user is not None else "me"

    def _prompt(self, message: discord.Message) -> str:
        """Return the words without the mention; other people by their names, as one reads them."""
        text = self._mention.sub(" ", message.content)
        for user in message.mentions:
            text = user.display_name.join(re.split(rf"<@!?{user.id}>", text))
        text = re.sub(r"<a?:(\w+):\d+>", r"\1", text)
        return "\n".join(" ".join(line.split()) for line in text.strip().splitlines()).strip()

    def _found(self, message: discord.Message) -> Found:
        return images_in(message, cdn_url=self._services.settings.discord_cdn_url)

    async def _replied_to(self, message: discord.Message) -> tuple[Found, bool]:
        """Return the images of the message that is replied to, and whether Discord kept its content from us."""
        reference = message.reference
        if reference is None or reference.message_id is None or message.type is not discord.MessageType.reply:
            return Found(), False
        target = reference.resolved
        if target is None:  # Discord did not say; a deleted one it does
            try:
                async with asyncio.timeout(REPLY_PATIENCE_S):
                    target = await message.channel.fetch_message(reference.message_id)
            except UNHEARD as error:
                log.info("mention.reply_unread", error=type(error).__name__, code=getattr(error, "code", None))
                return Found(), not isinstance(error, discord.NotFound)
        if not isinstance(target, discord.Message):
            return Found(), False
        found = self._found(target)
        return found, self._is_stripped(target)

    def _is_stripped(self, target: discord.Message) -> bool:
        if self._client.intents.message_content or target.author == self._client.user:
            return False
        # Nobody can post nothing: where nothing is there, it was taken out.
        return not (_says_anything(target) or any(map(_says_anything, target.message_snapshots)))

    # --- storms and repetitions ---

    def _is_new(self, message_id: int) -> bool:
        if message_id in self._heard:  # the gateway says some things twice
            return False
        self._heard[message_id] = None
        while len(self._heard) > REMEMBERED:
            self._heard.popitem(last=False)
        return True

    def _in_this_minute(self, message: discord.Message) -> int:
        """Count a person's mentions within a minute, this one included, by the messages' own time."""
        at_s = message.created_at.timestamp()
        times = self._answered.setdefault(message.author.id, deque(maxlen=ANSWERS_PER_MINUTE + 2))
        self._answered.move_to_end(message.author.id)
        while len(self._answered) > REMEMBERED:
            self._answered.popitem(last=False)
        while times and at_s - times[0] >= 60:
            times.popleft()
        times.append(at_s)
        return len(times)


def _says_anything(part: discord.Message | discord.MessageSnapshot) -> bool:
    return bool(part.content or part.attachments or part.embeds or part.components or part.stickers)


async def setup(client: BotClient) -> None:
    """Listen."""
    await client.add_cog(Mentions(client, Intake(client)))
