"""A real process whose key is changed, and whose account runs empty: it stops, says so once, and goes on by itself."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from bot.sandbox.wire import WireFault, WireFaultKind
from tests.crash.world import Ask
from tests.machine.test_traces import found_in
from tests.machine.world import Host, Machine, open_machine

pytestmark = pytest.mark.asyncio(loop_scope="session")

OLD = "rvya_sk_Canary-0fTheKeyBefore_0123456789abcdef"
NEW = "An0therLook_0fTheKeyAfter.0123456789ghijkl"


def write(path: Path, content: str) -> None:
    path.write_text(content)


def direct_messages(machine: Machine) -> list[str]:
    """What the operator (the first member) was told by direct message, oldest first."""
    return [
        message.text
        for message in machine.wire.books.messages.values()
        if message.channel_id != machine.channel and "/operator status" in message.text
    ]


def card(machine: Machine, ask: Ask) -> str:
    message = machine.answer_to(ask)
    return message.text if message is not None else ""


async def hang_up(machine: Machine) -> None:
    """Send SIGHUP, and wait until it was heard."""
    heard = len(machine.logged("key.read_again"))
    assert machine.victim is not None
    machine.victim.send_signal(signal.SIGHUP)
    assert await machine.until(lambda: len(machine.logged("key.read_again")) > heard)


async def test_the_key_changes_on_a_signal_and_is_never_written(host: Host) -> None:
    async with open_machine(host) as machine:
        secret = machine.paper.parent / f"{machine.paper.name}-key"
        await asyncio.to_thread(write, secret, f"{OLD}\n")
        machine.settings |= {
            "RIVYA_API_KEY": "",
            "RIVYA_API_KEY_FILE": str(secret),
            "OPERATOR_IDS": str(machine.members[0]),
        }
        machine.rivya.restore_key(OLD)
        try:
            assert await machine.start()
            asks = [await machine.ask(0, "With the first key.")]
            assert await machine.rest(asks)

            machine.rivya.restore_key(NEW)
            asks.append(await machine.ask(0, "With a key that is none any more."))
            assert await machine.rest(asks)
            assert "8 credits are back" in card(machine, asks[1])
            assert machine.logged("account.closed")
            assert await machine.until(lambda: len(direct_messages(machine)) == 1)

            await asyncio.to_thread(write, secret, f"{NEW} and more\n")  # half written
            await hang_up(machine)
            assert machine.logged("key.refused")
            await asyncio.to_thread(write, secret, f"{NEW}\n")
            await hang_up(machine)
            assert await machine.until(lambda: machine.logged("account.opened"))
            asks.append(await machine.ask(0, "With the second key."))
            assert await machine.rest(asks)
            assert [task.prompt for task in machine.rivya.books.tasks] == [asks[0].prompt, asks[2].prompt]
            assert await machine.until(lambda: len(direct_messages(machine)) == 2)
            closed, opened = direct_messages(machine)
            assert "I have stopped painting." in closed
            assert "All is well again" in opened
            await hang_up(machine)  # nothing is new
            assert await machine.stop() == 0
            assert found_in([machine.folder, machine.paper], [OLD, NEW]) == []
            assert (await machine.audit()).findings == ()
        finally:
            await asyncio.to_thread(secret.unlink)


async def test_an_empty_account_stops_says_so_once_and_goes_on_by_itself(host: Host) -> None:
    async with open_machine(host, variants={"task_s": (30.0, 30.0)}) as machine:
        machine.settings |= {"OPERATOR_IDS": str(machine.members[0]), "MAX_RUNNING": "1"}
        machine.rivya.set_credits(1000)
        assert await machine.start()
        assert await machine.until(lambda: machine.rows("SELECT 1 FROM facts WHERE name = 'provider.credits'"))
        sent = await machine.ask(0, "Sent in time.")
        assert await machine.until(lambda: machine.logged("picture.submitted"))
        # Discord has one of its days while the operator is to be told, and then the bot is killed.
        machine.wire.faults.add(WireFault(kind=WireFaultKind.ERROR, status=503, route="open_dm", times=None))
        machine.rivya.set_credits(3)
        waiting = [await machine.ask(0, f"Waits {number}.") for number in range(3)]
        assert await machine.rest([sent, *waiting])
        told = [card(machine, ask) for ask in waiting]
        assert all("credits are back" in words or "Nothing was charged" in words for words in told), told
        assert [task.prompt for task in machine.rivya.books.tasks] == ["Sent in time."]
        assert await machine.until(lambda: machine.rows("SELECT 1 FROM operator_notices"))
        assert direct_messages(machine) == []
        await machine.kill()
        machine.wire.faults.clear()
        assert await machine.start()
        assert await machine.until(lambda: len(direct_messages(machine)) == 1)
        machine.clock.advance(4000)
        refused = await machine.ask(0, "While it is empty.")
        assert await machine.rest([refused])
        machine.rivya.set_credits(100_000)
        machine.clock.advance(2000)
        assert await machine.until(lambda: machine.logged("account.opened"))
        after = await machine.ask(0, "Filled up.")
        assert await machine.rest([after])
        assert await machine.until(lambda: len(direct_messages(machine)) == 2)
        assert ["is empty: I have stopped" in words for words in direct_messages(machine)] == [True, False]
        assert [task.prompt for task in machine.rivya.books.tasks] == ["Sent in time.", "Filled up."]
        assert (await machine.audit()).findings == ()
        assert await machine.stop() == 0
