"""Words of rules, limits and changes, as every card of quotas says them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from bot.credits.quota_repository import LogLine
from bot.credits.quota_rules import ALL_MODELS, Aspect, Limit, Rule, Scope
from bot.credits.windows import Period
from bot.ui.card import fine
from bot.ui.text import plain
from bot.ui.words import counted, grouped, in_credits, listed, relative

_MODELS_NAMED = 3
_REASON_LIMIT = 60
ModelLabel = Callable[[str], str]

_EACH = {Period.DAY: "a day", Period.WEEK: "a week", Period.MONTH: "a month"}
_THIS = {Period.DAY: "today", Period.WEEK: "this week", Period.MONTH: "this month", Period.NONE: "this month"}


def each(period: Period) -> str:
    """Period.DAY → "a day"."""
    return _EACH[period]


def this(period: Period) -> str:
    """Period.DAY → "today"."""
    return _THIS[period]


def whom(scope: Scope, subject_id: int) -> str:
    """Return whom a rule is for, by Discord's own names: nothing in those formats or mentions."""
    match scope:
        case Scope.EVERYONE:
            return "Everyone"
        case Scope.SERVER:
            return "The whole server"
        case Scope.ROLE:
            return f"<@&{subject_id}>"
        case Scope.MEMBER:
            return f"<@{subject_id}>" if subject_id > 0 else "A member who was forgotten"
        case Scope.CHANNEL:
            return f"<#{subject_id}>"
        case Scope.NEWCOMER:
            return f"Members of less than {counted(subject_id, 'day')}"


def credits_words(period: Period | str, limit_credits: int | None) -> str:
    """Return what a rule says of credits: "100 credits a month"."""
    if Period(period) is Period.NONE or limit_credits is None:
        return "no limit on credits"
    return f"{in_credits(limit_credits) if limit_credits else 'no credits'} {each(Period(period))}"


def allowed_words(rule: Rule, label_of: ModelLabel, passed_over: Collection[Aspect] = ()) -> list[str]:
    """Return what a rule allows, struck out where a nearer rule says it as well."""
    said = _said(rule, label_of)
    return [f"~~{words}~~" if aspect in passed_over else words for aspect, words in said.items()]


def _said(rule: Rule, label_of: ModelLabel) -> dict[Aspect, str]:
    said: dict[Aspect, str] = {}
    if rule.period is not None:
        said[Aspect.CREDITS] = credits_words(rule.period, rule.credits)
    if rule.running is not None:
        said[Aspect.RUNNING] = f"{counted(rule.running, 'request')} at a time" if rule.running else "no requests"
    if rule.resolution is not None:
        said[Aspect.RESOLUTION] = f"up to {plain(rule.resolution, 10)}"
    if rule.models is not None:
        said[Aspect.MODELS] = models_words(rule.models, label_of)
    if rule.count is not None:
        said[Aspect.COUNT] = f"{counted(rule.count, 'picture')} a request"
    return said


def models_words(models: Collection[str], label_of: ModelLabel) -> str:
    """Return which models are allowed: "all models", "only Nano Banana 2"."""
    if ALL_MODELS in models:
        return "all models"
    if not models:
        return "no model"
    named = [plain(label_of(model), 30) for model in sorted(models)[:_MODELS_NAMED]]
    more = len(models) - _MODELS_NAMED
    return f"only {listed([*named, *([f'{more} more'] if more > 0 else [])])}"


def limit_words(limit: Limit) -> str:
    """Return how a limit stands: "88 of 100 credits used this month, 12 left, new ones in 4 days"."""
    if limit.credits is None:
        return f"no limit on credits · {grouped(limit.used_credits)} used {this(limit.period)}"
    return (
        f"{grouped(limit.used_credits)} of {in_credits(limit.credits)} used {this(limit.period)}, "
        f"{grouped(limit.left_credits or 0)} left, resets {relative(limit.window.end_ms)}"
    )


def values_words(values: Mapping[str, Any] | None, label_of: ModelLabel) -> str:
    """Return what a rule allowed, out of the plain values of the log: "100 credits a month, up to 2K"."""
    if values is None:
        return "no rule"
    models = values.get("models")
    rule = Rule(
        Scope.EVERYONE,
        period=Period(values["period"]) if values.get("period") else None,
        credits=values.get("credits"),
        running=values.get("running"),
        resolution=values.get("resolution"),
        models=tuple(models) if models is not None else None,
        count=values.get("count"),
    )
    return ", ".join(_said(rule, label_of).values()) or "nothing"


def line_words(line: LogLine, label_of: ModelLabel) -> str:
    """Return what a change did, in one sentence."""
    about = whom(Scope(line.scope), line.subject_id)
    before, after = line.before or {}, line.after or {}
    match line.action:
        case "set":
            return f"{about}: {values_words(line.before, label_of)} → **{values_words(line.after, label_of)}**"
        case "remove":
            return f"{about}: {values_words(line.before, label_of)} → **no rule**"
        case "grant":
            expires = after.get("expires_at_ms")
            return f"**{in_credits(after['credits'])}** extra for {about[:1].lower()}{about[1:]}" + (
                f", until <t:{expires // 1000}:D>" if expires else ""
            )
        case "refund":
            return f"**{in_credits(after['credits'])}** back to {about[:1].lower()}{about[1:]} for a picture"
        case "time_zone":
            was = before.get("time_zone") or "UTC"
            return f"Time zone: {plain(was, 60)} → **{plain(after['time_zone'], 60)}**"
    return plain(line.action, 40)


def line_about(line: LogLine) -> str:
    """Return the fine print of a change: its number, who, when, why."""
    why = f" · {plain(line.reason, _REASON_LIMIT)}" if line.reason else ""
    entry = f" · entry {line.entry_id}" if line.entry_id is not None else ""
    return fine(f"quota #{line.id} · <@{line.actor_id}> {relative(line.created_at_ms)}{entry}{why}")


def bounds_words(
    *,
    resolution: str | None,
    models: Collection[str] | None,
    count: int | None,
    running: int | None,
    label_of: ModelLabel,
) -> Sequence[str]:
    """Return what a request may be, all in all."""
    return [
        f"up to {plain(resolution, 10)}" if resolution is not None else "any resolution",
        models_words(models, label_of) if models is not None else "all models",
        f"{counted(count, 'picture')} a request" if count is not None else "up to 4 pictures a request",
        *([f"{counted(running, 'request')} at a time"] if running is not None else []),
    ]
