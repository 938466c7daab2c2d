"""Runs an image's commands as compose.yaml does: its user, no rights, a read-only root, a tmpfs, one volume, pid 1."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.container.roots import Image

# The network stays the machine's: both sandboxes listen on its loopback.
_NAMESPACES = ("--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--propagation=private")
_ENTER = """
set -eu
mount --bind "$ROOT" "$ROOT"
mount -t tmpfs -o mode=755 tmpfs "$ROOT/dev"
for device in null zero full random urandom; do
  touch "$ROOT/dev/$device"
  mount --bind "/dev/$device" "$ROOT/dev/$device"
done
mount -o remount,ro "$ROOT/dev"
mount -t proc -o nosuid,nodev,noexec proc "$ROOT/proc"
mount -t tmpfs -o noexec,nosuid,nodev,size=256m,mode=1777 tmpfs "$ROOT/tmp"
mount --bind "$VOLUME" "$ROOT$VOLUME_AT"
mount -o remount,bind,ro "$ROOT"
exec chroot "$ROOT" "$@"
"""


@dataclass(frozen=True)
class Container:
    """An image with its volume's folder and its settings."""

    image: Image
    volume: Path
    settings: Mapping[str, str]

    async def run(self, *arguments: str, entrypoint: bool = True) -> tuple[int, str]:
        """Run a command to its end; returns its exit code and all that it said."""
        words = [*self.image.entrypoint, *arguments] if entrypoint else list(arguments)
        process = await self._start(words)
        said, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, said.decode(errors="replace")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Running]:
        """Start it as it is started without arguments; killed on leaving, if it still runs."""
        running = Running(self, await self._start([*self.image.entrypoint, *self.image.command]))
        try:
            yield running
        finally:
            await running.kill()

    def inner(self, words: list[str]) -> list[str]:
        """Return what chroot is to carry out: the command as the image's user, in its folder, without any right."""
        user, _, group = self.image.user.partition(":")
        drop = ["--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
        pairs = [f"{name}={value}" for name, value in {**self.image.environment, **self.settings}.items()]
        place = ["env", "--ignore-environment", f"--chdir={self.image.folder}", *pairs]
        return ["setpriv", f"--reuid={user}", f"--regid={group}", *drop, "--", *place, *words]

    async def _start(self, words: list[str]) -> Process:
        (volume_at,) = self.image.volumes
        mounts = {"ROOT": str(self.image.root), "VOLUME": str(self.volume), "VOLUME_AT": volume_at}
        return await asyncio.create_subprocess_exec(
            *("unshare", *_NAMESPACES, "sh", "-c", _ENTER, "sh", *self.inner(words)),
            env={**os.environ, **mounts},
            stdout=PIPE,
            stderr=STDOUT,
        )


class Running:
    """The container's main process. ``said`` is its log so far."""

    def __init__(self, container: Container, process: Process) -> None:
        self._container = container
        self._process = process
        self.said = ""
        self._reading = asyncio.create_task(self._read())

    @property
    def ended(self) -> asyncio.Task[None]:
        """Done when it has ended."""
        return self._reading

    def signal(self, number: int) -> None:
        """Send process 1 of the container a signal, as `docker stop` does."""
        os.kill(self._first, number)

    async def execute(self, words: list[str]) -> tuple[int, str]:
        """Run a command beside the main process, as HEALTHCHECK does."""
        process = await asyncio.create_subprocess_exec(
            *("nsenter", f"--target={self._first}", "--mount", "--pid", "--ipc", "--uts"),
            *("chroot", str(self._container.image.root), *self._container.inner(words)),
            stdout=PIPE,
            stderr=STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, said.decode(errors="replace")

    async def kill(self) -> None:
        """End it and all that runs in it, whatever it does."""
        if self._process.returncode is None:
            self._process.kill()
        await self._reading

    async def exit_code(self) -> int:
        """Wait for its end."""
        return await self._process.wait()

    @property
    def _first(self) -> int:
        """The container's process 1, by the machine's number."""
        outer = self._process.pid
        (inner,) = Path(f"/proc/{outer}/task/{outer}/children").read_text().split()
        return int(inner)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self.said += line.decode(errors="replace")
        await self._process.wait()
