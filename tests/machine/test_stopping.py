"""A stop in order, whatever is going on: in time, with exit code 0, and nothing lost, doubled or charged twice."""

from __future__ import annotations

import signal
import sqlite3
from collections import Counter
from contextlib import closing

import pytest

from bot.sandbox.rivya import Fault, FaultKind
from bot.sandbox.wire import WireFault, WireFaultKind
from tests.crash.pictures import image
from tests.machine.world import Host, Machine, open_machine

pytestmark = pytest.mark.asyncio(loop_scope="session")

GRACE_S = 25


def stages(machine: Machine) -> Counter[str]:
    """Count the pictures by what is being done with them."""
    found = Counter(
        row["state"] for row in machine.rows("SELECT p.state FROM pictures p JOIN requests r ON r.id = p.request_id")
    )
    uploading = machine.rows(
        "SELECT 1 FROM reference_images i JOIN requests r ON r.id = i.request_id"
        " WHERE i.state = 'ready' AND r.state = 'running'"
    )
    due = machine.rows("SELECT 1 FROM deliveries WHERE first_try_at_ms IS NOT NULL")
    return found + Counter({"uploading": len(uploading), "delivering": len(due)})


async def stopped_in_time(machine: Machine) -> None:
    """The process has ended with 0, and within the grace by its own clock."""
    assert await machine.ended() == 0, machine.log.read_text()[-3000:]
    (end,) = [line for line in machine.lines() if line["event"] in {"bot.stopped", "bot.stopped_short"}]
    assert end["took_s"] <= GRACE_S + 1


async def fill(machine: Machine) -> None:
    """Have 24 requests, some in every stage; what they wait for does not come."""
    for route in ("edit_original", "edit"):
        machine.wire.faults.add(WireFault(kind=WireFaultKind.ERROR, status=500, route=route, times=None))
    machine.rivya.faults.add(Fault(kind=FaultKind.HANG, route="result", after=2, times=None))
    for number in range(4):
        await machine.ask(number, f"Soon done, {number}.")
    assert await machine.until(lambda: stages(machine)["fetching"] >= 2 and stages(machine)["delivering"] >= 2)
    machine.rivya.variants.task_s = (3000.0, 3000.0)
    for number in range(4):
        await machine.ask(number, f"Being painted, {number}.")
    assert await machine.until(lambda: stages(machine)["painting"] >= 4)
    machine.rivya.faults.add(Fault(kind=FaultKind.HANG, route="upload", times=None))
    for number in range(2):
        await machine.ask(number, f"Being uploaded, {number}.", image_1=image("red"))
    assert await machine.until(lambda: stages(machine)["uploading"] >= 2)
    machine.rivya.faults.add(Fault(kind=FaultKind.HANG, route="create", times=None))
    for number in range(14):
        await machine.ask(number % 6, f"Being sent or waiting, {number}.", count=1 + number % 2)
    assert await machine.until(lambda: stages(machine)["submitting"] >= 2 and stages(machine)["held"] >= 8)
    found = stages(machine)
    assert all(found[stage] for stage in ("held", "uploading", "submitting", "painting", "fetching", "delivering"))


async def all_come(machine: Machine) -> None:
    """Started again, with all well, every request comes to its end once."""
    machine.rivya.faults.clear()
    machine.wire.faults.clear()
    machine.clock.advance(3000)
    machine.rivya.variants.task_s = (2.0, 4.0)
    assert await machine.start()
    await machine.ask(0, "After all that.")
    assert await machine.rest(machine.asks)
    verdict = await machine.verdict()
    assert verdict.complaints == []
    assert sum(verdict.outcomes.values()) == len(machine.asks)
    assert await machine.stop() == 0


BUSY = {"MAX_RUNNING": "14", "SHUTDOWN_GRACE_S": str(GRACE_S), "TASK_DEADLINE_S": "36000"}


async def test_sigterm_with_requests_in_every_stage_ends_in_time_and_loses_nothing(host: Host) -> None:
    async with open_machine(host, settings=BUSY, members=6) as machine:
        assert await machine.start()
        await fill(machine)
        assert len(machine.asks) == 24
        assert machine.victim is not None
        machine.victim.send_signal(signal.SIGTERM)
        await machine.until(lambda: machine.logged("engine.stopping"))
        for again in (signal.SIGTERM, signal.SIGINT):  # a second one changes nothing
            machine.victim.send_signal(again)
        await stopped_in_time(machine)
        await all_come(machine)


@pytest.mark.parametrize("rivya_too", [False, True])
async def test_a_stop_ends_in_time_while_discord_hangs(host: Host, *, rivya_too: bool) -> None:
    async with open_machine(host, settings=BUSY, members=6) as machine:
        assert await machine.start()
        machine.wire.faults.add(WireFault(kind=WireFaultKind.HANG, route="*", times=None))
        if rivya_too:
            machine.rivya.faults.add(Fault(kind=FaultKind.HANG, route="*", times=None))
        for number in range(6):
            await machine.ask(number, f"Into silence, {number}.")
        assert await machine.until(lambda: len(machine.logged("request.accepted")) == 6)
        assert machine.victim is not None
        machine.victim.send_signal(signal.SIGINT)
        await stopped_in_time(machine)
        for ask in machine.asks:
            ask.died = True  # Discord hung: whoever was not acknowledged was told nothing, and nothing was taken
        await all_come(machine)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_while_it_starts_is_in_order_too(host: Host, number: signal.Signals) -> None:
    async with open_machine(host, settings=BUSY) as machine:
        machine.wire.faults.add(WireFault(kind=WireFaultKind.HANG, route="login", times=1))
        for seen in ("database.new", "bot.starting", "engine.resumed"):
            victim = machine.begin()
            assert await machine.until(lambda seen=seen: machine.logged(seen) or not machine.alive)  # type: ignore[misc]
            victim.send_signal(number)
            await stopped_in_time(machine)
        await all_come(machine)


async def test_a_stop_ends_in_time_while_the_database_is_locked(host: Host) -> None:
    async with open_machine(host, settings=BUSY, variants={"task_s": (60.0, 60.0)}) as machine:
        assert await machine.start()
        await machine.ask(0, "Being painted.")
        assert await machine.until(lambda: machine.logged("picture.submitted"))
        with closing(sqlite3.connect(machine.folder / "bot.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await machine.ask(0, "Into a lock.")
            assert machine.victim is not None
            machine.victim.send_signal(signal.SIGTERM)
            await stopped_in_time(machine)
        machine.asks[-1].died = True
        await all_come(machine)
