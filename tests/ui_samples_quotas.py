"""Samples of the cards of quotas."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import Any

from bot.credits.quota_repository import LogLine, SetRule, values_of
from bot.credits.quota_rules import Applied, Limit, LimitScope, Rule, Scope, Spender, Used
from bot.credits.quotas import Situation
from bot.credits.windows import Period, day_of, month_of
from bot.generations.quota_changes import GrantChange, RuleChange, RuleRemoval
from bot.generations.quota_desk import Over, Preview, RuleBook
from bot.generations.repository import BanRow
from bot.generations.repository.pictures import Crowd
from bot.generations.standing import Standing
from bot.rivya.catalogue import MODELS
from bot.ui import quotas
from bot.ui.standing import explain_card
from tests.ui_samples import HOSTILE, NOW_MS, Sample

LABELS = {spec.id: spec.label for spec in MODELS}
ALICE, ARTIST, CHANNEL, DRAFT = 10, 11, 30, "d" * 16
LATE_MS = NOW_MS - 40 * 86_400_000


def label_of(model: str) -> str:
    return LABELS.get(model, model)


EVERYONE = Rule(Scope.EVERYONE, period=Period.MONTH, credits=100, resolution="2K", running=2)
ARTISTS = Rule(Scope.ROLE, ARTIST, period=Period.WEEK, credits=120, resolution="4K")
SERVER = Rule(Scope.SERVER, period=Period.MONTH, credits=20_000)
HERE = Rule(Scope.CHANNEL, CHANNEL, period=Period.DAY, credits=400, models=("nano-banana-2", "nano-banana"), count=2)
NEW = Rule(Scope.NEWCOMER, 7, period=Period.DAY, credits=16, running=1)
RULES = (EVERYONE, ARTISTS, SERVER, HERE, NEW)


def situation(
    *rules: Rule, used: int = 88, here: int = 120, server: int = 4321, granted: int = 0, on_hold: int = 0, **who: Any
) -> Situation:
    spender = Spender(
        ALICE, 20, **{"role_ids": frozenset({ARTIST}), "joined_at_ms": LATE_MS, "channel_id": CHANNEL, **who}
    )
    applied = Applied.of(rules, spender, NOW_MS)
    sums = dict.fromkeys((Period.DAY, Period.WEEK, Period.MONTH), used)
    many = Used(sums, dict.fromkeys(sums, here), dict.fromkeys(sums, server))
    operator = Limit(LimitScope.GUILD, None, Period.MONTH, 40_000, server, month_of(NOW_MS))
    return Situation(
        spender=spender, now_ms=NOW_MS, zone=UTC, account_id=1, owned=True, applied=applied, bounds=applied.bounds(),
        own=applied.own_limits(sums, NOW_MS, UTC, 160), ceilings=(*applied.ceilings(many, NOW_MS, UTC), operator),
        account=Limit(LimitScope.ACCOUNT, None, Period.DAY, 16_000, 900, day_of(NOW_MS)),
        on_hold_credits=on_hold, granted_credits=granted, used=many,
    )  # fmt: skip


def explained(found: Situation, **given: Any) -> Sample:
    """The card of /quota explain; what is no option of the card is of the standing."""
    wide = {"user_id": ALICE, "default_credits": 160, "max_running": 4, "label_of": label_of}
    whole = {name: given.pop(name) for name in ("crowd", "provider_left_credits", "ban") if name in given}
    standing = Standing(found, **{"crowd": Crowd(9, 1, 1, 3, 5), **whole})
    return Sample(lambda: explain_card(standing, **{**wide, **given}))


BAN = BanRow(1, 20, ALICE, "kept asking for the same blocked words", 12, NOW_MS, NOW_MS + 3 * 86_400_000, None, None)


def line(number: int, action: str, scope: Scope, subject: int = 0, **values: Any) -> LogLine:
    given = {"before": None, "after": None, "reason": "", "entry_id": None, **values}
    return LogLine(
        id=number, guild_id=20, actor_id=12, action=action, scope=scope, subject_id=subject, event_id=str(number),
        created_at_ms=NOW_MS - number * 3_600_000, **given,
    )  # fmt: skip


LINES = [
    line(6, "refund", Scope.MEMBER, ALICE, after={"credits": 8, "picture": "x"}, reason="six fingers", entry_id=812),
    line(5, "grant", Scope.MEMBER, ALICE, after={"credits": 500, "expires_at_ms": NOW_MS}, reason="won", entry_id=811),
    line(4, "time_zone", Scope.SERVER, before={"time_zone": None}, after={"time_zone": "Europe/Berlin"}),
    line(3, "remove", Scope.ROLE, ARTIST, before=values_of(ARTISTS), reason="nobody used it"),
    line(2, "set", Scope.CHANNEL, CHANNEL, after=values_of(HERE), reason="the contest"),
    line(1, "set", Scope.EVERYONE, before=values_of(replace(EVERYONE, credits=50)), after=values_of(EVERYONE)),
]


def change(rule: Rule, before: Rule | None = None, reason: str = "") -> RuleChange:
    return RuleChange(
        scope=rule.scope, subject_id=rule.subject_id, reason=reason,
        before=values_of(before) if before is not None else None, **values_of(rule),
    )  # fmt: skip


def quota_samples() -> dict[str, Sample]:
    found: dict[str, Sample] = {}

    def plain(name: str, draw: Any) -> None:
        found[f"quota-{name}"] = Sample(draw)

    book = RuleBook(tuple(SetRule(rule, "the contest", 12, NOW_MS) for rule in RULES), "Europe/Berlin")
    wide: dict[str, Any] = {"default_credits": 160, "label_of": label_of}
    plain("rules", lambda: quotas.rules_card(book, "Art & Craft", 1, **wide))
    plain("rules-none", lambda: quotas.rules_card(RuleBook((), None), HOSTILE, 1, **wide))
    many = RuleBook(tuple(SetRule(replace(ARTISTS, subject_id=n), "", 12, NOW_MS) for n in range(1, 30)), None)
    plain("rules-many", lambda: quotas.rules_card(many, "Art & Craft", 2, **wide))
    roles = [replace(ARTISTS, subject_id=40 + n, credits=20 + n) for n in range(6)]
    days = [replace(NEW, subject_id=7 + n) for n in range(6)]
    wide_roles = frozenset({ARTIST, *(rule.subject_id for rule in roles)})
    free = situation(Rule(Scope.MEMBER, ALICE, period=Period.NONE))
    for name, shown_card in {
        "": explained(situation(*RULES, granted=40, on_hold=8)),
        "-capped": explained(situation(*RULES, here=388)),
        "-new": explained(situation(*RULES, used=9, joined_at_ms=NOW_MS)),
        "-models": explained(
            situation(replace(EVERYONE, models=("nano-banana", "nano-banana-2"))),
            house_models=("nano-banana", "nano-banana-pro"),
        ),
        "-none": explained(situation(used=160)),
        "-free": explained(replace(free, ceilings=()), member=False),
        "-many": explained(situation(*RULES, *roles, *days, used=9, joined_at_ms=NOW_MS, role_ids=wide_roles)),
        "-banned": explained(situation(*RULES), ban=BAN),
        "-paused": explained(replace(situation(*RULES), paused=True), ban=BAN),
        "-day": explained(replace(situation(*RULES), account=replace(situation().account, used_credits=15_990))),
        "-day-operator": explained(
            replace(situation(*RULES), account=replace(situation().account, used_credits=15_990)), numbers=True
        ),
        "-provider": explained(situation(*RULES), provider_left_credits=0),
    }.items():
        found[f"quota-explain{name}"] = shown_card
    raised = change(replace(EVERYONE, credits=5000), EVERYONE, "the contest")
    over = Preview(SetRule(EVERYONE, "", 12, NOW_MS), Over(0, 0, month_of(NOW_MS)))
    plain("confirm", lambda: quotas.change_card(raised, DRAFT, name="everyone", label_of=label_of, preview=over))
    cut = change(replace(EVERYONE, credits=40), EVERYONE)
    looked = Preview(
        over.before, Over(3, 96, month_of(NOW_MS)), situation(EVERYONE), situation(replace(EVERYONE, credits=40))
    )
    plain(
        "preview",
        lambda: quotas.change_card(cut, DRAFT, name="everyone", label_of=label_of, preview=looked, asked=False),
    )
    gone = RuleRemoval(scope=Scope.ROLE, subject_id=ARTIST, before=values_of(ARTISTS))
    plain("remove", lambda: quotas.change_card(gone, DRAFT, name=HOSTILE, label_of=label_of))
    grant = GrantChange(user_id=ALICE, credits=5000, days=30, reason="won the contest")
    plain("grant", lambda: quotas.change_card(grant, DRAFT, name="Alice", label_of=label_of))
    for shown in LINES:
        plain(f"done-{shown.action}", lambda shown=shown: quotas.changed_card(shown, label_of=label_of))
    plain("done-twice", lambda: quotas.changed_card(LINES[1], label_of=label_of, repeated=True))
    plain("left", quotas.left_card)
    plain("log", lambda: quotas.log_card(LINES[:5], 1, 4, label_of=label_of))
    plain("log-none", lambda: quotas.log_card([], 1, 1, label_of=label_of))
    return found


def longest_quotas(text: str) -> dict[str, Sample]:
    """The worst that there is to show of these."""
    worst = Rule(
        Scope.ROLE, 2**63, Period.MONTH, 10_000_000, 100, text[:10], tuple(f"{text[:30]}{n}" for n in range(25)), 4
    )
    rules = tuple(replace(worst, subject_id=2**63 - n) for n in range(250))
    book = RuleBook(tuple(SetRule(rule, text[:200], 2**63, NOW_MS) for rule in rules), text[:60])
    lines = [
        line(10**9, "set", Scope.ROLE, 2**63, before=values_of(worst), after=values_of(worst), reason=text[:200])
        for _ in range(5)
    ]
    days = tuple(replace(worst, scope=Scope.NEWCOMER, subject_id=10_000 + n) for n in range(20))
    shared = (
        replace(worst, scope=Scope.SERVER, subject_id=0),
        replace(worst, scope=Scope.CHANNEL, subject_id=2**63),
        replace(worst, scope=Scope.MEMBER, subject_id=2**63),
    )
    roles = frozenset(rule.subject_id for rule in rules)
    who = {"role_ids": roles, "channel_id": 2**63, "joined_at_ms": None}
    worst_standing = replace(situation(*rules, *days, *shared, granted=10**7, on_hold=10**7, **who), paused=True)
    standing = situation(*rules, role_ids=frozenset(rule.subject_id for rule in rules), granted=10**7, on_hold=10**7)
    wide: dict[str, Any] = {"default_credits": 10**7, "label_of": label_of}
    preview = Preview(None, Over(10**6, 10**7, month_of(NOW_MS)), standing, standing)
    everyone = replace(worst, scope=Scope.EVERYONE, subject_id=0)
    return {
        "quota-rules": Sample(lambda: quotas.rules_card(book, text, 3, **wide)),
        "quota-explain": explained(
            worst_standing,
            user_id=2**63,
            member=False,
            default_credits=10**7,
            max_running=100,
            house_models=tuple(f"{text[:30]}{n}" for n in range(25)),
            crowd=Crowd(*[10**6] * 5),
            ban=replace(BAN, user_id=2**63, reason=text[:300]),
        ),
        "quota-log": Sample(lambda: quotas.log_card(lines, 10**6 - 2, 10**6 - 1, label_of=label_of)),
        "quota-confirm": Sample(
            lambda: quotas.change_card(
                change(everyone, everyone, text[:200]), DRAFT, name=text, label_of=label_of, preview=preview
            )
        ),
        "quota-done": Sample(lambda: quotas.changed_card(lines[0], label_of=label_of)),
    }
