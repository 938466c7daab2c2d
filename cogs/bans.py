"""/ban, /unban and /bans: from the bot alone, in this server."""

from __future__ import annotations

import re

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import BotClient, CannotDo, Interaction, say
from bot.presses import Submitted, on_choice, on_press, on_submit
from bot.rights import may_ban
from bot.ui import moderation_ids as ids
from bot.ui.bans import FOR_GOOD, LASTING_S, PAGE, ban_form, banned_card, bans_card, unbanned_card

_NOBODY = discord.AllowedMentions.none()


class Bans(commands.Cog):
    """For those who may time members out, or manage the server; asked with every press."""

    def __init__(self, client: BotClient) -> None:
        self._client = client
        self._house = client.services.house
        self._moderation = client.services.moderation
        self._generations = client.services.generations

    @app_commands.command(name="ban", description="Ban a member from this bot, here and from nothing else.")
    @app_commands.describe(
        member="Whom.", reason="Why: they see it when they try to use the bot.", expires="For how long."
    )
    @app_commands.choices(expires=[app_commands.Choice(name=words, value=words) for words in LASTING_S])
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.default_permissions(moderate_members=True)
    async def ban(
        self,
        interaction: Interaction,
        member: discord.User,
        reason: app_commands.Range[str, 1, 500] | None = None,
        expires: str = FOR_GOOD,
    ) -> None:
        """Ban somebody."""
        await self._ban(interaction, member, reason or "", expires)

    @app_commands.command(name="unban", description="Lift a member's ban from this bot.")
    @app_commands.describe(member="Whose ban.", reason="Why: it stands in the log of changes.")
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.default_permissions(moderate_members=True)
    async def unban(
        self,
        interaction: Interaction,
        member: discord.User,
        reason: app_commands.Range[str, 1, 500] | None = None,
    ) -> None:
        """Lift a ban."""
        guild = may_ban(interaction)
        stood = await self._house.unban(guild.id, member.id, by=interaction.user.id, reason=reason or "")
        await say(interaction, view=unbanned_card(member.id, stood=stood))

    @app_commands.command(name="bans", description="Who is banned from this bot here, until when, and why.")
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.default_permissions(moderate_members=True)
    async def bans(self, interaction: Interaction) -> None:
        """List the bans that stand."""
        await self._show(interaction, 0)

    async def turned(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Turn the page."""
        await self._show(interaction, int(match["offset"]))

    async def lifted(self, interaction: Interaction, _match: re.Match[str], values: list[str]) -> None:
        """Lift the ban that was chosen."""
        guild = may_ban(interaction)
        user_id = int(values[0]) if values and values[0].isdecimal() else 0
        stood = await self._house.unban(guild.id, user_id, by=interaction.user.id)
        said = f"The ban of <@{user_id}> is lifted." if stood else f"No ban stood for <@{user_id}> any more."
        await self._show(interaction, 0, said)

    # --- the maker of what was reported ---

    async def maker_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Open the form that bans the maker of a reported picture."""
        guild = may_ban(interaction)
        report = await self._moderation.get_report(int(match["report_id"]))
        view = await self._generations.view(report.request_id) if report is not None else None
        if report is None or view is None or report.guild_id != guild.id:
            raise CannotDo(user_message="This report is not here.")
        await interaction.response.send_modal(ban_form(view.user_id, self._known(guild, view.user_id) or "its maker"))

    async def form_sent(self, interaction: Interaction, match: re.Match[str], submitted: Submitted) -> None:
        """Ban whom the form is about."""
        guild = may_ban(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        person = await self._person(guild, int(match["user_id"]))
        await self._ban(interaction, person, submitted.text("reason"), submitted.choice("expires") or FOR_GOOD)

    async def _ban(
        self, interaction: Interaction, person: discord.abc.User | discord.Object, reason: str, expires: str
    ) -> None:
        guild = may_ban(interaction)
        if person.id == interaction.user.id:
            raise CannotDo(user_message="You can't ban yourself from the bot.")
        if isinstance(person, discord.abc.User) and person.bot:
            raise CannotDo(user_message="That is a bot; bots can't ask me for pictures.")
        if _manages(guild, person) and not interaction.permissions.manage_guild:
            raise CannotDo(user_message="They manage this server; only others who do can ban them from the bot.")
        if expires not in LASTING_S:
            raise CannotDo(user_message="Choose from the list how long the ban lasts.")
        lasts_s = LASTING_S[expires]
        now_ms = int(interaction.created_at.timestamp() * 1000)
        before = await self._house.ban_of(guild.id, person.id)
        ban = await self._house.ban(
            guild.id,
            person.id,
            by=interaction.user.id,
            reason=reason,
            expires_at_ms=None if lasts_s is None else now_ms + lasts_s * 1000,
        )
        await say(interaction, view=banned_card(ban, again=before is not None))

    async def _show(self, interaction: Interaction, offset: int, said: str | None = None) -> None:
        guild = may_ban(interaction)
        found, total = await self._house.bans(guild.id, limit=PAGE, offset=offset)
        if not found and offset:
            offset = 0
            found, total = await self._house.bans(guild.id, limit=PAGE)
        names = {ban.user_id: name for ban in found if (name := self._known(guild, ban.user_id))}
        card = bans_card(found, total, names, offset=offset, said=said)
        message = interaction.message
        ours = message is not None and message.flags.ephemeral and not message.attachments
        if ours:
            await interaction.response.edit_message(view=card, allowed_mentions=_NOBODY)
        else:
            await say(interaction, view=card)

    def _known(self, guild: discord.Guild, user_id: int) -> str | None:
        person = guild.get_member(user_id) or self._client.get_user(user_id)
        return person.display_name if person is not None else None

    async def _person(self, guild: discord.Guild, user_id: int) -> discord.abc.User | discord.Object:
        """Return a member as Discord has them; people who left can be banned as well."""
        member = guild.get_member(user_id)
        if member is not None:
            return member
        try:
            return await guild.fetch_member(user_id)
        except discord.HTTPException:
            return discord.Object(user_id)


def _manages(guild: discord.Guild, person: discord.abc.User | discord.Object) -> bool:
    if person.id == guild.owner_id:
        return True
    return isinstance(person, discord.Member) and person.guild_permissions.manage_guild


async def setup(client: BotClient) -> None:
    """Add the commands, and what stands under a report."""
    cog = Bans(client)
    await client.add_cog(cog)
    on_press(client, ids.BANS, cog.turned)
    on_choice(client, ids.UNBAN, cog.lifted)
    on_press(client, ids.REPORT_BAN, cog.maker_pressed)
    on_submit(client, ids.BAN_FORM, cog.form_sent)
