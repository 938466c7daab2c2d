"""A disk that is full, at each step of a request: refused before anything is spent, or waited out; nothing is lost."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.sandbox.wire import WireFault, WireFaultKind
from tests.crash.pictures import image
from tests.crash.world import Ask
from tests.machine.world import Host, Machine, can_mount, open_machine

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not can_mount(), reason="a small disk can't be mounted here: that takes root"),
]

DISK_BYTES = 64 << 20


def fill(machine: Machine, *, but: int = 0) -> Path:
    """Fill the disk to the last byte but ``but``; removing the file that is returned makes room again."""
    filler = machine.folder / "filler"
    with filler.open("ab", buffering=0) as file:
        for piece in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"\0" * piece)
            except OSError:
                continue
        if but:
            file.truncate(file.tell() - but)
    return filler


def said(machine: Machine, ask: Ask) -> str:
    """Return all that was said to a person about a request."""
    ids = {ask.interaction.message_id, *ask.interaction.followup_ids}
    return "\n".join(machine.wire.books.messages[one].text for one in ids if one in machine.wire.books.messages)


async def test_a_full_disk_refuses_a_request_before_anything_is_spent(host: Host, free_port: int) -> None:
    settings = {"HEALTH_PORT": str(free_port)}
    async with open_machine(host, settings=settings, disk_bytes=DISK_BYTES) as machine:
        machine.settings["DISK_RESERVE_BYTES"] = str(1 << 20)
        assert await machine.start()
        filler = fill(machine)
        told = await machine.until_health("/readyz", lambda status, _: status == 503)
        assert told["disk"] == "short"
        assert (await machine.health("/healthz"))[0] == 200
        ask = await machine.ask(0, "No room.")
        assert await machine.until(lambda: "Nothing was charged." in said(machine, ask))
        assert machine.row_of(ask) is None
        assert not machine.rivya.books.tasks
        assert machine.logged("disk.short")
        filler.unlink()
        assert await machine.stop() == 0


def state(machine: Machine, name: str) -> Callable[[], bool]:
    return lambda: bool(machine.rows("SELECT 1 FROM pictures WHERE state = ?", name))


async def test_a_disk_that_fills_up_while_a_picture_is_painted_is_waited_for(host: Host, free_port: int) -> None:
    settings = {"HEALTH_PORT": str(free_port)}
    async with open_machine(
        host, settings=settings, variants={"task_s": (30.0, 30.0)}, disk_bytes=DISK_BYTES
    ) as machine:
        assert await machine.start()
        ask = await machine.ask(0, "Painted on a full disk.")
        assert await machine.until(state(machine, "painting"))
        filler = fill(machine)
        # Done at Rivya; and whatever can't be written here, the result's bytes or its row, is tried again.
        assert await machine.until(lambda: machine.rivya.books.total_charged)
        troubles = {"disk.refused", "picture.waits_for_machine"}
        assert await machine.until(lambda: any(line["event"] in troubles for line in machine.lines()))
        assert (await machine.until_health("/readyz", lambda status, _: status == 503))["ok"] is False
        assert machine.row_of(ask)
        filler.unlink()
        assert await machine.rest([ask])
        verdict = await machine.verdict()
        assert (verdict.complaints, verdict.outcomes) == ([], {"1 fetched": 1})
        assert await machine.stop() == 0


async def test_a_picture_that_finds_no_room_is_fetched_when_there_is_some(host: Host) -> None:
    """The database has its room already: only the bytes have none."""
    variants = {"task_s": (10.0, 10.0), "quick_pictures": False, "heavy_pictures": True}  # more than a megabyte
    async with open_machine(host, variants=variants, disk_bytes=DISK_BYTES) as machine:
        assert await machine.start()
        ask = await machine.ask(0, "Too big for the disk.")
        assert await machine.until(state(machine, "painting"))
        filler = fill(machine, but=500_000)
        assert await machine.until(lambda: machine.logged("disk.refused"))
        (first, *_) = machine.logged("disk.refused")
        assert first["free_bytes"] < 2_000_000
        assert machine.rows("SELECT 1 FROM pictures WHERE state = 'fetching'")
        assert not list((machine.folder / "results").iterdir())
        filler.unlink()
        assert await machine.rest([ask])
        assert (await machine.verdict()).complaints == []
        assert await machine.stop() == 0


async def test_a_reference_that_finds_no_room_is_fetched_when_there_is_some(host: Host) -> None:
    async with open_machine(host, disk_bytes=DISK_BYTES) as machine:
        assert await machine.start()
        machine.wire.faults.add(WireFault(kind=WireFaultKind.SLOW, route="attachment", delay_s=0.5, times=None))
        name, content = image("red")
        ask = await machine.ask(0, "With a large reference.", image_1=(name, padded(content)))
        assert await machine.until(lambda: machine.logged("request.acknowledged"))
        filler = fill(machine, but=300_000)
        troubles = {"references.wait_for_machine"}
        assert await machine.until(lambda: any(line["event"] in troubles for line in machine.lines()))
        assert not machine.rivya.books.tasks
        filler.unlink()
        assert await machine.rest([ask])
        assert (await machine.verdict()).complaints == []
        assert await machine.stop() == 0


async def test_a_result_that_finds_no_room_to_be_made_smaller_is_posted_when_there_is_some(host: Host) -> None:
    variants = {"task_s": (10.0, 10.0), "quick_pictures": False, "heavy_pictures": True}  # more than a megabyte
    async with open_machine(
        host, variants=variants, disk_bytes=DISK_BYTES, rules={"interaction_upload_bytes": 400_000}
    ) as machine:
        machine.wire.rules.upload_bytes[machine.guild] = 400_000
        assert await machine.start()
        machine.wire.faults.add(WireFault(kind=WireFaultKind.ERROR, status=500, route="edit", times=None))
        machine.wire.faults.add(WireFault(kind=WireFaultKind.ERROR, status=500, route="edit_original", times=None))
        ask = await machine.ask(0, "Too big for Discord.")
        assert await machine.until(state(machine, "fetched"))
        filler = fill(machine, but=100_000)
        for path in (machine.folder / "fitted").iterdir():
            path.unlink()
        machine.wire.faults.clear()
        assert await machine.until(lambda: machine.logged("courier.failed"))
        assert machine.row_of(ask)["delivery"] in {"waiting", "due"}  # type: ignore[index]
        filler.unlink()
        assert await machine.rest([ask])
        assert (await machine.verdict()).complaints == []
        assert await machine.stop() == 0


def padded(png: bytes) -> bytes:
    """Return a PNG with a megabyte of comment in it."""
    chunk = b"tEXtComment\0" + b"x" * (1 << 20)
    whole = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return png[:33] + whole + png[33:]
