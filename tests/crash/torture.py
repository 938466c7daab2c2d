"""``python -m tests.crash.torture``: the whole crash table, then random kills under load; prints what was counted.

It ends with exit code 1 when a promise was broken. ``--seed`` repeats one storm, ``--scenario`` and ``--point`` a part
of the table.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable

import structlog

from tests.crash.judge import Verdict
from tests.crash.launcher import Launcher
from tests.crash.scenarios import SCENARIOS
from tests.crash.storm import run_storm
from tests.crash.table import run_table

_COLUMNS = "{:<42} {:>6} {:>6} {:>6} {:>5} {:>10} {:>14} {:>10} {:>6} {:>7} {:>7} {:>6}"
_HEADINGS = _COLUMNS.format(
    *("", "points", "rounds", "killed", "lost", "duplicated", "double-charged", "holds left"),
    *("silent", "unclean", "doubled", "s"),
)


def main() -> int:
    """Run what was asked for; returns 1 when anything was lost, duplicated, charged twice or left on hold."""
    options = _options()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # whose client was killed in mid-request
    return asyncio.run(_torture(options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.torture")
    parser.add_argument("--scenario", action="append", help="only this one (may be repeated)")
    parser.add_argument("--point", help="only the points whose label contains this")
    parser.add_argument("--seed", type=int, action="append", help="only this storm (may be repeated)")
    parser.add_argument("--storms", type=int, default=12, help="how many storms (default: 12)")
    parser.add_argument("--lives", type=int, default=25, help="of the bot in each storm (default: 25)")
    parser.add_argument(
        "--worlds", type=int, default=os.cpu_count() or 2, help="at the same time (default: a core each)"
    )
    return parser.parse_args()


async def _torture(options: argparse.Namespace) -> int:
    _print(_HEADINGS)
    places = asyncio.Semaphore(options.worlds)
    total = Verdict()

    async def row(name: str, work: Callable[[], Awaitable[Verdict]]) -> None:
        async with places:
            begun_s = time.monotonic()
            verdict = await work()
        total.add(verdict)
        _print(_row(name, verdict, time.monotonic() - begun_s))
        for complaint in verdict.complaints:
            _print(f"    {complaint}")

    begun_s = time.monotonic()
    async with Launcher() as launcher, asyncio.TaskGroup() as group:
        for scenario in () if options.seed and not options.scenario else SCENARIOS:
            if not options.scenario or scenario.name in options.scenario:
                group.create_task(
                    row(
                        scenario.name,
                        lambda scenario=scenario: run_table(
                            launcher, scenario, chosen=lambda point: (options.point or "") in point
                        ),
                    )
                )
        for seed in options.seed or ([] if options.scenario else range(options.storms)):
            group.create_task(
                row(
                    f"storm, seed {seed}",
                    lambda seed=seed: run_storm(launcher, seed=seed, lives=options.lives, troubled=seed % 2 == 1),
                )
            )
    _print(_row("all", total, time.monotonic() - begun_s))
    _print(", ".join(f"{times} × {outcome}" for outcome, times in total.outcomes.most_common()))
    return 0 if total.clean else 1


def _row(name: str, verdict: Verdict, seconds: float) -> str:
    counts = (verdict.points, verdict.rounds, verdict.kills, verdict.lost, verdict.duplicated)
    rest = (verdict.double_charged, verdict.holds_left, verdict.silent, verdict.unclean, verdict.doubled)
    return _COLUMNS.format(name, *counts, *rest, round(seconds))


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
