"""/operator: the account, the servers' allowances and pauses, what was borne, the log; for who runs the bot alone."""

from __future__ import annotations

import heapq
import re

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import BotClient, CannotDo, Interaction, say
from bot.generations.operator_desk import MOST_ALLOWED, REASON_LIMIT, Allowance, Changed, ServerStands
from bot.panels import put
from bot.presses import Submitted, on_choice, on_press, on_submit
from bot.rights import FOR_OPERATORS, check_operator
from bot.ui import operator_ids as ids
from bot.ui.card import Card
from bot.ui.operator import (
    allowance_form,
    books_card,
    changed_words,
    operator_log_card,
    pause_form,
    server_card,
    servers_card,
    status_card,
)
from bot.ui.operator_asking import asked_card
from bot.ui.text import label

_Text = app_commands.Range[str, 1, REASON_LIMIT]
_ID = re.compile(r"[0-9]{1,20}")
_SERVER = "One that is offered as you type, or its id."
_LARGEST_ID = 2**63 - 1
_MOST_OFFERED = 25


class Operator(commands.Cog):
    """The desk. Whoever presses, fills in or types is asked for with every step."""

    operator = app_commands.Group(
        name="operator",
        description="For who runs the bot: the account, servers' allowances, pauses, the books.",
        allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False),
        default_permissions=discord.Permissions(administrator=True),
        extras={FOR_OPERATORS: True},
    )

    def __init__(self, client: BotClient) -> None:
        self._client = client
        self._desk = client.services.operator

    # --- looking ---

    @operator.command(name="status", description="Credits and how long they last, what is in work, who spends.")
    async def status(self, interaction: Interaction) -> None:
        """Show how everything stands, privately."""
        check_operator(interaction)
        await say(interaction, view=status_card(await self._desk.status(), self._name))

    @operator.command(name="servers", description="All servers: what each spent this month, and what it may.")
    async def servers(self, interaction: Interaction) -> None:
        """Show the first page."""
        check_operator(interaction)
        await say(interaction, view=await self._servers(1))

    @operator.command(name="server", description="One server: its allowance, what it spent, and to pause it.")
    @app_commands.describe(server=_SERVER)
    async def server(self, interaction: Interaction, server: str) -> None:
        """Show one server."""
        check_operator(interaction)
        await say(interaction, view=self._card(await self._desk.server(await self._found(server))))

    @operator.command(name="books", description="What you bore: variance and losses, each with its reason.")
    async def books(self, interaction: Interaction) -> None:
        """Show the newest page."""
        check_operator(interaction)
        await say(interaction, view=books_card(*await self._desk.books(1), self._name))

    @operator.command(name="log", description="Who changed which server's allowance or pause, when and why.")
    async def log(self, interaction: Interaction) -> None:
        """Show the newest page."""
        check_operator(interaction)
        await say(interaction, view=operator_log_card(*await self._desk.history(1), self._name))

    # --- changing ---

    @operator.command(name="allowance", description="Set what a server may spend a month.")
    @app_commands.describe(
        server=_SERVER, credits="A number, or: default, unlimited.", reason="Why; it stands in the log."
    )
    async def allowance(
        self,
        interaction: Interaction,
        server: str,
        credits: app_commands.Range[str, 1, 20],  # noqa: A002 - the option's name
        reason: _Text | None = None,
    ) -> None:
        """Set a server's allowance at once, or ask first where it becomes less."""
        check_operator(interaction)
        await say(interaction, view=await self._allow(interaction, await self._found(server), credits, reason or ""))

    @operator.command(name="pause", description="Take no more requests of a server; what was submitted goes on.")
    @app_commands.describe(server=_SERVER, reason="Why; it stands in the log.")
    async def pause(self, interaction: Interaction, server: str, reason: _Text | None = None) -> None:
        """Ask whether a server is to be paused."""
        check_operator(interaction)
        await say(interaction, view=await self._pause(interaction, await self._found(server), reason or ""))

    @operator.command(name="resume", description="Take the requests of a paused server again.")
    @app_commands.describe(server=_SERVER, reason="Why; it stands in the log.")
    async def resume(self, interaction: Interaction, server: str, reason: _Text | None = None) -> None:
        """Resume a server."""
        check_operator(interaction)
        await say(interaction, view=await self._resume(interaction, await self._found(server), reason or ""))

    @server.autocomplete("server")
    @allowance.autocomplete("server")
    @pause.autocomplete("server")
    @resume.autocomplete("server")
    async def offered(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        """Offer servers by name or id, to operators alone."""
        try:
            check_operator(interaction)
        except CannotDo:
            return []
        typed = current.strip().casefold()
        there = heapq.nsmallest(
            _MOST_OFFERED,
            (guild for guild in self._client.guilds if typed in guild.name.casefold() or typed in str(guild.id)),
            key=lambda guild: (not guild.name.casefold().startswith(typed), guild.name.casefold(), guild.id),
        )
        digits = typed if _ID.fullmatch(typed) else ""
        found = await self._desk.offered([guild.id for guild in there], digits, limit=_MOST_OFFERED)
        return [
            app_commands.Choice(
                name=label(f"{self._name(guild_id) or 'Not there any more'}{' (paused)' if paused else ''}", 100),
                value=str(guild_id),
            )
            for guild_id, paused in found.items()
        ]

    # --- buttons, selects, forms ---

    async def status_pressed(self, interaction: Interaction, _match: re.Match[str]) -> None:
        """Show how everything stands, in place."""
        check_operator(interaction)
        await put(interaction, status_card(await self._desk.status(), self._name))

    async def read_pressed(self, interaction: Interaction, _match: re.Match[str]) -> None:
        """Read the key again and ask the account now."""
        check_operator(interaction)
        await interaction.response.defer()
        stands = await self._desk.read_again()
        await interaction.edit_original_response(
            view=status_card(stands, self._name), allowed_mentions=discord.AllowedMentions.none()
        )

    async def servers_turned(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Turn a page of the servers."""
        check_operator(interaction)
        await put(interaction, await self._servers(int(match["page"])))

    async def server_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Show one server, in place."""
        check_operator(interaction)
        await put(interaction, self._card(await self._desk.server(int(match["guild_id"]))))

    async def server_chosen(self, interaction: Interaction, _match: re.Match[str], values: list[str]) -> None:
        """Show the server that was chosen."""
        check_operator(interaction)
        await put(interaction, self._card(await self._desk.server(await self._found(values[0] if values else ""))))

    async def books_turned(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Turn a page of the books."""
        check_operator(interaction)
        await put(interaction, books_card(*await self._desk.books(int(match["page"])), self._name))

    async def log_turned(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Turn a page of the log."""
        check_operator(interaction)
        await put(interaction, operator_log_card(*await self._desk.history(int(match["page"])), self._name))

    async def allow_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Open the form of the allowance."""
        check_operator(interaction)
        stands = await self._desk.server(int(match["guild_id"]))
        await interaction.response.send_modal(allowance_form(stands, self._short_name(stands.guild_id)))

    async def pause_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Open the form that pauses."""
        check_operator(interaction)
        guild_id = int(match["guild_id"])
        await interaction.response.send_modal(pause_form(guild_id, self._short_name(guild_id)))

    async def resume_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Resume a server."""
        check_operator(interaction)
        await put(interaction, await self._resume(interaction, int(match["guild_id"]), ""))

    async def allow_sent(self, interaction: Interaction, match: re.Match[str], submitted: Submitted) -> None:
        """Set the allowance that was filled in, or ask first where it becomes less."""
        check_operator(interaction)
        guild_id = await self._found(match["guild_id"])
        typed, reason = submitted.text("credits"), submitted.text("reason")
        await put(interaction, await self._allow(interaction, guild_id, typed, reason))

    async def pause_sent(self, interaction: Interaction, match: re.Match[str], submitted: Submitted) -> None:
        """Ask whether the server that the form is about is to be paused."""
        check_operator(interaction)
        guild_id = await self._found(match["guild_id"])
        await put(interaction, await self._pause(interaction, guild_id, submitted.text("reason")))

    async def do_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Make the change that was asked about."""
        check_operator(interaction)
        await put(interaction, self._changed(await self._desk.confirm(match["draft_id"], by=interaction.user.id)))

    async def leave_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Make no change; what was kept expires by itself."""
        check_operator(interaction)
        stands = await self._desk.server(int(match["guild_id"]))
        await put(interaction, self._card(stands, "Left as it was. Nothing was changed."))

    # --- what all of them do ---

    async def _allow(self, interaction: Interaction, guild_id: int, typed: str, reason: str) -> Card:
        allowance, by = _allowance(typed), interaction.user.id
        asked = await self._desk.ask_allow(guild_id, allowance, by=by, reason=reason)
        if asked is not None:
            return asked_card(asked, self._name)
        event_id = str(interaction.id)
        return self._changed(await self._desk.allow(guild_id, allowance, by=by, reason=reason, event_id=event_id))

    async def _pause(self, interaction: Interaction, guild_id: int, reason: str) -> Card:
        return asked_card(await self._desk.ask_pause(guild_id, by=interaction.user.id, reason=reason), self._name)

    async def _resume(self, interaction: Interaction, guild_id: int, reason: str) -> Card:
        by, event_id = interaction.user.id, str(interaction.id)
        return self._changed(await self._desk.resume(guild_id, by=by, reason=reason, event_id=event_id))

    async def _servers(self, page: int) -> Card:
        return servers_card(await self._all(), page, self._name, default_credits=self._desk.default_credits)

    async def _all(self) -> list[ServerStands]:
        """Return all servers that the bot is in or knows, the greatest spender first."""
        found = list(await self._desk.servers())
        known = {one.guild_id for one in found}
        others = [guild for guild in self._client.guilds if guild.id not in known]
        if not others:
            return found
        fresh = await self._desk.server(others[0].id)
        untouched = sorted(others, key=lambda guild: guild.name.casefold())
        return [*found, *(ServerStands(guild.id, fresh.allowance, 0, fresh.resets_at_ms) for guild in untouched)]

    async def _found(self, typed: str) -> int:
        """Return the server that was chosen or typed. Raises CannotDo."""
        word = typed.strip()
        if _ID.fullmatch(word) and int(word) <= _LARGEST_ID:
            guild_id = int(word)
            if self._client.get_guild(guild_id) is not None or await self._desk.knows(guild_id):
                return guild_id
        named = [guild.id for guild in self._client.guilds if guild.name.casefold() == word.casefold()]
        if len(named) == 1:
            return named[0]
        raise CannotDo(user_message="I don't know that server. Choose one that is offered as you type, or give its id.")

    def _card(self, stands: ServerStands, said: str | None = None) -> Card:
        return server_card(stands, self._name, default_credits=self._desk.default_credits, said=said)

    def _changed(self, changed: Changed) -> Card:
        return self._card(changed.stands, changed_words(changed.line, repeated=changed.repeated))

    def _name(self, guild_id: int) -> str | None:
        guild = self._client.get_guild(guild_id)
        return guild.name if guild is not None else None

    def _short_name(self, guild_id: int) -> str:
        return label(self._name(guild_id) or f"server {guild_id}", 30)


def _allowance(typed: str) -> Allowance:
    word = typed.strip().casefold()
    if word == "default":
        return Allowance(own=False, credits=None)
    if word == "unlimited":
        return Allowance(own=True, credits=None)
    digits = word.replace(",", "").replace(" ", "")
    if not re.fullmatch(r"[0-9]{1,12}", digits) or int(digits) > MOST_ALLOWED:
        raise CannotDo(
            user_message=f"An allowance is a number from 0 to {MOST_ALLOWED:,}, or default, or unlimited. "
            "Nothing was changed."
        )
    return Allowance(own=True, credits=int(digits))


async def setup(client: BotClient) -> None:
    """Add the commands, and what stands on their cards."""
    cog = Operator(client)
    await client.add_cog(cog)
    on_press(client, ids.STATUS, cog.status_pressed)
    on_press(client, ids.READ_AGAIN, cog.read_pressed)
    on_press(client, ids.SERVERS, cog.servers_turned)
    on_press(client, ids.SERVER, cog.server_pressed)
    on_choice(client, ids.PICK, cog.server_chosen)
    on_press(client, ids.BOOKS, cog.books_turned)
    on_press(client, ids.LOG, cog.log_turned)
    on_press(client, ids.ALLOW, cog.allow_pressed)
    on_press(client, ids.PAUSE, cog.pause_pressed)
    on_press(client, ids.RESUME, cog.resume_pressed)
    on_press(client, ids.DO, cog.do_pressed)
    on_press(client, ids.LEAVE, cog.leave_pressed)
    on_submit(client, ids.ALLOW_FORM, cog.allow_sent)
    on_submit(client, ids.PAUSE_FORM, cog.pause_sent)
