"""/quota: who may spend what in a server, beginning with how it stands; for those who manage it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any, TypeVar

import discord
from discord import app_commands
from discord.ext import commands
from pydantic import ValidationError

from bot.client import BotClient, CannotDo, Interaction, say
from bot.credits.quota_repository import values_of
from bot.credits.quota_rules import ALL_MODELS, Rule, Scope
from bot.credits.windows import Period, zone_names
from bot.generations.quota_changes import (
    MOST_GRANTED,
    Change,
    GrantChange,
    RefundChange,
    RuleChange,
    RuleRemoval,
    ZoneChange,
    merged,
)
from bot.generations.quota_desk import ChangeRefused, Preview
from bot.origins import spender_of
from bot.panels import ask, change_or_ask, is_large
from bot.presses import on_choice, on_press
from bot.quota_options import CHECK, CREDITS, MORE, WHOM, WHY, Channel, Days, Given, Text, taking
from bot.rights import is_operator, managed
from bot.ui import quota_ids as ids
from bot.ui.choices import models_of_rule_choices, refund_choices, zone_choices
from bot.ui.quotas import changed_card, left_card, log_card, named, rules_card, rules_shown
from bot.ui.standing import explain_card
from bot.ui.words import model_label

C = TypeVar("C")

_NAMES_S = 1.0
"""So long Discord is asked for names; a press must be answered within three seconds."""
_WHICH = re.compile(rf"(?P<scope>{'|'.join(Scope)}):(?P<subject_id>-?[0-9]{{1,20}})")
_NOBODY = discord.AllowedMentions.none()


class Quota(commands.Cog):
    """Rules, what comes of them, extra credits and refunds."""

    quota = app_commands.Group(
        name="quota",
        description="Who may spend what in this server: rules, extra credits, refunds.",
        guild_only=True,
        allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
        default_permissions=discord.Permissions(manage_guild=True),
    )

    def __init__(self, client: BotClient) -> None:
        self._services = client.services
        self._desk = client.services.quotas
        self._catalogue = client.services.catalogue
        self._default_credits = client.services.settings.member_credits_per_month

    # --- looking ---

    @quota.command(name="list", description="All rules of this server, and what holds where there is none.")
    async def list_rules(self, interaction: Interaction) -> None:
        """Show the first page, privately."""
        guild = managed(interaction)
        await say(interaction, view=await self._rules(guild, 1))

    async def rules_turned(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Turn a page of the list."""
        guild = managed(interaction)
        await interaction.response.edit_message(
            view=await self._rules(guild, int(match["page"])), allowed_mentions=_NOBODY
        )

    async def _rules(self, guild: discord.Guild, page: int) -> discord.ui.LayoutView:
        book = await self._desk.book(guild.id)
        return rules_card(
            book,
            guild.name,
            page,
            default_credits=self._default_credits,
            label_of=model_label,
            names=await _names(guild, [found.rule for found in rules_shown(book, page)[0]]),
        )

    @quota.command(name="explain", description="What a member may spend, rule by rule, and which limit binds.")
    @app_commands.describe(member="Whom to look at.", channel="Where they would ask; here, if you don't say.")
    async def explain(self, interaction: Interaction, member: discord.User, channel: Channel | None = None) -> None:
        """Show how a member stands."""
        guild = managed(interaction)
        standing = await self._desk.explain(spender_of(member, guild.id, channel or interaction.channel))
        card = explain_card(
            standing,
            user_id=member.id,
            default_credits=self._default_credits,
            max_running=self._services.settings.max_running_per_member,
            label_of=model_label,
            member=isinstance(member, discord.Member),
            house_models=(await self._services.house.rules(guild.id)).models,
            numbers=is_operator(interaction),
        )
        await say(interaction, view=card)

    @quota.command(name="log", description="Who changed what, from what, to what, when and why.")
    async def show_log(self, interaction: Interaction) -> None:
        """Show the newest page."""
        guild = managed(interaction)
        await say(interaction, view=await self._log(guild, 1))

    async def log_turned(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Turn a page of the log."""
        guild = managed(interaction)
        await interaction.response.edit_message(
            view=await self._log(guild, int(match["page"])), allowed_mentions=_NOBODY
        )

    async def _log(self, guild: discord.Guild, page: int) -> discord.ui.LayoutView:
        shown, page, pages = await self._desk.history(guild.id, page)
        return log_card(shown, page, pages, label_of=model_label)

    # --- rules ---

    @quota.command(name="set", description="Set what everyone, a role, a member, a channel or the server may spend.")
    @taking(CREDITS, WHOM, MORE, WHY)
    async def set_rule(self, interaction: Interaction, given: Given) -> None:
        """Set a rule at once, or ask first where it is a large change; what is not said stays as it is."""
        guild = managed(interaction)
        change, name = await self._rule_change(guild, given)
        preview = (
            await self._desk.preview(guild.id, change.rule) if await is_large(self._services, guild, change) else None
        )
        await self._change(interaction, guild, change, name, preview)

    @quota.command(name="preview", description="What a rule would change, for all and for one member; nothing is set.")
    @taking(CREDITS, WHOM, MORE, CHECK)
    async def preview(self, interaction: Interaction, given: Given) -> None:
        """Show what would come of a rule, with a button that sets it."""
        guild = managed(interaction)
        change, name = await self._rule_change(guild, given)
        looked_at, place = given["check"] or given["member"], given["channel"] or interaction.channel
        spender = spender_of(looked_at, guild.id, place) if looked_at is not None else None
        preview = await self._desk.preview(guild.id, change.rule, spender)
        await ask(self._services, interaction, guild, change, name=name, preview=preview, asked=False)

    @quota.command(name="remove", description="Remove a rule; what the other rules say holds then.")
    @taking(WHOM, WHY)
    async def remove(self, interaction: Interaction, given: Given) -> None:
        """Ask whether a rule is to be removed."""
        guild = managed(interaction)
        scope, subject_id, name = _whom(given)
        found = await self._desk.rule(guild.id, scope, subject_id)
        if found is None:
            raise CannotDo(user_message="There is no such rule. /quota list shows those that there are.")
        reason = given["reason"] or ""
        change = RuleRemoval(scope=scope, subject_id=subject_id, before=values_of(found.rule), reason=reason)
        await self._change(interaction, guild, change, name, None)

    async def rule_picked(self, interaction: Interaction, _match: re.Match[str], values: list[str]) -> None:
        """Ask whether a rule of the list is to be removed, also where whom it was for is gone."""
        guild = managed(interaction)
        which = _WHICH.fullmatch(values[0] if values else "")
        found = await self._desk.rule(guild.id, Scope(which["scope"]), int(which["subject_id"])) if which else None
        if found is None:
            raise CannotDo(user_message="There is no such rule any more. /quota list shows those that there are.")
        rule = found.rule
        change = RuleRemoval(scope=rule.scope, subject_id=rule.subject_id, before=values_of(rule))
        await self._change(interaction, guild, change, named(rule, await _names(guild, [rule])), None)

    @quota.command(name="timezone", description="By which clocks this server's days, weeks and months begin.")
    @app_commands.describe(zone="For example Europe/Berlin.", reason="Why; it stands in the log.")
    async def set_zone(self, interaction: Interaction, zone: str, reason: Text | None = None) -> None:
        """Set the time zone."""
        guild = managed(interaction)
        await self._change(interaction, guild, _valid(ZoneChange, name=zone, reason=reason or ""), "", None)

    # --- extra credits and refunds ---

    @quota.command(name="grant", description="Give a member extra credits, used when their allowance is empty.")
    @app_commands.describe(
        member="To whom.",
        amount="How many credits.",
        reason="Why; it stands in the log.",
        expires_in_days="When they expire; never, if you don't say.",
    )
    async def grant(
        self,
        interaction: Interaction,
        member: discord.User,
        amount: app_commands.Range[int, 1, MOST_GRANTED],
        reason: Text | None = None,
        expires_in_days: Days | None = None,
    ) -> None:
        """Grant at once, or ask first where it is much."""
        guild = managed(interaction)
        change = GrantChange(user_id=member.id, credits=amount, days=expires_in_days, reason=reason or "")
        await self._change(interaction, guild, change, member.display_name, None)

    @quota.command(name="refund", description="Give back what a picture cost; the image service keeps its credits.")
    @app_commands.describe(
        picture="One that is offered as you type, or the link to its message.",
        reason="Why; it stands in the log.",
        amount="How many credits; all that it cost, if you don't say.",
        member="Offer this member's pictures only.",
    )
    async def refund(
        self,
        interaction: Interaction,
        picture: str,
        reason: Text,
        amount: app_commands.Range[int, 1] | None = None,
        member: discord.User | None = None,
    ) -> None:
        """Refund a picture."""
        guild = managed(interaction)
        change = _valid(RefundChange, picture_id=picture, credits=amount, reason=reason)
        await self._change(interaction, guild, change, member.display_name if member is not None else "", None)

    # --- the buttons of a change that is asked about ---

    async def do_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Make the change."""
        guild = managed(interaction)
        try:
            done = await self._desk.confirm(guild.id, match["draft_id"], by=interaction.user.id)
        except ChangeRefused as error:
            raise CannotDo(user_message=error.user_message) from error
        card = changed_card(done.line, label_of=model_label, repeated=done.repeated)
        await interaction.response.edit_message(view=card, allowed_mentions=_NOBODY)

    async def leave_pressed(self, interaction: Interaction, _match: re.Match[str]) -> None:
        """Make no change; what was kept expires by itself."""
        managed(interaction)
        await interaction.response.edit_message(view=left_card())

    async def _change(
        self, interaction: Interaction, guild: discord.Guild, change: Change, name: str, preview: Preview | None
    ) -> None:
        done = await change_or_ask(self._services, interaction, guild, change, name=name, preview=preview)
        if done is not None:
            await say(interaction, view=changed_card(done.line, label_of=model_label, repeated=done.repeated))

    async def _rule_change(self, guild: discord.Guild, given: Given) -> tuple[RuleChange, str]:
        """Return the change that was asked for, and whom it is for, as a button says it."""
        scope, subject_id, name = _whom(given)
        found = await self._desk.rule(guild.id, scope, subject_id)
        before = found.rule if found is not None else None
        said = {name: given[name] for name in ("running", "resolution", "count") if given[name] is not None}
        if given["models"] is not None:
            said["models"] = self._models(given["models"])
        per, number = given["per"], given["credits"]
        if per == Period.NONE:
            if number is not None:
                raise CannotDo(user_message="Say how many credits, or that there is no limit on them: not both.")
            said |= {"period": Period.NONE, "credits": None}
        elif per is not None or number is not None:
            stands = before.period if before is not None and before.period is not Period.NONE else None
            number = number if number is not None else (before.credits if before is not None else None)
            if number is None:
                raise CannotDo(user_message="Say how many credits, too.")
            said |= {"period": per or stands or Period.MONTH, "credits": number}
        if not said:
            raise CannotDo(user_message="Say what is allowed: credits, a resolution, models, how many.")
        return merged(before, scope, subject_id, said, given.get("reason") or ""), name

    def _models(self, typed: str) -> Sequence[str]:
        names = [name.strip() for name in typed.split(",") if name.strip()]
        if "all" in names or ALL_MODELS in names:
            return [ALL_MODELS]
        return [self._catalogue.get(name).id for name in dict.fromkeys(names)]  # BadOption says which there are

    # --- what is offered while somebody types ---

    @set_rule.autocomplete("models")
    @preview.autocomplete("models")
    async def models_typed(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        """Offer models, one after another."""
        if not interaction.permissions.manage_guild:
            return []
        return models_of_rule_choices(self._catalogue, typed)

    @set_zone.autocomplete("zone")
    async def zone_typed(self, _interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        """Offer time zones."""
        return zone_choices(zone_names(), typed)

    @refund.autocomplete("picture")
    async def picture_typed(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        """Offer the server's newest pictures that somebody paid for."""
        if interaction.guild_id is None or not interaction.permissions.manage_guild:
            return []
        member = interaction.namespace.member
        found = await self._desk.refundable(
            interaction.guild_id, user_id=getattr(member, "id", None) if member is not None else None
        )
        return refund_choices(found, typed, now_ms=int(interaction.created_at.timestamp() * 1000))


async def _names(guild: discord.Guild, rules: Sequence[Rule]) -> dict[tuple[Scope, int], str | None]:
    """Return the names of the roles, channels and members that rules are for; None: it is not there any more."""
    found: dict[tuple[Scope, int], str | None] = {}
    for rule in rules:
        which = (rule.scope, rule.subject_id)
        if rule.scope is Scope.ROLE:
            role = guild.get_role(rule.subject_id)
            found[which] = role.name if role is not None else None
        elif rule.scope is Scope.CHANNEL:
            channel = guild.get_channel(rule.subject_id)
            found[which] = channel.name if channel is not None else None
    members = [rule.subject_id for rule in rules if rule.scope is Scope.MEMBER and rule.subject_id > 0]
    if members:
        try:
            async with asyncio.timeout(_NAMES_S):
                here = {member.id: member.display_name for member in await guild.query_members(user_ids=members)}
        except (TimeoutError, discord.ClientException, discord.HTTPException):
            return found  # Discord does not say: so neither do we
        found |= {(Scope.MEMBER, member_id): here.get(member_id) for member_id in members}
    return found


def _whom(given: Given) -> tuple[Scope, int, str]:
    """Return whom a rule is for, and their name for a button; nobody in particular is everyone."""
    role, member, channel, days = (given[name] for name in ("role", "member", "channel", "newer_than_days"))
    chosen: list[tuple[Scope, int, str]] = []
    if role is not None:
        # The role that everybody has is no role to Discord's members.
        chosen.append((Scope.EVERYONE, 0, "everyone") if role.is_default() else (Scope.ROLE, role.id, role.name))
    if member is not None:
        chosen.append((Scope.MEMBER, member.id, member.display_name))
    if channel is not None:
        chosen.append((Scope.CHANNEL, channel.id, f"#{channel.name}"))
    if days is not None:
        chosen.append((Scope.NEWCOMER, days, f"members of less than {days} days"))
    if given["whole_server"]:
        chosen.append((Scope.SERVER, 0, "the whole server"))
    if len(chosen) > 1:
        raise CannotDo(user_message="A rule is for one of them: a role, a member, a channel, newcomers, or the server.")
    return chosen[0] if chosen else (Scope.EVERYONE, 0, "everyone")


def _valid(kind: type[C], **values: Any) -> C:
    try:
        return kind(**values)
    except ValidationError as error:
        raise CannotDo(user_message="That is more than Discord's fields hold. Choose what is offered.") from error


async def setup(client: BotClient) -> None:
    """Add the commands and their buttons."""
    cog = Quota(client)
    await client.add_cog(cog)
    on_press(client, ids.QUOTA_DO, cog.do_pressed)
    on_press(client, ids.QUOTA_LEAVE, cog.leave_pressed)
    on_press(client, ids.QUOTA_RULES, cog.rules_turned)
    on_choice(client, ids.QUOTA_PICK, cog.rule_picked)
    on_press(client, ids.QUOTA_LOG, cog.log_turned)
