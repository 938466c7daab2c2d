"""Samples of what a person sees of what is held on them, and of what admins see of what was used."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from bot.generations.exporting import Export
from bot.generations.privacy import Standing
from bot.generations.protocols import PostFile
from bot.generations.repository.personal import Held
from bot.generations.repository.usage import BookedRow
from bot.generations.usage import By, Period, Sum, Trace, Usage
from bot.ui.privacy import export_card, forget_card, forgotten_card, in_work_card, nothing_held_card
from bot.ui.usage import file_card, times, trace_card, usage_card
from tests.ui_samples import ARABIC, HOSTILE, LONGEST, NOW_MS, S, Sample, picture, request

MUCH = Held(
    requests=1843,
    pictures=1720,
    pictures_bytes=9_412_000_000,
    references=214,
    tray_images=8,
    styles=25,
    has_preferences=True,
    drafts=1,
    reports=2,
    accounts=3,
)
FILES = ("pictures/0123456789abcdef-1.png",) * 40


def privacy_samples() -> dict[str, Sample]:
    def export(parts: int, left: int, too_large: int) -> Export:
        return Export((Path("part.zip"),) * parts, 1843, 1720, FILES[:left], too_large)

    cards = {
        "privacy-export": lambda: export_card(export(1, 0, 0)),
        "privacy-export-parts": lambda: export_card(export(10, 40, 3)),
        "privacy-export-large": lambda: export_card(export(2, 1, 1)),
        "privacy-forget": lambda: forget_card(Standing(MUCH, 0, 120)),
        "privacy-forget-little": lambda: forget_card(Standing(Held(requests=1, pictures=1, pictures_bytes=812), 0, 0)),
        "privacy-forget-name": lambda: forget_card(Standing(Held(accounts=1), 0, 0)),
        "privacy-nothing": nothing_held_card,
        "privacy-forgotten": lambda: forgotten_card(with_messages=False),
        "privacy-forgotten-messages": lambda: forgotten_card(with_messages=True),
        "privacy-in-work": lambda: in_work_card(2),
    }
    return {name: Sample(draw) for name, draw in cards.items()}


TODAY = date(2026, 11, 26)
MODELS = {"nano-banana-pro": "Nano Banana Pro", "nano-banana-2": "Nano Banana 2", "nano-banana": "Nano Banana"}
CHART = (PostFile(1, Path("usage.png"), "usage.png", fitted=False),)


def used(*, members: int = 23, big: int = 1) -> Usage:
    usage = Usage(times(TODAY)["month"][1])
    for number in range(members):
        one = Sum(1240 * big // (number + 1) // 8 * 8, 0, 155 * big // (number + 1))
        usage.sums[By.MEMBER][None if number == 4 else 10**18 + number] = one
        usage.sums[By.CHANNEL][10**18 + number % 7] = one
        usage.total.used_credits += one.used_credits
        usage.total.pictures += one.pictures
    for model, share in (("nano-banana-pro", 8), ("nano-banana-2", 2), ("nano-banana", 1)):
        usage.sums[By.MODEL][model] = Sum(usage.total.used_credits * share // 11, 0, usage.total.pictures * share // 11)
    for day in range(26):
        usage.sums[By.DAY][date(2026, 11, 1) + timedelta(days=day)] = Sum(day * 37 % 11 * 8 * big, 0, day * 37 % 11)
    usage.total.on_hold_credits = 16
    return usage


def usage_samples() -> dict[str, Sample]:
    found: dict[str, Sample] = {}

    def usage(name: str, by: By, server: str, usage: Usage, *, chart: bool = True) -> None:
        found[f"usage-{name}"] = Sample(
            lambda: usage_card(usage, by, server=server, today=TODAY, models=MODELS, has_chart=chart),
            CHART if chart and usage.total.pictures else (),
        )

    for by in By:
        usage(by, by, "Banana Lovers", used())
        usage(f"{by}-longest", by, HOSTILE, used(members=25, big=10**9))
    usage("no-chart", By.MEMBER, ARABIC, used(), chart=False)
    usage("none", By.MEMBER, "Banana Lovers", Usage(times(TODAY)["today"][1]), chart=False)
    period = Period(date(2025, 12, 1), TODAY)
    found["usage-file"] = Sample(
        lambda: file_card(period, "usage-2025-12-01-2026-11-26.csv", charges=18_431, used_credits=147_448),
        (PostFile(1, Path("usage.csv"), "usage-2025-12-01-2026-11-26.csv", fitted=False),),
    )
    view = request(picture(1), picture(2, S.FAILED, failure_code="prompt_refused"))
    booked = (
        BookedRow(1201, "hold", 8, view.pictures[0].id, "member", "picture", NOW_MS - 40_000),
        BookedRow(1202, "hold", 8, view.pictures[1].id, "member", "picture", NOW_MS - 40_000),
        BookedRow(1203, "capture", 8, view.pictures[0].id, "engine", "picture", NOW_MS - 20_000),
        BookedRow(1204, "void", 8, view.pictures[1].id, "engine", "prompt_refused", NOW_MS - 10_000),
        BookedRow(1205, "adjust", 4, view.pictures[0].id, "engine", "price above the one shown", NOW_MS - 5_000),
        BookedRow(1210, "refund", 3, view.pictures[0].id, "admin", "blurred", NOW_MS),
    )
    found["usage-trace"] = Sample(lambda: trace_card(view, Trace(view.id, booked)))
    many = tuple(
        replace(booked[-1], id=10**17 + n, amount_credits=10**9, reason=LONGEST["markdown"]) for n in range(60)
    )
    nobody = replace(view, user_id=-3, private=True)
    found["usage-trace-longest"] = Sample(lambda: trace_card(nobody, Trace(view.id, many)))
    return found
