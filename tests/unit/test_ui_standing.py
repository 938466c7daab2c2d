"""/quota explain: each rule with used, left and when it resets, which one binds, and what else shuts somebody out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.credits.quota_rules import Rule, Scope
from bot.credits.windows import Period
from bot.generations.repository.pictures import Crowd
from tests.ui_limits import broken_limits, texts
from tests.ui_samples import NOW_MS
from tests.ui_samples_quotas import ALICE, ARTIST, BAN, CHANNEL, EVERYONE, HERE, NEW, RULES, explained, situation

TODAY, THIS_WEEK, THIS_MONTH = "used today, ", "used this week, ", "used this month, "


def said(found: Any, **given: Any) -> str:
    view = explained(found, **given).draw()
    assert broken_limits(view) == []
    return texts(view)


def marked(words: str) -> list[str]:
    return [line for line in words.splitlines() if "**binds**" in line]


@pytest.mark.parametrize(
    ("found", "begins"),
    [
        (situation(*RULES), f"· <@&{ARTIST}>: 88 of 120 credits"),
        (situation(*RULES, here=388), f"· <#{CHANNEL}>: 388 of 400 credits"),
        (situation(*RULES, used=9, joined_at_ms=NOW_MS), "· Members of less than 7 days: 9 of 16 credits"),
        (situation(*RULES, used=9, server=19_999), "· The whole server: 19,999 of 20,000 credits"),
        (situation(used=9, server=39_999), "· The bot's operator, for this server: 39,999 of 40,000"),
        (situation(used=9), "· Without a rule on credits: 9 of 160 credits"),
    ],
)
def test_the_one_that_binds_is_marked(found: Any, begins: str) -> None:
    (line,) = marked(said(found))
    assert line.startswith(begins)


def test_nothing_is_marked_where_nothing_limits() -> None:
    free = replace(situation(Rule(Scope.MEMBER, ALICE, period=Period.NONE)), ceilings=())
    assert marked(said(replace(free, account=replace(free.account, credits=None)))) == []


def test_each_rule_says_used_left_and_when_it_resets() -> None:
    week = Rule(Scope.ROLE, 41, period=Period.WEEK, credits=90)
    own = Rule(Scope.MEMBER, ALICE, period=Period.DAY, credits=95)
    words = said(situation(EVERYONE, week, own, NEW, role_ids=frozenset({41}), joined_at_ms=NOW_MS))
    for begins, used in (
        (f"· <@{ALICE}>: ", f"88 of 95 credits {TODAY}7 left, resets <t:"),
        ("-# · <@&41>: ", f"~~90 credits a week~~ (88 {THIS_WEEK}2 left, resets <t:"),
        ("· Everyone: ", f"~~100 credits a month~~ (88 {THIS_MONTH}12 left, resets <t:"),
        ("· Members of less than 7 days: ", f"88 of 16 credits {TODAY}0 left, resets <t:"),
    ):
        assert [line for line in words.splitlines() if line.startswith(begins + used)], begins + used


def test_all_rules_are_there_however_many() -> None:
    roles = [Rule(Scope.ROLE, n, period=Period.DAY, credits=n) for n in range(1, 10)]
    days = [replace(NEW, subject_id=n) for n in range(1, 10)]
    words = said(situation(*roles, *days, used=0, joined_at_ms=NOW_MS, role_ids=frozenset(range(1, 10))))
    for number in range(1, 10):
        assert f"<@&{number}>: " in words
        assert f"Members of less than {number} day" in words
    assert "more rule" not in words


def test_what_there_is_no_room_for_is_counted_and_never_what_binds() -> None:
    roles = [Rule(Scope.ROLE, n, period=Period.DAY, credits=n) for n in range(1, 200)]
    words = said(situation(*roles, EVERYONE, HERE, used=0, role_ids=frozenset(range(1, 200))))
    (line,) = marked(words)
    assert line.startswith("· <@&199>: 0 of 199 credits")
    shown = sum(line.removeprefix("-# ").startswith("· <@&") for line in words.splitlines())
    (more,) = [line for line in words.splitlines() if "more rule" in line]
    # Everyone's rule gives the number of requests, so it stands before the roles that are passed over.
    assert "· Everyone: " in words
    assert more == f"· and {199 + 1 - shown} more rules"  # with what holds without a rule
    assert len(words) > 3500


def test_all_servers_together_where_they_have_less_without_the_number() -> None:
    found = situation(EVERYONE)  # 12 left
    day = replace(found, account=replace(found.account, used_credits=15_993))
    words = said(day)
    assert words.startswith(f"**<@{ALICE}> has 12 credits left here by this server's rules.**")
    assert (
        "The bot's budget for today binds, for all servers together: less than that is left of it. It begins anew <t:"
    ) in words
    assert "7 credits" not in words
    assert marked(words) == []
    words = said(day, provider_left_credits=5)
    assert "The bot's account at the image service binds, for all servers together: less than that is left" in words
    assert "5 credits" not in words
    assert "Whoever runs the bot can refill it." in words
    free = replace(situation(Rule(Scope.MEMBER, ALICE, period=Period.NONE)), ceilings=())
    words = said(free, provider_left_credits=4711)
    assert words.startswith(f"**<@{ALICE}> has no limit on credits here by this server's rules.**")
    assert "at the image service binds, for all servers together. Whoever runs the bot can refill it." in words
    assert "4711" not in words.replace(",", "")
    assert said(found, provider_left_credits=12).startswith(f"**<@{ALICE}> has 12 credits left here.**")
    assert "all servers" not in said(found, provider_left_credits=12)
    used_up = said(found, provider_left_credits=-3)
    assert used_up.startswith(f"**<@{ALICE}> has no credits left here.**")
    assert "for all servers together: it is used up." in used_up


def test_operators_see_how_much_all_servers_together_have() -> None:
    found = situation(*RULES)  # 32 left
    day = replace(found, account=replace(found.account, used_credits=15_990))
    words = said(day, numbers=True)
    assert words.startswith(f"**<@{ALICE}> has 10 credits left here.**")
    assert "The bot's budget for today binds, for all servers together: 10 credits left. It begins anew <t:" in words
    words = said(day, provider_left_credits=5, numbers=True)
    assert words.startswith(f"**<@{ALICE}> has 5 credits left here.**")
    assert "The bot's account at the image service binds, for all servers together: 5 credits left." in words


def test_who_is_shut_out_is_told_first() -> None:
    words = said(situation(*RULES), ban=BAN)
    assert words.startswith(f"**<@{ALICE}> is banned from the bot here**, until <t:")
    assert "kept asking for the same blocked words. /unban lifts it." in words
    assert said(replace(situation(*RULES), paused=True)).startswith("**The bot's operator has paused this server.**")


def test_what_is_in_work_now_and_how_much_may_be() -> None:
    many = replace(HERE, running=3)
    words = said(situation(EVERYONE, many), crowd=Crowd(9, 2, 1, 3, 5), max_running=6)
    assert (
        "· In work now: 1 of 2 requests of theirs, 3 of 3 requests in this channel; 2 of the 6 pictures that" in words
    )
    shut = said(situation(replace(EVERYONE, running=0)), crowd=Crowd(0, 0, 0, 0, 0))
    assert "· In work now: no request allowed of theirs; 0 of the 4 pictures" in shut
