"""What a server's admins see of what was used: a chart, a table, files; and one request with its bookings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

import discord
from discord import ui

from bot.generations.repository.usage import BookedRow
from bot.generations.states import PictureState
from bot.generations.usage import By, Key, Period, Sum, Trace, Usage
from bot.generations.values import RequestView
from bot.ui import usage_ids as ids
from bot.ui.card import BANANA, SLATE, Card, button, fine, gap, lines, row
from bot.ui.kin import result_link
from bot.ui.text import label, plain
from bot.ui.words import BOOKED, counted, grouped, in_credits, relative, request_line, who

SHOWN: Final = 10
CHART_FILE: Final = "usage.png"
_TRACED_ENTRIES: Final = 16
_BY_WORDS: Final = {By.MEMBER: "member", By.CHANNEL: "channel", By.MODEL: "model", By.DAY: "day"}


def times(today: date) -> dict[str, tuple[str, Period]]:
    """Return the times that can be chosen, by value, each with its words."""
    first = today.replace(day=1)
    before = first - timedelta(days=1)
    return {
        "today": ("Today", Period(today, today)),
        "week": ("The last 7 days", Period(today - timedelta(days=6), today)),
        "month": ("This month", Period(first, today)),
        "last-month": ("The month before", Period(before.replace(day=1), before)),
        "quarter": ("The last 90 days", Period(today - timedelta(days=89), today)),
    }


def usage_card(
    usage: Usage,
    by: By,
    *,
    server: str,
    today: date,
    models: Mapping[str, str],
    has_chart: bool,
    said: str | None = None,
) -> Card:
    """Return what a server used in a time; the chart is attached as ``CHART_FILE`` beside it."""
    first, last = usage.period.first.toordinal(), usage.period.last.toordinal()
    total = usage.total
    head = lines(
        f"**{in_credits(total.used_credits)} used** in {plain(server, 60)}, {period_words(usage.period)}",
        _in_all(usage),
    )
    if not usage.most(By.MODEL):
        head = f"**Nothing was used** in {plain(server, 60)}, {period_words(usage.period)}"
        return Card(SLATE, head, *_choices(usage, by, today), fine(_about(usage), said))
    picture: ui.MediaGallery[Any] = ui.MediaGallery(
        discord.MediaGalleryItem(f"attachment://{CHART_FILE}", description=alt_text(usage, by, models))
    )
    return Card(
        BANANA,
        head,
        picture if has_chart else None,
        _table(usage, by, models),
        gap(line=True),
        *_choices(usage, by, today),
        row(
            button("Every charge as CSV", ids.usage_file("csv", first, last)),
            button("as JSON", ids.usage_file("json", first, last)),
        ),
        fine(_about(usage), None if has_chart else "The chart could not be drawn just now.", said),
    )


def _about(usage: Usage) -> str:
    return (
        "Counted on the day of the request; what is given back is not in it, what is on hold is. "
        f"Days by the clocks of {plain(str(usage.zone), 60)}."
    )


def chart_of(usage: Usage, by: By, models: Mapping[str, str], names: Mapping[int, str]) -> tuple[list[str], list[int]]:
    """Return the labels and values of the chart; ``names`` are those of channels and members, where known."""
    if by is By.DAY:
        days = usage.most(By.DAY)
        return [_short_day(key) for key, _ in days], [one.used_credits for _, one in days]
    shown = usage.most(by)[:SHOWN]
    labels = [
        models.get(str(key), str(key)) if by is By.MODEL and key else names.get(key, "") if isinstance(key, int) else ""
        for key, _ in shown
    ]
    return labels, [one.used_credits for _, one in shown]


def alt_text(usage: Usage, by: By, models: Mapping[str, str]) -> str:
    """Return the chart in words: what it shows, and the largest."""
    most = usage.most(by)
    if by is By.DAY:
        return (
            f"Bars: credits used on each of {counted(len(most), 'day')}, {in_credits(usage.total.used_credits)} in all."
        )
    largest = ", ".join(grouped(one.used_credits) for _, one in most[:SHOWN])
    names = [models.get(str(key), "") for key, _ in most[:SHOWN]] if by is By.MODEL else []
    said = f", of {', '.join(names)}" if names and all(names) else ""
    return label(f"Bars: credits used by {_BY_WORDS[by]}{said}, the largest first: {largest}.", 1000)


def period_words(period: Period) -> str:
    """Return a time in words: "1 to 26 November 2026"."""
    first, last = period.first, period.last
    end = f"{last.day} {last:%B %Y}"
    if first == last:
        return end
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {end}"
    return f"{first.day} {first:%B}{'' if first.year == last.year else f' {first.year}'} to {end}"


def _in_all(usage: Usage) -> str:
    total = usage.total
    members = len(usage.most(By.MEMBER))
    parts = [counted(total.pictures, "picture"), f"{counted(members, 'member')}" if members else None]
    if total.on_hold_credits:
        parts.append(f"{in_credits(total.on_hold_credits)} on hold")
    return " · ".join(part for part in parts if part)


def _table(usage: Usage, by: By, models: Mapping[str, str]) -> str:
    if by is By.DAY:
        return _days_table(usage)
    most = usage.most(by)
    shown = [
        f"{place}. {_named(by, key, models)} · **{grouped(one.used_credits)}** · {_rest(one)}"
        for place, (key, one) in enumerate(most[:SHOWN], start=1)
    ]
    others = most[SHOWN:]
    if others:
        rest = Sum(sum(one.used_credits for _, one in others), 0, sum(one.pictures for _, one in others))
        shown.append(f"and {counted(len(others), 'other')} · **{grouped(rest.used_credits)}** · {_rest(rest)}")
    return lines(*shown)


def _days_table(usage: Usage) -> str:
    """Return the busiest days: all of them are in the chart."""
    busiest = sorted(usage.most(By.DAY), key=lambda item: -item[1].used_credits)[:5]
    return lines(
        "Busiest:" if usage.period.days > 5 else None,
        *(
            f"· {_long_day(key)} · **{grouped(one.used_credits)}** · {_rest(one)}"
            for key, one in busiest
            if one.used_credits or one.pictures
        ),
    )


def _rest(one: Sum) -> str:
    return counted(one.pictures, "picture")


def _named(by: By, key: Key, models: Mapping[str, str]) -> str:
    if by is By.MEMBER:
        return who(int(str(key)) if key is not None else 0)
    if by is By.CHANNEL:
        return f"<#{key}>" if key is not None else "no channel"
    return plain(models.get(str(key), str(key)), 40) if key is not None else "no model"


def _short_day(key: Key) -> str:
    return f"{key.day} {key:%b}" if isinstance(key, date) else str(key)


def _long_day(key: Key) -> str:
    return f"{key:%A}, {key.day} {key:%B}" if isinstance(key, date) else str(key)


def _choices(usage: Usage, by: By, today: date) -> Sequence[ui.ActionRow[Any]]:
    first, last = usage.period.first.toordinal(), usage.period.last.toordinal()
    breakdown: ui.Select[Any] = ui.Select(
        placeholder="Broken down by",
        custom_id=ids.usage_by(first, last),
        options=[
            discord.SelectOption(label=f"By {words}", value=each, default=each is by)
            for each, words in _BY_WORDS.items()
        ],
    )
    when: ui.Select[Any] = ui.Select(
        placeholder="Another time",
        custom_id=ids.usage_when(by),
        options=[
            discord.SelectOption(
                label=words, value=value, description=period_words(period), default=period == usage.period
            )
            for value, (words, period) in _unlike(times(today)).items()
        ],
    )
    return ui.ActionRow(breakdown), ui.ActionRow(when)


def _unlike(found: dict[str, tuple[str, Period]]) -> dict[str, tuple[str, Period]]:
    """Leave out a time that is the same as one before it: two would be pre-chosen (on the first of a month)."""
    seen: list[Period] = []
    kept = {}
    for value, (words, period) in found.items():
        if period not in seen:
            seen.append(period)
            kept[value] = (words, period)
    return kept


def file_card(period: Period, filename: str, *, charges: int, used_credits: int) -> Card:
    """Return every charge of a time as the file ``filename`` beside it, and what they come to."""
    return Card(
        BANANA,
        f"**{counted(charges, 'charge')}, {in_credits(used_credits)} used**, {period_words(period)}",
        ui.File(f"attachment://{filename}"),
        fine("A line is a picture with its entries of the ledger and its message. No prompt is in it."),
    )


# --- one request ---


def trace_card(view: RequestView, trace: Trace) -> Card:
    """Return a request with all that was booked for it, and where its result stands. Says nothing of what was asked."""
    shown = trace.entries[-_TRACED_ENTRIES:]
    older = len(trace.entries) - len(shown)
    positions = {picture.id: picture.position for picture in view.pictures}
    booked = [
        _adjusted(entry)
        if entry.kind == "adjust"
        else f"#{entry.id} · picture {positions.get(entry.picture_id, '?')} · {BOOKED.get(entry.kind, entry.kind)} "
        f"**{grouped(entry.amount_credits)}**{_why(entry.reason)} · {relative(entry.created_at_ms)}"
        for entry in shown
    ]
    where = "for their eyes only" if view.private else result_link(view) or "its message is not there any more"
    charged = sum(picture.charged_credits or 0 for picture in view.pictures)
    return Card(
        BANANA,
        lines(
            f"**{in_credits(charged)} for {counted(len(view.pictures), 'picture')}** by {who(view.user_id)}",
            f"in <#{view.channel_id}> {relative(view.created_at_ms)} · {where}",
        ),
        fine(f"{request_line(view)} · {_states(view)}", f"request {view.id} · ref {view.reference}"),
        gap(line=True),
        lines(
            "**What was booked**",
            f"-# {counted(older, 'older entry', 'older entries')} not shown" if older else None,
            *booked,
        ),
    )


def _adjusted(entry: BookedRow) -> str:
    """Return what the operator's own accounts bore: it is no charge of the member or the server."""
    words = "borne by the bot's operator" if entry.amount_credits >= 0 else "back to the bot's operator"
    return (
        f"#{entry.id} · {words}, not charged here: **{grouped(abs(entry.amount_credits))}**{_why(entry.reason)}"
        f" · {relative(entry.created_at_ms)}"
    )


def _why(reason: str) -> str:
    return "" if reason in {"", "picture"} else f" ({plain(reason.replace('_', ' '), 60)})"


def _states(view: RequestView) -> str:
    came = sum(picture.state is PictureState.FETCHED for picture in view.pictures)
    return f"{came} of {len(view.pictures)} came"
