"""How the rules of admins combine: one's own, else the best of the roles', else everyone's; the rest tightens."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from bot.credits.quota_rules import DAY_MS, Applied, Bounds, LimitScope, Rule, Scope, Spender, Used, tightest
from bot.credits.windows import Period, day_of, month_of, week_of

NOW_MS = 1_790_000_000_000  # Monday 21 September 2026, 14:13 UTC
USER, GUILD, CHANNEL = 101, 201, 301
ARTIST, PATRON = 401, 402
SPENT = {Period.DAY: 5, Period.WEEK: 20, Period.MONTH: 60}


def rule(scope: Scope, subject_id: int = 0, **values: Any) -> Rule:
    return Rule(scope, subject_id, **values)


def per(period: Period, number: int) -> dict[str, Any]:
    return {"period": period, "credits": number}


UNLIMITED: dict[str, Any] = {"period": Period.NONE}
EVERYONE = rule(Scope.EVERYONE, **per(Period.MONTH, 100))


def applied(*rules: Rule, **who: Any) -> Applied:
    values: dict[str, Any] = {
        "role_ids": frozenset({ARTIST, PATRON}),
        "joined_at_ms": NOW_MS - 100 * DAY_MS,
        "channel_id": CHANNEL,
    }
    return Applied.of(rules, Spender(USER, GUILD, **{**values, **who}), NOW_MS)


def own(*rules: Rule, default: int | None = 50, **who: Any) -> tuple[int | None, Period, Rule | None]:
    """Return what the tightest limit on the member's allowance leaves, its period, and whose it is."""
    limits = applied(*rules, **who).own_limits(SPENT, NOW_MS, UTC, default)
    limit = tightest(limits) or limits[0]
    return limit.left_credits, limit.period, limit.rule


def test_without_rules_the_operators_setting_counts_by_the_month() -> None:
    assert own(default=70) == (10, Period.MONTH, None)
    assert own(default=50) == (0, Period.MONTH, None)
    assert own(default=None) == (None, Period.MONTH, None)


def test_everyones_rule_takes_its_place() -> None:
    assert own(EVERYONE) == (40, Period.MONTH, EVERYONE)
    weekly = rule(Scope.EVERYONE, **per(Period.WEEK, 30))
    assert own(weekly) == (10, Period.WEEK, weekly)


def test_the_roles_rule_that_leaves_most_takes_the_place_of_everyones() -> None:
    daily = rule(Scope.ROLE, ARTIST, **per(Period.DAY, 12))  # leaves 7
    monthly = rule(Scope.ROLE, PATRON, **per(Period.MONTH, 65))  # leaves 5
    assert own(EVERYONE, daily, monthly) == (7, Period.DAY, daily)
    assert own(EVERYONE, monthly) == (5, Period.MONTH, monthly)  # also where everyone's would leave more
    assert own(EVERYONE, daily, monthly, role_ids=frozenset({PATRON})) == (5, Period.MONTH, monthly)
    assert own(EVERYONE, daily, monthly, role_ids=frozenset()) == (40, Period.MONTH, EVERYONE)


def test_no_limit_beats_all_other_roles() -> None:
    free = rule(Scope.ROLE, PATRON, **UNLIMITED)
    assert own(EVERYONE, rule(Scope.ROLE, ARTIST, **per(Period.DAY, 10**6)), free) == (None, Period.NONE, free)


def test_ones_own_rule_counts_alone() -> None:
    mine = rule(Scope.MEMBER, USER, **per(Period.WEEK, 22))
    others = (EVERYONE, rule(Scope.ROLE, ARTIST, **UNLIMITED), rule(Scope.MEMBER, USER + 1, **UNLIMITED))
    assert own(mine, *others) == (2, Period.WEEK, mine)


def test_a_rule_that_says_nothing_of_credits_leaves_them_to_the_next() -> None:
    """A role that may have 4K must not have any number of credits by that."""
    large = rule(Scope.ROLE, ARTIST, resolution="4K")
    assert own(EVERYONE, large) == (40, Period.MONTH, EVERYONE)
    assert own(large, default=70) == (10, Period.MONTH, None)
    assert own(rule(Scope.MEMBER, USER, count=1), EVERYONE) == (40, Period.MONTH, EVERYONE)


@pytest.mark.parametrize(("days", "is_new"), [(100, False), (101, True), (30, False)])
def test_newcomers_have_the_tightest_of_theirs_and_their_own(days: int, is_new: bool) -> None:
    new = rule(Scope.NEWCOMER, days, **per(Period.DAY, 6))
    assert own(EVERYONE, new) == ((1, Period.DAY, new) if is_new else (40, Period.MONTH, EVERYONE))
    assert own(rule(Scope.MEMBER, USER, **UNLIMITED), new)[0] == (1 if is_new else None)


def test_who_joined_at_a_time_unknown_is_new() -> None:
    new = rule(Scope.NEWCOMER, 1, **per(Period.DAY, 6))
    assert own(EVERYONE, new, joined_at_ms=None) == (1, Period.DAY, new)


def test_a_newcomers_rule_never_gives_more() -> None:
    assert own(EVERYONE, rule(Scope.NEWCOMER, 365, **UNLIMITED)) == (40, Period.MONTH, EVERYONE)
    assert own(EVERYONE, rule(Scope.NEWCOMER, 365, **per(Period.MONTH, 500))) == (40, Period.MONTH, EVERYONE)


def test_channel_and_server_are_limits_of_their_own() -> None:
    here = rule(Scope.CHANNEL, CHANNEL, **per(Period.DAY, 30))
    there = rule(Scope.CHANNEL, CHANNEL + 1, **per(Period.DAY, 0))
    server = rule(Scope.SERVER, **per(Period.WEEK, 200))
    used = Used(SPENT, {**SPENT, Period.DAY: 25}, {**SPENT, Period.WEEK: 190})
    ceilings = applied(here, there, server).ceilings(used, NOW_MS, UTC)
    assert [(limit.scope, limit.left_credits, limit.rule) for limit in ceilings] == [
        (LimitScope.CHANNEL, 5, here),
        (LimitScope.GUILD, 10, server),
    ]
    assert [limit.window for limit in ceilings] == [day_of(NOW_MS), week_of(NOW_MS)]
    assert applied(rule(Scope.SERVER, **UNLIMITED)).ceilings(used, NOW_MS, UTC) == ()


def test_no_limit_is_told_by_the_month() -> None:
    (limit,) = applied(rule(Scope.EVERYONE, **UNLIMITED)).own_limits(SPENT, NOW_MS, UTC, 0)
    assert (limit.used_credits, limit.window) == (60, month_of(NOW_MS))


BOUNDS: list[tuple[list[Rule], Bounds]] = [
    ([], Bounds()),
    (
        [rule(Scope.EVERYONE, resolution="1K", models=("a",), count=1, running=1)],
        Bounds(resolution="1K", models=frozenset("a"), count=1, running=1),
    ),
    (  # of the roles the most generous, each by itself
        [
            rule(Scope.EVERYONE, resolution="4K", models=("c",), count=4, running=9),
            rule(Scope.ROLE, ARTIST, resolution="2K", models=("a",), count=1, running=3),
            rule(Scope.ROLE, PATRON, resolution="1K", models=("b",), count=2, running=2),
        ],
        Bounds(resolution="2K", models=frozenset("ab"), count=2, running=3),
    ),
    (  # what a rule does not say comes from the next
        [
            rule(Scope.EVERYONE, resolution="4K", models=("c",), count=4, running=9),
            rule(Scope.ROLE, ARTIST, count=3),
            rule(Scope.MEMBER, USER, resolution="1K"),
        ],
        Bounds(resolution="1K", models=frozenset("c"), count=3, running=9),
    ),
    ([rule(Scope.ROLE, ARTIST, models=("a",)), rule(Scope.ROLE, PATRON, models=("*",))], Bounds()),
    (  # newcomers, channel and server tighten
        [
            rule(Scope.MEMBER, USER, resolution="4K", models=("a", "b", "c"), count=4, running=9),
            rule(Scope.NEWCOMER, 365, models=("a", "b"), running=2),
            rule(Scope.CHANNEL, CHANNEL, models=("b", "c"), count=2, running=4),
            rule(Scope.SERVER, resolution="2K", models=("*",), running=50),
        ],
        Bounds(
            resolution="2K",
            models=frozenset("b"),
            count=2,
            running=2,
            running_in_channel=4,
            running_in_server=50,
        ),
    ),
    ([rule(Scope.EVERYONE, models=("a",)), rule(Scope.SERVER, models=("b",))], Bounds(models=frozenset())),
]


@pytest.mark.parametrize(("rules", "expected"), BOUNDS)
def test_what_a_request_may_be(rules: list[Rule], expected: Bounds) -> None:
    assert applied(*rules).bounds() == expected


def test_resolutions_are_compared_by_their_size() -> None:
    bounds = Bounds(resolution="2K")
    assert [bounds.allows_resolution(size) for size in ("1K", "2K", "4K", None)] == [True, True, False, True]


def test_the_tightest_is_the_first_of_equals() -> None:
    limits = applied(EVERYONE, rule(Scope.NEWCOMER, 365, **per(Period.MONTH, 100))).own_limits(SPENT, NOW_MS, UTC, 0)
    assert tightest(limits) == limits[0]
    assert tightest(()) is None
