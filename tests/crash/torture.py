"""``python -m tests.crash.torture``: the whole crash table, then random kills under load; prints what it counted."""

from __future__ import annotations

import asyncio
import sys
import time
import structlog

from tests.crash.launcher import Launcher
from tests.crash.scenarios import SCENARIOS
from tests.crash.table import run_table


async def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    async with Launcher() as launcher:

        async def one(scenario):
            async with sem:
                t = time.monotonic()
                verdict = await run_table(launcher, scenario)
                sys.stdout.write(f"{scenario.name}: {time.monotonic() - t:.0f} s {verdict}\n")
                for line in verdict.complaints:
                    sys.stdout.write(f"   {line}\n")

        sem = asyncio.Semaphore(2)
        await asyncio.gather(*(one(s) for s in SCENARIOS if not sys.argv[1:] or s.name in sys.argv[1:]))
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
