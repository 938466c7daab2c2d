"""Does it grow? The same questions to an empty server and to one of 50,000 members, 200 rules and millions of entries.

``python -m benchmarks.growing ENTRIES MEMBERS RULES REPEATS`` prints its figures as JSON. Everything is asked of the
bot's own parts over the database on the disk, as the commands ask it.
"""

from __future__ import annotations

import asyncio
import calendar
import json
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import structlog

from benchmarks import large_books
from benchmarks.large_books import GUILD, Size, channel_id, role_id, user_id
from bot.app import Core, build_core
from bot.cdn import CdnFetcher
from bot.clock import SystemClock
from bot.config import load_settings
from bot.credits.audit import audit
from bot.credits.quota_rules import Spender
from bot.generations.account import CREDITS_FACT
from bot.generations.usage import Period
from bot.generations.values import GenerationRequest, Origin, Standing
from bot.posting import DiscordDelivery
from bot.rivya import open_http
from bot.storage import Connection, Database, open_database

MEMBER = 1
"""Who has asked for the most, by far."""
_ROLES = frozenset(role_id(number) for number in range(1, 9))


@dataclass(frozen=True, slots=True)
class Subject:
    """A bot's parts over one database."""

    core: Core
    database: Database
    path: Path


def main(size: Size, repeats: int) -> dict[str, Any]:
    """Measure with an empty server and a large one."""
    figures: dict[str, Any] = {"entries": size.entries, "members": size.members, "rules": size.rules}
    now_ms = time.time_ns() // 1_000_000
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        empty, large = Path(folder) / "empty" / "bot.db", Path(folder) / "large" / "bot.db"
        for path in (empty, large):
            path.parent.mkdir()
        begun_s = time.monotonic()
        large_books.make(large, size, now_ms=now_ms)
        figures["made_s"] = time.monotonic() - begun_s
        begun_s = time.monotonic()
        asyncio.run(_open(large))
        figures["migrated_s"] = time.monotonic() - begun_s
        asyncio.run(_open(empty))
        large_books.add_rules(large, size.rules, now_ms=now_ms)
        figures |= asyncio.run(_both(empty, large, repeats))
        figures["size_mb"] = {"empty": _size_mb(empty), "large": _size_mb(large)}
    return figures


async def _open(path: Path) -> None:
    async with open_database(_url(path)):
        pass


async def _both(empty: Path, large: Path, repeats: int) -> dict[str, Any]:
    begun_s = time.monotonic()
    async with _subject(empty) as few:
        few_s = time.monotonic() - begun_s
        begun_s = time.monotonic()
        async with _subject(large) as many:
            figures: dict[str, Any] = {"start_s": {"empty": few_s, "large": time.monotonic() - begun_s}}
            return figures | await _asked({"empty": few, "large": many}, repeats)


async def _asked(subjects: Mapping[str, Subject], repeats: int) -> dict[str, Any]:
    numbers = count(1)
    asked: dict[str, Callable[[Subject], Awaitable[float]]] = {
        "credits_ms": lambda subject: _took_s(_credits(subject)),
        "explain_ms": lambda subject: _took_s(_explain(subject)),
        "accept_ms": lambda subject: _accept(subject, next(numbers)),
    }
    figures: dict[str, Any] = {}
    for name, question in asked.items():
        waits: dict[str, list[float]] = {which: [] for which in subjects}
        for _ in range(repeats):  # in turn, so that what else the machine does meets both
            for which, subject in subjects.items():
                waits[which].append(await question(subject) * 1000)
        figures[name] = {which: statistics.median(waits[which]) for which in subjects}
    for which, subject in subjects.items():
        figures.setdefault("usage_s", {})[which] = await _took_s(_usage(subject))
    for which, subject in subjects.items():
        took_s, meanwhile_ms = await _audit(subject, numbers)
        figures.setdefault("audit_s", {})[which] = took_s
        figures.setdefault("accept_during_audit_ms", {})[which] = statistics.median(meanwhile_ms)
    return figures


async def _credits(subject: Subject) -> None:
    """Ask what /credits asks."""
    await subject.core.generations.balance(_spender())
    await subject.core.generations.statement(user_id=user_id(MEMBER), guild_id=GUILD)


async def _explain(subject: Subject) -> None:
    """Ask what /quota explain asks."""
    await subject.core.quotas.explain(_spender())


async def _accept(subject: Subject, number: int) -> float:
    """Check and hold, for a member with eight roles in a channel that has a rule, too; returns how long it took."""
    now_ms = time.time_ns() // 1_000_000
    spender = _spender()
    origin = Origin(
        source_kind="interaction",
        source_id=f"new-{number}",
        user_id=spender.user_id,
        guild_id=GUILD,
        channel_id=channel_id(1),
        application_id=1,
        interaction_token="token",
        token_expires_at_ms=now_ms + 900_000,
        upload_limit_bytes=10 * 1024 * 1024,
        standing=Standing(role_ids=spender.role_ids, joined_at_ms=spender.joined_at_ms),
    )
    begun_s = time.perf_counter()
    accepted = await subject.core.generations.accept(GenerationRequest(prompt="a lighthouse in the rain"), origin)
    took_s = time.perf_counter() - begun_s
    await subject.core.generations.not_acknowledged(accepted.request_id)  # so that nothing is in work the next time
    return took_s


async def _usage(subject: Subject) -> None:
    """Ask what /usage asks of the month before this one."""
    today = await subject.core.usage.today(GUILD)
    year, month = (today.year, today.month - 1) if today.month > 1 else (today.year - 1, 12)
    last = calendar.monthrange(year, month)[1]
    await subject.core.usage.usage(GUILD, Period(date(year, month, 1), date(year, month, last)))


async def _audit(subject: Subject, numbers: count[int]) -> tuple[float, list[float]]:
    """Audit as the command does, beside a bot at work: seconds, and how long accepting took meanwhile (ms)."""
    waits: list[float] = []
    now_ms = time.time_ns() // 1_000_000

    async def work(tx: Connection) -> tuple[str, ...]:
        return tuple(finding.sentence for finding in (await audit(tx, now_ms=now_ms)).findings)

    begun_s = time.monotonic()
    async with open_database(_url(subject.path), exclusive=False) as beside:
        auditing = asyncio.ensure_future(beside.look(work))
        while not auditing.done():
            waits.append(await _accept(subject, next(numbers)) * 1000)
            await asyncio.sleep(0.05)
        findings = await auditing
    if findings:
        raise RuntimeError(f"the books don't add up: {findings[0]}")
    return time.monotonic() - begun_s, waits


async def _took_s(asked: Awaitable[object]) -> float:
    begun_s = time.perf_counter()
    await asked
    return time.perf_counter() - begun_s


@asynccontextmanager
async def _subject(path: Path) -> AsyncIterator[Subject]:
    settings = load_settings(
        None,
        discord_token="none",
        rivya_api_key="none",
        rivya_base_url="http://127.0.0.1:9",
        database_url=_url(path),
        data_dir=path.parent,
        member_credits_per_month=10**8,
        guild_credits_per_month=10**9,
        account_credits_per_day=10**9,
        max_running_per_member=100,
        max_waiting=10**6,
        disk_reserve_bytes=0,
    )
    async with open_http(settings.rivya_base_url) as http, open_database(settings.database_url) as database:
        core = await build_core(
            settings,
            database=database,
            http=http,
            delivery=DiscordDelivery(),
            fetcher=CdnFetcher(http, settings.discord_cdn_url),
            clock=SystemClock(),
            rng=Random(0),
        )
        await core.generations.remember(CREDITS_FACT, str(10**9))
        yield Subject(core, database, path)


def _spender() -> Spender:
    now_ms = time.time_ns() // 1_000_000
    return Spender(user_id(MEMBER), GUILD, _ROLES, now_ms - 400 * 24 * 3600 * 1000, channel_id(1))


def _size_mb(path: Path) -> float:
    return path.stat().st_size / 1_000_000


def _url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    entries, members, rules, repeats = (int(argument) for argument in sys.argv[1:5])
    sys.stdout.write(json.dumps(main(Size(entries, members, rules), repeats)) + "\n")
