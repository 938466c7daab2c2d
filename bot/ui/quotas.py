"""The cards of who may spend what: how it stands, what binds whom, what a change would do, and what was changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import discord
from discord import ui

from bot.credits.quota_repository import LogLine, SetRule
from bot.credits.quota_rules import Rule, Scope
from bot.credits.quotas import Situation
from bot.credits.windows import Period
from bot.generations.quota_changes import Change, GrantChange, RuleChange, RuleRemoval
from bot.generations.quota_desk import Preview, RuleBook
from bot.ui import quota_ids as ids
from bot.ui.card import BANANA, SLATE, Card, button, fine, gap, lines, row, select
from bot.ui.quota_words import (
    ModelLabel,
    allowed_words,
    credits_words,
    line_about,
    line_words,
    this,
    values_words,
    whom,
)
from bot.ui.text import label, plain
from bot.ui.words import counted, grouped, in_credits, relative

RULES_PAGE = 6
_REASON_LIMIT = 160
_SHORT_REASON_LIMIT = 60
_NAME_LIMIT = 28
_SCOPES = (Scope.SERVER, Scope.EVERYONE, Scope.NEWCOMER, Scope.ROLE, Scope.MEMBER, Scope.CHANNEL)
"""In this order rules are listed: from what all share to what is for one."""
_GONE = {
    Scope.ROLE: "a role that is gone",
    Scope.MEMBER: "a member who has left",
    Scope.CHANNEL: "a channel that is gone, or that I can't see",
}
Names = Mapping[tuple[Scope, int], str | None]
"""Names of roles, members and channels by scope and id; None: it is not there any more."""


def rules_shown(book: RuleBook, page: int) -> tuple[Sequence[SetRule], int, int]:
    """Return the rules of a page (1 is the first; past the last is the last), its number and how many there are."""
    rules = sorted(book.rules, key=lambda found: (_SCOPES.index(found.rule.scope), found.rule.subject_id))
    pages = max(-(-len(rules) // RULES_PAGE), 1)
    page = min(max(page, 1), pages)
    return rules[(page - 1) * RULES_PAGE : page * RULES_PAGE], page, pages


def rules_card(
    book: RuleBook,
    guild_name: str,
    page: int,
    *,
    default_credits: int | None,
    label_of: ModelLabel,
    names: Names = MappingProxyType({}),
) -> Card:
    """Return a page (1 is the first) of a server's rules. ``default_credits`` is what holds where there is none.

    ``names`` are those of the roles, members and channels on it, as far as they are known; None: it is gone.
    """
    rules = book.rules
    shown, page, pages = rules_shown(book, page)
    default = credits_words(Period.MONTH, default_credits)
    head = counted(len(rules), "rule") if rules else "No rules yet"
    zone = plain(book.time_zone or "UTC", 60)
    return Card(
        BANANA,
        lines(
            f"**{plain(guild_name, 100)}** · {head}",
            None if any(found.rule.scope is Scope.EVERYONE for found in rules) else f"Everyone has {default}.",
        ),
        gap() if shown else None,
        lines(*(_rule_line(found, label_of, names) for found in shown)),
        gap(line=True),
        fine(
            f"Days, weeks and months begin by the clocks of {zone}.",
            "One's own rule comes first, then the best of the roles', then everyone's. Newcomers', channel and server "
            "limits apply on top; the tightest wins.",
        ),
        _removal(shown, label_of, names) if shown else None,
        _pager(page, pages, ids.quota_rules),
    )


def change_card(
    change: Change,
    draft_id: str,
    *,
    name: str,
    label_of: ModelLabel,
    preview: Preview | None = None,
    asked: bool = True,
) -> Card:
    """Return what a change would do, with the button that does it. ``asked``: it was to be made, and is large.

    ``name`` is the role's, member's or channel's, for the button, where nothing is formatted.
    """
    dangerous = isinstance(change, RuleRemoval) or (isinstance(change, RuleChange) and change.credits == 0)
    head, facts = _would(change, label_of)
    effects = _effects(change, preview)
    return Card(
        SLATE,
        lines(f"**{head}**", *facts),
        gap() if effects else None,
        lines(*effects),
        gap(),
        fine(
            f"Why: {plain(change.reason, _REASON_LIMIT)}" if change.reason else None,
            "Nothing has been changed yet. This stands for 15 minutes."
            if asked
            else "This is a preview; nothing has been changed. The button works for 15 minutes.",
        ),
        row(
            button(
                label(_do_words(change, name), 80),
                ids.quota_do(draft_id),
                style=discord.ButtonStyle.danger if dangerous else discord.ButtonStyle.primary,
            ),
            button("Leave it as it is", ids.quota_leave()),
        ),
    )


def changed_card(line: LogLine, *, label_of: ModelLabel, repeated: bool = False) -> Card:
    """Return what was changed."""
    first = {"set": "The rule is set.", "remove": "The rule is removed.", "grant": "Granted.", "refund": "Refunded."}
    head = "This was done already." if repeated else first.get(line.action, "Changed.")
    rest = None
    if line.action == "refund":
        rest = "It can be spent again. What the server has used stays: the image service keeps its credits."
    elif line.action == "grant":
        rest = "Used when the allowance is empty; channel and server limits hold for it, too."
    elif line.action in {"set", "remove"}:
        rest = "It holds for every request from now on."
    return Card(
        BANANA,
        lines(f"**{head}**", line_words(line, label_of)),
        fine(
            rest, f"Why: {plain(line.reason, _REASON_LIMIT)}" if line.reason else None, f"In /quota log as #{line.id}."
        ),
    )


def left_card() -> Card:
    """Return what stands in a change's place that was not made."""
    return Card(SLATE, "**Left as it was.** Nothing was changed.")


def log_card(shown: Sequence[LogLine], page: int, pages: int, *, label_of: ModelLabel) -> Card:
    """Return a page of the log, newest first."""
    return Card(
        BANANA if shown else SLATE,
        "**Who changed what**" if shown else "**Nothing was changed yet.**",
        *(part for line in shown for part in (gap(), _log_entry(line, label_of))),
        _pager(page, pages, ids.quota_log),
    )


# --- lists ---


def named(rule: Rule, names: Names) -> str:
    """Return whom a rule is for where nothing is formatted: on a button, in a select."""
    if rule.scope in _GONE and rule.subject_id > 0:
        name = names.get((rule.scope, rule.subject_id), f"{rule.scope} {rule.subject_id}")
        if name is None:
            return f"{_GONE[rule.scope]} ({rule.subject_id})"
        return f"#{name}" if rule.scope is Scope.CHANNEL else name
    said = whom(rule.scope, rule.subject_id)
    return said[0].lower() + said[1:]


def _removal(shown: Sequence[SetRule], label_of: ModelLabel, names: Names) -> ui.ActionRow[Any]:
    return select(
        "Remove a rule …",
        ids.quota_pick(),
        [
            discord.SelectOption(
                label=label(named(found.rule, names), 100),
                value=f"{found.rule.scope}:{found.rule.subject_id}",
                description=label(" · ".join(allowed_words(found.rule, label_of)), 100),
            )
            for found in shown
        ],
    )


def _rule_line(found: SetRule, label_of: ModelLabel, names: Names) -> str:
    rule = found.rule
    gone = names.get((rule.scope, rule.subject_id), "") is None
    return lines(
        f"**{whom(rule.scope, rule.subject_id)}** · "
        f"{f'{_GONE[rule.scope]} · ' if gone else ''}{' · '.join(allowed_words(rule, label_of))}",
        fine(
            f"set {relative(found.set_at_ms)} by <@{found.set_by}>"
            + (f": {plain(found.reason, _SHORT_REASON_LIMIT)}" if found.reason else "")
        ),
    )


def _log_entry(line: LogLine, label_of: ModelLabel) -> str:
    return lines(line_words(line, label_of), line_about(line))


def _pager(page: int, pages: int, id_of: Any) -> ui.ActionRow[Any] | None:
    if pages == 1:
        return None
    return row(
        button("Newer" if id_of is ids.quota_log else "Back", id_of(max(page - 1, 1)), disabled=page <= 1),
        button(f"{page} of {pages}", f"{id_of(page)}:here", disabled=True),
        button("Older" if id_of is ids.quota_log else "More", id_of(min(page + 1, pages)), disabled=page >= pages),
    )


# --- changes ---


def _would(change: Change, label_of: ModelLabel) -> tuple[str, list[str]]:
    if isinstance(change, RuleChange):
        return (
            f"{whom(change.scope, change.subject_id)}",
            [
                f"Now: {values_words(change.before, label_of)}",
                f"Then: {values_words(change.model_dump(mode='json'), label_of)}",
            ],
        )
    if isinstance(change, RuleRemoval):
        return (
            f"Remove the rule for {whom(change.scope, change.subject_id)}?",
            [f"Now: {values_words(change.before, label_of)}", "Then: what the other rules say"],
        )
    if isinstance(change, GrantChange):
        expires = f"They expire in {counted(change.days, 'day')}." if change.days else "They don't expire."
        return f"{in_credits(change.credits)} extra for <@{change.user_id}>?", [
            expires,
            "Used when the allowance is empty; channel and server limits hold for them, too.",
        ]
    return "Change this?", []


def _effects(change: Change, preview: Preview | None) -> list[str]:
    if preview is None:
        return []
    said = []
    over = preview.over
    if over is not None and isinstance(change, RuleChange) and change.period is not None:
        when = this(change.period)
        if over.members:
            have = "has" if over.members == 1 else "have"
            said.append(
                f"{counted(over.members, 'member')} {have} used more than that {when} "
                f"(one {grouped(over.most_credits)}) and would have to wait, unless a nearer rule gives them more."
            )
        else:
            said.append(f"Nobody has used more than that {when}.")
    before, then = preview.standing, preview.standing_then
    if before is not None and then is not None:
        said.append(
            f"<@{before.spender.user_id}> has {_left_words(before)} now, and would have **{_left_words(then)}**."
        )
    return said


def _left_words(situation: Situation) -> str:
    left = situation.balance.left_credits
    return "no limit" if left is None else f"{in_credits(left) if left else 'no credits'} left"


def _do_words(change: Change, name: str) -> str:
    short = label(name, _NAME_LIMIT)
    if isinstance(change, RuleChange):
        if change.period is None or (
            (change.before or {}).get("period") == change.period
            and ((change.before or {}).get("credits") == change.credits)
        ):
            return f"Set the rule for {short}"
        return f"Set {credits_words(change.period, change.credits)} for {short}"
    if isinstance(change, RuleRemoval):
        return f"Remove the rule for {short}"
    if isinstance(change, GrantChange):
        return f"Grant {in_credits(change.credits)} to {short}"
    return "Do it"
