"""On which ports a process listens, as the kernel says."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from pathlib import Path

_LISTENING = "0A"
"""TCP_LISTEN, in the table's own numbers."""
PROC = Path("/proc")


def listening(pid: int) -> set[tuple[str, int]]:
    """Return the TCP addresses and ports on which ``pid`` listens."""
    owned = set()
    for handle in (PROC / str(pid) / "fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            owned.add(str(handle.readlink()))
    found = set()
    for table in ("tcp", "tcp6"):
        path = PROC / str(pid) / "net" / table
        if not path.exists():  # a kernel without IPv6
            continue
        for line in path.read_text().splitlines()[1:]:
            fields = line.split()
            address, _, port = fields[1].rpartition(":")
            if fields[3] == _LISTENING and f"socket:[{fields[9]}]" in owned:
                found.add((_address(address), int(port, 16)))
    return found


def _address(written: str) -> str:
    """Read an address of IPv4, which stands there as a number of this machine's; others stay as they are."""
    return socket.inet_ntoa(struct.pack("=I", int(written, 16))) if len(written) == 8 else written
