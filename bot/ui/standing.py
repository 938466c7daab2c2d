"""The card of /quota explain: what somebody has left in a place, every rule for them there, and which one binds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.credits.quota_rules import Aspect, Limit, LimitScope, Rule, Scope
from bot.credits.quotas import Situation
from bot.generations.standing import Outside, Standing
from bot.ui.card import BANANA, EMBER, TEXT_LIMIT, Card, bar, fine, gap, lines
from bot.ui.quota_words import (
    ModelLabel,
    allowed_words,
    bounds_words,
    credits_words,
    limit_words,
    models_words,
    this,
    whom,
)
from bot.ui.text import plain, units
from bot.ui.words import counted, grouped, in_credits, relative

_REASON_LIMIT = 160
_BINDS = " · **binds**"
_BINDING, _CHOSEN, _IN_FORCE, _PASSED_OVER = range(4)
_SPARE = 60
"""Of Discord's characters so many stay free: for the words of what is left out."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a list. ``rank``: the higher, the later it stands, and the sooner there is no room for it."""

    text: str
    rank: int


def explain_card(
    standing: Standing,
    *,
    user_id: int,
    default_credits: int | None,
    max_running: int,
    label_of: ModelLabel,
    member: bool = True,
    house_models: Sequence[str] = (),
    numbers: bool = False,
) -> Card:
    """Return how a member stands: what is left, what binds, and every rule. ``member``: they are in the server.

    How much all servers together have left is for operators alone (``numbers``); others read that it binds.
    ``max_running`` pictures of theirs may be in work at a time, by the operator's word; ``house_models`` are those that
    the server's settings allow; none: all.
    """
    situation, left = standing.situation, standing.left_credits
    binding = _binding(standing)
    shut = _shut_out(standing, user_id)
    top = lines(
        *shut,
        _head(standing, user_id, numbers=numbers),
        _bar(standing, binding),
        _binds_words(standing, binding, numbers=numbers) if left is not None else None,
    )
    extra = fine(
        f"{in_credits(situation.granted_credits)} extra, used when the allowance is empty."
        if situation.granted_credits
        else None,
        f"{in_credits(situation.on_hold_credits)} on hold for pictures in work." if situation.on_hold_credits else None,
        None if member else "They are not in this server: no roles are known of them, and they count as new.",
    )
    shared = lines("**Shared with all**", *_shared_lines(situation, binding, label_of))
    request = lines(
        "**A request of theirs**",
        "· " + " · ".join(_bounds(situation, house_models, label_of)),
        _work_line(standing, max_running),
    )
    models = fine(_two_words(situation, house_models, label_of)) if house_models else ""
    title = "**Their own**"
    room = TEXT_LIMIT - _SPARE - sum(units(part) for part in (top, extra, shared, request, models, title))
    return Card(
        EMBER if left == 0 or shut else BANANA,
        top,
        gap(line=True),
        lines(title, *_fitting(_own_lines(situation, binding, default_credits, label_of), room)),
        extra or None,
        gap(),
        shared,
        gap(),
        request,
        models or None,
    )


# --- what is left, and what binds ---


def _binding(standing: Standing) -> Limit | None:
    """Return the limit of this server that binds; None: there is none, or all servers together have less."""
    balance = standing.balance
    if standing.left_credits is None or standing.outside is not None:
        return None
    return balance.ceiling if balance.is_capped and balance.ceiling is not None else standing.situation.binding


def _shut_out(standing: Standing, user_id: int) -> list[str]:
    said, ban = [], standing.ban
    if standing.situation.paused:
        said.append("**The bot's operator has paused this server.** Until that is over nobody can make pictures here.")
    if ban is not None:
        until = f"until {relative(ban.expires_at_ms)}" if ban.expires_at_ms is not None else "for good"
        why = f": {plain(ban.reason, _REASON_LIMIT)}" if ban.reason else ""
        said.append(f"**<@{user_id}> is banned from the bot here**, {until}{why}. /unban lifts it.")
    return said


def _head(standing: Standing, user_id: int, *, numbers: bool) -> str:
    left, situation = standing.left_credits, standing.situation
    if left == 0:
        return f"**<@{user_id}> has no credits left here.**"
    by_rules = ""
    if standing.outside is not None and not numbers:
        left, by_rules = standing.balance.left_credits, " by this server's rules"
    if left is None:
        return f"**<@{user_id}> has no limit on credits here{by_rules}.**"
    extra = situation.granted_credits if _binding(standing) is situation.binding else 0
    of_them = f", {grouped(extra)} of them extra" if 0 < extra < left else ""
    return f"**<@{user_id}> has {in_credits(left)} left here{by_rules}{of_them}.**"


def _bar(standing: Standing, binding: Limit | None) -> str | None:
    own, left = standing.situation.binding, standing.left_credits
    total = (own.credits or 0) + standing.situation.granted_credits
    return bar(left / total) if left is not None and total and binding is own else None


def _binds_words(standing: Standing, binding: Limit | None, *, numbers: bool) -> str | None:
    if standing.outside is not None:
        return _outside_words(standing.outside, standing.balance.left_credits, numbers=numbers)
    return f"{_whose(binding)} binds: {limit_words(binding)}." if binding is not None else None


def _outside_words(outside: Outside, own_credits: int | None, *, numbers: bool) -> str:
    """Say what binds where all servers together have less left than this one."""
    if numbers:
        much = f": {in_credits(outside.left_credits)} left"
    elif not outside.left_credits:
        much = ": it is used up"
    else:
        much = ": less than that is left of it" if own_credits is not None else ""
    if outside.resets_at_ms is None:
        what, again = "account at the image service", "Whoever runs the bot can refill it"
    else:
        what, again = "budget for today", f"It begins anew {relative(outside.resets_at_ms)}"
    return f"The bot's {what} binds, for all servers together{much}. {again}."


def _whose(limit: Limit) -> str:
    if limit.rule is None:
        if limit.scope is LimitScope.GUILD:
            return "What the bot's operator allows this server"
        return "What a member has without a rule"
    match limit.rule.scope:
        case Scope.EVERYONE:
            return "The rule for everyone"
        case Scope.SERVER:
            return "The limit of the whole server"
        case Scope.MEMBER:
            return "Their own rule"
        case Scope.NEWCOMER:
            return f"The limit for members of less than {counted(limit.rule.subject_id, 'day')}"
        case Scope.ROLE:
            return f"The rule of {whom(Scope.ROLE, limit.rule.subject_id)}"
        case Scope.CHANNEL:
            return f"The limit of {whom(Scope.CHANNEL, limit.rule.subject_id)}"


# --- rule by rule ---


def _own_lines(
    situation: Situation, binding: Limit | None, default_credits: int | None, label_of: ModelLabel
) -> list[_Line]:
    applied, chosen = situation.applied, situation.own[0]
    passed_over = applied.passed_over()
    shown = []
    roles = sorted(applied.roles, key=lambda rule: (rule is not chosen.rule, len(passed_over[rule])))
    for rule in (applied.member, *roles, applied.everyone):
        if rule is None:
            continue
        outdone = set(passed_over[rule])
        if Aspect.CREDITS in rule.aspects and rule is not chosen.rule:
            outdone.add(Aspect.CREDITS)
        binds = chosen is binding and rule is chosen.rule
        counts = _CHOSEN if rule is chosen.rule else _IN_FORCE if outdone < set(rule.aspects) else _PASSED_OVER
        rank = _BINDING if binds else counts
        shown.append(_Line(_standing(rule, situation, label_of, outdone, binds=binds), rank))
    for rule in applied.newcomer:
        binds = binding is not None and binding.rule is rule
        shown.append(_Line(_standing(rule, situation, label_of, set(), binds=binds), _BINDING if binds else _IN_FORCE))
    if chosen.rule is None:
        mark = _BINDS if chosen is binding else ""
        shown.append(_Line(f"· Without a rule on credits: {limit_words(chosen)}{mark}", _BINDING if mark else _CHOSEN))
    elif default_credits is not None:
        shown.append(_Line(f"· ~~Without a rule: {in_credits(default_credits)} a month~~", _PASSED_OVER))
    return shown


def _shared_lines(situation: Situation, binding: Limit | None, label_of: ModelLabel) -> list[str]:
    shown = []
    for rule in (situation.applied.channel, situation.applied.server):
        if rule is not None:
            binds = binding is not None and binding.rule is rule
            shown.append(_standing(rule, situation, label_of, set(), binds=binds))
    for limit in situation.ceilings:
        if limit.rule is None and limit.credits is not None:
            mark = _BINDS if limit is binding else ""
            shown.append(f"· The bot's operator, for this server: {limit_words(limit)}{mark}")
    return shown or ["· No limits"]


def _standing(rule: Rule, situation: Situation, label_of: ModelLabel, outdone: set[Aspect], *, binds: bool) -> str:
    said, limit = allowed_words(rule, label_of, outdone), situation.limit_of(rule)
    if limit is not None:
        said[0] = _passed_over_words(limit) if Aspect.CREDITS in outdone else limit_words(limit)
    return f"· {whom(rule.scope, rule.subject_id)}: {' · '.join(said)}{_BINDS if binds else ''}"


def _passed_over_words(limit: Limit) -> str:
    """Return what a rule says that does not count, and how it would stand: "~~40 credits a day~~ (8 used today, …)"."""
    struck = f"~~{credits_words(limit.period, limit.credits)}~~"
    used = f"{grouped(limit.used_credits)} used {this(limit.period)}"
    if limit.left_credits is None:
        return f"{struck} ({used})"
    return f"{struck} ({used}, {grouped(limit.left_credits)} left, resets {relative(limit.window.end_ms)})"


def _fitting(found: Sequence[_Line], room: int) -> list[str]:
    """Return the lines that there is room for, first what counts, in small print what does not; and how many more."""
    kept: list[str] = []
    for one in sorted(found, key=lambda line: line.rank):
        text = fine(one.text) if one.rank == _PASSED_OVER else one.text
        room -= units(text) + 1
        if room < 0:
            break
        kept.append(text)
    more = len(found) - len(kept)
    return [*kept, *([f"· and {counted(more, 'more rule')}"] if more else [])]


# --- what a request may be ---


def _bounds(situation: Situation, house_models: Sequence[str], label_of: ModelLabel) -> Sequence[str]:
    bounds = situation.bounds
    models = bounds.models
    if house_models:
        models = frozenset(model for model in house_models if bounds.allows_model(model))
    return bounds_words(
        resolution=bounds.resolution, models=models, count=bounds.count, running=None, label_of=label_of
    )


def _work_line(standing: Standing, max_running: int) -> str:
    """Return how much is in work now, of how much at a time."""
    bounds, crowd = standing.situation.bounds, standing.crowd
    said = [
        _of_requests(crowd.running, bounds.running, "of theirs"),
        *(
            _of_requests(running, most, where)
            for running, most, where in (
                (crowd.running_in_channel, bounds.running_in_channel, "in this channel"),
                (crowd.running_in_server, bounds.running_in_server, "in the whole server"),
            )
            if most is not None
        ),
    ]
    pictures = (
        f"{grouped(crowd.mine)} of the {counted(max_running, 'picture')} that the bot's operator allows each member"
    )
    return f"· In work now: {', '.join(said)}; {pictures}"


def _of_requests(running: int, most: int | None, where: str) -> str:
    if most is None:
        return f"{counted(running, 'request')} {where}"
    return f"{grouped(running)} of {counted(most, 'request')} {where}" if most else f"no request allowed {where}"


def _two_words(situation: Situation, house_models: Sequence[str], label_of: ModelLabel) -> str:
    """Return which of the two says what of models: the settings for everyone, the quotas for whom they are."""
    said = f"Models: /settings allows everyone {models_words(house_models, label_of)}"
    if situation.bounds.models is None:
        return f"{said}; /quota says nothing of them here."
    return f"{said}; /quota allows them {models_words(situation.bounds.models, label_of)} here. It takes both."
