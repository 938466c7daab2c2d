"""The discord.py client: intents, start, commands registered when they changed, and one place for errors."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import discord
import structlog
from discord import app_commands
from discord.ext import commands

from bot.command_rights import CommandRights
from bot.config import Settings
from bot.credits.quotas import QuotaExceeded
from bot.errors import BotError, ReferenceRefused, StorageDown
from bot.generations.gallery import Gallery
from bot.generations.house import House, SettingRefused
from bot.generations.moderation import Moderation
from bot.generations.operator_desk import DeskRefused, OperatorDesk
from bot.generations.precedence import Precedence
from bot.generations.preferences import PreferencesBook
from bot.generations.privacy import Privacy
from bot.generations.protocols import Fetcher
from bot.generations.quota_desk import QuotaDesk
from bot.generations.refusals import Refused
from bot.generations.service import Generations
from bot.generations.store import FileStore
from bot.generations.tray import Tray
from bot.generations.usage import UsageBook
from bot.rivya import BadOption, Catalogue
from bot.ui.card import SLATE, Card
from bot.ui.failure import error_card, unheard_card, unwritten_card
from bot.ui.refusal import refusal_card

if TYPE_CHECKING:
    Interaction = discord.Interaction["BotClient"]
else:
    Interaction = discord.Interaction

log = structlog.get_logger(__name__)

EXTENSIONS = (
    "cogs.imagine",
    "cogs.requests",
    "cogs.history",
    "cogs.show",
    "cogs.queue",
    "cogs.preferences",
    "cogs.credits",
    "cogs.about",
    "cogs.menus",
    "cogs.tray",
    "cogs.mentions",
    "cogs.results",
    "cogs.setup",
    "cogs.settings",
    "cogs.bans",
    "cogs.privacy",
    "cogs.quota",
    "cogs.usage",
    "cogs.operator",
)


class CannotDo(BotError):
    """A command or button can't do what was asked of it; nothing is wrong, and ``user_message`` says why not."""

    code = "cannot_do"


@dataclass(frozen=True, slots=True)
class Services:
    """What the cogs may call."""

    settings: Settings
    generations: Generations
    catalogue: Catalogue
    store: FileStore
    fetcher: Fetcher
    tray: Tray
    moderation: Moderation
    gallery: Gallery
    preferences: PreferencesBook
    house: House
    privacy: Privacy
    usage: UsageBook
    quotas: QuotaDesk
    operator: OperatorDesk
    precedence: Precedence


class BotClient(commands.Bot):
    """Connects to Discord and hands interactions to the cogs.

    ``sync`` registers the commands when they differ from what was registered last.
    """

    def __init__(self, services: Services) -> None:
        # An app that people can install for themselves is used in servers that nobody allowed: only where the operator
        # gives people an allowance of their own.
        personal = services.settings.personal_credits_per_month != 0
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            # Mentions come with the messages of servers; what others write is stripped unless the operator wants it.
            intents=discord.Intents(
                guilds=True,
                guild_messages=True,
                dm_messages=True,  # whoever writes to the bot itself is told how it is used
                message_content=services.settings.message_content_intent,
            ),
            tree_cls=_Tree,
            allowed_installs=app_commands.AppInstallationType(guild=True, user=personal),
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=personal, private_channel=personal),
            allowed_mentions=discord.AllowedMentions.none(),
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
        )
        self.services = services
        self.command_rights = CommandRights(self)
        self.has_synced = False
        """Whether it has registered its commands since it was made."""
        self._taking = 0
        self._none_taking = asyncio.Event()
        self._none_taking.set()
        self._stopping = False
        self._connected = False

    @contextmanager
    def taking(self) -> Iterator[bool]:
        """Mark that a request is being taken; gives False when the bot is stopping and takes no more."""
        self._taking += 1
        self._none_taking.clear()
        try:
            with self.services.precedence.answering():
                yield not self._stopping
        finally:
            self._taking -= 1
            if not self._taking:
                self._none_taking.set()

    async def stop_taking(self, patience_s: float) -> None:
        """Take no more requests, and return when those that are being taken are acknowledged (or void)."""
        self._stopping = True
        try:
            await asyncio.wait_for(self._none_taking.wait(), patience_s)
        except TimeoutError:
            log.warning("client.still_taking", requests=self._taking)

    async def setup_hook(self) -> None:
        """Load the cogs and register the commands if they changed."""
        for extension in EXTENSIONS:
            if extension not in self.extensions:  # a login that failed half-way is tried again
                await self.load_extension(extension)
        try:
            await self.sync_if_changed()
        except discord.HTTPException:
            # The commands that Discord knows go on working, and so does what is in work; the next start tries again.
            log.exception("commands.not_synced")

    async def sync_if_changed(self, *, force: bool = False) -> bool:
        """Register the commands unless Discord has just these; tells whether it did."""
        wanted = json.dumps([command.to_dict(self.tree) for command in self.tree.get_commands()], sort_keys=True)
        digest = hashlib.sha256(wanted.encode()).hexdigest()
        fact = f"commands.{self.application_id}"
        if not force and await self.services.generations.fact(fact) == digest:
            log.info("commands.unchanged")
            return False
        synced = await self.tree.sync()
        self.has_synced = True
        await self.services.generations.remember(fact, digest)
        log.info("commands.synced", count=len(synced))
        return True

    async def on_message(self, message: discord.Message, /) -> None:
        """There are no commands by prefix: a mention is heard by ``cogs.mentions``."""

    def is_connected(self) -> bool:
        """Tell whether the gateway speaks to it: `is_ready` goes on saying so when the connection is lost."""
        return self._connected and not self.is_closed()

    async def on_disconnect(self) -> None:
        """Say that the connection is lost; discord.py brings it back."""
        if self._connected:
            log.warning("discord.disconnected")
        self._connected = False

    async def on_resumed(self) -> None:
        """Say that it is connected again."""
        self._connected = True
        log.info("discord.resumed")

    async def on_ready(self) -> None:
        """Say that it is connected."""
        self._connected = True
        self.command_rights.forget_all()  # a new session: what changed meanwhile was told to nobody
        log.info("discord.ready", user_id=self.user.id if self.user else None, guilds=len(self.guilds))

    async def on_raw_app_command_permissions_update(
        self, payload: discord.RawAppCommandPermissionsUpdateEvent, /
    ) -> None:
        """Take note that a server's admins have changed who may use which command."""
        self.command_rights.forget(payload.guild.id)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        """Log what an event handler raised."""
        log.error("discord.event_failed", discord_event=event_method, exc_info=sys.exc_info())


class _Tree(app_commands.CommandTree[BotClient]):
    async def on_error(self, interaction: Interaction, error: app_commands.AppCommandError, /) -> None:
        """Reply to whatever a command raised."""
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
        await reply_to_error(interaction, cause)


_ASKING = "asking for a picture"
_TOO_LATE = frozenset({10015, 10062, 40060, 50027})
"""The interaction is over, or was answered: discord.py repeats a call whose answer was an error."""


def asking(interaction: Interaction) -> None:
    """Mark an interaction that asks for a picture: until the intake has it, whatever fails has charged nothing."""
    interaction.extras[_ASKING] = True


def taken_up(interaction: Interaction) -> None:
    """Note that the intake has it: it says itself what became of the credits."""
    interaction.extras.pop(_ASKING, None)


async def reply_to_error(interaction: Interaction, error: BaseException) -> None:
    """Tell the person what went wrong, ephemerally where that is still possible; the one place that does."""
    nothing_charged = _ASKING in interaction.extras
    card = card_of(error, nothing_charged=nothing_charged)
    if card is None and _is_unheard(error):
        # An answer that had arrived stands, and Discord takes no second one.
        log.warning("interaction.unanswered", error=type(error).__name__, code=getattr(error, "code", None))
        card = unheard_card(nothing_charged=nothing_charged)
    if card is None:
        reference = secrets.token_hex(3)
        log.error("interaction.failed", reference=reference, user_id=interaction.user.id, exc_info=error)
        card = error_card(reference, nothing_charged=nothing_charged)
    await say(interaction, view=card)


def _is_unheard(error: BaseException) -> bool:
    """Tell whether a call of Discord's failed, or its answer was lost: no error of ours, but for a call it refuses."""
    if isinstance(error, discord.HTTPException):
        return error.status >= 500 or error.status in {401, 429} or error.code in _TOO_LATE
    return isinstance(error, aiohttp.ClientError | ConnectionError | TimeoutError)


def card_of(error: BaseException, *, nothing_charged: bool) -> Card | None:
    """Return what a person is told of an error that is foreseen, None for one that is not.

    ``nothing_charged``: a picture was asked for, and it is sure that the request came to nothing by it.
    """
    if isinstance(error, (CannotDo, SettingRefused, DeskRefused)):
        return Card(SLATE, f"**{error.user_message}**")
    if isinstance(error, StorageDown) and not nothing_charged:
        return unwritten_card()
    if isinstance(error, (Refused, QuotaExceeded, BadOption, ReferenceRefused, StorageDown)):
        return refusal_card(error)
    return None


async def guarded(interaction: Interaction, work: Callable[[], Awaitable[None]]) -> None:
    """Run a button's or select's work; errors get the same replies as a command's."""
    try:
        await work()
    except Exception as error:  # noqa: BLE001 - the end of the line: whatever it is becomes a reply and a log entry
        await reply_to_error(interaction, error)


async def say(
    interaction: Interaction, *, view: discord.ui.LayoutView, files: list[discord.File] | None = None
) -> bool:
    """Answer privately: as the response, in place of the deferred one, or after it; tells whether it was said."""
    nobody = discord.AllowedMentions.none()
    try:
        if not interaction.response.is_done():
            await interaction.response.send_message(
                view=view, files=files or [], ephemeral=True, allowed_mentions=nobody
            )
        else:
            await interaction.followup.send(view=view, files=files or [], ephemeral=True, allowed_mentions=nobody)
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        # The person can't be reached this way any more; whatever was decided stands in the rows.
        log.warning("reply.not_sent", error=type(error).__name__, code=getattr(error, "code", None))
        return False
    return True
