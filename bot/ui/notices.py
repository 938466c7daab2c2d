"""What operators are told by direct message, and the words for an account that can't be used."""

from __future__ import annotations

from typing import Any, Final

from bot.generations.protocols import Notice, NoticeKind
from bot.ui.card import BANANA, EMBER, Card, fine, lines
from bot.ui.words import in_credits, relative

_NEW_KEY: Final = (
    "Put a new one where the old one is (never into a message), then press Read again in /operator status. It needs no "
    "restart."
)
_WHY: Final[dict[str, tuple[str, str]]] = {
    "insufficient_credits": (
        "The account at the image service is empty",
        "Fill it up. I ask again by myself; Read again in /operator status asks at once.",
    ),
    "api_key_missing": ("The image service got no key", _NEW_KEY),
    "api_key_invalid": ("The image service does not know the key", _NEW_KEY),
    "api_key_revoked": ("The key was revoked", _NEW_KEY),
    "api_key_expired": ("The key has expired", _NEW_KEY),
    "api_key_problem": ("The image service does not accept the key", _NEW_KEY),
    "api_scope_denied": (
        "The key lacks a scope",
        "`nano-banana-bot doctor` says which. Give it that in your account at the image service, or put in a new key.",
    ),
}
_WAS: Final = {
    "insufficient_credits": "the account at the image service was empty",
    "api_key_missing": "the image service got no key",
    "api_key_invalid": "the image service did not know the key",
    "api_key_revoked": "the key was revoked",
    "api_key_expired": "the key had expired",
    "api_scope_denied": "the key lacked a scope",
}
_UNREAD: Final = {
    "rate_limited": "it asked me to slow down",
    "not_sent": "it can't be reached",
    "no_answer": "it did not answer",
    "server_trouble": "it has trouble of its own",
}


def why_closed(code: str) -> tuple[str, str]:
    """Return why nothing is submitted, without its full stop, and what to do."""
    return _WHY.get(code, (f"The image service refuses the account ({code})", "Look at your account there."))


def why_unread(code: str) -> str:
    """Return why the last reading failed, as a part of a sentence."""
    return _UNREAD.get(code, f"it said {code}")


def days_words(days: float) -> str:
    """26.4 → "about 26 days"; 1.3 → "about a day"; 0.2 → "about 5 hours"; 0 → "no time"."""
    hours = round(days * 24)
    if hours < 1:
        return "less than an hour"
    if hours < 24:
        return f"about {hours} hours" if hours > 1 else "about an hour"
    return "about a day" if days < 1.5 else f"about {round(days):,} days"


def pace_words(pace_credits_per_day: float, pace_days: int) -> str:
    """Return the pace and where it comes from."""
    when = "the last 24 hours" if pace_days == 1 else "the last 7 days"
    return f"{in_credits(round(pace_credits_per_day))} a day, the pace of {when}"


def operator_notice_card(notice: Notice) -> Card:
    """Return a direct message to an operator."""
    facts, code = notice.facts, str(notice.facts.get("code"))
    match notice.kind:
        case NoticeKind.LOW:
            return _low(facts)
        case NoticeKind.CLOSED:
            reason, advice = why_closed(code)
            return Card(
                EMBER,
                lines(f"**{reason}: I have stopped painting.**", advice),
                "What was not submitted is given back and its people are told. What was submitted goes on.",
                _about(notice),
            )
        case NoticeKind.OPENED:
            since_ms = facts.get("since_ms")
            return Card(
                BANANA,
                lines(
                    "**All is well again: I paint.**",
                    f"It stopped {relative(int(since_ms))}: {_WAS.get(code, f'the account was refused ({code})')}."
                    if since_ms
                    else None,
                ),
                _about(notice),
            )
        case NoticeKind.PRICE:
            return _price(notice)


def _price(notice: Notice) -> Card:
    facts = notice.facts
    taken, price = int(facts["taken_credits"]), int(facts["price_credits"])
    what = ", ".join(part for part in (str(facts["label"]), facts.get("resolution")) if part)
    return Card(
        EMBER,
        lines(
            f"**The image service says that it took {in_credits(taken)} for one picture.**",
            f"{what}, which costs {in_credits(price)}. I take that for a mistake and keep the price, until another "
            "request says so too.",
        ),
        f"Nobody was charged more than was shown: the other {in_credits(taken - price)} are booked as variance "
        "and count for today's ceiling. If the account really lost them, ask the image service for them.",
        _about(notice),
    )


def _low(facts: Any) -> Card:
    left, days = facts["free_credits"], facts["days_left"]
    lasts = f", enough for {days_words(days)}" if days is not None else ""
    return Card(
        EMBER,
        lines(
            f"**The account runs low: {in_credits(max(int(left), 0))} left{lasts}.**",
            "When it is empty I stop painting, give back what waits, and go on by myself once it is filled.",
        ),
        fine(
            f"{pace_words(facts['pace_credits_per_day'], facts['pace_days'])}." if days is not None else None,
            "/operator status says how it stands.",
        ),
    )


def _about(notice: Notice) -> str:
    return fine(f"<t:{notice.at_ms // 1000}:f> · /operator status says how it stands.")
