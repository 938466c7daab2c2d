"""What admins can change of who may spend what: as plain values that can wait in the database to be confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from bot.credits.quota_repository import values_of
from bot.credits.quota_rules import ALL_MODELS, DAY_MS, Rule, Scope
from bot.credits.windows import Period

MOST_CREDITS = 10_000_000
MOST_RUNNING = 100
MOST_DAYS = 3650
MOST_GRANTED = 100_000
"""Credits of one grant."""
MOST_RULES = 250
REASON_LIMIT = 200

LARGE_GRANT = 1_000
"""A grant of so much is confirmed first."""
LARGE_RISE = 500
"""So many more credits a month, and twice as many as before, are confirmed first."""
_ON_TOP = frozenset({Scope.NEWCOMER, Scope.CHANNEL, Scope.SERVER})
"""Rules that only tighten: without one there is no limit of that kind."""
_PER_MONTH = {Period.DAY: 30, Period.WEEK: 4, Period.MONTH: 1}


@dataclass(frozen=True, slots=True)
class Footing:
    """How it stands where a change is to be made: what it is weighed against.

    ``usual_credits`` are what a member may spend a month where a rule says nothing of it (None: any number),
    ``used_up`` whether a ceiling would be reached the moment it is set, ``house_models`` those that the server's
    settings allow (none: all).
    """

    usual_credits: int | None
    used_up: bool = False
    house_models: tuple[str, ...] = ()

    def leaves_a_model(self, models: Sequence[str] | None) -> bool:
        """Tell whether a rule that allows ``models`` (None: it says nothing of them) leaves any that may be used."""
        if models is None or ALL_MODELS in models:
            return True
        return bool(set(models) & set(self.house_models) if self.house_models else models)


class _Change(BaseModel):
    model_config = ConfigDict(frozen=True)

    reason: str = Field("", max_length=REASON_LIMIT)


class RuleChange(_Change):
    """Set a rule, whole; ``before`` is what it takes the place of, and must still stand."""

    action: Literal["set"] = "set"
    scope: Scope
    subject_id: int = Field(0, ge=0)
    period: Period | None = None
    credits: int | None = Field(None, ge=0, le=MOST_CREDITS)
    running: int | None = Field(None, ge=0, le=MOST_RUNNING)
    resolution: str | None = Field(None, max_length=10)
    models: tuple[str, ...] | None = Field(None, max_length=25)
    count: int | None = Field(None, ge=1, le=4)
    before: dict[str, Any] | None = None

    @property
    def rule(self) -> Rule:
        """The rule as it will be."""
        return Rule(
            self.scope, self.subject_id, self.period, self.credits, self.running, self.resolution, self.models,
            self.count,
        )  # fmt: skip

    def is_large(self, footing: Footing) -> bool:
        """Tell whether it is to be confirmed: it opens credits wide, closes them, or shuts everybody out."""
        before = self.before or {}
        if self.running == 0 and before.get("running") != 0:
            return True
        models = list(self.models) if self.models is not None else None
        if models != before.get("models") and not footing.leaves_a_model(models):
            return True
        if (self.period, self.credits) == (before.get("period"), before.get("credits")):
            return False
        on_top = self.scope in _ON_TOP
        usual = None if on_top else footing.usual_credits
        was = monthly(before.get("period"), before.get("credits"), usual)
        now = monthly(self.period, self.credits, usual)
        if now is None:
            return was is not None or not on_top
        if now == 0 or footing.used_up:
            return True
        if was is None:
            # There was no limit. One for all together is weighed against what a single member may spend.
            return not on_top or footing.usual_credits is None or now * 2 < footing.usual_credits
        return now * 2 < was or (now - was >= LARGE_RISE and now >= 2 * was)


class RuleRemoval(_Change):
    """Remove a rule."""

    action: Literal["remove"] = "remove"
    scope: Scope
    subject_id: int = Field(0, ge=0)
    before: dict[str, Any]

    def is_large(self, _footing: Footing) -> bool:
        """Tell whether it is to be confirmed: always."""
        return True


class GrantChange(_Change):
    """Give a member extra credits; ``days``: until they expire, None: never."""

    action: Literal["grant"] = "grant"
    user_id: int
    credits: int = Field(ge=1, le=MOST_GRANTED)
    days: int | None = Field(None, ge=1, le=MOST_DAYS)

    def is_large(self, _footing: Footing) -> bool:
        """Tell whether it is to be confirmed."""
        return self.credits >= LARGE_GRANT

    def expires_at_ms(self, now_ms: int) -> int | None:
        """Return when the credits expire, if they are given now."""
        return None if self.days is None else now_ms + self.days * DAY_MS


class RefundChange(_Change):
    """Give back what a picture cost; ``credits`` None: all of it that was not given back yet."""

    action: Literal["refund"] = "refund"
    picture_id: str = Field(max_length=200)
    credits: int | None = Field(None, ge=1)

    def is_large(self, _footing: Footing) -> bool:
        """Tell whether it is to be confirmed: a refund is never more than one picture cost."""
        return False


class ZoneChange(_Change):
    """Set the time zone in which the server's days, weeks and months begin."""

    action: Literal["time_zone"] = "time_zone"
    name: str = Field(max_length=60)

    def is_large(self, _footing: Footing) -> bool:
        """Tell whether it is to be confirmed."""
        return False


Change = RuleChange | RuleRemoval | GrantChange | RefundChange | ZoneChange
_ANY: TypeAdapter[Change] = TypeAdapter(Annotated[Change, Field(discriminator="action")])


def change_of(values: Any) -> Change:
    """Return a change out of the plain values that it was kept as."""
    return _ANY.validate_python(values)


def merged(before: Rule | None, scope: Scope, subject_id: int, given: dict[str, Any], reason: str) -> RuleChange:
    """Return the change that sets what is ``given`` and leaves the rest of a rule as it is."""
    was = values_of(before) if before is not None else None
    return RuleChange(scope=scope, subject_id=subject_id, reason=reason, before=was, **{**(was or {}), **given})


def monthly(period: str | None, limit_credits: int | None, usual_credits: int | None) -> int | None:
    """Return what a rule comes to in a month; ``usual_credits`` where it says nothing of credits, None: any number."""
    if period is None:
        return usual_credits
    return None if limit_credits is None else limit_credits * _PER_MONTH[Period(period)]
