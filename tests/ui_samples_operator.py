"""Samples of the operator's cards, and of what operators are told by direct message."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from bot.generations.operator_desk import Allowance, Asked, DeskStands, Gate, ServerStands
from bot.generations.outlook import Outlook
from bot.generations.protocols import Notice, NoticeKind
from bot.generations.repository import BookRow, DeskRow, OperatorLogRow, ServerWorkRow
from bot.ui import operator
from bot.ui.notices import operator_notice_card
from bot.ui.operator_asking import asked_card
from tests.ui_samples import ARABIC, HOSTILE, NOW_MS, Sample

MINUTE_MS, DAY_MS = 60_000, 86_400_000
NAMES = {20: "Banana Lovers", 21: "Art & Craft", 22: ARABIC[:100], 23: HOSTILE[:100], 24: "🍌" * 32}
LONG_NAMES = dict.fromkeys(range(20, 40), (HOSTILE + HOSTILE)[:100])
WELL = Outlook(41_238, NOW_MS - 3 * MINUTE_MS, 41_230, 1560.0, 1)
OPEN = Gate(None, None, None, NOW_MS + 2 * MINUTE_MS)
BORNE = {"variance": (12, 34), "loss": (16, 48)}


def name_of(guild_id: int) -> str | None:
    return NAMES.get(guild_id)


def long_name_of(guild_id: int) -> str | None:
    return LONG_NAMES.get(guild_id)


def server(guild_id: int = 20, used: int = 1234, **changes: Any) -> ServerStands:
    stands = ServerStands(guild_id, Allowance(own=False, credits=4000), used, NOW_MS + 9 * DAY_MS)
    return replace(stands, **changes)


SERVERS = (
    server(20, 3920),
    server(21, 1234, allowance=Allowance(own=True, credits=20_000)),
    server(22, 880, allowance=Allowance(own=True, credits=None)),
    server(23, 64, paused_at_ms=NOW_MS - DAY_MS, pause_reason="being looked at"),
    server(24, 8),
    server(99, 0, paused_at_ms=NOW_MS - DAY_MS, pause_reason=""),
)


def stands(**changes: Any) -> DeskStands:
    desk = DeskRow(1568, 9100, 88, 2, 3, 0, None, None)
    return replace(DeskStands(WELL, OPEN, desk, BORNE, SERVERS), **changes)


def change(number: int, action: str, before: Any, after: Any, reason: str = "", guild_id: int = 20) -> OperatorLogRow:
    def values(value: Any) -> str:
        own = value != "default"
        return json.dumps({"own": own, "credits": value if isinstance(value, int) else None, "paused": False})

    return OperatorLogRow(
        number, 12, action, guild_id, values(before), values(after), reason, str(number), NOW_MS - number * DAY_MS
    )


CHANGES = (
    change(4, "resume", "default", "default"),
    change(3, "pause", "default", "default", "a wave of new accounts", 23),
    change(2, "allowance", 8000, None, "friends"),
    change(1, "allowance", "default", 8000, "the contest in November"),
)
BOOKS = [
    BookRow(912, "loss", 8, "overdue", NOW_MS - DAY_MS, "ab" * 8, 1, 20, 30, 40),
    BookRow(800, "variance", 4, "price above the one shown", NOW_MS - 2 * DAY_MS, "cd" * 8, 2, 23, 30, 41),
    BookRow(700, "loss", 8, "create_unknown", NOW_MS - 3 * DAY_MS, "ef" * 8, 1, None, None, None),
    BookRow(600, "loss", 8, "something_new", NOW_MS - 4 * DAY_MS, None, None, None, None, None),
]


def operator_samples() -> dict[str, Sample]:
    found: dict[str, Sample] = {}

    def add(name: str, draw: Any) -> None:
        found[f"operator-{name}"] = Sample(draw)

    late = DeskRow(1568, 9100, 104, 0, 1, 2, NOW_MS - 180 * MINUTE_MS, "0123456789abcdef")
    closed = Gate("api_key_revoked", NOW_MS - 40 * MINUTE_MS, "api_key_revoked", NOW_MS + 8 * MINUTE_MS)
    empty = Gate("insufficient_credits", NOW_MS - 40 * MINUTE_MS, None, NOW_MS + 8 * MINUTE_MS)
    unread = Gate(None, None, "no_answer", NOW_MS + MINUTE_MS)
    add("status", lambda: operator.status_card(stands(), name_of))
    add("status-closed", lambda: operator.status_card(stands(gate=closed, desk=late), name_of))
    add(
        "status-empty",
        lambda: operator.status_card(stands(gate=empty, outlook=Outlook(3, NOW_MS - MINUTE_MS, 3, 900.0, 7)), name_of),
    )
    add(
        "status-new",
        lambda: operator.status_card(
            stands(
                gate=unread,
                outlook=Outlook(None, None, None, 0.0, 1),
                desk=DeskRow(0, 0, 0, 0, 0, 0, None, None),
                borne={},
                servers=(),
            ),
            name_of,
        ),
    )
    many = tuple(server(number, 10_000_000 - number, paused_at_ms=1, pause_reason=HOSTILE) for number in range(20, 40))
    add("status-longest", lambda: operator.status_card(stands(gate=closed, desk=late, servers=many), long_name_of))
    add("servers", lambda: operator.servers_card(SERVERS, 1, name_of, default_credits=4000))
    add("servers-longest", lambda: operator.servers_card(many, 2, long_name_of, default_credits=None))
    add("servers-none", lambda: operator.servers_card((), 1, name_of, default_credits=4000))
    add("server", lambda: operator.server_card(server(changes=CHANGES[2:]), name_of, default_credits=4000))
    add(
        "server-paused",
        lambda: operator.server_card(
            server(
                23,
                0,
                allowance=Allowance(own=True, credits=0),
                paused_at_ms=NOW_MS - DAY_MS,
                pause_reason="a wave of new accounts",
                changes=CHANGES[:3],
            ),
            name_of,
            default_credits=4000,
            said=operator.changed_words(CHANGES[1], repeated=False),
        ),
    )
    longest = tuple(change(number, "pause", "default", "default", HOSTILE[:200]) for number in (7, 8, 9))
    add(
        "server-longest",
        lambda: operator.server_card(
            server(20, 10**9, paused_at_ms=1, pause_reason=HOSTILE[:200], changes=longest),
            long_name_of,
            default_credits=None,
        ),
    )
    work = ServerWorkRow(waiting_requests=3, waiting=5, waiting_credits=40, submitted=2)
    idle = ServerWorkRow(0, 0, 0, 0)
    cut = Allowance(own=True, credits=2000)
    for name, asked in {
        "pause": Asked("a1" * 8, server(20, 3920), None, work, "a wave of new accounts"),
        "pause-idle": Asked("a1" * 8, server(99, 0), None, idle, ""),
        "pause-one": Asked("a1" * 8, server(22, 8), None, ServerWorkRow(1, 1, 8, 1), ""),
        "cut": Asked("a1" * 8, server(20, 1234), cut, work, ""),
        "cut-none": Asked("a1" * 8, server(21, 3920), replace(cut, credits=0), idle, "it was shared too widely"),
        "cut-default": Asked(
            "a1" * 8, SERVERS[2], Allowance(own=False, credits=4000), idle, "the contest in November is over"
        ),
    }.items():
        add(f"asks-{name}", lambda asked=asked: asked_card(asked, name_of))
    most = ServerWorkRow(10**6, 10**7, 10**9, 10**7)
    for name, allowance in (("pause", None), ("cut", Allowance(own=True, credits=99_999_999))):
        wide = Asked("a1" * 8, server(20, 10**9), allowance, most, HOSTILE[:200])
        add(f"asks-{name}-longest", lambda wide=wide: asked_card(wide, long_name_of))
    add("books", lambda: operator.books_card(BOOKS, 1, 3, BORNE, name_of))
    add("books-none", lambda: operator.books_card([], 1, 1, {}, name_of))
    add("log", lambda: operator.operator_log_card(CHANGES, 1, 3, name_of))
    add("log-longest", lambda: operator.operator_log_card(longest * 2, 2, 3, long_name_of))
    add("log-none", lambda: operator.operator_log_card([], 1, 1, name_of))
    for kind, facts in (
        (
            NoticeKind.LOW,
            {"free_credits": 1180, "days_left": 1.6, "pace_credits_per_day": 740.2, "pace_days": 7},
        ),
        (NoticeKind.CLOSED, {"code": "insufficient_credits", "since_ms": NOW_MS}),
        (NoticeKind.OPENED, {"code": "api_key_revoked", "since_ms": NOW_MS - 90 * MINUTE_MS}),
        (
            NoticeKind.PRICE,
            {"label": "Nano Banana Pro", "resolution": "1K", "taken_credits": 8000, "price_credits": 8},
        ),
    ):
        add(f"told-{kind}", lambda kind=kind, facts=facts: operator_notice_card(Notice(kind, NOW_MS, facts)))
    return found
