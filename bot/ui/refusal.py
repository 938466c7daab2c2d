"""The card of a request that was turned down before anything was spent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.credits.ledger import Balance
from bot.credits.quotas import LimitScope, QuotaExceeded
from bot.errors import BotError, ReferenceRefused
from bot.generations.refusals import (
    AgeRestrictedOnly,
    Banned,
    ChannelNotAllowed,
    GalleryNotAgeRestricted,
    HouseRule,
    MissingPermissions,
    NotShownHere,
    PostedTermBlocked,
    RoleNotAllowed,
    SlowMode,
    TermBlocked,
)
from bot.rivya.catalogue import BadOption
from bot.ui.card import EMBER, Card, button, fine, lines, row
from bot.ui.text import label, plain
from bot.ui.words import NOTHING_CHARGED, duration, grouped, in_credits, relative

_SENTENCE_LIMIT = 1200
_TYPED_LIMIT = 1800
_MENTIONED = 8
_TERM_BLOCKED = "This server blocks a word of that prompt."


@dataclass(frozen=True, slots=True)
class Mend:
    """A button that sends the refused request again with less, as ``label`` says ("Make 1 picture · 8 credits")."""

    label: str
    custom_id: str


def refusal_card(
    error: BotError,
    *,
    balance: Balance | None = None,
    mends: Sequence[Mend] = (),
    picture_credits: int | None = None,
    in_public: bool = False,
    typed: str | None = None,
) -> Card:
    """Return why a request was turned down, that nothing was charged, and a button for each mended one.

    ``picture_credits`` is the price of one picture as it was asked for, said when the request was for several.
    ``in_public``: others read it too. ``typed`` is the prompt, given back to be copied where no button keeps it.
    """
    rest: str | None
    if isinstance(error, QuotaExceeded):
        headline, rest = _quota(error, balance, picture_credits)
    elif isinstance(error, TermBlocked) and in_public:
        # What a server does not want to read is not repeated there.
        headline, rest = _TERM_BLOCKED, "Ask again without it." if not mends else "The form says which, to you alone."
    else:
        headline, rest = _in_words(error)
    return Card(
        EMBER,
        lines(f"**{headline}**", rest),
        NOTHING_CHARGED,
        _on_hold(error, balance),
        fine("Your prompt, to copy:", plain(typed, _TYPED_LIMIT)) if typed else None,
        row(*(button(label(mend.label, 80), mend.custom_id) for mend in mends)),
    )


def _quota(error: QuotaExceeded, balance: Balance | None, picture_credits: int | None) -> tuple[str, str]:
    costs = f"This costs {in_credits(error.cost_credits)}"
    new_ones = f"new ones come {relative(error.resets_at_ms)}" if error.resets_at_ms is not None else None
    one = None
    if picture_credits is not None and picture_credits < error.cost_credits:
        one = f"One picture costs {grouped(picture_credits)}."
    match error.scope:
        case LimitScope.MEMBER:
            if balance is not None and balance.allowance_credits == 0 and not error.left_credits:
                return "You have no credits to spend here.", f"{costs}. An admin can ask the bot's operator for some."
            if not error.left_credits:
                return "You have no credits left.", _sentences(costs, new_ones)
            return "That is more than you have left.", _sentences(
                f"{costs}, you have {grouped(error.left_credits)}", new_ones, one
            )
        case LimitScope.CHANNEL:
            if not error.left_credits:
                return "This channel has no credits left.", _sentences(costs, new_ones)
            has = f"{costs}, the channel has {grouped(error.left_credits)}"
            return "That is more than this channel has left.", _sentences(has, new_ones, one)
        case LimitScope.GUILD:
            if not error.left_credits:
                return "This server has no credits left.", _sentences(costs, new_ones)
            has = f"{costs}, the server has {grouped(error.left_credits)}"
            return "That is more than this server has left.", _sentences(has, new_ones, one)
        case LimitScope.ACCOUNT:
            again = f"it can take more {relative(error.resets_at_ms)}" if error.resets_at_ms is not None else None
            return "The bot has reached its limit for today.", _sentences(
                f"{costs}, more than it may still spend", again, one
            )
        case LimitScope.PROVIDER:
            return (
                "The bot can't pay for this right now.",
                _sentences(f"{costs}, more than its account at the image service has free", None)
                + " Its operator can refill it.",
            )


def _sentences(facts: str, then: str | None, more: str | None = None) -> str:
    whole = f"{facts}; {then}." if then else f"{facts}."
    return f"{whole} {more}" if more else whole


def _in_words(error: BotError) -> tuple[str, str | None]:
    said = plain(error.user_message, _SENTENCE_LIMIT)
    if isinstance(error, ReferenceRefused):
        return "One of the images can't be used.", said if said.endswith((".", "…")) else f"{said}."
    if isinstance(error, MissingPermissions):
        lacking = plain(", ".join(error.permissions), _SENTENCE_LIMIT)
        return "I can't post pictures in this channel.", f"I lack {lacking}. A moderator can give me that."
    if isinstance(error, BadOption):
        return "The model can't take this.", said
    if isinstance(error, HouseRule) and (words := _house_rule(error)) is not None:
        return words
    first, _, rest = re.sub(r"(?<=\.) ", "\n", said, count=1).partition("\n")
    return first, rest or None


def _house_rule(error: HouseRule) -> tuple[str, str | None] | None:
    """Return what a server's admins have set in words that need more than a sentence; None for the others."""
    match error:
        case Banned():
            until = f"It ends {relative(error.expires_at_ms)}" if error.expires_at_ms is not None else "It has no end"
            why = f"Reason: {plain(error.reason, _SENTENCE_LIMIT)}" if error.reason else None
            return "You are banned from using me in this server.", lines(f"{until}; a moderator can lift it.", why)
        case ChannelNotAllowed():
            return "I don't paint in this channel.", f"In this server I do so in {_mentioned('#', error.channel_ids)}."
        case NotShownHere() | GalleryNotAgeRestricted():
            return None
        case AgeRestrictedOnly():
            return "I don't paint in this channel.", "In this server I do so in age-restricted channels only."
        case RoleNotAllowed():
            if not error.role_ids:
                return (
                    "You may not use me in this server.",
                    "A role of yours is excluded. Its moderators can change that.",
                )
            one_of = "the role" if len(error.role_ids) == 1 else "one of the roles"
            return (
                "You may not use me in this server.",
                f"That takes {one_of} {_mentioned('@&', error.role_ids, ' or ')}.",
            )
        case PostedTermBlocked():
            return (
                "It can't be posted in this server.",
                f"Its prompt has a word that is blocked here. It is ||{plain(error.term, 60)}||.",
            )
        case TermBlocked():
            return (
                _TERM_BLOCKED,
                f"It is ||{plain(error.term, 60)}||. Ask again without it.",
            )
        case SlowMode():
            return "Not so fast, please.", (
                f"This server wants {duration(error.wait_s)} between two of your requests. "
                f"The next one can come {relative(error.next_at_ms)}."
            )
    return None


def _mentioned(mark: str, ids: Sequence[int], last: str = " and ") -> str:
    shown = [f"<{mark}{one}>" for one in ids[:_MENTIONED]]
    if len(ids) > _MENTIONED:
        shown.append(f"{len(ids) - _MENTIONED} more")
    return last.join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)


def _on_hold(error: BotError, balance: Balance | None) -> str | None:
    if not isinstance(error, QuotaExceeded) or error.scope is not LimitScope.MEMBER:
        return None
    if balance is None or not balance.on_hold_credits:
        return None
    return fine(f"{in_credits(balance.on_hold_credits)} of yours on hold for pictures in work.")
