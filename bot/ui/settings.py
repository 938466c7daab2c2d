"""What a server's admins see and set: how it stands, then what can be changed, a page for each kind of thing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import discord
from discord import ui

from bot.generations.house_rules import MAX_LISTED
from bot.generations.repository import ChangeRow
from bot.ui import moderation_ids
from bot.ui import settings_ids as ids
from bot.ui.card import BANANA, SLATE, TEXT_LIMIT, Card, apart, button, fine, gap, lines, row, select
from bot.ui.house_log import change_words, spoiler, value_words
from bot.ui.removal import open_words
from bot.ui.settings_parts import POSTED_IN, Page, all_settings, everyones_credits, usual_channels
from bot.ui.settings_words import (
    Stands,
    channel_words,
    credits_words,
    log_words,
    models_words,
    quota_models_words,
    where_words,
    who_words,
)
from bot.ui.text import label, plain, units
from bot.ui.words import counted, duration, in_credits

SLOW_MODES_S: Final = (0, 10, 30, 60, 5 * 60, 15 * 60, 3600, 6 * 3600, 24 * 3600)
CHANGES_SHOWN: Final = 10
_NAME_LIMIT: Final = 100
_LISTED_LIMIT: Final = 2600
_OFFERED: Final = {
    Page.WHERE: ("Where pictures are made", "Channels, and whether only age-restricted ones"),
    Page.WHO: ("Who may make them", "Roles that may, and roles that may not"),
    Page.MODELS: ("Models and private pictures", "Which models, the usual one, and who sees results"),
    Page.CREDITS: ("Credits and clocks", "What each member may spend, and when days and months begin"),
    Page.WORDS: ("Blocked words", "Words that no prompt may have"),
    Page.SLOW: ("Slow mode", "Time between two requests of a member"),
    Page.LOG: ("Log", "A channel that is told of every request and change"),
    Page.REPORTS: ("Reports and gallery", "Where reports go, where pictures are shown"),
    Page.CHANGES: ("Last changes", "Who changed what, and when"),
}


def settings_card(stands: Stands, *, said: str | None = None) -> Card:
    """Return how everything stands, then what can be changed; ``said`` is what a change just came to."""
    rules, settings = stands.rules, stands.settings
    return Card(
        BANANA,
        lines(f"**{plain(stands.name, _NAME_LIMIT)}**", said),
        gap(),
        lines(f"**Where** {where_words(rules)}", f"**Who** {who_words(rules)}"),
        gap(),
        lines(
            f"**Credits** {credits_words(stands)}",
            f"**Clocks** {plain(stands.quotas.time_zone, 60)}",
            f"**Models** {models_words(stands)}",
            f"**Private pictures** {value_words('private_allowed', rules.private_allowed)}",
            f"**Blocked words** {len(rules.terms) or 'none'}",
            f"**Slow mode** {value_words('slow_mode_s', rules.slow_mode_s)}",
        ),
        gap(),
        lines(
            f"**Log** {log_words(stands)}",
            f"**Reports** {channel_words(settings.reports_channel_id, stands, 'no channel yet; they are kept here')}"
            + (f" · {open_words(stands.open_reports)}" if stands.open_reports else ""),
            f"**Gallery** {channel_words(settings.gallery_channel_id, stands, 'none yet')}",
            f"**Banned from the bot** {counted(stands.banned, 'member') if stands.banned else 'nobody'}",
        ),
        gap(line=True),
        select(
            "Change …",
            ids.settings_go(),
            [
                discord.SelectOption(label=title, value=page, description=about)
                for page, (title, about) in _OFFERED.items()
            ],
        ),
        row(
            button("Look at the reports", moderation_ids.open_reports(0)) if stands.open_reports else None,
            button("Bans", moderation_ids.bans(0)) if stands.banned else None,
        ),
    )


def page_card(page: Page, stands: Stands, *, changes: Sequence[ChangeRow] = (), said: str | None = None) -> Card:
    """Return one page of the settings."""
    draw = {
        Page.WHERE: _where, Page.WHO: _who, Page.MODELS: _models, Page.CREDITS: _credits, Page.WORDS: _words,
        Page.SLOW: _slow, Page.LOG: _log, Page.REPORTS: _reports,
    }.get(page)  # fmt: skip
    if draw is not None:
        return draw(stands, said)
    return _changes(changes) if page is Page.CHANGES else settings_card(stands, said=said)


# --- the pages ---


def _where(stands: Stands, said: str | None) -> Card:
    rules = stands.rules
    only = rules.age_restricted_only
    return _page(
        Page.WHERE,
        said,
        f"Now: {where_words(rules)}. Threads count for their channel.",
        usual_channels(stands, ids.setting_choice("channels")),
        row(
            button("Everywhere", ids.setting_clear("channels")) if rules.channels else None,
            button(
                "Age-restricted or not" if only else "Only in age-restricted channels",
                ids.setting_switch("age_restricted_only", on=not only),
            ),
            all_settings(),
        ),
    )


def _who(stands: Stands, said: str | None) -> Card:
    rules = stands.rules
    return _page(
        Page.WHO,
        said,
        f"Now: {who_words(rules)}. Those who manage the server are bound by this too, but can always change it.",
        "One of these roles is needed:",
        _roles("Everyone, unless you choose roles …", "roles_allowed", stands),
        "Whoever has one of these may not, whatever other roles they have:",
        _roles("Nobody is excluded …", "roles_denied", stands),
        row(
            button("Everyone", ids.setting_clear("roles_allowed")) if rules.roles_allowed else None,
            button("Exclude nobody", ids.setting_clear("roles_denied")) if rules.roles_denied else None,
            all_settings(),
        ),
    )


def _models(stands: Stands, said: str | None) -> Card:
    rules = stands.rules
    known = list(stands.models.items())[:MAX_LISTED]
    private = rules.private_allowed
    return _page(
        Page.MODELS,
        said,
        lines(
            f"Models: {models_words(stands)}",
            f"Private pictures: {value_words('private_allowed', private)}",
            quota_models_words(stands),
        ),
        ui.ActionRow(
            ui.Select(
                placeholder="All models, unless you choose some …",
                custom_id=ids.setting_choice("models"),
                min_values=0,
                max_values=len(known),
                options=[
                    discord.SelectOption(label=label(words, _NAME_LIMIT), value=model, default=model in rules.models)
                    for model, words in known
                ],
            )
        ),
        select(
            "The usual model …",
            ids.setting_choice("default_model"),
            [
                discord.SelectOption(label="The bot's own", value="usual", default=rules.default_model is None),
                *(
                    discord.SelectOption(
                        label=label(f"{words}, where nobody chooses", _NAME_LIMIT),
                        value=model,
                        default=model == rules.default_model,
                    )
                    for model, words in known
                    if rules.takes_model(model)
                ),
            ],
        ),
        row(
            button(
                "No private pictures" if private else "Allow private pictures",
                ids.setting_switch("private_allowed", on=not private),
            ),
            all_settings(),
        ),
    )


def _credits(stands: Stands, said: str | None) -> Card:
    quotas = stands.quotas
    return _page(
        Page.CREDITS,
        said,
        f"Now: {credits_words(stands)}. A usual picture costs {in_credits(stands.usual_credits)}.",
        everyones_credits(stands, ids.setting_choice("credits")),
        fine("For roles, members, channels and the whole server there is /quota; /quota log says who changed what."),
        gap(),
        f"Days, weeks and months begin by the clocks of **{plain(quotas.time_zone, 60)}**.",
        row(button("Change the time zone", ids.zone()), all_settings()),
    )


def _words(stands: Stands, said: str | None) -> Card:
    terms = stands.rules.terms
    shown, room = [], _LISTED_LIMIT
    for term in terms:
        word = spoiler(term)
        room -= units(word) + 2
        if room < 0:
            break
        shown.append(word)
    more = f" and {len(terms) - len(shown)} more" if len(shown) < len(terms) else ""
    return _page(
        Page.WORDS,
        said,
        f"{', '.join(shown)}{more}" if terms else "No word is blocked.",
        fine(
            "A word is found whatever its case, accents and look-alikes, and not inside of other words.",
            "A * at the end takes every word that begins so.",
        ),
        row(button("Change the words", ids.words(), style=discord.ButtonStyle.primary), all_settings()),
    )


def _slow(stands: Stands, said: str | None) -> Card:
    now = stands.rules.slow_mode_s
    return _page(
        Page.SLOW,
        said,
        f"Now: {value_words('slow_mode_s', now)}.",
        select(
            "Time between two requests …",
            ids.setting_choice("slow_mode_s"),
            [
                discord.SelectOption(
                    label=duration(seconds) if seconds else "No slow mode", value=str(seconds), default=seconds == now
                )
                for seconds in SLOW_MODES_S
            ],
        ),
        row(all_settings()),
    )


def _log(stands: Stands, said: str | None) -> Card:
    rules = stands.rules
    shown = rules.log_private
    return _page(
        Page.LOG,
        said,
        f"Now: {log_words(stands)}.",
        "It tells who asks for what, and who changes which setting. Choose a channel that only moderators see. "
        "Members find in /about that there is a log.",
        _channel_select("Choose the channel …", ids.setting_choice("log_channel_id")),
        row(
            button("No log", ids.setting_clear("log_channel_id")) if rules.log_channel_id else None,
            button(
                "Hide prompts of private pictures" if shown else "Show prompts of private pictures",
                ids.setting_switch("log_private", on=not shown),
            ),
            all_settings(),
        ),
    )


def _reports(stands: Stands, said: str | None) -> Card:
    settings = stands.settings
    return _page(
        Page.REPORTS,
        said,
        lines(
            "· Reports: "
            f"{channel_words(settings.reports_channel_id, stands, 'no channel yet; they are kept here for you')}"
            f" · {open_words(stands.open_reports)}",
            f"· Gallery: {channel_words(settings.gallery_channel_id, stands, 'none yet')}",
        ),
        "Reports of pictures go to a channel that only moderators see, with Delete and Ban.",
        _channel_select("Choose where reports go …", ids.reports_channel()),
        "The gallery: members post a picture there once, with credit to its maker.",
        _channel_select("Choose the gallery …", ids.gallery_channel()),
        row(
            button("Look at the reports", moderation_ids.open_reports(0)) if stands.open_reports else None,
            button("No channel for reports", ids.no_reports_channel()) if settings.reports_channel_id else None,
            button("No gallery", ids.no_gallery()) if settings.gallery_channel_id else None,
            all_settings(),
        ),
    )


def _changes(changes: Sequence[ChangeRow]) -> Card:
    shown = changes[:CHANGES_SHOWN]
    share = (TEXT_LIMIT - 200) // CHANGES_SHOWN
    return Card(
        SLATE,
        f"**{_OFFERED[Page.CHANGES][0]}**",
        *apart(*([change_words(change, share) for change in shown] or ["Nothing was changed yet."])),
        fine("Credits, extra credits and refunds have a log of their own: /quota log."),
        row(all_settings()),
    )


# --- parts ---


def _page(page: Page, said: str | None, *parts: ui.Item[Any] | str | None) -> Card:
    return Card(BANANA, lines(f"**{_OFFERED[page][0]}**", said), *parts)


def _channel_select(placeholder: str, custom_id: str) -> ui.ActionRow[Any]:
    # Nothing is pre-chosen: Discord would turn the card down for a channel that is gone.
    return ui.ActionRow(ui.ChannelSelect(placeholder=placeholder, custom_id=custom_id, channel_types=POSTED_IN))


def _roles(placeholder: str, name: str, stands: Stands) -> ui.ActionRow[Any]:
    return ui.ActionRow(
        ui.RoleSelect(
            placeholder=placeholder,
            custom_id=ids.setting_choice(name),
            min_values=0,
            max_values=MAX_LISTED,
            default_values=[
                discord.SelectDefaultValue(id=one, type=discord.SelectDefaultValueType.role)
                for one in getattr(stands.rules, name)
                if one in stands.roles
            ],
        )
    )
