"""/healthz and /readyz of a real process: they say what is wrong while it is, and no longer."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from bot.sandbox.rivya import Fault, FaultKind
from tests.machine.sockets import PROC, listening
from tests.machine.world import Host, Machine, open_machine

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def unready(machine: Machine, part: str, value: Any) -> dict[str, Any]:
    """Wait until it is not ready, for that reason alone, and alive all the same."""
    wanted = dict.fromkeys(("database", "disk", "discord", "account"), "ok") | {part: value}
    told = await machine.until_health(
        "/readyz", lambda status, parts: status == 503 and wanted.items() <= parts.items()
    )
    assert (await machine.health("/healthz"))[0] == 200
    return told


async def ready(machine: Machine) -> None:
    await machine.until_health("/readyz", lambda status, _: status == 200)


async def test_what_is_wrong_is_told_while_it_is(host: Host, free_port: int) -> None:
    async with open_machine(host, settings={"HEALTH_PORT": str(free_port)}) as machine:
        machine.rivya.faults.add(Fault(kind=FaultKind.LOST_BEFORE, route="credits", times=None))
        assert await machine.start()
        await unready(machine, "account", "no_answer")
        machine.rivya.faults.clear()
        await ready(machine)

        machine.wire.gateway.open = False
        await machine.wire.gateway.drop()
        await unready(machine, "discord", "not connected")
        machine.wire.gateway.open = True
        await ready(machine)

        machine.rivya.revoke_key()
        ask = await machine.ask(0, "With a revoked key.")
        await unready(machine, "account", "api_key_revoked")
        assert await machine.rest([ask])
        machine.rivya.restore_key()
        await ready(machine)
        assert await machine.stop() == 0


async def test_a_stuck_request_and_a_stop_are_told(host: Host, free_port: int) -> None:
    settings = {"HEALTH_PORT": str(free_port), "TASK_DEADLINE_S": "100000"}
    async with open_machine(host, settings=settings, variants={"task_s": (9000.0, 9000.0)}) as machine:
        assert await machine.start()
        await machine.ask(0, "An hour and more.")
        assert await machine.until(lambda: machine.logged("picture.submitted"))
        alive = (await machine.health("/healthz"))[1]
        assert (alive["stuck"], alive["oldest_request_s"] < 3600) == (False, True)
        await machine.kill()
        machine.clock.advance(3700)
        assert await machine.start()
        alive = (await machine.health("/healthz"))[1]
        assert (alive["stuck"], alive["oldest_request_s"] > 3600) == (True, True)
        # A create call without an answer is what a stop waits for.
        machine.rivya.faults.add(Fault(kind=FaultKind.HANG, route="create", times=None))
        await machine.ask(0, "Waited for.")
        assert await machine.until(lambda: len(machine.logged("picture.submitting")) == 1)
        assert machine.victim is not None
        machine.victim.send_signal(signal.SIGTERM)
        told = await machine.until_health("/readyz", lambda status, parts: status == 503 and parts["stopping"])
        assert told["database"] == "ok"
        assert await machine.ended() == 0


@pytest.mark.skipif(not (PROC / "self" / "net" / "tcp").exists(), reason="it reads /proc, which only Linux has")
async def test_nothing_listens_unless_it_is_asked_to_and_then_only_on_loopback(host: Host, free_port: int) -> None:
    async with open_machine(host) as machine:
        assert await machine.start()
        ask = await machine.ask(0, "Nobody listens.")
        assert await machine.rest([ask])  # everything that works for a picture has been at work
        assert listening(machine.pid) == set()
        assert await machine.stop() == 0
        machine.settings["HEALTH_PORT"] = str(free_port)
        assert await machine.start()
        assert listening(machine.pid) == {("127.0.0.1", free_port)}
        assert await machine.stop() == 0
