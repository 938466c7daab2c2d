"""What a server's log channel is told, and every change of its settings in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bot.generations.house import THE_BOT
from bot.generations.protocols import LogLine
from bot.generations.repository import BAN, NOBODY, ChangeRow
from bot.generations.values import RequestView
from bot.ui.card import SLATE, TEXT_LIMIT, Card, apart, fine, lines
from bot.ui.kin import headline, url_of
from bot.ui.quota_words import line_about, line_words
from bot.ui.text import plain, units
from bot.ui.words import counted, duration, in_credits, model_label, request_line

NAMES: Final = {
    "channels": "Channels",
    "roles_allowed": "Roles that may",
    "roles_denied": "Roles that may not",
    "terms": "Blocked words",
    "age_restricted_only": "Age-restricted channels only",
    "models": "Models",
    "default_model": "Usual model",
    "private_allowed": "Private pictures",
    "slow_mode_s": "Slow mode",
    "log_channel_id": "Log",
    "log_private": "Prompts of private pictures in the log",
    "everyone_credits": "Credits of each member",
    "gallery_channel_id": "Gallery",
    "reports_channel_id": "Reports",
}
_PROMPT_LIMIT: Final = 300
_LINE_LIMIT: Final = 900
_TERMS_SHOWN: Final = 8
_IDS_SHOWN: Final = 6


def log_card(told: Sequence[LogLine]) -> Card:
    """Return one message of a server's log: a part for each line, oldest first."""
    share = min(TEXT_LIMIT // max(len(told), 1), _LINE_LIMIT)
    return Card(SLATE, *apart(*(_line(line, share) for line in told)))


def log_off_words(guild_name: str, dropped: int) -> str:
    """Return what an admin is told by direct message when their log was switched off."""
    lost = f" {counted(dropped, 'line')} could not be shown." if dropped else ""
    return (
        f"For a day I could not post to the log channel of {plain(guild_name, 100)}, so its log is switched off.{lost} "
        "/settings there chooses another channel; it says what I lack in it."
    )


def change_words(change: ChangeRow, limit: int = _LINE_LIMIT) -> str:
    """Return who changed what, from what to what, and when."""
    who = "I" if change.changed_by == THE_BOT else f"<@{change.changed_by}>"
    about = fine(f"{who} · <t:{change.created_at_ms // 1000}:f>")
    return lines(_cut(_changed(change), limit - units(about) - 1), about)


def ban_words(user_id: int, reason: str, expires_at_ms: int | None) -> str:
    """Return a ban: who, until when, why."""
    until = f"until <t:{expires_at_ms // 1000}:f>" if expires_at_ms is not None else "until it is lifted"
    why = f": {plain(reason, _PROMPT_LIMIT)}" if reason else ""
    return f"{_whom(user_id)} {until}{why}"


def _lifted_words(before: Mapping[str, Any], after: Mapping[str, Any] | None) -> str:
    """Return whose ban was lifted, and why; before there could be a reason, nothing stood in the place of the ban."""
    why = after["reason"] if after is not None else ""
    return f"**No longer banned:** {_whom(before['user_id'])}{f': {plain(why, _PROMPT_LIMIT)}' if why else ''}"


def _whom(user_id: int) -> str:
    return f"<@{user_id}>" if user_id != NOBODY else "somebody who was forgotten"


def _line(line: LogLine, limit: int) -> str:
    if line.request is not None:
        return _request(line.request, hidden=line.hidden, limit=limit)
    if line.change is not None:
        return change_words(line.change, limit)
    if line.quota is not None:
        about = line_about(line.quota)
        return lines(_cut(line_words(line.quota, model_label), limit - units(about) - 1), about)
    return _cut(line.words or "", limit)


def _request(view: RequestView, *, hidden: bool, limit: int) -> str:
    link = None
    message_id = view.delivered_message_id or view.message_id
    if not view.private and message_id is not None:
        url = url_of(view.place_guild_id, view.delivered_channel_id or view.channel_id, message_id)
        link = f"[go to the message]({url})"
    parts = (
        f"<@{view.user_id}> in <#{view.channel_id}> <t:{view.created_at_ms // 1000}:t>",
        "private" if view.private and not hidden else None,
        None if hidden else request_line(view),
        in_credits(view.cost_credits),
        f"ref {view.reference}",
        link,
    )
    about = fine(" · ".join(part for part in parts if part))
    room = min(limit - units(about) - 8, _PROMPT_LIMIT)
    return lines("**A private picture**" if hidden else f"**{headline(view, max(room, 40))}**", about)


def _changed(change: ChangeRow) -> str:
    before, after = json.loads(change.was), json.loads(change.became)
    if change.name == BAN:
        if after is None or after.get("lifted"):
            return _lifted_words(before, after)
        return f"**Banned:** {ban_words(after['user_id'], after['reason'], after['expires_at_ms'])}"
    name = NAMES.get(change.name) or plain(change.name.replace("_", " "), 60)
    if change.name == "terms":
        return f"**{name}:** {_terms(before, after)}"
    return f"**{name}:** {value_words(change.name, before)} → {value_words(change.name, after)}"


def value_words(name: str, value: Any) -> str:
    """Return a setting's value in words."""
    return _VALUES.get(name, _other)(value)


def _ids(mark: str, empty: str) -> Callable[[Sequence[int]], str]:
    def words(ids: Sequence[int]) -> str:
        shown = [f"<{mark}{one}>" for one in ids[:_IDS_SHOWN]]
        more = f" and {len(ids) - _IDS_SHOWN} more" if len(ids) > _IDS_SHOWN else ""
        return f"{', '.join(shown)}{more}" if shown else empty

    return words


def _switch(on: str, off: str) -> Callable[[bool], str]:
    return lambda value: on if value else off


def _channel(channel_id: int | None) -> str:
    return f"<#{channel_id}>" if channel_id is not None else "none"


def _models(models: Sequence[str]) -> str:
    return ", ".join(plain(model_label(model), 40) for model in models) or "all"


def allowance_words(credits_of_each: int | None, period: str) -> str:
    """Return what each member may spend: "160 credits a month"."""
    return "no limit" if credits_of_each is None else f"{in_credits(credits_of_each)} a {period}"


def _slow(seconds: int) -> str:
    return f"{duration(seconds)} between two requests of a member" if seconds else "none"


def _other(value: Any) -> str:
    return "none" if value is None else plain(str(value), 200)


_VALUES: Final[Mapping[str, Callable[[Any], str]]] = {
    "channels": _ids("#", "everywhere"),
    "roles_allowed": _ids("@&", "everyone"),
    "roles_denied": _ids("@&", "none"),
    "age_restricted_only": _switch("yes", "no"),
    "models": _models,
    "default_model": lambda model: plain(model_label(model), 40) if model else "the bot's own",
    "private_allowed": _switch("allowed", "not allowed"),
    "slow_mode_s": _slow,
    "log_channel_id": _channel,
    "log_private": _switch("shown", "not shown"),
    "everyone_credits": lambda told: allowance_words(told["credits"], told["period"]),
    "gallery_channel_id": _channel,
    "reports_channel_id": _channel,
}


def _terms(before: Sequence[str], after: Sequence[str]) -> str:
    """Return which words came and went, hidden until somebody looks."""
    came = [term for term in after if term not in before]
    gone = [term for term in before if term not in after]
    said = [
        f"{what} {', '.join(spoiler(term) for term in terms[:_TERMS_SHOWN])}"
        f"{f' and {len(terms) - _TERMS_SHOWN} more' if len(terms) > _TERMS_SHOWN else ''}"
        for what, terms in (("added", came), ("removed", gone))
        if terms
    ]
    return "; ".join(said) or "in another order"


def spoiler(term: str) -> str:
    """Return a blocked word so that nobody reads it unless they want to."""
    return f"||{plain(term, 40)}||"


def _cut(words: str, limit: int) -> str:
    """Keep words of ours within a message: what is long in them was cut before."""
    return words if units(words) <= limit else f"{words[: limit // 2]}…"
