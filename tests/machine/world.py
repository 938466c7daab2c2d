"""A bot that is started by its console script, beside both services; its disk can be filled, its database spoilt."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import httpx

from tests.crash.judge import Verdict, judge
from tests.crash.launcher import Launcher, Victim
from tests.crash.world import SPEED, World, open_world


class Host(Launcher):
    """The fork server that makes processes of the console script."""

    MODULE = "tests.machine.host"


@dataclass(eq=False)
class Machine(World):
    """See ``open_machine``. ``paper`` is a folder beside the bot's own, where its output goes."""

    paper: Path = Path()
    limits: dict[str, tuple[int, int]] = field(default_factory=dict)
    like_others: bool = False
    """Whether the bot lacks root's right to write anywhere."""

    @property
    def log(self) -> Path:
        """Where the running bot writes its log."""
        return self.paper / f"log-{self.starts}.jsonl"

    def begin(self, *arguments: str, **settings: str) -> Victim:
        """Start the console script with ``arguments`` (``run`` unless given); returns at once."""
        self.starts += 1
        order = {
            "arguments": list(arguments) or ["run"],
            "environment": {"LOG_FORMAT": "json", **self.settings, **settings},
            "clock": self.clock.order,
            "pace": self.pace,
            "log": str(self.log),
            "out": str(self.paper / f"out-{self.starts}.txt"),
            "pid": str(self.paper / f"pid-{self.starts}"),
            "cwd": str(self.folder),
            "limits": self.limits,
            "like_others": self.like_others,
        }
        self.victim = self.launcher.start(order)
        return self.victim

    async def start(self, *, kill_at: str | None = None, kill_after: int | None = None) -> bool:
        """Start the bot and return once it is connected; False when it ended before that."""
        assert kill_at is kill_after is None
        assert not self.alive
        identified = self.wire.gateway.identified
        self.begin()
        await self.until(lambda: not self.alive or (self.wire.gateway.identified > identified and self.wire.ready))
        return self.alive

    async def ended(self) -> int:
        """Wait for the process to end, and return its exit code."""
        assert self.victim is not None
        async with asyncio.timeout(60):
            await self.victim.ended.wait()
        assert self.victim.code is not None
        return self.victim.code

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask the process to stop, and return its exit code."""
        assert self.victim is not None
        self.victim.send_signal(number)
        return await self.ended()

    async def command(self, *arguments: str, **settings: str) -> tuple[int, str, str]:
        """Run the console script beside whatever runs; returns exit code, stdout and stderr."""
        running = self.victim
        number = self.starts + 1
        self.begin(*arguments, **settings)
        code = await self.ended()
        said = (self.paper / f"out-{number}.txt").read_text(), (self.paper / f"log-{number}.jsonl").read_text()
        self.victim = running
        return code, *said

    @property
    def pid(self) -> int:
        """The process id of what was started last."""
        return int((self.paper / f"pid-{self.starts}").read_text())

    def lines(self, *, every: bool = False) -> list[dict[str, Any]]:
        """Return the events of the running (or last) process' log, or of all of them."""
        logs = sorted(self.paper.glob("log-*.jsonl"), key=lambda path: path.stat().st_mtime_ns) if every else [self.log]
        text = "".join(path.read_text() for path in logs if path.exists())
        return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Return the running process' events of that name."""
        return [line for line in self.lines() if line["event"] == event]

    async def verdict(self) -> Verdict:
        """Judge every request by the books."""
        found = Verdict()
        await judge(self, found, doubt=False, doubles=False)
        return found

    async def until(self, found: Callable[[], Any], timeout_s: float = 60.0) -> bool:
        """Return True once ``found`` is true, False after ``timeout_s`` real seconds."""
        # More seldom than the crash table asks: what is waited for here takes longer, and asking reads the database.
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not found():
                    await asyncio.sleep(0.05)
                return True
        return False

    async def health(self, path: str) -> tuple[int, dict[str, Any]]:
        """Ask the bot how it is."""
        async with httpx.AsyncClient(timeout=30) as http:
            response = await http.get(f"http://127.0.0.1:{self.settings['HEALTH_PORT']}{path}")
        return response.status_code, response.json()

    async def until_health(self, path: str, found: Callable[[int, dict[str, Any]], bool]) -> dict[str, Any]:
        """Ask until the answer is as wanted; returns it."""
        answer: tuple[int, dict[str, Any]] = (0, {})
        async with asyncio.timeout(60):
            while True:
                with suppress(httpx.HTTPError):
                    answer = await self.health(path)
                    if found(*answer):
                        return answer[1]
                await asyncio.sleep(0.05)


@asynccontextmanager
async def open_machine(
    host: Host,
    *,
    variants: dict[str, Any] | None = None,
    settings: dict[str, str] | None = None,
    members: int = 1,
    disk_bytes: int | None = None,
    **how: Any,
) -> AsyncIterator[Machine]:
    """Give a fresh world, as ``open_world`` does; with ``disk_bytes`` the bot's folder is a disk of that size."""
    # Time goes alike for the clock and for every time-out, so that the bot keeps them as it would on a slow machine.
    given = {"speed": SPEED, "pace": SPEED, **how}
    with tempfile.TemporaryDirectory(prefix="paper-") as paper:
        async with contextlib.AsyncExitStack() as stack:
            world = await stack.enter_async_context(
                open_world(host, variants=variants or {}, settings=settings or {}, members=members, **given)
            )
            machine = Machine(**{one.name: getattr(world, one.name) for one in fields(World)}, paper=Path(paper))
            if disk_bytes is not None:
                stack.enter_context(disk(machine.folder, disk_bytes))
            stack.push_async_callback(machine.kill)
            yield machine


@contextlib.contextmanager
def disk(folder: Path, size_bytes: int) -> Any:
    """Mount a disk of ``size_bytes`` on ``folder`` while the block runs."""
    mount("-t", "tmpfs", "-o", f"size={size_bytes},mode=0755", "tmpfs", str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def mount(*arguments: str) -> None:
    """Run mount; raises CalledProcessError."""
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


def can_mount() -> bool:
    """Whether disks can be mounted here: it takes root."""
    if shutil.which("mount") is None or os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        try:
            with disk(Path(folder), 4096):
                return True
        except subprocess.CalledProcessError:
            return False
