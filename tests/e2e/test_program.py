"""``nano-banana-bot demo`` as a program: what it prints, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from tests.e2e.driver import chromium, open_page

PATIENCE_S = 40.0


class Program:
    """The running program and what it has printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.printed = ""

    async def url(self) -> str:
        """Wait until everything is printed that is printed at the start, and return the address in it."""
        assert self.process.stdout is not None
        while "Ctrl-C" not in self.printed:
            line = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE_S)
            assert line, f"it ended early: {await self.ended()}"
            self.printed += line.decode()
        [url] = re.findall(r"https?://\S+", self.printed)
        return str(url)

    async def ended(self) -> tuple[int | None, str]:
        """Wait for the end; returns the exit code and what was written to stderr."""
        out, err = await asyncio.wait_for(self.process.communicate(), PATIENCE_S)
        self.printed += out.decode()
        return self.process.returncode, err.decode()


@contextlib.asynccontextmanager
async def started(folder: Path, *arguments: str) -> AsyncIterator[Program]:
    """Start the demo with ``folder`` for everything temporary."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "demo", *arguments),
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_it_prints_one_address_serves_it_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with started(tmp_path, "--port", "0") as program:
        url = await program.url()
        async with httpx.AsyncClient() as http:
            page = await http.get(url)
        assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (200, "text/html")
        folder = Path(re.findall(r"^ +(/\S+references)$", program.printed, re.MULTILINE)[0])
        assert names_in(folder) == ["banana.png", "colours.webp", "valley.jpg"]

        program.process.send_signal(signal.SIGINT)

        assert await program.ended() == (0, "")
        assert "Stopped." in program.printed
        assert names_in(tmp_path) == []


async def test_it_ends_cleanly_while_pictures_are_painted(tmp_path: Path) -> None:
    chromium()
    async with started(tmp_path, "--port", "0", "--task-seconds", "60", "60") as program:
        async with open_page(await program.url()) as page:
            await page.command("imagine", prompt="one that takes a minute", count=2)
            await page.sees("Painting")
            program.process.send_signal(signal.SIGINT)
            ended = await program.ended()
        assert ended == (0, "")
        assert names_in(tmp_path) == []


async def test_a_port_that_is_taken_gives_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with started(tmp_path, "--port", str(port)) as program:
            code, err = await program.ended()
    assert (code, program.printed) == (2, "")
    [sentence] = err.splitlines()
    assert f"port {port}" in sentence
    assert "Address already in use" in sentence
    assert names_in(tmp_path) == []
