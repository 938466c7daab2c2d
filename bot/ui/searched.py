"""What somebody looks for in their history: from what they typed, over a button's custom id, to words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final, Self

from bot.ui import ids
from bot.ui.text import plain, units

TEXT_MAX_CHARS: Final = 50
DATE_WORDS: Final = "Write a day as 2026-11-22, or how long ago as 7d (days) or 2w (weeks)."
_CUSTOM_ID_LIMIT: Final = 100
_SHOWN_TEXT: Final = 120
_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 24 * 60 * _MINUTE_MS
_LAST_MS: Final = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp() * 1000)
_AGO: Final = re.compile(r"(\d{1,4}) ?([dw])", re.IGNORECASE)
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Searched:
    """Words of the prompt, a model, a time; false when it is everything. ``until_ms`` is not part of the time.

    Times are whole minutes, in UTC: Discord tells a bot nobody's time zone.
    """

    text: str = ""
    model: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    def __bool__(self) -> bool:
        return self != Searched()

    @property
    def code(self) -> str:
        """What stands for it in a custom id, behind the page; "" for everything."""
        if not self:
            return ""
        return f":{self.model or ''}:{_packed(self.since_ms)}:{_packed(self.until_ms)}:{self.text}"

    @property
    def too_long(self) -> bool:
        """Whether it would not fit into a button's custom id, so that one could not turn the page."""
        return units(ids.history(999_999, self.code)) > _CUSTOM_ID_LIMIT

    @classmethod
    def of(cls, match: re.Match[str]) -> Self:
        """Read it out of a custom id that `ids.HISTORY` matched."""
        return cls(
            text=match["text"] or "",
            model=match["model"] or None,
            since_ms=_unpacked(match["since"]),
            until_ms=_unpacked(match["until"]),
        )

    def words(self, labels: Mapping[str, str]) -> str:
        """Return it for a card: "“red fox” · Nano Banana Pro · from 2026-11-15 (UTC)"; ``labels`` by model id."""
        times = [f"from {_day(self.since_ms)}" if self.since_ms is not None else None]
        if self.until_ms is not None:
            # A day's end is the next day's beginning; one names the day itself.
            whole_day = self.until_ms % _DAY_MS == 0
            times.append(f"to {_day(self.until_ms - (_DAY_MS if whole_day else 0))}")
        when = " ".join(part for part in times if part)
        parts = [
            f"“{plain(self.text, _SHOWN_TEXT)}”" if self.text else None,
            plain(labels.get(self.model, self.model), 40) if self.model else None,
            f"{when} (UTC)" if when else None,
        ]
        return " · ".join(part for part in parts if part)


def moment(typed: str, now_ms: int, *, end: bool = False) -> int:
    """Return the time that "2026-11-22", "7d" or "2w" means, in milliseconds; raises ValueError for anything else.

    Of a day it is the beginning, or with ``end`` the end.
    """
    said = typed.strip()
    ago = _AGO.fullmatch(said)
    if ago is not None:
        days = int(ago[1]) * (7 if ago[2].lower() == "w" else 1)
        found_ms = now_ms - days * _DAY_MS
    else:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}", said):
            raise ValueError(said)
        year, month, day = map(int, said.split("-"))
        midnight = datetime.combine(date(year, month, day), time(), UTC)
        found_ms = int(midnight.timestamp() * 1000) + (_DAY_MS if end else 0)
    found_ms = min(max(found_ms, 0), _LAST_MS)
    return found_ms - found_ms % _MINUTE_MS


def _day(at_ms: int) -> str:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.strftime("%Y-%m-%d") if at_ms % _DAY_MS == 0 else at.strftime("%Y-%m-%d %H:%M")


def _packed(at_ms: int | None) -> str:
    if at_ms is None:
        return ""
    number, found = at_ms // _MINUTE_MS, ""
    while True:
        number, digit = divmod(number, 36)
        found = _DIGITS[digit] + found
        if not number:
            return found


def _unpacked(packed: str | None) -> int | None:
    # No longer than what is ever written: a forged one must not overflow a date.
    return min(int(packed, 36) * _MINUTE_MS, _LAST_MS) if packed else None
