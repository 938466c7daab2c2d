"""The bot's console script as a process: forked from one that has imported everything, so that a start costs little.

The fork server is that of the crash table; what is forked runs ``bot.cli.main`` with given arguments, settings, limits
and folder, and ends with its exit code. Only its clock and the pace of its event loop are the test's.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import bot.cli
import bot.run
import bot.storage.database
from tests.crash import victim


def become(order: dict[str, Any]) -> None:
    """Be the console script; does not return."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    Path(order["pid"]).write_text(str(os.getpid()))
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    out, err = os.open(order["out"], flags, 0o600), os.open(order["log"], flags, 0o600)
    for target, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, out), (2, err)):
        os.dup2(source, target)
    for name, limits in order["limits"].items():
        resource.setrlimit(getattr(resource, name), tuple(limits))
    os.chdir(order["cwd"])
    if order["like_others"]:
        _give_up_rights()
    os.environ.update(order["environment"])
    clock = victim.SharedClock(**order["clock"])
    bot.run.SystemClock = lambda: clock  # type: ignore[assignment,misc]
    pace = order["pace"]
    # SQLite's own patience is of the machine's seconds, whatever the loop believes.
    bot.storage.database.BUSY_TIMEOUT_MS = int(bot.storage.database.BUSY_TIMEOUT_MS / pace)

    def run(main: Any) -> Any:
        with asyncio.Runner(loop_factory=(lambda: victim.PacedLoop(pace)) if pace > 1 else None) as runner:
            return runner.run(main)

    asyncio.run = run
    try:
        code = bot.cli.main(order["arguments"])
    except SystemExit as error:
        code = int(error.code or 0)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _give_up_rights() -> None:
    """Give up CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: files are then as closed to root as to anybody else."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
    sets = (ctypes.c_uint32 * 6)()
    if libc.capget(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    for word in range(3):
        sets[word] &= ~0b110
    if libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")


if __name__ == "__main__":
    victim._become_the_bot = become
    victim.main()
