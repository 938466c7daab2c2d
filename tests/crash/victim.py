"""The bot as a process that can be killed hundreds of times: forked from one that has imported everything.

Started as ``python -m tests.crash.victim`` it reads orders, one JSON object a line, and forks a bot for each; when its
input ends it kills them all. It says ``{"number": …, "code": …}`` of each that ended. It has one thread and no event
loop, so that forking it is safe.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import select
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import bot.run
from bot import logs
from bot.client import EXTENSIONS
from bot.config import load_settings
from tests.clocks import TestClock
from tests.crash.points import Points, install

_READ_BYTES = 65536


class SharedClock(TestClock):
    """A fast clock that goes alike in every process: it counts from one reading of the monotonic time."""

    def __init__(self, *, start_ms: int, begun_s: float, speed: float) -> None:
        super().__init__(start_ms=start_ms, speed=speed)
        self._begun = begun_s

    @classmethod
    def starting_now(cls, *, speed: float) -> SharedClock:
        """Return a clock that shows the machine's time now."""
        return cls(start_ms=time.time_ns() // 1_000_000, begun_s=time.monotonic(), speed=speed)

    @property
    def order(self) -> dict[str, Any]:
        """What another process makes the same clock of."""
        return {"start_ms": self._start_ms + self._offset_ms, "begun_s": self._begun, "speed": self._speed}


AS_IT_IS_S = 2.0
"""Waits up to here are not shortened: people notice them, and a slow machine needs them."""
SHORTEST_S = 0.3


class PacedLoop(asyncio.SelectorEventLoop):
    """An event loop on which long waits are ``pace`` times shorter, the time-outs of every library among them."""

    def __init__(self, pace: float) -> None:
        super().__init__()
        self._pace = pace

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:
        """Call at that time, or when the shortened wait is over."""
        now = self.time()
        if when - now > AS_IT_IS_S:
            when = now + max((when - now) / self._pace, SHORTEST_S)
        return super().call_at(when, callback, *args, context=context)


def main() -> None:
    """Take orders until the input ends."""
    for name in (*EXTENSIONS, "sqlalchemy.dialects.sqlite.aiosqlite", "anyio._backends._asyncio", "alembic.command"):
        importlib.import_module(name)
    gc.freeze()
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    children: dict[int, int] = {}
    pending = b""
    _say({"ready": True})
    try:
        while True:
            readable, _, _ = select.select([0, woken], [], [])
            if woken in readable:
                os.read(woken, _READ_BYTES)
                _reap(children)
            if 0 in readable:
                read = os.read(0, _READ_BYTES)
                if not read:
                    return
                *lines, pending = (pending + read).split(b"\n")
                for line in lines:
                    _obey(json.loads(line), children)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)


def _obey(order: dict[str, Any], children: dict[int, int]) -> None:
    if "signal" in order:
        pid = next((pid for pid, number in children.items() if number == order["number"]), None)
        if pid is not None:
            os.kill(pid, order["signal"])
        return
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            _become_the_bot(order)
            code = 0
        except BaseException:  # noqa: BLE001 - the process ends here, whatever it was
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    children[pid] = order["number"]


def _reap(children: dict[int, int]) -> None:
    for pid in tuple(children):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            _say({"number": children.pop(pid), "code": os.waitstatus_to_exitcode(status)})


def _say(words: dict[str, Any]) -> None:
    os.write(1, json.dumps(words).encode() + b"\n")


def _become_the_bot(order: dict[str, Any]) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, log), (2, log)):
        os.dup2(source, target)
    os.environ.update(order["environment"])
    settings = load_settings(None)
    logs.configure(level="INFO", form="json", secrets=[settings.discord_token, settings.rivya_api_key])
    clock = SharedClock(**order["clock"])
    bot.run.SystemClock = lambda: clock  # type: ignore[assignment,misc]
    bot.run.point_at(settings)  # before the points look where Discord is
    install(Points(Path(order["trace"]), kill_at=order.get("kill_at"), kill_after=order.get("kill_after")))
    pace = order["pace"]
    with asyncio.Runner(loop_factory=(lambda: PacedLoop(pace)) if pace > 1 else None) as runner:
        runner.run(bot.run.run(settings))


if __name__ == "__main__":
    main()
