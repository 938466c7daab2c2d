"""A stage for one measurement: wire, sandbox and one bot, each a process of its own, on fresh data."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gauges import Gauge
from benchmarks.lines import Service

OURS, BASELINE = "ours", "baseline"
BOTS = {OURS: ("bot", "run"), BASELINE: ("benchmarks.baseline",)}

LIFTED = {
    "MAX_RUNNING": "1000",
    "MAX_RUNNING_PER_MEMBER": "100",
    "MAX_WAITING": "1000",
    "POLLS_PER_MINUTE": "60000",
    "MEMBER_CREDITS_PER_MONTH": "",
    "GUILD_CREDITS_PER_MONTH": "",
    "ACCOUNT_CREDITS_PER_DAY": "",
}
"""Our limits, which a bot without limits can't be measured against; everything else is as it comes."""
START_S = 60.0
SETTLE_S = 1.5


@dataclass(frozen=True)
class Stage:
    """What a measurement works with; ``bot`` is the gauge of the bot's process alone."""

    wire: Service
    rivya: Service
    bot: Gauge
    log: Path


@asynccontextmanager
async def open_stage(name: str, *, seed: int, extra: dict[str, str] | None = None) -> AsyncIterator[Stage]:
    """Start everything with the bot called ``name``, and return once it is connected and quiet."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)))
        wire = await stack.enter_async_context(Service("benchmarks.wire_service"))
        rivya = await stack.enter_async_context(Service("benchmarks.rivya_service", str(seed)))
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")},
            **LIFTED,
            **await wire("environment"),
            **await rivya("environment"),
            "DATABASE_URL": f"sqlite+aiosqlite:///{folder}/bot.db",
            "DATA_DIR": str(folder),
            **(extra or {}),
        }
        log = folder / "bot.log"
        process = await stack.enter_async_context(_running(BOTS[name], environment, log))
        ready = asyncio.ensure_future(wire("until_ready", timeout_s=START_S))
        ended = asyncio.ensure_future(process.wait())
        await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            raise RuntimeError(f"{name} has ended: {log.read_text()[-2000:]}")
        ended.cancel()
        await ready
        await asyncio.sleep(SETTLE_S)
        yield Stage(wire, rivya, Gauge(process.pid), log)


@asynccontextmanager
async def _running(
    module: Sequence[str], environment: dict[str, str], log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *module, env=environment, stdout=output, stderr=output, cwd=Path(__file__).parents[1]
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()
