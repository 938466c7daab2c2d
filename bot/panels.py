"""What the panels of a server's admins share: reading what was chosen, checking channels, showing a card in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import discord

from bot.client import CannotDo, Interaction, Services, say
from bot.generations.house_rules import HouseRules
from bot.generations.quota_changes import Change, RuleChange, RuleRemoval
from bot.generations.quota_desk import ChangeRefused, Done, Preview
from bot.origins import is_age_restricted
from bot.rights import lacking_in
from bot.ui.card import Card
from bot.ui.gallery import lacks_words
from bot.ui.quotas import change_card
from bot.ui.settings_parts import ANY_NUMBER, POSTED_IN, USUAL, credits_offered
from bot.ui.settings_words import Stands
from bot.ui.words import in_credits, model_label

_NOBODY = discord.AllowedMentions.none()


def check_channels(guild: discord.Guild, channel_ids: list[int]) -> str | None:
    """Raise CannotDo for a channel that the bot does not see; return a warning for those where it can't post."""
    narrow = []
    for channel_id in channel_ids:
        channel = guild.get_channel(channel_id)
        if channel is None:
            raise CannotDo(user_message="I don't see one of these channels. Let me view it, or choose others.")
        lacking = [name for name in lacking_in(channel) if name != "Read Message History"]
        if lacking:
            narrow.append(f"In <#{channel_id}> {lacks_words(lacking)}.")
    return " ".join(narrow[:3]) or None


def check_posting(guild: discord.Guild, channel_id: int, secret: str | None) -> str | None:
    """Raise CannotDo for a channel that can't be posted to; warn where everyone sees what is ``secret``."""
    channel = guild.get_channel(channel_id)
    if channel is None or channel.type not in POSTED_IN:
        raise CannotDo(user_message="I don't see that channel. Let me view it, or choose another one.")
    lacking = lacking_in(channel)
    if lacking:
        raise CannotDo(user_message=f"I can't use {channel.name}: {lacks_words(lacking)}. Nothing was changed.")
    if secret is not None and channel.permissions_for(guild.default_role).view_channel:
        return f"Everyone can see that channel; {secret}."
    return None


def check_gallery(guild: discord.Guild, channel_id: int, rules: HouseRules) -> None:
    """Raise CannotDo for a gallery in which nothing could be posted by a server's rules."""
    if rules.age_restricted_only and not is_age_restricted(guild.get_channel(channel_id)):
        raise CannotDo(
            user_message="Here pictures are for age-restricted channels only, and that channel is not age-restricted. "
            "Restrict it in Discord first, or choose another one. Nothing was changed."
        )


def open_gallery_words(guild: discord.Guild, gallery_channel_id: int | None) -> str | None:
    """Return what is to be said of a gallery that is not age-restricted where pictures have to be; None otherwise."""
    if gallery_channel_id is None or is_age_restricted(guild.get_channel(gallery_channel_id)):
        return None
    return f"The gallery <#{gallery_channel_id}> is not age-restricted: nothing can be posted there until it is."


def values_of(interaction: Interaction) -> list[str]:
    """Return what was chosen in a select, as Discord sent it: channels and roles by their ids."""
    data: Mapping[str, Any] = interaction.data or {}
    return [str(value) for value in data.get("values") or ()]


async def stands_of(services: Services, guild: discord.Guild) -> Stands:
    """Return how everything stands in a server, with what the bot lacks in the channels that are set."""
    rules = await services.house.rules(guild.id)
    settings = await services.moderation.settings(guild.id)
    _, open_reports = await services.moderation.open_reports(guild.id, limit=0)
    _, banned = await services.house.bans(guild.id, limit=0)
    posted = {rules.log_channel_id, settings.gallery_channel_id, settings.reports_channel_id} - {None}
    catalogue = services.catalogue
    usual = catalogue.get(rules.usual_model(catalogue) or catalogue.default.id)
    size = usual.options.get("resolution")
    return Stands(
        name=guild.name,
        rules=rules,
        settings=settings,
        open_reports=open_reports,
        banned=banned,
        lacking={one: lacking_in(guild.get_channel(one)) for one in posted if one is not None},
        channels=frozenset(one for one in rules.channels if guild.get_channel(one) is not None),
        roles=frozenset(one for one in _roles_of(rules) if guild.get_role(one) is not None),
        models={spec.id: spec.label for spec in catalogue.available()},
        usual_model=usual.label,
        usual_credits=catalogue.price_credits(usual.id, size.default if size is not None else None),
        quotas=await services.quotas.overview(guild.id),
    )


def _roles_of(rules: HouseRules) -> tuple[int, ...]:
    return (*rules.roles_allowed, *rules.roles_denied)


async def change_or_ask(
    services: Services,
    interaction: Interaction,
    guild: discord.Guild,
    change: Change,
    *,
    name: str = "everyone",
    preview: Preview | None = None,
) -> Done | None:
    """Change who may spend what, or ask first where the change is large; None: it was asked about.

    ``name`` is whom it is for, as a button says it. Raises CannotDo with why it can't be made.
    """
    if await is_large(services, guild, change):
        await ask(services, interaction, guild, change, name=name, preview=preview)
        return None
    try:
        return await services.quotas.change(guild.id, change, by=interaction.user.id, event_id=str(interaction.id))
    except ChangeRefused as error:
        raise CannotDo(user_message=error.user_message) from error


async def ask(
    services: Services,
    interaction: Interaction,
    guild: discord.Guild,
    change: Change,
    *,
    name: str,
    preview: Preview | None,
    asked: bool = True,
) -> None:
    """Keep a change, and show what would come of it with the button that makes it. ``asked``: it was to be made."""
    draft_id = await services.quotas.keep(guild.id, change, by=interaction.user.id)
    await say(
        interaction,
        view=change_card(change, draft_id, name=name, label_of=model_label, preview=preview, asked=asked),
    )


async def is_large(services: Services, guild: discord.Guild, change: Change) -> bool:
    """Tell whether a change is to be asked about, by how it stands in the server now."""
    house = await services.house.rules(guild.id)
    return await services.quotas.is_large(guild.id, change, house_models=house.models)


async def everyone_chosen(services: Services, interaction: Interaction, guild: discord.Guild) -> str | None:
    """Set what each member may spend, as it was chosen in a panel; returns what to say, None where it was asked."""
    allowance = (await services.quotas.overview(guild.id)).allowance
    offered = {str(amount): amount for amount in credits_offered(allowance)}
    values, why = values_of(interaction), "chosen in a panel"
    if len(values) != 1 or values[0] not in {*offered, USUAL, ANY_NUMBER}:
        raise CannotDo(user_message="That is none of the amounts on offer. Nothing was changed.")
    chosen = values[0]
    change: RuleChange | RuleRemoval | None
    if chosen == USUAL:
        change = await services.quotas.back_to_usual(guild.id, reason=why)
        said = "What the bot's operator set holds for each member."
        if change is None:
            return said
    elif chosen == ANY_NUMBER:
        change = await services.quotas.for_everyone(guild.id, None, reason=why)
        said = "Each member may spend any number of credits now."
    else:
        change = await services.quotas.for_everyone(guild.id, offered[chosen], reason=why)
        said = f"Each member may spend {in_credits(offered[chosen])} a month now."
    preview = None
    if isinstance(change, RuleChange) and change.period is not None and await is_large(services, guild, change):
        preview = await services.quotas.preview(guild.id, change.rule)
    done = await change_or_ask(services, interaction, guild, change, preview=preview)
    return None if done is None else said


async def put(interaction: Interaction, card: Card) -> None:
    """Put a card in the place of the one that was pressed; on a message for all to see, answer privately."""
    if interaction.message is not None and interaction.message.flags.ephemeral:
        await interaction.response.edit_message(view=card, allowed_mentions=_NOBODY)
    else:
        await say(interaction, view=card)
