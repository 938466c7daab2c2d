"""Samples of what a server's admins and moderators see: settings, bans, the log; and what members are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bot.credits.quota_repository import LogLine as QuotaLine
from bot.credits.windows import Period
from bot.errors import BotError
from bot.generations.house import SettingRefused
from bot.generations.house_rules import HouseRules
from bot.generations.protocols import LogLine
from bot.generations.quota_desk import Allowance, ChangeRefused, Overview
from bot.generations.refusals import (
    AgeRestrictedOnly,
    Banned,
    ChannelNotAllowed,
    HouseRule,
    ModelNotAllowed,
    PrivateNotAllowed,
    RoleNotAllowed,
    SlowMode,
    TermBlocked,
)
from bot.generations.repository import BanRow, ChangeRow, GuildRow
from bot.rivya import Catalogue
from bot.ui import cards, ids
from bot.ui.bans import ban_form, banned_card, bans_card, unbanned_card
from bot.ui.house_log import log_card
from bot.ui.settings import page_card, settings_card
from bot.ui.settings_forms import words_form, words_refused_card, zone_form, zone_refused_card
from bot.ui.settings_parts import Page
from bot.ui.settings_words import Stands
from bot.ui.setup import setup_card, welcome_card
from tests.ui_samples import ARABIC, HOSTILE, LONGEST, NOW_MS, S, Sample, picture, request

MODELS = {spec.id: spec.label for spec in Catalogue().available()}
SET = HouseRules(
    channels=(30, 31), roles_allowed=(50,), roles_denied=(51, 52), terms=("badword", "white power", "nud*", "плохо"),
    age_restricted_only=True, models=("nano-banana-pro", "nano-banana"), default_model="nano-banana",
    private_allowed=False, slow_mode_s=30, log_channel_id=32, log_private=True,
)  # fmt: skip
BIG = 2**62


def stands(**values: Any) -> Stands:
    base: dict[str, Any] = {
        "name": "Art & Craft", "rules": HouseRules(), "settings": GuildRow(20, None, None, 0, 0), "models": MODELS,
        "usual_model": "Nano Banana Pro",
        "quotas": Overview(Allowance(160, Period.MONTH, own=False), usual_credits=160),
    }  # fmt: skip
    return Stands(**(base | values))


SET_UP = stands(
    rules=SET, settings=GuildRow(20, 33, 34, NOW_MS, 10), open_reports=2, banned=3,
    lacking={32: ["gone"], 33: [], 34: ["Send Messages", "Attach Files"]}, channels=frozenset({30, 31}),
    roles=frozenset({50, 51, 52}), usual_model="Nano Banana",
    quotas=Overview(Allowance(500, Period.MONTH, own=True), "Europe/Berlin", 12, 2),
)  # fmt: skip


def ban(number: int = 1, **values: Any) -> BanRow:
    base: dict[str, Any] = {
        "id": number, "guild_id": 20, "user_id": 10 + number, "reason": "rude prompts, twice", "banned_by": 12,
        "created_at_ms": NOW_MS - 3_600_000, "expires_at_ms": NOW_MS + 7 * 86_400_000, "lifted_at_ms": None,
        "lifted_by": None,
    }  # fmt: skip
    return BanRow(**(base | values))


def change(number: int, name: str, was: Any, became: Any, by: int = 12) -> ChangeRow:
    return ChangeRow(number, 20, by, name, json.dumps(was), json.dumps(became), NOW_MS - number * 60_000)


def changes(reason: str = "rude prompts, twice") -> list[ChangeRow]:
    told = {"user_id": 11, "reason": reason, "expires_at_ms": NOW_MS}
    return [
        change(1, "slow_mode_s", 0, 30),
        change(2, "channels", [], [30, 31]),
        change(3, "terms", ["a word"], ["badword", "white power"]),
        change(4, "ban", None, told),
        change(5, "ban", told, None),
        change(6, "log_channel_id", 32, None, by=0),
        change(7, "private_allowed", True, False),
        change(8, "models", [], ["nano-banana"]),
        change(9, "roles_denied", [51], []),
        change(10, "everyone_credits", {"credits": None, "period": "none"}, {"credits": 160, "period": "month"}),
    ]


def quota_line(action: str, subject_id: int, **values: Any) -> QuotaLine:
    base: dict[str, Any] = {
        "id": 17, "guild_id": 20, "actor_id": 12, "action": action, "scope": "member" if subject_id else "everyone",
        "subject_id": subject_id, "before": None, "after": None, "reason": "a start", "entry_id": None, "event_id": "e",
        "created_at_ms": NOW_MS,
    }  # fmt: skip
    return QuotaLine(**(base | values))


def log_lines() -> list[LogLine]:
    shown = request(picture(1, S.PAINTING), message_id=40, guild_id=20, place_guild_id=20)
    return [
        LogLine(NOW_MS, request=shown),
        LogLine(NOW_MS, request=replace(shown, private=True), hidden=True),
        LogLine(NOW_MS, request=replace(shown, private=True, prompt=ARABIC)),
        LogLine(NOW_MS, request=replace(shown, prompt=HOSTILE)),
        LogLine(NOW_MS, change=changes()[0]),
        LogLine(NOW_MS, change=changes()[3]),
        LogLine(NOW_MS, quota=quota_line("set", 0, after={"period": "month", "credits": 160})),
        LogLine(NOW_MS, quota=quota_line("grant", 11, after={"credits": 40}, reason=HOSTILE[:200])),
        LogLine(NOW_MS, quota=quota_line("refund", -3, after={"credits": 8})),
        LogLine(NOW_MS, words="502 lines are left out here: I could not post to this channel for a while."),
    ]


REFUSALS: dict[str, HouseRule] = {
    "banned": Banned("rude prompts, twice", NOW_MS + 7 * 86_400_000),
    "banned-hostile": Banned(HOSTILE, None),
    "channel": ChannelNotAllowed((30, 31)),
    "age": AgeRestrictedOnly(),
    "role": RoleNotAllowed((50, 51)),
    "role-denied": RoleNotAllowed(()),
    "model": ModelNotAllowed("Nano Banana Pro", frozenset({"nano-banana"})),
    "private": PrivateNotAllowed(),
    "term": TermBlocked("badword"),
    "slow": SlowMode(30, NOW_MS + 20_000),
}


SHOW = cards.Mend("Show it to everyone · 8 credits", ids.paint("a" * 16, 8))
REWRITE = cards.Mend("Change the prompt", ids.rewrite("a" * 16))


def house_samples() -> dict[str, Sample]:
    found: dict[str, Sample] = {}

    def plain(name: str, draw: Callable[[], cards.Card]) -> None:
        found[name] = Sample(draw)

    for name, error in REFUSALS.items():
        offered = {"private": [SHOW], "term": [REWRITE]}
        mends = offered.get(name, [])
        plain(f"house-refusal-{name}", lambda e=error, m=mends: cards.refusal_card(e, mends=m))  # type: ignore[misc]
    term = REFUSALS["term"]
    plain("house-refusal-term-public", lambda: cards.refusal_card(term, mends=[REWRITE], in_public=True))
    plain("settings-unset", lambda: settings_card(stands()))
    plain("settings-set", lambda: settings_card(replace(SET_UP, name=HOSTILE), said="Slow mode: 30 s."))
    for page in Page:
        plain(f"settings-page-{page}", lambda p=page: page_card(p, SET_UP, changes=changes()))  # type: ignore[misc]
        plain(f"settings-page-{page}-unset", lambda p=page: page_card(p, stands()))  # type: ignore[misc]
    refused = SettingRefused(user_message="At most 200 words can be blocked; these are 260.")
    plain("settings-words-refused", lambda: words_refused_card(refused, "badword\nwhite power"))
    plain("bans", lambda: bans_card([ban(1), ban(2, reason=HOSTILE, expires_at_ms=None)], 12, {11: ARABIC}, offset=8))
    plain("bans-none", lambda: bans_card([], 0, {}))
    plain("banned", lambda: banned_card(ban(), again=False))
    plain("banned-again", lambda: banned_card(ban(reason="", expires_at_ms=None), again=True))
    plain("unbanned", lambda: unbanned_card(11, stood=True))
    unknown = ChangeRefused(user_message="I don't know the time zone “Berlinn”. Did you mean Europe/Berlin or UTC?")
    plain("settings-zone-refused", lambda: zone_refused_card(unknown, "Berlinn"))
    plain("setup", lambda: setup_card(stands()))
    plain("setup-set", lambda: setup_card(SET_UP, said="The log is <#32> now."))
    plain("welcome", lambda: welcome_card(allowed=True))
    plain("welcome-not-allowed", lambda: welcome_card(allowed=False, operator="Anna (anna@example.org)"))
    plain("house-log", lambda: log_card(log_lines()))
    watched = request(picture(1, S.PAINTING), private=True, log_shows_private=True)
    plain("progress-watched", lambda: cards.progress_card(watched))
    told = replace(HouseRules(), log_channel_id=32, log_private=True)
    plain("about-watched", lambda: cards.about_card(models=[("Nano Banana Pro", 8)], retention_days=90, house=told))
    return found


def house_longest() -> dict[str, Sample]:
    """The worst that there is to show of these."""
    found: dict[str, Sample] = {}
    for name, prompt in LONGEST.items():
        ids_of = tuple(range(BIG, BIG + 25))
        rules = replace(
            SET, channels=ids_of, roles_allowed=ids_of, roles_denied=ids_of, terms=(prompt[:60],) * 200,
            models=tuple(MODELS), log_channel_id=BIG,
        )  # fmt: skip
        lacking = {BIG + n: ["View Channel", "Send Messages", "Attach Files", "Read Message History"] for n in range(3)}
        worst = stands(
            name=prompt, rules=rules, settings=GuildRow(BIG, BIG + 1, BIG + 2, 0, 0), open_reports=10**6, banned=10**6,
            lacking=lacking, channels=frozenset(ids_of), roles=frozenset(ids_of), usual_model=prompt,
            models=dict.fromkeys(MODELS, prompt), usual_credits=1,
            quotas=Overview(Allowance(10**9, Period.DAY, own=True), prompt[:60], 250, 250),
        )  # fmt: skip
        many = [replace(one, id=BIG, guild_id=BIG, changed_by=BIG) for one in changes(prompt[:500])]
        many[2] = replace(
            many[2], was=json.dumps([f"{prompt[:50]}{n}" for n in range(99)]), became=json.dumps([prompt])
        )
        view = request(picture(1, S.PAINTING), message_id=BIG, prompt=prompt, model_label=prompt, place_guild_id=BIG)
        lines = [LogLine(NOW_MS, request=view)] * 6 + [LogLine(NOW_MS, change=many[2]), LogLine(NOW_MS, words=prompt)]
        bans = [ban(n, user_id=BIG + n, reason=prompt[:500], banned_by=BIG) for n in range(8)]
        error = BotError("x", user_message=prompt[:200])
        draws: dict[str, Any] = {
            **{f"page-{page}": lambda p=page, w=worst, m=many: page_card(p, w, changes=m, said=None) for page in Page},
            "setup": lambda w=worst: setup_card(w, said="The log is where you said."),
            "zone-refused": lambda e=error, p=prompt: zone_refused_card(e, p),
            "log": lambda told=lines: log_card(told),
            "bans": lambda b=bans, p=prompt: bans_card(b, 10**6, {BIG: p}, offset=8, said="The ban is lifted."),
            "words-refused": lambda e=error, p=prompt: words_refused_card(e, p[:3900]),
            "banned": lambda p=prompt: cards.refusal_card(Banned(p[:500], NOW_MS)),
            "channels": lambda i=ids_of: cards.refusal_card(ChannelNotAllowed(i)),
            "term": lambda p=prompt: cards.refusal_card(TermBlocked(p[:60])),
        }
        found |= {f"{name}-of-house-{what}": Sample(draw) for what, draw in draws.items()}
    return found


FORMS = {
    "words": lambda: words_form(SET.terms),
    "zone": lambda: zone_form("America/Argentina/ComodRivadavia"),
    "words-none": lambda: words_form(()),
    "ban": lambda: ban_form(BIG, HOSTILE),
}
