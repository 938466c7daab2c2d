"""``python -m tests.container.rehearse``: the Dockerfile without a container engine. Needs root, debootstrap, unshare.

Carries out the Dockerfile's own steps in the root of a fresh Debian, then runs the result as compose.yaml would:
`doctor`, `run` with a request from the slash command to the posted picture, the health check, SIGTERM. Both services
are the sandboxes. Exits with 1 when anything was not as it should be. docs/container.md says how far this goes.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path

import structlog

from bot.clock import SystemClock
from bot.sandbox.rivya import RivyaSandbox, Variants
from bot.sandbox.wire import WireServer
from tests.container.dockerfile import build_context, read_dockerfile
from tests.container.roots import Image, build, make_base
from tests.container.running import Container, Running

PROJECT = Path(__file__).parents[2]
USER = 10001
NEEDLESS = {"pip", "setuptools", "simcord", "aiohttp.web_app", "pytest"}


class Report:
    """Prints one line a finding, and remembers whether all were well."""

    def __init__(self) -> None:
        self.well = True

    def line(self, what: str, well: bool, found: object = "") -> None:
        """Print a finding."""
        self.well = self.well and well
        print(f"{'ok  ' if well else 'FAIL'}  {what}" + (f": {found}" if found != "" else ""), flush=True)  # noqa: T201


def main() -> int:
    """Build, run, and say what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.container.rehearse")
    parser.add_argument("--suite", default="trixie", help="of Debian, with the image's Python (default: trixie)")
    parser.add_argument("--mirror", help="where debootstrap gets it, when not where it gets it by itself")
    parser.add_argument("--base", type=Path, help="keep the plain Debian here, or use the one that is here")
    options = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("only root can mount and chroot")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    report = Report()
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)  # the image's user has to reach its root
        base = options.base or folder / "base"
        if not (base / "usr/bin/python3").exists():
            make_base(base, options.suite, options.mirror)
        begun_s = time.monotonic()
        image = build(read_dockerfile(PROJECT / "Dockerfile"), base=base, context=PROJECT, folder=folder)
        report.line("the Dockerfile's steps", True, f"{time.monotonic() - begun_s:.0f} s")
        asyncio.run(_rehearse(image, folder, report))
    return 0 if report.well else 1


async def _rehearse(image: Image, folder: Path, report: Report) -> None:
    _look_at(image, report)
    volume = folder / "volume"
    volume.mkdir(mode=0o700)  # as the image's own folder, which a new volume takes after
    os.chown(volume, USER, USER)
    before = _listing(image.root)
    async with (
        WireServer(clock=SystemClock()) as wire,
        RivyaSandbox(clock=SystemClock(), variants=Variants(task_s=(1.0, 2.0))) as rivya,
    ):
        settings = {
            **wire.environment,
            "RIVYA_BASE_URL": rivya.url,
            "RIVYA_API_KEY": rivya.api_key,
            "HEALTH_PORT": str(_free_port()),  # the network is this machine's, where 8787 may be taken
            "DISK_RESERVE_BYTES": "0",
        }
        container = Container(image, volume, settings)
        await _try_the_walls(container, report)
        code, said = await container.run("doctor")
        report.line("doctor", code == 0, "" if code == 0 else said)
        async with container.running() as running:
            await _use(running, container, wire, rivya, report)
        code, said = await container.run("audit")
        report.line("audit", code == 0, said.strip().splitlines()[-1] if said.strip() else "")
    report.line("nothing in the root has changed", _listing(image.root) == before)
    owners = {(path.stat().st_uid, path.stat().st_mode & 0o077) for path in volume.rglob("*") if path.is_file()}
    report.line("what is in the volume is the user's", {uid for uid, _ in owners} == {USER}, _names(volume))


def _look_at(image: Image, report: Report) -> None:
    sent = build_context(PROJECT)
    private = [
        path for path in sent if Path(path).name.startswith(".env") or Path(path).suffix in {".db", ".key", ".pem"}
    ]
    report.line("nothing private in the build's context", not private, private or f"{len(sent)} files")
    packages = sorted(path.name for path in (image.root / "opt/nano-banana-bot/lib").glob("python3*/site-packages/*"))
    needless = NEEDLESS.intersection(packages)
    report.line("no pip and no tools in the environment", bool(packages) and not needless, sorted(needless) or "")
    data = (image.root / "app/data").stat()
    report.line("the volume's folder is the user's alone", (data.st_uid, data.st_mode & 0o777) == (USER, 0o700))
    writable = [
        str(path.relative_to(image.root))
        for path in (image.root / "opt/nano-banana-bot").rglob("*")
        if not path.is_symlink() and path.stat().st_uid == USER
    ]
    report.line("the code belongs to somebody else", not writable, writable[:3] or "")


async def _try_the_walls(container: Container, report: Report) -> None:
    _, said = await container.run(
        "sh", "-c", "id -u; grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status", entrypoint=False
    )
    rights = said.split()
    report.line(
        "its user, without any capability", rights[0] == str(USER) and rights[2::2] == ["0" * 16, "0" * 16, "1"], rights
    )
    for place, may in (
        ("/app", False),
        ("/opt/nano-banana-bot", False),
        ("/etc", False),
        ("/tmp", True),
        ("/app/data", True),
    ):
        code, said = await container.run("sh", "-c", f"f={place}/probe && : > $f && rm $f", entrypoint=False)
        report.line(f"{place} is {'' if may else 'not '}writable", (code == 0) is may, said.strip())


async def _use(running: Running, container: Container, wire: WireServer, rivya: RivyaSandbox, report: Report) -> None:
    guild = wire.people.add_guild()
    channel, alice = wire.people.add_channel(guild), wire.people.add_member(guild, "alice")
    if not await _until(running, wire.until(lambda: wire.ready)):
        report.line("run connects", False, running.said[-2000:])
        return
    report.line("run connects and registers its commands", True)
    asked = await wire.slash(alice, channel, "imagine", prompt="a lighthouse")
    shown = await _until(running, wire.until(lambda: asked.shown_ms))
    report.line("/imagine ends in a posted picture", shown, "" if shown else running.said[-2000:])
    report.line("one task, one charge", (len(rivya.books.tasks), len(rivya.books.charges)) == (1, 1))
    code, said = await running.execute(container.image.health)
    report.line("HEALTHCHECK", code == 0, said.strip())
    running.signal(signal.Signals[container.image.stop_signal])
    begun_s = time.monotonic()
    try:
        await asyncio.wait_for(asyncio.shield(running.ended), 60)
    except TimeoutError:
        report.line("it ends when it is told to", False, running.said[-2000:])
        return
    code = await running.exit_code()
    report.line(
        f"{container.image.stop_signal} ends process 1 with 0", code == 0, f"{code}, {time.monotonic() - begun_s:.1f} s"
    )


async def _until(running: Running, found: Awaitable[None]) -> bool:
    """Wait for what is to come; False when the process has ended, or it did not come in time."""
    waiting = asyncio.ensure_future(found)
    await asyncio.wait({waiting, running.ended}, return_when=asyncio.FIRST_COMPLETED)
    if not waiting.done():
        waiting.cancel()
    return (await asyncio.gather(waiting, return_exceptions=True))[0] is None


def _listing(root: Path) -> dict[str, tuple[int, int]]:
    """Return every file with its size and time of change, but for what is mounted over."""
    found = {}
    for path in root.rglob("*"):
        status = path.lstat()
        found[str(path)] = (status.st_size, status.st_mtime_ns)
    return found


def _names(folder: Path) -> str:
    return ", ".join(sorted(path.name for path in folder.iterdir()))


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
