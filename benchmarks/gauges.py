"""What Linux says of a process: memory and processor time, from /proc."""

from __future__ import annotations

import os
from pathlib import Path


class Gauge:
    """Reads one process, while it lives."""

    def __init__(self, pid: int) -> None:
        self._folder = Path("/proc") / str(pid)

    def cpu_s(self) -> float:
        """Return the processor time of all its threads so far, user and system, in seconds."""
        # Behind the name in brackets, which may hold anything, fields 14 and 15 of proc(5) are the 12th and 13th.
        fields = (self._folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> int:
        """Return its resident memory now."""
        return self._status("VmRSS")

    def peak_bytes(self) -> int:
        """Return the most resident memory that it had since the start or since ``forget_peak``."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        """Let the peak begin anew at what is resident now (proc(5), clear_refs)."""
        (self._folder / "clear_refs").write_text("5")

    def _status(self, name: str) -> int:
        for line in (self._folder / "status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"/proc does not say {name}")
