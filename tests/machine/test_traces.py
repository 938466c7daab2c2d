"""What a run leaves behind: a log that tells each request's story by its id, and neither token nor key anywhere."""

from __future__ import annotations

import base64
import resource
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import pytest

from bot.sandbox.rivya import Fault, FaultKind
from bot.sandbox.wire import WireFault, WireFaultKind, WireServer
from tests.crash.pictures import image
from tests.crash.world import Ask
from tests.machine.world import Host, Machine, open_machine

pytestmark = pytest.mark.asyncio(loop_scope="session")


# --- one request's story ---


def story(machine: Machine, ask: Ask) -> list[str]:
    """Return the events of every line, of every start, that names a request: what ``grep ID log.jsonl`` gives."""
    row = machine.row_of(ask)
    assert row is not None
    lines = [line for line in machine.lines(every=True) if row["id"] in str(line)]
    assert all(line.get("request_id") == row["id"] for line in lines), [
        line for line in lines if line.get("request_id") != row["id"]
    ]
    times = [line["timestamp"] for line in lines]
    assert all(earlier <= later for earlier, later in pairwise(times))
    return [line["event"] for line in lines]


def in_order(events: list[str], wanted: list[str]) -> bool:
    """Whether ``wanted`` are among ``events``, in that order."""
    rest = iter(events)
    return all(one in rest for one in wanted)


PAINTED = ["picture.submitting", "picture.submitted", "picture.painted", "picture.captured", "delivery.shown"]


async def test_the_log_tells_the_story_of_a_request(host: Host) -> None:
    async with open_machine(host) as machine:
        assert await machine.start()
        machine.rivya.faults.add(Fault(kind=FaultKind.LOST_AFTER, route="upload"))
        machine.rivya.faults.add(Fault(kind=FaultKind.ERROR, route="status", status=503))
        machine.rivya.faults.add(Fault(kind=FaultKind.TRUNCATED_RESULT, route="result"))
        ask = await machine.ask(0, "A secret wish.", image_1=image("red"))
        assert await machine.rest([ask])
        assert await machine.stop() == 0
        told = story(machine, ask)
        steps = ["request.accepted", "request.acknowledged", "reference.spooled", "reference.uploaded", *PAINTED]
        assert in_order(told, steps), told
        assert "rivya.retry" in told  # the library's own lines belong to it too
        (accepted,) = [line for line in machine.lines() if line["event"] == "request.accepted"]
        assert accepted["source_id"] == str(ask.interaction.id)
        assert "A secret wish." not in machine.log.read_text()


async def test_the_log_tells_how_a_request_failed(host: Host) -> None:
    async with open_machine(host) as machine:
        assert await machine.start()
        machine.rivya.faults.add(Fault(kind=FaultKind.TASK_FAILS, code="moderation_blocked", message="no"))
        ask = await machine.ask(0, "A secret wish.")
        assert await machine.rest([ask])
        assert await machine.stop() == 0
        steps = ["request.accepted", "picture.submitting", "picture.submitted", "picture.failed", "delivery.shown"]
        assert in_order(story(machine, ask), steps)
        (failed,) = machine.logged("picture.failed")
        assert failed["code"]
        assert "A secret wish." not in machine.log.read_text()


async def test_the_log_goes_on_after_a_kill(host: Host) -> None:
    async with open_machine(host, variants={"task_s": (20.0, 20.0)}) as machine:
        assert await machine.start()
        ask = await machine.ask(0, "A secret wish.", count=2)
        assert await machine.until(lambda: len(machine.logged("picture.submitted")) == 2)
        await machine.kill()
        assert await machine.start()
        assert await machine.rest([ask])
        assert await machine.stop() == 0
        told = story(machine, ask)
        assert in_order(told, ["request.accepted", "picture.submitted", "request.resumed", *PAINTED[2:]])
        assert "request.resumed" in [line["event"] for line in machine.lines()]
        assert told.count("picture.captured") == 2
        for log in machine.paper.glob("log-*"):
            assert "A secret wish." not in log.read_text()


# --- no secrets ---

CANARY = "MTU3NDE5Mzkx.GcAnrY.d1scordsTokenThatNobodyShouldEverSee123"


def ways_to_write(secret: str) -> Iterator[bytes]:
    """Yield a secret as it is, in other dresses, and its halves."""
    raw = secret.encode()
    for part in (raw, raw[: len(raw) // 2], raw[len(raw) // 2 :]):
        yield part
        yield part.hex().encode()
        for shift in range(3):  # base64 of it, wherever it begins in what was encoded
            yield base64.b64encode(b"x" * shift + part)[4 if shift else 0 : -4]
    yield quote(secret, safe="").encode()
    yield repr(secret)[1:-1].encode()


def found_in(folders: list[Path], secrets: list[str]) -> list[str]:
    """Return where any of ``secrets`` stands in any file."""
    found = []
    for folder in folders:
        for path in (path for path in folder.rglob("*") if path.is_file()):
            content = path.read_bytes()
            found += [f"{path.name}: {way!r}" for secret in secrets for way in ways_to_write(secret) if way in content]
    return found


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
async def test_nothing_that_a_troubled_run_wrote_holds_a_secret(
    host: Host, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.crash.world.WireServer", partial(WireServer, token=CANARY))
    key = "rvya_sk_Canary-0fRivyasKey_0123456789abcdefghij"
    async with open_machine(host, settings={"LOG_LEVEL": level}, members=2) as machine:
        token = machine.settings["DISCORD_TOKEN"]
        assert token == CANARY
        machine.rivya.restore_key(key)
        machine.settings["RIVYA_API_KEY"] = key
        machine.limits = {"RLIMIT_CORE": (resource.RLIM_INFINITY, resource.RLIM_INFINITY)}
        assert await machine.start()
        for kind in (FaultKind.HANG, FaultKind.LOST_AFTER, FaultKind.MALFORMED, FaultKind.BARE_ERROR):
            machine.rivya.faults.add(Fault(kind=kind, status=502) if kind is FaultKind.BARE_ERROR else Fault(kind=kind))
        for route in ("callback", "edit_original", "edit"):
            machine.wire.faults.add(WireFault(kind=WireFaultKind.RESET, route=route, effect=True))
            machine.wire.faults.add(WireFault(kind=WireFaultKind.ERROR, status=401, route=route))
        asks = [await machine.ask(number % 2, f"Wish {number}.", image_1=image("red")) for number in range(4)]
        asks.append(await machine.ask(0, "A private wish.", private=True))
        await machine.until(lambda: all(machine.at_rest(ask) for ask in asks if machine.row_of(ask)), 20)
        machine.rivya.revoke_key()  # 401s with the key's name in them
        await machine.ask(0, "With a dead key.")
        await machine.until(lambda: machine.logged("account.closed"), 20)
        await machine.wire.gateway.drop()
        await machine.until(lambda: machine.wire.ready)
        # The database breaks under it: errors of the bot's own, with their traces.
        with closing(sqlite3.connect(machine.folder / "bot.db", isolation_level=None)) as other:
            other.execute("ALTER TABLE requests RENAME TO other_requests")
            await machine.wire.slash(machine.members[0], machine.channel, "history")
            await machine.until(lambda: machine.logged("interaction.failed"), 20)
            other.execute("ALTER TABLE other_requests RENAME TO requests")
        tokens = [ask.interaction.token for ask in machine.asks]
        assert machine.victim is not None
        machine.victim.send_signal(signal.SIGABRT)  # a crash that would leave a core file
        assert await machine.ended() == -signal.SIGABRT
        assert any("Traceback" in line.get("exception", "") for line in machine.lines())
        places = [machine.folder, machine.paper]
        assert not list(machine.folder.glob("core*"))
        assert found_in(places, [token, key]) == []
        # An interaction's token stands in its column while it is of use, and in no log.
        assert found_in([machine.paper], tokens) == []
        assert machine.rows("SELECT 1 FROM requests WHERE interaction_token IS NOT NULL")
        machine.rivya.restore_key()
        machine.clock.advance(3600)
        assert await machine.start()
        purged = "SELECT 1 FROM requests WHERE interaction_token IS NOT NULL"
        assert await machine.until(lambda: not machine.rows(purged))
        assert await machine.stop() == 0
        assert found_in(places, [token, key]) == []
