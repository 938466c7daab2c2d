"""``python -m tests.crash.torture``: the whole crash table, then random kills under load; prints what it counted."""

from __future__ import annotations

import asyncio
import sys

from tests.crash.launcher import Launcher
from tests.crash.scenarios import SCENARIOS
from tests.crash.table import run_table


async def main() -> int:
    async with Launcher() as launcher:
        for scenario in SCENARIOS:
            if sys.argv[1:] and scenario.name not in sys.argv[1:]:
                continue
            verdict = await run_table(launcher, scenario)
            sys.stdout.write(f"{scenario.name}: {verdict}\n")
            for line in verdict.complaints:
                sys.stdout.write(f"   {line}\n")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
