"""The card that shows a person's credits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from bot.credits.ledger import Balance
from bot.credits.quota_rules import LimitScope
from bot.credits.repository import Entry
from bot.generations.repository import BookedPicture
from bot.generations.standing import Outside
from bot.generations.states import FailureCode
from bot.ui.card import BANANA, EMBER, Card, bar, fine, gap, lines
from bot.ui.kin import url_of
from bot.ui.quota_words import this
from bot.ui.text import plain
from bot.ui.words import day, grouped, in_credits, relative

_SHOWN_ENTRIES = 10
_RECENT_MS = 24 * 60 * 60 * 1000

_BACK_BECAUSE = {
    FailureCode.CANCELLED: "cancelled",
    FailureCode.NOT_ACKNOWLEDGED: "not taken",
    FailureCode.REFERENCE_REFUSED: "an image could not be used",
    FailureCode.RESTORED: "it was not sent",
    FailureCode.SERVER_PAUSED: "the bot's operator paused me here",
    FailureCode.INTERNAL: "something went wrong on my side",
    FailureCode.OVERDUE: "the picture never came",
    FailureCode.CREATE_UNKNOWN: "the picture never came",
    FailureCode.RESULT_GONE: "the picture could not be obtained",
    FailureCode.RESULT_TOO_LARGE: "the picture could not be obtained",
    FailureCode.DAMAGED_RESULT: "the picture was damaged",
}


def credits_card(
    balance: Balance,
    entries: Sequence[Entry],
    now_ms: int,
    guild_name: str | None,
    *,
    guild_id: int | None = None,
    outside: Outside | None = None,
    numbers: bool = False,
    paused: bool = False,
    pictures: Mapping[str, BookedPicture] = MappingProxyType({}),
) -> Card:
    """Return how a person stands here, and their last entries (``entries`` are newest first; None: direct messages).

    ``outside`` is what all servers together have left, where that is less: how much is for operators alone
    (``numbers``). ``pictures`` are those of the entries, of which only those that stand in ``guild_id`` are linked.
    """
    facts = []
    if balance.allowance_credits:
        allowed = grouped(balance.allowance_credits)
        facts.append(f"{grouped(balance.used_credits)} of {allowed} used {this(balance.period)}")
    if balance.on_hold_credits:
        facts.append(f"{grouped(balance.on_hold_credits)} on hold for pictures in work")
    if balance.granted_credits:
        facts.append(f"{grouped(balance.granted_credits)} extra, used when the others are gone")
    place = f"In {plain(guild_name, 60)}" if guild_name else "For yourself, outside of servers that I am in"
    return Card(
        EMBER if paused else BANANA,
        "**The bot's operator has paused this server.** What you have stays." if paused else None,
        _head(balance) if outside is None else _head_outside(balance, outside, numbers=numbers),
        fine(" · ".join(facts), f"{place}; every server counts on its own."),
        gap(line=True),
        _statement(entries, now_ms, pictures, guild_id),
    )


def _head_outside(balance: Balance, outside: Outside, *, numbers: bool) -> str:
    """Say that all servers together have less left than this person here, and when there is more."""
    own, today = balance.left_credits, outside.resets_at_ms is not None
    mine = "Of your own there is no limit." if own is None else f"Here you would have {grouped(own)}."
    what = "budget for today" if today else "account at the image service"
    again = "whoever runs the bot can refill it"
    if outside.resets_at_ms is not None:
        again = f"it begins anew {relative(outside.resets_at_ms)}"
    if numbers:
        where = "today" if today else "at the image service"
        return lines(
            f"**{in_credits(outside.left_credits)} left {where}**, for all servers together",
            f"The bot's {what} allows no more; {again}. {mine}",
        )
    if not outside.left_credits:
        return lines(
            f"**The bot's {what} is used up**, for all servers together", f"{again[0].upper()}{again[1:]}. {mine}"
        )
    if own is None:
        return lines(f"**No limit of your own, while the bot's {what} lasts**", f"All servers share it; {again}.")
    return lines(
        f"**{in_credits(own)} left, while the bot's {what} lasts**",
        f"All servers share it, and less than yours is left of it; {again}.",
    )


def _head(balance: Balance) -> str:
    left, own, ceiling = balance.left_credits, balance.own_credits, balance.ceiling
    used = f"{in_credits(balance.used_credits)} used {this(balance.period)}."
    if left is None:
        return lines("**No limit on your credits here**", used)
    renewed = f"New ones come {relative(balance.renewed_at_ms)}."
    if balance.is_capped and ceiling is not None:
        place = "this channel" if ceiling.scope is LimitScope.CHANNEL else "this server"
        return lines(
            f"**{in_credits(left)} left in {place}**, for all together",
            bar(left / ceiling.credits) if ceiling.credits else None,
            renewed,
            used if own is None else f"Of your own you have {grouped(own)}.",
        )
    total = (balance.allowance_credits or 0) + balance.granted_credits
    return lines(
        f"**{in_credits(left)} left**" + (f" of {grouped(total)}" if total else ""),
        bar(left / total) if total else None,
        renewed if balance.allowance_credits else None,
    )


def _statement(
    entries: Sequence[Entry], now_ms: int, pictures: Mapping[str, BookedPicture], guild_id: int | None
) -> str:
    if not entries:
        return "Nothing booked yet."
    return lines(
        "**Last entries**",
        *(
            " · ".join(
                part
                for part in (_words(entry, now_ms), _when(entry, now_ms), _about(entry, pictures, guild_id))
                if part is not None
            )
            for entry in entries[:_SHOWN_ENTRIES]
        ),
    )


def _about(entry: Entry, pictures: Mapping[str, BookedPicture], guild_id: int | None) -> str | None:
    """Return the reference of the picture that an entry is about, with a link where it stands in this place."""
    picture = pictures.get(entry.picture_id or "")
    if picture is None:
        return None
    if picture.message_id is None or picture.guild_id != guild_id:
        return f"ref {picture.reference}"
    return f"[{picture.reference}]({url_of(guild_id, picture.channel_id, picture.message_id)})"


def _words(entry: Entry, now_ms: int) -> str:
    amount = in_credits(entry.amount_credits)
    match entry.kind:
        case "hold":
            return f"{amount} on hold for a picture in work"
        case "capture":
            return f"{amount} for a picture" if entry.amount_credits else "A picture that cost nothing"
        case "void":
            known = entry.reason in set(FailureCode)
            why = _BACK_BECAUSE[FailureCode(entry.reason)] if known else "no picture was made"
            return f"{amount} back: {why}"
        case "refund":
            return f"{amount} refunded{_reason(entry)}"
        case "grant":
            until = ""
            if entry.expires_at_ms is not None:
                verb = "expire" if entry.expires_at_ms > now_ms else "expired"
                until = f", {verb} {relative(entry.expires_at_ms)}"
            return f"{amount} granted{_reason(entry)}{until}"
        case _:
            return f"{amount} corrected{_reason(entry)}"


def _reason(entry: Entry) -> str:
    return f" ({plain(entry.reason, 80)})" if entry.reason.strip() else ""


def _when(entry: Entry, now_ms: int) -> str:
    recent = now_ms - entry.created_at_ms < _RECENT_MS
    return relative(entry.created_at_ms) if recent else day(entry.created_at_ms)
