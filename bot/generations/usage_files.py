"""A server's charges as a file: CSV for a spreadsheet, JSON for a program. No prompt and no picture is in it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from bot.errors import BotError
from bot.generations.repository.usage import ChargeRow
from bot.generations.usage import MOST_CHARGES, Period

COLUMNS: Final = (
    "held_at", "time_zone", "member_id", "member", "channel_id", "channel", "model", "request", "picture", "state",
    "private", "price_credits", "charged_credits", "refunded_credits", "used_credits", "hold_entry", "settlement",
    "settlement_entry", "refund_entries", "message",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula; some skip blanks before it."""


class TooMany(BotError):
    """There are more charges than a file may hold."""

    code = "too_many_charges"


async def read(
    charges: AsyncIterable[list[ChargeRow]],
    *,
    members: Mapping[int, str],
    channels: Mapping[int, str],
    zone: tzinfo = UTC,
) -> list[dict[str, Any]]:
    """Return all charges as rows with ``COLUMNS``, their times by the clocks of ``zone``; raises TooMany."""
    rows: list[dict[str, Any]] = []
    async for some in charges:
        rows += await asyncio.to_thread(lambda day: [_row(charge, members, channels, zone) for charge in day], some)
        if len(rows) > MOST_CHARGES:
            raise TooMany
    return rows


def named(rows: list[dict[str, Any]], members: Mapping[int, str]) -> None:
    """Fill in the members' names."""
    for row in rows:
        row["member"] = members.get(row["member_id"] or 0)


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    """Return rows as CSV that spreadsheets open (UTF-8 with its mark); no cell begins a formula."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([cell(row[name]) for name in COLUMNS])
    return sink.getvalue().encode("utf-8-sig", errors="replace")


def as_json(rows: list[dict[str, Any]], *, guild_id: int, period: Period, zone: tzinfo = UTC) -> bytes:
    """Return rows as JSON, with what they come to; ids are text, since they are too long for many programs' numbers."""
    return json.dumps(
        {
            "server": str(guild_id),
            "from": period.first.isoformat(),
            "to": period.last.isoformat(),
            "time_zone": str(zone),
            "used_credits": sum(row["used_credits"] for row in rows),
            "charges": [{name: _text_id(name, row[name]) for name in COLUMNS} for row in rows],
        },
        ensure_ascii=False,
        indent=1,
    ).encode(errors="replace")


def cell(value: Any) -> Any:
    """Return a value for a cell: text that a spreadsheet would calculate with an apostrophe before it."""
    if isinstance(value, str):
        return (
            f"'{value}" if value.lstrip(" \u00a0\u3000").startswith(_FORMULA) or value.startswith(_FORMULA) else value
        )
    # Spreadsheets round numbers of more than 15 digits.
    return f"'{value}" if isinstance(value, int) and abs(value) >= 10**15 else value


def _row(charge: ChargeRow, members: Mapping[int, str], channels: Mapping[int, str], zone: tzinfo) -> dict[str, Any]:
    captured = charge.settlement == "capture"
    link = None
    if charge.message_id is not None:
        place = charge.place_guild_id or "@me"
        link = f"https://discord.com/channels/{place}/{charge.message_channel_id}/{charge.message_id}"
    return {
        "held_at": _time(charge.held_at_ms, zone),
        "time_zone": str(zone),
        "member_id": charge.user_id,
        "member": members.get(charge.user_id or 0),
        "channel_id": charge.channel_id,
        "channel": channels.get(charge.channel_id or 0),
        "model": charge.model,
        "request": charge.request_id,
        "picture": charge.picture_id,
        "state": charge.state,
        "private": bool(charge.private),
        "price_credits": charge.price_credits,
        "charged_credits": charge.settled_credits if captured else 0,
        "refunded_credits": charge.refunded_credits,
        "used_credits": charge.used_credits,
        "hold_entry": charge.hold_id,
        "settlement": charge.settlement,
        "settlement_entry": charge.settlement_id,
        "refund_entries": charge.refund_ids,
        "message": link,
    }


def _text_id(name: str, value: Any) -> Any:
    return str(value) if name.endswith("_id") and value is not None else value


def _time(at_ms: int | None, zone: tzinfo) -> str | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, zone).isoformat(timespec="seconds")
