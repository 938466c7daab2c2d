"""``python -m tests.crash.torture``: the crash table, random kills, the fault table; prints what was counted.

It ends with exit code 0 only when every count of a broken promise, and *otherwise*, is 0: else with 1, or with 2 when
nothing is called what was asked for. ``--seed`` repeats one storm, ``--scenario`` and ``--point`` a part
of the crash table, ``--faults`` the rows of the fault table whose names have the given words.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from tests.crash.judge import Verdict
from tests.crash.launcher import Launcher
from tests.crash.scenarios import SCENARIOS
from tests.crash.storm import run_storm
from tests.crash.table import run_table
from tests.faults.groups import GROUPS
from tests.faults.table import run_group

_COLUMNS = "{:<42} {:>6} {:>6} {:>6} {:>5} {:>10} {:>14} {:>10} {:>6} {:>7} {:>9} {:>6}"
_PROMISES = ("lost", "duplicated", "double-charged", "holds left", "silent", "unclean")
_CRASHES = ("points", "rounds", "killed", *_PROMISES, "doubled", "s")
_FAULTS = ("points", "rounds", "struck", *_PROMISES, "otherwise", "s")
"""Of the fault table a point is a row, and *otherwise* counts rows that did not end as they are expected to."""

Rows = dict[str, Callable[[], Awaitable[Verdict]]]


def main() -> int:
    """Run what was asked for; returns 0 when every promise was kept and every row ended as it is written."""
    options = _options()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # whose client was killed in mid-request
    return asyncio.run(_torture(options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.torture")
    parser.add_argument("--scenario", action="append", help="only this one (may be repeated)")
    parser.add_argument("--point", help="only the points whose label contains this")
    parser.add_argument("--faults", nargs="?", const="", help="only the fault table, or its rows with these words")
    parser.add_argument("--seed", type=int, action="append", help="only this storm (may be repeated)")
    parser.add_argument("--storms", type=int, default=12, help="how many storms (default: 12)")
    parser.add_argument("--lives", type=int, default=25, help="of the bot in each storm (default: 25)")
    parser.add_argument(
        "--worlds", type=int, default=os.cpu_count() or 2, help="at the same time (default: a core each)"
    )
    return parser.parse_args()


async def _torture(options: argparse.Namespace) -> int:
    crashes = options.scenario or options.seed or options.point
    total = Verdict()
    async with Launcher() as launcher:
        tables = []
        if crashes or options.faults is None:
            tables.append(("the crash table", _CRASHES, _crashes(launcher, options)))
        if options.faults is not None or not crashes:
            tables.append(("the fault table", _FAULTS, _faults(launcher, options)))
        if not all(rows for _, _, rows in tables):
            _print("There is no such row.")
            return 2
        for name, headings, rows in tables:
            total.add(await _table(name, headings, rows, options.worlds))
    return 0 if total.clean else 1


def _crashes(launcher: Launcher, options: argparse.Namespace) -> Rows:
    rows: Rows = {}
    for scenario in () if options.seed and not options.scenario else SCENARIOS:
        if not options.scenario or scenario.name in options.scenario:
            rows[scenario.name] = partial(
                run_table, launcher, scenario, chosen=lambda point: (options.point or "") in point
            )
    for seed in options.seed or ([] if options.scenario else range(options.storms)):
        rows[f"storm, seed {seed}"] = partial(
            run_storm, launcher, seed=seed, lives=options.lives, troubled=seed % 2 == 1
        )
    return rows


def _faults(launcher: Launcher, options: argparse.Namespace) -> Rows:
    chosen = (group.chosen(options.faults or "") for group in GROUPS)
    return {group.name: partial(run_group, launcher, group) for group in chosen if group.rows}


async def _table(name: str, headings: tuple[str, ...], rows: Rows, worlds: int) -> Verdict:
    _print(_COLUMNS.format(name, *headings))
    busy, idle = asyncio.Semaphore(worlds), asyncio.Semaphore(worlds * 3)  # waiting for a time-out is no work
    total = Verdict()

    async def run(row: str, work: Callable[[], Awaitable[Verdict]]) -> None:
        async with idle if "time-outs" in row.lower() else busy:
            begun_s = time.monotonic()
            verdict = await work()
        if not verdict.reached:
            verdict.otherwise += 1
            verdict.complaints.append(
                f"otherwise: the bot was to die at {verdict.not_reached} points that it never passed"
            )
        total.add(verdict)
        _print(_row(row, headings, verdict, time.monotonic() - begun_s))
        for complaint in verdict.complaints:
            _print(f"    {complaint}")

    begun_s = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for row, work in rows.items():
            group.create_task(run(row, work))
    _print(_row("all", headings, total, time.monotonic() - begun_s))
    _print(", ".join(f"{times} × {outcome}" for outcome, times in total.outcomes.most_common()))
    if total.deeds:
        _print("In the storms: " + ", ".join(f"{times} × {deed}" for deed, times in total.deeds.most_common()))
    return total


def _row(name: str, headings: tuple[str, ...], verdict: Verdict, seconds: float) -> str:
    counts = (verdict.points, verdict.rounds, verdict.kills, verdict.lost, verdict.duplicated)
    rest = (verdict.double_charged, verdict.holds_left, verdict.silent, verdict.unclean)
    last = verdict.doubled if "doubled" in headings else verdict.otherwise
    return _COLUMNS.format(name, *counts, *rest, last, round(seconds))


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
