"""The program as a process of its own, between a Discord and a Rivya on real sockets, in real time."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.clock import SystemClock
from bot.credits.audit import AuditReport, audit
from bot.sandbox.rivya import SANDBOX_KEY, RivyaSandbox, Variants
from bot.sandbox.wire import InteractionRecord, MessageRecord, WireServer
from bot.storage import open_database

PATIENCE_S = 60.0
"""Real seconds after which a test that waits has failed."""


@asynccontextmanager
async def running(folder: Path, wire: WireServer, rivya: RivyaSandbox, **settings: str) -> AsyncIterator[None]:
    """Run the bot as a process of its own until left."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")},
        **wire.environment,
        "RIVYA_API_KEY": SANDBOX_KEY,
        "RIVYA_BASE_URL": rivya.url,
        "DATABASE_URL": _url(folder),
        "DATA_DIR": str(folder),
        "DISK_RESERVE_BYTES": "0",
        "LOG_FORMAT": "json",
        **settings,
    }
    log = (folder / "log.jsonl").open("ab")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "run", env=environment, stdout=log, stderr=log
    )
    try:
        await wire.until(lambda: wire.ready, PATIENCE_S)
        yield
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), PATIENCE_S)
        log.close()


@asynccontextmanager
async def both(**variants: Any) -> AsyncIterator[tuple[WireServer, RivyaSandbox]]:
    """Give both services."""
    clock = SystemClock()
    played = Variants(**{"quick_pictures": True, "task_s": (0.5, 1.0), **variants})
    async with WireServer(clock=clock) as wire, RivyaSandbox(clock=clock, variants=played, seed=5) as rivya:
        yield wire, rivya


async def until_said(wire: WireServer, asked: InteractionRecord, words: str) -> MessageRecord:
    """Wait until the answer to an interaction says ``words``, markup apart; returns it."""

    def said() -> MessageRecord | None:
        message = wire.books.messages.get(asked.message_id or 0)
        return message if message is not None and words in message.text.replace("*", "") else None

    await wire.until(said, PATIENCE_S)
    found = said()
    assert found is not None
    return found


async def set_channels(wire: WireServer, moderator: int, channel: int, *, gallery: int, reports: int) -> None:
    """Choose a gallery and a channel for reports in the panel of the settings."""
    panel = await wire.slash(moderator, channel, "settings")
    shown = await until_said(wire, panel, "Gallery")
    await wire.select(moderator, shown.id, "nbb:set:go", ["reports"])
    await until_said(wire, panel, "Gallery: none yet")
    await wire.select(moderator, shown.id, "nbb:server:gallery", [str(gallery)])
    await until_said(wire, panel, f"Gallery: <#{gallery}>")
    await wire.select(moderator, shown.id, "nbb:server:reports", [str(reports)])
    await until_said(wire, panel, f"<#{reports}>")


async def audited(folder: Path) -> AuditReport:
    """Check the books, as ``nano-banana-bot audit`` does."""
    async with open_database(_url(folder), exclusive=False) as database, database.read() as connection:
        return await audit(connection, now_ms=SystemClock().now_ms())


def _url(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder / 'bot.db'}"
