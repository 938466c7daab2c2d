"""``python -m benchmarks``: our bot beside the baseline, row by row; prints a table and writes JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.images import make_pictures
from benchmarks.rows import ROWS, SCALES, Figures, Scale, Setting
from benchmarks.stage import BASELINE, LIFTED, OURS
from benchmarks.table import as_text, lines_of

RESULTS = Path(__file__).parent / "results"
ACCEPT = "accept"
GROWTH = "growth"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for."""
    options = _options(arguments)
    if not Path("/proc/self/status").exists():
        sys.stderr.write("The benchmarks read /proc, which only Linux has.\n")
        return 2
    scale = SCALES["tiny" if options.tiny else "quick" if options.quick else "full"]
    if options.rounds:
        scale = replace(scale, rounds=options.rounds, memory_rounds=options.rounds)
    report = asyncio.run(_measure(options.rows, scale, options.seed))
    print(as_text(report["lines"]))
    output = options.output or RESULTS / f"{report['begun'].replace(':', '')}-{scale.name}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(report, indent=1) + "\n")
    print(f"\nWritten to {output}.")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    names = (*ROWS, ACCEPT, GROWTH)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the bot beside a baseline bot, each in a process of its own, against sandboxes of Discord "
        "and Rivya. Takes about 25 minutes, and wants the machine to itself.",
        epilog=f"Rows: {', '.join(names)}. What they mean stands in docs/performance.md.",
    )
    parser.add_argument("rows", nargs="*", metavar="row", help="only these (default: all)")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="some three minutes, rough figures")
    size.add_argument("--tiny", action="store_true", help="seconds, figures without meaning: does it run?")
    parser.add_argument("--rounds", type=int, help="ours and the baseline take turns so often (default: 2, quick: 1)")
    parser.add_argument("--seed", type=int, default=1, help="of the sandbox and the images (default: 1)")
    parser.add_argument("--output", type=Path, help="the JSON file (default: a new one in benchmarks/results/)")
    options = parser.parse_args(arguments)
    unknown = set(options.rows) - set(names)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}. There are {', '.join(names)}.")
    options.rows = options.rows or list(names)
    return options


async def _measure(rows: Sequence[str], scale: Scale, seed: int) -> dict[str, Any]:
    if (whole := asyncio.current_task()) is not None:  # else the bots would be left behind
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, whole.cancel)
    begun = datetime.now(UTC).isoformat(timespec="seconds")
    rounds: dict[str, dict[str, list[Figures]]] = {}
    loads = [os.getloadavg()]
    with tempfile.TemporaryDirectory(prefix="bench-images-") as folder:
        pictures = await asyncio.to_thread(make_pictures, Path(folder), large_bytes=scale.large_bytes, seed=seed)
        for row in rows:
            if row in {ACCEPT, GROWTH}:
                _say(f"{row}: ours")
                rounds[row] = {OURS: [await _alone(row, scale)], BASELINE: []}
                continue
            found = rounds[row] = {OURS: [], BASELINE: []}
            for number in range(1, (scale.memory_rounds if row == "memory" else scale.rounds) + 1):
                measured: dict[str, Figures] = {}
                try:
                    for bot in (OURS, BASELINE):
                        _say(f"{row}, round {number}: {bot}")
                        measured[bot] = await ROWS[row](Setting(bot, scale, seed, pictures))
                except (RuntimeError, TimeoutError) as error:  # the other rounds and rows still tell something
                    _say(f"{row}, round {number} is left out: {error}")
                    continue
                for bot, figures in measured.items():
                    found[bot].append(figures)
                loads.append(os.getloadavg())
    return {
        "begun": begun,
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()},
        "scale": asdict(scale),
        "seed": seed,
        "lifted": LIFTED,
        "load_average": [list(load) for load in loads],
        "lines": lines_of(rounds),
        "rounds": rounds,
    }


async def _alone(row: str, scale: Scale) -> Figures:
    """Measure what only our bot has, in a process of its own."""
    module, numbers = {
        ACCEPT: ("benchmarks.accepting", (scale.accepts, scale.entries)),
        GROWTH: ("benchmarks.growing", scale.growth),
    }[row]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *map(str, numbers)),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )
    answer, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{module} has failed")
    figures: Figures = json.loads(answer)
    return figures


def _say(words: str) -> None:
    width = shutil.get_terminal_size().columns
    sys.stderr.write(f"\r{words:<{min(width - 1, 60)}}" if sys.stderr.isatty() else f"{words}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
