"""How many requests a second can be accepted: every check and the hold, in the real database, on the disk.

``python -m benchmarks.accepting COUNT ENTRIES`` prints its figures as JSON.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack, closing
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import structlog

from bot.app import Core, build_core
from bot.cdn import CdnFetcher
from bot.clock import SystemClock
from bot.config import load_settings
from bot.generations.values import GenerationRequest, Origin
from bot.posting import DiscordDelivery
from bot.rivya import open_http
from bot.storage import open_database

TOGETHER = 16
MEMBERS = 200
_FILL = """
CREATE TEMP TABLE numbers AS
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :pairs) SELECT i FROM n;
INSERT INTO accounts (id, kind, guild_id, created_at_ms)
  SELECT 1000 + i, 'member', 1, :now FROM numbers WHERE i <= :members;
INSERT INTO account_owners (account_id, guild_key, user_id) SELECT 1000 + i, 1, i FROM numbers WHERE i <= :members;
INSERT INTO entries (id, account_id, kind, amount_credits, picture_id, actor, reason, created_at_ms)
  SELECT i, 1001 + i % :members, 'hold', 8, 'old-' || i, 'bench', '', :now FROM numbers;
INSERT INTO legs (entry_id, account_id, guild_id, amount_credits, dated_at_ms)
  SELECT i, 1001 + i % :members, 1, 8, :now FROM numbers;
INSERT INTO requests (id, source_kind, source_id, account_id, user_id, guild_id, channel_id, model, prompt, options,
    picture_count, private, notify, locale, state, application_id, token_expires_at_ms, upload_limit_bytes,
    created_at_ms, acknowledged_at_ms, settled_at_ms)
  SELECT 'old-' || i, 'interaction', 'old-' || i, 1001 + i % :members, 1 + i % :members, 1, 1, 'nano-banana-pro',
    'a picture', '{}', 1, 0, 0, 'en-US', 'settled', 1, :now, 1, :now, :now, :now FROM numbers;
INSERT INTO deliveries (request_id, state) SELECT 'old-' || i, 'shown' FROM numbers;
INSERT INTO pictures (id, request_id, position, state, hold_id, price_credits, charged_credits, finished_at_ms)
  SELECT 'old-' || i, 'old-' || i, 1, 'fetching', i, 8, 8, :now FROM numbers;
INSERT INTO entries (account_id, kind, amount_credits, settles_id, picture_id, actor, reason, created_at_ms)
  SELECT 1001 + i % :members, 'capture', 8, i, 'old-' || i, 'bench', '', :now FROM numbers;
UPDATE pictures SET state = 'fetched', sha256 = 'x' WHERE id LIKE 'old-%';
"""


def main(accepts: int, entries: int) -> dict[str, Any]:
    """Measure with empty books and with ``entries`` entries of this month in them."""
    figures: dict[str, Any] = {"entries": entries}
    for name, number in (("empty", 0), ("filled", entries)):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            asyncio.run(_prepare(Path(folder)))
            if number:
                _fill(Path(folder) / "bot.db", number)
            figures[name] = asyncio.run(_measure(Path(folder), accepts))
    return figures


async def _prepare(folder: Path) -> None:
    async with open_database(_url(folder)):
        pass


def _fill(path: Path, entries: int) -> None:
    """Write holds and their captures as a month leaves them, past the ledger but not past the database's guards."""
    values = {"pairs": entries // 2, "members": MEMBERS, "now": time.time_ns() // 1_000_000}
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in _FILL.split(";"):
            connection.execute(statement, values)


async def _measure(folder: Path, accepts: int) -> dict[str, float]:
    settings = load_settings(
        None,
        discord_token="none",
        rivya_api_key="none",
        rivya_base_url="http://127.0.0.1:9",
        database_url=_url(folder),
        data_dir=folder,
        member_credits_per_month=10**8,
        guild_credits_per_month=10**9,
        account_credits_per_day=10**9,
        max_running_per_member=100,
        max_waiting=10**6,
        disk_reserve_bytes=0,
    )
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(open_http(settings.rivya_base_url))
        core = await build_core(
            settings,
            database=await stack.enter_async_context(open_database(settings.database_url)),
            http=http,
            delivery=DiscordDelivery(),
            fetcher=CdnFetcher(http, settings.discord_cdn_url),
            clock=SystemClock(),
            rng=Random(0),
        )
        return await _accept(core, accepts)


async def _accept(core: Core, accepts: int) -> dict[str, float]:
    numbers = count(1)
    loop = asyncio.get_running_loop()

    async def accept(number: int) -> None:
        origin = Origin(
            source_kind="interaction",
            source_id=f"new-{number}",
            user_id=1 + number % MEMBERS,
            guild_id=1,
            channel_id=1,
            application_id=1,
            interaction_token="token",
            token_expires_at_ms=time.time_ns() // 1_000_000 + 900_000,
            upload_limit_bytes=10 * 1024 * 1024,
        )
        await core.generations.accept(GenerationRequest(prompt="a lighthouse in the rain"), origin)

    waits_s: list[float] = []
    for _ in range(accepts):
        begun_s = loop.time()
        await accept(next(numbers))
        waits_s.append(loop.time() - begun_s)

    async def stream() -> None:
        for _ in range(accepts // TOGETHER + 1):
            await accept(next(numbers))

    begun_s = loop.time()
    await asyncio.gather(*(stream() for _ in range(TOGETHER)))
    together_s = loop.time() - begun_s
    return {
        "one_by_one_per_s": accepts / sum(waits_s),
        "one_by_one_p50_ms": statistics.median(waits_s) * 1000,
        "together_per_s": TOGETHER * (accepts // TOGETHER + 1) / together_s,
    }


def _url(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder}/bot.db"


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    sys.stdout.write(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))) + "\n")
