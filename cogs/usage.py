"""/usage: what a server used, by member, channel, model and day; as files; and what a single charge was for."""

from __future__ import annotations

import asyncio
import io
import re
import zipfile
from collections.abc import Mapping
from datetime import date
from typing import Final

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import BotClient, CannotDo, Interaction
from bot.generations.usage import MAX_DAYS, MOST_CHARGES, By, Period, Usage
from bot.generations.usage_files import TooMany, as_csv, as_json, named, read
from bot.presses import on_choice, on_press
from bot.rights import managed
from bot.ui import usage_ids as ids
from bot.ui.charts import Charts
from bot.ui.usage import CHART_FILE, SHOWN, chart_of, file_card, times, trace_card, usage_card
from bot.ui.words import grouped, model_label

_NOBODY = discord.AllowedMentions.none()
_PERIODS: Final = [
    app_commands.Choice(name=words, value=value) for value, (words, _) in times(date(2026, 1, 15)).items()
]
_REQUEST: Final = re.compile(r"([0-9a-f]{16})(?:-[1-9])?", re.IGNORECASE)
_SHORT: Final = re.compile(r"(?:ref\.? *)?([0-9a-f]{6})", re.IGNORECASE)
_ENTRY: Final = re.compile(r"#([0-9]{1,18})")
_LINK: Final = re.compile(
    r"<?https://(?:(?:ptb|canary)\.)?discord(?:app)?\.com/channels/[0-9]{1,20}/[0-9]{1,20}/([0-9]{1,19})/?>?"
)
_NAMED: Final = 500
"""Members whose names are asked for, in a file; the others have their ids alone."""
_NAMES_AT_ONCE: Final = 100
_NAMES_S: Final = 5.0


class UsageCog(commands.Cog, name="Usage"):
    """For those who manage the server; each press is checked again."""

    def __init__(self, client: BotClient) -> None:
        self._client = client
        self._book = client.services.usage
        self._charts = Charts(client.services.store.root / "charts")

    @app_commands.command(
        name="usage", description="What this server used: by member, channel, model or day; as files."
    )
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(
        period="Which time; this month unless you choose.",
        since="Or from this day on: 2026-11-01.",
        until="To this day; today unless you say.",
        by="What it is broken down by.",
        find="A single charge: a reference, a message's link, or an entry's number like #123.",
    )
    @app_commands.choices(
        period=_PERIODS, by=[app_commands.Choice(name=f"By {each.value}", value=each.value) for each in By]
    )
    async def usage(
        self,
        interaction: Interaction,
        period: str = "month",
        since: app_commands.Range[str, 1, 20] | None = None,
        until: app_commands.Range[str, 1, 20] | None = None,
        by: str = By.MEMBER,
        find: app_commands.Range[str, 1, 200] | None = None,
    ) -> None:
        """Show what was used, or one charge, privately."""
        guild = managed(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        if find is not None:
            await self._trace(interaction, guild, find.strip())
            return
        today = await self._book.today(guild.id)
        chosen = times(today)[period][1] if since is None and until is None else _period(since, until, today)
        await self._show(interaction, guild, chosen, By(by))

    async def by_chosen(self, interaction: Interaction, match: re.Match[str], values: list[str]) -> None:
        """Break it down by something else."""
        guild = managed(interaction)
        await interaction.response.defer()
        await self._show(interaction, guild, _of(match), By(values[0]))

    async def when_chosen(self, interaction: Interaction, match: re.Match[str], values: list[str]) -> None:
        """Show another time."""
        guild = managed(interaction)
        await interaction.response.defer()
        today = await self._book.today(guild.id)
        await self._show(interaction, guild, times(today)[values[0]][1], By(match["by"]))

    async def _show(self, interaction: Interaction, guild: discord.Guild, period: Period, by: By) -> None:
        usage = await self._book.usage(guild.id, period)
        models = self._models(usage)
        drawn = await self._drawn(guild, usage, by, models)
        card = usage_card(
            usage,
            by,
            server=guild.name,
            today=await self._book.today(guild.id),
            models=models,
            has_chart=drawn is not None,
        )
        files = [discord.File(io.BytesIO(drawn), CHART_FILE)] if drawn is not None else []
        await interaction.edit_original_response(view=card, attachments=files, allowed_mentions=_NOBODY)

    def _models(self, usage: Usage) -> dict[str, str]:
        return {str(key): model_label(str(key)) for key in usage.sums[By.MODEL] if key is not None}

    async def _drawn(self, guild: discord.Guild, usage: Usage, by: By, models: Mapping[str, str]) -> bytes | None:
        if not usage.most(By.MODEL):
            return None
        names: dict[int, str] = {}
        keys = [key for key, _ in usage.most(by)[:SHOWN] if isinstance(key, int)]
        if by is By.CHANNEL:
            names = _channel_names(guild)
        elif by is By.MEMBER:
            names = await _member_names(guild, keys)
        labels, values = chart_of(usage, by, models, names)
        return await self._charts.draw("days" if by is By.DAY else "ranked", labels, values)

    # --- files ---

    async def file_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Give every charge of a time as a file."""
        guild = managed(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        period, form = _of(match), match["form"]
        zone = await self._book.zone_of(guild.id)
        try:
            rows = await read(
                self._book.charges(guild.id, period), members={}, channels=_channel_names(guild), zone=zone
            )
        except TooMany as error:
            raise CannotDo(
                user_message=f"That is more than {grouped(MOST_CHARGES)} charges. Choose a shorter time."
            ) from error
        named(rows, await _member_names(guild, list({row["member_id"] for row in rows if row["member_id"]})[:_NAMED]))
        name = f"usage-{period.first}-{period.last}.{form}"
        if form == "csv":
            content = await asyncio.to_thread(as_csv, rows)
        else:
            content = await asyncio.to_thread(as_json, rows, guild_id=guild.id, period=period, zone=zone)
        if len(content) > interaction.filesize_limit:
            name, content = f"{name}.zip", await asyncio.to_thread(_zipped, name, content)
        if len(content) > interaction.filesize_limit:
            raise CannotDo(user_message="That file is larger than Discord takes here. Choose a shorter time.")
        used = sum(row["used_credits"] for row in rows)
        await interaction.edit_original_response(
            view=file_card(period, name, charges=len(rows), used_credits=used),
            attachments=[discord.File(io.BytesIO(content), name)],
            allowed_mentions=_NOBODY,
        )

    # --- one charge ---

    async def _trace(self, interaction: Interaction, guild: discord.Guild, said: str) -> None:
        trace = None
        if (whole := _REQUEST.fullmatch(said)) is not None:
            trace = await self._book.trace(guild.id, request_id=whole[1].lower())
        elif (link := _LINK.fullmatch(said)) is not None:
            trace = await self._book.trace(guild.id, message_id=int(link[1]))
        elif (entry := _ENTRY.fullmatch(said)) is not None:
            trace = await self._book.trace(guild.id, entry_id=int(entry[1]))
        elif (short := _SHORT.fullmatch(said)) is not None:
            trace = await self._book.trace(guild.id, end=short[1].lower())
        view = await self._client.services.generations.view(trace.request_id) if trace is not None else None
        if trace is None or view is None:
            raise CannotDo(
                user_message="There is no such charge in this server. Give a reference (six letters and digits), a "
                "request's id, the link of a result's message, or an entry's number like #123."
            )
        await interaction.edit_original_response(view=trace_card(view, trace), allowed_mentions=_NOBODY)


def _period(since: str | None, until: str | None, today: date) -> Period:
    last = min(_day(until), today) if until is not None else today
    first = _day(since) if since is not None else last.replace(day=1)
    period = Period(first, last)
    if first > last:
        raise CannotDo(user_message="That time ends before it begins.")
    if period.days > MAX_DAYS:
        raise CannotDo(user_message=f"That is {grouped(period.days)} days. I sum up a year at most.")
    return period


def _day(said: str) -> date:
    try:
        return date.fromisoformat(said.strip())
    except ValueError as error:
        raise CannotDo(user_message="Write days like this: 2026-11-01.") from error


def _of(match: re.Match[str]) -> Period:
    first, last = int(match["first"]), int(match["last"])
    if not 1 <= first <= last <= date.max.toordinal() - 1 or last - first >= MAX_DAYS:
        raise CannotDo(user_message="That time can't be shown. Open /usage once again.")
    return Period(date.fromordinal(first), date.fromordinal(last))


def _channel_names(guild: discord.Guild) -> dict[int, str]:
    return {channel.id: channel.name for channel in (*guild.channels, *guild.threads)}


async def _member_names(guild: discord.Guild, user_ids: list[int]) -> dict[int, str]:
    """Return the names of members as far as Discord tells them in time; those who left have none."""
    names: dict[int, str] = {}
    try:
        async with asyncio.timeout(_NAMES_S):
            for start in range(0, len(user_ids), _NAMES_AT_ONCE):
                some = user_ids[start : start + _NAMES_AT_ONCE]
                names |= {member.id: member.display_name for member in await guild.query_members(user_ids=some)}
    except (TimeoutError, discord.ClientException, discord.HTTPException):
        pass
    return names


def _zipped(name: str, content: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return sink.getvalue()


async def setup(client: BotClient) -> None:
    """Add the command, its selects and buttons."""
    cog = UsageCog(client)
    await client.add_cog(cog)
    on_choice(client, ids.USAGE_BY, cog.by_chosen)
    on_choice(client, ids.USAGE_WHEN, cog.when_chosen)
    on_press(client, ids.USAGE_FILE, cog.file_pressed)
