"""What is measured: each row runs one bot on a stage of its own and returns its figures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.stage import Stage, open_stage

MIB = 1024 * 1024
PATIENCE_S = 240.0

Figures = dict[str, Any]


@dataclass(frozen=True)
class Scale:
    """How much is measured. ``rounds`` alternate between the bots; their figures are pooled or their medians taken."""

    name: str
    rounds: int
    memory_rounds: int
    running: int
    """Requests in work while acknowledgements are measured."""
    seconds_at_20: float
    seconds_at_50: float
    tasks: int
    tasks_per_s: float
    task_s: tuple[float, float]
    large_bytes: int
    together: int
    """Requests with large references at the same time."""
    small_repeats: int
    large_repeats: int
    accepts: int
    entries: int
    """Ledger entries that are there already when accepting is measured again."""
    growth: tuple[int, int, int, int]
    """Entries, members and rules of a large server, and how often each question is asked."""
    poll_every_s: float = 5.0
    """Of the baseline."""


FULL = Scale(
    "full",
    2,
    1,
    500,
    12.0,
    5.0,
    150,
    5.0,
    (6.0, 12.0),
    30_000_000,
    10,
    2,
    1,
    300,
    100_000,
    (5_000_000, 50_000, 200, 200),
)
QUICK = Scale(
    "quick", 1, 1, 100, 5.0, 3.0, 60, 5.0, (6.0, 12.0), 30_000_000, 3, 1, 1, 100, 20_000, (200_000, 50_000, 200, 100)
)
TINY = Scale("tiny", 1, 1, 4, 0.3, 0.2, 5, 20.0, (0.3, 0.5), 100_000, 2, 1, 1, 5, 100, (200, 20, 10, 3), 0.2)
SCALES = {scale.name: scale for scale in (FULL, QUICK, TINY)}


@dataclass(frozen=True)
class Pictures:
    """Reference images on disk: eight small and eight large ones."""

    small: tuple[Path, ...]
    large: tuple[Path, ...]


@dataclass(frozen=True)
class Setting:
    """What every row is given."""

    bot: str
    scale: Scale
    seed: int
    pictures: Pictures

    def stage(self, **extra: str) -> Any:
        """Open a stage for this bot."""
        extra = {"BASELINE_POLL_EVERY_S": str(self.scale.poll_every_s), **extra}
        return open_stage(self.bot, seed=self.seed, extra=extra)


async def acknowledgement(setting: Setting) -> Figures:
    """Send commands at two rates while many requests run that don't end; how long each waits for "thinking"."""
    scale = setting.scale
    async with setting.stage() as stage:
        await stage.rivya("set_variants", task_s=[3600.0, 3600.0])
        await stage.wire("ask", label="before", count=scale.running, per_s=10)
        await _until_created(stage, "before", scale.running)
        figures: Figures = {"running": scale.running}
        for per_s, seconds in ((20, scale.seconds_at_20), (50, scale.seconds_at_50)):
            count = round(per_s * seconds)
            await stage.wire("ask", label=f"at{per_s}", count=count, per_s=per_s)
            await _until_created(stage, f"at{per_s}", count)
            asked = await stage.wire("books", label=f"at{per_s}")
            waits = [r["acknowledged_ms"] - r["sent_ms"] for r in asked.values() if r["acknowledged_ms"] is not None]
            figures[f"at_{per_s}"] = {"waits_ms": sorted(waits), "missed": len(asked) - len(waits)}
        return figures


async def delivery(setting: Setting) -> Figures:
    """Let tasks of some seconds run at a steady rate: how late a finished picture is seen, and what each costs."""
    scale = setting.scale
    async with setting.stage() as stage:
        await stage.rivya("set_variants", task_s=scale.task_s)
        before = (await stage.rivya("books", label="paint"))["requests"]
        cpu_s = stage.bot.cpu_s()
        await stage.wire("ask", label="paint", count=scale.tasks, per_s=scale.tasks_per_s)
        complete = await stage.wire("until_shown", label="paint", timeout_s=PATIENCE_S)
        cpu_s = stage.bot.cpu_s() - cpu_s
        asked = await stage.wire("books", label="paint")
        made = await stage.rivya("books", label="paint")
        shown = {prompt: record for prompt, record in asked.items() if record["shown_ms"] is not None}
        requests = {route: number - before.get(route, 0) for route, number in made["requests"].items()}
        return {
            "tasks": len(made["tasks"]),
            "missing": len(asked) - len(shown),
            "complete": complete,
            "lags_ms": sorted(
                record["shown_ms"] - made["tasks"][prompt]["ends_ms"] for prompt, record in shown.items()
            ),
            "requests_per_task": sum(n for route, n in requests.items() if route != "status") / len(asked),
            "polls_per_task": requests.get("status", 0) / len(asked),
            "discord_requests_per_task": sum((await stage.wire("routes")).values()) / len(asked),
            "cpu_ms_per_task": cpu_s * 1000 / len(asked),
        }


async def memory(setting: Setting) -> Figures:
    """Ask with eight large references, once and then many times at once: how far memory grows over what it was idle."""
    scale = setting.scale
    async with setting.stage() as stage:
        await stage.rivya("set_variants", task_s=scale.task_s)
        # The wire itself is busy with so many bytes; how soon it is answered is another row's matter.
        await stage.wire("set_rules", acknowledge_within_s=60.0)
        await stage.wire("load", paths=[str(path) for path in setting.pictures.large])
        idle = stage.bot.resident_bytes()
        figures: Figures = {"idle_mib": idle / MIB}
        for label, count in (("one", 1), ("many", scale.together)):
            stage.bot.forget_peak()
            begun = asyncio.get_running_loop().time()
            await stage.wire("ask", label=label, count=count, per_s=0)
            if not await stage.wire("until_shown", label=label, timeout_s=PATIENCE_S):
                raise RuntimeError(f"{setting.bot}: {count} requests with large references did not end")
            figures[f"{label}_mib"] = (stage.bot.peak_bytes() - idle) / MIB
            figures[f"{label}_s"] = asyncio.get_running_loop().time() - begun
        return figures


async def references(setting: Setting) -> Figures:
    """Ask with eight references, one request after another, over round trips of 50 ms."""
    scale = setting.scale
    async with setting.stage() as stage:
        await stage.rivya("set_variants", task_s=scale.task_s, latency_s=0.05)
        await stage.wire("set_rules", latency_s=0.05, acknowledge_within_s=60.0)
        figures: Figures = {}
        for label, paths, repeats in (
            ("small", setting.pictures.small, scale.small_repeats),
            ("large", setting.pictures.large, scale.large_repeats),
        ):
            await stage.wire("load", paths=[str(path) for path in paths])
            to_task, to_picture = [], []
            for number in range(repeats):
                name = f"{label}{number}"
                await stage.wire("ask", label=name, count=1, per_s=0)
                await stage.wire("until_shown", label=name, timeout_s=PATIENCE_S)
                (asked,) = (await stage.wire("books", label=name)).values()
                (task,) = (await stage.rivya("books", label=name))["tasks"].values()
                to_task.append((task["created_ms"] - asked["sent_ms"]) / 1000)
                to_picture.append((asked["shown_ms"] - asked["sent_ms"]) / 1000)
            figures[label] = {"to_task_s": to_task, "to_picture_s": to_picture}
        return figures


async def _until_created(stage: Stage, label: str, count: int) -> None:
    """Return once Rivya has taken ``count`` tasks, or no more have come for some seconds (some were refused)."""
    made, seen_s = 0, asyncio.get_running_loop().time()
    while made < count and asyncio.get_running_loop().time() - seen_s < 10:
        await asyncio.sleep(0.2)
        now_made = len((await stage.rivya("books", label=label))["tasks"])
        if now_made > made:
            made, seen_s = now_made, asyncio.get_running_loop().time()


ROWS: dict[str, Callable[[Setting], Awaitable[Figures]]] = {
    "acknowledgement": acknowledgement,
    "delivery": delivery,
    "memory": memory,
    "references": references,
}
"""Measured for both bots; ``accept`` and ``growth`` are for ours alone and stand in modules of their own."""
